"""`InferenceClient` and `AsyncInferenceClient`: the API as methods that take one request object each."""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self, TypedDict, Unpack

from . import batching, dialects, endpoints, protocol
from ._version import __version__
from .accumulate import ChatAccumulator, CompletionAccumulator
from .credentials import Credential, to_authorizer
from .endpoints import AnswerT, Endpoint
from .errors import ConfigurationError
from .protocol import Call, to_extra_parameters
from .retry import RetryPolicy
from .schema._base import RequestModel
from .schema.chat import ChatCompletion, ChatCompletionChunk, ChatRequest
from .schema.completions import Completion, CompletionChunk, CompletionRequest
from .schema.embeddings import EmbeddingsRequest, EmbeddingsResult, ImageEmbeddingsRequest
from .schema.info import ModelInfo
from .streaming import AsyncChatStream, ChatStream, open_stream, open_stream_async
from .transport import AsyncHttpClient, AsyncTransport, HttpClient, Timeouts, Transport, TransportSettings

ENDPOINT_VARIABLE = "AZURE_INFERENCE_ENDPOINT"
CREDENTIAL_VARIABLE = "AZURE_INFERENCE_CREDENTIAL"
USER_AGENT = f"azure-inference/{__version__} python/{platform.python_version()}"
Embeddable = EmbeddingsRequest | ImageEmbeddingsRequest


class CallOptions(TypedDict, total=False):
    """What any method takes beside its request.

    `extra_parameters` and `timeout` replace those of the client for one call; `headers` are sent in addition.
    """

    extra_parameters: str | None
    timeout: float | Timeouts | None
    headers: Mapping[str, str] | None


