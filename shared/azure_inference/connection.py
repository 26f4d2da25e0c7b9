"""`Connection`: what every model class is told about its endpoint, and the two clients that it makes when needed."""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping
from typing import Any, Self, Unpack, cast

from . import transport
from .arguments import ALIASES, is_key, words_for
from .client import AsyncInferenceClient, InferenceClient
from .credentials import Credential, conceal, conceal_headers, concealed
from .errors import ConfigurationError
from .fields import values_of
from .profiles import ModelProfile
from .protocol import deployment_in
from .settings import ARGUMENTS, CallOptions, ClientOptions, ClientSettings, no_call_argument, resolve_settings

NOT_SERIALIZED = ("credential", "headers", "http_client", "async_http_client")
"""The arguments that are never shown or written down, since they hold secrets or sockets; copies share them."""
_OF_CALLS = frozenset((*CallOptions.__annotations__, "model", "extra_body"))
_NOT_OF_CALLS = frozenset((*ARGUMENTS, *ALIASES, *words_for((*ARGUMENTS, *_OF_CALLS)))) - _OF_CALLS
"""Names of a connection's arguments, here and elsewhere, that say nothing in a call, least of all to the model."""


@functools.lru_cache(maxsize=64)  # classes made in functions may go
def _arguments_of(kind: type) -> tuple[str, ...]:
    """The arguments that objects of a class can have: to ask a model of pydantic's for one it has not is slow."""
    fields = getattr(kind, "model_fields", ARGUMENTS)
    return tuple(name for name in ARGUMENTS if name in fields or hasattr(kind, name))


class _Client(InferenceClient):
    """A client of settings that were resolved before."""

    def __init__(self, settings: ClientSettings, http_client: transport.HttpClient | None) -> None:
        self._start(settings, http_client)


class _AsyncClient(AsyncInferenceClient):
    """The same for async code."""

    def __init__(self, settings: ClientSettings, async_http_client: transport.AsyncHttpClient | None) -> None:
        self._start(settings, async_http_client)


