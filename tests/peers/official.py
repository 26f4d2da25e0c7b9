"""The official SDK, `azure-ai-inference`, by its sync or its async way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


class Sdk:
    """Makes clients of one way, and closes them."""

    def __init__(self, *, asynchronous: bool, root: str) -> None:
        from azure.ai import inference
        from azure.ai.inference import aio, models
        from azure.core.credentials import AzureKeyCredential

        self.asynchronous = asynchronous
        self.clients: Any = aio if asynchronous else inference
        self.models: Any = models
        self.key = AzureKeyCredential("any")
        self.root = root
        self.opened: list[Any] = []

    def chat(self, endpoint: str = "", credential: Any = None, **arguments: Any) -> Any:
        """A `ChatCompletionsClient`."""
        return self._client("ChatCompletionsClient", endpoint, credential, arguments)

    def embeddings(self, endpoint: str = "", credential: Any = None, **arguments: Any) -> Any:
        """An `EmbeddingsClient`."""
        return self._client("EmbeddingsClient", endpoint, credential, arguments)

    def images(self, endpoint: str = "", credential: Any = None, **arguments: Any) -> Any:
        """An `ImageEmbeddingsClient`."""
        return self._client("ImageEmbeddingsClient", endpoint, credential, arguments)

    def _client(self, name: str, endpoint: str, credential: Any, arguments: dict[str, Any]) -> Any:
        client = getattr(self.clients, name)(endpoint or f"{self.root}/models", credential or self.key, **arguments)
        self.opened.append(client)
        return client

    @staticmethod
    def emulator(**settings: Any) -> AbstractContextManager[str]:
        """An emulator of its own settings."""
        from azure_inference_emulator import running

        return running(**settings)
