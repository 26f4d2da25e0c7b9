"""What the API has no place for, in the form that it has: documents as text, files of images."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

from . import schema
from .errors import ConfigurationError, kind_of
from .schema._media import media_type_of

_EXCERPT = 80
_ADDRESS = r"[A-Za-z][A-Za-z0-9+.-]+:"
"""The scheme of a URL; a drive of Windows has one letter."""
_IS_TEXT = (
    r"(?i)text/.*|application/(?:x-)?(?:json|jsonl|ndjson|xml|yaml|toml|csv|javascript|sql|sh|tex|latex)"
    r"|.*\+(?:json|xml|yaml)"
)
"""Media types of text, without their parameters."""


def document_text(data: bytes, mime_type: str | None) -> str:
    """The text of a document: of a PDF by pypdf, which must be installed for that; other text as it is.

    Raises:
        ConfigurationError: It cannot be read here, or there is no text in it.
    """
    if mime_type == "application/pdf" or data.startswith(b"%PDF-"):
        text = _of_pdf(data)
    elif mime_type is None or re.fullmatch(_IS_TEXT, mime_type.partition(";")[0].rstrip()):
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
            raise ConfigurationError(
                "a file of unknown type is not text: pass its type, or the text it holds"
            ) from None
        return data.decode("utf-8", "replace")


def _of_pdf(data: bytes) -> str:
    try:
        from pypdf import PdfReader  # noqa: PLC0415 - only who sends a PDF needs it
        from pypdf.errors import PyPdfError  # noqa: PLC0415 - same
    except ImportError:
        raise ConfigurationError(
            'the API takes no PDF; its text can be sent if pypdf is installed: pip install "azure-inference[pdf]"'
        ) from None
    try:
        return "\n\n".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)
    except PyPdfError as error:
        raise ConfigurationError(f"a PDF cannot be read ({error}): pass the text it holds") from error


def to_image_input(
    image: schema.embeddings.ImageInput | str | Path | bytes | io.BytesIO,
) -> schema.embeddings.ImageInput:
    """An image to embed as the API takes it, in a `data:` URL; nothing is fetched.

    Args:
        image: An `ImageInput` or a `data:` URL, which stay as they are, a file, or the bytes of one.

    Raises:
        ConfigurationError: It is an address, cannot be read, or is no image of a kind that is told by its first bytes.
    """
    if isinstance(image, schema.embeddings.ImageInput):
        return image
    given: Any = image
    if not isinstance(given, str | Path | bytes | io.BytesIO):
        raise ConfigurationError(f"an image is {kind_of(given)}: pass a file, a data: URL, or an ImageInput")
    if isinstance(image, str | Path) and re.match(_ADDRESS, str(image)):
        return _to_data_url(str(image))
    try:
        data = Path(image).read_bytes() if isinstance(image, str | Path) else _bytes_of(image)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(f"{_shown(image)} cannot be read: {why}") from None
    mime_type = media_type_of(data, "image")
    if mime_type is None:
        raise ConfigurationError(
            f"{_shown(image)} is not a PNG, JPEG, GIF, WebP, BMP or TIFF: pass an image of another kind as an "
            "ImageInput, made with its mime_type"
        )
    return schema.embeddings.ImageInput.from_bytes(data, mime_type=mime_type)


def _to_data_url(address: str) -> schema.embeddings.ImageInput:
    if address.startswith("data:"):
        return schema.embeddings.ImageInput(image=address)
    raise ConfigurationError(
        f"{_shown(address)} is an address, and the API does not fetch images to embed: pass a file or a data: URL"
    )


def _bytes_of(image: bytes | io.BytesIO) -> bytes:
    return image.getvalue() if isinstance(image, io.BytesIO) else image


def _shown(image: object) -> str:
    return str(image)[:_EXCERPT] if isinstance(image, str | Path) else "an image in memory"
