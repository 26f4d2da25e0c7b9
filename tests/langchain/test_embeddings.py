"""Embeddings: in batches, in order, told apart by purpose, of texts and of images."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.exceptions import ModelInvalidRequestError, ModelRateLimitError
from langchain_core.vectorstores import InMemoryVectorStore

from azure_inference import BadRequestError, ConfigurationError, ImageInput, RateLimitError
from langchain_azure_inference import AzureInferenceEmbeddings

if TYPE_CHECKING:
    from pathlib import Path
    from types import SimpleNamespace


def embeddings_of(emulator: Any, **arguments: Any) -> AzureInferenceEmbeddings:
    """Embeddings over the emulator."""
    return AzureInferenceEmbeddings(
        **{"endpoint": emulator.url, "credential": "canary-5ecret", "model": "emulated-embed", **arguments}
    )


def embed(embeddings: AzureInferenceEmbeddings, way: str, texts: list[str]) -> list[list[float]]:
    """The vectors, by the plain or by the async way."""
    if way == "sync":
        return embeddings.embed_documents(texts)
    return asyncio.run(embeddings.aembed_documents(texts))


WAYS = pytest.mark.parametrize("way", ["sync", "async"])


@WAYS
def test_batches(emulator: Any, sent: Any, way: str) -> None:
    """Many texts go in requests of at most `batch_size`, and come back as if they had gone alone, in their order."""
    texts = [f"text number {number}" for number in range(25)]
    one_by_one = embeddings_of(emulator)
    alone = [one_by_one.embed_documents([text])[0] for text in texts]
    before = len(sent())

    vectors = embed(embeddings_of(emulator, batch_size=10), way, texts)

    assert vectors == alone
    assert sorted(len(request["body"]["input"]) for request in sent()[before:]) == [5, 10, 10]


@WAYS
def test_nothing_to_embed(emulator: Any, sent: Any, way: str) -> None:
    """No text makes no request."""
    assert embed(embeddings_of(emulator), way, []) == []
    assert sent() == []


@pytest.mark.parametrize(
    ("arguments", "purposes"),
    [
        ({}, ["document", "query"]),
        ({"input_type": "text"}, ["text", "text"]),
        ({"input_type": None}, [None, None]),
        ({"model": "text-embedding-3-small"}, [None, None]),
        ({"base_model": "text-embedding-3-small"}, [None, None]),
        ({"dialect": "openai-v1"}, [None, None]),
        ({"dialect": "azure-openai"}, [None, None]),
        ({"dialect": "openai-v1", "base_model": "embed-v-4-0"}, ["document", "query"]),
        ({"model": "Cohere-embed-v3-english"}, ["document", "query"]),
    ],
    ids=str,
)
def test_purpose(script: Any, arguments: Any, purposes: list[str | None]) -> None:
    """`input_type` follows the method, unless it is set, the model is known to have none, or neither model nor API is
    known to have it.
    """
    script.says({"data": [{"index": 0, "embedding": [1.0]}]})
    embeddings = AzureInferenceEmbeddings(
        endpoint=script.url, credential="canary-5ecret", **{"model": "m", **arguments}
    )

    embeddings.embed_documents(["a"])
    embeddings.embed_query("a")

    assert [request.get("input_type") for request in script.requests] == purposes


def test_parameters(emulator: Any, sent: Any) -> None:
    """`dimensions` and `encoding_format` are parameters; other keys are extra ones, and none has a default."""
    embeddings = embeddings_of(
        emulator, dimensions=32, encoding_format="base64", model_kwargs={"truncate": "END"}, input_type=None
    )

    assert len(embeddings.embed_query("a")) == 32
    (request,) = sent()
    assert request["body"] == {
        "input": ["a"],
        "model": "emulated-embed",
        "dimensions": 32,
        "encoding_format": "base64",
        "truncate": "END",
    }
    assert request["headers"]["extra-parameters"] == "pass-through"


@WAYS
def test_order(script: Any, way: str) -> None:
    """Rows that come in another order are put back by their index."""
    script.says({"data": [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]})
    embeddings = AzureInferenceEmbeddings(endpoint=script.url, credential="canary-5ecret", model="m")

    assert embed(embeddings, way, ["a", "b"]) == [[1.0], [2.0]]


@WAYS
def test_errors(script: Any, way: str) -> None:
    """An error is the core's and LangChain's at once, also where many requests run at the same time."""
    script.says((429, {"content-type": "application/json"}, b'{"error": {"code": "429", "message": "slow down"}}'))
    embeddings = AzureInferenceEmbeddings(
        endpoint=script.url, credential="canary-5ecret", model="m", batch_size=1, max_retries=0
    )

    with pytest.raises(RateLimitError) as raised:
        embed(embeddings, way, ["a", "b", "c"])

    assert isinstance(raised.value, ModelRateLimitError)
    assert raised.value.rows == [None, None, None]


@WAYS
def test_rows_of_errors(script: Any, way: str) -> None:
    """The error of a batch has the vectors of those before, and says how many."""
    refusal = (400, {"content-type": "application/json"}, b'{"error": {"code": "400", "message": "too long"}}')
    script.says({"data": [{"index": 0, "embedding": [1.0]}]}, refusal)
    embeddings = AzureInferenceEmbeddings(
        endpoint=script.url, credential="canary-5ecret", model="m", batch_size=1, max_concurrency=1
    )

    with pytest.raises(ModelInvalidRequestError, match=r"too long\..*1 of 3 inputs were done: see rows") as raised:
        embed(embeddings, way, ["a", "b", "c"])
    assert isinstance(raised.value, BadRequestError)
    assert (raised.value.done, raised.value.rows) == (1, [[1.0], None, None])


def test_images(emulator: Any, sent: Any, media: SimpleNamespace, tmp_path: Path) -> None:
    """Images are embedded from files, `data:` URLs and with text beside; sync and async alike."""
    file = tmp_path / "dot.png"
    file.write_bytes(media.png)
    described = ImageInput.from_file(file, text="a dot")
    embeddings = embeddings_of(emulator)

    vectors = embeddings.embed_images([file, described.image, described])

    assert vectors == asyncio.run(embeddings.aembed_images([str(file), described.image, described]))
    assert vectors[0] == vectors[1]
    assert sent()[0]["path"].endswith("/images/embeddings")
    assert [item.get("text") for item in sent()[0]["body"]["input"]] == [None, None, "a dot"]


@pytest.mark.parametrize("image", ["https://example.com/dot.png", "gone.png", "text.png"])
def test_wrong_images(emulator: Any, sent: Any, tmp_path: Path, image: str) -> None:
    """An image that is not there, not here, or no image is a clear error that names it, and nothing is sent."""
    (tmp_path / "text.png").write_text("no image")
    given = image if image.startswith("https") else str(tmp_path / image)
    embeddings = embeddings_of(emulator)

    with pytest.raises(ConfigurationError, match=image):
        embeddings.embed_images([given])
    with pytest.raises(ConfigurationError, match=image):
        asyncio.run(embeddings.aembed_images([given]))
    assert sent() == []


def test_progress(emulator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """`show_progress` shows how far it is, on the terminal's error stream."""
    terminal = io.StringIO()
    monkeypatch.setattr("sys.stderr", terminal)

    embeddings_of(emulator, show_progress=True, batch_size=2).embed_documents(["a", "b", "c"])

    assert "3/3" in terminal.getvalue()


def test_retrieval(emulator: Any) -> None:
    """A vector store finds the text that a question is about."""
    store = InMemoryVectorStore(embeddings_of(emulator))
    store.add_texts(["Cats purr when they are content.", "The Rhine flows into the North Sea.", "Bread is baked."])

    (found,) = store.similarity_search("Where does the river Rhine flow?", k=1)

    assert "Rhine" in found.page_content


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"batch_sise": 3}, "batch_size"),
        ({"input_type": "question"}, "input_type"),
        ({"endpoint": "ftp://nowhere"}, "endpoint"),
    ],
)
def test_bad_arguments(emulator: Any, arguments: Any, words: str) -> None:
    """A wrong argument is refused by name when the object is made."""
    with pytest.raises(ConfigurationError, match=words):
        embeddings_of(emulator, **arguments)


def test_bad_batch_size(emulator: Any) -> None:
    """A batch of none, if it is set later, is refused in the next call, as an error of LangChain's too."""
    embeddings = embeddings_of(emulator)
    embeddings.batch_size = 0
    with pytest.raises(ModelInvalidRequestError, match="batch_size=0"):
        embeddings.embed_query("a")
