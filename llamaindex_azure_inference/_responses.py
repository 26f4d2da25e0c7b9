"""Answers of the API, whole and in pieces, as LlamaIndex responses."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, cast

from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    ContentBlock,
    LogProb,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.llms.llm import ToolSelection

from azure_inference import (
    ChatCompletion,
    ChatCompletionChunk,
    Choice,
    ChunkChoice,
    ResponseValidationError,
    ToolCall,
    ToolCallDelta,
    Usage,
    parse_arguments,
    values_of,
)

FINISH_REASON = "finish_reason"
_TOKENS = ("prompt_tokens", "completion_tokens", "total_tokens")


class ToolCallError(ResponseValidationError, ValueError):
    """A tool call that cannot be carried out as it came; a ValueError too, as LlamaIndex's own are."""


def to_response(completion: ChatCompletion, *, parallel_calls: bool = True) -> ChatResponse:
    """A whole answer; of several choices the first. `parallel_calls=False` keeps the first tool call only."""
    choice = completion.choices[0]
    message = choice.message
    calls = message.tool_calls if parallel_calls else message.tool_calls[:1]
    blocks = _blocks(message.reasoning_text, message.text, [_settled(call) for call in calls])
    kept: dict[str, Any] = {"tool_calls": [_legacy(call) for call in calls]} if calls else {}
    if message.audio is not None and message.audio.data:
        blocks.append(AudioBlock(audio=message.audio.data.encode(), format=message.audio.format or "wav"))
        kept["audio_id"] = message.audio.id
    return ChatResponse(
        message=ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks, additional_kwargs=kept),
        raw=completion,
        logprobs=_logprobs(choice),
        additional_kwargs=_facts(completion, choice),
    )


class StreamedAnswer:
    """Makes of each chunk the response so far; the cost of a chunk does not grow with the number of chunks before."""

    def __init__(self, *, parallel_calls: bool = True) -> None:
        self._parallel_calls = parallel_calls
        self._text = ""
        self._reasoning = ""
        self._calls: dict[int, ToolCallBlock] = {}
        self._settled: list[ToolCallBlock] = []
        """The calls with their arguments parsed, once they are complete."""
        self._facts: dict[str, Any] = {}
        self._of_message: dict[str, Any] = {}
        """What a message is made with beside its blocks."""

    def add(self, chunk: ChatCompletionChunk) -> ChatResponse:
        """The response that a chunk makes."""
        choice = _first(chunk)
        if facts := _facts(chunk, choice):
            self._facts = {**self._facts, **facts}
        if choice is None:
            return self._response(raw=chunk)
        delta = choice.delta
        for piece in delta.tool_calls or ():
            self._add_call(piece)
        text, thought = delta.text, delta.reasoning_text
        self._text += text
        if choice.finish_reason or (delta.tool_calls and FINISH_REASON in self._facts):  # which may come too early
            self._settle()
        if not thought and choice.logprobs is None:
            return self._response(raw=chunk, delta=text)
        self._reasoning += thought
        return self._response(thought, raw=chunk, delta=text, logprobs=_logprobs(choice))

    def end(self) -> Iterator[ChatResponse]:
        """The response that is owed after the last chunk, if no chunk said that the tool calls are complete."""
        if self._calls and FINISH_REASON not in self._facts:
            self._facts[FINISH_REASON] = None
            self._settle()
            yield self._response()

    def _add_call(self, piece: ToolCallDelta) -> None:
        index, function = piece.index or 0, piece.function
        known = self._calls.get(index)
        if known is not None:
            self._calls[index] = ToolCallBlock(
                tool_call_id=known.tool_call_id or piece.id or "",
                tool_name=known.tool_name or function.name or "",
                tool_kwargs=f"{known.tool_kwargs}{function.arguments or ''}",
            )
        elif self._parallel_calls or not self._calls:
            new = ToolCallBlock(
                tool_call_id=piece.id or "", tool_name=function.name or "", tool_kwargs=function.arguments or ""
            )
            self._calls = dict(sorted({**self._calls, index: new}.items()))

    def _settle(self) -> None:
        """Takes the calls as complete: their arguments are parsed here."""
        if not self._calls:
            return
        calls = [_to_call(block) for block in self._calls.values()]
        self._settled = [_settled(call) for call in calls]
        self._of_message = {"additional_kwargs": {"tool_calls": [_legacy(call) for call in calls]}}

    def _response(self, thought: str = "", *, delta: str = "", **fields: Any) -> ChatResponse:
        message = ChatMessage(
            role=MessageRole.ASSISTANT,
            blocks=_blocks(self._reasoning, self._text, self._settled or self._calls.values()),
            **self._of_message,
        )
        # pydantic copies dicts, so that what was given before stays as it was.
        if thought or self._facts:
            fields["additional_kwargs"] = {**self._facts, "thinking_delta": thought} if thought else self._facts
        return ChatResponse(message=message, delta=delta, **fields)