class Connection:
    """An endpoint with a credential, for an object with both sync and async methods.

    Arguments are those of `InferenceClient` and `async_http_client`, and are checked at once; connections are made at
    the first call. Its arguments never change, so a copy is the object itself. It remembers the schemas that a model
    refused; a pickle does not. That carries everything but the credential, the headers and the user's HTTP clients:
    where it is loaded, the credential is taken from AZURE_INFERENCE_CREDENTIAL.
    """

    arguments = frozenset(ARGUMENTS)
    """The attributes of an object that make its connection: a new value of one makes another connection."""

    def __init__(
        self,
        endpoint: str | None = None,
        credential: Credential | None = None,
        *,
        http_client: transport.HttpClient | None = None,
        async_http_client: transport.AsyncHttpClient | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        credential, options = conceal(credential), cast("ClientOptions", concealed(options))
        self._endpoint = endpoint
        self._options = options
        self._settings = resolve_settings(endpoint, credential, options)
        if http_client is not None:  # else there is no need yet to import httpx, here as in the clients
            transport.check_client("http_client", http_client)
        if async_http_client is not None:
            transport.check_client("async_http_client", async_http_client)
        self._http_client = http_client
        self._async_http_client = async_http_client
        self._refused_schemas: set[tuple[str | None, str | None]] = set()
        self._lock = threading.Lock()
        self._client: InferenceClient | None = None
        self._async_client: AsyncInferenceClient | None = None

    @classmethod
    def of(cls, owner: object) -> Self:
        """The connection that the attributes of an object describe, named as the arguments; None is left out."""
        kind: Any = type(owner)
        # No variable holds them, since what reports an error may show variables: pydantic makes headers plain text.
        return cls(**values_of(owner, _arguments_of(kind)))

    @property
    def client(self) -> InferenceClient:
        """The client for sync code; always the same one."""
        if self._client is None:
            with self._lock:
                if self._client is None:
                    self._client = _Client(self._settings, self._http_client)
        return self._client

    @property
    def async_client(self) -> AsyncInferenceClient:
        """The client for async code; always the same one, for any number of event loops."""
        if self._async_client is None:
            with self._lock:
                if self._async_client is None:
                    self._async_client = _AsyncClient(self._settings, self._async_http_client)
        return self._async_client

    @functools.cached_property
    def identity(self) -> Mapping[str, Any]:
        """What tells this connection from another one, for caches, as far as it is set: never the credential."""
        target = self._settings.target
        policy = self._settings.extra_parameters
        told = {
            "endpoint": target.base_url,
            "api_version": target.dialect.api_version,
            "dialect": target.dialect.name,
            "query": target.query,
            "extra_parameters": policy and policy.value,
            "deployment": deployment_in(self._settings.headers),
        }
        return {name: value for name, value in told.items() if value}

    def takes_schema(self, model: str | None, name: str) -> bool:
        """Whether a model has refused neither the JSON Schema of this name nor all of them."""
        return self._refused_schemas.isdisjoint(((model, name), (model, None)))

    def remember_refused_schema(self, model: str | None, name: str | None) -> None:
        """Notes that a model refused the JSON Schema of this name; None: that it takes no schemas."""
        self._refused_schemas.add((model, name))

    def input_type(self, wanted: str | None, purpose: str, profile: ModelProfile) -> str | None:
        """The `input_type` of an embeddings request; None says nothing.

        Args:
            wanted: What the user asked for; `auto` leaves it to the purpose.
            purpose: What the inputs are: `query` or `document`.
            profile: What is known of the model. One that tells queries from documents is told, one that does not is
                not; any other is told where `input_type` is a field of the contract, in the Model Inference API.
        """
        if wanted != "auto":
            return wanted
        takes = profile.input_type
        if takes is None:
            takes = self._settings.target.dialect.has_input_type
        return purpose if takes else None

    def encoding_format(self, wanted: str | None, profile: ModelProfile) -> str | None:
        """The `encoding_format` of an embeddings request; None says nothing, which means JSON numbers.

        Vectors are a quarter as long in base64, and read several times faster.

        Args:
            wanted: What the user asked for, if anything.
            profile: What is known of the model. If nothing is asked for, base64 is used where the model is known to
                give it, and for any model on OpenAI's routes.
        """
        takes = profile.base64_output or self._settings.target.dialect.asks_base64
        return wanted or ("base64" if takes else None)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _loaded, (self._endpoint, {k: v for k, v in self._options.items() if k not in NOT_SERIALIZED})


def check_call(keywords: Mapping[str, Any]) -> None:
    """Raises `ConfigurationError` if a keyword of a call is an argument of constructors: it would go to the model.

    Keys get passed that way, and would be in the request, in traces and in logs. No value is shown.
    """
    for name, value in keywords.items():
        if value is not None and (name in _NOT_OF_CALLS or is_key(name)):
            message = no_call_argument(name, _OF_CALLS).message
            raise ConfigurationError(f"{message}; a parameter of the model by this name goes in extra_body={{...}}")


def conceal_call(keywords: Mapping[str, Any]) -> Mapping[str, Any]:
    """The keywords of a call as frameworks may show them to traces: checked (see `check_call`), headers concealed."""
    check_call(keywords)
    return conceal_headers(keywords)


def split_call(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], CallOptions]:
    """The arguments of a call, split into fields of its request and options of the call.

    Raises:
        ConfigurationError: One is an argument of constructors, or has another name here; see `check_call`.
    """
    if not arguments:
        return {}, {}
    check_call(arguments)
    options = {name: arguments[name] for name in CallOptions.__annotations__ if name in arguments}
    fields = {name: value for name, value in arguments.items() if name not in options}
    return fields, cast("CallOptions", options)


def _loaded(endpoint: str | None, options: ClientOptions) -> Connection:
    return Connection(endpoint, **options)
