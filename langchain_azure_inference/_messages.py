"""LangChain messages to those of the API, and whole answers to LangChain messages."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
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
    parse_arguments,
)

PROVIDER = "azure_inference"
_WIRE_PARTS = {"image_url": "image_url", "input_audio": "input_audio", "audio_url": "audio_url", "file": "file"}
_OF_THE_MODEL = frozenset(
    "tool_call invalid_tool_call tool_call_chunk tool_use input_json_delta function_call server_tool_call "
    "server_tool_result reasoning reasoning_content thinking redacted_thinking refusal".split()
)


def to_wire(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """The `messages` of a request. The given messages are not changed.

    Raises:
        ConfigurationError: A message or a part of one has no form in the API.
    """
    return [wire for message in messages for wire in _to_wire(message)]


def _to_wire(message: BaseMessage) -> Iterable[dict[str, Any]]:
    if isinstance(message, ToolMessage):
        return [_tool_result(message.tool_call_id, _parts(message))]
    if isinstance(message, AIMessage):
        return [_assistant(message)]
    if isinstance(message, FunctionMessage):
        return [{"role": "function", "name": message.name, "content": message.content}]
    named = {"name": message.name} if message.name else {}
    if isinstance(message, SystemMessage):
        role = message.additional_kwargs.get("__openai_role__", "system")
        return [{"role": role, "content": _content(_parts(message)), **named}]
    if isinstance(message, HumanMessage | ChatMessage):
        role = message.role if isinstance(message, ChatMessage) else "user"
        return [*_tool_results(message), *_spoken(message, {"role": role, **named})]
    raise ConfigurationError(f"a {type(message).__name__} cannot be sent: leave it out of the messages")


def _spoken(message: BaseMessage, head: dict[str, Any]) -> list[dict[str, Any]]:
    parts = _parts(message)
    return [{**head, "content": _content(parts)}] if parts or isinstance(message.content, str) else []


def _assistant(message: AIMessage) -> dict[str, Any]:
    calls = _calls(message)
    text = "".join(part["text"] for part in _parts(message) if part["type"] == "text")
    wire: dict[str, Any] = {"role": "assistant", "content": text or ("" if not calls else None)}
    if calls:
        wire["tool_calls"] = calls
    if message.name:
        wire["name"] = message.name
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
            arguments = block.get("input" if kind == "tool_use" else "args")
            calls.append(_call(block.get("id"), block.get("name"), arguments))
    return calls


def _call(id_: str | None, name: str | None, arguments: Any) -> dict[str, Any]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": text}}


def _tool_results(message: BaseMessage) -> list[dict[str, Any]]:
    """Tool results that a user message holds, as Anthropic's do, as the messages they are in this API."""
    return [
        _tool_result(block.get("tool_use_id"), _parts(HumanMessage(block.get("content") or "")))
        for block in _blocks(message)
        if block.get("type") == "tool_result"
    ]