class ClientOptions(TypedDict, total=False):
    """What a client takes beside its endpoint and credential; see `InferenceClient`."""

    api_version: str | None
    dialect: str | None
    extra_parameters: str | None
    stream_usage: bool
    timeout: float | Timeouts | None
    max_retries: int | None
    retry: RetryPolicy | None
    credential_scopes: Sequence[str] | None
    headers: Mapping[str, str] | None
    allow_http: bool


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What both clients make of their arguments: where calls go, who sends them, and what goes with each."""

    target: dialects.Target
    transport: TransportSettings
    extra_parameters: protocol.ExtraParameters | None
    stream_usage: bool
    headers: Mapping[str, str]

    def call(
        self,
        endpoint: Endpoint[AnswerT],
        request: RequestModel | None,
        options: CallOptions,
        *,
        stream: bool = False,
        query: Mapping[str, str | None] | None = None,
    ) -> Call[AnswerT]:
        """The call that a method makes of its request and options."""
        return protocol.prepare(
            self.target,
            endpoint,
            request,
            extra_parameters=to_extra_parameters(options.get("extra_parameters")) or self.extra_parameters,
            stream=stream,
            stream_usage=self.stream_usage,
            headers={**self.headers, **(options.get("headers") or {})},
            query=query,
        )


def resolve_settings(endpoint: str | None, credential: Credential | None, options: ClientOptions) -> ClientSettings:
    """The settings that the arguments of a client mean.

    Raises:
        ConfigurationError: An argument is missing or wrong.
    """
    if unknown := options.keys() - ClientOptions.__annotations__.keys():
        known = ", ".join(ClientOptions.__annotations__)
        raise ConfigurationError(f"{', '.join(sorted(unknown))}: no such argument; there are {known}")
    endpoint = endpoint or os.environ.get(ENDPOINT_VARIABLE)
    if not endpoint:
        raise ConfigurationError(f"endpoint is missing: pass the URL of the endpoint, or set {ENDPOINT_VARIABLE}")
    target = dialects.resolve(endpoint, api_version=options.get("api_version"), dialect=options.get("dialect"))
    if not target.is_secure and not options.get("allow_http"):
        raise ConfigurationError(
            f"endpoint {target.base_url} would carry the credential over http in the clear: use https, or pass "
            "allow_http=True if the network is trusted"
        )
    credential = credential if credential is not None else os.environ.get(CREDENTIAL_VARIABLE)
    scopes = tuple(options.get("credential_scopes") or ()) or (target.scope,)
    return ClientSettings(
        target=target,
        transport=TransportSettings(
            authorizer=to_authorizer(credential, scopes),
            retry=_retry_policy(options),
            timeouts=Timeouts.of(options.get("timeout")),
            user_agent=USER_AGENT,
        ),
        extra_parameters=to_extra_parameters(options.get("extra_parameters")),
        stream_usage=options.get("stream_usage", True),
        headers=dict(options.get("headers") or {}),
    )


def _retry_policy(options: ClientOptions) -> RetryPolicy:
    policy = options.get("retry")
    if policy is not None:
        return policy
    retries = options.get("max_retries")
    if retries is None:
        return RetryPolicy()
    if retries < 0:
        raise ConfigurationError(f"max_retries={retries!r} is not a whole number from 0 up")
    return RetryPolicy(max_retries=retries)


def _timeouts(options: CallOptions) -> Timeouts | None:
    timeout = options.get("timeout")
    return None if timeout is None else Timeouts.of(timeout)


def _checked(request: Embeddable, result: EmbeddingsResult) -> EmbeddingsResult:
    dimensions = request.dimensions if request.encoding_format not in ("binary", "ubinary") else None
    return batching.with_vectors(result, len(request.input), dimensions)


class InferenceClient:
    """The Azure AI Model Inference API, or the OpenAI v1 route of the same models, for plain code.

    Args:
        endpoint: The URL of the endpoint, as pasted from a portal; by default AZURE_INFERENCE_ENDPOINT. It decides
            the dialect: `/models`, a serverless or Managed Compute host, `/openai/deployments/<name>`, `/openai/v1`.
        credential: A key, or something that gives tokens (see `Credential`); by default AZURE_INFERENCE_CREDENTIAL.
        http_client: An `httpx.Client` to send with (its proxies, certificates and timeouts count); never closed here.
        options: `api_version`; `dialect` to overrule the URL; `extra_parameters`, the policy for parameters the API
            does not define (see `ExtraParameters`); `stream_usage=False` to not ask for usage in streams where it
            must be asked for; `timeout` in seconds, or `Timeouts`; `max_retries` or `retry` (see `RetryPolicy`);
            `credential_scopes` for tokens; `headers` for every request; `allow_http` to permit plain http.

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
        http_client: HttpClient | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        self._start(resolve_settings(endpoint, credential, options), http_client)

    @classmethod
    def from_settings(cls, settings: ClientSettings, http_client: HttpClient | None = None) -> Self:
        """A client of settings that were resolved before."""
        client = cls.__new__(cls)
        client._start(settings, http_client)  # noqa: SLF001 - of this very class
        return client

    def _start(self, settings: ClientSettings, http_client: HttpClient | None) -> None:
        self._settings = settings
        self._transport = Transport(settings.transport, http_client)

    def chat(self, request: ChatRequest, **options: Unpack[CallOptions]) -> ChatCompletion:
        """The whole answer to a conversation."""
        return self._fetch(endpoints.CHAT, request, options)

    def stream_chat(
        self, request: ChatRequest, **options: Unpack[CallOptions]
    ) -> ChatStream[ChatCompletionChunk, ChatCompletion]:
        """The answer to a conversation in pieces, as the model makes them."""
        call = self._settings.call(endpoints.CHAT_STREAM, request, options, stream=True)
        return open_stream(self._transport, call, ChatAccumulator, _timeouts(options))

    def complete(self, request: CompletionRequest, **options: Unpack[CallOptions]) -> Completion:
        """The whole completion of a text."""
        return self._fetch(endpoints.COMPLETIONS, request, options)

    def stream_complete(
        self, request: CompletionRequest, **options: Unpack[CallOptions]
    ) -> ChatStream[CompletionChunk, Completion]:
        """The completion of a text in pieces, as the model makes them."""
        call = self._settings.call(endpoints.COMPLETIONS_STREAM, request, options, stream=True)
        return open_stream(self._transport, call, CompletionAccumulator, _timeouts(options))

    def embed(self, request: EmbeddingsRequest, **options: Unpack[CallOptions]) -> EmbeddingsResult:
        """The vectors of texts, in one request: `vectors[i]` belongs to `input[i]`."""
        return _checked(request, self._fetch(endpoints.EMBEDDINGS, request, options))

    def embed_images(self, request: ImageEmbeddingsRequest, **options: Unpack[CallOptions]) -> EmbeddingsResult:
        """The vectors of images, in one request: `vectors[i]` belongs to `input[i]`."""
        return _checked(request, self._fetch(endpoints.IMAGE_EMBEDDINGS, request, options))

    def info(self, model: str | None = None, **options: Unpack[CallOptions]) -> ModelInfo:
        """Which model answers here; `model` names the deployment where there are several."""
        call = self._settings.call(endpoints.INFO, None, options, query={"model": model})
        return self._transport.fetch(call, _timeouts(options))

    def embed_all(
        self,
        request: Embeddable,
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
        """
        embed: Any = self.embed_images if isinstance(request, ImageEmbeddingsRequest) else self.embed
        parts = _parts(request, batch_size, concurrency)
        report = on_progress or (lambda _: None)
        if len(parts) == 1:
            rows = [embed(parts[0], **options).vectors]
            report(len(rows[0]))
        else:
            rows = []
            with ThreadPoolExecutor(min(concurrency, len(parts)), "azure-inference-embed") as threads:
                for result in threads.map(lambda part: embed(part, **options), parts):
                    rows.append(result.vectors)
                    report(len(result.vectors))
        return _joined(rows)

    def close(self) -> None:
        """Closes the connections; a later call makes new ones."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _fetch(self, endpoint: Endpoint[AnswerT], request: RequestModel, options: CallOptions) -> AnswerT:
        return self._transport.fetch(self._settings.call(endpoint, request, options), _timeouts(options))


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
        async_http_client: AsyncHttpClient | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        self._start(resolve_settings(endpoint, credential, options), async_http_client)

    @classmethod
    def from_settings(cls, settings: ClientSettings, async_http_client: AsyncHttpClient | None = None) -> Self:
        """A client of settings that were resolved before."""
        client = cls.__new__(cls)
        client._start(settings, async_http_client)  # noqa: SLF001 - of this very class
        return client

    def _start(self, settings: ClientSettings, async_http_client: AsyncHttpClient | None) -> None:
        self._settings = settings
        self._transport = AsyncTransport(settings.transport, async_http_client)

    async def chat(self, request: ChatRequest, **options: Unpack[CallOptions]) -> ChatCompletion:
        """The whole answer to a conversation."""
        return await self._fetch(endpoints.CHAT, request, options)

    async def stream_chat(
        self, request: ChatRequest, **options: Unpack[CallOptions]
    ) -> AsyncChatStream[ChatCompletionChunk, ChatCompletion]:
        """The answer to a conversation in pieces, as the model makes them."""
        call = self._settings.call(endpoints.CHAT_STREAM, request, options, stream=True)
        return await open_stream_async(self._transport, call, ChatAccumulator, _timeouts(options))

    async def complete(self, request: CompletionRequest, **options: Unpack[CallOptions]) -> Completion:
        """The whole completion of a text."""
        return await self._fetch(endpoints.COMPLETIONS, request, options)

    async def stream_complete(
        self, request: CompletionRequest, **options: Unpack[CallOptions]
    ) -> AsyncChatStream[CompletionChunk, Completion]:
        """The completion of a text in pieces, as the model makes them."""
        call = self._settings.call(endpoints.COMPLETIONS_STREAM, request, options, stream=True)
        return await open_stream_async(self._transport, call, CompletionAccumulator, _timeouts(options))

    async def embed(self, request: EmbeddingsRequest, **options: Unpack[CallOptions]) -> EmbeddingsResult:
        """The vectors of texts, in one request: `vectors[i]` belongs to `input[i]`."""
        return _checked(request, await self._fetch(endpoints.EMBEDDINGS, request, options))

    async def embed_images(self, request: ImageEmbeddingsRequest, **options: Unpack[CallOptions]) -> EmbeddingsResult:
        """The vectors of images, in one request: `vectors[i]` belongs to `input[i]`."""
        return _checked(request, await self._fetch(endpoints.IMAGE_EMBEDDINGS, request, options))

    async def info(self, model: str | None = None, **options: Unpack[CallOptions]) -> ModelInfo:
        """Which model answers here; `model` names the deployment where there are several."""
        call = self._settings.call(endpoints.INFO, None, options, query={"model": model})
        return await self._transport.fetch(call, _timeouts(options))

    async def embed_all(
        self,
        request: Embeddable,
        *,
        batch_size: int,
        concurrency: int = 4,
        on_progress: Callable[[int], None] | None = None,
        **options: Unpack[CallOptions],
    ) -> list[list[float]]:
        """The vectors of any number of inputs, in their order; see `InferenceClient.embed_all`."""
        embed: Any = self.embed_images if isinstance(request, ImageEmbeddingsRequest) else self.embed
        free = asyncio.Semaphore(concurrency)
        report = on_progress or (lambda _: None)

        async def one(part: Embeddable) -> list[list[float]]:
            async with free:
                result: EmbeddingsResult = await embed(part, **options)
            report(len(result.vectors))
            return result.vectors

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(part)) for part in _parts(request, batch_size, concurrency)]
        return _joined([task.result() for task in tasks])

    async def close(self) -> None:
        """Closes the connections of the running event loop; a later call makes new ones."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def _fetch(self, endpoint: Endpoint[AnswerT], request: RequestModel, options: CallOptions) -> AnswerT:
        return await self._transport.fetch(self._settings.call(endpoint, request, options), _timeouts(options))


def _parts(request: Embeddable, batch_size: int, concurrency: int) -> list[Embeddable]:
    for name, value in (("batch_size", batch_size), ("concurrency", concurrency)):
        if value < 1:
            raise ConfigurationError(f"{name}={value!r} is not a whole number from 1 up")
    runs = batching.split(request.input, batch_size)
    return [request] if len(runs) == 1 else [request.model_copy(update={"input": run}) for run in runs]


def _joined(rows: list[list[list[float]]]) -> list[list[float]]:
    vectors = [vector for part in rows for vector in part]
    batching.check_dimensions(vectors)
    return vectors
