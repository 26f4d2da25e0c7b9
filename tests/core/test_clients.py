"""Both clients over real HTTP: what goes out on every route, what comes back, what is tried again, and what is not."""

from __future__ import annotations

import json
import threading
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from azure_inference import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncInferenceClient,
    AuthenticationError,
    BadRequestError,
    ChatRequest,
    CompletionRequest,
    ConfigurationError,
    Connection,
    EmbeddingsRequest,
    ImageEmbeddingsRequest,
    InferenceClient,
    InferenceError,
    RateLimitError,
    ResponseValidationError,
    RetryPolicy,
    Timeouts,
    UnprocessableEntityError,
    __version__,
    to_request,
)

HELLO = {"messages": [{"role": "user", "content": "hello"}]}
CHAT_ANSWER = {"id": "c", "choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}], "more": 1}
TEXT_ANSWER = {"id": "t", "choices": [{"index": 0, "text": "hi", "finish_reason": "stop"}]}
VECTORS = {"data": [{"index": 1, "embedding": [3, 4]}, {"index": 0, "embedding": [1, 2]}]}
INFO = {"model_name": "m", "model_type": "chat-completion", "model_provider_name": "p"}
CHUNK = {"id": "c", "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}]}
TEXT_CHUNK = {"id": "t", "choices": [{"index": 0, "text": "hi", "finish_reason": "stop"}]}

# method, what it is called with, where it goes, what comes back, how the answer is read
METHODS: dict[str, tuple[Any, str, dict[str, Any], Any, Any]] = {
    "chat": (
        to_request(ChatRequest, HELLO),
        "/chat/completions",
        CHAT_ANSWER,
        lambda answer: answer.choices[0].message.text,
        "hi",
    ),
    "complete": (
        CompletionRequest(prompt="p"),
        "/completions",
        TEXT_ANSWER,
        lambda answer: answer.choices[0].text,
        "hi",
    ),
    "embed": (
        EmbeddingsRequest(input=["a", "b"]),
        "/embeddings",
        VECTORS,
        lambda answer: answer.vectors,
        [[1.0, 2.0], [3.0, 4.0]],
    ),
    "embed_images": (
        to_request(ImageEmbeddingsRequest, {"input": [{"image": "data:x"}, {"image": "data:y"}]}),
        "/images/embeddings",
        VECTORS,
        lambda answer: answer.vectors,
        [[1.0, 2.0], [3.0, 4.0]],
    ),
    "info": ("a deployment", "/info", INFO, lambda answer: (answer.model_name, answer.kind), ("m", "chat-completion")),
}
STREAMS: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "stream_chat": (to_request(ChatRequest, HELLO), "/chat/completions", CHUNK),
    "stream_complete": (CompletionRequest(prompt="p"), "/completions", TEXT_CHUNK),
}


@pytest.mark.parametrize("method", METHODS)
def test_every_route(server: Any, either: Any, method: str) -> None:
    """Each method asks its route, with its body, and reads its answer."""
    request, path, answer, read, expected = METHODS[method]
    server.reply_json(answer)
    client = either.client(server.url)

    assert read(getattr(client, method)(request)) == expected
    (got,) = server.requests
    query = "&model=a+deployment" if method == "info" else ""
    assert got.path == f"/models{path}?api-version=2024-05-01-preview{query}"
    if method == "info":
        assert (got.method, got.body) == ("GET", b"")
        assert "content-type" not in got.headers
    else:
        assert got.method == "POST"
        assert got.json == json.loads(request.model_dump_json(exclude_none=True))
        assert got.headers["content-type"] == "application/json"


@pytest.mark.parametrize("method", STREAMS)
def test_every_stream(server: Any, either: Any, method: str) -> None:
    """Each streaming method asks its route for a stream, and gives its chunks and the whole answer."""
    request, path, chunk = STREAMS[method]
    server.reply_events(chunk, {"choices": [], "usage": {"total_tokens": 3}})
    stream = getattr(either.client(server.url), method)(request)
    chunks = list(stream)

    assert [each.id for each in chunks] == ["c" if method == "stream_chat" else "t", None]
    assert stream.so_far.usage.total_tokens == 3
    (got,) = server.requests
    assert got.path == f"/models{path}?api-version=2024-05-01-preview"
    assert got.json == {**json.loads(request.model_dump_json(exclude_none=True)), "stream": True}


def test_info_without_a_model(server: Any, either: Any) -> None:
    """Where there is one model only, none is named."""
    server.reply_json(INFO)
    either.client(server.url).info()

    assert server.requests[0].path == "/models/info?api-version=2024-05-01-preview"


def test_headers(server: Any, either: Any) -> None:
    """Both key headers, an id of the call, who we are; those of the client and of the call, which count last."""
    server.reply_json(CHAT_ANSWER)
    client = either.client(server.url, headers={"X-Team": "ours", "azureml-model-deployment": "blue"})
    client.chat(METHODS["chat"][0], headers={"Azureml-Model-Deployment": "green"})
    got = server.requests[0]

    assert got.headers["authorization"] == "Bearer key"
    assert got.headers["api-key"] == "key"
    assert got.headers["accept"] == "application/json"
    assert got.headers["user-agent"].startswith(f"azure-inference/{__version__} python/")
    assert len(got.headers["x-ms-client-request-id"]) == 32
    assert got.headers["x-team"] == "ours"
    assert got.headers["azureml-model-deployment"] == "green"
    assert "extra-parameters" not in got.headers
    names = [name.lower() for name, _ in got.raw_headers]
    assert len(names) == len(set(names)), "no header twice"


def test_extra_parameters(server: Any, either: Any) -> None:
    """The policy of a call counts before that of the client, which counts before the default."""
    server.reply_json(CHAT_ANSWER)
    request = to_request(ChatRequest, {**HELLO, "top_k": 1})
    either.client(server.url).chat(request)
    client = either.client(server.url, extra_parameters="ignore")
    client.chat(request)
    client.chat(request, extra_parameters="error")
    client.chat(METHODS["chat"][0])

    sent = [got.headers.get("extra-parameters") for got in server.requests]
    assert sent == ["pass-through", "drop", "error", "drop"]


def test_other_dialects(server: Any, either: Any) -> None:
    """The v1 route and the deployments route are asked at their addresses, without headers they do not know."""
    server.reply_events(CHUNK)
    request = to_request(ChatRequest, {**HELLO, "model": "m", "top_k": 1})
    list(either.client(f"{server.root}/openai/v1").stream_chat(request))
    list(either.client(f"{server.root}/openai/deployments/d", stream_usage=False).stream_chat(request))

    v1, deployment = server.requests
    assert v1.path == "/openai/v1/chat/completions"
    assert v1.json["stream_options"] == {"include_usage": True}
    assert deployment.path == "/openai/deployments/d/chat/completions?api-version=2024-10-21"
    assert "stream_options" not in deployment.json
    for got in server.requests:
        assert "extra-parameters" not in got.headers
        assert got.json["top_k"] == 1


def test_a_client_of_the_users(server: Any, either: Any) -> None:
    """An HTTP client of the user's is sent with, with its own headers, and is never closed here."""
    server.reply_json(CHAT_ANSWER)
    if either.is_async:
        http: Any = httpx.AsyncClient(headers={"x-mine": "1"})
        client = either.client(server.url, async_http_client=http)
    else:
        http = httpx.Client(headers={"x-mine": "1"})
        client = either.client(server.url, http_client=http)
    assert client.chat(METHODS["chat"][0]).id == "c"
    client.close()

    assert not http.is_closed
    assert server.requests[0].headers["x-mine"] == "1"
    either.run(http.aclose() if either.is_async else http.close())
    with pytest.raises(InferenceError):
        client.chat(METHODS["chat"][0])


# What is tried again.

REFUSAL = {"error": {"code": "x", "message": "no"}}


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("method", ["chat", "embed", "info", "stream_chat"])
def test_retries(server: Any, either: Any, method: str, status: int) -> None:
    """A failure that may pass is tried again, with the same body and id, until it passes."""
    server.reply_json(REFUSAL, status)
    server.reply_json(REFUSAL, status)
    if method in STREAMS:
        server.reply_events(STREAMS[method][2])
        assert len(list(getattr(either.client(server.url), method)(STREAMS[method][0]))) == 1
    else:
        server.reply_json(METHODS[method][2])
        getattr(either.client(server.url), method)(METHODS[method][0])

    assert len(server.requests) == 3
    assert len({got.body for got in server.requests}) == 1
    assert len({got.headers["x-ms-client-request-id"] for got in server.requests}) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 410, 413, 422, 424])