def _tool_result(call_id: Any, parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": _content(parts)}


def _content(parts: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """Text alone as text, since many services take no list there; anything else as the list of its parts."""
    if len(parts) == 1 and parts[0]["type"] == "text":
        return cast("str", parts[0]["text"])
    return parts or ""


def _blocks(message: BaseMessage) -> list[dict[str, Any]]:
    content = message.content
    return [] if isinstance(content, str) else [block for block in content if isinstance(block, dict)]


def _parts(message: BaseMessage) -> list[dict[str, Any]]:
    """The content parts of a message; what only models say (calls, thoughts) is left out."""
    if isinstance(message.content, str):
        return [{"type": "text", "text": message.content}] if message.content else []
    parts: list[dict[str, Any]] = []
    for block in message.content:
        kind = block.get("type") if isinstance(block, dict) else "text"
        if kind in _OF_THE_MODEL or kind == "tool_result":
            continue
        if isinstance(block, dict) and kind in _WIRE_PARTS and isinstance(block.get(_WIRE_PARTS[kind]), dict):
            parts.append({"type": kind, kind: block[kind]})
            continue
        # One block at a time: langchain-core reads those of its own versions and of other providers.
        parts += [part for read in HumanMessage([block]).content_blocks if (part := _part(cast("Any", read)))]
    return parts


def _part(block: Mapping[str, Any]) -> dict[str, Any] | None:
    kind = block["type"]
    if kind in ("text", "text-plain"):
        return {"type": "text", "text": block["text"]} if block.get("text") else None
    if kind == "non_standard":
        return None if block["value"].get("type") in _OF_THE_MODEL else dict(block["value"])
    if kind == "image" and (url := _url(block)):
        extras: dict[str, Any] = block.get("extras") or {}
        return _dumped(ImagePart.from_url(url, detail=extras.get("detail")))
    if kind == "audio" and block.get("base64"):
        mime_type = block.get("mime_type") or "audio/wav"
        return _dumped(InputAudioPart.from_bytes(base64.b64decode(block["base64"]), mime_type=mime_type))
    if kind == "audio" and (url := _url(block)):
        return _dumped(AudioUrlPart.from_url(url))
    if kind == "file" and (url := _url(block)):
        name = (block.get("extras") or block.get("metadata") or block).get("filename")
        return {"type": "file", "file": {"file_data": url, "filename": name or "file"}}
    raise ConfigurationError(f"a content block of type {kind!r} with {', '.join(block)} has no form in this API")


def _dumped(part: ImagePart | InputAudioPart | AudioUrlPart) -> dict[str, Any]:
    return part.model_dump(exclude_none=True)


def _url(block: Mapping[str, Any]) -> str | None:
    """Where the data of a block is: its address, or the data itself as a `data:` URL."""
    if block.get("base64"):
        return f"data:{block.get('mime_type') or 'image/png'};base64,{block['base64']}"
    return block.get("url")


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
    calls: list[ToolCall] = []
    broken: list[InvalidToolCall] = []
    for call in message.tool_calls:
        name, text, id_ = call.function.name, call.function.arguments, call.id or None
        arguments = parse_arguments(text)
        if arguments is None:
            broken.append(to_broken(name, text, id_))
        else:
            calls.append(tool_call(name=name, args=arguments, id=id_))
    return AIMessage(
        content=to_content(message.text, message.refusal),
        additional_kwargs=to_additional(message),
        tool_calls=calls,
        invalid_tool_calls=broken,
        usage_metadata=usage,
        response_metadata=metadata,
    )


def to_broken(name: str | None, text: str | None, id_: str | None) -> InvalidToolCall:
    """A call whose arguments are no complete JSON object, as the model wrote them."""
    return invalid_tool_call(name=name, args=text, id=id_, error="The arguments are not a complete JSON object.")


def to_content(text: str, refusal: str | None) -> str | list[str | dict[Any, Any]]:
    """Text, or the block that says that the model refuses."""
    return text if text or not refusal else [{"type": "refusal", "refusal": refusal, "index": 0}]


def to_additional(message: AnswerMessage) -> dict[str, Any]:
    """What has no place of its own in a LangChain message; `reasoning_content` becomes a block in `content_blocks`."""
    said = {
        "reasoning_content": message.reasoning_text,
        "refusal": message.refusal,
        "audio": message.audio.model_dump(exclude_none=True) if message.audio else None,
    }
    return {name: value for name, value in said.items() if value}


def to_usage(usage: Usage | None) -> UsageMetadata | None:
    """Tokens as LangChain counts them; details only where the service gave them."""
    if usage is None:
        return None
    prompt, completion = usage.prompt_tokens or 0, usage.completion_tokens or 0
    metadata = UsageMetadata(
        input_tokens=prompt, output_tokens=completion, total_tokens=usage.total_tokens or prompt + completion
    )
    if details := usage.prompt_tokens_details:
        given = {"audio": details.audio_tokens, "cache_read": details.cached_tokens}
        metadata["input_token_details"] = cast("InputTokenDetails", _given(given))
    if spent := usage.completion_tokens_details:
        given = {"audio": spent.audio_tokens, "reasoning": spent.reasoning_tokens}
        metadata["output_token_details"] = cast("OutputTokenDetails", _given(given))
    return metadata


def to_metadata(answer: ChatCompletion, choice: Choice) -> dict[str, Any]:
    """The `response_metadata` of a message."""
    return {
        "model_provider": PROVIDER,
        **_given(
            {
                "model_name": answer.model,
                "id": answer.id,
                "created": answer.created,
                "finish_reason": choice.finish_reason,
                "system_fingerprint": answer.system_fingerprint,
                "logprobs": choice.logprobs,
                "content_filter_results": choice.content_filter_results,
                "prompt_filter_results": answer.prompt_filter_results,
            }
        ),
    }


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
