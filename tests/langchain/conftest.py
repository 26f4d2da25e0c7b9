"""What the tests of the LangChain adapter share: emulators, small media, and what was really sent."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from langchain_tests.conftest import base_vcr_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="session")
def strict_url() -> Iterator[str]:
    """The endpoint of an emulator that refuses whatever the published API does not say."""
    from azure_inference_emulator import running

    with running(strict=True) as url:
        yield f"{url}/models"


@pytest.fixture
def sent(emulator: Any) -> Callable[[], list[dict[str, Any]]]:
    """Gives the requests that the emulator got in this test, oldest first."""
    journal = f"{emulator.root}/__emulator/requests"
    httpx.delete(journal)
    return lambda: httpx.get(journal).json()["requests"]


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


@pytest.fixture(scope="session")
def vcr_config() -> dict[str, Any]:
    """A recording fits any port, and holds no header that could hold a secret."""
    config = base_vcr_config()
    kept = {"content-type", "extra-parameters"}

    def without_headers(message: Any) -> Any:
        headers = message["headers"] if isinstance(message, dict) else message.headers
        for name in [name for name in headers if name.lower() not in kept]:
            del headers[name]
        return message

    config |= {
        "cassette_library_dir": str(Path(__file__).parent / "cassettes"),
        "record_mode": "none",
        "match_on": ["method", "path", "query", "body"],
        "filter_headers": [],
    }
    return config | {"before_record_request": without_headers, "before_record_response": without_headers}
