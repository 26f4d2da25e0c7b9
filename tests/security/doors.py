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
    calls: dict[str, Callable[[Any], Any]]

    def model(self, way: str, **arguments: Any) -> Any:
        """The object that is asked this way."""
        return (self.make_embedding if "embed" in way else self.make)(**arguments)

    def ask(self, way: str, model: Any) -> Any:
        """What it answers; streams are read to their end."""
        answer = self.calls[way](model)
        return asyncio.run(answer) if way.startswith("a") else answer


async def _all(stream: Any) -> list[Any]:
    return [piece async for piece in stream]


async def _core_stream(connection: Any) -> list[Any]:
    return await _all(await connection.async_client.stream_chat(HELLO))


async def _llamaindex_stream(llm: Any) -> list[Any]:
    return await _all(await llm.astream_chat(MESSAGES))


def _named(kind: Callable[..., Any], name: str = "model") -> Callable[..., Any]:
    return lambda **arguments: kind(**{name: "m", **arguments})


DOORS = {
    "core": Door(
        Connection,
        Connection,
        {
            "chat": lambda connection: connection.client.chat(HELLO),
            "stream": lambda connection: list(connection.client.stream_chat(HELLO)),
            "embed": lambda connection: connection.client.embed(TEXTS),
            "achat": lambda connection: connection.async_client.chat(HELLO),
            "astream": _core_stream,
            "aembed": lambda connection: connection.async_client.embed(TEXTS),
        },
    ),
    "langchain": Door(
        _named(ChatAzureInference),
        _named(AzureInferenceEmbeddings),
        {
            "chat": lambda model: model.invoke("hello"),
            "stream": lambda model: list(model.stream("hello")),
            "embed": lambda model: model.embed_documents(["a", "b"]),
            "achat": lambda model: model.ainvoke("hello"),
            "astream": lambda model: _all(model.astream("hello")),
            "aembed": lambda model: model.aembed_documents(["a", "b"]),
        },
    ),
    "llamaindex": Door(
        _named(AzureInference),
        _named(AzureInferenceEmbedding, "model_name"),
        {
            "chat": lambda llm: llm.chat(MESSAGES),
            "stream": lambda llm: list(llm.stream_chat(MESSAGES)),
            "embed": lambda model: model.get_text_embedding_batch(["a", "b"]),
            "achat": lambda llm: llm.achat(MESSAGES),
            "astream": _llamaindex_stream,
            "aembed": lambda model: model.aget_text_embedding_batch(["a", "b"]),
        },
    ),
}
