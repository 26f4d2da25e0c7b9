"""What the three classes have in common: how they are told their endpoint, and what of it is kept, shown and copied."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self, cast

from langchain_core.load.serializable import Serializable
from langchain_core.utils import from_env
from pydantic import (
    ConfigDict,
    Field,
    PlainValidator,
    PrivateAttr,
    SecretStr,
    SkipValidation,
    ValidationError,
    model_validator,
)

from azure_inference import ClientOptions, ConfigurationError, Connection, Credential, Timeouts

CONFIG = ConfigDict(
    extra="forbid",
    arbitrary_types_allowed=True,
    hide_input_in_errors=True,
    protected_namespaces=(),
)
_OPTIONS = tuple(ClientOptions.__annotations__)
_ALIASES = {"api_key": "credential", "model_name": "model"}
_ELSEWHERE = {
    "base_url": "endpoint",
    "azure_endpoint": "endpoint",
    "azure_deployment": "model",
    "azure_ad_token_provider": "credential",
    "request_timeout": "timeout",
    "default_headers": "headers",
    "extra_body": "model_kwargs",
    "n": "model_kwargs",
}
"""What other classes of LangChain call our arguments."""


def _concealed(credential: Any) -> Any:
    return SecretStr(credential) if isinstance(credential, str) else credential


class Connected(Serializable):
    """An endpoint and how it is talked to. Everything but the credential, headers and HTTP clients is serialized."""

    model_config = CONFIG

    endpoint: str | None = Field(default_factory=from_env("AZURE_INFERENCE_ENDPOINT", default=None))
    """The URL of the endpoint, as pasted from a portal; by default AZURE_INFERENCE_ENDPOINT."""
    credential: Annotated[Credential | None, PlainValidator(_concealed)] = Field(
        default_factory=from_env("AZURE_INFERENCE_CREDENTIAL", default=None),
        validate_default=True,
        exclude=True,
        repr=False,
    )
    """A key, or something that gives tokens, sync or async; by default AZURE_INFERENCE_CREDENTIAL. Never serialized."""
    model: str | None = None
    """The model or deployment; an endpoint that serves a single model needs none."""
    api_version: str | None = None
    """The `api-version` of the query, where the endpoint takes one."""
    dialect: str | None = None
    """The kind of endpoint, if its URL does not tell it."""
    extra_parameters: str | None = None
    """What becomes of parameters that the API does not define: `pass-through`, `drop` or `error`."""
    on_unsupported: str | None = None
    """`drop` to leave out, with a warning, a parameter that the model refuses; by default the refusal is raised."""
    timeout: float | Timeouts | None = None
    """Seconds without an answer, or `Timeouts`."""
    max_retries: int | None = None
    """How often a failed request is sent again."""
    credential_scopes: Sequence[str] | None = None
    """The scopes that tokens are asked for, if not those of the host."""
    headers: Mapping[str, str] | None = Field(default=None, exclude=True, repr=False)
    """Headers for every request."""
    allow_http: bool = False
    """Permits an endpoint over plain http that is not on this machine."""
    http_client: SkipValidation[Any] = Field(default=None, exclude=True, repr=False)
    """An `httpx.Client` to send with."""
    async_http_client: SkipValidation[Any] = Field(default=None, exclude=True, repr=False)
    """An `httpx.AsyncClient` to send with; it belongs to one event loop."""
    model_kwargs: Mapping[str, Any] = Field(default_factory=dict)
    """More parameters for every request, those of the API and others."""

    _connection: Connection | None = PrivateAttr(default=None)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().__init__(*args, **kwargs)
        except ValidationError as error:
            raise ConfigurationError(_what_is_wrong(type(self), error)) from None

    @model_validator(mode="before")
    @classmethod
    def _rename_aliases(cls, values: dict[str, Any]) -> dict[str, Any]:
        for alias, name in _ALIASES.items():
            if alias in values and name in values:
                raise ConfigurationError(f"{name} and {alias} are the same argument: pass one of them")
        return {_ALIASES.get(name, name): value for name, value in values.items()}

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
        if self._connection is None:
            options = {name: value for name in _OPTIONS if (value := getattr(self, name, None)) is not None}
            self._connection = Connection(
                self.endpoint,
                self.credential,
                http_client=self.http_client,
                async_http_client=self.async_http_client,
                **cast("ClientOptions", options),
            )
        return self._connection

    @property
    def lc_secrets(self) -> dict[str, str]:
        """Where a serialized object's credential is taken from when it is loaded."""
        return {"credential": "AZURE_INFERENCE_CREDENTIAL"}

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Yes: see `lc_secrets`."""
        return True

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy; with `update`, its connection is made anew."""
        copied = super().model_copy(update=update, deep=deep)
        if update:
            copied._connection = None  # noqa: SLF001 - of this very class
        return copied

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        memo = {} if memo is None else memo
        shared = [getattr(self, name) for name, field in type(self).model_fields.items() if field.exclude]
        memo.update({id(value): value for value in (*shared, self._connection)})
        return super().__deepcopy__(memo)

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        left_out = dict.fromkeys(("credential", "headers", "http_client", "async_http_client"))
        return {**state, "__dict__": {**state["__dict__"], **left_out}, "__pydantic_private__": {"_connection": None}}


def _what_is_wrong(kind: type[Connected], error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    cause = problem.get("ctx", {}).get("error")
    if isinstance(cause, ConfigurationError):
        return cause.message
    name = ".".join(map(str, problem["loc"]))
    if problem["type"] != "extra_forbidden":
        return f"{name} of {kind.__name__}: {problem['msg']}"
    known = _ELSEWHERE.get(name)
    near = [known] if known else difflib.get_close_matches(name, kind.model_fields, n=2, cutoff=0.6)
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    return (
        f"{name} is no argument of {kind.__name__}: {meant}To send a parameter that the API does not define, "
        f"pass model_kwargs={{{name!r}: ...}}"
    )
