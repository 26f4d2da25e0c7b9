"""`POST /embeddings` and `POST /images/embeddings`: the requests, the answer, and a vector read from any encoding."""

from __future__ import annotations

import binascii
from array import array
from math import isfinite
from pathlib import Path
from sys import byteorder
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field

from ._base import AnswerModel, RequestModel, WireModel
from ._json import is_array, is_object
from .chat import Usage, listed
from .messages import ImagePart

EncodingFormat = Literal["float", "base64", "int8", "uint8", "binary", "ubinary"]
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
    def from_bytes(cls, data: bytes, *, mime_type: str, text: str | None = None) -> ImageInput:
        """An image held in memory; `mime_type` such as `image/png`."""
        return cls(image=ImagePart.from_bytes(data, mime_type=mime_type).image_url.url, text=text)

    @classmethod
    def from_file(cls, path: str | Path, *, mime_type: str | None = None, text: str | None = None) -> ImageInput:
        """An image file, read now; its type is told by its name unless `mime_type` says it."""
        return cls(image=ImagePart.from_file(path, mime_type=mime_type).image_url.url, text=text)


class ImageEmbeddingsRequest(RequestModel):
    """What `POST /images/embeddings` takes. Any other keyword is an extra parameter."""

    input: list[ImageInput] = Field(min_length=1)
    model: str | None = None
    dimensions: int | None = None
    encoding_format: EncodingFormat | None = None
    input_type: InputType | None = None


class EmbeddingItem(AnswerModel):
    """One row of an answer: which input it belongs to, and its vector as the server wrote it."""

    object: str | None = None
    index: int | None = None
    embedding: Any = None


class EmbeddingsResult(AnswerModel):
    """An answer of `/embeddings` or `/images/embeddings`.

    `vectors` holds one list of floats per input, in the order of the inputs, checked when the answer was read.
    `data` holds the rows as the server sent them.
    """

    id: str | None = None
    object: str | None = None
    model: str | None = None
    data: list[EmbeddingItem]
    usage: Usage | None = None
    vectors: list[list[float]] = Field(default=[], exclude=True, repr=False)


def to_vector(embedding: Any) -> list[float]:
    """A vector as floats, from a list of numbers, base64 of little-endian float32, or an object of one of these.

    Raises:
        ValueError: The value is none of these, is empty, or holds a number that is not finite.
    """
    if is_object(embedding) and len(embedding) == 1:
        (embedding,) = embedding.values()
    numbers = _from_base64(embedding) if isinstance(embedding, str) else _from_list(embedding)
    if not numbers:
        raise ValueError("an empty vector")
    # A sum is finite exactly when no term is infinite or NaN, short of an overflow, which is then looked into.
    if not isfinite(sum(numbers)) and not all(map(isfinite, numbers)):
        raise ValueError("a number that is not finite")
    return numbers


def _from_base64(text: str) -> list[float]:
    numbers = array("f")
    try:
        numbers.frombytes(binascii.a2b_base64(text, strict_mode=True))
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"text that is not base64 of 4-byte floats ({error})") from None
    if byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()


def _from_list(values: Any) -> list[float]:
    if not is_array(values):
        raise ValueError(f"{type(values).__name__} instead of a list of numbers")
    if set(map(type, values)) == {float}:
        return cast("list[float]", values)
    try:
        return array("d", values).tolist()
    except (TypeError, OverflowError):
        raise ValueError("something in the list that is no number") from None
