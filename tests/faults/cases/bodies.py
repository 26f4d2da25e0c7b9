"""Successes that are none, or only nearly: bodies of answers that are not what the API says."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

from tests.faults.answers import (
    DONE,
    EVENTS,
    TEXT,
    chat,
    chunk,
    embeddings,
    event,
    head,
    streamed,
    whole,
)
from tests.faults.server import Step

from ._case import CALLS, Case, answered, fails, right_answer, says

_WHOLE = ("chat", "embed")
_NOT_VALID = "ResponseValidationError"
_JSON = json.dumps(chat()).encode()


def cases() -> Iterator[Case]:
    """All of them."""
    yield from _no_answers()
    yield from _other_objects()
    yield from _other_json()
    yield from _compressed()


_NONE: dict[str, Step] = {
    "half an object": whole(_JSON[:60]),
    "half an object without a length": head(connection="close") + _JSON[:60],
    "a page": whole(b"<html>" + b"Please sign in. " * 1000, ctype="text/html"),
    "nothing": whole(b""),
    "204": b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n",
}


def _no_answers() -> Iterator[Case]:
    for name, step in _NONE.items():
        yield from fails("F29", name, _NOT_VALID, ("request", step), calls=_WHOLE)
        # A stream of nothing is one that was cut short.
        error = "StreamInterruptedError" if name == "nothing" else _NOT_VALID
        yield from fails("F29", name, error, ("request", step), calls=("stream",))
    yield from fails("F29", "events", _NOT_VALID, ("request", streamed(EVENTS)), calls=_WHOLE)


def _choices(value: Any) -> dict[str, Any]:
    return {**chat(), "choices": value}


_CHATS: dict[str, Any] = {
    "null": None,
    "a list": [],
    "a text": "hello",
    "a number": 7,
    "an empty object": {},
    "no choices": {key: value for key, value in chat().items() if key != "choices"},
    "choices: []": _choices([]),
    "choices: null": _choices(None),
    "choices: [null]": _choices([None]),
    "no message": _choices([{"index": 0, "finish_reason": "stop"}]),
    "other types": _choices([{"index": 0, "message": {"role": 7, "content": {"a": 1}}, "finish_reason": []}]),
}
_NO_PIECES: dict[str, dict[str, Any]] = {
    "a message": chat()["choices"][0],
    "a text": {"index": 0, "text": TEXT, "finish_reason": "stop"},
    "other types": {"index": 0, "delta": {"content": {"a": 1}}, "finish_reason": "stop"},
}
_VECTORS: dict[str, Any] = {
    "null": None,
    "a list": [],
    "a text": "hello",
    "a number": 7,
    "an empty object": {},
    "data: null": embeddings(None),
    "data: an object": embeddings({}),
    "data: [null]": embeddings([None, None, None]),
}


def _other_objects() -> Iterator[Case]:
    for call, bodies in (("chat", _CHATS), ("embed", _VECTORS)):
        for name, body in bodies.items():
            yield from fails("F30", name, _NOT_VALID, ("request", whole(body)), calls=(call,))
    for name, choice in _NO_PIECES.items():
        script = says(event({**chunk(), "choices": [choice]}), DONE)
        right = None if name == "other types" else right_answer("stream")
        yield from fails("F30", name, _NOT_VALID, script, calls=("stream",), right=right)
    for code, error in ((400, "BadRequestError"), (404, "NotFoundError"), (501, "InternalServerError")):
        step = whole({"error": {"code": str(code), "message": "refused for the test"}})
        yield from fails("F31", f"{code}", error, ("request", step), calls=CALLS, fields={"status_code": code})


_OTHER_JSON: dict[str, bytes] = {
    "deep": b"[" * 100_000,
    "deep within": _JSON[:-1] + b', "more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a number of 10,000 digits": _JSON.replace(b'"created": 1', b'"created": 1' + b"0" * 10_000),
    "NaN": _JSON.replace(b'"total_tokens": 3', b'"total_tokens": NaN'),
    "latin-1": _JSON.replace(b"world", b"w\xf6rld"),
    "a second value behind": _JSON + _JSON,
    "words behind": _JSON + b" and more",
}


def _other_json() -> Iterator[Case]:
    for name, body in _OTHER_JSON.items():
        right = {"text": TEXT.replace("o, wo", "o, w\xf6") if name == "latin-1" else TEXT}
        yield from fails("F32", name, _NOT_VALID, ("request", whole(body)), right=right)
    yield from answered("F32", "a byte order mark", whole("\ufeff".encode() + _JSON))
    yield from answered("F32", "UTF-16", whole(_JSON.decode().encode("utf-16")))


def _compressed() -> Iterator[Case]:
    packed = gzip.compress(_JSON)
    good = {"one member": packed, "two members": gzip.compress(_JSON[:20]) + gzip.compress(_JSON[20:])}
    for name, data in good.items():
        yield from answered("F34", name, whole(data, content_encoding="gzip"))
    broken = {
        "corrupt": packed[:30] + b"\xff" * 20 + packed[50:],
        "cut short": packed[:-12],
        "not compressed": _JSON,
    }
    for name, data in broken.items():
        yield from fails("F34", name, _NOT_VALID, ("request", whole(data, content_encoding="gzip")))
    events = {"content_encoding": "gzip", "ctype": "text/event-stream"}
    packed = gzip.compress(EVENTS)
    yield from answered("F34", "events", whole(packed, **events), calls=("stream",))
    cut = gzip.compress(EVENTS[:200])[:-12]
    yield from fails("F34", "events cut short", _NOT_VALID, ("request", whole(cut, **events)), calls=("stream",))
