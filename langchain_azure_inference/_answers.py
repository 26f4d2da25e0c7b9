"""Whole answers to LangChain messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import AIMessage, InvalidToolCall, ToolCall
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.messages.tool import invalid_tool_call, tool_call
from langchain_core.outputs import ChatGeneration, ChatResult

from azure_inference import AnswerMessage, Audio, ChatCompletion, Choice, Usage, parse_arguments
from azure_inference import ToolCall as WireCall

from ._blocks import EXTRA_CONTENT, PROVIDER

_AUDIO_IN_PIECES = {"data", "transcript"}


def to_result(answer: ChatCompletion, asked: str | None = None) -> ChatResult:
    """A whole answer: one generation for each choice, usage with the first.

    `asked` is the model of the request, for answers that name none: without a name, LangChain counts no usage.
    """
    usage = to_usage(answer.usage)
    generations = [
        ChatGeneration(
            message=_to_message(choice.message, usage if position == 0 else None, to_metadata(answer, choice, asked)),
            generation_info={"finish_reason": choice.finish_reason} if choice.finish_reason else None,
        )
        for position, choice in enumerate(answer.choices)
    ]
    return ChatResult(generations=generations, llm_output={"token_usage": usage, "model_name": answer.model or asked})


def _to_message(message: AnswerMessage, usage: UsageMetadata | None, metadata: dict[str, Any]) -> AIMessage:
    fields: dict[str, Any] = {"content": message.said, "response_metadata": metadata}
    if usage is not None:
        fields["usage_metadata"] = usage
    if additional := _to_additional(message):
        fields["additional_kwargs"] = additional
    if message.tool_calls:
        fields["tool_calls"], fields["invalid_tool_calls"] = _to_calls(message.tool_calls)
    return AIMessage(**fields)


def _to_calls(wire: Sequence[WireCall]) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    """The calls of an answer, those that can be carried out and those that cannot."""
    calls: list[ToolCall] = []
    broken: list[InvalidToolCall] = []
    for call in wire:
        name, text, id_ = call.function.name, call.function.arguments, call.id or None
        arguments = parse_arguments(text)
        if arguments is None:
            broken.append(to_broken(name, text, id_))
        else:
            calls.append(tool_call(name=name, args=arguments, id=id_))
    return calls, broken


def to_broken(name: str | None, text: str | None, id_: str | None) -> InvalidToolCall:
    """A call whose arguments are no complete JSON object, as the model wrote them."""
    return invalid_tool_call(name=name, args=text, id=id_, error="The arguments are not a complete JSON object.")


def _to_additional(message: AnswerMessage) -> dict[str, Any]:
    """What has no place of its own in a LangChain message; see `_blocks`."""
    said = to_said_once(message)
    if reasoning := message.reasoning_text:
        said["reasoning_content"] = reasoning
    if message.audio and (audio := to_audio_pieces(message.audio)):
        said["audio"] = {**said.get("audio", {}), **audio}
    return said


def to_audio_pieces(audio: Audio) -> dict[str, Any]:
    """What of a spoken answer comes in pieces; the rest, a server may repeat with each."""
    return audio.model_dump(exclude_none=True, include=_AUDIO_IN_PIECES)


def to_said_once(message: AnswerMessage) -> dict[str, Any]:
    """The part of `_to_additional` that the last chunk of a stream has: what a sum of chunks must hold only once.

    A refusal is among it, though it comes in pieces: events of langchain-core would keep only one of them.
    """
    said: dict[str, Any] = {}
    if message.refusal:
        said["refusal"] = message.refusal
    if message.audio and (audio := message.audio.model_dump(exclude_none=True, exclude=_AUDIO_IN_PIECES)):
        said["audio"] = audio
    if message.model_extra or message.tool_calls:
        said.update(_to_unknown(message))
    return said


def _to_unknown(message: AnswerMessage) -> dict[str, Any]:
    """What a message says under keys that the API does not define: annotations, say, or the context of its data.

    What is to go back with its calls is under `EXTRA_CONTENT`, by their ids.
    """
    unknown = {name: value for name, value in (message.model_extra or {}).items() if value not in (None, [], {})}
    if extra := {call.id: call.extra_content for call in message.tool_calls if call.extra_content}:
        unknown[EXTRA_CONTENT] = extra
    return unknown


def to_usage(usage: Usage | None) -> UsageMetadata | None:
    """Tokens as LangChain counts them; details only where the service gave them."""
    if usage is None:
        return None
    prompt, completion = usage.prompt_tokens or 0, usage.completion_tokens or 0
    metadata: UsageMetadata = {
        "input_tokens": prompt,
        "output_tokens": completion,
        "total_tokens": usage.total_tokens or prompt + completion,
    }
    if details := usage.prompt_tokens_details:
        given = {"audio": details.audio_tokens, "cache_read": details.cached_tokens}
        metadata["input_token_details"] = cast("InputTokenDetails", _given(given))
    if spent := usage.completion_tokens_details:
        given = {"audio": spent.audio_tokens, "reasoning": spent.reasoning_tokens}
        metadata["output_token_details"] = cast("OutputTokenDetails", _given(given))
    return metadata


def to_output(usage: Usage | None, model: str | None) -> dict[str, Any]:
    """The `llm_output` of an answer."""
    return {"token_usage": to_usage(usage), "model_name": model}


def add_outputs(outputs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The `llm_output` of several answers: all their tokens, and the model; of none, nothing."""
    if not outputs:
        return {}
    usages = [usage for output in outputs if (usage := output.get("token_usage"))]
    total = {key: sum(usage[key] for usage in usages) for key in ("input_tokens", "output_tokens", "total_tokens")}
    return {"token_usage": total, "model_name": outputs[-1]["model_name"]}


def to_metadata(answer: ChatCompletion, choice: Choice, asked: str | None) -> dict[str, Any]:
    """The `response_metadata` of a message; keys that the API does not define are as the server has them."""
    return _given(
        {
            **(answer.model_extra or {}),
            **(choice.model_extra or {}),
            "model_provider": PROVIDER,
            "model_name": answer.model or asked,
            "id": answer.id,
            "created": answer.created,
            "finish_reason": choice.finish_reason,
            "system_fingerprint": answer.system_fingerprint,
            "logprobs": choice.logprobs,
            "content_filter_results": choice.content_filter_results,
            "prompt_filter_results": answer.prompt_filter_results,
        }
    )


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
