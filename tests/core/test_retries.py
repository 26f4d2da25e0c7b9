"""What is tried again, how often and after which wait, what is told at once, and what is left out and tried again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import pytest

from azure_inference import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ChatRequest,
    ConfigurationError,
    EmbeddingsRequest,
    InferenceClient,
    InferenceError,
    InternalServerError,
    PermissionDeniedError,
    RateLimitError,
    ResponseValidationError,
    RetryPolicy,
    Timeouts,
    UnprocessableEntityError,
    to_request,
)
from azure_inference.settings import Asked, resolve_settings

from . import endpoints

HELLO = {"messages": [{"role": "user", "content": "hello"}]}
CHAT = to_request(ChatRequest, HELLO)
CHAT_ANSWER = {"id": "c", "choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}
CHUNK = {"id": "c", "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}]}
METHODS: dict[str, tuple[Any, dict[str, Any]]] = {
    "chat": (CHAT, CHAT_ANSWER),
    "embed": (EmbeddingsRequest(input=["a"]), {"data": [{"index": 0, "embedding": [1]}]}),
    "info": ("a deployment", {"model_name": "m"}),
}
REFUSAL = {"error": {"code": "x", "message": "no"}}


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("method", ["chat", "embed", "info", "stream_chat"])
def test_retries(server: Any, either: Any, method: str, status: int) -> None:
    """A failure that may pass is tried again, with the same body and id, until it passes."""
    server.reply_json(REFUSAL, status)
    server.reply_json(REFUSAL, status)
    if method == "stream_chat":
        server.reply_events(CHUNK)
        assert len(list(either.client(server.url).stream_chat(CHAT))) == 1
    else:
        request, answer = METHODS[method]
        server.reply_json(answer)
        getattr(either.client(server.url), method)(request)

    assert len(server.requests) == 3
    assert len({got.body for got in server.requests}) == 1
    assert len({got.headers["x-ms-client-request-id"] for got in server.requests}) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 410, 413, 422, 424])
def test_no_retries(server: Any, either: Any, status: int) -> None:
    """A failure that would only happen again is told at once."""
    server.reply_json(REFUSAL, status)

    with pytest.raises(APIStatusError) as caught:
        either.client(server.url).chat(CHAT)
    assert (caught.value.status_code, caught.value.attempts) == (status, 1)
    assert len(server.requests) == 1


@pytest.mark.parametrize(("true_status", "attempts"), [("503", 3), ("429", 3), ("422", 1), ("400", 1)])
def test_hidden_statuses(server: Any, either: Any, true_status: str, attempts: int) -> None:
    """Behind Managed Compute's 424, the true status decides."""
    server.reply_json(REFUSAL, 424, ms_azureml_model_error_statuscode=true_status)

    with pytest.raises(APIStatusError) as caught:
        either.client(server.url).chat(CHAT)
    assert (caught.value.status_code, caught.value.attempts) == (int(true_status), attempts)


@pytest.mark.parametrize(("max_retries", "requests"), [(0, 1), (1, 2), (4, 5)])
def test_how_often(server: Any, either: Any, max_retries: int, requests: int) -> None:
    """There are as many retries as the user says, and the error says how many attempts there were."""
    server.reply_json(REFUSAL, 500)
    client = either.client(server.url, retry=RetryPolicy(max_retries=max_retries, first_delay=0))

    with pytest.raises(APIStatusError) as caught:
        client.chat(CHAT)
    assert caught.value.attempts == len(server.requests) == requests
    assert caught.value.client_request_id == server.requests[0].headers["x-ms-client-request-id"]


def test_max_retries(server: Any, either: Any) -> None:
    """The short form of the policy."""
    server.reply_json(REFUSAL, 500)

    with pytest.raises(APIStatusError):
        either.client(server.url, retry=None, max_retries=0).chat(CHAT)
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
        either.client(server.url).chat(CHAT)
    assert len(server.requests) == 1
    assert caught.value.retry_after is not None
    assert caught.value.retry_after >= 3599