def test_no_retries(server: Any, either: Any, status: int) -> None:
    """A failure that would only happen again is told at once."""
    server.reply_json(REFUSAL, status)

    with pytest.raises(APIStatusError) as caught:
        either.client(server.url).chat(METHODS["chat"][0])
    assert (caught.value.status_code, caught.value.attempts) == (status, 1)
    assert len(server.requests) == 1


@pytest.mark.parametrize(("true_status", "attempts"), [("503", 3), ("429", 3), ("422", 1), ("400", 1)])
def test_hidden_statuses(server: Any, either: Any, true_status: str, attempts: int) -> None:
    """Behind Managed Compute's 424, the true status decides."""
    server.reply_json(REFUSAL, 424, ms_azureml_model_error_statuscode=true_status)

    with pytest.raises(APIStatusError) as caught:
        either.client(server.url).chat(METHODS["chat"][0])
    assert (caught.value.status_code, caught.value.attempts) == (int(true_status), attempts)


@pytest.mark.parametrize(("max_retries", "requests"), [(0, 1), (1, 2), (4, 5)])
def test_how_often(server: Any, either: Any, max_retries: int, requests: int) -> None:
    """There are as many retries as the user says, and the error says how many attempts there were."""
    server.reply_json(REFUSAL, 500)
    client = either.client(server.url, retry=RetryPolicy(max_retries=max_retries, first_delay=0))

    with pytest.raises(APIStatusError) as caught:
        client.chat(METHODS["chat"][0])
    assert caught.value.attempts == len(server.requests) == requests
    assert caught.value.client_request_id == server.requests[0].headers["x-ms-client-request-id"]


