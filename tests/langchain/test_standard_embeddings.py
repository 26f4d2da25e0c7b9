"""Every standard test of LangChain for embeddings, lenient and strict."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests

from langchain_azure_inference import AzureInferenceEmbeddings

ENDPOINT = "https://example.services.ai.azure.com/models"


class TestUnit(EmbeddingsUnitTests):
    @property
    def embeddings_class(self) -> type[AzureInferenceEmbeddings]:
        return AzureInferenceEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"endpoint": ENDPOINT, "credential": "canary-5ecret", "model": "emulated-embed"}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        environment = {"AZURE_INFERENCE_ENDPOINT": ENDPOINT, "AZURE_INFERENCE_CREDENTIAL": "canary-5ecret"}
        return environment, {"model": "emulated-embed"}, {"endpoint": ENDPOINT, "credential": "canary-5ecret"}


class Integration(EmbeddingsIntegrationTests):
    endpoint = ""

    @property
    def embeddings_class(self) -> type[AzureInferenceEmbeddings]:
        return AzureInferenceEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"endpoint": self.endpoint, "credential": "canary-5ecret", "model": "emulated-embed"}


class TestLenient(Integration):
    """The emulator as it is usually met."""

    @pytest.fixture(autouse=True)
    def _lenient(self, emulator: Any) -> None:
        type(self).endpoint = emulator.url


class TestStrict(Integration):
    """Whatever the published API does not say is refused."""

    @pytest.fixture(autouse=True)
    def _strict(self, strict_url: str) -> None:
        type(self).endpoint = strict_url
