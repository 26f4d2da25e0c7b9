"""Documents as text, and media of tools as messages of the user."""

from __future__ import annotations

import base64
import copy
import io
import sys
from pathlib import Path
from typing import Any

import pytest

from azure_inference import ConfigurationError, ImageInput, document_text, move_tool_media, to_image_input

IMAGE = {"type": "image_url", "image_url": {"url": "https://x/y.png"}}


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
        (b"\xff\xfe", None, "unknown type is no text: pass its type"),
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


def tool(call: str, content: Any) -> dict[str, Any]:
    """The result of a tool."""
    return {"role": "tool", "tool_call_id": call, "content": content}


def shown(call: str) -> list[dict[str, Any]]:
    """The parts that tell of an image of a call."""
    return [{"type": "text", "text": f"The result of the tool call {call}:"}, IMAGE]


SAID = {"role": "user", "content": "so?"}
TEXT = {"type": "text", "text": "1"}
ELSEWHERE = "(see the next message of the user)"


@pytest.mark.parametrize(
    ("messages", "moved"),
    [
        ([SAID, tool("a", "1")], [SAID, tool("a", "1")]),
        ([tool("a", None)], [tool("a", "")]),
        ([tool("a", [TEXT, TEXT])], [tool("a", "1\n1")]),
        (
            [tool("a", [TEXT, {"json": {}}])],
            [tool("a", "1"), {"role": "user", "content": [*shown("a")[:1], {"json": {}}]}],
        ),
        ([tool("a", [TEXT, IMAGE])], [tool("a", "1"), {"role": "user", "content": shown("a")}]),
        (
            [tool("a", [IMAGE]), tool("b", [IMAGE]), SAID, tool("c", [IMAGE])],
            [
                tool("a", ELSEWHERE),
                tool("b", ELSEWHERE),
                {"role": "user", "content": [*shown("a"), *shown("b")]},
                SAID,
                tool("c", ELSEWHERE),
                {"role": "user", "content": shown("c")},
            ],
        ),
    ],
)
def test_media_of_tools(messages: list[dict[str, Any]], moved: list[dict[str, Any]]) -> None:
    """Results of tools become text; what else they hold follows the results of its turn. What was given stays."""
    before = copy.deepcopy(messages)

    assert move_tool_media(messages) == moved
    assert messages == before


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
        (b"text", "^an image in memory is no PNG, .*as an ImageInput, made with its mime_type"),
        ("x\0.png", "cannot be read"),
    ],
)
def test_images_that_are_none(image: Any, words: str) -> None:
    """What is no image, or not here, is refused by name."""
    with pytest.raises(ConfigurationError, match=words):
        to_image_input(image)
