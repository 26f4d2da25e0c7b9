"""The embedding model: what is its own, beside what every embedding model of LlamaIndex should do."""

from __future__ import annotations

import asyncio
import functools
import pickle
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.storage.kvstore import SimpleKVStore

from azure_inference import BadRequestError, ConfigurationError
from llamaindex_azure_inference import AzureInferenceEmbedding

from .conformance import PNG, SECRET, Says, ScriptedServer, Vectors
from .conformance.embedding import embed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    EmbeddingOf = Callable[..., AzureInferenceEmbedding]


@pytest.fixture(autouse=True)
def _vectors(script: ScriptedServer) -> None:
    script.will(Vectors())


@pytest.mark.parametrize(
    ("arguments", "query", "text"),
    [
        ({}, "query", "document"),
        ({"model": "text-embedding-3-small"}, None, None),
        ({"model": "my-deployment"}, "query", "document"),
        ({"model": "my-deployment", "dialect": "openai-v1"}, None, None),
        ({"model": "my-deployment", "dialect": "azure-openai"}, None, None),
        ({"model": "embed-v-4-0", "dialect": "openai-v1"}, "query", "document"),
        ({"model": "my-deployment", "base_model": "text-embedding-3-small"}, None, None),
        ({"model": "my-deployment", "dialect": "openai-v1", "base_model": "embed-v-4-0"}, "query", "document"),
        ({"input_type": None}, None, None),
        ({"input_type": "text"}, "text", "text"),
        ({"model": "my-deployment", "input_type": "query"}, "query", "query"),
    ],
)
def test_input_type(
    script: ScriptedServer, embedding_of: EmbeddingOf, arguments: dict[str, Any], query: str | None, text: str | None
) -> None:
    """Sides are told to models that tell them apart, not to those that do not, and to others where the API has the
    field, unless the user says what to tell.
    """
    model = embedding_of(**arguments)
    model.get_query_embedding("x")
    model.get_text_embedding("x")
    assert [body.get("input_type") for body in script.bodies] == [query, text]


@pytest.mark.parametrize(
    ("arguments", "size"),
    [
        ({"model": "embed-v-4-0"}, 96),
        ({"model": "text-embedding-3-large"}, 2048),
        ({"model": "my-deployment"}, 96),
        ({"model": "text-embedding-3-large", "embed_batch_size": 7}, 7),
    ],
)
def test_batch_size(embedding_of: EmbeddingOf, arguments: dict[str, Any], size: int) -> None:
    """A batch is as large as the model takes, unless it is set."""
    assert embedding_of(**arguments).embed_batch_size == size


def _set(model: AzureInferenceEmbedding, **fields: str) -> AzureInferenceEmbedding:
    for name, value in fields.items():
        setattr(model, name, value)
    return model


