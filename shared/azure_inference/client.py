"""`InferenceClient` and `AsyncInferenceClient`: the API as methods that take one request object each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self, TypeVar, Unpack, cast

from . import batching, schema, transport
from .accumulate import CompletionAccumulator
from .checks import check_count
from .credentials import Credential, conceal, concealed
from .errors import APIStatusError
from .protocol import check_kind
from .reader import Accumulator, ChunkT, WholeT
from .schema._base import RequestModel
from .schema._endpoint import AnswerT, Endpoint
from .schema.chat import CHAT, ChatCompletion, ChatRequest
from .schema.chunks import CHAT_STREAM, ChatCompletionChunk, CompletionChunk
from .settings import Asked, CallOptions, ClientOptions, ClientSettings, resolve_settings
from .streaming import AsyncChatStream, ChatStream, open_stream, open_stream_async

ResultT = TypeVar("ResultT")


def _with_vectors(
    request: schema.embeddings.Embeddable, result: schema.embeddings.EmbeddingsResult
) -> schema.embeddings.EmbeddingsResult:
    dimensions = request.dimensions if request.encoding_format not in ("binary", "ubinary") else None
    return batching.with_vectors(result, len(request.input), dimensions, request.encoding_format)


class InferenceClient:
    """The Azure AI Model Inference API, or the OpenAI v1 route of the same models: the sync client.

    Args:
        endpoint: The URL of the endpoint, as pasted from a portal; by default AZURE_INFERENCE_ENDPOINT. It decides
            the dialect: `/models`, a serverless or Managed Compute host, `/openai/deployments/<name>`, `/openai/v1`.
        credential: A key, or something that gives tokens (see `Credential`); by default AZURE_INFERENCE_CREDENTIAL.
        http_client: An `httpx.Client` to send with (its proxies, certificates and timeouts apply); never closed here.
        options: `api_version`; `dialect` to override the URL; `extra_parameters`, the policy for parameters the API
            does not define (see `ExtraParameters`); `on_unsupported="drop"` to leave out parameters that the model
            refuses, with a warning; `stream_usage=False` to not ask for usage in streams where it must be asked for;
            `split_reasoning=False` to leave `<think>` in the text; `timeout` in seconds, or `Timeouts`; `max_retries`
            or `retry` (see `RetryPolicy`); `credential_scopes` for tokens; `headers` for every request; `allow_http` to
            permit plain http; `max_connections` at once (1000), for each process and event loop; `trust_env=True` to go
            through the proxy that the environment names.

    Raises:
        ConfigurationError: An argument is missing or wrong.

    Every method raises the errors of `azure_inference.errors`, and no others. Nothing is sent before a method is
    called; the client may be used from any number of threads.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        credential: Credential | None = None,
        *,
        http_client: transport.HttpClient | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        credential, options = conceal(credential), cast("ClientOptions", concealed(options))
        if http_client is not None:
            transport.check_client("http_client", http_client)
        self._start(resolve_settings(endpoint, credential, options, "InferenceClient"), http_client)

    def _start(self, settings: ClientSettings, http_client: transport.HttpClient | None) -> None:
        self._settings = settings
        self._transport = transport.Transport(settings.transport, http_client)

    def chat(self, request: ChatRequest, **options: Unpack[CallOptions]) -> ChatCompletion:
        """The whole answer to a conversation."""
        return self._fetch(CHAT, request, options, self._settings.to_answer)

    def stream_chat(
        self, request: ChatRequest, **options: Unpack[CallOptions]
    ) -> ChatStream[ChatCompletionChunk, ChatCompletion]:
        """The answer to a conversation in pieces, as the model makes them."""
        return self._open(CHAT_STREAM, request, self._settings.new_chat_accumulator, options)

    def complete(
        self, request: schema.completions.CompletionRequest, **options: Unpack[CallOptions]
    ) -> schema.completions.Completion:
        """The whole completion of a text."""
        return self._fetch(schema.completions.COMPLETIONS, request, options)

    def stream_complete(
        self, request: schema.completions.CompletionRequest, **options: Unpack[CallOptions]
    ) -> ChatStream[CompletionChunk, schema.completions.Completion]:
        """The completion of a text in pieces, as the model makes them."""
        return self._open(schema.completions.COMPLETIONS_STREAM, request, CompletionAccumulator, options)

    def embed(
        self, request: schema.embeddings.EmbeddingsRequest, **options: Unpack[CallOptions]
    ) -> schema.embeddings.EmbeddingsResult:
        """The vectors of texts, in one request: `vectors[i]` belongs to `input[i]`."""
        return self._fetch(schema.embeddings.EMBEDDINGS, request, options, _with_vectors)

    def embed_images(
        self, request: schema.embeddings.ImageEmbeddingsRequest, **options: Unpack[CallOptions]
    ) -> schema.embeddings.EmbeddingsResult:
        """The vectors of images, in one request: `vectors[i]` belongs to `input[i]`."""
        return self._fetch(schema.embeddings.IMAGE_EMBEDDINGS, request, options, _with_vectors)

    def info(self, model: str | None = None, **options: Unpack[CallOptions]) -> schema.info.ModelInfo:
        """Which model answers here; `model` names the deployment where there are several."""
        call = self._settings.call(schema.info.INFO, None, options, query={"model": model})
        return self._transport.fetch(call, self._settings.tries(call, options))

    def embed_all(
        self,
        request: schema.embeddings.Embeddable,
        *,
        batch_size: int,
        concurrency: int = 4,
        on_progress: Callable[[int], None] | None = None,
        **options: Unpack[CallOptions],
    ) -> list[list[float]]:
        """The vectors of any number of inputs, in their order, in several requests at once.

        Args:
            request: Holds all inputs; it is split.
            batch_size: The most inputs in one request.
            concurrency: The most requests under way at once.
            on_progress: Called with the number of inputs that each finished request had, in the caller's thread.
            options: As for any method.

        Raises:
            InferenceError: The first failure. Its `rows` has the vectors of the inputs that were done, to go on from
                there: batches in progress are waited for, no new ones are started.
        """

        def embed(inputs: Sequence[Any]) -> list[list[float]]:
            return self._embed_part(request.model_copy(update={"input": inputs}), options)

        _check_batches(request, batch_size, concurrency)
        return batching.in_batches(
            request.input, embed, batch_size=batch_size, concurrency=concurrency, on_progress=on_progress
        )

    def close(self) -> None:
        """Closes the connections; a later call makes new ones. Calls in progress fail, and are not sent again."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _fetch(
        self,
        endpoint: Endpoint[AnswerT],
        request: RequestModel,
        options: CallOptions,
        check: Callable[[Any, AnswerT], AnswerT] | None = None,
    ) -> AnswerT:
        asked = Asked(self._settings, endpoint, request, options, check)
        return self._send(asked, lambda: self._transport.fetch(asked.call, asked.tries, asked.check))

    def _embed_part(self, part: schema.embeddings.Embeddable, options: CallOptions) -> list[list[float]]:
        if isinstance(part, schema.embeddings.ImageEmbeddingsRequest):
            return self.embed_images(part, **options).vectors
        return self.embed(part, **options).vectors

    def _open(
        self,
        endpoint: Endpoint[ChunkT],
        request: RequestModel,
        accumulator: Callable[[], Accumulator[ChunkT, WholeT]],
        options: CallOptions,
    ) -> ChatStream[ChunkT, WholeT]:
        asked = Asked(self._settings, endpoint, request, options)
        return self._send(asked, lambda: open_stream(self._transport, asked.call, accumulator, asked.tries))

    def _send(self, asked: Asked[Any], send: Callable[[], ResultT]) -> ResultT:
        """What `send` returns, for the request without what the model turns out to refuse."""
        while True:
            try:
                return send()
            except APIStatusError as error:
                asked.change(error)


class AsyncInferenceClient:
    """`InferenceClient` for async code: the same arguments, and the same methods to be awaited.

    The client may be used from several event loops, one after another or at once; each has its own connections.
    `async_http_client` is an `httpx.AsyncClient`, which then belongs to one event loop.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        credential: Credential | None = None,
        *,
        async_http_client: transport.AsyncHttpClient | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        credential, options = conceal(credential), cast("ClientOptions", concealed(options))
        if async_http_client is not None:
            transport.check_client("async_http_client", async_http_client)
        self._start(resolve_settings(endpoint, credential, options, "AsyncInferenceClient"), async_http_client)

    def _start(self, settings: ClientSettings, async_http_client: transport.AsyncHttpClient | None) -> None:
        self._settings = settings
        self._transport = transport.AsyncTransport(settings.transport, async_http_client)

    async def chat(self, request: ChatRequest, **options: Unpack[CallOptions]) -> ChatCompletion:
        """The whole answer to a conversation."""
        return await self._fetch(CHAT, request, options, self._settings.to_answer)

    async def stream_chat(
        self, request: ChatRequest, **options: Unpack[CallOptions]
    ) -> AsyncChatStream[ChatCompletionChunk, ChatCompletion]:
        """The answer to a conversation in pieces, as the model makes them."""
        return await self._open(CHAT_STREAM, request, self._settings.new_chat_accumulator, options)

    async def complete(
        self, request: schema.completions.CompletionRequest, **options: Unpack[CallOptions]
    ) -> schema.completions.Completion:
        """The whole completion of a text."""
        return await self._fetch(schema.completions.COMPLETIONS, request, options)

    async def stream_complete(
        self, request: schema.completions.CompletionRequest, **options: Unpack[CallOptions]
    ) -> AsyncChatStream[CompletionChunk, schema.completions.Completion]:
        """The completion of a text in pieces, as the model makes them."""
        return await self._open(schema.completions.COMPLETIONS_STREAM, request, CompletionAccumulator, options)

    async def embed(
        self, request: schema.embeddings.EmbeddingsRequest, **options: Unpack[CallOptions]
    ) -> schema.embeddings.EmbeddingsResult:
        """The vectors of texts, in one request: `vectors[i]` belongs to `input[i]`."""
        return await self._fetch(schema.embeddings.EMBEDDINGS, request, options, _with_vectors)

    async def embed_images(
        self, request: schema.embeddings.ImageEmbeddingsRequest, **options: Unpack[CallOptions]
    ) -> schema.embeddings.EmbeddingsResult:
        """The vectors of images, in one request: `vectors[i]` belongs to `input[i]`."""
        return await self._fetch(schema.embeddings.IMAGE_EMBEDDINGS, request, options, _with_vectors)

    async def info(self, model: str | None = None, **options: Unpack[CallOptions]) -> schema.info.ModelInfo:
        """Which model answers here; `model` names the deployment where there are several."""
        call = self._settings.call(schema.info.INFO, None, options, query={"model": model})
        return await self._transport.fetch(call, self._settings.tries(call, options))

    async def embed_all(
        self,
        request: schema.embeddings.Embeddable,
        *,
        batch_size: int,
        concurrency: int = 4,
        on_progress: Callable[[int], None] | None = None,
        **options: Unpack[CallOptions],
    ) -> list[list[float]]:
        """The vectors of any number of inputs, in their order; see `InferenceClient.embed_all`."""

        async def embed(inputs: Sequence[Any]) -> list[list[float]]:
            return await self._embed_part(request.model_copy(update={"input": inputs}), options)

        _check_batches(request, batch_size, concurrency)
        return await batching.in_batches_async(
            request.input, embed, batch_size=batch_size, concurrency=concurrency, on_progress=on_progress
        )

    async def close(self) -> None:
        """Closes the connections of the running event loop; a later call makes new ones.

        Calls in progress fail, and are not sent again.
        """
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    def _fetch(
        self,
        endpoint: Endpoint[AnswerT],
        request: RequestModel,
        options: CallOptions,
        check: Callable[[Any, AnswerT], AnswerT] | None = None,
    ) -> Awaitable[AnswerT]:
        asked = Asked(self._settings, endpoint, request, options, check)
        return self._send(asked, lambda: self._transport.fetch(asked.call, asked.tries, asked.check))

    async def _embed_part(self, part: schema.embeddings.Embeddable, options: CallOptions) -> list[list[float]]:
        if isinstance(part, schema.embeddings.ImageEmbeddingsRequest):
            return (await self.embed_images(part, **options)).vectors
        return (await self.embed(part, **options)).vectors

    def _open(
        self,
        endpoint: Endpoint[ChunkT],
        request: RequestModel,
        accumulator: Callable[[], Accumulator[ChunkT, WholeT]],
        options: CallOptions,
    ) -> Awaitable[AsyncChatStream[ChunkT, WholeT]]:
        asked = Asked(self._settings, endpoint, request, options)
        return self._send(asked, lambda: open_stream_async(self._transport, asked.call, accumulator, asked.tries))

    async def _send(self, asked: Asked[Any], send: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """What `send` returns, for the request without what the model turns out to refuse."""
        while True:
            try:
                return await send()
            except APIStatusError as error:
                asked.change(error)


def _check_batches(request: schema.embeddings.Embeddable, batch_size: int, concurrency: int) -> None:
    check_kind(request, schema.embeddings.EmbeddingsRequest, schema.embeddings.ImageEmbeddingsRequest)
    for name, value in (("batch_size", batch_size), ("concurrency", concurrency)):
        check_count(name, value, least=1)
