"""LangChain messages to those of the API, and whole answers to LangChain messages."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    InvalidToolCall,
    SystemMessage,
    ToolCall,
    ToolMessage,
)
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.messages.tool import invalid_tool_call, tool_call
from langchain_core.outputs import ChatGeneration, ChatResult

from azure_inference import (
    AnswerMessage,
    AudioUrlPart,
    ChatCompletion,
    Choice,
    ConfigurationError,
    ImagePart,
    InputAudioPart,
    Usage,
    document_text,
    move_tool_media,
    parse_arguments,
)
from azure_inference import ToolCall as WireCall

from ._blocks import PROVIDER

_WIRE_PARTS = frozenset({"image_url", "input_audio", "audio_url"})
_OF_THE_MODEL = frozenset(
    "tool_call invalid_tool_call tool_call_chunk tool_use input_json_delta function_call server_tool_call "
    "server_tool_result reasoning reasoning_content thinking redacted_thinking refusal".split()
)


def to_wire(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """The `messages` of a request. The given messages are not changed.

    The API takes text alone from tools: what else they gave follows their results, as a message of the user.

    Raises:
        ConfigurationError: A message or a part of one has no form in the API.
    """
    return move_tool_media([entry for message in messages for entry in _to_wire(message)])


def _to_wire(message: BaseMessage) -> list[dict[str, Any]]:
    # The most frequent first: asking of one of these classes what it is not takes as long as making a dict.
    if isinstance(message, HumanMessage):
        return _said("user", message)
    if isinstance(message, AIMessage):
        return [_assistant(message)]
    if isinstance(message, ToolMessage):
        return [{"role": "tool", "tool_call_id": message.tool_call_id, "content": _parts(message)}]
    if isinstance(message, SystemMessage):
        role = message.additional_kwargs.get("__openai_role__", "system")
        return [{"role": role, "content": _spoken(_parts(message), joint="\n")}]
    if isinstance(message, ChatMessage):
        return _said(message.role, message)
    if isinstance(message, FunctionMessage):
        return [{"role": "function", "name": message.name, "content": message.content}]
    raise ConfigurationError(f"a {type(message).__name__} cannot be sent: leave it out of the messages")


def _said(role: str, message: BaseMessage) -> list[dict[str, Any]]:
    if isinstance(message.content, str):
        return [{"role": role, "content": message.content}]
    results, parts = _tool_results(message), _parts(message)
    return [*results, {"role": role, "content": _spoken(parts)}] if parts or not results else results


def _assistant(message: AIMessage) -> dict[str, Any]:
    calls = _calls(message)
    text = "".join(part["text"] for part in _parts(message) if part["type"] == "text")
    wire: dict[str, Any] = {"role": "assistant", "content": text or (None if calls else "")}
    if calls:
        wire["tool_calls"] = calls
    audio: Any = message.additional_kwargs.get("audio")
    if audio and audio.get("id"):
        wire["audio"] = {"id": audio["id"]}
    return wire


def _calls(message: AIMessage) -> list[dict[str, Any]]:
    """The calls of a message: its own, those with broken arguments as they are, and those only its blocks tell of."""
    calls = [_call(call["id"], call["name"], call["args"]) for call in message.tool_calls]
    calls += [_call(call["id"], call["name"], call["args"]) for call in message.invalid_tool_calls]
    known = {call["id"] for call in calls}
    for block in _blocks(message):
        kind = block.get("type")
        if kind in ("tool_call", "tool_use", "invalid_tool_call") and block.get("id") not in known:
            arguments = block.get("input") if kind == "tool_use" else block.get("args")
            calls.append(_call(block.get("id"), block.get("name"), arguments))
    return calls


def _call(id_: str | None, name: str | None, arguments: Any) -> dict[str, Any]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": text}}


def _tool_results(message: BaseMessage) -> list[dict[str, Any]]:
    """Tool results that a user message holds, as Anthropic's do, as the messages they are in this API."""
    return [
        {
            "role": "tool",
            "tool_call_id": block.get("tool_use_id"),
            "content": _parts(HumanMessage(block.get("content") or "")),
        }
        for block in _blocks(message)
        if block.get("type") == "tool_result"
    ]


def _spoken(parts: list[dict[str, Any]], joint: str | None = None) -> str | list[dict[str, Any]]:
    """Text alone as text, since many services take no list there; several parts as a list, or joined if they can be."""
    are_texts = all(part["type"] == "text" for part in parts)
    return (joint or "").join(part["text"] for part in parts) if are_texts and (len(parts) < 2 or joint) else parts


