"""`Connection`: what every model class is told about its endpoint, and the two clients that it makes when needed."""

from __future__ import annotations

import threading
from typing import Any, Self, Unpack

from .client import AsyncInferenceClient, InferenceClient
from .credentials import Credential
from .settings import ClientOptions, resolve_settings
from .transport import AsyncHttpClient, HttpClient


class Connection:
    """An endpoint with a credential, for an object that is asked in plain and in async code.

    Arguments are those of `InferenceClient`, and are checked at once; connections are made at the first call. It never
    changes, so a copy is the object itself. A pickle carries everything but the credential and the user's HTTP
    clients: where it is loaded, the credential is taken from AZURE_INFERENCE_CREDENTIAL.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        credential: Credential | None = None,
        *,
        http_client: HttpClient | None = None,
        async_http_client: AsyncHttpClient | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        self._endpoint = endpoint
        self._options = options
        self._settings = resolve_settings(endpoint, credential, options)
        self._http_client = http_client
        self._async_http_client = async_http_client
        self._lock = threading.Lock()
        self._client: InferenceClient | None = None
        self._async_client: AsyncInferenceClient | None = None

    @property
    def client(self) -> InferenceClient:
        """The client for plain code; always the same one."""
        if self._client is None:
            with self._lock:
                if self._client is None:
                    self._client = InferenceClient.from_settings(self._settings, self._http_client)
        return self._client

    @property
    def async_client(self) -> AsyncInferenceClient:
        """The client for async code; always the same one, for any number of event loops."""
        if self._async_client is None:
            with self._lock:
                if self._async_client is None:
                    self._async_client = AsyncInferenceClient.from_settings(self._settings, self._async_http_client)
        return self._async_client

    @property
    def identity(self) -> dict[str, Any]:
        """What tells this connection from another one, for caches: never the credential."""
        target = self._settings.target
        policy = self._settings.extra_parameters
        return {
            "endpoint": target.base_url,
            "api_version": target.dialect.api_version,
            "dialect": target.dialect.name,
            "query": target.query,
            "extra_parameters": policy.value if policy else None,
        }

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _loaded, (self._endpoint, dict(self._options))


def _loaded(endpoint: str | None, options: ClientOptions) -> Connection:
    return Connection(endpoint, **options)
