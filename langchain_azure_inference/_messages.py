"""LangChain messages to those of the API."""

from __future__ import annotations

import base64
import json
import mimetypes
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages.content import KNOWN_BLOCK_TYPES

from azure_inference import (
    AudioUrlPart,
    ConfigurationError,
    ImagePart,
    InputAudioPart,
    TextPart,
    document_text,
    kind_of,
    parse_arguments,
    to_history,
)

from ._blocks import EXTRA_CONTENT
from ._foreign import to_known

_PDF = "application/pdf"
_PARTS_OF_THE_API = frozenset({"image_url", "input_audio", "audio_url"})
_NO_CONTENT = frozenset(
    "tool_call invalid_tool_call tool_call_chunk tool_use input_json_delta function_call server_tool_call "
    "server_tool_result reasoning reasoning_content thinking redacted_thinking refusal tool_result".split()
)
"""What models say beside their text, and results of tools, which are messages of their own."""


def to_wire(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """The `messages` of a request. The given messages are not changed.

    The API takes text alone from tools: what else they gave follows their results, as a message of the user.

    Raises:
        ConfigurationError: A message or a part of one has no form in the API.
    """
    return to_history([entry for message in messages for entry in _to_wire(message)])


def texts_of(messages: Sequence[BaseMessage]) -> list[str]:
    """All that is text in a request: what is said, documents and calls included; for counts of tokens."""
    texts: list[str] = []
    for message in messages:
        wire: list[dict[str, Any]]
        try:
            wire = _to_wire(message)
        except ValueError:  # it cannot be sent, and can be counted all the same
            wire = [{"content": message.text}]
        for said in wire:
            content = said.get("content") or ""
            texts += [content] if isinstance(content, str) else [part.get("text") or "" for part in content]
            texts += [str(call["function"]["arguments"]) for call in said.get("tool_calls") or ()]
    return texts


def _to_wire(message: BaseMessage) -> list[dict[str, Any]]:
    # The most frequent first: asking of one of these classes what it is not takes as long as making a dict.
    if isinstance(message, HumanMessage):
        return _of_user("user", message)
    if isinstance(message, AIMessage):
        return [_of_model(message)]
    if isinstance(message, ToolMessage):
        return [{"role": "tool", "tool_call_id": message.tool_call_id, "content": _content(message.content)}]
    if isinstance(message, SystemMessage):
        role = message.additional_kwargs.get("__openai_role__", "system")
        return [_said_by(role, message, _content(message.content, joint="\n"))]
    if isinstance(message, ChatMessage):
        return _of_user(message.role, message)
    if isinstance(message, FunctionMessage):
        return [{"role": "function", "name": message.name, "content": message.content}]
    raise ConfigurationError(f"{kind_of(message)} cannot be sent: leave it out of the messages")


def _said_by(role: str, message: BaseMessage, content: str | list[dict[str, Any]] | None) -> dict[str, Any]:
    wire: dict[str, Any] = {"role": role, "content": content}
    if message.name:
        wire["name"] = message.name
    return wire


def _of_user(role: str, message: BaseMessage) -> list[dict[str, Any]]:
    """What a user said, after the results of tools that Anthropic has in messages of users."""
    if isinstance(message.content, str):
        return [_said_by(role, message, message.content)]
    results, content = _tool_results(message), _content(message.content)
    return [*results, _said_by(role, message, content)] if content or not results else results


def _tool_results(message: BaseMessage) -> list[dict[str, Any]]:
    return [
        {"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": _content(block.get("content") or "")}
        for block in _blocks_of(message)
        if block.get("type") == "tool_result"
    ]


def _of_model(message: AIMessage) -> dict[str, Any]:
    calls, text = _calls(message), _text(message)
    wire = _said_by("assistant", message, text or (None if calls else ""))
    if calls:
        wire["tool_calls"] = calls
    if message.additional_kwargs:
        _add_said(wire, message.additional_kwargs)
    return wire


def _add_said(wire: dict[str, Any], additional: Mapping[str, Any]) -> None:
    """Adds what an answer has beside its text: the id of what was spoken, and a call as models once made them.

    To its calls, it adds what the model wants back with them. What other packages note there in another form stays out.
    """
    extra: Any = additional.get(EXTRA_CONTENT)
    if isinstance(extra, Mapping) and "tool_calls" in wire:
        wire["tool_calls"] = [
            {**call, "extra_content": extra[call["id"]]} if call["id"] in extra else call for call in wire["tool_calls"]
        ]
    audio: Any = additional.get("audio")
    if isinstance(audio, Mapping) and (id_ := cast("Mapping[str, Any]", audio).get("id")):
        wire["audio"] = {"id": id_}
    legacy: Any = additional.get("function_call")
    if legacy and "tool_calls" not in wire:  # other packages note one of these there, too
        wire["function_call"] = legacy
        wire["content"] = wire["content"] or None


def _text(message: AIMessage) -> str:
    """The text of an answer: all that the API takes back of what a model said, whatever else another API has there."""
    if isinstance(message.content, str):
        return message.content
    texts = [
        block if isinstance(block, str) else block.get("text")
        for block in message.content
        if isinstance(block, str) or block.get("type") in (None, "text")
    ]
    return "".join(text for text in texts if isinstance(text, str))


def _calls(message: AIMessage) -> list[dict[str, Any]]:
    """The calls of a message: its own, and those with broken arguments as they are; where it has none, its blocks'.

    Those of a message made for `output_version="v1"` are also in its blocks, where they stay when they are taken out.
    """
    calls = [_call(call["id"], call["name"], call["args"]) for call in message.tool_calls]
    calls += [_call(call["id"], call["name"], _as_written(call["args"])) for call in message.invalid_tool_calls]
    if calls or message.response_metadata.get("output_version") == "v1":
        return calls
    for block in _blocks_of(message):
        kind = block.get("type")
        if kind in ("tool_call", "tool_use", "invalid_tool_call"):
            arguments = block.get("input") if kind == "tool_use" else block.get("args")
            calls.append(_call(block.get("id"), block.get("name"), arguments))
    return calls


def _as_written(arguments: str | None) -> str | None:
    """The arguments of a broken call as the model wrote them: sums that were stored have them as a JSON string."""
    if not arguments or not arguments.startswith('"'):
        return arguments
    try:
        text: Any = json.loads(arguments)
    except ValueError:
        return arguments
    is_stored = isinstance(text, str) and text.lstrip().startswith("{") and parse_arguments(text) is None
    return cast("str", text) if is_stored else arguments


def _call(id_: str | None, name: str | None, arguments: Any) -> dict[str, Any]:
    written: Any = arguments if isinstance(arguments, str) else arguments or {}
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": written}}


def _blocks_of(message: BaseMessage) -> list[dict[str, Any]]:
    content = message.content
    return [] if isinstance(content, str) else [block for block in content if isinstance(block, dict)]


def _content(content: str | Sequence[Any], *, joint: str | None = None) -> str | list[dict[str, Any]]:
    """Text alone as text, since many services take no list there; anything else as parts.

    Several texts stay parts, too, unless there is something to join them with.
    """
    if isinstance(content, str):
        return content
    parts = [part for block in content for part in _to_parts(block)]
    if all(part["type"] == "text" for part in parts) and (len(parts) < 2 or joint is not None):
        return (joint or "").join(part["text"] for part in parts)
    return parts


def _to_parts(block: str | dict[str, Any]) -> list[dict[str, Any]]:
    """The parts that a block of a user or a tool means: none where it is no content, or empty text."""
    if isinstance(block, str):
        return [{"type": "text", "text": block}] if block else []
    block = to_known(block)
    kind = block.get("type")
    if kind in _PARTS_OF_THE_API:
        value = block.get(kind)
        return [{"type": kind, kind: {"url": value} if isinstance(value, str) else value}]
    if _holds_text(block):
        read: list[Any] = [block]
    else:
        try:
            # One block at a time: langchain-core reads those of its own versions and of other providers.
            read = list(HumanMessage([block]).content_blocks)
        except KeyError as error:
            raise ConfigurationError(f"a content block of type {kind!r} cannot be sent: it has no {error}") from None
    return [part for known in read if (part := _to_part(known)) is not None]


def _to_part(block: Mapping[str, Any]) -> dict[str, Any] | None:
    """The part that a block means which is one of langchain-core's own, or holds one that it does not know."""
    if block.get("type") == "non_standard":
        block = block["value"]
    kind = block.get("type")
    if kind in _NO_CONTENT or "cachePoint" in block:
        return None
    if _holds_text(block):
        return {"type": "text", "text": block["text"]} if block.get("text") else None
    if kind in _CONVERTERS:
        try:
            return _CONVERTERS[kind](block).model_dump(exclude_none=True)
        except ValueError as error:
            raise ConfigurationError(f"a content block of type {kind!r} cannot be sent: {error}") from None
    if kind is None or kind in KNOWN_BLOCK_TYPES:
        of_type = "without a type" if kind is None else f"of type {kind!r}"
        raise ConfigurationError(f"a content block {of_type} ({', '.join(block)}) has no form in this API: send text")
    return dict(block)


def _holds_text(block: Mapping[str, Any]) -> bool:
    """Whether a block's text is in it as it is: in one of Bedrock's, which have no type, or in a file made of text."""
    kind = block.get("type")
    return kind == "text" or (kind in (None, "text-plain", "file") and block.get("text") is not None)


def _document(block: Mapping[str, Any]) -> TextPart:
    if not block.get("base64"):
        by = "".join(f" by {name}" for name in ("url", "file_id") if block.get(name))
        raise ConfigurationError(
            f"the API takes no documents{by}: load the file, and pass its text or its data as base64"
        )
    data, mime_type = base64.b64decode(block["base64"]), block.get("mime_type")
    if mime_type == _PDF and b"%PDF-" not in data[:1024]:
        # langchain-core says so of each file in OpenAI's form, whatever its data URL says: its name knows better.
        extras: dict[str, Any] = block.get("extras") or {}
        mime_type = mimetypes.guess_type(str(extras.get("filename")))[0] or mime_type
    elif mime_type is None and block["type"] == "text-plain":
        mime_type = "text/plain"
    return TextPart(text=document_text(data, mime_type))


def _image(block: Mapping[str, Any]) -> ImagePart:
    extras: dict[str, Any] = block.get("extras") or {}
    data, mime_type = _data(block)
    detail: Any = extras.get("detail")
    if data and not mime_type:
        return ImagePart.from_bytes(base64.b64decode(data), detail=detail)
    return ImagePart.from_url(f"data:{mime_type};base64,{data}" if data else block["url"], detail=detail)


def _audio(block: Mapping[str, Any]) -> InputAudioPart | AudioUrlPart:
    data, mime_type = _data(block)
    if data:
        return InputAudioPart.from_bytes(base64.b64decode(data), mime_type=mime_type)
    return AudioUrlPart.from_url(block["url"])


def _data(block: Mapping[str, Any]) -> tuple[str, str | None]:
    """The data of a block in base64, empty if it has a URL instead, and their media type, if it tells it."""
    data: Any = block.get("base64") or ""
    if isinstance(data, bytes):
        data = data.decode("ascii")
    if not data and not block.get("url"):
        raise ValueError(f"pass its data as base64, or its url (it has only {', '.join(block)})")
    return data, block.get("mime_type")


_CONVERTERS: dict[str, Callable[[Mapping[str, Any]], TextPart | ImagePart | InputAudioPart | AudioUrlPart]] = {
    "text-plain": _document,
    "file": _document,
    "image": _image,
    "audio": _audio,
}