def _blocks(message: BaseMessage) -> list[dict[str, Any]]:
    content = message.content
    return [] if isinstance(content, str) else [block for block in content if isinstance(block, dict)]


def _parts(message: BaseMessage) -> list[dict[str, Any]]:
    """The content parts of a message; what only models say (calls, thoughts) is left out."""
    if isinstance(message.content, str):
        return [{"type": "text", "text": message.content}] if message.content else []
    return [part for block in message.content for part in _to_parts(block)]


def _to_parts(block: str | dict[str, Any]) -> list[dict[str, Any]]:
    if isinstance(block, dict):
        kind = block.get("type")
        if kind in _OF_THE_MODEL or kind == "tool_result":
            return []
        if kind in _WIRE_PARTS:
            value = block.get(kind)
            return [{"type": kind, kind: {"url": value} if isinstance(value, str) else value}]
    # One block at a time: langchain-core reads those of its own versions and of other providers.
    return [part for read in HumanMessage([block]).content_blocks for part in _part(cast("Any", read))]


def _part(block: Mapping[str, Any]) -> list[dict[str, Any]]:
    kind = block["type"]
    if kind in ("text", "text-plain"):
        return [{"type": "text", "text": block["text"]}] if block.get("text") else []
    if kind == "non_standard":
        return [] if block["value"].get("type") in _OF_THE_MODEL else [dict(block["value"])]
    try:
        if kind == "file":
            return [{"type": "text", "text": _document(block)}]
        if part := _media(kind, block):
            return [part.model_dump(exclude_none=True)]
    except ValueError as error:
        raise ConfigurationError(f"a content block of type {kind!r} cannot be sent: {error}") from None
    raise ConfigurationError(f"a content block of type {kind!r} ({', '.join(block)}) has no form in this API")


def _document(block: Mapping[str, Any]) -> str:
    if not block.get("base64"):
        raise ConfigurationError("the API takes no documents: load the file, and pass its text or its data as base64")
    return document_text(base64.b64decode(block["base64"]), block.get("mime_type"))


def _media(kind: str, block: Mapping[str, Any]) -> ImagePart | InputAudioPart | AudioUrlPart | None:
    data, mime_type, url = block.get("base64"), block.get("mime_type"), block.get("url")
    if data and not mime_type:
        raise ValueError("its mime_type is missing")
    extras: dict[str, Any] = block.get("extras") or {}
    if kind == "image" and (data or url):
        return ImagePart.from_url(url or f"data:{mime_type};base64,{data}", detail=extras.get("detail"))
    if kind == "audio" and data:
        return InputAudioPart.from_bytes(base64.b64decode(data), mime_type=str(mime_type))
    return AudioUrlPart.from_url(url) if kind == "audio" and url else None


def to_result(answer: ChatCompletion) -> ChatResult:
    """A whole answer: one generation for each choice, usage with the first."""
    usage = to_usage(answer.usage)
    generations = [
        ChatGeneration(
            message=_to_message(choice.message, usage if position == 0 else None, to_metadata(answer, choice)),
            generation_info={"finish_reason": choice.finish_reason} if choice.finish_reason else None,
        )
        for position, choice in enumerate(answer.choices)
    ]
    return ChatResult(generations=generations, llm_output={"token_usage": usage, "model_name": answer.model})


def _to_message(message: AnswerMessage, usage: UsageMetadata | None, metadata: dict[str, Any]) -> AIMessage:
    fields: dict[str, Any] = {"content": message.text, "response_metadata": metadata}
    if usage is not None:
        fields["usage_metadata"] = usage
    if additional := to_additional(message):
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


def to_additional(message: AnswerMessage) -> dict[str, Any]:
    """What has no place of its own in a LangChain message; see `_blocks`."""
    said: dict[str, Any] = {}
    if thought := message.reasoning_text:
        said["reasoning_content"] = thought
    if message.refusal:
        said["refusal"] = message.refusal
    if message.audio and (audio := message.audio.model_dump(exclude_none=True)):
        said["audio"] = audio
    return said


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


def to_metadata(answer: ChatCompletion, choice: Choice) -> dict[str, Any]:
    """The `response_metadata` of a message."""
    return _given(
        {
            "model_provider": PROVIDER,
            "model_name": answer.model,
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
