"""What tests of answers ask for: answers as they come over the wire, whole and in events."""

from __future__ import annotations

import json
from typing import Any

from azure_inference import ChatCompletion, dialects, endpoints, protocol

CALL: Any = protocol.prepare(dialects.resolve("https://x.services.ai.azure.com/models"), endpoints.CHAT_STREAM, None)


def answer(message: Any, **choice: Any) -> ChatCompletion:
    """An answer of one message, as it comes over the wire."""
    return ChatCompletion.model_validate_json(json.dumps({"choices": [{"message": message, **choice}]}))


def frame(delta: dict[str, Any], finish_reason: str | None = None, **head: Any) -> bytes:
    """An event of a stream with one choice."""
    value = {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def chunks_of(reader: Any) -> list[Any]:
    """The chunks that a reader has ready; raises the error after them."""
    chunks: list[Any] = []
    while (chunk := reader.next()) is not None:
        chunks.append(chunk)
    return chunks
