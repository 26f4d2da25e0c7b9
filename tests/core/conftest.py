"""What tests of the core ask for: either client behind one face, and a server that says what it is told."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import pytest
from hypothesis import settings

from azure_inference import (
    AsyncInferenceClient,
    InferenceClient,
    RetryPolicy,
    to_request,
)
from azure_inference.schema.chat import ChatRequest
from tests.faults.server import PATIENCE, RawServer

from .providers import KINDS, Asked

# The same examples in every run, however slow the machine.
settings.register_profile("core", deadline=None, derandomize=True)
settings.load_profile("core")


class UntilClosed:
    """A piece that is not sent: the server waits until the client has closed the connection."""


@dataclass
class Reply:
    """What the server answers: a whole body, or pieces sent one after another and then cut off unless `whole`."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes | type[UntilClosed] | threading.Event] | None = None
    whole: bool = True


@dataclass
class Received:
    """A request as it came over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    raw_headers: list[tuple[str, str]]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # clients may hang up
            super().handle_error(request, client_address)


class ScriptedServer:
    """A server of the standard library on 127.0.0.1; each request is answered by the next reply, or by the last."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.replies: deque[Reply] = deque()
        self.by_body: Callable[[Any], Reply] | None = None
        self.closed = threading.Semaphore(0)
        self.hung_up = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._connections = 0
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                with scripted._lock:
                    scripted._connections += 1
                    self.number = scripted._connections

            def do_POST(self) -> None:
                scripted._answer(self)

            do_GET = do_POST  # noqa: N815

            def finish(self) -> None:
                super().finish()
                scripted.hung_up.release()

            def log_message(self, *arguments: object) -> None:
                """Says nothing."""

        self._server = _HttpServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/models"

    @property
    def root(self) -> str:
        return self.url.removesuffix("/models")

    @property
    def connections(self) -> int:
        """How many connections were ever made."""
        return self._connections

    def reply(self, *replies: Reply) -> None:
        self.replies.extend(replies)

    def reply_json(self, value: Any, status: int = 200, **headers: str) -> None:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        self.reply(Reply(status, json.dumps(value).encode(), {"content-type": "application/json", **named}))

    def reply_events(self, *events: Any, done: bool = True, whole: bool = True) -> None:
        self.reply(Reply(pieces=[*map(sse, events), *([b"data: [DONE]\n\n"] if done else [])], whole=whole))

    def _answer(self, handler: Any) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        raw = list(handler.headers.raw_items())
        headers = {name.lower(): value for name, value in raw}
        with self._lock:
            self.requests.append(Received(handler.command, handler.path, headers, raw, body, handler.number))
            if self.by_body is not None:
                reply = self.by_body(json.loads(body))
            else:
                reply = self.replies.popleft() if len(self.replies) > 1 else self.replies[0]
        try:
            self._send(handler, reply)
        except OSError:
            handler.close_connection = True
            self.closed.release()

    def _send(self, handler: Any, reply: Reply) -> None:
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        if reply.pieces is None:
            handler.send_header("content-length", str(len(reply.body) + (0 if reply.whole else 10)))
            handler.end_headers()
            handler.wfile.write(reply.body)
            handler.close_connection = not reply.whole
            return
        handler.send_header("transfer-encoding", "chunked")
        handler.send_header("content-type", "text/event-stream")
        handler.end_headers()
        for piece in reply.pieces:
            if isinstance(piece, threading.Event):
                piece.wait(PATIENCE)
            elif isinstance(piece, bytes):
                handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                handler.wfile.flush()
            else:
                handler.connection.settimeout(PATIENCE)
                assert handler.connection.recv(1) == b"", "the client said something while an answer was under way"
                raise ConnectionResetError
        if reply.whole:
            handler.wfile.write(b"0\r\n\r\n")
        else:
            handler.close_connection = True

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE)


def sse(value: Any) -> bytes:
    """An event of a stream: a JSON value, or bytes as they are."""
    return value if isinstance(value, bytes) else b"data: " + json.dumps(value).encode() + b"\n\n"


class Stream:
    """Either kind of stream behind the face of a plain iterator."""

    def __init__(self, either: Either, stream: Any) -> None:
        self._either = either
        self.inner = stream

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if not self._either.is_async:
            return next(self.inner)
        try:
            return self._either.run(anext(self.inner))
        except StopAsyncIteration:
            raise StopIteration from None

    def close(self) -> None:
        self._either.run(self.inner.close())

    @property
    def so_far(self) -> Any:
        return self.inner.so_far


class Either:
    """One of the two clients, called by one body of a test: every method is plain, whichever client is behind it."""

    def __init__(self, *, is_async: bool) -> None:
        self.is_async = is_async
        self._runner = asyncio.Runner() if is_async else None
        self._clients: list[Any] = []

    def run(self, outcome: Any) -> Any:
        if self._runner is None or not asyncio.iscoroutine(outcome):
            return self._runner.run(_awaited(outcome)) if self._runner and hasattr(outcome, "__await__") else outcome
        return self._runner.run(outcome)

    def client(self, endpoint: str | None = None, credential: Any = "canary-5ecret", **options: Any) -> Any:
        options.setdefault("retry", RetryPolicy(first_delay=0))
        if options["retry"] is None:
            del options["retry"]
        kind = AsyncInferenceClient if self.is_async else InferenceClient
        client = kind(endpoint, credential, **options)
        self._clients.append(client)
        return _Plain(self, client)

    def close(self) -> None:
        for client in self._clients:
            self.run(client.close())
        if self._runner is not None:
            self._runner.close()


class _Plain:
    """A client whose methods return what the real ones return, awaited if need be."""

    def __init__(self, either: Either, client: Any) -> None:
        self._either = either
        self.inner = client

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def method(*arguments: Any, **options: Any) -> Any:
            answer = self._either.run(getattr(self.inner, name)(*arguments, **options))
            return Stream(self._either, answer) if name.startswith("stream") else answer

        return method


async def _awaited(outcome: Any) -> Any:
    return await outcome


@pytest.fixture(params=["sync", "sync over h11", "async", "async over httpx"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Either]:
    """The plain client and the async one, each also where what it is fastest with is not installed, in turn."""
    if "over" in request.param:
        monkeypatch.setattr("azure_inference.transport._engines.find_spec", lambda name: None)
        monkeypatch.setitem(sys.modules, "azure_inference.transport._llhttp", None)
    either = Either(is_async=request.param.startswith("async"))
    yield either
    either.close()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server that says what the test tells it to."""
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def raw() -> Iterator[RawServer]:
    """A server that does to its connections what the test tells it to."""
    with RawServer() as server:
        yield server


@pytest.fixture
def reply() -> type[Reply]:
    """The class of what a server is told to say."""
    return Reply


@pytest.fixture
def until_closed() -> type[UntilClosed]:
    """The piece at which a server waits for the client to hang up."""
    return UntilClosed


@pytest.fixture
def chat_request() -> ChatRequest:
    """The shortest conversation."""
    return to_request(ChatRequest, {"messages": [{"role": "user", "content": "hello"}]})


@pytest.fixture(params=KINDS)
def asked(request: pytest.FixtureRequest) -> Iterator[Asked]:
    """Sync and async providers, for sync and async callers."""
    asked = Asked(request.param)
    yield asked
    asked.close()


@pytest.fixture
def in_thread() -> Iterator[Asked]:
    """A sync provider for sync callers."""
    asked = Asked("sync")
    yield asked
    asked.close()
