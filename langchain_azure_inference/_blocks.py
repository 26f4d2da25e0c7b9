"""The standard content blocks of our messages, as `content_blocks` and `output_version="v1"` show them."""

from __future__ import annotations

from typing import Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.messages.block_translators import register_translator
from langchain_core.messages.content import KNOWN_BLOCK_TYPES, ContentBlock
from langchain_core.utils.utils import ensure_id

PROVIDER = "azure_inference"
EXTRA_CONTENT = "tool_call_extra_content"
"""Where a message keeps what a model wants back with its calls."""
_TEXT_KINDS = frozenset({"text", "reasoning"})
_OF_CITATIONS = ("url", "title", "start_index", "end_index")


def to_blocks(message: AIMessage) -> list[ContentBlock]:
    """The blocks of a whole message: reasoning, text, refusal, calls."""
    calls = [{"type": "tool_call", "name": c["name"], "args": c["args"], "id": c["id"]} for c in message.tool_calls]
    return cast("list[ContentBlock]", [*_all_but_calls(message), *calls])


def to_chunk_blocks(message: AIMessageChunk) -> list[ContentBlock]:
    """The blocks of a chunk.

    Each kind of text has an index of its own: langchain-core adds up what has the same one, or none, and numbers calls
    from 0.
    """
    if message.chunk_position == "last":
        return to_blocks(message)
    said = [_indexed(block) for block in _all_but_calls(message)]
    return cast("list[ContentBlock]", [*said, *message.tool_call_chunks])


def _indexed(block: dict[str, Any]) -> dict[str, Any]:
    """A block with the index of its kind if it is text, which comes in pieces; what comes whole has one of its own."""
    kind = block["type"]
    return {**block, "index": f"lc_{kind}_0" if kind in _TEXT_KINDS else ensure_id(block.get("id"))}


def _all_but_calls(message: AIMessage) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if reasoning := message.additional_kwargs.get("reasoning_content"):
        blocks.append({"type": "reasoning", "reasoning": reasoning})
    if isinstance(message.content, str):
        if message.content:
            blocks.append({"type": "text", "text": message.content})
    else:
        read: list[Any] = list(HumanMessage(message.content).content_blocks)
        blocks += [block for block in read if block.get("text") != ""]
    annotations: Any = message.additional_kwargs.get("annotations")
    if annotations and isinstance(annotations, list):
        _annotate(blocks, cast("Any", annotations))
    if refusal := message.additional_kwargs.get("refusal"):
        # A standard block since langchain-core 1.7.5.
        block = {"type": "refusal", "refusal": refusal}
        blocks.append(block if "refusal" in KNOWN_BLOCK_TYPES else {"type": "non_standard", "value": block})
    return blocks


def _annotate(blocks: list[dict[str, Any]], annotations: list[Any]) -> None:
    """Adds annotations to the last text there is; at the end of a stream that is elsewhere, and found by its index."""
    texts = [position for position, block in enumerate(blocks) if block["type"] == "text"]
    if not texts:
        blocks.append({"type": "text", "text": "", "index": "lc_text_0"})
    position = texts[-1] if texts else -1
    blocks[position] = {**blocks[position], "annotations": [_annotation(each) for each in annotations]}


def _annotation(annotation: Any) -> dict[str, Any]:
    """A citation as langchain-core has it; of any other annotation, what the service says."""
    found = cast("dict[str, Any]", annotation).get("url_citation") if isinstance(annotation, dict) else None
    if not isinstance(found, dict):
        return {"type": "non_standard_annotation", "value": annotation}
    cited = cast("dict[str, Any]", found)
    known = {name: cited[name] for name in _OF_CITATIONS if cited.get(name) is not None}
    extras = {name: value for name, value in cited.items() if name not in _OF_CITATIONS}
    return {"type": "citation", **known, **({"extras": extras} if extras else {})}


register_translator(PROVIDER, to_blocks, to_chunk_blocks)
