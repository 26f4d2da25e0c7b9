"""A chat server that says what it is told, whole or in pieces as the client asks; for shapes no polite server has."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}


def call(name: str, arguments: Any, call_id: str = "call-1") -> dict[str, Any]:
    """A tool call on the wire; arguments that are no text become JSON text."""
    text = arguments if isinstance(arguments, str | None) else json.dumps(arguments)
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": text}}


@dataclass
class Says:
    """An answer: what the model says, thinks and calls, and how the server tells it.

    `deltas` replaces the pieces that a stream makes of the message. `choice` is added to the choice that brings the
    reason. A `status` that is not 200 makes it an error with `body`. `cut` ends a stream before its end.
    """

    text: str | None = None
    thought: str | None = None
    calls: list[dict[str, Any]] = field(default_factory=list)
    finish: str | None = None
    choice: dict[str, Any] = field(default_factory=dict)
    deltas: list[dict[str, Any]] | None = None
    status: int = 200
    body: Any = None
    cut: bool = False
    error_event: Any = None
    index: int | None = 0

    @property
    def reason(self) -> str:
        return self.finish or ("tool_calls" if self.calls else "stop")

    def whole(self) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": self.text}
        if self.thought:
            message["reasoning_content"] = self.thought
        if self.calls:
            message["tool_calls"] = self.calls
        choice = {"index": self.index, "finish_reason": self.reason, "message": message, **self.choice}
        return {**_head("chat.completion"), "choices": [choice], "usage": USAGE}

    def pieces(self) -> Iterator[bytes]:
        """The events of the stream."""
        for delta in self.deltas if self.deltas is not None else self._deltas():
            yield _event([{"index": self.index, "finish_reason": None, "delta": delta}])
        if self.error_event is not None:
            yield f"data: {json.dumps(self.error_event)}\n\n".encode()
        elif not self.cut:
            yield _event([{"index": self.index, "finish_reason": self.reason, "delta": {}, **self.choice}])
            yield _event([], usage=USAGE)
            yield b"data: [DONE]\n\n"

    def _deltas(self) -> Iterator[dict[str, Any]]:
        yield {"role": "assistant", "content": ""}
        yield from ({"reasoning_content": piece} for piece in _cut(self.thought))
        yield from ({"content": piece} for piece in _cut(self.text))
        for index, whole in enumerate(self.calls):
            function = whole["function"]
            yield {"tool_calls": [{**whole, "index": index, "function": {"name": function["name"], "arguments": ""}}]}
            for piece in _cut(function["arguments"]):
                yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _cut(text: str | None, size: int = 5) -> Iterable[str]:
    return (text[start : start + size] for start in range(0, len(text or ""), size)) if text else ()


def _head(kind: str) -> dict[str, Any]:
    return {"id": "answer-1", "object": kind, "created": 1, "model": "scripted"}


def _event(choices: list[dict[str, Any]], **more: Any) -> bytes:
    return f"data: {json.dumps({**_head('chat.completion.chunk'), 'choices': choices, **more})}\n\n".encode()


@dataclass
class Vectors:
    """An answer of embeddings: `rows` as they stand in `data`; by default one a text, telling its length and side."""

    rows: list[dict[str, Any]] | None = None

    def whole(self, request: dict[str, Any]) -> dict[str, Any]:
        side = {"query": 1.0, "document": 2.0}.get(request.get("input_type"), 0.0)
        vectors = [[float(len(str(one))), side] for one in request["input"]]
        rows = [{"index": index, "object": "embedding", "embedding": vector} for index, vector in enumerate(vectors)]
        answer = {"object": "list", "model": "scripted", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
        return {**answer, "data": rows if self.rows is None else self.rows}


class ScriptedServer:
    """Answers each request with the next of its replies, and the last one from then on."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.replies: list[Says | Vectors] = [Says("All is well.")]
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def root(self) -> str:
        """The base URL; every path below it is answered."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def will(self, *replies: Says | Vectors) -> None:
        """Sets the replies and forgets what was asked."""
        self.replies = list(replies)
        self.bodies.clear()
        self.headers.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reply_to(self, headers: dict[str, str], body: dict[str, Any]) -> Says | Vectors:
        with self._lock:
            self.bodies.append(body)
            self.headers.append(headers)
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


def _handler(script: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            reply = script.reply_to({name.lower(): value for name, value in self.headers.items()}, body)
            if isinstance(reply, Vectors):
                self._send(200, "application/json", [json.dumps(reply.whole(body)).encode()])
            elif reply.status != 200:
                self._send(reply.status, "application/json", [json.dumps(reply.body).encode()])
            elif body.get("stream"):
                self._send(200, "text/event-stream", reply.pieces())
            else:
                self._send(200, "application/json", [json.dumps(reply.whole()).encode()])

        def do_GET(self) -> None:
            script.bodies.append({"GET": self.path})
            self._send(404, "application/json", [b'{"error":{"code":"404","message":"Resource not found"}}'])

        def _send(self, status: int, kind: str, pieces: Iterable[bytes]) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("connection", "close")
            self.end_headers()
            for piece in pieces:
                self.wfile.write(piece)
            self.close_connection = True

        def log_message(self, *arguments: object) -> None:
            """Says nothing."""

    return Handler
