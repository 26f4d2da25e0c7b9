"""Streamed chunks to LangChain message chunks."""

from __future__ import annotations

import json
from typing import Any, Self

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.tool import ToolCallChunk, invalid_tool_call, tool_call, tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk
from pydantic import model_validator
from typing_extensions import override

from azure_inference import ChatCompletion, Choice, ChunkChoice, ToolCallDelta, parse_arguments

from ._answers import to_audio_pieces, to_broken, to_metadata, to_said_once, to_usage
from ._blocks import PROVIDER


class _Message:
    """What langchain-core makes the message of a chunk with, which is the class behind the chunk's own."""

    def __new__(cls, *args: Any, **fields: Any) -> Any:
        """An `AIMessage`, in place of another chunk."""
        return AIMessage(*args, **fields)


class AnswerChunk(_Message, AIMessageChunk):
    """A piece of a streamed answer, or several: their sum with the last one tells the truth about tool calls.

    langchain-core completes broken JSON when it adds chunks up. That is right while a stream runs, and wrong at its
    end: there a call with broken arguments is an invalid one, as in an answer that was not streamed.

    The sum of a whole stream is a plain `AIMessageChunk`, and so is the last chunk.
    """

    __new__ = object.__new__  # chunks themselves are made as ever, by no function of ours

    @classmethod
    def lc_id(cls) -> list[str]:
        """Serialized as what it is to everybody else."""
        return AIMessageChunk.lc_id()

    def __reduce_ex__(self, protocol: Any) -> Any:  # its name, which is not that of a class here, would not do
        return _unpickled, (self.__getstate__(),)

    @model_validator(mode="after")
    def init_tool_calls(self) -> Self:
        """Reads the tool calls, in place of the validator of this name in langchain-core, which it calls."""
        pieces = self.tool_call_chunks
        if not pieces:
            if self.tool_calls or self.invalid_tool_calls:
                super().init_tool_calls()  # type: ignore[operator] # a method, once the class is made
        elif self.chunk_position == "last":
            pass  # a sum, which is read once it is plain
        elif any(_may_be_object(piece["args"]) for piece in pieces):
            super().init_tool_calls()  # type: ignore[operator] # same
        else:
            # What langchain-core finds, too, after it has tried to complete each of the texts.
            self.tool_calls = []
            self.invalid_tool_calls = [
                invalid_tool_call(name=piece["name"], args=piece["args"], id=piece["id"]) for piece in pieces
            ]
        return self

    @override
    def __add__(self, other: Any) -> Any:
        total: Any = super().__add__(other)
        if total.chunk_position == "last":
            return _settled(AIMessageChunk(**_fields(total)))
        return total

    def __radd__(self, other: Any) -> Any:
        """Added to a chunk of another class, such as the empty one a loop starts with, it makes a sum of ours."""
        if not isinstance(other, AIMessageChunk):
            return NotImplemented
        return AnswerChunk(**_fields(other)) + self


# By these names, checkpoints of LangGraph write down of which class a message is, and load no others.
AnswerChunk.__module__, AnswerChunk.__name__ = AIMessageChunk.__module__, AIMessageChunk.__name__


def _unpickled(state: dict[Any, Any]) -> AnswerChunk:
    chunk: AnswerChunk = AnswerChunk.__new__(AnswerChunk)
    chunk.__setstate__(state)
    return chunk


def _fields(message: AIMessageChunk) -> dict[str, Any]:
    return {name: value for name, value in message if name != "type"}


def _settled(total: AIMessageChunk) -> AIMessageChunk:
    """The sum of a whole stream, just made, with its broken calls among the invalid ones: in its blocks, too."""
    if not total.tool_call_chunks:
        return total
    read = [(piece, parse_arguments(piece["args"] or "")) for piece in total.tool_call_chunks]
    total.tool_calls = [
        tool_call(name=piece["name"] or "", args=arguments, id=piece["id"])
        for piece, arguments in read
        if arguments is not None
    ]
    total.invalid_tool_calls = [
        to_broken(piece["name"], piece["args"], piece["id"]) for piece, arguments in read if arguments is None
    ]
    total.tool_call_chunks = [piece if arguments is not None else _unmendable(piece) for piece, arguments in read]
    broken = {call["id"]: call for call in total.invalid_tool_calls}
    kinds = ("tool_call", "tool_call_chunk")
    if broken and isinstance(total.content, list):
        total.content = [
            {**broken[block["id"]], "index": block.get("index")}
            if isinstance(block, dict) and block.get("type") in kinds and block.get("id") in broken
            else block
            for block in total.content
        ]
    return total


def _unmendable(piece: ToolCallChunk) -> ToolCallChunk:
    """A broken call with its arguments as a JSON string, if they begin an object.

    langchain-core completes such arguments wherever a sum is loaded or added to, and takes a string for what it is.
    """
    text = json.dumps(piece["args"]) if _may_be_object(piece["args"]) else piece["args"]
    return tool_call_chunk(name=piece["name"], args=text, id=piece["id"], index=piece["index"])


def _may_be_object(arguments: str | None) -> bool:
    """Whether a text is, or begins, a JSON object, or is empty: pieces from the middle of one seldom do."""
    return not arguments or arguments.lstrip().startswith("{")


def to_chunks(choice: ChunkChoice) -> list[ChatGenerationChunk]:
    """What a piece of an answer says, in LangChain chunks of one kind of content each."""
    made: list[ChatGenerationChunk] = []
    delta = choice.delta
    if reasoning := delta.reasoning_text:
        made.append(_chunk(additional_kwargs={"reasoning_content": reasoning}))
    if said := delta.said:
        made.append(_chunk(content=said))
    if delta.audio and (audio := to_audio_pieces(delta.audio)):
        made.append(_chunk(additional_kwargs={"audio": audio}))
    if delta.tool_calls:
        # One each: langchain-core joins the pieces of a call that come in several chunks, not those within one.
        made += [_chunk(tool_call_chunks=[_to_call_chunk(piece)]) for piece in delta.tool_calls]
    return made


def _to_call_chunk(piece: ToolCallDelta) -> ToolCallChunk:
    function = piece.function
    return tool_call_chunk(
        name=function.name or None, args=function.arguments or "", id=piece.id or None, index=piece.index
    )


def _chunk(content: str | list[Any] = "", **fields: Any) -> ChatGenerationChunk:
    message = AnswerChunk(content=content, response_metadata={"model_provider": PROVIDER}, **fields)
    return ChatGenerationChunk(message=message)


def to_last_chunk(answer: ChatCompletion, choice: Choice, asked: str | None) -> ChatGenerationChunk:
    """The end of a stream: all that is said once, from the answer as it was put together; see `to_result`."""
    message = AIMessageChunk(
        content="",
        additional_kwargs=to_said_once(choice.message),
        response_metadata=to_metadata(answer, choice, asked),
        usage_metadata=to_usage(answer.usage),
        chunk_position="last",
    )
    info = {"finish_reason": choice.finish_reason} if choice.finish_reason else None
    return ChatGenerationChunk(message=message, generation_info=info)
