"""LangChain's clients: ours and the peers, all at their default settings."""

# ruff: noqa: PLC0415 - each worker imports only the client that it measures
from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, HumanMessage

from benchmarks.bodies import embedding_model
from benchmarks.clients.base import KEY, MODEL, QUESTION, Client, hide_extras, long_timeouts


class LangChain(Client):
    """Any LangChain chat model."""

    def __init__(self, base: str) -> None:
        super().__init__(base)
        self.messages = self.conversation(1)

    def conversation(self, length: int) -> list[Any]:
        """So many messages, of the user and the model in turn."""
        return [(HumanMessage if turn % 2 == 0 else AIMessage)(QUESTION) for turn in range(length)]

    def chat(self, model: Any) -> str:
        return model.invoke(self.messages).content

    async def achat(self, model: Any) -> str:
        return (await model.ainvoke(self.messages)).content

    def stream(self, model: Any) -> int:
        return sum(1 for _ in model.stream(self.messages))

    async def astream(self, model: Any) -> int:
        count = 0
        async for _ in model.astream(self.messages):
            count += 1
        return count

    def say(self, model: Any, messages: list[Any]) -> str:
        return model.invoke(messages).content

    def embed(self, model: Any, texts: list[str]) -> list[list[float]]:
        return model.embed_documents(texts)


class Ours(LangChain):
    """This library."""

    def new(self, scene: str) -> Any:
        from langchain_azure_inference import ChatAzureInference

        return ChatAzureInference(endpoint=self.url(scene), credential=KEY, model=MODEL)

    def new_patient(self, scene: str) -> Any:
        from langchain_azure_inference import ChatAzureInference

        return ChatAzureInference(endpoint=self.url(scene), credential=KEY, model=MODEL, timeout=long_timeouts())

    def new_embeddings(self, scene: str) -> Any:
        from langchain_azure_inference import AzureInferenceEmbeddings

        return AzureInferenceEmbeddings(endpoint=self.url(scene), credential=KEY, model=embedding_model(scene))


class WithoutExtras(Ours):
    """This library where its optional dependencies are not installed."""

    def __init__(self, base: str) -> None:
        hide_extras()
        super().__init__(base)


class AzureAI(LangChain):
    """langchain-azure-ai's classes for this API, on azure-ai-inference."""

    def new(self, scene: str) -> Any:
        from langchain_azure_ai.chat_models.inference import AzureAIChatCompletionsModel

        return AzureAIChatCompletionsModel(endpoint=self.url(scene), credential=KEY, model=MODEL)

    def new_embeddings(self, scene: str) -> Any:
        from langchain_azure_ai.embeddings.inference import AzureAIEmbeddingsModel

        return AzureAIEmbeddingsModel(endpoint=self.url(scene), credential=KEY, model=embedding_model(scene))


class OpenAI(LangChain):
    """langchain-openai at the OpenAI v1 route. Its token counting is off for embeddings: it would need a download."""

    def new(self, scene: str) -> Any:
        from langchain_openai import ChatOpenAI

        return ChatOpenAI(base_url=self.url(scene, "v1"), api_key=KEY, model=MODEL)

    def new_embeddings(self, scene: str) -> Any:
        from langchain_openai import OpenAIEmbeddings

        return OpenAIEmbeddings(
            base_url=self.url(scene, "v1"), api_key=KEY, model=embedding_model(scene), check_embedding_ctx_length=False
        )
