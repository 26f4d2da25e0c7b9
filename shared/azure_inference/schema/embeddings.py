"""`POST /embeddings` and `POST /images/embeddings`: the requests, the answer, and a vector read from any encoding."""

import binascii
from array import array
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from math import isfinite
from pathlib import Path
from sys import byteorder
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, FiniteFloat, Strict, TypeAdapter

from ._base import AnswerModel, Id, RequestModel, WireModel
from ._endpoint import MEBIBYTE, Endpoint
from ._json import is_array, is_object
from .chat import Usage, listed
from .messages import ImagePart

EncodingFormat = Literal["float", "base64", "int8", "uint8", "binary", "ubinary"]
_BYTES = {"int8": "b", "binary": "b", "uint8": "B", "ubinary": "B"}
"""The formats of which a number is a byte, and the typecode of an array of them, with a sign or without."""
InputType = Literal["text", "query", "document"]


class EmbeddingsRequest(RequestModel):
    """What `POST /embeddings` takes. Any other keyword is an extra parameter."""

    input: Annotated[list[str] | list[list[int]], BeforeValidator(listed)] = Field(min_length=1)
    """The texts to embed (or token ids, where the model takes them); a bare text is taken as a list of one."""
    model: str | None = None
    dimensions: int | None = None
    """How many numbers each vector should have; unset means the model's own."""
    encoding_format: EncodingFormat | None = None
    input_type: InputType | None = None
    """`query` for what is searched with, `document` for what is searched, `text` for neither."""


class ImageInput(WireModel):
    """An image as a `data:` URL, with text beside it where the model takes both."""

    image: str
    text: str | None = None

    @classmethod
    def from_bytes(cls, data: bytes, *, mime_type: str | None = None, text: str | None = None) -> Self:
        """An image held in memory; `mime_type` such as `image/png`, where its first bytes do not tell it."""
        return cls(image=ImagePart.from_bytes(data, mime_type=mime_type).image_url.url, text=text)

    @classmethod
    def from_file(cls, path: str | Path, *, mime_type: str | None = None, text: str | None = None) -> Self:
        """An image file, read now; its type is told by its name or first bytes unless `mime_type` says it."""
        return cls(image=ImagePart.from_file(path, mime_type=mime_type).image_url.url, text=text)


class ImageEmbeddingsRequest(RequestModel):
    """What `POST /images/embeddings` takes. Any other keyword is an extra parameter."""

    input: list[ImageInput] = Field(min_length=1)
    model: str | None = None
    dimensions: int | None = None
    encoding_format: EncodingFormat | None = None
    input_type: InputType | None = None


_Numbers = list[Annotated[FiniteFloat, Strict()]]


class EmbeddingItem(AnswerModel):
    """One row of an answer: which input it belongs to, and its vector as the server wrote it.

    `embedding` is a list only where that is one of finite numbers, which are floats then; any other list is a tuple.
    """

    object: str | None = None
    index: int | None = None
    # Numbers are checked while the JSON is read: to look at each again, in Python, would take as long once more.
    embedding: Annotated[str | _Numbers | tuple[Any, ...] | Any, Field(union_mode="left_to_right")] = None


class EmbeddingsResult(AnswerModel):
    """An answer of `/embeddings` or `/images/embeddings`.

    `vectors` holds one list of floats per input, in the order of the inputs, checked when the answer was read.
    `data` holds the rows as the server sent them, but for what `EmbeddingItem` says of numbers.
    """

    id: Id | None = None
    object: str | None = None
    model: str | None = None
    data: list[EmbeddingItem]
    usage: Usage | None = None
    vectors: list[list[float]] = Field(default=[], exclude=True, repr=False)


Embeddable = EmbeddingsRequest | ImageEmbeddingsRequest
_LIMIT = 512 * MEBIBYTE
EMBEDDINGS = Endpoint("POST", "/embeddings", EmbeddingsRequest, EmbeddingsResult, _LIMIT)
IMAGE_EMBEDDINGS = Endpoint("POST", "/images/embeddings", ImageEmbeddingsRequest, EmbeddingsResult, _LIMIT)


def vector_of(row: EmbeddingItem, encoding: EncodingFormat | None = None) -> list[float]:
    """The vector of a row; see `to_vector`."""
    return row.embedding if is_array(row.embedding) and row.embedding else to_vector(row.embedding, encoding)


def to_vector(embedding: Any, encoding: EncodingFormat | None = None) -> list[float]:
    """A vector as floats, from a list of numbers, base64, or an object of one of these.

    The base64 is of little-endian float32, or of bytes where `encoding`, which was asked for, is a format of these.

    Raises:
        ValueError: The value is none of these, is empty, or holds a number that is not finite.
    """
    if is_object(embedding) and len(embedding) == 1:
        (embedding,) = embedding.values()
    if not isinstance(embedding, str):
        numbers = _from_list(embedding)
    elif encoding in _BYTES:
        numbers = _from_bytes(embedding, _BYTES[encoding])
    else:
        numbers = _from_base64(embedding)
    if not numbers:
        raise ValueError("an empty vector")
    return numbers


def _from_base64(text: str) -> list[float]:
    try:
        packed = _decoded(text)
        numbers = array("f", packed)
    except ValueError as error:
        raise ValueError(f"text that is not base64 of 4-byte floats ({error})") from None
    if byteorder == "big":
        numbers.byteswap()
    # The last byte of each is its sign and its exponent, less a bit; infinity and NaN have all bits of the exponent.
    heads = packed[3::4]
    return _finite(numbers.tolist()) if b"\x7f" in heads or b"\xff" in heads else numbers.tolist()


def _from_bytes(text: str, typecode: str) -> list[float]:
    try:
        return array("d", array(typecode, _decoded(text))).tolist()
    except ValueError as error:
        raise ValueError(f"text that is not base64 ({error})") from None


def _decoded(text: str) -> bytes:
    for decode in _decoders():
        try:
            return decode(text)
        except ValueError:
            continue
    return binascii.a2b_base64(text, strict_mode=True)


@cache
def _decoders() -> list[Callable[[str], bytes]]:
    """What decodes base64, the fastest first.

    pybase64, where it is installed, takes a tenth of what pydantic does, which reads text without padding, too, and the
    URL alphabet; binascii takes three times as long as pydantic, reads some more, and says what is wrong.
    """
    decoders: list[Callable[[str], bytes]] = [
        TypeAdapter(bytes, config=ConfigDict(val_json_bytes="base64")).validate_strings
    ]
    with suppress(ImportError):
        from pybase64 import b64decode  # noqa: PLC0415 - optional

        decoders.insert(0, partial(b64decode, validate=True))
    return decoders


def _from_list(values: Any) -> list[float]:
    if type(values) not in (list, tuple):
        raise ValueError(f"{type(values).__name__} instead of a list of numbers")
    try:
        return _finite(array("d", values).tolist())
    except (TypeError, OverflowError):
        raise ValueError("something in the list that is not a number") from None


def _finite(numbers: list[float]) -> list[float]:
    if not all(map(isfinite, numbers)):
        raise ValueError("a number that is not finite")
    return numbers
