"""Streamed chunks to LangChain message chunks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.tool import tool_call, tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk
from pydantic import model_validator

from azure_inference import ChatCompletion, ChatCompletionChunk, Delta, parse_arguments

from ._blocks import PROVIDER
from ._messages import to_broken, to_metadata, to_usage


class AnswerChunk(AIMessageChunk):
    """A message chunk whose sum tells the truth about tool calls.

    langchain-core completes broken JSON when it adds chunks up. That is right while a stream runs, and wrong at its
    end: there a call with broken arguments is an invalid one, as in an answer that was not streamed.
    """

    @classmethod
    def lc_id(cls) -> list[str]:
        """Serialized as what it is to everybody else."""
        return AIMessageChunk.lc_id()

    @model_validator(mode="after")
    def _tell_broken_calls(self) -> Self:
        if self.chunk_position == "last" and self.tool_call_chunks:
            read = [(piece, parse_arguments(piece["args"] or "")) for piece in self.tool_call_chunks]
            self.tool_calls = [
                tool_call(name=piece["name"] or "", args=arguments, id=piece["id"])
                for piece, arguments in read
                if arguments is not None
            ]
            self.invalid_tool_calls = [
                to_broken(piece["name"], piece["args"], piece["id"]) for piece, arguments in read if arguments is None
            ]
            self._tell_broken_blocks()
        return self

    def _tell_broken_blocks(self) -> None:
        broken = {call["id"]: call for call in self.invalid_tool_calls}
        kinds = ("tool_call", "tool_call_chunk")
        if isinstance(self.content, list):
            self.content = [
                {**broken[block["id"]], "index": block.get("index")}
                if isinstance(block, dict) and block.get("type") in kinds and block.get("id") in broken
                else block
                for block in self.content
            ]


def to_chunks(chunk: ChatCompletionChunk) -> Iterator[ChatGenerationChunk]:
    """What a chunk says, in LangChain chunks of one kind of content each; only the first choice can be streamed."""
    for choice in chunk.choices:
        if not choice.index:
            for message in _messages(choice.delta):
                yield ChatGenerationChunk(message=message)


def _messages(delta: Delta) -> Iterator[AnswerChunk]:
    if thought := delta.reasoning_text:
        yield _chunk(additional_kwargs={"reasoning_content": thought})
    if text := delta.text:
        yield _chunk(text)
    if delta.refusal:
        yield _chunk(additional_kwargs={"refusal": delta.refusal})
    if delta.audio:
        yield _chunk(additional_kwargs={"audio": delta.audio.model_dump(exclude_none=True)})
    if delta.tool_calls:
        yield _chunk(
            tool_call_chunks=[
                tool_call_chunk(
                    name=piece.function.name or None,
                    args=piece.function.arguments,
                    id=piece.id or None,
                    index=piece.index,
                )
                for piece in delta.tool_calls
            ]
        )


def _chunk(content: Any = "", **fields: Any) -> AnswerChunk:
    return AnswerChunk(content=content, response_metadata={"model_provider": PROVIDER}, **fields)


def to_last_chunk(answer: ChatCompletion) -> ChatGenerationChunk:
    """The end of a stream: all that is said once, from the answer as it was put together."""
    choice = next((choice for choice in answer.choices if not choice.index), answer.choices[0])
    message = AnswerChunk(
        content="",
        response_metadata=to_metadata(answer, choice),
        usage_metadata=to_usage(answer.usage),
        chunk_position="last",
    )
    info = {"finish_reason": choice.finish_reason} if choice.finish_reason else None
    return ChatGenerationChunk(message=message, generation_info=info)
