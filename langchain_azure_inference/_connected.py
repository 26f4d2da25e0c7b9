"""What the three classes have in common: how they are told their endpoint, and what of it is kept, shown and copied."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Self

from langchain_core.load.serializable import Serializable
from langchain_core.utils import from_env
from pydantic import (
    BeforeValidator,
    Field,
    PlainValidator,
    PrivateAttr,
    SkipValidation,
    ValidationError,
    model_validator,
)

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

_ALIASES = {**ALIASES, "model_name": "model"}


class Connected(Serializable):
    """An endpoint and how it is talked to. Everything but the credential, headers and HTTP clients is serialized.

    Copies share their connections. An argument that is set anew counts from the next call on.
    """

    model_config = BASE_CONFIG

    endpoint: SkipValidation[str | None] = Field(default_factory=from_env("AZURE_INFERENCE_ENDPOINT", default=None))
    """The URL of the endpoint, as pasted from a portal; by default AZURE_INFERENCE_ENDPOINT."""
    # Read from the environment here, though the core does so, too: only a secret that is there is named in `dumps`.
    credential: Annotated[Credential | None, PlainValidator(conceal)] = Field(
        default_factory=from_env("AZURE_INFERENCE_CREDENTIAL", default=None),
        validate_default=True,
        exclude=True,
        repr=False,
    )
    """A key, or something that gives tokens, sync or async; by default AZURE_INFERENCE_CREDENTIAL. Never serialized."""
    model: str | None = None
    """The model or deployment; an endpoint that serves a single model needs none."""
    base_model: str | None = None
    """The model behind a deployment whose name does not tell it: what is known of models is looked up by it."""
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
    headers: SkipValidation[Mapping[str, str] | None] = Field(default=None, exclude=True, repr=False)
    """Headers for every request."""
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
    model_kwargs: Annotated[Mapping[str, Any], OR_NONE] = Field(default_factory=dict)
    """More parameters for every request, those of the API and others."""

    _connection: Connection | None = PrivateAttr(default=None)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs = concealed(kwargs)
        try:
            super().__init__(*args, **kwargs)
        except ValidationError as error:
            raise to_argument_error(type(self), error, rename_arguments(kwargs, _ALIASES)) from None

    @model_validator(mode="before")
    @classmethod
    def _rename_aliases(cls, values: dict[str, Any]) -> dict[str, Any]:
        return rename_arguments(values, _ALIASES)

    def model_post_init(self, context: Any, /) -> None:
        """Lets LangChain's own base classes finish, which pydantic would pass over for the private attribute."""
        super().model_post_init(context)

    @model_validator(mode="after")
    def _check_connection(self) -> Self:
        _ = self.connection
        return self

    @property
    def connection(self) -> Connection:
        """The clients of this endpoint; nothing is opened before the first call."""
        # Looked up where pydantic keeps it: as an attribute, that takes several times as long, at every call.
        made: Connection | None = (self.__pydantic_private__ or {}).get("_connection")
        if made is None:
            made = self._connection = Connection.of(self)
        return made

    @property
    def model_name(self) -> str | None:
        """The model, by its other name."""
        return self.model

    @property
    def _known(self) -> ModelProfile:
        return model_profile(self.base_model or self.model)

    @property
    def lc_secrets(self) -> dict[str, str]:
        """Where a serialized object's credential is taken from when it is loaded."""
        return {"credential": "AZURE_INFERENCE_CREDENTIAL"}

    @property
    def lc_attributes(self) -> dict[str, Any]:
        """What is written down in another form: LangChain would not load our own classes, and takes dicts instead."""
        kept = {"timeout": self.timeout, "retry": self.retry}
        return {name: asdict(value) for name, value in kept.items() if isinstance(value, Timeouts | RetryPolicy)}

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Yes: see `lc_secrets`."""
        return True

    def __setattr__(self, name: str, value: Any) -> None:
        name = _ALIASES.get(name, name)
        if name not in Connection.arguments:
            super().__setattr__(name, value)
            return
        super().__setattr__(name, concealed({name: value})[name])
        self._connection = None

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy. It shares the connection, unless `update` has something that makes another one."""
        given = concealed(rename_arguments(update or {}, _ALIASES))
        copied = super().model_copy(update=given, deep=deep)
        if not Connection.arguments.isdisjoint(given):
            copied._connection = None  # noqa: SLF001 - of this very class
        return copied

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        excluded = (name for name, field in type(self).model_fields.items() if field.exclude)
        return super().__deepcopy__(shared_in_copies(self, memo, *excluded))

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        bare = {**state["__dict__"], **dict.fromkeys(NOT_SERIALIZED)}
        return {**state, "__dict__": bare, "__pydantic_private__": {"_connection": None}}
