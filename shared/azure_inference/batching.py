"""Many inputs in few requests: how they are split, and how the answers become rows in the caller's order."""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from typing import Generic, TypeVar, cast

from . import schema
from .errors import InferenceError, ResponseValidationError
from .schema._json import is_array

DoneT = TypeVar("DoneT")
BatchT = TypeVar("BatchT", bound=Sequence[object])
MAX_BATCH_BYTES = 4 * 1024 * 1024


def split(inputs: Sequence[object], size: int, max_bytes: int = MAX_BATCH_BYTES) -> list[slice]:
    """Where the inputs are cut: runs of at most `size` items and about `max_bytes` bytes; an item is never cut."""
    runs: list[slice] = []
    start = used = 0
    for position, item in enumerate(inputs):
        weight = _weight(item)
        if position > start and (position - start >= size or used + weight > max_bytes):
            runs.append(slice(start, position))
            start, used = position, 0
        used += weight
    if start < len(inputs):
        runs.append(slice(start, len(inputs)))
    return runs


def _weight(item: object) -> int:
    image = getattr(item, "image", item)
    return len(image) if isinstance(image, str) or is_array(image) else 0


def in_batches(
    inputs: BatchT,
    embed: Callable[[BatchT], list[list[float]]],
    *,
    batch_size: int,
    concurrency: int,
    on_progress: Callable[[int], None] | None = None,
) -> list[list[float]]:
    """The vectors of all inputs in their order, from batches of at most `batch_size` of them.

    `concurrency` batches are under way at once, each in its own thread. `on_progress` is called in the caller's thread
    with the size of each batch that is done. `embed` runs with the caller's context variables.

    Raises:
        InferenceError: The first that `embed` raised, with `rows`. Batches in progress are waited for, so that what is
            paid for is not lost; no new ones are started.
        ResponseValidationError: The vectors of the batches have different lengths.
    """
    gathered = _Gathered(inputs)

    def embedded(run: slice) -> int:
        with gathered.batch(run) as batch:
            if batch is not None:
                return gathered.add(run, embed(batch))
        return 0

    for count in _mapped(embedded, split(inputs, batch_size), concurrency):
        if count and on_progress is not None:
            on_progress(count)
    return gathered.result()


def _mapped(embedded: Callable[[slice], int], runs: Sequence[slice], workers: int) -> Generator[int]:
    """What is returned for each run, from so many threads, as it comes."""
    workers = min(workers, len(runs))
    if workers <= 1:
        yield from map(embedded, runs)
        return
    ahead = iter(runs)
    with ThreadPoolExecutor(workers, "azure-inference-embed") as threads:

        def begun(count: int) -> set[Future[int]]:
            return {threads.submit(copy_context().run, embedded, run) for run in itertools.islice(ahead, count)}

        under_way = begun(2 * workers)  # no thread waits for the caller, and few batches take up memory
        try:
            while under_way:
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                under_way |= begun(len(done))
                yield from [future.result() for future in done]
        finally:
            threads.shutdown(cancel_futures=True)


async def in_batches_async(
    inputs: BatchT,
    embed: Callable[[BatchT], Awaitable[list[list[float]]]],
    *,
    batch_size: int,
    concurrency: int,
    on_progress: Callable[[int], None] | None = None,
) -> list[list[float]]:
    """The vectors of all inputs in their order; see `in_batches`."""
    gathered = _Gathered(inputs)

    async def embedded(run: slice) -> None:
        with gathered.batch(run) as batch:
            if batch is not None:
                count = gathered.add(run, await embed(batch))
                if on_progress is not None:
                    on_progress(count)

    await all_at_most((functools.partial(embedded, run) for run in split(inputs, batch_size)), concurrency)
    return gathered.result()


async def all_at_most(calls: Iterable[Callable[[], Awaitable[DoneT]]], concurrency: int) -> list[DoneT]:
    """What the calls return, in their order, with `concurrency` of them in progress at once.

    Raises:
        Exception: The first that a call raised, as it is. The others are cancelled, and no new ones are started.
    """
    calls = list(calls)
    concurrency = min(concurrency, len(calls)) or 1
    free = asyncio.Semaphore(concurrency)
    outcomes: dict[int, DoneT] = {}
    caller = cast("asyncio.Task[object]", asyncio.current_task())
    cancellations = caller.cancelling()

    async def done(place: int, call: Callable[[], Awaitable[DoneT]]) -> None:
        try:
            outcomes[place] = await call()
        except asyncio.CancelledError as error:
            if caller.cancelling() > cancellations:
                raise  # with its caller, who is told of it by the error that cancelled it: scopes of anyio go by that
            raise _CancelledError from error
        free.release()  # not by a call that fails: after it, none is to begin

    try:
        async with asyncio.TaskGroup() as group:
            for place, call in enumerate(calls):
                await free.acquire()
                group.create_task(done(place, call))
            for _ in range(concurrency):
                # Waits for all in here: Python before 3.13 cancels who waits in the group's own end, and does not take
                # that back when a call fails.
                await free.acquire()
    except ExceptionGroup as failures:
        first = failures.exceptions[0]
        raise (asyncio.CancelledError() if isinstance(first, _CancelledError) else first) from None
    return [outcomes[place] for place in range(len(outcomes))]


