"""Answers of the service as they go over the wire: right ones, and the parts that wrong ones are made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from .server import Peer, Step

TEXT = "Hello, world."
"""What the model says in every right answer."""
PIECES = ("Hello", ", ", "world.")
"""The same as a stream brings it."""
DONE = b"data: [DONE]\n\n"
CALL_NAME, CALL_ARGUMENTS = "get_weather", {"city": "Paris"}
"""The tool call of every right answer that is one."""
_HEAD = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
_USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
Rows = list[dict[str, Any]]


def head(status: str = "200 OK", ctype: str | None = "application/json", **fields: object) -> bytes:
    """The head of an answer; `_` in the name of a field stands for `-`."""
    named = {**({} if ctype is None else {"content-type": ctype}), **fields}
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in named.items()]
    return f"HTTP/1.1 {status}\r\n{''.join(lines)}\r\n".encode()


def whole(body: Any, status: str = "200 OK", *, ctype: str | None = "application/json", **fields: object) -> bytes:
    """An answer with its length, the last of its connection; a body that is not bytes is sent as JSON."""
    return lasting(body, status, ctype=ctype, connection="close", **fields)


def lasting(body: Any, status: str = "200 OK", *, ctype: str | None = "application/json", **fields: object) -> bytes:
    """An answer with its length, after which the connection stays open."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return head(status, ctype, content_length=len(data), **fields) + data


def refused(status: int, body: Any = None, **fields: object) -> bytes:
    """A refusal of the service."""
    told = {"error": {"code": str(status), "message": "refused for the test"}} if body is None else body
    return whole(told, f"{status} Refused", **fields)


def chat(text: str | None = TEXT, finish_reason: str | None = "stop", **message: Any) -> dict[str, Any]:
    """A chat answer."""
    told = {"role": "assistant", "content": text, **message}
    return {**_HEAD, "choices": [{"index": 0, "message": told, "finish_reason": finish_reason}], "usage": _USAGE}


def chunk(content: str | None = None, finish_reason: str | None = None, **delta: Any) -> dict[str, Any]:
    """A chunk of a streamed chat answer."""
    told = {**({} if content is None else {"content": content}), **delta}
    choice = {"index": 0, "delta": told, "finish_reason": finish_reason}
    return {**_HEAD, "object": "chat.completion.chunk", "choices": [choice]}


def event(value: Any) -> bytes:
    """An event of a stream that brings JSON."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def words(*texts: str, finish_reason: str | None = "stop") -> bytes:
    """The events of an answer: its pieces, then why it ended, unless that is None."""
    pieces = [event(chunk(text, role="assistant")) for text in texts]
    return b"".join([*pieces, *([event(chunk(finish_reason=finish_reason))] if finish_reason else [])])


EVENTS = words(*PIECES) + DONE
"""The whole right answer as events."""


def in_chunks(*pieces: bytes, end: bool = True) -> bytes:
    """A body in chunks; without its end it is cut short."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + (b"0\r\n\r\n" if end else b"")


STREAM = head(ctype="text/event-stream", transfer_encoding="chunked", connection="close")


def streamed(*pieces: bytes, end: bool = True, **fields: object) -> bytes:
    """An answer in events."""
    named = {"transfer_encoding": "chunked", "connection": "close", **fields}
    return head(ctype="text/event-stream", **named) + in_chunks(*pieces, end=end)


def vector(text: str) -> list[float]:
    """The right vector of a text that ends in its number."""
    return [float(text.rsplit(" ", 1)[-1]), 0.5, -0.25]


def inputs(peer: Peer) -> list[str]:
    """The texts that a request wants to have embedded."""
    return list(json.loads(peer.body)["input"]) if peer.body else []


def rows(texts: Iterable[str]) -> Rows:
    """The right rows of texts."""
    return [{"object": "embedding", "index": i, "embedding": vector(text)} for i, text in enumerate(texts)]


def embeddings(data: Any) -> dict[str, Any]:
    """An embeddings answer of rows."""
    return {"object": "list", "model": "m", "data": data, "usage": _USAGE}


def embedded(change: Callable[[Rows], Any] = lambda told: told, send: Callable[..., bytes] = whole) -> Step:
    """The step that answers with the vectors of what was asked for, after a change to their rows."""
    return lambda peer: send(embeddings(change(rows(inputs(peer)))))


GOOD: dict[str, tuple[Step, ...]] = {
    "chat": ("request", whole(chat())),
    "stream": ("request", streamed(EVENTS)),
    "embed": ("request", embedded()),
}
"""What a connection does whose request is answered rightly."""
ELSEWHERE: dict[str, tuple[Step, ...]] = {
    "chat": ("request", whole(chat("from elsewhere"))),
    "stream": ("request", streamed(words("from elsewhere") + DONE)),
    "embed": ("request", whole(embeddings(rows(["text 7", "text 8", "text 9"])))),
}
"""What another host answers."""
LASTING: dict[str, Step] = {
    "chat": lasting(chat()),
    "stream": streamed(EVENTS, connection="keep-alive"),
    "embed": embedded(send=lasting),
}
"""Right answers after which the connection stays open."""


def call_delta(arguments: str, *, index: int | None = 0, first: bool = False) -> dict[str, Any]:
    """A piece of a tool call, as a delta."""
    name = {"id": "call-1", "type": "function"} if first else {}
    function = {**({"name": CALL_NAME} if first else {}), "arguments": arguments}
    return {"tool_calls": [{**({} if index is None else {"index": index}), **name, "function": function}]}


def call_events(*arguments: str, index: int | None = 0, finish_reason: str | None = "tool_calls") -> bytes:
    """The events of a tool call whose arguments come in pieces."""
    pieces = [event(chunk(**call_delta(text, index=index, first=not at))) for at, text in enumerate(arguments)]
    return b"".join([*pieces, *([event(chunk(finish_reason=finish_reason))] if finish_reason else [])])


def call_message(arguments: str) -> list[dict[str, Any]]:
    """The tool calls of a whole answer."""
    return [{"id": "call-1", "type": "function", "function": {"name": CALL_NAME, "arguments": arguments}}]
