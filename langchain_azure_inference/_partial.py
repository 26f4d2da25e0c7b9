"""The sum of a stream that is not over; imported by whoever makes one, since a class of pydantic takes long to make."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage

from ._chunks import AnswerChunk


class _Message:
    """What langchain-core makes the message of a chunk with, which is the class behind the chunk's own."""

    def __new__(cls, *args: Any, **fields: Any) -> Any:
        """An `AIMessage`, in place of another chunk."""
        return AIMessage(*args, **fields) if cls is _Message else super().__new__(cls)


class PartialAnswer(_Message, AnswerChunk):
    """Several pieces of an answer, of which `message_chunk_to_message` and LangGraph make an `AIMessage`."""
