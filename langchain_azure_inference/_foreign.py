"""Content blocks that other providers have, and tools may return, as those of langchain-core."""

from __future__ import annotations

import base64
import json
from typing import Any, cast

from azure_inference import ConfigurationError


def to_known(block: dict[str, Any]) -> dict[str, Any]:
    """The block of langchain-core's that says the same; the block itself if it is one, or of a kind nobody knows."""
    match block:
        case {"json": value}:
            return _text(_json(value))
        case {"guard_content": {"text": {"text": str(text)} | str(text)}} | {"type": "input_text", "text": str(text)}:
            return _text(text)
        case {"type": "search_result"}:
            return _text("\n".join(_found(block)))
        case {"type": "input_image", "image_url": str(url)}:
            return {"type": "image", "url": url, "extras": {"detail": block.get("detail")}}
        case {"type": "media", "mime_type": str(mime_type), "data": str() | bytes() as data}:
            kind = mime_type.partition("/")[0]
            written = base64.b64encode(data).decode() if isinstance(data, bytes) else data
            return {"type": kind if kind in ("image", "audio") else "file", "base64": written, "mime_type": mime_type}
        case _:
            return block


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"a content block of type 'json' cannot be sent: {error}") from None


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _found(result: dict[str, Any]) -> list[str]:
    """What a result of a search says: its title, its source, its texts."""
    content: Any = result.get("content")
    parts: list[Any] = [
        result.get("title"),
        result.get("source"),
        *(content if isinstance(content, list) else [content]),
    ]
    texts: list[Any] = [cast("dict[str, Any]", part).get("text") if isinstance(part, dict) else part for part in parts]
    return [text for text in texts if isinstance(text, str) and text]