def test_max_retries(server: Any, either: Any) -> None:
    """The short form of the policy."""
    server.reply_json(REFUSAL, 500)

    with pytest.raises(APIStatusError):
        either.client(server.url, retry=None, max_retries=0).chat(METHODS["chat"][0])
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"retry_after": "3600"}, {}),
        ({"retry_after": formatdate(4_000_000_000, usegmt=True)}, {}),
        ({"retry_after_ms": "3600000"}, {}),
        ({}, {"error": {"message": "Please retry after 86400 seconds."}}),
    ],
)
def test_long_waits(server: Any, either: Any, headers: dict[str, str], body: Any) -> None:
    """A server that asks for a longer wait than the user allows is not asked again."""
    server.reply_json(body, 429, **headers)

    with pytest.raises(RateLimitError) as caught:
        either.client(server.url).chat(METHODS["chat"][0])
    assert len(server.requests) == 1
    assert caught.value.retry_after is not None
    assert caught.value.retry_after >= 3599


def test_waits(monkeypatch: pytest.MonkeyPatch, server: Any, either: Any) -> None:
    """A wait is never shorter than the server asked for, and grows where it asked for none."""
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)

    async def sleep_async(seconds: float) -> None:
        sleep(seconds)

    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr("asyncio.sleep", sleep_async)
    server.reply_json(REFUSAL, 429, retry_after="9", retry_after_ms="7500")
    server.reply_json(REFUSAL, 429, retry_after="0")
    server.reply_json(REFUSAL, 503)
    server.reply_json(CHAT_ANSWER)
    policy = RetryPolicy(max_retries=3, first_delay=1.0, max_delay=2.5)
    client = either.client(server.url, retry=policy)
    client.chat(METHODS["chat"][0])

    waits = [seconds for seconds in waited if seconds]
    assert waits[0] == 7.5
    assert 1.0 <= waits[1] <= 2.0
    assert 1.25 <= waits[2] <= 2.5


