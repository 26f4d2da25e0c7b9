"""Every error says which call it is of: where it went, the model asked, and how often."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from azure_inference import (
    APIStatusError,
    ChatRequest,
    InferenceError,
    ParameterNotSupportedError,
    ResponseValidationError,
    StreamInterruptedError,
    to_request,
)
from azure_inference.timeouts import Deadline

REFUSAL = {"error": {"code": "x", "message": "no"}}
CHUNK = {"id": "c", "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": None}]}


def hello(**fields: Any) -> ChatRequest:
    """A request."""
    return to_request(ChatRequest, {"messages": [{"role": "user", "content": "hello"}], **fields})


def check(error: InferenceError, url: str, model: str | None, attempts: int) -> None:
    """Attributes, text and pickle tell of the call; of the query, nothing."""
    assert (error.url, error.model, error.attempts) == (url, model, attempts)
    told = [url, *([f"model {model!r}"] if model else []), *([f"{attempts} attempts"] if attempts > 1 else [])]
    assert str(error) == f"{error.message} ({', '.join(told)})"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert "5ecret" not in f"{error} {error!r} {vars(error)}"


@pytest.mark.parametrize("model", [None, "east"])
@pytest.mark.parametrize(("status", "attempts"), [(404, 1), (503, 3)])
@pytest.mark.parametrize("method", ["chat", "stream_chat"])
def test_refusals(server: Any, either: Any, *, method: str, status: int, attempts: int, model: str | None) -> None:
    """A refusal, whole or in place of a stream."""
    server.reply_json(REFUSAL, status)

    with pytest.raises(APIStatusError) as caught:
        list(getattr(either.client(f"{server.url}?code=5ecret"), method)(hello(model=model)))
    check(caught.value, f"{server.url}/chat/completions", model, attempts)


@pytest.mark.parametrize("kind", [APIStatusError, StreamInterruptedError, ResponseValidationError])
def test_streams_that_go_wrong(server: Any, either: Any, kind: type[InferenceError]) -> None:
    """What ends a stream that had begun: a refusal, the end of the connection, an event that is no chunk."""
    server.reply_events(
        CHUNK, *{APIStatusError: [REFUSAL], ResponseValidationError: [{"choices": 1}]}.get(kind, []), done=False
    )

    with pytest.raises(kind) as caught:
        list(either.client(server.url).stream_chat(hello(model="east")))
    check(caught.value, f"{server.url}/chat/completions", "east", 1)


def test_nobody_answers(either: Any) -> None:
    """No connection: the address stands in the message, too."""
    with pytest.raises(InferenceError) as caught:
        either.client("http://127.0.0.1:1/models").chat(hello(model="east"))
    check(caught.value, "http://127.0.0.1:1/models/chat/completions", "east", 3)


@pytest.mark.parametrize("own_id", [None, "my-call"])
def test_records(server: Any, either: Any, caplog: pytest.LogCaptureFixture, own_id: str | None) -> None:
    """The records of the log name the call, by the user's own id if there is one, without the query."""
    caplog.set_level("DEBUG", logger="azure_inference")
    server.reply_json(REFUSAL, 503)
    server.reply_json({"choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]})
    headers = {} if own_id is None else {"x-ms-client-request-id": own_id}
    either.client(f"{server.url}?code=5ecret").chat(hello(model="east"), headers=headers)

    call_id = server.requests[0].headers["x-ms-client-request-id"]
    assert own_id in (call_id, None)
    records = [record.getMessage() for record in caplog.records if record.name == "azure_inference"]
    assert len(records) == 2
    for text in records:
        assert all(word in text for word in (f"POST {server.url}/chat/completions", "'east'", call_id))
        assert "5ecret" not in text


@pytest.mark.parametrize(("route", "status"), [("v1", 400), ("models", 422)])
def test_refused_parameters(server: Any, either: Any, route: str, status: int) -> None:
    """Where a service only names what it refuses, its place and value are told from the request."""
    url = server.url.replace("/models", f"/{route}")
    refusal = {"error": {"code": "unsupported_parameter", "param": "seed", "message": "No seed."}}
    server.reply_json(refusal, status)

    with pytest.raises(ParameterNotSupportedError) as caught:
        either.client(url).chat(hello(model="m", seed=7))
    assert (caught.value.status_code, caught.value.location, caught.value.value) == (status, ["body", "seed"], 7)
    assert "at body.seed: 7: No seed." in str(caught.value)


def test_a_request_too_deep_to_be_read(server: Any, either: Any) -> None:
    """What is refused of a request is told, also where its value cannot be looked up in what was sent."""
    deep: Any = 1
    for _ in range(220):
        deep = [deep]
    server.reply_json({"error": {"code": "unsupported_value", "param": "seed", "message": "No."}}, 400)

    with pytest.raises(ParameterNotSupportedError) as caught:
        either.client(server.url).chat(hello(seed=7, deep=deep))
    assert (caught.value.location, caught.value.value) == (["body", "seed"], None)


def test_long_names(server: Any, either: Any) -> None:
    """The text of an error stays short, whatever the address and the model are called."""
    server.reply_json(REFUSAL, 404)

    with pytest.raises(APIStatusError) as caught:
        either.client(f"{server.url}/{'a' * 3000}").chat(hello(model="m" * 5000))
    assert len(str(caught.value)) < 500
    assert (len(caught.value.model or ""), len(caught.value.url or "") > 3000) == (5000, True)


@pytest.mark.parametrize(
    ("phase", "remedy"),
    [
        ("connect", "Timeouts(connect=...)"),
        ("pool", "max_connections"),
        ("idle", "Timeouts(idle=...)"),
        ("credential", "check the token provider"),
        ("read", "raise timeout"),
        ("total", "raise timeout"),
    ],
)
def test_limits(phase: str, remedy: str) -> None:
    """A phase whose limit more seconds for the whole call would not raise has a remedy of its own."""
    error = Deadline(None, phase).error("x")

    assert error.phase == phase
    assert error.message.startswith(f"x took too long ({phase}): ")
    assert remedy in error.message
