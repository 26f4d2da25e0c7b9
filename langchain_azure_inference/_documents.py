"""Documents as the text they hold, since the API takes none."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

from azure_inference import ConfigurationError


def to_text(block: Mapping[str, Any]) -> str:
    """The text of a `file` block that holds its data.

    Raises:
        ConfigurationError: It cannot be read here, or there is no text in it.
    """
    mime_type = str(block.get("mime_type"))
    if not block.get("base64"):
        raise ConfigurationError("the API takes no documents: load the file, and pass its text or its data as base64")
    data = base64.b64decode(block["base64"])
    if mime_type.startswith("text/"):
        text = data.decode("utf-8", "replace")
    elif mime_type == "application/pdf":
        text = _of_pdf(data)
    else:
        raise ConfigurationError(f"a file of type {mime_type!r} cannot be sent: pass the text it holds")
    if not text.strip():
        raise ConfigurationError(f"a file of type {mime_type!r} holds no text: send images of its pages")
    return text


def _of_pdf(data: bytes) -> str:
    try:
        from pypdf import PdfReader  # noqa: PLC0415 - only who sends a PDF needs it
        from pypdf.errors import PyPdfError  # noqa: PLC0415 - same
    except ImportError:
        raise ConfigurationError(
            "the API takes no PDF; its text can be sent if pypdf is there: pip install pypdf"
        ) from None
    try:
        return "\n\n".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)
    except PyPdfError as error:
        raise ConfigurationError(f"a PDF cannot be read ({error}): pass the text it holds") from error
