"""Streams of events: odd forms of right ones, and every way in which one is not whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.faults.answers import (
    CALL_ARGUMENTS,
    CALL_NAME,
    DONE,
    EVENTS,
    PIECES,
    STREAM,
    call_events,
    call_message,
    chat,
    chunk,
    event,
    head,
    in_chunks,
    streamed,
    whole,
    words,
)

from ._case import Case, answered, fails, passes, says

_STREAM = ("stream",)
_BEGUN = words("Hello", finish_reason=None)
_NOT_VALID = "ResponseValidationError"


def cases() -> Iterator[Case]:
    """All of them."""
    yield from _forms()
    yield from _cut()
    yield from _errors()
    yield from _ends()
    yield from _tool_calls()


def _unlike(data: bytes) -> dict[str, bytes]:
    """The same events in every form that the grammar allows."""
    frames = data.split(b"\n\n")[:-1]
    split = [frame.replace(b'"choices"', b'\ndata: "choices"', 1) for frame in frames]
    nothing = {"content": None, "role": None, "tool_calls": None, "refusal": None}
    nulls = event({**chunk(**nothing), "usage": None, "system_fingerprint": None})
    return {
        "CRLF": data.replace(b"\n", b"\r\n"),
        "CR": data.replace(b"\n", b"\r"),
        "comments": b": hello\n\n" + b"".join(b": ping\n" + frame + b"\n\n: ping\n\n" for frame in frames),
        "event, id and retry": b"retry: 10\n\n" + b"".join(b"event: message\nid: 1\n%b\n\n" % one for one in frames),
        "data over several lines": b"\n\n".join(split) + b"\n\n",
        "no space": data.replace(b"data: ", b"data:"),
        "a byte order mark": "\ufeff".encode() + data,
        "empty data": b"data:\n\n" + data.replace(b"\n\n", b"\n\ndata: \n\n", 2),
        "nulls": nulls + data,
    }


def _forms() -> Iterator[Case]:
    for name, body in _unlike(EVENTS).items():
        yield from answered("F37", name, streamed(body), calls=_STREAM)
    odd = "one\u2028two\u2029three\u0085four\x0b"
    frames = json.dumps(chunk(odd, "stop"), ensure_ascii=False).encode()
    right = {"text": odd}
    yield from answered(
        "F37", "line separators", streamed(b"data: " + frames + b"\n\n", DONE), calls=_STREAM, right=right
    )
    for name, body in (("LF", EVENTS), ("CRLF", EVENTS.replace(b"\n", b"\r\n"))):
        single = [body[at : at + 1] for at in range(len(body))]
        yield from answered("F38", f"byte by byte, {name}", streamed(*single), calls=_STREAM)


def _cut() -> Iterator[Case]:
    cut = {"calls": _STREAM, "partial": "Hello", "fields": {"attempts": 1}}
    lost = "StreamInterruptedError"
    yield from fails("F40", "between events", lost, says(_BEGUN), **cut)
    yield from fails("F40", "in an event", lost, says(_BEGUN, EVENTS[len(_BEGUN) :][:40]), **cut)
    closing = head(ctype="text/event-stream", connection="close")
    yield from fails("F40", "between events, without a length", lost, ("request", closing + _BEGUN), **cut)
    choices = event({**chunk(), "choices": [{"index": 1, "delta": {"content": "lost"}, "finish_reason": None}]})
    yield from fails("F40", "one of two choices", lost, says(words("Hello"), choices), is_compared=False, **cut)
    yield from answered("F41", "no [DONE]", streamed(words(*PIECES)), calls=_STREAM)
    unexplained = {"text": "Hello", "finish": "unknown"}
    said = streamed(words("Hel", "lo", finish_reason=None), DONE)
    yield from answered("F41", "no reason", said, calls=_STREAM, right=unexplained, is_compared=False)
    calls = {"calls": [[CALL_NAME, CALL_ARGUMENTS]]}
    said = streamed(call_events('{"city": "Paris"}', finish_reason=None), DONE)
    looking = {"job": {"wants_calls": True}, "is_compared": False}
    yield from answered("F41", "a call, no reason", said, calls=_STREAM, right=calls, **looking)
    for name, body in {"only [DONE]": DONE, "nothing": b"", "only comments": b": hello\n\n"}.items():
        yield from fails("F41", name, lost, says(*([body] if body else [])), calls=_STREAM)


_ERRORS: dict[str, tuple[Any, str, int]] = {
    "wrapped": ({"error": {"code": "429", "message": "overloaded"}}, "RateLimitError", 429),
    "flat": ({"status": 500, "code": "InternalServerError", "message": "broken"}, "InternalServerError", 500),
    "filter": ({"error": {"code": "content_filter", "message": "no", "status": 400}}, "ContentFilterError", 400),
    "a text": ({"error": "broken"}, "InternalServerError", 502),
}


def _errors() -> Iterator[Case]:
    for name, (value, error, status) in _ERRORS.items():
        fields = {"status_code": status, "attempts": 1}
        told: dict[str, Any] = {"calls": _STREAM, "fields": fields, "partial": "Hello"}
        yield from fails("F42", f"{name}, in the middle", error, says(_BEGUN, event(value)), **told)
        yield from fails("F42", f"{name}, then [DONE]", error, says(_BEGUN, event(value), DONE), **told)
        yield from fails("F42", f"{name}, named", error, says(_BEGUN, b"event: error\n" + event(value)), **told)
    value = _ERRORS["wrapped"][0]
    yield from passes("F42", "429 first, once", says(event(value), DONE), calls=_STREAM)
    value, error, status = _ERRORS["filter"]
    told = {"calls": _STREAM, "fields": {"status_code": status, "attempts": 1}}
    yield from fails("F42", "a filter first", error, says(event(value), DONE), **told)
    for name, frame in {"half an object": b'data: {"id": \n\n', "not UTF-8": b'data: {"id": "\xff"}\n\n'}.items():
        yield from fails("F43", name, _NOT_VALID, says(_BEGUN, frame, DONE), calls=_STREAM, partial="Hello")


def _ends() -> Iterator[Case]:
    yield from answered("F44", "a whole answer", whole(chat()), calls=_STREAM)
    empty = {**chat(), "choices": [{"index": 0, "finish_reason": "stop"}]}
    yield from fails("F44", "a whole answer without a message", _NOT_VALID, ("request", whole(empty)), calls=_STREAM)
    page = whole(b"<html>" + b"Please sign in. " * 1000, ctype="text/html")
    yield from fails("F44", "a page", _NOT_VALID, ("request", page), calls=_STREAM)
    refusal = whole({"error": {"code": "400", "message": "refused"}})
    yield from fails("F44", "a refusal", "BadRequestError", ("request", refusal), calls=_STREAM)
    yield from answered("F45", "more after [DONE]", streamed(EVENTS, words("ignored")), calls=_STREAM)
    left_open = STREAM + in_chunks(EVENTS, end=False)
    yield from answered("F45", "left open after [DONE]", left_open, "stall", calls=_STREAM)
    for reason in ("length", "content_filter"):
        body = streamed(words("Hello", finish_reason=reason), DONE)
        told = {"text": "Hello", "finish": reason}
        yield from answered("F48", reason, body, calls=_STREAM, right=told)
        yield from answered("F48", reason, whole(chat("Hello", reason)), right=told)


def _tool_calls() -> Iterator[Case]:
    looking = {"job": {"wants_calls": True}}
    right = {"calls": [[CALL_NAME, CALL_ARGUMENTS]]}
    pieces = ("", '{"city": ', '"Paris"}')
    for name, index in (("with an index", 0), ("without an index", None)):
        body = streamed(call_events(*pieces, index=index), DONE)
        yield from answered("F46", name, body, calls=_STREAM, right=right, **looking)
    called = chat(None, "tool_calls", tool_calls=call_message('{"city": "Paris"}'))
    yield from answered("F46", "whole", whole(called), right=right, **looking)
    never = {"right": {"calls": [], "invalid": 1}, "llamaindex_error": _NOT_VALID, **looking}
    for reason in ("tool_calls", "length"):
        body = streamed(call_events("", '{"city": "Par', finish_reason=reason), DONE)
        yield from answered("F47", f"arguments cut short, {reason}", body, calls=_STREAM, **never)
        half = chat(None, reason, tool_calls=call_message('{"city": "Par'))
        yield from answered("F47", f"arguments cut short, {reason}", whole(half), **never)
    for name, text in {"a list": '["Paris"]', "NaN": '{"city": NaN}'}.items():
        called = chat(None, "tool_calls", tool_calls=call_message(text))
        # Python's own reader of JSON takes NaN, so that few could be blamed for it.
        yield from answered("F47", name, whole(called), is_compared=name != "NaN", **never)
    cut = says(call_events("", '{"city": "Par', finish_reason=None))
    yield from fails("F47", "a stream cut short", "StreamInterruptedError", cut, calls=_STREAM, **looking)
