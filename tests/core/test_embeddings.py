"""Vectors in every encoding, in the caller's order, counted and checked; and many inputs split into few requests."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import struct
import sys
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azure_inference import EmbeddingsRequest, EmbeddingsResult, ResponseValidationError, batching
from azure_inference.schema import embeddings
from azure_inference.schema.embeddings import EmbeddingItem, ImageInput, to_vector

if TYPE_CHECKING:
    from collections.abc import Iterator

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
VECTORS = st.integers(1, 6).flatmap(
    lambda length: st.lists(st.lists(FLOATS, min_size=length, max_size=length), min_size=1, max_size=8)
)


def packed(numbers: list[float]) -> str:
    """Base64 of little-endian float32."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def result(*rows: Any) -> EmbeddingsResult:
    """An answer as it comes over the wire."""
    return EmbeddingsResult.model_validate_json(json.dumps({"data": rows}))


ENCODINGS: dict[str, Any] = {
    "float": lambda numbers: numbers,
    "base64": packed,
    "an object of floats": lambda numbers: {"float": numbers},
    "an object of base64": lambda numbers: {"base64": packed(numbers)},
}


@given(VECTORS, st.sampled_from(sorted(ENCODINGS)), st.randoms())
def test_any_order_and_encoding(vectors: list[list[float]], encoding: str, rng: Any) -> None:
    """Row i of `vectors` belongs to input i, in whatever order and encoding the rows come."""
    rows = [{"index": index, "embedding": ENCODINGS[encoding](vector)} for index, vector in enumerate(vectors)]
    rng.shuffle(rows)

    assert batching.with_vectors(result(*rows), len(vectors)).vectors == vectors


@pytest.mark.parametrize(
    ("embedding", "vector"),
    [
        ([1, -2, 3], [1.0, -2.0, 3.0]),
        ([0, 255], [0.0, 255.0]),
        ([-128, 127], [-128.0, 127.0]),
        ({"int8": [1]}, [1.0]),
        ([1e308, 1e308], [1e308, 1e308]),
        ([1, 2.5], [1.0, 2.5]),
        ("AACAPwAAAEA=", [1.0, 2.0]),
    ],
)
def test_encodings(embedding: Any, vector: list[float]) -> None:
    """Whole numbers, large numbers and base64 become lists of floats."""
    read = to_vector(embedding)

    assert read == vector
    assert all(type(number) is float for number in read)


@pytest.mark.parametrize("is_wrapped", [False, True])
@pytest.mark.parametrize(
    ("encoding", "vector"),
    [
        ("int8", [0.0, 127.0, -128.0, -1.0]),
        ("binary", [0.0, 127.0, -128.0, -1.0]),
        ("uint8", [0.0, 127.0, 128.0, 255.0]),
        ("ubinary", [0.0, 127.0, 128.0, 255.0]),
    ],
)
def test_bytes_as_base64(server: Any, either: Any, encoding: Any, vector: list[float], is_wrapped: bool) -> None:
    """Text that comes for a format of bytes is base64 of these, not of floats; a list is what it is."""
    text = base64.b64encode(b"\x00\x7f\x80\xff").decode()
    embedding = {encoding: text} if is_wrapped else text
    server.reply_json({"data": [{"embedding": embedding}, {"embedding": [1, 2, 3, 4]}]})
    request = EmbeddingsRequest(input=["a", "b"], encoding_format=encoding)

    [first, second] = either.client(server.url).embed(request).vectors
    assert (first, second) == (vector, [1.0, 2.0, 3.0, 4.0])
    assert {type(number) for number in first} == {float}
    with pytest.raises(ValueError, match=r"text that is not base64 \("):
        to_vector("no base64!", encoding)


@pytest.mark.parametrize(
    ("embedding", "said"),
    [
        ([], "an empty vector"),
        ("", "an empty vector"),
        (None, "NoneType instead of a list"),
        (5, "int instead of a list"),
        ({"a": [1], "b": [2]}, "dict instead of a list"),
        ([1, "2"], "not a number"),
        ([1, None], "not a number"),
        ([[1]], "not a number"),
        ([10**400], "not a number"),
        ([1, math.nan], "not finite"),
        ([math.inf], "not finite"),
        ([math.inf, -math.inf], "not finite"),
        ("AAAA", "base64"),
        ("no base64!", "base64"),
        ("é", "base64"),
        (base64.b64encode(struct.pack("<f", math.nan)).decode(), "not finite"),
        (base64.b64encode(struct.pack("<3f", 1, -math.inf, 2)).decode(), "not finite"),
        ("\ud800", "base64"),
    ],
)
def test_what_is_no_vector(embedding: Any, said: str) -> None:
    """A row that holds no vector is an error that says which one and why."""
    rows = [EmbeddingItem(index=0, embedding=[1.0]), EmbeddingItem(index=1, embedding=embedding)]

    with pytest.raises(ResponseValidationError, match="the embedding of input 1 is") as caught:
        batching.with_vectors(EmbeddingsResult(data=rows), 2)

    assert said in str(caught.value)


def read_alone(embedding: Any) -> list[float] | str:
    """What `to_vector` says of a value that no model has seen: the vector, or what is wrong."""
    try:
        return to_vector(embedding)
    except ValueError as error:
        return str(error)


NUMBERS = st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([0, 1, -0.0, 10**400, math.inf, math.nan])
VALUES = st.recursive(
    NUMBERS | st.booleans() | st.none() | st.sampled_from(["", "1", "nan", "AACAPw==", "AACAPx==", "AAAA"]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(["float", "b"]), inner, max_size=2),
    max_leaves=6,
)


