"""LlamaIndex chat messages as the messages of the API."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    ContentBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)
from pydantic import BaseModel

from azure_inference import (
    AssistantMessage,
    AudioUrlPart,
    ConfigurationError,
    ContentPart,
    DeveloperMessage,
    ImagePart,
    InputAudioPart,
    SystemMessage,
    TextPart,
    ToolMessage,
    UserMessage,
    document_text,
    kind_of,
    to_history,
    to_request,
)
from azure_inference import ChatMessage as WireMessage

from ._responses import REFERENCE_TO_AUDIO

NOT_SAID = (ThinkingBlock, CachePoint, CitationBlock)
"""What models and frameworks note beside a message; it is no part of what was said, and never goes out."""
_REMEDIES: dict[type[BaseModel], str] = {
    VideoBlock: "the API takes no video; send frames of it as ImageBlocks",
    ToolCallBlock: "only a message of role assistant carries it",
}

_NO_TITLE = "input_document"
"""How LlamaIndex calls a document without a title."""
_UNFIT = "[^a-zA-Z0-9_-]"
"""What no name of a tool has on the wire."""
_TYPES: dict[type[BaseModel], str] = {ImageBlock: "image_mimetype", AudioBlock: "format"}
"""The fields of blocks that tell a media type."""


def to_wire(messages: Sequence[ChatMessage]) -> Sequence[WireMessage | dict[str, Any]]:
    """The messages as the API takes them; they are only read.

    Calls and results of tools are as `azure_inference.to_history` has them.

    Raises:
        ConfigurationError: A message holds what the API cannot take.
    """
    wire = [_message(checked("a message", message)) for message in messages]
    if all(map(_is_settled, wire)):
        return wire
    return to_history([message.model_dump(exclude_none=True) for message in wire])


def checked(name: str, value: object, others: str = "") -> ChatMessage:
    """The value, if it is a message; `others` are what else may be passed."""
    if not isinstance(value, ChatMessage):
        raise ConfigurationError(
            f"{name} is {kind_of(value)}: pass {others}a ChatMessage, such as ChatMessage(role='user', content='Hello')"
        )
    return value


def _is_settled(message: WireMessage) -> bool:
    """Whether a message is one of the API without regard to the others."""
    if isinstance(message, ToolMessage):
        return isinstance(message.content, str) and bool(message.tool_call_id)
    return not isinstance(message, AssistantMessage) or all(call.id for call in message.tool_calls or ())


def _message(message: ChatMessage) -> WireMessage:
    match message.role:
        case MessageRole.USER:
            return UserMessage(content=_content(message), name=_name(message))
        case MessageRole.SYSTEM:
            return SystemMessage(content=_text(message), name=_name(message))
        case MessageRole.DEVELOPER:
            return DeveloperMessage(content=_text(message), name=_name(message))
        case MessageRole.TOOL | MessageRole.FUNCTION:
            return ToolMessage(content=_content(message), tool_call_id=_tool_call_id(message))
        case _:
            return _assistant(message)


def _assistant(message: ChatMessage) -> AssistantMessage:
    calls = [_call(block) for block in message.blocks if isinstance(block, ToolCallBlock)]
    if noted := message.additional_kwargs.get("tool_calls"):
        _check_noted(noted)
        calls = _with_extra(calls, noted) if calls else [_legacy_call(call) for call in noted]
    spoken = message.additional_kwargs.get("audio_id") or message.additional_kwargs.get(REFERENCE_TO_AUDIO)
    # All that the API takes back of what a model said, whatever else the models of another API say.
    text = "\n".join(_texts(message.blocks))
    if spoken and text == message.additional_kwargs.get("audio_transcript"):
        text = ""  # the id stands for it
    return to_request(
        AssistantMessage,
        {
            "content": text if text or not calls else None,
            "tool_calls": calls or None,
            "audio": {"id": spoken} if spoken else None,
            "name": _name(message),
        },
    )


def _texts(blocks: Sequence[ContentBlock]) -> Iterator[str]:
    """The texts among blocks, and inside of citable ones."""
    for block in blocks:
        if isinstance(block, TextBlock):
            yield block.text
        elif isinstance(block, CitableBlock):
            yield from _texts(block.content)


def _call(block: ToolCallBlock) -> dict[str, Any]:
    function = {"name": _sendable(block.tool_name), "arguments": block.tool_kwargs or "{}"}
    return {"id": block.tool_call_id, "function": function}


def _sendable(name: str) -> str:
    """The name of a tool as llama-index-core sends it."""
    return re.sub(_UNFIT, "_", name)


def _with_extra(calls: list[dict[str, Any]], noted: Sequence[Any]) -> list[dict[str, Any]]:
    """The calls with what the model wants back with them, for which blocks have no place."""
    known = [cast("dict[str, Any]", call) for call in noted if isinstance(call, dict) and "extra_content" in call]
    extra = {call.get("id"): {"extra_content": call["extra_content"]} for call in known}
    return [{**call, **extra.get(call["id"], {})} for call in calls] if extra else calls


def _check_noted(noted: Any) -> None:
    """Raises unless what is kept beside a message as its calls is a list."""
    if not isinstance(noted, Sequence):
        raise ConfigurationError(
            f"additional_kwargs['tool_calls'] is {kind_of(noted)}: pass a list, or use ToolCallBlocks"
        )


def _legacy_call(call: Any) -> dict[str, Any]:
    """A call as older versions and other packages keep it beside the message: a mapping or an object of that form."""
    fields = call.model_dump() if isinstance(call, BaseModel) else call
    if not isinstance(fields, Mapping) or "function" not in fields:
        raise ConfigurationError(
            f"additional_kwargs['tool_calls'] holds {kind_of(call)} that is not a tool call of the API: "
            "use a ToolCallBlock"
        )
    said = dict(cast("Mapping[str, Any]", fields))
    function = said["function"]
    if isinstance(function, Mapping) and isinstance(name := cast("Mapping[str, Any]", function).get("name"), str):
        said["function"] = {**cast("Mapping[str, Any]", function), "name": _sendable(name)}
    return {name: said.get(name) for name in ("id", "function", "extra_content") if name in said}


def _name(message: ChatMessage) -> str | None:
    """Who speaks, if that is told."""
    name = message.additional_kwargs.get("name")
    return str(name) if name else None


def _tool_call_id(message: ChatMessage) -> str:
    """The id of the call that a message answers; empty where that has none, so that `to_history` finds it."""
    known = message.additional_kwargs.get("tool_call_id")
    if known is None:
        raise ConfigurationError(
            f"a message of role {message.role.value} has no additional_kwargs['tool_call_id']: "
            "set it to the id of the call that the message answers"
        )
    return str(known)


def _blocks_said(blocks: Sequence[ContentBlock], role: MessageRole) -> list[ContentBlock]:
    """The blocks that belong to what was said, those inside of citable ones included, and documents as their text."""
    said: list[ContentBlock] = []
    for block in blocks:
        if isinstance(block, TextBlock):
            said.append(block)
        elif isinstance(block, CitableBlock):
            said.append(TextBlock(text=f"Title: {block.title}\nSource: {block.source}"))  # to be cited by
            said.extend(_blocks_said(block.content, role))
        elif isinstance(block, DocumentBlock):
            if block.title != _NO_TITLE:
                said.append(TextBlock(text=f"Title: {block.title}"))
            said.append(TextBlock(text=_document(block, role)))
        elif not isinstance(block, NOT_SAID):
            said.append(block)
    return said


def _text(message: ChatMessage) -> str:
    """The text of a message that can hold nothing else."""
    texts: list[str] = []
    for block in _blocks_said(message.blocks, message.role):
        if isinstance(block, TextBlock):
            texts.append(block.text)
        else:
            remedy = _REMEDIES.get(type(block), "put it into a message of role user")
            raise ConfigurationError(f"{type(block).__name__} in a message of role {message.role.value}: {remedy}")
    return "\n".join(texts)


def _content(message: ChatMessage) -> str | list[ContentPart]:
    """Text alone as text, since not every model takes a list; anything else as parts."""
    blocks = _blocks_said(message.blocks, message.role)
    texts = [block.text for block in blocks if isinstance(block, TextBlock)]
    if len(texts) == len(blocks):
        return "\n".join(texts)
    return [_part(block, message.role) for block in blocks if not isinstance(block, TextBlock) or block.text]


def _part(block: ContentBlock, role: MessageRole) -> ContentPart:
    try:
        match block:
            case TextBlock():
                return TextPart(text=block.text)
            case ImageBlock():
                return _image(block)
            case AudioBlock():
                return _audio(block)
            case _:
                problem = _REMEDIES.get(type(block), "the API has no such content; send text or images")
    except (ValueError, OSError) as error:
        problem = str(error).replace("mime_type", _TYPES.get(type(block), "mime_type"))
    raise ConfigurationError(f"{type(block).__name__} in a message of role {role.value}: {problem}")


def _image(block: ImageBlock) -> ImagePart:
    detail = cast("Any", block.detail)
    if block.url is not None:
        return ImagePart.from_url(str(block.url), detail=detail)
    if block.path is not None:
        return ImagePart.from_file(block.path, mime_type=block.image_mimetype, detail=detail)
    data = block.resolve_image().read()
    return ImagePart.from_bytes(data, mime_type=block.image_mimetype, detail=detail)


def _document(block: DocumentBlock, role: MessageRole) -> str:
    try:
        if block.url is None:
            return document_text(block.resolve_document().read(), block.document_mimetype)
        problem = "the API takes no documents: load the file, and pass its data or path"
    except (ValueError, OSError) as error:
        problem = str(error)
    raise ConfigurationError(f"DocumentBlock in a message of role {role.value}: {problem}")


def _audio(block: AudioBlock) -> AudioUrlPart | InputAudioPart:
    if block.url is not None:
        return AudioUrlPart.from_url(str(block.url))
    kind = f"audio/{block.format}" if block.format and "/" not in block.format else block.format
    return InputAudioPart.from_bytes(block.resolve_audio().read(), mime_type=kind)
