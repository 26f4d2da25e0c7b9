"""Many inputs in few requests: how they are split, and how the answers become rows in the caller's order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from .errors import ResponseValidationError
from .schema._json import is_array
from .schema.embeddings import EmbeddingItem, EmbeddingsResult, to_vector

InputT = TypeVar("InputT")
MAX_BATCH_BYTES = 4 * 1024 * 1024


def split(inputs: Sequence[InputT], size: int, max_bytes: int = MAX_BATCH_BYTES) -> list[Sequence[InputT]]:
    """The inputs in order, in runs of at most `size` items and about `max_bytes` bytes; an item is never cut."""
    runs: list[Sequence[InputT]] = []
    start = used = 0
    for position, item in enumerate(inputs):
        weight = _weight(item)
        if position > start and (position - start >= size or used + weight > max_bytes):
            runs.append(inputs[start:position])
            start, used = position, 0
        used += weight
    if start < len(inputs):
        runs.append(inputs[start:])
    return runs


def _weight(item: object) -> int:
    image = getattr(item, "image", item)
    return len(image) if isinstance(image, str) or is_array(image) else 0


def with_vectors(result: EmbeddingsResult, count: int, dimensions: int | None = None) -> EmbeddingsResult:
    """The result with `vectors` filled: row i belongs to input i.

    Raises:
        ResponseValidationError: Rows are missing, surplus, doubled, of different lengths, or no vectors of numbers.
    """
    rows = _in_order(result.data, count)
    vectors: list[list[float]] = []
    for position, row in enumerate(rows):
        try:
            vectors.append(to_vector(row.embedding))
        except ValueError as error:
            raise ResponseValidationError(f"the embedding of input {position} is {error}") from None
    check_dimensions(vectors, dimensions)
    return result.model_copy(update={"vectors": vectors})


def check_dimensions(vectors: Sequence[Sequence[float]], dimensions: int | None = None) -> None:
    """Raises `ResponseValidationError` unless all vectors have one length, and that asked for."""
    lengths = {len(vector) for vector in vectors}
    if len(lengths) > 1:
        raise ResponseValidationError(f"the embeddings have different lengths: {sorted(lengths)}")
    if dimensions is not None and lengths and lengths != {dimensions}:
        raise ResponseValidationError(
            f"dimensions={dimensions} was asked for, but the embeddings have {lengths.pop()}: "
            "leave dimensions out for this model"
        )


def _in_order(rows: list[EmbeddingItem], count: int) -> list[EmbeddingItem]:
    if len(rows) != count:
        raise ResponseValidationError(f"{len(rows)} embeddings came for {count} inputs")
    places = [row.index for row in rows]
    if all(place is None for place in places):
        return rows
    ordered: list[EmbeddingItem | None] = [None] * count
    for row in rows:
        if row.index is not None and 0 <= row.index < count:
            ordered[row.index] = row
    complete = [row for row in ordered if row is not None]
    if len(complete) != count:
        raise ResponseValidationError(f"the embeddings are numbered {places[:10]}, which does not say whose they are")
    return complete
