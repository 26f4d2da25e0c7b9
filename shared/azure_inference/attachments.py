"""What the API has no place for, in the form that it has: documents as text, media of tools as messages of the user."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import ConfigurationError

_ELSEWHERE = "(see the next message of the user)"
_IS_TEXT = re.compile(
    r"text/.*|application/(?:x-)?(?:json|jsonl|ndjson|xml|yaml|toml|csv|javascript|sql|sh|tex|latex)|.*\+(?:json|xml|yaml)",
    re.IGNORECASE,
)
"""Media types of text, without their parameters."""


def document_text(data: bytes, mime_type: str | None) -> str:
    """The text of a document: of a PDF by pypdf, which must be installed for that; other text as it is.

    Raises:
        ConfigurationError: It cannot be read here, or there is no text in it.
    """
    if mime_type == "application/pdf" or data.startswith(b"%PDF-"):
        text = _of_pdf(data)
    elif mime_type is None or _IS_TEXT.fullmatch(mime_type.partition(";")[0].rstrip()):
        text = _decoded(data, mime_type)
    else:
        raise ConfigurationError(f"a file of type {mime_type!r} cannot be sent: pass the text it holds")
    if not text.strip():
        raise ConfigurationError(f"a file of type {mime_type!r} holds no text: send images of its pages")
    return text


def _decoded(data: bytes, mime_type: str | None) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        if mime_type is None:
            raise ConfigurationError("a file of unknown type is no text: pass its type, or the text it holds") from None
        return data.decode("utf-8", "replace")


def _of_pdf(data: bytes) -> str:
    try:
        from pypdf import PdfReader  # noqa: PLC0415 - only who sends a PDF needs it
        from pypdf.errors import PyPdfError  # noqa: PLC0415 - same
    except ImportError:
        raise ConfigurationError(
            'the API takes no PDF; its text can be sent if pypdf is there: pip install "azure-inference[pdf]"'
        ) from None
    try:
        return "\n\n".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)
    except PyPdfError as error:
        raise ConfigurationError(f"a PDF cannot be read ({error}): pass the text it holds") from error


def move_tool_media(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The messages of a request, with what is no text taken out of the results of tools, which hold text alone.

    It follows after all results of the turn, in a message of the user that tells whose it is. The given messages are
    not changed.
    """
    moved: list[dict[str, Any]] = []
    media: list[dict[str, Any]] = []
    for message in messages:
        if message["role"] == "tool":
            text, taken = _parted(message)
            media += taken
            moved.append({**message, "content": text})
            continue
        if media:
            moved.append({"role": "user", "content": media})
            media = []
        moved.append(dict(message))
    return [*moved, {"role": "user", "content": media}] if media else moved


def _parted(result: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """The text of a result, and the other parts of it, introduced."""
    content = result.get("content") or ""
    if isinstance(content, str):
        return content, []
    text = "\n".join(part["text"] for part in content if part.get("type") == "text")
    media = [part for part in content if part.get("type") != "text"]
    if not media:
        return text, []
    introduced = {"type": "text", "text": f"The result of the tool call {result['tool_call_id']}:"}
    return text or _ELSEWHERE, [introduced, *media]
