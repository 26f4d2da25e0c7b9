"""Connections that break, stall, drip, or do not speak HTTP; redirects, cookies, and bytes that nobody asked for."""

from __future__ import annotations

from collections.abc import Iterator

from tests.faults.answers import (
    EVENTS,
    LASTING,
    STREAM,
    chat,
    chunk,
    event,
    head,
    in_chunks,
    lasting,
    refused,
    whole,
    words,
)
from tests.faults.server import Peer, Step

from ._case import CALLS, Case, Script, answered, fails, passes

_WHOLE = ("chat", "embed")
_SOME = head(content_length=1000)
_BEFORE: dict[str, Script] = {
    "reset before the request": ("reset",),
    "reset before the answer": ("request", "reset"),
    "closed before the answer": ("request",),
}
_WITHIN: dict[str, Script] = {
    "reset in the head": ("request", _SOME[:30], "reset"),
    "reset after the head": ("request", _SOME, "reset"),
    "closed after the head": ("request", _SOME),
    "reset in the body": ("request", _SOME + b'{"id": "c", ', ("wait", 0.02), "reset"),
    "closed in the body": ("request", _SOME + b'{"id": "c", '),
}
_NO_HTTP: dict[str, Script] = {
    "a chunk without a size": ("request", STREAM + b"zz\r\nhello\r\n"),
    "no HTTP": ("request", b"SSH-2.0-OpenSSH_9.6\r\n"),
    "HTTP 0.9": ("request", b"<html>hello</html>"),
    "a header of 200 kB": ("request", head(x="a" * 200_000)),
}


def cases() -> Iterator[Case]:
    """All of them."""
    yield from _breaks()
    yield from _stale()
    yield from _slow()
    yield from _odd_heads()
    yield from _redirects()


def _breaks() -> Iterator[Case]:
    lost = {"requests": None, "fields": {"attempts": 3}}
    for name, script in _BEFORE.items():
        yield from passes("F16", f"{name}, once", script, calls=CALLS, requests=None)
        yield from fails("F16", f"{name}, always", "APIConnectionError", script, calls=CALLS, **lost)
    for name, script in _WITHIN.items():
        for fault, calls in (("F17", _WHOLE), ("F18", ("stream",))):
            yield from passes(fault, f"{name}, once", script, calls=calls)
            yield from fails(fault, f"{name}, always", "APIConnectionError", script, calls=calls, **lost)
    begun = STREAM + in_chunks(words("Hello", finish_reason=None), end=False)
    ends: dict[str, Script] = {
        "reset after the first event": (("wait", 0.05), "reset"),
        "closed after the first event": (),
        "closed in the second event": (in_chunks(event(chunk("lost"))[:20], end=False),),
    }
    told = {"partial": "Hello"}
    for name, steps in ends.items():
        script = ("request", begun, *steps)
        yield from fails("F18", name, "StreamInterruptedError", script, calls=("stream",), **told)


def _stale() -> Iterator[Case]:
    ends: dict[str, tuple[Script, int]] = {
        "closed once idle": ((), 2),
        "closed at the next request": (("request",), 3),
        "reset at the next request": (("request", "reset"), 3),
    }
    for name, (steps, requests) in ends.items():
        for call in CALLS:
            script = ("request", LASTING[call], *steps)
            yield from passes("F19", name, script, calls=(call,), requests=requests, job={"turns": 2})
    smuggled = lasting(chat("smuggled"))
    script = ("request", lasting(chat()) + smuggled, "stall")
    yield from passes("F27", "with the answer", script, job={"turns": 2})
    cookie = whole(chat(), set_cookie="session=1; Path=/")
    script = ("request", cookie)
    yield from passes("F57", "a cookie", script, job={"turns": 2}, never_sent=b"session=1")


def _slow() -> Iterator[Case]:
    silent: dict[str, Script] = {
        "no answer": ("request", "stall"),
        "the head stalls": ("request", _SOME[:30], "stall"),
        "the body stalls": ("request", _SOME + b"{", "stall"),
    }
    for name, script in silent.items():
        yield from fails(
            "F20", name, "APITimeoutError", script, calls=CALLS, limits={"read": 0.15}, fields={"attempts": 1}
        )
    dripping: dict[str, Script] = {
        "the head drips": ("request", b"HTTP/1.1 200 OK\r\nx: ", ("drip", b"a")),
        "the body drips": ("request", head(content_length=99_999), ("drip", b" ")),
        "chunks drip": ("request", head(transfer_encoding="chunked"), ("drip", in_chunks(b" ", end=False))),
    }
    told = {"limits": {"total": 0.25}, "fields": {"attempts": 1, "phase": "total"}}
    for name, script in dripping.items():
        yield from fails("F21", name, "APITimeoutError", script, calls=CALLS, **told)
    comments = ("drip", in_chunks(b": still here\n\n", end=False))
    script = ("request", STREAM, comments)
    yield from fails("F22", "from the start", "APITimeoutError", script, calls=("stream",), **told)
    script = ("request", STREAM + in_chunks(words("Hello", finish_reason=None), end=False), comments)
    idle = {"limits": {"idle": 0.25}, "fields": {"phase": "idle"}, "partial": "Hello"}
    yield from fails("F22", "after the first event", "APITimeoutError", script, calls=("stream",), **idle)
    yield from passes(
        "F23", "longer than any timeout", calls=("stream",), limits={"read": 0.5, "idle": 0.5}, pauses=True
    )


def _odd_heads() -> Iterator[Case]:
    lost = {"requests": 3, "fields": {"attempts": 3}}
    for name, script in _NO_HTTP.items():
        yield from fails("F25", name, "APIConnectionError", script, calls=CALLS, **lost)
    for status in ("100 Continue", "103 Early Hints"):
        announced = f"HTTP/1.1 {status}\r\n\r\n".encode() * 2
        yield from answered("F26", status, announced + whole(chat()))
    too_large = {"fields": {"status_code": 413}, "requests": None, "job": {"size": 3_000_000}}
    yield from fails("F28", "413", "BadRequestError", (refused(413), "stall"), **too_large)
    for ctype in ("text/plain", "application/octet-stream", None):
        body = whole(chat(), ctype=ctype)
        yield from answered("F33", f"{ctype or 'none'}", body)
    for ctype in ("text/plain", None):
        body = head(ctype=ctype, connection="close") + EVENTS
        yield from answered("F33", f"{ctype or 'none'}", body, calls=("stream",))


def _elsewhere(status: int, path: str) -> Step:
    def step(peer: Peer) -> bytes:
        return whole(b"", f"{status} Moved", location=f"{peer.server.elsewhere}{path}")

    return step


def _redirects() -> Iterator[Case]:
    told = {"error": "ResponseValidationError", "fields": {"attempts": 1}}
    for call, path in (("chat", "chat/completions"), ("stream", "chat/completions"), ("embed", "embeddings")):
        for status in (301, 302, 303, 307, 308):
            script = ("request", _elsewhere(status, f"/models/{path}"))
            yield Case(fault="F56", name=f"{status} to another host", call=call, scripts=(script,), **told)
    nearby = {
        "a path": "/models/elsewhere",
        "itself": "/models/chat/completions",
        "a file": "file:///etc/hostname",
        "nothing": "",
    }
    for name, location in nearby.items():
        script = ("request", whole(b"", "307 Moved", location=location))
        yield Case(fault="F56", name=f"307 to {name}", call="chat", scripts=(script,), **told)
    script = ("request", whole(b"", "307 Moved"))
    yield Case(fault="F56", name="307 to nowhere", call="chat", scripts=(script,), **told)
