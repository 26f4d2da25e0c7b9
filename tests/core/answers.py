"""What tests of answers ask for: answers as they come over the wire, whole, in events and in frames."""

from __future__ import annotations

import json
from typing import Any

from azure_inference import ChatCompletion, ChatCompletionChunk, dialects, protocol
from azure_inference.accumulate import ChatAccumulator

from . import endpoints

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


def chunk(*deltas: dict[str, Any], **head: Any) -> dict[str, Any]:
    """A frame with one choice for each delta; `finish_reason`, `index` and the like may stand in a delta's place."""
    return {"choices": [{"index": number, "delta": delta} for number, delta in enumerate(deltas)], **head}


def calls(*pieces: dict[str, Any], **head: Any) -> dict[str, Any]:
    """A frame with pieces of tool calls."""
    return chunk({"tool_calls": list(pieces)}, **head)


def accumulated(*frames: dict[str, Any]) -> tuple[ChatCompletion, list[ChatCompletionChunk]]:
    """The whole answer of frames, and the chunks as the caller sees them."""
    accumulator = ChatAccumulator()
    seen = [accumulator.add(ChatCompletionChunk.from_value(frame)) for frame in frames]
    result = accumulator.result()
    assert result is not None
    return result, seen


def piece(arguments: Any, name: Any = None, **place: Any) -> dict[str, Any]:
    """A piece of a tool call."""
    return {**place, "function": {"name": name, "arguments": arguments}}
