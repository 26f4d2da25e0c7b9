"""How each library is asked, as its users ask it, and what they hear: one way per framework, one constructor each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

KEY = "canary-5ecret-of-the-fault-suite"
PROMPT = "canary-prompt"
"""What must not reach a server that it was not meant for."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of a case.

    Attributes:
        url: The root of the server.
        call: `chat`, `stream` or `embed`.
        is_async: Whether the framework's async methods are used.
        turns: How often the same model object is asked.
        texts: How many texts are embedded, in requests of `batch_size`.
        pause: Seconds that the reader of a stream takes for its first piece.
        size: How many letters the question has beyond the usual ones.
        wants_calls: Whether the caller looks for tool calls.
        renews: Whether the credential is something that gives a new token each time, not a key.
        read: Seconds without a byte after which an answer is given up.
        idle: Seconds between two events of a stream, where a library knows such a limit.
        total: Seconds for the whole call, the same.
        at_once: Whether to try again without the usual wait, where a library knows how.
        pool: Seconds that a call waits for the only connection that a model may have, if it may have one.
    """

    url: str
    call: str
    is_async: bool
    read: float
    idle: float
    total: float
    turns: int = 1
    texts: int = 3
    batch_size: int | None = None
    dimensions: int | None = None
    pause: float = 0.0
    size: int = 0
    wants_calls: bool = False
    renews: bool = False
    at_once: bool = False
    pool: float | None = None

    @property
    def question(self) -> str:
        """What the model is asked."""
        return PROMPT + "x" * self.size

    @property
    def inputs(self) -> list[str]:
        """What is embedded."""
        return [f"{PROMPT} {number}" for number in range(self.texts)]


Heard = dict[str, Any] | list[list[float]]
"""What a user of the framework finds in an answer: `text`, `calls`, `invalid` calls and `finish` reason, or vectors."""


@dataclass(frozen=True)
class Library:
    """A library as users of its framework have it."""

    name: str
    framework: str
    packages: tuple[str, ...]
    chat: Callable[[Job], Any]
    embeddings: Callable[[Job], Any]

    def model(self, job: Job) -> Any:
        """The object that is asked."""
        return (self.embeddings if job.call == "embed" else self.chat)(job)

    def ask(self, model: Any, job: Job) -> list[Heard]:
        """What is heard at each turn; raises what the library raises."""
        ask, ask_async = _FRAMEWORKS[self.framework]
        if not job.is_async:
            return [ask(model, job) for _ in range(job.turns)]

        async def asked() -> list[Heard]:
            return [await ask_async(model, job) for _ in range(job.turns)]

        return asyncio.run(asked())


def _ask_langchain(model: Any, job: Job) -> Heard:
    if job.call == "embed":
        return model.embed_documents(job.inputs)
    if job.call == "stream":
        return _from_messages(_read(model.stream(job.question), job))
    return _from_messages([model.invoke(job.question)])


async def _ask_langchain_async(model: Any, job: Job) -> Heard:
    if job.call == "embed":
        return await model.aembed_documents(job.inputs)
    if job.call == "stream":
        return _from_messages(await _read_async(model.astream(job.question), job))
    return _from_messages([await model.ainvoke(job.question)])


def _from_messages(messages: list[Any]) -> Heard:
    if not messages:
        return {"text": "", "calls": []}
    message = sum(messages[1:], messages[0])
    return {
        "text": message.text,
        "calls": [[call["name"], call["args"]] for call in message.tool_calls],
        "invalid": len(message.invalid_tool_calls),
        "finish": message.response_metadata.get("finish_reason"),
    }


def _ask_llamaindex(model: Any, job: Job) -> Heard:
    if job.call == "embed":
        return model.get_text_embedding_batch(job.inputs)
    if job.call == "stream":
        return _from_responses(model, _read(model.stream_chat(_messages(job)), job), job)
    return _from_responses(model, [model.chat(_messages(job))], job)


async def _ask_llamaindex_async(model: Any, job: Job) -> Heard:
    if job.call == "embed":
        return await model.aget_text_embedding_batch(job.inputs)
    if job.call == "stream":
        return _from_responses(model, await _read_async(await model.astream_chat(_messages(job)), job), job)
    return _from_responses(model, [await model.achat(_messages(job))], job)


def _messages(job: Job) -> list[Any]:
    from llama_index.core.llms import ChatMessage

    return [ChatMessage(role="user", content=job.question)]


def _from_responses(model: Any, responses: list[Any], job: Job) -> Heard:
    if not responses:
        return {"text": "", "calls": []}
    last = responses[-1]
    calls = model.get_tool_calls_from_response(last) if job.wants_calls else []
    return {
        "text": last.message.content or "",
        "calls": [[call.tool_name, call.tool_kwargs] for call in calls],
        "finish": last.additional_kwargs.get("finish_reason") or _finish_in(last.raw),
    }


def _finish_in(raw: Any) -> str | None:
    """Why an answer ended, for callers who look into what the framework leaves as it came."""
    choices = raw.get("choices") if isinstance(raw, dict) else getattr(raw, "choices", None)
    last = choices[0] if choices else None
    reason = last.get("finish_reason") if isinstance(last, dict) else getattr(last, "finish_reason", None)
    return None if reason is None else str(getattr(reason, "value", reason))


def _read(pieces: Iterable[Any], job: Job) -> list[Any]:
    found = []
    for piece in pieces:
        if not found:
            time.sleep(job.pause)
        found.append(piece)
    return found


async def _read_async(pieces: AsyncIterable[Any], job: Job) -> list[Any]:
    found = []
    async for piece in pieces:
        if not found:
            await asyncio.sleep(job.pause)
        found.append(piece)
    return found


_FRAMEWORKS: dict[str, tuple[Callable[..., Heard], Callable[..., Awaitable[Heard]]]] = {
    "langchain": (_ask_langchain, _ask_langchain_async),
    "llamaindex": (_ask_llamaindex, _ask_llamaindex_async),
}


def _given(**arguments: Any) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}


def _ours(job: Job) -> dict[str, Any]:
    from azure_inference import RetryPolicy, Timeouts

    tokens = iter(f"token-{number}" for number in range(1000))
    return {
        "endpoint": f"{job.url}/models",
        "credential": (lambda: next(tokens)) if job.renews else KEY,
        "model": "m",
        "timeout": Timeouts(read=job.read, idle=job.idle, total=job.total, **_given(pool=job.pool)),
        **({} if job.pool is None else {"max_connections": 1}),
        **({"retry": RetryPolicy(first_delay=0)} if job.at_once else {}),
    }


def _our_langchain_chat(job: Job) -> Any:
    from langchain_azure_inference import ChatAzureInference

    return ChatAzureInference(**_ours(job))


def _our_langchain_embeddings(job: Job) -> Any:
    from langchain_azure_inference import AzureInferenceEmbeddings

    return AzureInferenceEmbeddings(**_ours(job), **_given(batch_size=job.batch_size, dimensions=job.dimensions))


def _our_llamaindex_chat(job: Job) -> Any:
    from llamaindex_azure_inference import AzureInference

    return AzureInference(**_ours(job))


def _our_llamaindex_embeddings(job: Job) -> Any:
    from llamaindex_azure_inference import AzureInferenceEmbedding

    given = _given(embed_batch_size=job.batch_size, dimensions=job.dimensions)
    return AzureInferenceEmbedding(**_ours(job), **given)


def _of_the_sdk(job: Job) -> dict[str, Any]:
    limits = {"connection_timeout": job.read, "read_timeout": job.read}
    return {"endpoint": f"{job.url}/models", "credential": KEY, "client_kwargs": limits}


def _langchain_azure_chat(job: Job) -> Any:
    from langchain_azure_ai.chat_models.inference import AzureAIChatCompletionsModel

    return AzureAIChatCompletionsModel(model="m", **_of_the_sdk(job))


def _langchain_azure_embeddings(job: Job) -> Any:
    from langchain_azure_ai.embeddings.inference import AzureAIEmbeddingsModel

    given = _given(embed_batch_size=job.batch_size, dimensions=job.dimensions)
    return AzureAIEmbeddingsModel(model="m", **_of_the_sdk(job), **given)


def _langchain_openai_chat(job: Job) -> Any:
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(base_url=f"{job.url}/v1", api_key=KEY, model="m", timeout=job.read)


def _langchain_openai_embeddings(job: Job) -> Any:
    from langchain_openai import OpenAIEmbeddings

    given = _given(chunk_size=job.batch_size, dimensions=job.dimensions)
    # Its tokenizer would have to be downloaded, and is of no use for other vendors' models.
    plain = {"check_embedding_ctx_length": False}
    return OpenAIEmbeddings(base_url=f"{job.url}/v1", api_key=KEY, model="m", timeout=job.read, **plain, **given)


def _llamaindex_azure_chat(job: Job) -> Any:
    from llama_index.llms.azure_inference import AzureAICompletionsModel

    llm = AzureAICompletionsModel(model_name="m", **_of_the_sdk(job))
    # It would ask the endpoint for its name first, and run into a fault that is meant for the chat.
    llm._model_name, llm._model_type = "m", "chat-completions"
    return llm


def _llamaindex_azure_embeddings(job: Job) -> Any:
    from llama_index.embeddings.azure_inference import AzureAIEmbeddingsModel

    extra = {} if job.dimensions is None else {"model_kwargs": {"dimensions": job.dimensions}}
    given = _given(embed_batch_size=job.batch_size, **extra)
    return AzureAIEmbeddingsModel(model_name="m", **_of_the_sdk(job), **given)


OURS = {
    "langchain": Library(
        "ours (LangChain)",
        "langchain",
        ("azure-inference", "langchain-core"),
        _our_langchain_chat,
        _our_langchain_embeddings,
    ),
    "llamaindex": Library(
        "ours (LlamaIndex)",
        "llamaindex",
        ("azure-inference", "llama-index-core"),
        _our_llamaindex_chat,
        _our_llamaindex_embeddings,
    ),
}
PEERS = {
    "langchain-azure-ai": Library(
        "langchain-azure-ai",
        "langchain",
        ("langchain-azure-ai", "azure-ai-inference", "azure-core"),
        _langchain_azure_chat,
        _langchain_azure_embeddings,
    ),
    "langchain-openai": Library(
        "langchain-openai",
        "langchain",
        ("langchain-openai", "openai", "httpx2"),
        _langchain_openai_chat,
        _langchain_openai_embeddings,
    ),
    "llama-index-azure-inference": Library(
        "llama-index-llms-azure-inference",
        "llamaindex",
        (
            "llama-index-llms-azure-inference",
            "llama-index-embeddings-azure-inference",
            "azure-ai-inference",
            "azure-core",
        ),
        _llamaindex_azure_chat,
        _llamaindex_azure_embeddings,
    ),
}
LIBRARIES = {**OURS, **PEERS}
