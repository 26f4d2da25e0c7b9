"""Vectors that travel as base64: where they are asked for so, and what happens where they are not to be had so."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

from azure_inference import BadRequestError, Connection, UnsupportedParameterWarning, model_profile
from azure_inference_emulator import running
from langchain_azure_inference import AzureInferenceEmbeddings
from llamaindex_azure_inference import AzureInferenceEmbedding


@pytest.mark.parametrize(
    ("url", "model", "wanted", "sent"),
    [
        ("https://name.services.ai.azure.com/openai/v1", "mine", None, "base64"),
        ("https://name.openai.azure.com/openai/deployments/embed", None, None, "base64"),
        ("https://name.services.ai.azure.com/openai/v1", "mine", "float", "float"),
        ("https://gateway.example/v1", "mine", None, "base64"),
        ("https://name.services.ai.azure.com/models", "mine", None, None),
        ("https://gateway.example", None, None, None),
        ("https://name.services.ai.azure.com/models", "text-embedding-3-small", None, "base64"),
        ("https://name.services.ai.azure.com/models", "text-embedding-3-small", "float", "float"),
        ("https://gateway.example", "embed-v-4-0", None, "base64"),
    ],
)
def test_where_it_is_asked_for(url: str, model: str | None, wanted: str | None, sent: str | None) -> None:
    """Vectors are asked for in base64 on OpenAI's routes, as its own clients do, and of models that are known to give
    it on any route, unless the user says otherwise.
    """
    assert Connection(url, "key").encoding_format(wanted, model_profile(model)) == sent


PICTURE = "data:image/png;base64,iVBORw0KGgo="
EMBEDDERS: list[tuple[type[Any], str, Any]] = [
    (AzureInferenceEmbeddings, "embed_documents", ["hello"]),
    (AzureInferenceEmbeddings, "embed_query", "hello"),
    (AzureInferenceEmbeddings, "embed_images", [PICTURE]),
    (AzureInferenceEmbedding, "get_text_embedding_batch", ["hello"]),
    (AzureInferenceEmbedding, "get_query_embedding", "hello"),
    (AzureInferenceEmbedding, "get_image_embedding_batch", [PICTURE]),
]
KNOWN_MODELS = [{"model": "text-embedding-3-small"}, {"model": "mine", "base_model": "Cohere-embed-v3-english"}]
BOTH = pytest.mark.parametrize("kind", [AzureInferenceEmbeddings, AzureInferenceEmbedding])
SYNC_AND_ASYNC = pytest.mark.parametrize("prefix", ["", "a"], ids=["sync", "async"])


def embedded(embedder: Any, method: str, given: Any) -> Any:
    """What a method of an embedding class gives, awaited where it is a coroutine."""
    found = getattr(embedder, method)(given)
    return asyncio.run(found) if inspect.iscoroutine(found) else found


def documents(embedder: Any, prefix: str, texts: list[str]) -> Any:
    """The vectors of texts, in either framework."""
    is_langchain = isinstance(embedder, AzureInferenceEmbeddings)
    return embedded(embedder, prefix + ("embed_documents" if is_langchain else "get_text_embedding_batch"), texts)


def one_by_one(kind: type[Any], **given: Any) -> Any:
    """An embedding class that sends each text by itself, one after another."""
    words = ("batch_size", "max_concurrency")
    if kind is AzureInferenceEmbedding:
        words = ("embed_batch_size", "num_workers")
    return kind(credential="key", **dict.fromkeys(words, 1), **given)


@pytest.mark.parametrize("named", KNOWN_MODELS, ids=str)
@pytest.mark.parametrize(("kind", "method", "given"), EMBEDDERS, ids=[method for _, method, _ in EMBEDDERS])
@SYNC_AND_ASYNC
def test_embeddings_say_how_they_travel(
    server: Any, *, prefix: str, kind: type[Any], method: str, given: Any, named: dict[str, str]
) -> None:
    """Both embedding classes ask a model that is known to give base64 for it, and give floats back."""
    server.reply_json({"data": [{"index": 0, "embedding": "AACAPwAAAEA="}]})
    vectors = embedded(kind(endpoint=server.url, credential="key", **named), prefix + method, given)

    assert server.requests[0].json["encoding_format"] == "base64"
    assert vectors in ([1.0, 2.0], [[1.0, 2.0]])


@BOTH
@SYNC_AND_ASYNC
def test_numbers_though_base64_was_asked_for(server: Any, kind: type[Any], prefix: str) -> None:
    """A gateway that does not look at `encoding_format` may send numbers."""
    server.reply_json({"data": [{"index": 0, "embedding": [1.0, 2.0]}]})
    embedder = kind(endpoint=server.url, credential="key", model="text-embedding-3-small")

    assert documents(embedder, prefix, ["hello"]) == [[1.0, 2.0]]


PLACE = {"loc": ["body", "encoding_format"], "input": "base64"}
REFUSALS: dict[str, tuple[int, dict[str, Any]]] = {
    "the API's own": (422, {"status": 422, "code": "parameter_not_supported", "detail": PLACE, "message": "Invalid."}),
    "with details": (
        422,
        {"error": {"code": "Invalid input", "status": 422, "message": "invalid", "details": [{**PLACE, "msg": "No."}]}},
    ),
    "a bare list": (422, {"detail": [{**PLACE, "type": "enum", "msg": "Input should be 'float'"}]}),
    "OpenAI's": (
        400,
        {"error": {"code": "unsupported_parameter", "param": "encoding_format", "message": "not supported"}},
    ),
    "a sentence": (400, {"error": {"message": "Only numbers can be had: check encoding_format."}}),
    "the value alone": (400, {"message": "base64 not supported"}),
}


@pytest.mark.parametrize("route", ["models", "v1"])
@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
@BOTH
@SYNC_AND_ASYNC
def test_base64_is_given_up_where_it_is_refused(
    server: Any, prefix: str, kind: type[Any], refusal: tuple[int, dict[str, Any]], route: str
) -> None:
    """A server that gives no base64 is asked again without, with a warning, and not asked for it with later batches."""
    status, body = refusal
    server.reply_json(body, status)
    server.reply_json({"data": [{"index": 0, "embedding": [1.0, 2.0]}]})
    embedder = one_by_one(kind, endpoint=f"{server.root}/{route}", model="text-embedding-3-small")

    with pytest.warns(UnsupportedParameterWarning, match="encoding_format") as warned:
        first = documents(embedder, prefix, ["hello", "world"])
    second = documents(embedder, prefix, ["again"])

    assert [*first, *second] == [[1.0, 2.0]] * 3
    assert [sent.json.get("encoding_format") for sent in server.requests] == ["base64", None, None, None]
    assert len(warned) == 1


OTHERS: dict[str, dict[str, Any]] = {
    "nothing of it": {"code": "context_length_exceeded", "message": "The text is too long."},
    "another parameter": {"param": "input", "message": "input is wrong; there are input, model, encoding_format"},
    "the content filter": {"code": "content_filter", "message": "The response was filtered: 'encoding_format'."},
    "part of a word": {"message": "my_encoding_format2 is wrong"},
    "another base64": {"message": "The image is no valid base64."},
}


@pytest.mark.parametrize("refusal", OTHERS.values(), ids=OTHERS)
@BOTH
@SYNC_AND_ASYNC
def test_other_refusals_stand(server: Any, kind: type[Any], prefix: str, refusal: dict[str, Any]) -> None:
    """An error that is not about `encoding_format` is raised as it came, and nothing is sent again."""
    server.reply_json({"error": refusal}, 400)
    embedder = kind(endpoint=server.url, credential="key", model="text-embedding-3-small")

    with pytest.raises(BadRequestError):
        documents(embedder, prefix, ["hello"])
    assert len(server.requests) == 1


@pytest.mark.parametrize("model", ["text-embedding-3-small", "Cohere-embed-v3-english"])
@BOTH
def test_the_same_vectors_either_way(kind: type[Any], model: str) -> None:
    """Base64 holds the numbers, in single precision."""
    with running() as url:
        given: dict[str, Any] = {"endpoint": f"{url}/models", "credential": "key", "model": model}
        [packed] = documents(kind(**given), "", ["The sky is blue."])
        [numbers] = documents(kind(**given, encoding_format="float"), "", ["The sky is blue."])

    assert packed != numbers
    assert packed == pytest.approx(numbers, rel=1e-7)
