"""Streamed chunks to LangChain message chunks."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.tool import ToolCallChunk, invalid_tool_call, tool_call, tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk
from pydantic import ConfigDict
from typing_extensions import override

from azure_inference import ChatCompletion, ChatCompletionChunk, Delta, parse_arguments

from ._answers import to_broken, to_metadata, to_unknown, to_usage
from ._blocks import PROVIDER


class AnswerChunk(AIMessageChunk):
    """A piece of an answer, or several, whose sum with the last one tells the truth about tool calls.

    langchain-core completes broken JSON when it adds chunks up. That is right while a stream runs, and wrong at its
    end: there a call with broken arguments is an invalid one, as in an answer that was not streamed.

    Nobody else need know of this class. The sum of a whole stream is a plain `AIMessageChunk`. Whoever asks a piece for
    its class is told `AIMessageChunk`: langchain-core, which makes a message of the parent of that class, and what
    compares, prints, pickles and serializes.
    """

    model_config = ConfigDict(defer_build=True)  # pieces are made of plain chunks; see `_piece`

    __class__ = property(lambda _: AIMessageChunk)  # pyright: ignore[reportIncompatibleMethodOverride]

    @classmethod
    @override
    def lc_id(cls) -> list[str]:
        return AIMessageChunk.lc_id()

    @override
    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        make, _, *state = cast("tuple[Any, ...]", super().__reduce_ex__(protocol))
        return make, (AIMessageChunk,), *state

    @override
    def __add__(self, other: Any) -> Any:
        total: Any = super().__add__(other)
        if not isinstance(total, AIMessageChunk):
            return total
        return _settled(total) if total.chunk_position == "last" else _piece(total)


def _piece(chunk: AIMessageChunk) -> AnswerChunk:
    """The chunk itself, as a piece of an answer: validating it again would take longer than all else about it."""
    object.__setattr__(chunk, "__class__", AnswerChunk)
    return chunk  # type: ignore[return-value]


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


def _may_be_object(arguments: str | None) -> bool:
    """Whether a text is, or begins, a JSON object, or is empty: pieces from the middle of one seldom do."""
    return not arguments or arguments.lstrip().startswith("{")


def to_chunks(chunk: ChatCompletionChunk) -> list[ChatGenerationChunk]:
    """What a chunk says, in LangChain chunks of one kind of content each; only the first choice can be streamed."""
    return [
        ChatGenerationChunk(message=message)
        for choice in chunk.choices
        if not choice.index
        for message in _messages(choice.delta)
    ]


def _messages(delta: Delta) -> list[AnswerChunk]:
    messages: list[AnswerChunk] = []
    if thought := delta.reasoning_text:
        messages.append(_chunk(additional_kwargs={"reasoning_content": thought}))
    if said := delta.said:
        messages.append(_chunk(said))
    if delta.refusal:
        messages.append(_chunk(additional_kwargs={"refusal": delta.refusal}))
    if delta.audio:
        messages.append(_chunk(additional_kwargs={"audio": delta.audio.model_dump(exclude_none=True)}))
    if delta.tool_calls:
        pieces = [
            tool_call_chunk(
                name=piece.function.name or None,
                args=piece.function.arguments or "",
                id=piece.id or None,
                index=piece.index,
            )
            for piece in delta.tool_calls
        ]
        messages.append(_calling(pieces))
    return messages


def _calling(pieces: list[ToolCallChunk]) -> AnswerChunk:
    if any(_may_be_object(piece["args"]) for piece in pieces):
        metadata = {"model_provider": PROVIDER}
        return _piece(AIMessageChunk(content="", response_metadata=metadata, tool_call_chunks=pieces))
    # What langchain-core finds, too, after it has tried to complete each of the texts.
    invalid = [invalid_tool_call(name=piece["name"], args=piece["args"], id=piece["id"]) for piece in pieces]
    return _chunk(tool_call_chunks=pieces, invalid_tool_calls=invalid)


@cache
def _blank() -> AnswerChunk:
    return _piece(AIMessageChunk(content=""))


def _chunk(content: str | list[Any] = "", **fields: Any) -> AnswerChunk:
    """A piece with these fields, which are of their types already: a copy is made in a third of a validation's time."""
    own: dict[str, Any] = {
        "content": content,
        "additional_kwargs": {},
        "response_metadata": {"model_provider": PROVIDER},
        "tool_calls": [],
        "invalid_tool_calls": [],
        "tool_call_chunks": [],
    }
    return _blank().model_copy(update={**own, **fields})


def to_last_chunk(answer: ChatCompletion) -> ChatGenerationChunk:
    """The end of a stream: all that is said once, from the answer as it was put together."""
    choice = next((choice for choice in answer.choices if not choice.index), answer.choices[0])
    message = AIMessageChunk(
        content="",
        additional_kwargs=to_unknown(choice.message),
        response_metadata=to_metadata(answer, choice),
        usage_metadata=to_usage(answer.usage),
        chunk_position="last",
    )
    info = {"finish_reason": choice.finish_reason} if choice.finish_reason else None
    return ChatGenerationChunk(message=message, generation_info=info)
