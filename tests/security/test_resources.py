"""What a hostile service, a careless caller and the operating system cost: memory, connections, files, in numbers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from azure_inference import sse

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
MEBIBYTE = 1024 * 1024
ANSWER = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}
EVENT = b'data: {"choices": [{"index": 0, "delta": {"content": "hello"}}]}\n\n'
END = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
ENGINES = {"sync": ("", ""), "async": ("async ", ""), "async over httpx": ("async ", "httpx")}


def bomb(begin: bytes) -> bytes:
    """256 MiB of blanks, compressed a thousandfold."""
    packer = zlib.compressobj(wbits=31)
    return b"".join([packer.compress(begin), *(packer.compress(b" " * MEBIBYTE) for _ in range(256)), packer.flush()])


BOMBS = {"bomb": bomb(b"{"), "event-bomb": bomb(b"data: ")}


class Handler(BaseHTTPRequestHandler):
    """Answers by its path, or by the header `x-want`: with the id that is wanted, or with something hostile."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        wanted = self.headers.get("x-want")
        path = self.path.partition("?")[0].strip("/").split("/")
        kind = "stream" if wanted == "stream" else "warm" if wanted or "warm" in path else path[0]
        if kind in BOMBS:
            self.send_bomb(BOMBS[kind])
        else:
            getattr(self, f"send_{kind}")(wanted, asked.get("stream"))

    def send_warm(self, wanted: str | None, streams: bool | None) -> None:
        body = (
            EVENT + END
            if streams
            else json.dumps({"id": "c" if wanted in (None, "answer") else wanted, **ANSWER}).encode()
        )
        self._head(f"content-length: {len(body)}")
        self.wfile.write(body)

    send_answers = send_warm

    def send_stream(self, *_: Any) -> None:
        self._head("connection: close")
        self.wfile.write(EVENT)
        self.rfile.read(1)
        self.close_connection = True

    def send_nothing(self, *_: Any) -> None:
        self.rfile.read(1)
        self.close_connection = True

    def send_fast(self, *_: Any) -> None:
        self._head("connection: close")
        self._flood(EVENT * 1000)

    def send_bomb(self, packed: bytes) -> None:
        self._head("content-encoding: gzip", f"content-length: {len(packed)}")
        self._flood(packed, 1)

    def send_endless(self, *_: Any) -> None:
        self._head("connection: close")
        self.wfile.write(b"[")
        self._flood(b" " * MEBIBYTE)

    def send_line(self, *_: Any) -> None:
        self._head("connection: close")
        self.wfile.write(b"data: ")
        self._flood(b"x" * MEBIBYTE)

    def _head(self, *headers: str) -> None:
        self.wfile.write("\r\n".join(["HTTP/1.1 200 OK", *headers, "\r\n"]).encode())
        self.close_connection = "connection: close" in headers

    def _flood(self, piece: bytes, times: int = 100_000) -> None:
        try:
            for _ in range(times):
                self.wfile.write(piece)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 600

    def handle_error(self, *_: Any) -> None:
        """Clients hang up here."""


@pytest.fixture(scope="module")
def hostile() -> Iterator[str]:
    """The root of a server that answers by its path."""
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def probe(name: str, url: str, method: str, engine: str = "") -> dict[str, Any]:
    """What a probe measures, in a process in which warnings are shown; it must have nothing else to say."""
    command = [sys.executable, "-W", "error", "-m", "tests.security.probes", name, url, method, engine]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=50, check=False)
    assert ended.stderr == ""
    return dict(json.loads(ended.stdout))


BODIES = {
    "a gzip bomb of 256 MiB": ("bomb", "chat", 130),
    "a body without end": ("endless", "chat", 130),
    "a gzip bomb in place of a stream": ("bomb", "stream_chat", 130),
    "an event that is a gzip bomb": ("event-bomb", "stream_chat", 40),
    "a line without end": ("line", "stream_chat", 40),
}


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize(("path", "method", "limit"), BODIES.values(), ids=BODIES)
def test_memory(hostile: str, kind: str, path: str, method: str, limit: int) -> None:
    """An answer that never ends costs memory up to twice its limit, and a typed error."""
    prefix, engine = ENGINES[kind]
    measured = probe("growth", f"{hostile}/{path}", prefix + method, engine)

    assert measured["first"] == "answer"
    assert measured["outcome"] == "ResponseValidationError"
    assert measured["bytes"] < limit * MEBIBYTE


class Searched(bytearray):
    """Counts the bytes that are looked at when something is searched in it."""

    count = 0

    def rfind(self, sub: Any, start: Any = 0, *end: Any) -> int:
        Searched.count += len(self) - start
        return super().rfind(sub, start, *end)


def test_large_events_are_read_in_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many pieces an event comes in, none of its bytes is searched again with every piece."""
    monkeypatch.setattr(sse, "bytearray", Searched, raising=False)
    monkeypatch.setattr(Searched, "count", 0)
    decoder = sse.Decoder()
    event = b"data: " + b"h" * MEBIBYTE + b"\n\n"
    pieces = [event[start : start + 100] for start in range(0, len(event), 100)]
    events = [one for piece in pieces for one in decoder.feed(piece)]

    assert [len(one) for one in events] == [MEBIBYTE]
    assert len(event) <= Searched.count <= len(event) + 2 * len(pieces)


@pytest.mark.parametrize("kind", ENGINES)
def test_abandoned_streams(hostile: str, kind: str) -> None:
    """Of 500 streams that were closed, broken off, cancelled or dropped, at most one is open; the next call works."""
    method, engine = "async" if "async" in kind else "sync", ENGINES[kind][1]
    measured = probe("abandoned", f"{hostile}/stream", method, engine)

    assert measured["next"] == "c"
    assert measured["open"] <= 1


@pytest.mark.parametrize("kind", ENGINES)
def test_clients_come_and_go(hostile: str, kind: str) -> None:
    """50 clients that were closed and 50 that were dropped leave no file open, and nothing is said of them."""
    method, engine = "async" if "async" in kind else "sync", ENGINES[kind][1]
    assert probe("clients", f"{hostile}/answers", method, engine) == {"open": 0}


@pytest.mark.parametrize("engine", ["", "httpx"], ids=["aiohttp", "httpx"])
def test_event_loops(hostile: str, engine: str) -> None:
    """One client serves any number of event loops, one after another and at once, also after one that broke off."""
    assert probe("loops", f"{hostile}/answers", "", engine) == {"answers": 35, "right": 35}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_fork(hostile: str) -> None:
    """A client that was used goes on in parent and child at once: no answer crosses over."""
    assert probe("forked", f"{hostile}/answers", "") == {"wrong": 0, "wrong in the child": 0}


@pytest.mark.parametrize(("path", "method"), [("nothing", "chat"), ("stream", "stream_chat")])
def test_interrupts(hostile: str, path: str, method: str) -> None:
    """SIGINT ends a call and a stream, which leave no connection; the client goes on."""
    measured = probe("interrupted", f"{hostile}/{path}", method)

    assert measured["ended"] == "KeyboardInterrupt"
    assert measured["open"] <= 0
    assert measured["next"] == "c"


@pytest.mark.parametrize("kind", ENGINES)
def test_streams_that_are_not_read(hostile: str, kind: str) -> None:
    """A stream that comes faster than it is read waits in the sockets, not in memory."""
    prefix, engine = ENGINES[kind]
    assert probe("unread", f"{hostile}/fast", f"{prefix}stream_chat", engine)["bytes"] < 10 * MEBIBYTE
