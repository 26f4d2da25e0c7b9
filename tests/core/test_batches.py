"""Many inputs through both clients: few requests, the caller's order, and failures told as themselves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from azure_inference import (
    BadRequestError,
    ConfigurationError,
    EmbeddingsRequest,
    ImageEmbeddingsRequest,
    ResponseValidationError,
    to_request,
)

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


def test_embed_all_that_fails(server: Any, reply: Any, either: Any) -> None:
    """The first failure is told as itself, not as a group."""
    server.by_body = lambda body: embedded(body, reply, fail_at="7")
    texts = EmbeddingsRequest(input=[str(number) for number in range(10)])

    with pytest.raises(BadRequestError, match="no"):
        either.client(server.url).embed_all(texts, batch_size=1, concurrency=2)


def test_embed_all_of_uneven_length(server: Any, reply: Any, either: Any) -> None:
    """Batches whose vectors have different lengths are an error."""
    server.by_body = lambda body: reply(
        200, json.dumps({"data": [{"index": 0, "embedding": [1.0] * (1 + int(body["input"][0]))}]}).encode()
    )

    with pytest.raises(ResponseValidationError, match="different lengths"):
        either.client(server.url).embed_all(EmbeddingsRequest(input=["0", "1"]), batch_size=1)


@pytest.mark.parametrize(("batch_size", "concurrency"), [(0, 1), (-1, 1), (1, 0)])
def test_embed_all_arguments(server: Any, either: Any, batch_size: int, concurrency: int) -> None:
    """Sizes are whole numbers from one up."""
    with pytest.raises(ConfigurationError, match="is not a whole number from 1 up"):
        either.client(server.url).embed_all(
            EmbeddingsRequest(input=["a"]), batch_size=batch_size, concurrency=concurrency
        )


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