def _first(chunk: ChatCompletionChunk) -> ChunkChoice | None:
    """The piece of the first of several choices, the one that a response has room for."""
    for choice in chunk.choices:
        if not choice.index:
            return choice
    return None


def to_completion(response: ChatResponse) -> CompletionResponse:
    """The response of a chat as that of a completion."""
    return CompletionResponse(
        text=response.message.content or "",
        delta=response.delta,
        raw=response.raw,
        logprobs=response.logprobs,
        additional_kwargs=kwargs_of(response),
    )


def to_selections(response: ChatResponse, *, error_on_no_tool_call: bool) -> list[ToolSelection]:
    """The tool calls of a response, cheap enough to be asked for each chunk of a stream.

    Arguments that are no JSON object are never mended. A call that has them raises a `ToolCallError`; with
    `error_on_no_tool_call=False` (agents), it selects a tool that does not exist, whose name tells the model why.
    While a stream is under way, calls that may still be incomplete have no arguments.
    """
    blocks = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
    if error_on_no_tool_call and not blocks:
        raise ValueError(f"Expected at least one tool call, but got {len(blocks)} tool calls.")
    is_complete = response.delta is None or FINISH_REASON in kwargs_of(response)
    selections: list[ToolSelection] = []
    for block in blocks:
        name, arguments = block.tool_name, block.tool_kwargs
        if isinstance(arguments, str):
            if is_complete and error_on_no_tool_call:
                raise ToolCallError(f"The arguments of the call to {name} are no JSON object: {arguments[:80]!r}")
            name = f"{name} (called with arguments that are no JSON object)" if is_complete else name
            arguments = {}
        selections.append(ToolSelection(tool_id=block.tool_call_id or "", tool_name=name, tool_kwargs=arguments))
    return selections


def kwargs_of(response: ChatResponse) -> dict[str, Any]:
    """What a response says beside its message: `finish_reason`, tokens, `content_filter_results`."""
    return cast("dict[str, Any]", cast("Any", response).additional_kwargs)


def _blocks(reasoning: str, text: str, calls: Collection[ToolCallBlock]) -> list[ContentBlock]:
    blocks: list[ContentBlock] = []
    if reasoning:
        blocks.append(ThinkingBlock(content=reasoning))
    if text or not calls:
        blocks.append(TextBlock(text=text))
    blocks.extend(calls)
    return blocks


def _settled(call: ToolCall) -> ToolCallBlock:
    """A complete call; arguments that are no JSON object stay the text they are."""
    arguments = parse_arguments(call.function.arguments)
    return ToolCallBlock(
        tool_call_id=call.id,
        tool_name=call.function.name,
        tool_kwargs=call.function.arguments if arguments is None else arguments,
    )


def _to_call(block: ToolCallBlock) -> ToolCall:
    function = {"name": block.tool_name, "arguments": block.tool_kwargs}
    return ToolCall.model_validate({"id": block.tool_call_id, "function": function})


def _legacy(call: ToolCall) -> dict[str, Any]:
    """A call as programs of llama-index-core look for it beside the message."""
    return call.model_dump(include={"id", "type", "function"})


def _facts(answer: ChatCompletion | ChatCompletionChunk, choice: Choice | ChunkChoice | None) -> dict[str, Any]:
    """What an answer says beside its message, without what it leaves open."""
    facts: dict[str, Any] = _counts(answer.usage) if answer.usage else {}
    if answer.prompt_filter_results:
        facts["prompt_filter_results"] = answer.prompt_filter_results
    if choice is not None:
        if choice.finish_reason:
            facts[FINISH_REASON] = choice.finish_reason
        if choice.content_filter_results:
            facts["content_filter_results"] = choice.content_filter_results
    return facts


def _counts(usage: Usage) -> dict[str, int]:
    return values_of(usage, _TOKENS)


def _logprobs(choice: Choice | ChunkChoice) -> list[list[LogProb]] | None:
    """For each token its most likely alternatives, or itself alone where none were asked for."""
    said: Any = choice.logprobs
    tokens: Any = cast("dict[str, Any]", said).get("content") if isinstance(said, dict) else None
    return [[_logprob(one) for one in token.get("top_logprobs") or [token]] for token in tokens] if tokens else None


def _logprob(token: dict[str, Any]) -> LogProb:
    return LogProb(token=token["token"], logprob=token["logprob"], bytes=token.get("bytes") or [])
