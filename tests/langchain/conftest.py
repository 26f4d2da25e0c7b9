"""What the tests of the LangChain adapter share: emulators, small media, and what was really sent."""

from __future__ import annotations

import json
import struct
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.contract.cassettes import FOLDER, Scrubber, options, register

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="session")
def strict_url() -> Iterator[str]:
    """The endpoint of an emulator that refuses whatever the published API does not say."""
    from azure_inference_emulator import running

    with running(strict=True) as url:
        yield f"{url}/models"


class Script:
    """A server that says what a test tells it to, over real HTTP, and keeps what it was asked."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self._replies: list[tuple[int, dict[str, str], bytes]] = []
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                script.requests.append(json.loads(body))
                replies = script._replies
                status, headers, answer = replies.pop(0) if len(replies) > 1 else replies[0]
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(answer))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # a client may hang up
        self.url = f"http://127.0.0.1:{self.server.server_port}/models"

    def says(self, *replies: dict[str, Any] | list[Any] | tuple[int, dict[str, str], bytes]) -> Script:
        """The next answers, the last one repeated: a body, the events of a stream, or status, headers and bytes."""
        self._replies = [self._reply(reply) for reply in replies]
        return self

    @staticmethod
    def _reply(reply: Any) -> tuple[int, dict[str, str], bytes]:
        if isinstance(reply, tuple):
            return reply
        if isinstance(reply, dict):
            return 200, {"content-type": "application/json"}, json.dumps(reply).encode()
        events = [event if isinstance(event, str) else json.dumps(event) for event in reply]
        return 200, {"content-type": "text/event-stream"}, "".join(f"data: {event}\n\n" for event in events).encode()


@pytest.fixture
def script() -> Iterator[Script]:
    """A server that says what the test tells it to."""
    script = Script()
    thread = threading.Thread(target=lambda: script.server.serve_forever(poll_interval=0.01))
    thread.start()
    yield script
    script.server.shutdown()
    script.server.server_close()
    thread.join()


def chat_body(message: dict[str, Any], finish_reason: str = "stop", **more: Any) -> dict[str, Any]:
    """A whole answer."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}
    return {"id": "chat-1", "model": "scripted", "created": 1, "choices": [choice], "usage": USAGE, **more}


def chat_events(*deltas: dict[str, Any], finish_reason: str | None = "stop", done: bool = True) -> list[Any]:
    """The events of a streamed answer, usage in one of its own."""
    head = {"id": "chat-1", "model": "scripted", "created": 1}
    events: list[Any] = [{"id": "", "model": "", "created": 0, "choices": [], "prompt_filter_results": [{"x": 1}]}]
    events += [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    if finish_reason:
        events.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish_reason}]})
        events.append({**head, "choices": [], "usage": USAGE})
    return [*events, "[DONE]"] if done else events


USAGE = {
    "prompt_tokens": 7,
    "completion_tokens": 5,
    "total_tokens": 12,
    "prompt_tokens_details": {"cached_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


@pytest.fixture(scope="session")
def wire() -> SimpleNamespace:
    """Bodies as services write them."""
    return SimpleNamespace(body=chat_body, events=chat_events)


@pytest.fixture
def sent(emulator: Any) -> Callable[[], list[dict[str, Any]]]:
    """Gives the requests that the emulator got in this test, oldest first."""
    journal = f"{emulator.root}/__emulator/requests"
    httpx.delete(journal)
    return lambda: httpx.get(journal).json()


def png() -> bytes:
    """A picture of one red dot."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head, dot = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0), zlib.compress(b"\0\xff\0\0")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", dot) + chunk(b"IEND", b"")


def wav() -> bytes:
    """A hundredth of a second of silence."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16)
    body = b"WAVE" + form + b"data" + struct.pack("<I", 160) + bytes(160)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def pdf() -> bytes:
    """A page that says something."""
    text = b"BT /F1 12 Tf 10 50 Td (A page about cats.) Tj ET"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(text), text),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return b"%sxref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (
        body,
        table,
        len(body),
    )


@pytest.fixture(scope="session")
def media() -> SimpleNamespace:
    """A picture, a sound and a document, as bytes."""
    return SimpleNamespace(png=png(), wav=wav(), pdf=pdf())


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch, media: SimpleNamespace) -> None:
    """What the standard tests download (a picture, a sound, a document) is at hand, so that nothing is downloaded."""
    real = httpx.get

    def get(url: str, **options: Any) -> Any:
        if url.startswith("http://127.0.0.1"):
            return real(url, **options)
        kind = "pdf" if ".pdf" in url else "wav" if url.endswith(".wav") else "png"
        return httpx.Response(200, content=getattr(media, kind))

    monkeypatch.setattr(httpx, "get", get)
    monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "none is sent")


def pytest_recording_configure(vcr: Any) -> None:
    """Tells vcrpy how cassettes are written."""
    register(vcr)


@pytest.fixture(scope="session")
def vcr_config() -> dict[str, Any]:
    """What vcrpy is told: as for all cassettes of this project."""
    return options(Scrubber())


@pytest.fixture(scope="module")
def vcr_cassette_dir() -> str:
    """The one standard test that plays a recording plays one of the emulator."""
    return str(FOLDER / "emulator")


@pytest.fixture
def default_cassette_name() -> str:
    """The same for every emulator: it is asked the same."""
    return "stream-time"