def test_waits(monkeypatch: pytest.MonkeyPatch, server: Any, either: Any) -> None:
    """A wait is never shorter than the server asked for, and grows where it asked for none."""
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)

    here, truly_sleep = threading.current_thread(), asyncio.sleep

    async def sleep_async(seconds: float) -> None:
        if threading.current_thread() is here:
            sleep(seconds)
        else:  # an event loop of a framework's, left over from another test
            await truly_sleep(seconds)

    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr("asyncio.sleep", sleep_async)
    server.reply_json(REFUSAL, 429, retry_after="9", retry_after_ms="7500")
    server.reply_json(REFUSAL, 429, retry_after="0")
    server.reply_json(REFUSAL, 503)
    server.reply_json(CHAT_ANSWER)
    policy = RetryPolicy(max_retries=3, first_delay=1.0, max_delay=2.5)
    client = either.client(server.url, retry=policy)
    client.chat(CHAT)

    waits = [seconds for seconds in waited if seconds]
    assert 7.5 <= waits[0] <= 8.5
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
        getattr(client, method)(CHAT)
    assert caught.value.attempts == len(server.requests) == 3
    server.replies.clear()
    server.reply(broken)
    if method == "chat":
        server.reply_json(CHAT_ANSWER)
        assert client.chat(CHAT).id == "c"
    else:
        server.reply_events(CHUNK)
        assert [chunk.id for chunk in client.stream_chat(CHAT)] == ["c"]


def test_nobody_there(server: Any, either: Any) -> None:
    """A host that does not answer is named, without the query."""
    port = server.root.rpartition(":")[2]
    server._server.shutdown()
    server._server.server_close()

    with pytest.raises(APIConnectionError, match=f"127.0.0.1:{port}") as caught:
        either.client(server.url).chat(CHAT)
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
        client.chat(CHAT)
    assert (caught.value.phase, caught.value.attempts) == ("read", attempts)
    with pytest.raises(APITimeoutError):
        either.client(server.url, retry=RetryPolicy(max_retries=0)).chat(CHAT, timeout=0.05)
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
        getattr(client, method)(CHAT)
    assert caught.value.attempts == len(server.requests) == tokens.asked == 2
    assert [got.headers["authorization"] for got in server.requests] == ["Bearer t1", "Bearer t2"]
    assert all("api-key" not in got.headers for got in server.requests)


@pytest.mark.parametrize("method", ["chat", "stream_chat"])
def test_a_renewed_token_costs_no_retry(server: Any, either: Any, method: str) -> None:
    """Behind a token that was renewed, failures that may pass are tried again as often as without it."""
    server.reply_json(REFUSAL, 503)
    server.reply_json(REFUSAL, 401)
    server.reply_json(REFUSAL, 503)
    tokens = Tokens(is_async=either.is_async)
    client = either.client(server.url, tokens, retry=RetryPolicy(max_retries=3, first_delay=0))

    with pytest.raises(InternalServerError) as caught:
        getattr(client, method)(CHAT)
    assert caught.value.attempts == len(server.requests) == 5
    assert tokens.asked == 2


def test_many_refusals_of_one_token(raw: Any, either: Any) -> None:
    """Calls that are refused at the same time ask for one new token together."""
    together = threading.Barrier(5)
    body = json.dumps(CHAT_ANSWER).encode()
    head = b"connection: close\r\ncontent-length: %d\r\n\r\n"

    def refuse(peer: Any) -> bytes:
        together.wait(20)
        return b"HTTP/1.1 401 No\r\n" + head % 0

    for _ in range(5):
        raw.script("request", refuse)
    raw.script("request", b"HTTP/1.1 200 OK\r\n" + head % len(body) + body)
    tokens = Tokens(is_async=either.is_async)
    client = either.client(raw.url, tokens)

    async def ask_all() -> list[Any]:
        return await asyncio.gather(*(client.inner.chat(CHAT) for _ in range(5)))

    if either.is_async:
        answers = either.run(ask_all())
    else:
        with ThreadPoolExecutor(5) as pool:
            answers = list(pool.map(client.chat, [CHAT] * 5))
    assert [answer.id for answer in answers] == ["c"] * 5
    assert (tokens.asked, len(raw.requests)) == (2, 10)


def test_a_refused_key_is_not_tried_again(server: Any, either: Any) -> None:
    """There is no newer key to be had."""
    server.reply_json(REFUSAL, 401)

    with pytest.raises(AuthenticationError, match="Check the credential argument"):
        either.client(server.url).chat(CHAT)
    assert len(server.requests) == 1


