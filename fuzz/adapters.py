"""What is fuzzed of the adapters: whole calls, whose HTTP client answers with any bytes."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
from langchain_core.messages import AIMessage
from llama_index.core.llms import ChatMessage

from azure_inference import InferenceError
from langchain_azure_inference import AzureInferenceEmbeddings, AzureInferenceLLM, ChatAzureInference
from llamaindex_azure_inference import AzureInference, AzureInferenceCompletion, AzureInferenceEmbedding

from . import samples
from .source import Source
from .targets import Target, stream_body

_BODY = [b""]
_QUESTION = [ChatMessage(role="user", content="hi")]


@functools.cache
def _told() -> dict[str, Any]:
    """The arguments of every model: an endpoint that answers with what `_BODY` holds."""
    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=_BODY[0])))
    return {"endpoint": "https://x.example", "credential": "k", "model": "m", "http_client": client, "max_retries": 0}


def _whole(source: Source, known: list[Any]) -> bytes:
    return source.rest() if source.byte() % 8 == 0 else json.dumps(source.changed(source.choose(known))).encode()


def _ask(body: bytes, ask: Callable[[], Any]) -> None:
    _BODY[0] = body
    with suppress(InferenceError):
        ask()


@functools.cache
def _langchain() -> tuple[Any, ...]:
    return ChatAzureInference(**_told()), AzureInferenceLLM(**_told()), AzureInferenceEmbeddings(**_told())


def langchain(data: bytes) -> None:
    """Whatever the service answers, LangChain's models give messages or errors of ours."""
    source = Source(data)
    chat, llm, embeddings = _langchain()
    match source.byte() % 5:
        case 0:
            _ask(_whole(source, samples.CHAT), lambda: chat.invoke("hi"))
        case 1:
            _ask(stream_body(source, samples.CHUNKS), lambda: _added(chat))
        case 2:
            _ask(_whole(source, samples.COMPLETION), lambda: llm.invoke("hi"))
        case 3:
            _ask(stream_body(source, [samples.COMPLETION * 2]), lambda: list(llm.stream("hi")))
        case _:
            _ask(_whole(source, samples.EMBEDDINGS), lambda: embeddings.embed_documents(["a", "b"]))


def _added(chat: Any) -> AIMessage | None:
    whole: Any = None
    for chunk in chat.stream("hi"):
        whole = chunk if whole is None else whole + chunk
    return whole


@functools.cache
def _llamaindex() -> tuple[Any, ...]:
    return AzureInference(**_told()), AzureInferenceCompletion(**_told()), AzureInferenceEmbedding(**_told())


def llamaindex(data: bytes) -> None:
    """Whatever the service answers, LlamaIndex's models give responses or errors of ours."""
    source = Source(data)
    llm, text_model, embedding = _llamaindex()
    match source.byte() % 5:
        case 0:
            _ask(_whole(source, samples.CHAT), lambda: llm.chat(_QUESTION))
        case 1:
            _ask(stream_body(source, samples.CHUNKS), lambda: list(llm.stream_chat(_QUESTION)))
        case 2:
            _ask(_whole(source, samples.COMPLETION), lambda: text_model.complete("hi"))
        case 3:
            _ask(stream_body(source, [samples.COMPLETION * 2]), lambda: list(text_model.stream_complete("hi")))
        case _:
            _ask(_whole(source, samples.EMBEDDINGS), lambda: embedding.get_text_embedding_batch(["a", "b"]))


TARGETS: dict[str, Target] = {"langchain": langchain, "llamaindex": llamaindex}
