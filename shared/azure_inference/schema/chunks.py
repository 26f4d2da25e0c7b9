"""The chunks of streamed answers: read by msgspec, since there is one for every token.

pydantic takes four times as long, most of it for the objects it makes. What msgspec takes at once is a chunk of just
the fields below; any other is read with more patience, and loses nothing.
"""

import secrets
from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping
from functools import cache
from typing import Any, ClassVar, Self

import msgspec
from pydantic import BaseModel
from pydantic_core import SchemaSerializer, core_schema, from_json

from ._base import Seconds
from ._endpoint import Endpoint
from ._json import has_any, is_array, is_object
from .chat import CHAT, Audio, ChatRequest, Usage, reasoning_in, said_in, text_in
from .tools import to_text

_UNKNOWN = f"<{secrets.token_hex(8)}>"
"""Where chunks hold the keys that are no fields: a name that no server can give to one of its own."""
SHALLOW = 800
"""Bytes of JSON that is seldom nested beyond what Python's stack takes: msgspec has no other limit."""


class ChunkModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a chunk. What a server omits is None (`choices`: empty); unknown keys, if any, are in `model_extra`."""

    others: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}
    """What makes of the value of a key one that its field takes."""

    model_extra: dict[str, Any] | None = msgspec.field(default=None, name=_UNKNOWN)

    @classmethod
    def fast_reader(cls) -> Callable[[bytes], Self]:
        """What makes chunks of JSON that has no keys but the fields; for any other it raises ValueError.

        The JSON must be no longer than `SHALLOW`; nested too deep all the same, it raises RecursionError.
        """
        return _reader(cls)

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """The chunk that JSON of a server means; raises ValueError if it is none."""
        return cls.from_value(from_json(data))

    @classmethod
    def from_value(cls, value: Any) -> Self:
        """The chunk that a JSON value means; raises ValueError if it is none."""
        return msgspec.convert(cls.grouped(value), cls, strict=False, dec_hook=_to_model)

    @classmethod
    def grouped(cls, value: Any) -> Any:
        """The value with its unknown keys where they are kept, and without those that are null."""
        if is_array(value):
            return [cls.grouped(item) for item in value]
        if not is_object(value):
            return value
        fields, others = cls.__struct_encode_fields__, cls.others
        known: dict[str, Any] = {}
        unknown: dict[str, Any] = {}
        for name, item in value.items():
            if name not in fields:
                unknown[name] = item
            elif item is not None:
                known[name] = others[name](item) if name in others else item
        return {**known, _UNKNOWN: unknown} if unknown else known

    def keys(self) -> KeysView[str]:
        """The keys of `to_dict`: programs that read what a framework calls *raw* take it for a mapping, too."""
        return self.to_dict().keys()

    def items(self) -> ItemsView[str, Any]:
        """The keys and values of `to_dict`."""
        return self.to_dict().items()

    def __iter__(self) -> Iterator[str]:
        return iter(self.to_dict())

    def __contains__(self, key: object) -> bool:
        return key in self.to_dict()

    def __getitem__(self, key: str) -> Any:
        return self.to_dict()[key]

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key of `to_dict`."""
        return self.to_dict().get(key, default)

    def to_dict(self) -> dict[str, Any]:
        """The chunk as a server writes it, without what it left out."""
        fields = msgspec.structs.asdict(self)
        unknown: dict[str, Any] = fields.pop("model_extra") or {}
        return {name: _to_json(value) for name, value in fields.items() if value is not None} | unknown

    # pydantic asks for this where it writes out a value of any type: frameworks keep chunks in fields of that kind.
    __pydantic_serializer__: ClassVar[SchemaSerializer] = SchemaSerializer(
        core_schema.any_schema(serialization=core_schema.plain_serializer_function_ser_schema(to_dict))
    )