def test_redirects_are_never_followed(server: Any, reply: Any, either: Any) -> None:
    """A redirect could carry the credential away."""
    server.reply(reply(307, b"", {"location": f"{server.root}/elsewhere"}))

    with pytest.raises(ResponseValidationError, match="redirect"):
        either.client(server.url).chat(CHAT)
    assert len(server.requests) == 1


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


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        ((None, None), ["max_tokens", "max_completion_tokens", "max_completion_tokens"]),
        (("drop", None), ["max_tokens", "max_tokens"]),
        ((None, "error"), ["max_tokens", "max_tokens"]),
        (("drop", "pass-through"), ["max_tokens", "max_completion_tokens", "max_completion_tokens"]),
    ],
)
def test_a_newer_name(server: Any, reply: Any, either: Any, words: tuple[Any, Any], sent: list[str]) -> None:
    """A limit is sent by the name that the refusal tells, unless what is no field of a request may not be sent."""
    refusal = {
        "code": "unsupported_parameter",
        "param": "max_tokens",
        "message": "Use 'max_completion_tokens' instead.",
    }

    def judge(body: Any) -> Any:
        status, answer = (400, {"error": refusal}) if "max_tokens" in body else (200, CHAT_ANSWER)
        return reply(status, json.dumps(answer).encode())

    server.by_body = judge
    client = either.client(server.url, extra_parameters=words[0])
    for _ in range(2):
        with contextlib.suppress(BadRequestError):
            client.chat(to_request(ChatRequest, {**HELLO, "max_tokens": 1}), extra_parameters=words[1])

    assert [name for got in server.requests for name in got.json if name.startswith("max")] == sent


@pytest.mark.parametrize("method", ["chat", "stream_chat"])
def test_a_changed_request_is_the_same_call(server: Any, reply: Any, either: Any, method: str) -> None:
    """All that is sent for a call has one id and one count; a request that was changed may be tried as often again."""
    refusal = {"error": {"code": "unsupported_parameter", "param": "seed", "message": "no"}}
    for status, body in [(503, REFUSAL), (400, refusal), (503, REFUSAL), (503, REFUSAL), (403, REFUSAL)]:
        server.reply_json(body, status)
    client = either.client(server.url, on_unsupported="drop")

    with pytest.warns(UserWarning, match="seed=1 was left out"), pytest.raises(PermissionDeniedError) as caught:
        getattr(client, method)(to_request(ChatRequest, {**HELLO, "seed": 1}))
    assert caught.value.attempts == len(server.requests) == 5
    assert {got.headers["x-ms-client-request-id"] for got in server.requests} == {caught.value.client_request_id}


def test_a_changed_request_has_no_more_time() -> None:
    """What the first request took is gone from the time of the call."""
    settings = resolve_settings("http://127.0.0.1/models", "key", {"on_unsupported": "drop"})
    asked = Asked(settings, endpoints.CHAT, to_request(ChatRequest, {**HELLO, "seed": 1}), {"timeout": 20})
    deadline = asked.tries.deadline

    with pytest.warns(UserWarning, match="seed"):
        asked.change(BadRequestError("no", status_code=400, code="unsupported_parameter", param="seed"))
    assert deadline.at is not None
    assert asked.tries.deadline is deadline


def test_dimensions_left_out(server: Any, reply: Any, either: Any) -> None:
    """Vectors are held to the dimensions that were asked for in the end: to none, where the model refuses them."""
    refusal = {"code": "parameter_not_supported", "detail": {"loc": ["body", "dimensions"]}, "message": "no"}
    vectors = {"data": [{"index": 0, "embedding": [1.0, 2.0, 3.0]}]}
    server.by_body = lambda body: (
        reply(422, json.dumps(refusal).encode()) if "dimensions" in body else reply(200, json.dumps(vectors).encode())
    )
    client = either.client(server.url, on_unsupported="drop")

    with pytest.warns(UserWarning, match="dimensions=2 was left out"):
        assert client.embed(EmbeddingsRequest(input=["a"], dimensions=2)).vectors == [[1.0, 2.0, 3.0]]
    assert client.embed_all(EmbeddingsRequest(input=["a", "b"], dimensions=2), batch_size=1) == [[1.0, 2.0, 3.0]] * 2


@pytest.mark.parametrize("name", ["messages", "tools", "response_format"])
def test_what_is_never_left_out(server: Any, either: Any, name: str) -> None:
    """A request is never sent without what it is about."""
    tool = {"type": "function", "function": {"name": "f"}}
    fields = {**HELLO, "tools": [tool], "response_format": {"type": "json_object"}}
    server.reply_json({"code": "parameter_not_supported", "detail": {"loc": ["body", name]}, "message": "no"}, 422)

    with pytest.raises(UnprocessableEntityError):
        either.client(server.url, on_unsupported="drop").chat(to_request(ChatRequest, fields))
    assert len(server.requests) == 1
