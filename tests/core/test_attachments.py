"""Documents as text, and images to embed."""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path
from typing import Any

import pytest

from azure_inference import ConfigurationError, ImageInput, document_text, to_image_input


@pytest.mark.parametrize(
    ("data", "mime_type", "text"),
    [
        (b"plain", "text/plain", "plain"),
        (b"# Title", "text/markdown", "# Title"),
        (b"<p>x</p>", "text/html", "<p>x</p>"),
        (b"{}", "application/json", "{}"),
        (b"{}", "application/ld+json; charset=utf-8", "{}"),
        (b"<svg/>", "image/svg+xml", "<svg/>"),
        (b"a: 1", "application/x-yaml", "a: 1"),
        (b"\xef\xbb\xbfmarked", "text/plain", "marked"),
        (b"caf\xe9", "text/plain", "caf�"),
        ("unknown é".encode(), None, "unknown é"),
    ],
)
def test_text(data: bytes, mime_type: str | None, text: str) -> None:
    """Text of any kind is its own text; where the type is not known, what is UTF-8 is text."""
    assert document_text(data, mime_type) == text


@pytest.mark.parametrize(
    ("data", "mime_type", "words"),
    [
        (b"%PDF-1.4", "application/pdf", "PDF cannot be read"),
        (b"%PDF-1.4", None, "PDF cannot be read"),
        (b"PK", "application/zip", "'application/zip' cannot be sent: pass the text"),
        (b"x", "application/jsonish", "'application/jsonish' cannot be sent"),
        (b"\xff\xfe", None, "unknown type is not text: pass its type"),
        (b" \n", "text/plain", "holds no text"),
    ],
)
def test_no_text(data: bytes, mime_type: str | None, words: str) -> None:
    """What has no text is refused with what to do."""
    with pytest.raises(ConfigurationError, match=words):
        document_text(data, mime_type)


def test_without_pypdf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pypdf is missing, a PDF is refused with what to install."""
    monkeypatch.setitem(sys.modules, "pypdf", None)
    with pytest.raises(ConfigurationError, match="azure-inference\\[pdf"):
        document_text(b"%PDF-1.4", "application/pdf")


SIGNS = {
    "png": b"\x89PNG\r\n\x1a\n",
    "jpeg": b"\xff\xd8\xff\xe0",
    "gif": b"GIF89a",
    "webp": b"RIFF\n\0\0\0WEBPVP8 ",
    "bmp": b"BM",
    "tiff": b"II*\0",
}


@pytest.mark.parametrize("kind", SIGNS)
@pytest.mark.parametrize("held", ["bytes", "buffer", "path", "text", "misnamed"])
def test_images_to_embed(tmp_path: Path, kind: str, held: str) -> None:
    """Files and bytes of images go as `data:` URLs of their kind, whatever their names say."""
    data = SIGNS[kind] + b"more"
    file = tmp_path / ("x.txt" if held == "misnamed" else f"x.{kind}")
    file.write_bytes(data)
    image: Any = {"bytes": data, "buffer": io.BytesIO(data), "text": str(file)}.get(held, file)

    encoded = base64.b64encode(data).decode()
    assert to_image_input(image) == ImageInput(image=f"data:image/{kind};base64,{encoded}")


def test_images_that_are_ready() -> None:
    """A `data:` URL and an `ImageInput` stay as they are."""
    ready = ImageInput(image="data:image/heic;base64,AA==", text="a dot")

    assert to_image_input(ready) is ready
    assert to_image_input(ready.image) == ImageInput(image=ready.image)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("https://h/x.png", "^https://h/x.png is an address.*pass a file or a data: URL"),
        (Path("https://h/x.png"), "^https:/h/x.png is an address"),
        ("file:///x.png", "^file:///x.png is an address"),
        ("gone.png", "^gone.png cannot be read: .*No such file"),
        (b"text", "^an image in memory is not a PNG, .*as an ImageInput, made with its mime_type"),
        ("x\0.png", "cannot be read"),
    ],
)
def test_images_that_are_none(image: Any, words: str) -> None:
    """What is no image, or not here, is refused by name."""
    with pytest.raises(ConfigurationError, match=words):
        to_image_input(image)