@pytest.mark.parametrize("method", ["chat", "stream_chat"])
def test_broken_connections(server: Any, reply: Any, either: Any, method: str) -> None:
    """A connection that breaks before the answer is there is tried again; then it is one error of ours."""
    broken = reply(body=b'{"id": ', whole=False)
    if method == "stream_chat":
        broken = reply(pieces=[b": hello\n\n"], whole=False)
    server.reply(broken)
    client = either.client(server.url)

    with pytest.raises(InferenceError) as caught:
        getattr(client, method)(METHODS["chat"][0])
    assert caught.value.attempts == len(server.requests) == 3
    server.replies.clear()
    server.reply(broken)
    if method == "chat":
        server.reply_json(CHAT_ANSWER)
        assert client.chat(METHODS["chat"][0]).id == "c"
    else:
        server.reply_events(CHUNK)
        assert [chunk.id for chunk in client.stream_chat(METHODS["chat"][0])] == ["c"]


def test_nobody_there(server: Any, either: Any) -> None:
    """A host that does not answer is named, without the query."""
    port = server.root.rpartition(":")[2]
    server._server.shutdown()
    server._server.server_close()

    with pytest.raises(APIConnectionError, match=f"127.0.0.1:{port}") as caught:
        either.client(server.url).chat(METHODS["chat"][0])
    assert caught.value.attempts == 3
    assert "api-version" not in str(caught.value)


@pytest.mark.parametrize(("retry_on_timeout", "attempts"), [(False, 1), (True, 2)])
def test_timeouts(server: Any, reply: Any, either: Any, retry_on_timeout: bool, attempts: int) -> None:
    """An answer that does not come in time is an error, tried again only if the user says so: it may be billed."""
    never = threading.Event()
    server.reply(reply(pieces=[never]))
    policy = RetryPolicy(max_retries=1, first_delay=0, retry_on_timeout=retry_on_timeout)
    client = either.client(server.url, retry=policy, timeout=Timeouts(read=0.05))

    with pytest.raises(APITimeoutError, match="raise timeout") as caught:
        client.chat(METHODS["chat"][0])
    assert (caught.value.phase, caught.value.attempts) == ("read", attempts)
    with pytest.raises(APITimeoutError):
        either.client(server.url, retry=RetryPolicy(max_retries=0)).chat(METHODS["chat"][0], timeout=0.05)
    never.set()


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_timeouts_that_are_none(timeout: float) -> None:
    """A timeout is a number of seconds above zero."""
    with pytest.raises(ConfigurationError, match="timeout="):
        InferenceClient("https://x", "key", timeout=timeout)


# Credentials over the wire.


class Tokens:
    """Gives numbered tokens."""

    def __init__(self, *, is_async: bool) -> None:
        self.asked = 0
        if is_async:
            self.get_token = self._get_async
        else:
            self.get_token = self._get

    def _get(self, *scopes: str) -> Any:
        self.asked += 1
        return SimpleNamespace(token=f"t{self.asked}", expires_on=4_000_000_000)

    async def _get_async(self, *scopes: str) -> Any:
        return self._get(*scopes)


@pytest.mark.parametrize("method", ["chat", "stream_chat"])
def test_tokens_are_renewed_once(server: Any, either: Any, method: str) -> None:
    """A token refused with 401 is replaced once, even where nothing else is tried again; a second 401 is told."""
    server.reply_json(REFUSAL, 401)
    tokens = Tokens(is_async=either.is_async)
    client = either.client(server.url, tokens, retry=RetryPolicy(max_retries=0))

    with pytest.raises(AuthenticationError) as caught:
        getattr(client, method)(METHODS["chat"][0])
    assert caught.value.attempts == len(server.requests) == tokens.asked == 2
    assert [got.headers["authorization"] for got in server.requests] == ["Bearer t1", "Bearer t2"]
    assert all("api-key" not in got.headers for got in server.requests)


def test_a_refused_key_is_not_tried_again(server: Any, either: Any) -> None:
    """There is no newer key to be had."""
    server.reply_json(REFUSAL, 401)

    with pytest.raises(AuthenticationError, match="Check the credential argument"):
        either.client(server.url).chat(METHODS["chat"][0])
    assert len(server.requests) == 1


