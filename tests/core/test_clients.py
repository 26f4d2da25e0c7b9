"""Both clients over real HTTP: what goes out on every route, what comes back, what is tried again, and what is not."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest

from azure_inference import (
    APIStatusError,
    AsyncInferenceClient,
    BadRequestError,
    ChatRequest,
    CompletionRequest,
    ConfigurationError,
    Connection,
    EmbeddingsRequest,
    ImageEmbeddingsRequest,
    InferenceClient,
    InferenceError,
    ResponseValidationError,
    RetryPolicy,
    UnsupportedParameterWarning,
    __version__,
    to_request,
)

from .conftest import Reply

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

    assert got.headers["authorization"] == "Bearer canary-5ecret"
    assert got.headers["api-key"] == "canary-5ecret"
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


@pytest.mark.parametrize("of_client", [True, False])
@pytest.mark.parametrize("of_call", [True, False, None])
def test_usage_of_one_stream(server: Any, either: Any, *, of_client: bool, of_call: bool | None) -> None:
    """Whether usage is asked for is said for the client, or for one call."""
    server.reply_events(CHUNK)
    client = either.client(f"{server.root}/openai/v1", stream_usage=of_client)
    list(client.stream_chat(to_request(ChatRequest, {**HELLO, "model": "m"}), stream_usage=of_call))

    asked = of_client if of_call is None else of_call
    assert ("stream_options" in server.requests[0].json) is asked
    with pytest.raises(ConfigurationError, match="stream_usage='no' is a str: pass True or False"):
        client.chat(to_request(ChatRequest, {**HELLO, "model": "m"}), stream_usage="no")


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
    """An HTTP client of the user's is sent with, with its own headers, and is never closed here.

    It may not ask for compression that only it could undo; a call may, for itself.
    """
    mine = {"x-mine": "1", "user-agent": "mine/1", "accept-encoding": "gzip, br, zstd"}
    server.reply_json(CHAT_ANSWER)
    if either.is_async:
        http: Any = httpx.AsyncClient(headers=mine)
        client = either.client(server.url, async_http_client=http)
    else:
        http = httpx.Client(headers=mine)
        client = either.client(server.url, http_client=http)
    assert client.chat(METHODS["chat"][0]).id == "c"
    assert client.chat(METHODS["chat"][0], headers={"Accept-Encoding": "gzip"}).id == "c"
    client.close()

    assert not http.is_closed
    first, second = (request.headers for request in server.requests)
    assert (first["x-mine"], first["user-agent"]) == ("1", "mine/1")
    assert (first["accept-encoding"], second["accept-encoding"]) == ("identity", "gzip")
    either.run(http.aclose() if either.is_async else http.close())
    with pytest.raises(InferenceError):
        client.chat(METHODS["chat"][0])


def test_parameters_of_a_client_of_the_users(server: Any, either: Any) -> None:
    """The parameters that an HTTP client adds to each URL stand beside those of the call, which go first."""
    server.reply_json(CHAT_ANSWER)
    params = {"subscription-key": "a b", "api-version": "mine"}
    http: Any = (httpx.AsyncClient if either.is_async else httpx.Client)(params=params)
    client = either.client(server.url, **{"async_http_client" if either.is_async else "http_client": http})

    assert client.chat(METHODS["chat"][0]).id == "c"
    either.run(http.aclose() if either.is_async else http.close())
    sent = httpx.URL(server.requests[0].path).params
    assert (sent["subscription-key"], len(sent.multi_items())) == ("a b", 2)
    assert sent["api-version"] not in ("", "mine")


async def test_an_async_client_whose_answers_belong_to_a_task() -> None:
    """An answer is closed in the task that it was asked for in: some transports hold a cancel scope until then."""

    class Stream(httpx.AsyncByteStream):
        def __init__(self, group: Any) -> None:
            self.group = group

        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield json.dumps(CHAT_ANSWER).encode()

        async def aclose(self) -> None:
            await self.group.__aexit__(None, None, None)

    class Transport(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, stream=Stream(await anyio.create_task_group().__aenter__()))

    http = httpx.AsyncClient(transport=Transport())
    client = AsyncInferenceClient("http://127.0.0.1/models", "k", async_http_client=http)
    assert (await client.chat(METHODS["chat"][0])).id == "c"


# Making a client.


@pytest.mark.parametrize("kind", [InferenceClient, AsyncInferenceClient, Connection])
def test_nothing_happens_before_a_call(server: Any, kind: Any) -> None:
    """To make a client connects to nobody and asks nobody for a token."""
    asked: list[int] = []
    kind(server.url, lambda: asked.append(1) or "token")

    assert (server.connections, asked) == (0, [])


@pytest.mark.parametrize(
    "answer", [{}, {"model_name": None}, {"model_type": "chat-completion"}, {"ok": True}], ids=repr
)
def test_info_of_nothing(server: Any, either: Any, answer: dict[str, Any]) -> None:
    """An answer that names no model is no information."""
    server.reply_json(answer)

    with pytest.raises(ResponseValidationError, match="not a valid ModelInfo: model_name"):
        either.client(server.url).info()


def send_with(headers: Any, server: Any, either: Any, given_to: str) -> None:
    """Asks with headers that are given to the client, or to the call."""
    of_client, of_call = ({"headers": headers}, {}) if given_to == "client" else ({}, {"headers": headers})
    either.client(server.url, **of_client).chat(METHODS["chat"][0], **of_call)


@pytest.mark.parametrize("given_to", ["client", "call"])
@pytest.mark.parametrize(
    "headers",
    [{"x": "é"}, {"x": "a\nb"}, {"x y": "a"}, {"x": None}, {"x": 5}, {"": "a"}, [("x", "a")], "x: a"],
    ids=repr,
)
def test_headers_that_cannot_be_sent(server: Any, either: Any, headers: Any, given_to: str) -> None:
    """A header that cannot go out is refused by name before anything is sent."""
    with pytest.raises(ConfigurationError, match="header"):
        send_with(headers, server, either, given_to)
    assert server.requests == []


@pytest.mark.parametrize("given_to", ["client", "call"])
@pytest.mark.parametrize("name", ["Host", "host", "Content-Length", "TRANSFER-ENCODING", "Expect", "upgrade"])
def test_headers_that_are_not_for_users(server: Any, either: Any, name: str, given_to: str) -> None:
    """What would go out twice, or promise what is not kept, is refused with its remedy, its value withheld."""
    with pytest.raises(ConfigurationError, match=f"^headers has '{name}', .*: leave it out; ") as caught:
        send_with({"x-fine": "a", name: "canary-5ecret"}, server, either, given_to)
    assert "canary" not in str(caught.value)
    assert server.requests == []


@pytest.mark.parametrize("given_to", ["client", "call"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("User-Agent", "mine/1"),
        ("Accept-Encoding", "gzip"),
        ("Accept", "application/json;q=1"),
        ("Content-Type", "application/json; charset=utf-8"),
        ("Authorization", "Basic gateway"),
        ("Api-Key", "of-the-gateway"),
        ("X-Ms-Client-Request-Id", "mine-1"),
        ("Connection", "close"),
        ("TE", "trailers"),
    ],
)
def test_headers_that_are_said_otherwise(server: Any, either: Any, name: str, value: str, given_to: str) -> None:
    """A header that is given goes out once, in the place of ours."""
    server.reply_json(CHAT_ANSWER)
    send_with({name: value}, server, either, given_to)
    assert [sent for key, sent in server.requests[0].raw_headers if key.lower() == name.lower()] == [value]


def test_ids_that_are_said_otherwise(server: Any, either: Any) -> None:
    """An error names the id that the service was told."""
    server.reply_json({"error": {"code": "x", "message": "no"}}, status=400)
    with pytest.raises(APIStatusError) as caught:
        either.client(server.url).chat(METHODS["chat"][0], headers={"X-MS-Client-Request-Id": "mine-1"})
    assert caught.value.client_request_id == "mine-1"


HEAD = b"HTTP/1.1 200 OK\r\nx-request-id: of-the-service\r\ncontent-length: %d\r\n%b\r\n"
UNUSABLE = {
    "another API": [HEAD % (11, b""), b'{"ok":true}'],
    "a row too few": [HEAD % (46, b""), b'{"data":[{"index":0,"embedding":[1.0, 2.0]}]} '],
    "no gzip": [HEAD % (5, b"content-encoding: gzip\r\n"), b"hello"],
    "too large": [HEAD % (2**40, b""), b"{"],
    "cut off": [HEAD % (100, b""), b'{"data":['],
    "a redirect": [(HEAD % (0, b"location: /\r\n")).replace(b"200", b"302")],
}


@pytest.mark.parametrize("steps", UNUSABLE.values(), ids=UNUSABLE)
def test_the_services_id_of_an_unusable_answer(raw: Any, either: Any, steps: list[bytes]) -> None:
    """Whatever is wrong with an answer, its error has the id that the service gave the request."""
    raw.script("request", *steps)
    with pytest.raises(InferenceError) as caught:
        either.client(raw.url, retry=RetryPolicy(max_retries=0)).embed(METHODS["embed"][0])
    assert caught.value.request_id == "of-the-service"


def test_the_services_id_is_of_the_last_attempt(raw: Any, either: Any) -> None:
    """The id of an earlier attempt is not told as that of one that got no answer."""
    raw.script("request", *UNUSABLE["cut off"])
    raw.script("request", "reset")
    with pytest.raises(InferenceError) as caught:
        either.client(raw.url, retry=RetryPolicy(max_retries=1, first_delay=0)).embed(METHODS["embed"][0])
    assert (caught.value.attempts, caught.value.request_id) == (2, None)


@pytest.mark.parametrize("method", [*METHODS, *STREAMS])
def test_unknown_arguments_of_calls(server: Any, either: Any, method: str) -> None:
    """A parameter of the model that is passed beside the request is refused, not lost."""
    with pytest.raises(ConfigurationError, match="max_tokens is not an argument of a call: what is for the model"):
        getattr(either.client(server.url), method)({**METHODS, **STREAMS}[method][0], max_tokens=5)


OTHERS = [HELLO, None, "hello", [HELLO], to_request(ImageEmbeddingsRequest, {"input": [{"image": "data:,"}]})]


@pytest.mark.parametrize("method", ["chat", "stream_chat", "embed", "complete", "stream_complete"])
@pytest.mark.parametrize("request_", OTHERS, ids=lambda request: type(request).__name__)
def test_requests_of_other_kinds(server: Any, either: Any, method: str, request_: Any) -> None:
    """What is no request of this method is refused, with what makes one of it; so is the request of another method."""
    wanted = type({**METHODS, **STREAMS}[method][0]).__name__
    name = type(request_).__name__
    article = "an" if name[0] in "EI" else "a"
    said = rf"^request is {article} {name}: make it with to_request\({wanted}, fields\)$"
    with pytest.raises(ConfigurationError, match=said):
        getattr(either.client(server.url), method)(request_)
    assert server.requests == []


def test_chat_never_streams(server: Any, either: Any) -> None:
    """Whoever sets `stream` but asks for a whole answer is told which method streams."""
    with pytest.raises(ConfigurationError, match="stream_chat"):
        either.client(server.url).chat(to_request(ChatRequest, {**HELLO, "stream": True}))


@pytest.mark.parametrize("own", [True, False], ids=["added by the library", "set by the user"])
def test_refused_stream_options(server: Any, either: Any, chat_request: ChatRequest, own: bool) -> None:
    """Usage that was only asked for by the library is given up with a warning, once; what the user asked for is not."""
    refusal = {
        "error": {"code": "unsupported_parameter", "param": "stream_options", "message": "Unsupported parameter"}
    }
    server.reply_json(refusal, 400)
    server.reply_events({"choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}]})
    client = either.client(server.root + "/v1")
    request = chat_request.model_copy(update={"model": "m"})
    if own:
        with pytest.warns(UnsupportedParameterWarning, match="stream_options"):
            assert [chunk.choices[0].delta.text for chunk in client.stream_chat(request)] == ["hi"]
        assert [chunk.choices[0].delta.text for chunk in client.stream_chat(request)] == ["hi"]
        assert ["stream_options" in sent.json for sent in server.requests] == [True, False, False]
    else:
        asked = request.model_copy(update={"stream_options": {"include_usage": False}})
        with pytest.raises(BadRequestError):
            client.stream_chat(asked)


def test_batches_that_are_refused_at_once(server: Any, either: Any) -> None:
    """What several batches under way learn at the same time is warned of once."""
    body = b'{"error": {"code": "unsupported_parameter", "param": "encoding_format", "message": "not supported"}}'
    all_are_here = threading.Event()

    def answer(asked: Any) -> Reply:
        if "encoding_format" not in asked:
            return Reply(body=b'{"data": [{"index": 0, "embedding": [1.0]}]}')
        if len(server.requests) == 3:
            all_are_here.set()
        return Reply(400, pieces=[all_are_here, body])

    server.by_body = answer
    request = EmbeddingsRequest(input=["a", "b", "c"], model="m", encoding_format="base64")
    with pytest.warns(UnsupportedParameterWarning, match=r"encoding_format.*not supported\.\)$") as warned:
        assert either.client(server.url).embed_all(request, batch_size=1, concurrency=3) == [[1.0]] * 3
    assert len(warned) == 1


@pytest.mark.parametrize("on_unsupported", ["error", "drop"])
def test_another_value_than_the_refused(server: Any, either: Any, on_unsupported: str) -> None:
    """What was given up because this library's own value was refused goes out when a user asks for another value."""
    refusal = {"error": {"code": "unsupported_parameter", "param": "encoding_format", "message": "not supported"}}
    server.reply_json(refusal, 400)
    server.reply_json(VECTORS)
    client = either.client(server.root + "/v1", on_unsupported=on_unsupported)
    asked = {"input": ["a", "b"], "model": "m"}
    with pytest.warns(UnsupportedParameterWarning, match="encoding_format"):
        client.embed(EmbeddingsRequest(**asked, encoding_format="base64"))
    for encoding_format in ("base64", "int8"):
        client.embed(EmbeddingsRequest(**asked, encoding_format=encoding_format))
    assert [sent.json.get("encoding_format") for sent in server.requests] == ["base64", None, None, "int8"]
