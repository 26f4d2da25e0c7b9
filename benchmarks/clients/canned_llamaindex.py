"""LlamaIndex alone: the least LLM that its base class allows, which makes its objects and sends nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, LLMMetadata
from llama_index.core.embeddings import BaseEmbedding
from llama_index.core.llms import CustomLLM
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback

from benchmarks.bodies import ANSWER, WORD
from benchmarks.clients.base import MODEL
from benchmarks.clients.llamaindex import LlamaIndex


class CannedLLM(CustomLLM):
    """Answers at once or after `delay` seconds, or in `pieces`, each with the text so far, as LlamaIndex has it."""

    pieces: int = 0
    delay: float = 0

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(is_chat_model=True, model_name=MODEL)

    @llm_chat_callback()
    def chat(self, messages: Any, **_: Any) -> ChatResponse:  # noqa: ARG002
        return ChatResponse(message=ChatMessage(role="assistant", content=ANSWER))

    @llm_chat_callback()
    async def achat(self, messages: Any, **_: Any) -> ChatResponse:  # noqa: ARG002
        if self.delay:
            await asyncio.sleep(self.delay)
        return ChatResponse(message=ChatMessage(role="assistant", content=ANSWER))

    @llm_chat_callback()
    def stream_chat(self, messages: Any, **_: Any) -> Iterator[ChatResponse]:  # noqa: ARG002
        return self._responses()

    @llm_chat_callback()
    async def astream_chat(self, messages: Any, **_: Any) -> AsyncIterator[ChatResponse]:  # noqa: ARG002
        async def responses() -> AsyncIterator[ChatResponse]:
            for response in self._responses():
                yield response

        return responses()

    @llm_completion_callback()
    def complete(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    @llm_completion_callback()
    def stream_complete(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    def _responses(self) -> Iterator[ChatResponse]:
        text = ""
        for _ in range(self.pieces):
            text += WORD
            yield ChatResponse(message=ChatMessage(role="assistant", content=text), delta=WORD)


class CannedEmbedding(BaseEmbedding):
    """Gives the same vector, made beforehand, for everything."""

    vector: list[float]

    def _get_text_embedding(self, text: str) -> list[float]:  # noqa: ARG002
        return self.vector

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return [self.vector for _ in texts]

    def _get_query_embedding(self, query: str) -> list[float]:  # noqa: ARG002
        return self.vector

    async def _aget_query_embedding(self, query: str) -> list[float]:  # noqa: ARG002
        return self.vector


class Canned(LlamaIndex):
    """LlamaIndex alone."""

    def new(self, scene: str) -> CannedLLM:
        kind, _, number = scene.partition("-")
        if kind == "answer":
            return CannedLLM(delay=int(number or 0) / 1000)
        return CannedLLM(pieces=int(number))

    def new_embeddings(self, scene: str) -> CannedEmbedding:
        dimensions = int(scene.partition("-")[2])
        return CannedEmbedding(vector=[1 / (place + 1) for place in range(dimensions)], embed_batch_size=96)