def test_redirects_are_never_followed(server: Any, reply: Any, either: Any) -> None:
    """A redirect could carry the credential away."""
    server.reply(reply(307, b"", {"location": f"{server.root}/elsewhere"}))

    with pytest.raises(ResponseValidationError, match="redirect"):
        either.client(server.url).chat(METHODS["chat"][0])
    assert len(server.requests) == 1


# Refused parameters.


def test_unsupported_parameters(server: Any, reply: Any, either: Any) -> None:
    """With `drop`, a refused parameter is left out at once, with a warning, and from then on; else it is told."""
    refusal = {"code": "parameter_not_supported", "detail": {"loc": ["body", "seed"], "input": 1}, "message": "no"}
    request = to_request(ChatRequest, {**HELLO, "seed": 1, "model": "m"})

    def judge(body: Any) -> Any:
        status, answer = (422, refusal) if "seed" in body else (200, CHAT_ANSWER)
        return reply(status, json.dumps(answer).encode())

    server.by_body = judge
    with pytest.raises(UnprocessableEntityError):
        either.client(server.url).chat(request)
    client = either.client(server.url, on_unsupported="drop")
    with pytest.warns(UserWarning, match=r"seed=1 was left out.*'m'"):
        assert client.chat(request).id == "c"
    asked = len(server.requests)
    assert client.chat(request).id == "c"

    assert asked == 3
    assert ["seed" in got.json for got in server.requests] == [True, True, False, False]


@pytest.mark.parametrize("name", ["messages", "tools", "response_format"])
def test_what_is_never_left_out(server: Any, either: Any, name: str) -> None:
    """A request is never sent without what it is about."""
    tool = {"type": "function", "function": {"name": "f"}}
    fields = {**HELLO, "tools": [tool], "response_format": {"type": "json_object"}}
    server.reply_json({"code": "parameter_not_supported", "detail": {"loc": ["body", name]}, "message": "no"}, 422)

    with pytest.raises(UnprocessableEntityError):
        either.client(server.url, on_unsupported="drop").chat(to_request(ChatRequest, fields))
    assert len(server.requests) == 1


# Many inputs.


def embedded(body: Any, reply: Any, *, fail_at: str | None = None) -> Any:
    """The answer of a server that embeds a text as its number, and sends the rows in reverse."""
    if fail_at in body["input"]:
        return reply(400, json.dumps(REFUSAL).encode())
    rows = [{"index": index, "embedding": [float(text), 0.5]} for index, text in enumerate(body["input"])]
    return reply(200, json.dumps({"data": rows[::-1]}).encode())


@pytest.mark.parametrize("size", [(1, 4, 1), (4, 4, 1), (5, 4, 2), (23, 4, 6), (3, 1, 3)])
def test_embed_all(server: Any, reply: Any, either: Any, size: tuple[int, int, int]) -> None:
    """Any number of inputs, in few requests, in the caller's order, with progress told."""
    count, batch_size, requests = size
    server.by_body = lambda body: embedded(body, reply)
    done: list[int] = []
    texts = EmbeddingsRequest(input=[str(number) for number in range(count)], model="m")
    client = either.client(server.url)

    vectors = client.embed_all(texts, batch_size=batch_size, concurrency=3, on_progress=done.append, headers={"x": "1"})
    assert vectors == [[float(number), 0.5] for number in range(count)]
    assert len(server.requests) == requests
    assert sum(done) == count
    assert len(done) == requests
    assert all(got.headers["x"] == "1" and got.json["model"] == "m" for got in server.requests)


def test_embed_all_images(server: Any, either: Any) -> None:
    """Images go to their own route."""
    server.reply_json({"data": [{"index": 0, "embedding": [1]}]})
    images = to_request(ImageEmbeddingsRequest, {"input": [{"image": "data:a"}, {"image": "data:b"}]})

    assert either.client(server.url).embed_all(images, batch_size=1) == [[1.0], [1.0]]
    assert {got.path.partition("?")[0] for got in server.requests} == {"/models/images/embeddings"}


