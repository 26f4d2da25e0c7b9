"""The standard content blocks of our messages, as `content_blocks` and `output_version="v1"` show them."""

from __future__ import annotations

from typing import Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.block_translators import register_translator
from langchain_core.messages.content import KNOWN_BLOCK_TYPES, ContentBlock

PROVIDER = "azure_inference"


def to_blocks(message: AIMessage) -> list[ContentBlock]:
    """The blocks of a whole message: thoughts, text, refusal, calls."""
    calls = [{"type": "tool_call", "name": c["name"], "args": c["args"], "id": c["id"]} for c in message.tool_calls]
    return cast("list[ContentBlock]", [*_all_but_calls(message), *calls])


def to_chunk_blocks(message: AIMessageChunk) -> list[ContentBlock]:
    """The blocks of a chunk.

    Each kind has an index of its own: langchain-core adds up what has the same one, and numbers calls from 0.
    """
    if message.chunk_position == "last":
        return to_blocks(message)
    said = [{**block, "index": f"lc_{block['type']}_0"} for block in _all_but_calls(message)]
    return cast("list[ContentBlock]", [*said, *message.tool_call_chunks])


def _all_but_calls(message: AIMessage) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if thought := message.additional_kwargs.get("reasoning_content"):
        blocks.append({"type": "reasoning", "reasoning": thought})
    if isinstance(message.content, str):
        if message.content:
            blocks.append({"type": "text", "text": message.content})
    else:
        blocks += [{"type": "text", "text": b} if isinstance(b, str) else b for b in message.content]
    if refusal := message.additional_kwargs.get("refusal"):
        # A standard block since langchain-core 1.7.5.
        block = {"type": "refusal", "refusal": refusal}
        blocks.append(block if "refusal" in KNOWN_BLOCK_TYPES else {"type": "non_standard", "value": block})
    return blocks


register_translator(PROVIDER, to_blocks, to_chunk_blocks)
