"""Chat messages of every role and the parts their content is made of."""

import base64
import mimetypes
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, get_args

from pydantic import Discriminator, Tag

from ._base import WireModel
from ._json import is_object
from ._media import media_type_of
from .tools import ToolCall

ImageDetail = Literal["auto", "low", "high"]


_USUAL = {"image": "image/png", "audio": "audio/wav"}


def _media(source: str | Path | bytes, mime_type: str | None, kind: str) -> tuple[bytes, str]:
    """The bytes of a file or of memory, with their media type: as told, by the name of the file, or by its begin."""
    if isinstance(source, bytes):
        data, guess = source, None
    else:
        data, guess = Path(source).read_bytes(), mimetypes.guess_type(str(source))[0]
    media_type = mime_type or guess or media_type_of(data, kind)
    if not media_type or not media_type.startswith(f"{kind}/"):
        where = "bytes" if isinstance(source, bytes) else str(source)
        raise ValueError(
            f"mime_type={media_type!r} of {where} is not an {kind} type: pass mime_type, such as '{_USUAL[kind]}'"
        )
    return data, media_type


def _data_url(data: bytes, mime_type: str) -> str:
    """Bytes as the `data:` URL that the API takes in place of an address."""
    return f"data:{mime_type};base64,{base64.b64encode(data).decode('ascii')}"


class TextPart(WireModel):
    """Text as a part of a message."""

    type: Literal["text"] = "text"
    text: str


class ImageUrl(WireModel):
    """Where an image is: an https address or a `data:` URL; `detail` is auto, low or high."""

    url: str
    detail: ImageDetail | None = None


class ImagePart(WireModel):
    """An image as a part of a user message."""

    type: Literal["image_url"] = "image_url"
    image_url: ImageUrl

    @classmethod
    def from_url(cls, url: str, *, detail: ImageDetail | None = None) -> Self:
        """An image that the service fetches itself, or one inside a `data:` URL."""
        if detail is not None and detail not in get_args(ImageDetail):
            raise ValueError(f"detail={detail!r} is unknown: pass {', '.join(map(repr, get_args(ImageDetail)))}")
        return cls(image_url=ImageUrl(url=url, detail=detail))

    @classmethod
    def from_bytes(cls, data: bytes, *, mime_type: str | None = None, detail: ImageDetail | None = None) -> Self:
        """An image held in memory; `mime_type` such as `image/png`, where its first bytes do not tell it."""
        return cls.from_url(_data_url(*_media(data, mime_type, "image")), detail=detail)

    @classmethod
    def from_file(cls, path: str | Path, *, mime_type: str | None = None, detail: ImageDetail | None = None) -> Self:
        """An image file, read now; its type is told by its name or first bytes unless `mime_type` says it."""
        return cls.from_url(_data_url(*_media(Path(path), mime_type, "image")), detail=detail)


class AudioUrl(WireModel):
    """Where the audio is: an https address or a `data:` URL."""

    url: str