def test_embed_all_that_fails(server: Any, reply: Any, either: Any) -> None:
    """The first failure is told as itself, not as a group."""
    server.by_body = lambda body: embedded(body, reply, fail_at="7")
    texts = EmbeddingsRequest(input=[str(number) for number in range(10)])

    with pytest.raises(BadRequestError, match="no"):
        either.client(server.url).embed_all(texts, batch_size=1, concurrency=2)


def test_embed_all_of_uneven_length(server: Any, reply: Any, either: Any) -> None:
    """Batches whose vectors have different lengths are an error."""
    server.by_body = lambda body: reply(
        200, json.dumps({"data": [{"index": 0, "embedding": [1.0] * (1 + int(body["input"][0]))}]}).encode()
    )

    with pytest.raises(ResponseValidationError, match="different lengths"):
        either.client(server.url).embed_all(EmbeddingsRequest(input=["0", "1"]), batch_size=1)


@pytest.mark.parametrize(("batch_size", "concurrency"), [(0, 1), (-1, 1), (1, 0)])
def test_embed_all_arguments(server: Any, either: Any, batch_size: int, concurrency: int) -> None:
    """Sizes are whole numbers from one up."""
    with pytest.raises(ConfigurationError, match="is not a whole number from 1 up"):
        either.client(server.url).embed_all(
            EmbeddingsRequest(input=["a"]), batch_size=batch_size, concurrency=concurrency
        )


@pytest.mark.parametrize("dimensions", [2, 3])
def test_dimensions(server: Any, either: Any, dimensions: int) -> None:
    """Vectors of another length than asked for are an error; packed bits are shorter by nature."""
    server.reply_json({"data": [{"index": 0, "embedding": [1, 2]}]})
    client = either.client(server.url)
    request = EmbeddingsRequest(input=["a"], dimensions=dimensions)

    if dimensions == 2:
        assert client.embed(request).vectors == [[1.0, 2.0]]
    else:
        with pytest.raises(ResponseValidationError, match="dimensions=3"):
            client.embed(request)
    packed = EmbeddingsRequest(input=["a"], dimensions=16, encoding_format="ubinary")
    assert client.embed(packed).vectors == [[1.0, 2.0]]


# Making a client.


@pytest.mark.parametrize("kind", [InferenceClient, AsyncInferenceClient, Connection])
def test_nothing_happens_before_a_call(server: Any, kind: Any) -> None:
    """To make a client connects to nobody and asks nobody for a token."""
    asked: list[int] = []
    kind(server.url, lambda: asked.append(1) or "token")

    assert (server.connections, asked) == (0, [])


@pytest.mark.parametrize("kind", [InferenceClient, AsyncInferenceClient, Connection])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"temperature": 1}, "temperature: no such argument"),
        ({"max_retries": -1}, "max_retries=-1"),
        ({"dialect": "x"}, "dialect='x'"),
        ({"extra_parameters": "x"}, "extra_parameters='x'"),
        ({"on_unsupported": "x"}, "on_unsupported='x'"),
        ({"timeout": 0}, "timeout=0"),
    ],
)
def test_arguments_are_checked_at_once(kind: Any, options: dict[str, Any], said: str) -> None:
    """A wrong argument is named where the client is made."""
    with pytest.raises(ConfigurationError, match=said):
        kind("https://x.services.ai.azure.com/models", "key", **options)


@pytest.mark.parametrize(
    "headers", [{"x": "é"}, {"x": "a\nb"}, {"x y": "a"}, {"x": None}, {"x": 5}, {"": "a"}], ids=repr
)
def test_headers_that_cannot_be_sent(server: Any, either: Any, headers: Any) -> None:
    """A header that cannot go out is refused by name before anything is sent."""
    with pytest.raises(ConfigurationError, match="header"):
        either.client(server.url).chat(METHODS["chat"][0], headers=headers)
    assert server.requests == []


def test_chat_never_streams(server: Any, either: Any) -> None:
    """Whoever sets `stream` but asks for a whole answer is told which method streams."""
    with pytest.raises(ConfigurationError, match="stream_chat"):
        either.client(server.url).chat(to_request(ChatRequest, {**HELLO, "stream": True}))
