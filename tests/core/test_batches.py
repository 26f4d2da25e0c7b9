"""Many inputs through both clients: few requests, the caller's order, and failures told as themselves."""

from __future__ import annotations

import asyncio
import functools
import json
import pickle
import sys
import threading
import tracemalloc
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from azure_inference import (
    AsyncInferenceClient,
    BadRequestError,
    ChatRequest,
    ConfigurationError,
    EmbeddingsRequest,
    ImageEmbeddingsRequest,
    ResponseValidationError,
    all_at_most,
    in_batches,
    in_batches_async,
    to_request,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

REFUSAL = {"error": {"code": "x", "message": "no"}}


def embedded(body: Any, reply: Any, *, fail_at: str | None = None) -> Any:
    """The answer of a server that embeds a text as its number, and sends the rows in reverse."""
    if fail_at in body["input"]:
        return reply(400, json.dumps(REFUSAL).encode())
    rows = [{"index": index, "embedding": [float(text), 0.5]} for index, text in enumerate(body["input"])]
    return reply(200, json.dumps({"data": rows[::-1]}).encode())


@pytest.mark.parametrize("size", [(1, 4, 1), (4, 4, 1), (5, 4, 2), (23, 4, 6), (3, 1, 3)])
def test_embed_all(server: Any, reply: Any, either: Any, size: tuple[int, int, int]) -> None:
    """Any number of inputs, in few requests, in the caller's order, with progress told."""
    count, batch_size, requests = size
    server.by_body = lambda body: embedded(body, reply)
    done: list[int] = []
    texts = EmbeddingsRequest(input=[str(number) for number in range(count)], model="m")
    client = either.client(server.url)

    vectors = client.embed_all(texts, batch_size=batch_size, concurrency=3, on_progress=done.append, headers={"x": "1"})
    assert vectors == [[float(number), 0.5] for number in range(count)]
    assert len(server.requests) == requests
    assert sum(done) == count
    assert len(done) == requests
    assert all(got.headers["x"] == "1" and got.json["model"] == "m" for got in server.requests)


def test_embed_all_images(server: Any, either: Any) -> None:
    """Images go to their own route."""
    server.reply_json({"data": [{"index": 0, "embedding": [1]}]})
    images = to_request(ImageEmbeddingsRequest, {"input": [{"image": "data:a"}, {"image": "data:b"}]})

    assert either.client(server.url).embed_all(images, batch_size=1) == [[1.0], [1.0]]
    assert {got.path.partition("?")[0] for got in server.requests} == {"/models/images/embeddings"}


TEN = EmbeddingsRequest(input=[str(number) for number in range(10)])


def test_as_many_at_once_as_there_are(server: Any, reply: Any, either: Any) -> None:
    """No limit to the requests at once, said as a large number, is none, and costs nothing."""
    server.by_body = lambda body: embedded(body, reply)
    texts = EmbeddingsRequest(input=["0", "1", "2"])

    vectors = either.client(server.url).embed_all(texts, batch_size=1, concurrency=sys.maxsize)
    assert vectors == [[0.0, 0.5], [1.0, 0.5], [2.0, 0.5]]


@pytest.mark.parametrize("concurrency", [1, 2, 9])
def test_embed_all_that_fails(server: Any, reply: Any, either: Any, concurrency: int) -> None:
    """The first failure is told as itself, not as a group, with the vectors of all that was done."""
    server.by_body = lambda body: embedded(body, reply, fail_at="7")
    done: list[int] = []

    with pytest.raises(BadRequestError, match="no") as caught:
        either.client(server.url).embed_all(TEN, batch_size=3, concurrency=concurrency, on_progress=done.append)
    error = pickle.loads(pickle.dumps(caught.value))
    rows = [[float(number), 0.5] for number in range(10)]
    assert error.rows[:9] == [*rows[:6], None, None, None]
    # Whether the last batch was under way when its neighbour failed is up to the threads.
    assert error.rows[9] in ([None] if concurrency == 1 else [None, rows[9]])
    assert error.done == sum(done) == sum(row is not None for row in error.rows)
    assert str(error) == f"{error.message} ({error.url}; {error.done} of 10 inputs were done: see rows)"
    assert "0.5" not in f"{error!r} {error}"


def test_going_on_after_a_failure(server: Any, reply: Any, either: Any) -> None:
    """The rows of an error say what to embed again: the inputs that have none."""
    server.by_body = lambda body: embedded(body, reply, fail_at="4")
    client = either.client(server.url)
    with pytest.raises(BadRequestError) as caught:
        client.embed_all(TEN, batch_size=1, concurrency=2)

    server.by_body = lambda body: embedded(body, reply)
    rows = caught.value.rows
    left = [text for text, row in zip(TEN.input, rows, strict=True) if row is None]
    again = iter(client.embed_all(EmbeddingsRequest(input=left), batch_size=4))
    assert [row or next(again) for row in rows] == [[float(number), 0.5] for number in range(10)]
    assert len(left) < 10


def test_batches_under_way(server: Any, reply: Any, either: Any) -> None:
    """A batch that is under way when another fails is waited for, and those not yet begun are not sent."""
    has_failed = threading.Event()

    def answer(body: Any) -> Any:
        told = embedded(body, reply, fail_at="1")
        if body["input"] == ["0"]:
            return reply(pieces=[has_failed, told.body])
        if body["input"] == ["1"]:
            has_failed.set()
        return told

    server.by_body = answer
    with pytest.raises(BadRequestError) as caught:
        either.client(server.url).embed_all(TEN, batch_size=1, concurrency=2)
    assert caught.value.rows[:2] == [[0.0, 0.5], None]
    assert caught.value.rows[9] is None
    assert len(server.requests) < 10


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_an_error_that_callers_share(is_async: bool) -> None:
    """Each caller has his own rows, though one object says of all of them what went wrong."""
    shared = BadRequestError("no", status_code=400)

    def rows_of(value: float) -> Any:
        def embed(inputs: Sequence[int]) -> list[list[float]]:
            if inputs[0]:
                raise shared
            return [[value]]

        async def embed_async(inputs: Sequence[int]) -> list[list[float]]:
            return embed(inputs)

        def embed_all() -> Any:
            if is_async:
                return asyncio.run(in_batches_async([0, 1], embed_async, batch_size=1, concurrency=1))
            return in_batches([0, 1], embed, batch_size=1, concurrency=1)

        with pytest.raises(BadRequestError) as caught:
            embed_all()
        assert caught.value.status_code == 400
        return caught.value.rows

    assert [rows_of(1.0), rows_of(2.0)] == [[[1.0], None], [[2.0], None]]
    assert shared.rows == ()


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_vectors_that_are_not_as_many(is_async: bool, count: int) -> None:
    """Vectors that are not as many as their inputs are never given to other inputs."""

    def embed(batch: list[int]) -> list[list[float]]:
        return [[1.0]] * (count if batch == [2, 3] else len(batch))

    async def embed_async(batch: list[int]) -> list[list[float]]:
        return embed(batch)

    def embed_all() -> Any:
        inputs = [0, 1, 2, 3, 4]
        if is_async:
            return asyncio.run(in_batches_async(inputs, embed_async, batch_size=2, concurrency=1))
        return in_batches(inputs, embed, batch_size=2, concurrency=1)

    with pytest.raises(ResponseValidationError, match=f"{count} embeddings came for 2 inputs") as raised:
        embed_all()
    assert raised.value.rows == [[1.0], [1.0], None, None, None]


def test_single_failure(server: Any, reply: Any, either: Any) -> None:
    """Where nothing was done, the error has a row for each input all the same, and says nothing of it."""
    server.by_body = lambda body: embedded(body, reply, fail_at="0")

    with pytest.raises(BadRequestError) as caught:
        either.client(server.url).embed_all(TEN, batch_size=10)
    assert (caught.value.rows, caught.value.done) == ([None] * 10, 0)
    assert str(caught.value) == f"{caught.value.message} ({caught.value.url})"


def test_batch_retried_alone(server: Any, reply: Any, either: Any) -> None:
    """A batch that fails once is sent again, alone: three batches are four requests."""
    failures = ["4"]

    def answer(body: Any) -> Any:
        if failures and failures[0] in body["input"]:
            failures.clear()
            return reply(503, b"", {"retry-after-ms": "1"})
        return embedded(body, reply)

    server.by_body = answer
    vectors = either.client(server.url).embed_all(TEN, batch_size=4)
    assert vectors == [[float(number), 0.5] for number in range(10)]
    sent = sorted(got.json["input"][0] for got in server.requests)
    assert sent == ["0", "4", "4", "8"]


@pytest.mark.parametrize("concurrency", [1, 3])
def test_progress_that_raises(server: Any, reply: Any, either: Any, concurrency: int) -> None:
    """What the caller's own code raises comes out as it is."""
    server.by_body = lambda body: embedded(body, reply)

    def stop(count: int) -> None:
        raise KeyError(count)

    with pytest.raises(KeyError, match="5"):
        either.client(server.url).embed_all(TEN, batch_size=5, concurrency=concurrency, on_progress=stop)


def test_cancelled_batches(server: Any, reply: Any) -> None:
    """Cancelling ends what is under way, without waiting for it."""
    asked, go_on = threading.Event(), threading.Event()

    def answer(body: Any) -> Any:
        asked.set()
        return reply(pieces=[go_on, embedded(body, reply).body])

    server.by_body = answer

    async def cancel() -> None:
        async with AsyncInferenceClient(server.url, "canary-5ecret") as client:
            task = asyncio.create_task(client.embed_all(TEN, batch_size=4))
            await asyncio.to_thread(asked.wait, 20)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    try:
        asyncio.run(cancel())
    finally:
        go_on.set()


def test_embed_all_of_uneven_length(server: Any, reply: Any, either: Any) -> None:
    """Batches whose vectors have different lengths are an error."""
    server.by_body = lambda body: reply(
        200, json.dumps({"data": [{"index": 0, "embedding": [1.0] * (1 + int(body["input"][0]))}]}).encode()
    )

    with pytest.raises(ResponseValidationError, match="different lengths") as caught:
        either.client(server.url).embed_all(EmbeddingsRequest(input=["0", "1"]), batch_size=1)
    assert caught.value.rows == [[1.0], [1.0, 1.0]]


@pytest.mark.parametrize(("batch_size", "concurrency"), [(0, 1), (-1, 1), (1, 0)])
def test_embed_all_arguments(server: Any, either: Any, batch_size: int, concurrency: int) -> None:
    """Sizes are whole numbers from one up."""
    with pytest.raises(ConfigurationError, match="is not a whole number from 1 up"):
        either.client(server.url).embed_all(
            EmbeddingsRequest(input=["a"]), batch_size=batch_size, concurrency=concurrency
        )


def test_embed_all_of_another_request(server: Any, either: Any) -> None:
    """What is to be embedded is a request for vectors, of texts or of images."""
    request = to_request(ChatRequest, {"messages": [{"role": "user", "content": "hello"}]})
    with pytest.raises(ConfigurationError, match=r"to_request.EmbeddingsRequest, fields. or to_request.Image"):
        either.client(server.url).embed_all(request, batch_size=1)
    assert server.requests == []


@pytest.mark.parametrize("data", [[], [{"index": 7, "embedding": [1]}], [{"index": 0, "embedding": ["?"]}]], ids=str)
def test_whose_vectors(server: Any, either: Any, data: list[Any]) -> None:
    """Wrong vectors are a failure like any other: it says of what call, and at what attempt; it is not tried again."""
    server.reply_json({"error": {"message": "overloaded"}}, 503, retry_after_ms="1")
    server.reply_json({"data": data})

    with pytest.raises(ResponseValidationError) as caught:
        either.client(server.url).embed(EmbeddingsRequest(input=["a"]))
    assert caught.value.attempts == len(server.requests) == 2
    assert caught.value.client_request_id == server.requests[1].headers["x-ms-client-request-id"]


@pytest.mark.parametrize("dimensions", [2, 3])
def test_dimensions(server: Any, either: Any, dimensions: int) -> None:
    """Vectors of another length than asked for are an error; packed bits are shorter by nature."""
    server.reply_json({"data": [{"index": 0, "embedding": [1, 2]}]})
    client = either.client(server.url)
    request = EmbeddingsRequest(input=["a"], dimensions=dimensions)

    if dimensions == 2:
        assert client.embed(request).vectors == [[1.0, 2.0]]
    else:
        with pytest.raises(ResponseValidationError, match="dimensions=3"):
            client.embed(request)
    packed = EmbeddingsRequest(input=["a"], dimensions=16, encoding_format="ubinary")
    assert client.embed(packed).vectors == [[1.0, 2.0]]


async def test_all_at_most() -> None:
    """Calls are made so many at a time, and their outcomes come in order; the first failure is told as itself."""
    under_way = most = 0
    ended: list[int] = []

    async def one(number: int) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            await asyncio.sleep(0)
            if number == 100:
                raise KeyError(number)
            await asyncio.sleep(0 if number < 100 else 3600)
        finally:
            under_way -= 1
            ended.append(number)
        return number

    def calls(*numbers: int) -> list[Any]:
        return [functools.partial(one, number) for number in numbers]

    assert await all_at_most(calls(*range(10)), 3) == list(range(10))
    assert most == 3
    assert await all_at_most([], 3) == []
    ended.clear()
    with pytest.raises(KeyError):
        await all_at_most(calls(101, 100, 102, 103), 3)
    assert sorted(ended) == [100, 101, 102]  # cancelled; the fourth was never begun


@pytest.mark.parametrize("ends", [(1,), (2,), (0, 1), (0, 1, 2)])
async def test_calls_that_end_cancelled(ends: tuple[int, ...]) -> None:
    """A call that is cancelled inside, and not by whoever waits for it, ends them all: none is missing silently."""

    async def one(number: int) -> int:
        await asyncio.sleep(0)
        if number in ends:
            raise asyncio.CancelledError
        return number

    calls = [functools.partial(one, number) for number in range(3)]
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.ensure_future(all_at_most(calls, 2)), 20)