@given(st.lists(NUMBERS, max_size=6) | VALUES)
def test_reading_with_the_answer_is_reading_alone(embedding: Any) -> None:
    """A vector read in the pass that reads the JSON is the one read by itself, and so is what is wrong with it."""
    answer = result({"embedding": embedding})
    expected = read_alone(embedding)

    if isinstance(expected, list):
        [vector] = batching.with_vectors(answer, 1).vectors
        assert [number.hex() for number in vector] == [number.hex() for number in expected]
    else:
        with pytest.raises(ResponseValidationError, match=re.escape(expected)):
            batching.with_vectors(answer, 1)


@contextmanager
def decoding(is_installed: bool) -> Iterator[None]:
    """With pybase64 installed, or not."""
    embeddings._decoders.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        if not is_installed:
            patch.setitem(sys.modules, "pybase64", None)
        fastest = embeddings._decoders()[0]
        assert (getattr(fastest, "func", fastest).__module__ or "").startswith("pybase64") == is_installed
        yield
    embeddings._decoders.cache_clear()


@pytest.mark.parametrize("is_installed", [True, False], ids=["pybase64", "pydantic"])
@pytest.mark.parametrize(("text", "vector"), [("QmDlug", -0.00175), ("____vg==", -0.5), ("____vg", -0.5)])
def test_base64_without_padding_or_for_urls(is_installed: bool, text: str, vector: float) -> None:
    """What is installed changes nothing of what is read."""
    with decoding(is_installed):
        assert to_vector(text) == pytest.approx([vector])


@given(st.text("AQgwz/+= \n", max_size=12) | st.binary(max_size=24).map(lambda data: base64.b64encode(data).decode()))
@pytest.mark.parametrize("is_installed", [True, False], ids=["pybase64", "pydantic"])
def test_base64_is_that_of_the_standard_library(is_installed: bool, text: str) -> None:
    """Whatever base64 the standard library's strict decoder takes is read, and as it reads it."""
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
        expected = [number for (number,) in struct.iter_unpack("<f", data)]
    except (binascii.Error, struct.error):
        return
    with decoding(is_installed):
        if expected and all(map(math.isfinite, expected)):
            assert [number.hex() for number in to_vector(text)] == [number.hex() for number in expected]
        else:
            with pytest.raises(ValueError, match=r"an empty vector|not finite"):
                to_vector(text)


@pytest.mark.parametrize(
    ("rows", "count", "said"),
    [
        ([], 1, "0 embeddings came for 1 inputs"),
        ([{"index": 0, "embedding": [1]}], 2, "1 embeddings came for 2 inputs"),
        ([{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1]}], 1, "2 embeddings came for 1 inputs"),
        ([{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}], 2, "[0, 0]"),
        ([{"index": 1, "embedding": [1]}, {"index": 2, "embedding": [1]}], 2, "[1, 2]"),
        ([{"index": -1, "embedding": [1]}, {"index": 0, "embedding": [1]}], 2, "[-1, 0]"),
        ([{"index": 0, "embedding": [1]}, {"embedding": [1]}], 2, "[0, None]"),
        ([{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1, 2]}], 2, "different lengths: [1, 2]"),
    ],
)
def test_rows_that_cannot_be_told_apart(rows: list[Any], count: int, said: str) -> None:
    """Missing, surplus, doubled and uneven rows are errors: no vector is ever given to the wrong input."""
    with pytest.raises(ResponseValidationError) as caught:
        batching.with_vectors(result(*rows), count)

    assert said in str(caught.value)


def test_rows_without_an_index() -> None:
    """Where no row has a number, their order is that of the inputs."""
    assert batching.with_vectors(result({"embedding": [1]}, {"embedding": [2]}), 2).vectors == [[1.0], [2.0]]


def test_dimensions() -> None:
    """Vectors of another length than was asked for are an error that says what to do."""
    answer = result({"index": 0, "embedding": [1, 2]})

    assert batching.with_vectors(answer, 1, 2).vectors == [[1.0, 2.0]]
    with pytest.raises(ResponseValidationError, match="dimensions=3 was asked for, but the embeddings have 2"):
        batching.with_vectors(answer, 1, 3)


def test_the_rows_stay_as_they_came() -> None:
    """`data` keeps what the server sent; `vectors` is no part of the wire."""
    answer = batching.with_vectors(result({"index": 0, "embedding": "AACAPw==", "more": 1}), 1)

    assert answer.data[0].embedding == "AACAPw=="
    assert answer.data[0].model_extra == {"more": 1}
    assert "vectors" not in answer.model_dump()


@given(
    st.lists(st.text(max_size=8) | st.lists(st.integers(0, 9), max_size=8), max_size=30),
    st.integers(1, 10),
    st.integers(1, 20),
)
def test_split(inputs: list[Any], size: int, max_bytes: int) -> None:
    """The runs are the inputs in order; none is longer or heavier than allowed, short of a single item."""
    runs = [inputs[run] for run in batching.split(inputs, size, max_bytes)]

    assert [item for run in runs for item in run] == inputs
    assert all(1 <= len(run) <= size for run in runs)
    assert all(len(run) == 1 or sum(map(len, run)) <= max_bytes for run in runs)
    for run, following in pairwise(runs):
        assert len(run) == size or sum(map(len, [*run, following[0]])) > max_bytes, "each run is as long as it may be"


def test_split_weighs_images() -> None:
    """Images weigh what their URLs weigh."""
    images = [ImageInput(image="x" * 60) for _ in range(3)]

    assert batching.split(images, 10, 120) == [slice(0, 2), slice(2, 3)]
