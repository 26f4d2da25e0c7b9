"""LlamaIndex's clients: ours and the peers, all at their default settings."""

# ruff: noqa: PLC0415 - each worker imports only the client that it measures
from __future__ import annotations

from typing import Any

from llama_index.core.base.llms.types import ChatMessage

from benchmarks.bodies import embedding_model
from benchmarks.clients.base import KEY, MODEL, QUESTION, Client, hide_extras, long_timeouts


class LlamaIndex(Client):
    """Any LlamaIndex LLM and embedding."""

    def __init__(self, base: str) -> None:
        super().__init__(base)
        self.messages = self.conversation(1)

    def conversation(self, length: int) -> list[ChatMessage]:
        """So many messages, of the user and the model in turn."""
        return [ChatMessage(role="user" if turn % 2 == 0 else "assistant", content=QUESTION) for turn in range(length)]

    def chat(self, model: Any) -> str:
        return model.chat(self.messages).message.content

    async def achat(self, model: Any) -> str:
        return (await model.achat(self.messages)).message.content

    def stream(self, model: Any) -> int:
        return sum(1 for _ in model.stream_chat(self.messages))

    async def astream(self, model: Any) -> int:
        count = 0
        async for _ in await model.astream_chat(self.messages):
            count += 1
        return count

    def say(self, model: Any, messages: list[ChatMessage]) -> str:
        return model.chat(messages).message.content

    def embed(self, model: Any, texts: list[str]) -> list[list[float]]:
        return model.get_text_embedding_batch(texts)


class Ours(LlamaIndex):
    """This library."""

    def new(self, scene: str) -> Any:
        from llamaindex_azure_inference import AzureInference

        return AzureInference(endpoint=self.url(scene), credential=KEY, model=MODEL)

    def new_patient(self, scene: str) -> Any:
        from llamaindex_azure_inference import AzureInference

        return AzureInference(endpoint=self.url(scene), credential=KEY, model=MODEL, timeout=long_timeouts())

    def new_embeddings(self, scene: str) -> Any:
        from llamaindex_azure_inference import AzureInferenceEmbedding

        return AzureInferenceEmbedding(endpoint=self.url(scene), credential=KEY, model=embedding_model(scene))


class WithoutExtras(Ours):
    """This library where its optional dependencies are not installed."""

    def __init__(self, base: str) -> None:
        hide_extras()
        super().__init__(base)


class AzureAI(LlamaIndex):
    """llama-index-llms-azure-inference and llama-index-embeddings-azure-inference, on azure-ai-inference."""

    def new(self, scene: str) -> Any:
        from llama_index.llms.azure_inference import AzureAICompletionsModel

        return AzureAICompletionsModel(endpoint=self.url(scene), credential=KEY, model_name=MODEL)

    def new_embeddings(self, scene: str) -> Any:
        from llama_index.embeddings.azure_inference import AzureAIEmbeddingsModel

        return AzureAIEmbeddingsModel(endpoint=self.url(scene), credential=KEY, model_name=embedding_model(scene))


class OpenAILike(LlamaIndex):
    """llama-index-llms-openai-like and llama-index-embeddings-openai at the OpenAI v1 route."""

    def new(self, scene: str) -> Any:
        from llama_index.llms.openai_like import OpenAILike as Model

        return Model(api_base=self.url(scene, "v1"), api_key=KEY, model=MODEL, is_chat_model=True)

    def new_embeddings(self, scene: str) -> Any:
        from llama_index.embeddings.openai import OpenAIEmbedding

        return OpenAIEmbedding(api_base=self.url(scene, "v1"), api_key=KEY, model_name=embedding_model(scene))