async def test_calls_in_a_scope_of_anyio() -> None:
    """A scope that gives up on its calls knows its own cancellation, and ends as a timeout."""
    started: list[int] = []

    async def one(number: int) -> None:
        started.append(number)
        await asyncio.sleep(3600)

    with pytest.raises(TimeoutError), anyio.fail_after(0.1):
        await all_at_most([functools.partial(one, number) for number in range(3)], 2)
    with anyio.move_on_after(0.1) as scope:
        await all_at_most([functools.partial(one, number) for number in range(3)], 2)
    assert scope.cancelled_caught
    assert started == [0, 1, 0, 1]


async def test_who_waits_is_not_cancelled() -> None:
    """A call that fails leaves no cancellation behind with who waited: a timeout around it later on is one."""

    async def one() -> None:
        await asyncio.sleep(0.01)
        raise KeyError

    async def all_and_more() -> None:
        with pytest.raises(KeyError):
            await all_at_most([one], 1)
        await asyncio.sleep(3600)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await all_and_more()


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_batches_not_yet_begun(is_async: bool) -> None:
    """They take up next to no memory, however many they are."""
    vector = [1.0]

    async def embed_async(_batch: Sequence[int]) -> list[list[float]]:
        await asyncio.sleep(0)
        return [vector]

    def embed_all(inputs: list[int]) -> list[list[float]]:
        if is_async:
            return asyncio.run(in_batches_async(inputs, embed_async, batch_size=1, concurrency=3), debug=False)
        return in_batches(inputs, lambda _batch: [vector], batch_size=1, concurrency=3)

    inputs = [0] * 5_000
    embed_all(inputs[:10])
    tracemalloc.start()
    try:
        assert embed_all(inputs) == [vector] * len(inputs)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 400 * len(inputs)
