"""Answers of the API, whole and in pieces, as LlamaIndex responses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    LogProb,
    MessageRole,
    ToolCallBlock,
)
from llama_index.core.llms.llm import ToolSelection

from azure_inference import (
    AnswerMessage,
    Audio,
    ChatCompletion,
    ChatCompletionChunk,
    Choice,
    ChunkChoice,
    FirstChoice,
    ResponseValidationError,
    ToolCall,
    ToolCallDelta,
    half_json,
    may_hide_reasoning,
    parse_arguments,
    values_of,
)

if TYPE_CHECKING:  # chats do not need them
    from azure_inference import Completion, CompletionChoice, CompletionChunk, CompletionChunkChoice

FINISH_REASON = "finish_reason"
REFUSAL = "refusal"
REFERENCE_TO_AUDIO = "reference_audio_id"
"""Where other packages of LlamaIndex look for the id of a spoken answer."""
_OF_HISTORIES = frozenset({"name", "tool_call_id", "tool_calls"})
"""What stands beside a message that goes back to a model, and is not for answers to say."""
_Block: TypeAlias = dict[str, Any]
"""A block of a message, as yet unmade."""
_OF_AUDIO = ("id", "transcript", "expires_at")
_TOKENS = ("prompt_tokens", "completion_tokens", "total_tokens")


class ToolCallError(ResponseValidationError, ValueError):
    """A tool call that cannot be carried out as it came; a ValueError too, as LlamaIndex's own are."""


class Calling(NamedTuple):
    """How an answer is to call tools."""

    parallel: bool
    """Whether calls after the first are kept."""
    own_names: Mapping[str, str]
    """What tools are called here, by their names on the wire, where these differ."""
    audio: Any = None
    """What was asked for of a spoken answer."""

    @property
    def audio_format(self) -> str | None:
        """The form of sound that was asked for; if none, LlamaIndex finds out."""
        audio = self.audio
        form = cast("dict[str, Any]", audio).get("format") if isinstance(audio, dict) else None
        return form if isinstance(form, str) else None


def to_response(completion: ChatCompletion, calling: Calling) -> ChatResponse:
    """A whole answer; of several choices the first."""
    choice = completion.choices[0]
    facts = {**facts_of_answer(completion), **facts_of_choice(choice)}
    if choice.message.refusal:
        facts[REFUSAL] = choice.message.refusal
    return ChatResponse(
        message=_to_message(choice.message, calling),
        raw=completion,
        logprobs=to_logprobs(choice.logprobs),
        additional_kwargs=facts,
    )


def _to_message(message: AnswerMessage, calling: Calling) -> ChatMessage:
    calls = message.tool_calls if calling.parallel else message.tool_calls[:1]
    if calling.own_names:
        calls = [_by_own_name(call, calling.own_names) for call in calls]
    audio = message.audio
    text = message.text or message.refusal or (audio and audio.transcript) or ""
    blocks = _blocks(message.reasoning_text, text, [_to_block(call) for call in calls])
    kept: dict[str, Any] = {"tool_calls": [_legacy(call) for call in calls]} if calls else {}
    if message.refusal:
        kept[REFUSAL] = message.refusal
    if audio is not None:
        if audio.data:
            blocks.append(AudioBlock(audio=audio.data.encode(), format=audio.format or calling.audio_format))
        kept |= {f"audio_{name}": value for name, value in values_of(audio, _OF_AUDIO).items()}
        if audio.id:
            kept[REFERENCE_TO_AUDIO] = audio.id
    if message.model_extra:
        kept = {**_further(message.model_extra), **kept}
    return ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks, additional_kwargs=kept)


def _further(unknown: dict[str, Any]) -> dict[str, Any]:
    """What a message says under keys that the API does not define: citations, say."""
    return {name: value for name, value in unknown.items() if value and name not in _OF_HISTORIES}