CHANGES: dict[str, Callable[..., AzureInferenceEmbedding]] = {
    "set": _set,
    "copy": lambda model, **fields: model.model_copy(update=fields),
    "to_dict": lambda model, **fields: AzureInferenceEmbedding.from_dict(model.to_dict(), credential=SECRET, **fields),
    "to_json": lambda model, **fields: AzureInferenceEmbedding.from_json(model.to_json(), credential=SECRET, **fields),
    "pickle": lambda model, **fields: _set(pickle.loads(pickle.dumps(model)), **fields),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("field", ["model_name", "base_model"])
@pytest.mark.parametrize("given", [{}, {"embed_batch_size": 2000}])
def test_batch_size_of_another_model(
    embedding_of: EmbeddingOf, change: str, field: str, given: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch is as large as the model takes that there is now, unless it was set."""
    monkeypatch.setenv("AZURE_INFERENCE_CREDENTIAL", SECRET)
    model = embedding_of(model="text-embedding-3-small", **given)
    assert CHANGES[change](model, **{field: "embed-v-4-0"}).embed_batch_size == given.get("embed_batch_size", 96)


def test_without_model(script: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint of one model needs no name of it."""
    monkeypatch.setenv("AZURE_INFERENCE_ENDPOINT", f"{script.root}/models")
    monkeypatch.setenv("AZURE_INFERENCE_CREDENTIAL", SECRET)
    AzureInferenceEmbedding().get_text_embedding("x")
    assert script.bodies == [{"input": ["x"], "input_type": "document"}]


def test_parameters(script: ScriptedServer, embedding_of: EmbeddingOf) -> None:
    """All parameters reach the wire, those that only the model knows too."""
    own = {"dimensions": 2, "encoding_format": "float"}
    embedding_of(**own, model_kwargs={"truncate": "END"}).get_text_embedding("x")
    sent = {**own, "truncate": "END", "model": "emulated-embed", "input_type": "document", "input": ["x"]}
    assert script.bodies == [sent]
    assert script.headers[-1]["extra-parameters"] == "pass-through"


@pytest.mark.parametrize("method", ["get_text_embedding_batch", "aget_text_embedding_batch"])
def test_batches_at_once(
    script: ScriptedServer, embedding_of: EmbeddingOf, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many requests as num_workers says are under way at once: none is answered before all have come."""
    together = threading.Barrier(3, timeout=20)
    answer = Vectors.whole
    monkeypatch.setattr(Vectors, "whole", lambda reply, body: (together.wait(), answer(reply, body))[1])
    vectors = embed(embedding_of(embed_batch_size=1, num_workers=3), method, ["a", "bb", "ccc"])
    assert [vector[0] for vector in vectors] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("method", ["get_image_embedding_batch", "aget_image_embedding_batch"])
def test_no_more_at_once(
    script: ScriptedServer, embedding_of: EmbeddingOf, method: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No more requests than num_workers says are under way at once, where images make several of a batch, too."""
    (tmp_path / "dot.png").write_bytes(PNG + bytes(3 * 1024 * 1024))
    third, together = threading.Barrier(3, timeout=0.5), list[int]()
    answer = Vectors.whole

    def waits_for_a_third(reply: Vectors, body: dict[str, Any]) -> dict[str, Any]:
        with suppress(threading.BrokenBarrierError):
            together.append(third.wait())
        return answer(reply, body)

    monkeypatch.setattr(Vectors, "whole", waits_for_a_third)
    embed(embedding_of(embed_batch_size=2, num_workers=2), method, [str(tmp_path / "dot.png")] * 4)
    assert [len(body["input"]) for body in script.bodies] == [1, 1, 1, 1]
    assert together == []


@pytest.mark.parametrize("method", ["get_text_embedding_batch", "aget_text_embedding_batch"])
def test_failed_batch(script: ScriptedServer, embedding_of: EmbeddingOf, method: str) -> None:
    """The error of a batch is the error of the call, with the vectors of those before."""
    script.will(Vectors(), Says(status=400, body={"error": {"code": "bad", "message": "Too long"}}))
    with pytest.raises(BadRequestError, match="Too long") as caught:
        embed(embedding_of(embed_batch_size=1, num_workers=1), method, ["a", "bb", "ccc"])
    assert caught.value.rows == [[1.0, 2.0], None, None]
    assert len(script.bodies) == 2


@pytest.mark.parametrize("method", ["get_image_embedding_batch", "aget_image_embedding_batch"])
def test_batches_of_images(script: ScriptedServer, embedding_of: EmbeddingOf, method: str) -> None:
    """Images go in batches too, and the error of a batch has the vectors of those before."""
    script.will(Vectors(), Says(status=400, body={"error": {"code": "bad", "message": "Too large"}}))
    images = ["data:a", "data:b", "data:c"]
    with pytest.raises(BadRequestError, match="Too large") as caught:
        embed(embedding_of(embed_batch_size=2, num_workers=1), method, images)
    assert [row is None for row in caught.value.rows] == [False, False, True]
    assert [len(body["input"]) for body in script.bodies] == [2, 1]


@pytest.mark.parametrize("method", ["get_text_embedding_batch", "aget_text_embedding_batch"])
def test_bar(embedding_of: EmbeddingOf, method: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A bar that is asked for counts the texts, to the last of them."""
    way = functools.partial(getattr(embedding_of(embed_batch_size=2), method), show_progress=True)
    vectors = way(["a", "bb", "ccc"])
    assert len(asyncio.run(vectors) if asyncio.iscoroutine(vectors) else vectors) == 3
    assert "Generating embeddings: 100%" in capsys.readouterr().err


def test_cache_of_batches(script: ScriptedServer, embedding_of: EmbeddingOf) -> None:
    """A cache answers for the texts that it knows, in batches too."""
    model = embedding_of(embed_batch_size=2, embeddings_cache=SimpleKVStore())
    first = model.get_text_embedding_batch(["a", "bb", "ccc"])
    script.will(Vectors())
    assert model.get_text_embedding_batch(["ccc", "dddd", "a", "bb"]) == [first[2], [4.0, 2.0], first[0], first[1]]
    assert [body["input"] for body in script.bodies] == [["dddd"]]


@pytest.mark.parametrize(
    ("image", "named"),
    [
        ("gone.png", "gone.png"),
        ("https://example.com/dot.png", "https://example.com/dot.png"),
        ("text.png", "text.png.*mime_type"),
    ],
)
def test_wrong_image(script: ScriptedServer, embedding_of: EmbeddingOf, image: str, named: str, tmp_path: Path) -> None:
    """An image that is not there, not here, or no image is a clear error, and nothing is sent."""
    (tmp_path / "text.png").write_text("no image")
    given = image if image.startswith("https") else str(tmp_path / image)
    with pytest.raises(ConfigurationError, match=named):
        embedding_of().get_image_embedding(given)
    assert script.bodies == []


def test_image_as_data_url(script: ScriptedServer, embedding_of: EmbeddingOf) -> None:
    """An image that is a data URL already goes out as it is, as something to be searched."""
    embedding_of().get_image_embedding("data:image/png;base64,iVBORw0KGgo=")
    (body,) = script.bodies
    assert body["input"] == [{"image": "data:image/png;base64,iVBORw0KGgo="}]
    assert body["input_type"] == "document"


def test_misspelt_argument(embedding_of: EmbeddingOf) -> None:
    """A misspelt argument is refused by its name, with the right one."""
    with pytest.raises(ConfigurationError, match=r"dimension .*dimensions"):
        embedding_of(dimension=2)


def test_images_and_texts_are_near(emulator: Any, tmp_path: Path) -> None:
    """Images are embedded by a server that knows images: a vector as long as those of texts."""
    (tmp_path / "dot.png").write_bytes(PNG)
    model = AzureInferenceEmbedding(endpoint=emulator.url, credential=SECRET, model="emulated-embed")
    assert len(model.get_image_embedding(str(tmp_path / "dot.png"))) == len(model.get_text_embedding("a dot"))
