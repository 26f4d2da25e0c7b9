"""LangChain alone: the least chat model that its base class allows, which makes its objects and sends nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from langchain_core.embeddings import Embeddings
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from benchmarks.bodies import ANSWER, WORD
from benchmarks.clients.langchain import LangChain


def _text() -> AIMessageChunk:
    """The least: a literal."""
    return AIMessageChunk(content=WORD)


def _own_text() -> AIMessageChunk:
    """What a model that reads an answer holds in each piece: its own text, and whose it is."""
    return AIMessageChunk(content=f"{WORD[:2]}{WORD[2:]}", response_metadata={"model_provider": "canned"})


class CannedChatModel(BaseChatModel):
    """Answers at once or after `delay` seconds, or in `pieces`."""

    pieces: int = 0
    delay: float = 0
    piece: Callable[[], AIMessageChunk] = _text

    @property
    def _llm_type(self) -> str:
        return "canned"

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(content=ANSWER))])

    async def _agenerate(self, *_: Any, **__: Any) -> ChatResult:
        if self.delay:
            await asyncio.sleep(self.delay)
        return self._generate()

    def _stream(self, *_: Any, **__: Any) -> Iterator[ChatGenerationChunk]:
        for _piece in range(self.pieces):
            yield ChatGenerationChunk(message=self.piece())

    async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        for _piece in range(self.pieces):
            yield ChatGenerationChunk(message=self.piece())


class CannedEmbeddings(Embeddings):
    """Gives one vector for everything."""

    def __init__(self, dimensions: int) -> None:
        self.vector = [0.0] * dimensions

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.vector for _ in texts]

    def embed_query(self, text: str) -> list[float]:  # noqa: ARG002
        return self.vector


class Canned(LangChain):
    """LangChain alone."""

    def new(self, scene: str) -> CannedChatModel:
        kind, _, number = scene.partition("-")
        if kind == "answer":
            return CannedChatModel(delay=int(number or 0) / 1000)
        return CannedChatModel(pieces=int(number), piece=_own_text if kind == "own" else _text)

    def new_embeddings(self, scene: str) -> CannedEmbeddings:
        return CannedEmbeddings(int(scene.partition("-")[2]))