class StreamedAnswer:
    """Makes of each chunk the response so far; the cost of a chunk does not grow with the number of chunks before."""

    def __init__(self, so_far: Callable[[], ChatCompletion | None], calling: Calling) -> None:
        """`so_far` gives the answer put together: what more than text it holds is taken from there at its end."""
        self._so_far = so_far
        self._calling = calling
        self._first = FirstChoice()
        self._text = ""
        self._reasoning = ""
        self._refusal = ""
        self._calls: dict[int, _Block] = {}
        """The calls under way; their arguments are text, which may still grow."""
        self._is_spoken = False
        self._has_more = False
        """Whether there is something beside the message that the API does not define."""
        self._transcript = ""
        self._is_over = False
        """Whether the model has said why it ended, so that its calls are complete."""
        self._facts: dict[str, Any] = {}
        self._kept: dict[str, Any] = {}
        """The `additional_kwargs` of a message under way; pydantic copies it, so that each has its own."""

    def add(self, chunk: ChatCompletionChunk) -> ChatResponse:
        """The response that a chunk makes."""
        choices, first = chunk.choices, self._first
        # Nearly always there is one choice, and nothing beside its delta: then no function is called to look for more.
        choice = choices[0] if len(choices) == 1 and choices[0].index == first.index is not None else first.of(choices)
        if chunk.usage or chunk.prompt_filter_results:
            self._facts = {**self._facts, **facts_of_answer(chunk)}
        if choice is None:
            return self._response(chunk)
        if choice.finish_reason or choice.content_filter_results:
            self._facts = {**self._facts, **facts_of_choice(choice)}
            self._is_over = self._is_over or bool(choice.finish_reason)
        delta = choice.delta
        if delta.tool_calls:
            self._add_calls(delta.tool_calls)
        self._has_more |= delta.model_extra is not None
        text = reasoning = ""
        if delta.content or delta.reasoning_content or delta.reasoning:
            text, reasoning = delta.text_and_reasoning
        if delta.audio is not None:
            text = self._add_audio(delta.audio, text)
        if delta.refusal:
            text = self._add_refusal(delta.refusal, text)
        if text:
            self._text += text
        if reasoning:
            self._reasoning += reasoning
        return self._response(chunk, text, reasoning, choice.logprobs)

    def _add_calls(self, pieces: list[ToolCallDelta]) -> None:
        for piece in pieces:
            index, function = piece.index or 0, piece.function
            known = self._calls.get(index)
            if known is not None:
                known["tool_name"] = known["tool_name"] or self._own_name(function.name)
                known["tool_kwargs"] += function.arguments or ""
            elif self._calling.parallel or not self._calls:
                new = _call_block(piece.id, self._own_name(function.name), function.arguments or "")
                self._calls = dict(sorted({**self._calls, index: new}.items()))
        # What programs of llama-index-core ask, to know whether they are given calls.
        self._kept["tool_calls"] = [*map(_legacy_so_far, self._calls.values())]

    def _own_name(self, sent: str | None) -> str:
        return self._calling.own_names.get(sent, sent) if sent else ""

    def _add_audio(self, audio: Audio, text: str) -> str:
        """Takes note of a piece of sound; gives back the text of its chunk: what is spoken, if there is no other."""
        self._is_spoken = True
        is_alone = not text and self._text == self._transcript
        self._transcript += audio.transcript or ""
        return (audio.transcript or "") if is_alone else text

    def _add_refusal(self, refusal: str, text: str) -> str:
        """Takes in a piece of a refusal; gives back the text of its chunk: the refusal, if the model says no other."""
        is_alone = not text and self._text == self._refusal
        self._refusal += refusal
        self._facts = {**self._facts, REFUSAL: self._refusal}
        self._kept[REFUSAL] = self._refusal
        return refusal if is_alone else text

    def _response(
        self, chunk: ChatCompletionChunk, delta: str = "", reasoning: str = "", logprobs: Any = None
    ) -> ChatResponse:
        blocks = _blocks(self._reasoning, self._text, self._calls.values())
        if self._is_over and self._says_more:
            message = self._whole_message()
        elif self._kept:  # pydantic copies dicts, so that what was given before stays as it was
            message = ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks, additional_kwargs=self._kept)
        else:
            message = ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks)
        if not (reasoning or self._facts or logprobs):  # nearly always: each field that is given is work
            return ChatResponse(message=message, delta=delta, raw=chunk)
        facts = {**self._facts, "thinking_delta": reasoning} if reasoning else self._facts
        return ChatResponse(
            message=message, delta=delta, raw=chunk, logprobs=to_logprobs(logprobs), additional_kwargs=facts
        )

    @property
    def _says_more(self) -> bool:
        """Whether the whole message may hold more than the text and reasoning so far."""
        return bool(self._calls) or self._is_spoken or self._has_more or may_hide_reasoning(self._text)

    def _whole_message(self) -> ChatMessage:
        whole = self._so_far()
        message = self._first.of_whole(whole.choices).message if whole is not None else AnswerMessage()
        return _to_message(message, self._calling)


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
    While a stream is under way, calls have the arguments that have come so far.
    """
    blocks = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
    if error_on_no_tool_call and not blocks:
        raise ValueError("Expected at least one tool call, but got 0 tool calls.")  # in the words of LlamaIndex
    is_under_way = isinstance(response.raw, ChatCompletionChunk) and FINISH_REASON not in kwargs_of(response)
    selections: list[ToolSelection] = []
    for block in blocks:
        name, arguments = block.tool_name, block.tool_kwargs
        if isinstance(arguments, str) and is_under_way:
            arguments = half_json(arguments)
        elif isinstance(arguments, str) and (parsed := parse_arguments(arguments)) is not None:
            arguments = parsed
        elif isinstance(arguments, str):
            if error_on_no_tool_call:
                raise ToolCallError(f"The arguments of the call to {name} are not a JSON object: {arguments[:80]!r}")
            name, arguments = f"{name} (called with arguments that are not a JSON object)", {}
        selections.append(ToolSelection(tool_id=block.tool_call_id or "", tool_name=name, tool_kwargs=arguments))
    return selections


def kwargs_of(response: ChatResponse | CompletionResponse) -> dict[str, Any]:
    """What a response says beside its message or text: `finish_reason`, tokens, `content_filter_results`."""
    return cast("dict[str, Any]", cast("Any", response).additional_kwargs)


def _blocks(reasoning: str, text: str, calls: Collection[_Block]) -> list[Any]:
    """The blocks of a message as `ChatMessage` makes them of dicts: for less than they cost when made one by one."""
    blocks: list[Any] = []
    if reasoning:
        blocks.append({"block_type": "thinking", "content": reasoning})
    if text or not calls:
        blocks.append({"block_type": "text", "text": text})
    blocks += calls
    return blocks


def _call_block(call_id: str | None, name: str, arguments: Any) -> _Block:
    return {"block_type": "tool_call", "tool_call_id": call_id, "tool_name": name, "tool_kwargs": arguments}


def _to_block(call: ToolCall) -> _Block:
    """A complete call; arguments that are no JSON object stay the text they are."""
    arguments = parse_arguments(call.function.arguments)
    return _call_block(call.id, call.function.name, call.function.arguments if arguments is None else arguments)


def _by_own_name(call: ToolCall, own_names: Mapping[str, str]) -> ToolCall:
    name = call.function.name
    if name not in own_names:
        return call
    return call.model_copy(update={"function": call.function.model_copy(update={"name": own_names[name]})})


def _legacy(call: ToolCall) -> dict[str, Any]:
    """A call as programs of llama-index-core look for it beside the message."""
    return call.model_dump(include={"id", "type", "function", "extra_content"})


def _legacy_so_far(call: _Block) -> dict[str, Any]:
    """The same of a call under way."""
    return {
        "id": call["tool_call_id"],
        "type": "function",
        "function": {"name": call["tool_name"], "arguments": call["tool_kwargs"]},
    }


def facts_of_answer(
    answer: ChatCompletion | ChatCompletionChunk | Completion | CompletionChunk,
) -> dict[str, Any]:
    """What an answer says beside its choices, without what it leaves open."""
    facts: dict[str, Any] = values_of(answer.usage, _TOKENS) if answer.usage else {}
    if answer.prompt_filter_results:
        facts["prompt_filter_results"] = answer.prompt_filter_results
    return facts


def facts_of_choice(choice: Choice | ChunkChoice | CompletionChoice | CompletionChunkChoice) -> dict[str, Any]:
    """What a choice says beside its message or text, without what it leaves open."""
    facts: dict[str, Any] = {}
    if choice.finish_reason:
        facts[FINISH_REASON] = choice.finish_reason
    if choice.content_filter_results:
        facts["content_filter_results"] = choice.content_filter_results
    return facts


def to_logprobs(said: Any) -> list[list[LogProb]] | None:
    """For each token its most likely alternatives, and itself behind them if it is none of these."""
    if said is None:
        return None
    tokens = cast("dict[str, Any]", said).get("content") if isinstance(said, dict) else None
    return [_alternatives(token) for token in _objects(tokens)] or None


def _alternatives(token: dict[str, Any]) -> list[LogProb]:
    found = _objects(token.get("top_logprobs"))
    if all(one.get("token") != token.get("token") for one in found):  # it was drawn, though it is none of the likeliest
        found = [*found, token]
    return [
        LogProb(token=one["token"], logprob=one["logprob"], bytes=one.get("bytes") or [])
        for one in found
        if isinstance(one.get("token"), str) and isinstance(one.get("logprob"), int | float)
    ]


def _objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; none where a server sends something else."""
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]