def _to_id(value: Any) -> Any:
    """The name of something as text: some servers write a number."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class FunctionCallDelta(ChunkModel, frozen=True, kw_only=True):
    """A piece of the function a model calls. `arguments` is JSON text as the model writes it, cut anywhere."""

    others = {"arguments": to_text}

    name: str | None = None
    arguments: str | None = None


class ToolCallDelta(ChunkModel, frozen=True, kw_only=True):
    """A piece of a tool call. `index` says which call it belongs to (filled in where a server omits it).

    The first piece of a call has its `id`, which is one of our own where a server gives none.
    """

    others = {"id": _to_id, "function": FunctionCallDelta.grouped}

    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: FunctionCallDelta = FunctionCallDelta()


class Delta(ChunkModel, frozen=True, kw_only=True):
    """The piece of a message that a chunk brings."""

    others = {"tool_calls": ToolCallDelta.grouped}

    role: str | None = None
    content: str | list[Any] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    audio: Audio | None = None
    tool_calls: list[ToolCallDelta] | None = None

    @property
    def text(self) -> str:
        """The text said, whatever form `content` has; empty where there is none."""
        content = self.content
        return text_in(content) if isinstance(content, list) else content or ""

    @property
    def said(self) -> str | list[Any]:
        """The text said; or, with images and the like among it, all parts of `content` but reasoning."""
        content = self.content
        return said_in(content) if isinstance(content, list) else content or ""

    @property
    def reasoning_text(self) -> str:
        """The reasoning, from whichever place the server puts it; empty where there is none."""
        reasoning, content = self.reasoning_content or self.reasoning, self.content
        return reasoning or (reasoning_in(content) if isinstance(content, list) else "")

    @property
    def text_and_reasoning(self) -> tuple[str, str]:
        """The text said and the reasoning, for those who want both of every chunk."""
        content = self.content
        if isinstance(content, list):
            return self.text, self.reasoning_text
        return content or "", self.reasoning_content or self.reasoning or ""


_NO_DELTA = Delta()


class ChunkChoice(ChunkModel, frozen=True, kw_only=True):
    """A piece of one answer."""

    others = {"delta": Delta.grouped}

    index: int | None = None
    finish_reason: str | None = None
    delta: Delta = _NO_DELTA
    content_filter_results: dict[str, Any] | None = None
    logprobs: Any = None

    def is_of_other_kind(self, *, is_first: bool) -> bool:
        """Whether it has no delta (or, in the first chunk, an empty one), but text where other kinds of answer have it.

        Whole answers and text completions do; so do the last pieces of some services, beside an empty delta.
        """
        has_delta = self.delta != _NO_DELTA if is_first else self.delta is not _NO_DELTA
        return not has_delta and has_any(self.model_extra, "message", "text")


class _Frame(ChunkModel, frozen=True, kw_only=True):
    """What stands beside the choices."""

    id: str | None = None
    object: str | None = None
    created: Seconds | None = None
    model: str | None = None
    usage: Usage | None = None
    system_fingerprint: str | None = None
    prompt_filter_results: list[Any] | None = None
    service_tier: Any = None


class ChatCompletionChunk(_Frame, frozen=True, kw_only=True):
    """One frame of a streamed answer; `choices` is empty in frames that bring only usage or filter results."""

    others = {"id": _to_id, "choices": ChunkChoice.grouped}

    choices: list[ChunkChoice] = []
    obfuscation: Any = None
    """Noise that OpenAI's services send with every frame, so that its length tells nothing."""


CHAT_STREAM = Endpoint(CHAT.method, CHAT.path, ChatRequest, ChatCompletionChunk, streams=True)


class CompletionChunkChoice(ChunkModel, frozen=True, kw_only=True):
    """A piece of one completion."""

    index: int | None = None
    text: str = ""
    finish_reason: str | None = None
    logprobs: Any = None
    content_filter_results: dict[str, Any] | None = None

    def is_of_other_kind(self, *, is_first: bool) -> bool:  # noqa: ARG002 - as pieces of chats
        """Whether it has no text, and something where chats have theirs."""
        return not self.text and has_any(self.model_extra, "delta", "message")


class CompletionChunk(_Frame, frozen=True, kw_only=True):
    """One frame of a streamed completion; `choices` may be empty."""

    others = {"id": _to_id, "choices": CompletionChunkChoice.grouped}

    choices: list[CompletionChunkChoice] = []


@cache
def _reader(kind: type[ChunkModel]) -> Callable[[bytes], Any]:
    return msgspec.json.Decoder(kind, dec_hook=_to_model).decode


def _to_model(kind: type[BaseModel], value: Any) -> Any:
    """A part that chunks have in common with whole answers."""
    return kind.model_validate(value)


def _to_json(value: Any) -> Any:
    if isinstance(value, ChunkModel):
        return value.to_dict()
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_none=True)
    return [_to_json(item) for item in value] if is_array(value) else value
