"""What both models are told about their endpoint, and how they are copied, pickled and written down."""

from __future__ import annotations

import copy
import difflib
import os
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, cast

from llama_index.core.schema import BaseComponent
from pydantic import ConfigDict, Field, PlainValidator, PrivateAttr, SecretStr, SkipValidation, ValidationError

from azure_inference import (
    CallOptions,
    ClientOptions,
    ConfigurationError,
    Connection,
    Credential,
    ModelProfile,
    RetryPolicy,
    Timeouts,
    model_profile,
    wire_fields,
)

CONFIG = ConfigDict(
    extra="forbid",
    arbitrary_types_allowed=True,
    hide_input_in_errors=True,
    protected_namespaces=(),
)


def _concealed(credential: Any) -> Any:
    return SecretStr(credential) if isinstance(credential, str) else credential


class Connected(BaseComponent):
    """A component that asks an endpoint.

    Neither its text form, `to_dict` nor a pickle holds the credential: what is loaded from them takes it from
    AZURE_INFERENCE_CREDENTIAL, if it is not given. Copies share their connections.
    """

    model_config = CONFIG
    other_names: ClassVar[Mapping[str, str]] = {}
    """What arguments are called elsewhere, and here."""

    endpoint: str | None = Field(default_factory=lambda: os.environ.get("AZURE_INFERENCE_ENDPOINT"))
    """The URL of the endpoint, as pasted from a portal; by default AZURE_INFERENCE_ENDPOINT."""
    credential: Annotated[Credential | None, PlainValidator(_concealed)] = Field(default=None, exclude=True, repr=False)
    """A key, or something that gives tokens, plain or async; by default AZURE_INFERENCE_CREDENTIAL."""
    base_model: str | None = None
    """The model behind a deployment whose name does not tell it: what is known of models is looked up by it."""
    model_kwargs: dict[str, Any] = {}
    """More parameters for every request; those the API does not define are extra parameters."""
    api_version: str | None = None
    """The `api-version` of the query, where the endpoint takes one."""
    dialect: str | None = None
    """The kind of endpoint, if its URL does not tell it."""
    extra_parameters: str | None = None
    """What becomes of parameters that the API does not define: `pass-through`, `drop` or `error`."""
    on_unsupported: str | None = None
    """What happens if the model refuses a parameter: `error`, or `drop` to go on without it."""
    timeout: float | Timeouts | None = None
    """Seconds without an answer, or `Timeouts`."""
    max_retries: int | None = None
    """How often a failed request is sent again."""
    retry: RetryPolicy | None = None
    """When and how often, in full."""
    credential_scopes: list[str] | None = None
    """The scopes that tokens are asked for, if not those of the host."""
    headers: dict[str, str] | None = Field(default=None, exclude=True, repr=False)
    """Headers for every request; not in `to_dict`, since they may hold keys."""
    allow_http: bool = False
    """Permits an endpoint over plain http that is not on this machine."""
    http_client: SkipValidation[Any] = Field(default=None, exclude=True, repr=False)
    """An `httpx.Client` to send with."""
    async_http_client: SkipValidation[Any] = Field(default=None, exclude=True, repr=False)
    """An `httpx.AsyncClient` to send with; it belongs to one event loop."""

    _connection: Connection | None = PrivateAttr(default=None)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = {self.other_names.get(name, name): value for name, value in kwargs.items()}
        try:
            super().__init__(*args, **given)
        except ValidationError as error:
            raise ConfigurationError(_what_is_wrong(type(self), error)) from None
        _ = self.connection

    @property
    def connection(self) -> Connection:
        """The clients of this endpoint, plain and async; nothing is opened before the first call."""
        if self._connection is None:
            options = {name: getattr(self, name, None) for name in ClientOptions.__annotations__}
            self._connection = Connection(
                self.endpoint,
                self.credential,
                http_client=self.http_client,
                async_http_client=self.async_http_client,
                **cast("ClientOptions", {name: value for name, value in options.items() if value is not None}),
            )
        return self._connection

    def profile_of(self, model: str | None) -> ModelProfile:
        """What is known of the model."""
        return model_profile(self.base_model or model)

    def request_fields(self, names: Mapping[str, Any], *more: Mapping[str, Any], **derived: Any) -> dict[str, Any]:
        """Fields of a request: those of its `names` that are fields here, or `derived` from them; `more` overrule."""
        own = {name: getattr(self, name) for name in names if name in type(self).model_fields}
        return wire_fields({**own, **derived}, self.model_kwargs, *more)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Any:
        # Credentials and clients hold locks and sockets.
        shared = [self.credential, self.http_client, self.async_http_client, self._connection]
        return super().__deepcopy__({**(memo or {}), **{id(one): one for one in shared}})

    def __getstate__(self) -> dict[str, Any]:
        bare = copy.copy(self)
        bare.credential = bare.headers = bare.http_client = bare.async_http_client = None
        bare._connection = None  # noqa: SLF001 - of this very class
        return super(Connected, bare).__getstate__()


def split_options(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], CallOptions]:
    """The arguments of a call, parted into fields of its request and options of the call."""
    options = {name: arguments[name] for name in CallOptions.__annotations__ if name in arguments}
    fields = {name: value for name, value in arguments.items() if name not in options}
    return fields, cast("CallOptions", options)


def _what_is_wrong(kind: type[Connected], error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    name = ".".join(map(str, problem["loc"]))
    if problem["type"] != "extra_forbidden":
        return f"{name} of {kind.__name__}: {problem['msg']}"
    near = difflib.get_close_matches(name, kind.model_fields, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"{name} is no argument of {kind.__name__}: {meant}What only the model knows goes into model_kwargs."
