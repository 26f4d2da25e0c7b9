"""What both models are told about their endpoint, and how they are copied, pickled and written down."""

import copy
import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

from llama_index.core.schema import BaseComponent
from pydantic import BeforeValidator, Field, PlainValidator, PrivateAttr, SkipValidation, ValidationError

from azure_inference import (
    ALIASES,
    BASE_CONFIG,
    NOT_SERIALIZED,
    OR_NONE,
    Connection,
    Credential,
    ModelProfile,
    RetryPolicy,
    Timeouts,
    conceal,
    concealed,
    model_profile,
    rename_arguments,
    restored,
    shared_in_copies,
    to_argument_error,
)


class Connected(BaseComponent):
    """A component that asks an endpoint.

    Neither its text form, `to_dict` nor a pickle holds the credential: what is loaded from them takes it from
    AZURE_INFERENCE_CREDENTIAL, if it is not given. Copies share their connections. An argument that is set
    anew counts from the next call on.
    """

    model_config = BASE_CONFIG
    other_names: ClassVar[Mapping[str, str]] = ALIASES
    """What arguments are called elsewhere, and here."""

    endpoint: SkipValidation[str | None] = Field(default_factory=lambda: os.environ.get("AZURE_INFERENCE_ENDPOINT"))
    """The URL of the endpoint, as pasted from a portal; by default AZURE_INFERENCE_ENDPOINT."""
    credential: Annotated[Credential | None, PlainValidator(conceal)] = Field(default=None, exclude=True, repr=False)
    """A key, or something that gives tokens, sync or async; by default AZURE_INFERENCE_CREDENTIAL."""
    base_model: str | None = None
    """The model behind a deployment whose name does not tell it: what is known of models is looked up by it."""
    model_kwargs: Annotated[dict[str, Any], OR_NONE] = Field(default_factory=dict)
    """More parameters for every request; those the API does not define are extra parameters."""
    api_version: SkipValidation[str | None] = None
    """The `api-version` of the query, where the endpoint takes one."""
    dialect: SkipValidation[str | None] = None
    """The kind of endpoint, if its URL does not tell it."""
    extra_parameters: SkipValidation[str | None] = None
    """What becomes of parameters that the API does not define: `pass-through`, `drop` or `error`."""
    on_unsupported: SkipValidation[str | None] = None
    """`drop` to leave out, with a warning, a parameter that the model refuses; by default the refusal is raised."""
    timeout: Annotated[float | Timeouts | None, SkipValidation, BeforeValidator(restored(Timeouts))] = None
    """Seconds that a whole call may take, or `Timeouts`."""
    max_retries: SkipValidation[int | None] = None
    """How often a failed request is sent again."""
    retry: Annotated[RetryPolicy | None, SkipValidation, BeforeValidator(restored(RetryPolicy))] = None
    """When and how often, in full."""
    credential_scopes: SkipValidation[Sequence[str] | None] = None
    """The scopes that tokens are asked for, if not those of the host."""
    headers: SkipValidation[dict[str, str] | None] = Field(default=None, exclude=True, repr=False)
    """Headers for every request; not in `to_dict`, since they may hold keys."""
    allow_http: SkipValidation[bool] = False
    """Permits an endpoint over plain http that is not on this machine."""
    max_connections: SkipValidation[int | None] = None
    """The most connections at once, for each process and each event loop; by default 1000."""
    trust_env: SkipValidation[bool] = False
    """Goes through the proxy that HTTPS_PROXY, ALL_PROXY and NO_PROXY name for an https endpoint."""
    http_client: SkipValidation[Any] = Field(default=None, exclude=True, repr=False)
    """An `httpx.Client` to send with."""
    async_http_client: SkipValidation[Any] = Field(default=None, exclude=True, repr=False)
    """An `httpx.AsyncClient` to send with; it belongs to one event loop."""

    _connection: Connection | None = PrivateAttr(default=None)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs = concealed(kwargs)
        given = rename_arguments(kwargs, self.other_names)
        try:
            super().__init__(*args, **given)
        except ValidationError as error:
            raise to_argument_error(type(self), error, given) from None
        _ = self.connection

    @property
    def connection(self) -> Connection:
        """The clients of this endpoint; nothing is opened before the first call."""
        # Looked up where pydantic keeps it: as an attribute, that takes several times as long, at every call.
        made: Connection | None = (self.__pydantic_private__ or {}).get("_connection")
        if made is None:
            made = self._connection = Connection.of(self)
        return made

    def profile_of(self, model: str | None) -> ModelProfile:
        """What is known of the model."""
        return model_profile(self.base_model or model)

    def __setattr__(self, name: str, value: Any) -> None:
        name = self.other_names.get(name, name)
        if name not in Connection.arguments:
            super().__setattr__(name, value)
            return
        super().__setattr__(name, concealed({name: value})[name])
        self._connection = None

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy. It shares the connection, unless `update` has something that makes another one."""
        given = concealed(rename_arguments(update or {}, self.other_names))
        copied = super().model_copy(update=given, deep=deep)
        if not Connection.arguments.isdisjoint(given):
            copied._connection = None  # noqa: SLF001 - of this very class
        return copied

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Any:
        return super().__deepcopy__(shared_in_copies(self, memo))

    def __getstate__(self) -> dict[str, Any]:
        bare = copy.copy(self)
        for name in NOT_SERIALIZED:
            setattr(bare, name, None)
        bare._connection = None  # noqa: SLF001 - of this very class
        return super(Connected, bare).__getstate__()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        # LlamaIndex makes the object anew of all its fields, so that all of them would count as set.
        self.__pydantic_fields_set__ = state["__pydantic_fields_set__"]
