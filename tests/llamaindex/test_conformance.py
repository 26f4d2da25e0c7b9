"""The conformance suite on our classes, on a lenient emulator, a strict one, and another route."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llamaindex_azure_inference import AzureInference, AzureInferenceEmbedding

from .conformance import MODEL, SECRET, EmbeddingConformance, LLMConformance

if TYPE_CHECKING:
    from collections.abc import Iterator


class TestLLM(LLMConformance):
    """The chat model."""

    def make_llm(self, root: str, **arguments: Any) -> AzureInference:
        return AzureInference(endpoint=f"{root}/models", credential=SECRET, model=MODEL, **arguments)


class TestLLMStrict(TestLLM):
    """The chat model on a strict server."""

    @pytest.fixture(scope="class")
    @classmethod
    def endpoint(cls) -> Iterator[str]:
        from azure_inference_emulator import running

        with running(strict=True) as url:
            yield url


class TestLLMOpenAI(TestLLM):
    """The chat model on the OpenAI v1 route."""

    def make_llm(self, root: str, **arguments: Any) -> AzureInference:
        return AzureInference(endpoint=f"{root}/v1", credential=SECRET, model=MODEL, **arguments)


class TestEmbedding(EmbeddingConformance):
    """The embedding model."""

    def make_embedding(self, root: str, **arguments: Any) -> AzureInferenceEmbedding:
        return AzureInferenceEmbedding(
            endpoint=f"{root}/models", credential=SECRET, model="emulated-embed", **arguments
        )
