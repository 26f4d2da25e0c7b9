"""Many inputs in few requests: how they are split, and how the answers become rows in the caller's order."""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import Awaitable, Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import Generic, TypeVar, cast

from .errors import InferenceError, ResponseValidationError
from .schema._json import is_array
from .schema.embeddings import EmbeddingItem, EmbeddingsResult, vector_of

InputT = TypeVar("InputT")
DoneT = TypeVar("DoneT")
BatchT = TypeVar("BatchT", bound=Sequence[object])
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


def in_batches(
    batches: Sequence[BatchT],
    embed: Callable[[BatchT], list[list[float]]],
    *,
    concurrency: int,
    on_progress: Callable[[int], None] | None = None,
) -> list[list[float]]:
    """The vectors of all batches in their order; `concurrency` of them are under way at once, each in its own thread.

    `on_progress` is called in the caller's thread with the size of each batch that is done. `embed` runs with the
    caller's context variables.

    Raises:
        InferenceError: The first that `embed` raised, with `rows`. Batches under way are waited for, so that what is
            paid for is not lost; no further ones are begun.
        ResponseValidationError: The vectors of the batches have different lengths.
    """
    gathered = _Gathered(batches)

    def embedded(place: int) -> int:
        with gathered.batch(place) as inputs:
            if inputs is not None:
                return gathered.add(place, embed(inputs))
        return 0

    for count in _mapped(embedded, len(batches), min(concurrency, len(batches))):
        if count and on_progress is not None:
            on_progress(count)
    return gathered.result()


def _mapped(embedded: Callable[[int], int], count: int, workers: int) -> Generator[int]:
    """What is returned for each place in order, from so many threads."""
    if workers <= 1:
        yield from map(embedded, range(count))
        return
    with ThreadPoolExecutor(workers, "azure-inference-embed") as threads:
        futures = [threads.submit(copy_context().run, embedded, place) for place in range(count)]
        try:
            for future in futures:
                yield future.result()
        finally:
            threads.shutdown(cancel_futures=True)


async def in_batches_async(
    batches: Sequence[BatchT],
    embed: Callable[[BatchT], Awaitable[list[list[float]]]],
    *,
    concurrency: int,
    on_progress: Callable[[int], None] | None = None,
) -> list[list[float]]:
    """The vectors of all batches in their order; see `in_batches`."""
    gathered = _Gathered(batches)

    async def embedded(place: int) -> None:
        with gathered.batch(place) as inputs:
            if inputs is not None:
                count = gathered.add(place, await embed(inputs))
                if on_progress is not None:
                    on_progress(count)

    await all_at_most([functools.partial(embedded, place) for place in range(len(batches))], concurrency)
    return gathered.result()


async def all_at_most(calls: Sequence[Callable[[], Awaitable[DoneT]]], concurrency: int) -> list[DoneT]:
    """What the calls return, in their order, with `concurrency` of them under way at once.

    Raises:
        Exception: The first that a call raised, as it is. The others are cancelled, and no further ones are begun.
    """
    free = asyncio.Semaphore(concurrency)

    async def done(call: Callable[[], Awaitable[DoneT]]) -> DoneT:
        await free.acquire()  # and given back by a call that succeeds: after one that fails, none is to begin
        outcome = await call()
        free.release()
        return outcome

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(done(call)) for call in calls]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


class _Gathered(Generic[BatchT]):
    """What has come of each batch so far; safe for threads, since each batch has a place of its own."""

    def __init__(self, batches: Sequence[BatchT]) -> None:
        self._batches = batches
        self._starts = list(itertools.accumulate(map(len, batches), initial=0))
        self._rows: list[list[float] | None] = [None] * self._starts[-1]
        self._error: InferenceError | None = None

    @contextmanager
    def batch(self, place: int) -> Generator[BatchT | None]:
        """The inputs to embed now, or None if another batch has failed; takes note of a failure inside."""
        try:
            yield self._batches[place] if self._error is None else None
        except InferenceError as error:
            if len(error.rows) == len(self._batches[place]):
                self._put(place, error.rows)
            self._error = self._error or error

    def add(self, place: int, rows: list[list[float]]) -> int:
        """Takes in the vectors of a batch; how many they are."""
        self._put(place, rows)
        return len(rows)

    def _put(self, place: int, rows: Sequence[list[float] | None]) -> None:
        start, end = self._starts[place : place + 2]
        if len(rows) != end - start:
            raise ResponseValidationError(f"{len(rows)} embeddings came for {end - start} inputs")
        self._rows[start:end] = rows

    def result(self) -> list[list[float]]:
        """All vectors in order, or the error that there is in their place."""
        if self._error is not None:
            # A copy: rows of these inputs are never to be found on an error that others may have been given as well.
            error = self._error.as_type(type(self._error))
            error.rows = self._rows
            raise error
        vectors = cast("list[list[float]]", self._rows)  # a batch that has none is an error
        try:
            check_dimensions(vectors)
        except ResponseValidationError as error:
            error.rows = vectors
            raise
        return vectors


def with_vectors(result: EmbeddingsResult, count: int, dimensions: int | None = None) -> EmbeddingsResult:
    """The result with `vectors` filled: row i belongs to input i.

    Raises:
        ResponseValidationError: Rows are missing, surplus, doubled, of different lengths, or no vectors of numbers.
    """
    rows = _in_order(result.data, count)
    vectors: list[list[float]] = []
    for position, row in enumerate(rows):
        try:
            vectors.append(vector_of(row))
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