class AudioUrlPart(WireModel):
    """Audio by its address, as a part of a user message."""

    type: Literal["audio_url"] = "audio_url"
    audio_url: AudioUrl

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Audio that the service fetches itself, or one inside a `data:` URL."""
        return cls(audio_url=AudioUrl(url=url))


class InputAudio(WireModel):
    """Audio in base64 with its format (`wav` or `mp3`)."""

    data: str
    format: str


_AUDIO_FORMATS = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}


class InputAudioPart(WireModel):
    """Audio inside the message itself."""

    type: Literal["input_audio"] = "input_audio"
    input_audio: InputAudio

    @classmethod
    def from_bytes(cls, data: bytes, *, mime_type: str | None = None) -> Self:
        """Audio held in memory; `mime_type` is `audio/wav` or `audio/mpeg`, where its first bytes do not tell it."""
        content, media_type = _media(data, mime_type, "audio")
        if media_type not in _AUDIO_FORMATS:
            raise ValueError(f"mime_type={media_type!r} is not taken by the API: convert it to wav or mp3")
        encoded = base64.b64encode(content).decode("ascii")
        return cls(input_audio=InputAudio(data=encoded, format=_AUDIO_FORMATS[media_type]))

    @classmethod
    def from_file(cls, path: str | Path, *, mime_type: str | None = None) -> Self:
        """An audio file, read now; its type is told by its name or first bytes unless `mime_type` says it."""
        data, media_type = _media(Path(path), mime_type, "audio")
        return cls.from_bytes(data, mime_type=media_type)


class OtherPart(WireModel):
    """A part of a type this library does not know; it goes out as it is."""

    type: str


_PARTS = {"text", "image_url", "audio_url", "input_audio"}


def _part_kind(value: Any) -> str:
    kind = value.get("type") if is_object(value) else getattr(value, "type", None)
    return kind if isinstance(kind, str) and kind in _PARTS else "other"


ContentPart = Annotated[
    Annotated[TextPart, Tag("text")]
    | Annotated[ImagePart, Tag("image_url")]
    | Annotated[AudioUrlPart, Tag("audio_url")]
    | Annotated[InputAudioPart, Tag("input_audio")]
    | Annotated[OtherPart, Tag("other")],
    Discriminator(_part_kind),
]
if TYPE_CHECKING:
    # To type checkers, a list of one kind is no list of several. At run time it is a list, which is read fastest.
    Parts = Sequence[ContentPart]
else:
    Parts = list[ContentPart]
Content = str | Parts


class SystemMessage(WireModel):
    """Instructions to the model."""

    role: Literal["system"] = "system"
    content: Content
    name: str | None = None
    """Who speaks, where several do. OpenAI's routes alone have this, in each of these classes; no other gets it."""


class DeveloperMessage(WireModel):
    """Instructions to the model, as newer models name the system role."""

    role: Literal["developer"] = "developer"
    content: Content
    name: str | None = None


class UserMessage(WireModel):
    """What the user says: text, or a list of parts."""

    role: Literal["user"] = "user"
    content: Content
    name: str | None = None


class AudioReference(WireModel):
    """An earlier spoken answer, named by its id."""

    id: str


class AssistantMessage(WireModel):
    """What the model said or called before."""

    role: Literal["assistant"] = "assistant"
    content: Content | None = None
    tool_calls: list[ToolCall] | None = None
    audio: AudioReference | None = None
    name: str | None = None


class ToolMessage(WireModel):
    """What a tool answered to the call named by `tool_call_id`."""

    role: Literal["tool"] = "tool"
    content: Content | None = None
    tool_call_id: str


class OtherMessage(WireModel):
    """A message of a role this library does not know; it goes out as it is."""

    role: str
    content: Any = None


_ROLES = {"system", "developer", "user", "assistant", "tool"}


def _role(value: Any) -> str:
    role = value.get("role") if is_object(value) else getattr(value, "role", None)
    return role if isinstance(role, str) and role in _ROLES else "other"


ChatMessage = Annotated[
    Annotated[SystemMessage, Tag("system")]
    | Annotated[DeveloperMessage, Tag("developer")]
    | Annotated[UserMessage, Tag("user")]
    | Annotated[AssistantMessage, Tag("assistant")]
    | Annotated[ToolMessage, Tag("tool")]
    | Annotated[OtherMessage, Tag("other")],
    Discriminator(_role),
]
if TYPE_CHECKING:
    Messages = Sequence[ChatMessage]  # as with Parts
else:
    Messages = list[ChatMessage]
_SPEAKERS = (UserMessage, AssistantMessage, SystemMessage, DeveloperMessage)


def without_names(messages: Messages) -> Messages:
    """The messages without the names of who speaks; the same list if none has one."""
    if not [message for message in messages if isinstance(message, _SPEAKERS) and message.name]:
        return messages
    return [m.model_copy(update={"name": None}) if isinstance(m, _SPEAKERS) else m for m in messages]
