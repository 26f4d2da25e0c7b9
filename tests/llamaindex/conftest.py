"""What the tests of the LlamaIndex adapter share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llamaindex_azure_inference import AzureInference, AzureInferenceEmbedding

from .conformance import MODEL, SECRET, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def script() -> Iterator[ScriptedServer]:
    """A server that says what a test tells it."""
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def llm_of(script: ScriptedServer) -> Callable[..., AzureInference]:
    """Makes chat models on the scripted server."""

    def make(**arguments: Any) -> AzureInference:
        return AzureInference(
            **{"endpoint": f"{script.root}/models", "credential": SECRET, "model": MODEL, **arguments}
        )

    return make


@pytest.fixture
def llm(llm_of: Callable[..., AzureInference]) -> AzureInference:
    """A chat model on the scripted server."""
    return llm_of()


@pytest.fixture
def embedding_of(script: ScriptedServer) -> Callable[..., AzureInferenceEmbedding]:
    """Makes embedding models on the scripted server."""

    def make(**arguments: Any) -> AzureInferenceEmbedding:
        told = {"endpoint": f"{script.root}/models", "credential": SECRET, "model": "emulated-embed"}
        return AzureInferenceEmbedding(**{**told, **arguments})

    return make
