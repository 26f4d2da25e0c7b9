"""The ways into this library, each asked in the same words: the core and both adapters, plain and async."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llama_index.core.llms import ChatMessage

from azure_inference import ChatRequest, Connection, EmbeddingsRequest, to_request
from langchain_azure_inference import AzureInferenceEmbeddings, ChatAzureInference
from llamaindex_azure_inference import AzureInference, AzureInferenceEmbedding

HELLO = to_request(ChatRequest, {"messages": [{"role": "user", "content": "hello"}], "model": "m"})
TEXTS = to_request(EmbeddingsRequest, {"input": ["a", "b"], "model": "m"})
MESSAGES = [ChatMessage(role="user", content="hello")]
WAYS = ("chat", "stream", "embed", "achat", "astream", "aembed")


@dataclass(frozen=True)
class Door:
    """How models are made and asked: `make(endpoint=, credential=, ...)`, then one of `WAYS`."""

    make: Callable[..., Any]
    make_embedding: Callable[..., Any]
    calls: dict[str, Callable[..., Any]]

    def model(self, way: str, **arguments: Any) -> Any:
        """The object that is asked this way."""
        return (self.make_embedding if "embed" in way else self.make)(**arguments)

    def ask(self, way: str, model: Any, **more: Any) -> Any:
        """What it answers; streams are read to their end. `more` are keywords of the call."""
        answer = self.calls[way](model, **more)
        return asyncio.run(answer) if way.startswith("a") else answer


async def _all(stream: Any) -> list[Any]:
    return [piece async for piece in stream]


async def _core_stream(connection: Any, **more: Any) -> list[Any]:
    return await _all(await connection.async_client.stream_chat(HELLO, **more))


async def _llamaindex_stream(llm: Any, **more: Any) -> list[Any]:
    return await _all(await llm.astream_chat(MESSAGES, **more))


def _named(kind: Callable[..., Any], name: str = "model") -> Callable[..., Any]:
    return lambda **arguments: kind(**{name: "m", **arguments})


DOORS = {
    "core": Door(
        Connection,
        Connection,
        {
            "chat": lambda connection, **more: connection.client.chat(HELLO, **more),
            "stream": lambda connection, **more: list(connection.client.stream_chat(HELLO, **more)),
            "embed": lambda connection, **more: connection.client.embed(TEXTS, **more),
            "achat": lambda connection, **more: connection.async_client.chat(HELLO, **more),
            "astream": _core_stream,
            "aembed": lambda connection, **more: connection.async_client.embed(TEXTS, **more),
        },
    ),
    "langchain": Door(
        _named(ChatAzureInference),
        _named(AzureInferenceEmbeddings),
        {
            "chat": lambda model, **more: model.invoke("hello", **more),
            "stream": lambda model, **more: list(model.stream("hello", **more)),
            "embed": lambda model, **more: model.embed_documents(["a", "b"], **more),
            "achat": lambda model, **more: model.ainvoke("hello", **more),
            "astream": lambda model, **more: _all(model.astream("hello", **more)),
            "aembed": lambda model, **more: model.aembed_documents(["a", "b"], **more),
        },
    ),
    "llamaindex": Door(
        _named(AzureInference),
        _named(AzureInferenceEmbedding, "model_name"),
        {
            "chat": lambda llm, **more: llm.chat(MESSAGES, **more),
            "stream": lambda llm, **more: list(llm.stream_chat(MESSAGES, **more)),
            "embed": lambda model, **more: model.get_text_embedding_batch(["a", "b"], **more),
            "achat": lambda llm, **more: llm.achat(MESSAGES, **more),
            "astream": _llamaindex_stream,
            "aembed": lambda model, **more: model.aget_text_embedding_batch(["a", "b"], **more),
        },
    ),
}