class _CancelledError(Exception):
    """A call was cancelled from inside, which a task group would not take for a failure."""


class _Gathered(Generic[BatchT]):
    """What has come of each input so far; safe for threads, since each batch has places of its own."""

    def __init__(self, inputs: BatchT) -> None:
        self._inputs = inputs
        self._rows: list[list[float] | None] = [None] * len(inputs)
        self._error: InferenceError | None = None

    @contextmanager
    def batch(self, run: slice) -> Generator[BatchT | None]:
        """The inputs to embed now, or None if another batch has failed; takes note of a failure inside."""
        try:
            yield cast("BatchT", self._inputs[run]) if self._error is None else None
        except InferenceError as error:
            if len(error.rows) == run.stop - run.start:
                self._rows[run] = error.rows
            self._error = self._error or error

    def add(self, run: slice, rows: list[list[float]]) -> int:
        """Takes in the vectors of a batch; how many they are."""
        if len(rows) != run.stop - run.start:
            raise ResponseValidationError(f"{len(rows)} embeddings came for {run.stop - run.start} inputs")
        self._rows[run] = rows
        return len(rows)

    def result(self) -> list[list[float]]:
        """All vectors in order, or the error that there is in their place."""
        if self._error is not None:
            # A copy: rows of these inputs are never to be found on an error that others may have been given as well.
            error = self._error.as_type(type(self._error))
            error.rows = self._rows
            raise error
        vectors = cast("list[list[float]]", self._rows)  # a batch that has none is an error
        try:
            _check_dimensions(vectors)
        except ResponseValidationError as error:
            error.rows = vectors
            raise
        return vectors


def with_vectors(
    result: schema.embeddings.EmbeddingsResult,
    count: int,
    dimensions: int | None = None,
    encoding: schema.embeddings.EncodingFormat | None = None,
) -> schema.embeddings.EmbeddingsResult:
    """The result with `vectors` filled: row i belongs to input i. `dimensions` and `encoding` were asked for.

    Raises:
        ResponseValidationError: Rows are missing, surplus, doubled, of different lengths, or no vectors of numbers.
    """
    vector_of, rows = schema.embeddings.vector_of, _in_order(result.data, count)
    vectors: list[list[float]] = []
    for position, row in enumerate(rows):
        try:
            vectors.append(vector_of(row, encoding))
        except ValueError as error:
            raise ResponseValidationError(f"the embedding of input {position} is {error}") from None
    _check_dimensions(vectors, dimensions)
    return result.model_copy(update={"vectors": vectors})


def _check_dimensions(vectors: Sequence[Sequence[float]], dimensions: int | None = None) -> None:
    """Raises `ResponseValidationError` unless all vectors have one length, and that asked for."""
    lengths = {len(vector) for vector in vectors}
    if len(lengths) > 1:
        raise ResponseValidationError(f"the embeddings have different lengths: {sorted(lengths)}")
    if dimensions is not None and lengths and lengths != {dimensions}:
        raise ResponseValidationError(
            f"dimensions={dimensions} was asked for, but the embeddings have {lengths.pop()}: "
            "leave dimensions out for this model"
        )


def _in_order(rows: list[schema.embeddings.EmbeddingItem], count: int) -> list[schema.embeddings.EmbeddingItem]:
    if len(rows) != count:
        raise ResponseValidationError(f"{len(rows)} embeddings came for {count} inputs")
    places = [row.index for row in rows]
    if all(place is None for place in places):
        return rows
    ordered: list[schema.embeddings.EmbeddingItem | None] = [None] * count
    for row in rows:
        if row.index is not None and 0 <= row.index < count:
            ordered[row.index] = row
    complete = [row for row in ordered if row is not None]
    if len(complete) != count:
        raise ResponseValidationError(
            f"the embeddings are numbered {places[:10]}, which does not say which inputs they belong to"
        )
    return complete
