"""`ConnectedModel`: a class of pydantic's that has the arguments of a connection, whatever its framework."""

import copy
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, SkipValidation

from .arguments import ALIASES, CONNECTION, is_key, rename_arguments
from .connection import NOT_SERIALIZED, Connection
from .credentials import Credential, conceal, concealed
from .errors import ConfigurationError, shown
from .retry import RetryPolicy
from .schema._base import BUILT_WHEN_USED
from .schema.failures import cut
from .settings import ENDPOINT_VARIABLE
from .timeouts import Timeouts

CONFIG = ConfigDict(
    extra="forbid",
    arbitrary_types_allowed=True,
    hide_input_in_errors=True,
    protected_namespaces=(),
    defer_build=BUILT_WHEN_USED,
    allow_inf_nan=False,
)
"""How pydantic is to make a class that has these arguments."""
BASE_CONFIG = CONFIG | ConfigDict(defer_build=True)
"""The same for a class of which no objects are made: its validator would be built in vain."""
_PARAMETERS = frozenset({"model_kwargs", "additional_kwargs"})
"""Fields of type `Parameters`: pydantic sees to them where a model is made, and not where one is changed."""
_EXTRAS = "model_extras"
"""What clients on azure-ai-inference call a mapping of further parameters."""


def _to_parameters(given: Any) -> Any:
    if not isinstance(given, dict):
        return {} if given is None else given
    parameters = cast("dict[str, Any]", given)
    for name in filter(is_key, map(str, parameters)):
        raise ConfigurationError(
            f"{cut(name)} (value withheld) would go to the model: pass a key as credential; a parameter that really "
            "has this name goes in model_kwargs={'extra_body': {...}}"
        )
    if _EXTRAS in parameters:
        raise ConfigurationError(f"{_EXTRAS} is not a parameter of models: put what it holds in model_kwargs itself")
    return parameters


Parameters = Annotated[dict[str, Any], BeforeValidator(_to_parameters)]
"""Parameters for every request; None means none. A key among them would go to the model, and be seen in traces."""


def _restored(kind: type) -> Callable[[Any], Any]:
    """What takes an argument that is written down as a mapping of its fields; anything else stays as it is."""

    def restore(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        fields = cast("dict[str, Any]", value)
        try:
            return kind(**fields)
        except TypeError:
            names = ", ".join(kind.__annotations__)
            raise ConfigurationError(f"{shown(fields)} is not a {kind.__name__}, which has {names}: pass one") from None

    return restore


class ConnectedModel(BaseModel):
    """An object that has an endpoint, with the arguments that say how to talk to it.

    Copies share their connection. An argument that is changed takes effect from the next call on.
    """

    model_config = BASE_CONFIG
    other_names: ClassVar[Mapping[str, str]] = ALIASES
    """What arguments are called elsewhere, and here."""

    endpoint: SkipValidation[str | None] = Field(default_factory=lambda: os.environ.get(ENDPOINT_VARIABLE))
    """The URL of the endpoint, as pasted from a portal; by default AZURE_INFERENCE_ENDPOINT."""
    credential: Annotated[Credential | None, PlainValidator(conceal)] = Field(default=None, exclude=True, repr=False)
    """A key, or something that gives tokens, sync or async; by default AZURE_INFERENCE_CREDENTIAL. Never serialized."""
    base_model: str | None = None
    """The model behind a deployment whose name does not tell it: what is known of models is looked up by it."""
    model_kwargs: Parameters = Field(default_factory=dict)
    """More parameters for every request; those the API does not define are extra parameters."""
    api_version: SkipValidation[str | None] = None
    """The `api-version` of the query, where the endpoint takes one."""
    dialect: SkipValidation[str | None] = None
    """The kind of endpoint, if its URL does not tell it: `model-inference`, `azure-openai` or `openai-v1`."""
    extra_parameters: SkipValidation[str | None] = None
    """What becomes of parameters that the API does not define: `pass-through`, `drop` or `error`."""
    on_unsupported: SkipValidation[str | None] = None
    """`drop` to leave out, with a warning, a parameter that the model refuses; by default the refusal is raised."""
    timeout: Annotated[float | Timeouts | None, SkipValidation, BeforeValidator(_restored(Timeouts))] = None
    """Seconds that a whole call may take, or `Timeouts`; by default 600, and less for each phase of it."""
    max_retries: SkipValidation[int | None] = None
    """How often a failed request is sent again; by default 2."""
    retry: Annotated[RetryPolicy | None, SkipValidation, BeforeValidator(_restored(RetryPolicy))] = None
    """When and how often, in full."""
    credential_scopes: SkipValidation[Sequence[str] | None] = None
    """The scopes that tokens are asked for, if not those of the host."""
    headers: SkipValidation[Mapping[str, str] | None] = Field(default=None, exclude=True, repr=False)
    """Headers for every request. Never serialized, since they may hold keys."""
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

    @property
    def connection(self) -> Connection:
        """The clients of this endpoint; nothing is opened before the first call."""
        # Kept beside the fields, as what pydantic caches is: a private attribute costs several calls for each object.
        # In a list, which `__setattr__` throws away: one that a thread still makes of the old arguments goes with it.
        made: list[Connection] = vars(self).get(CONNECTION) or vars(self).setdefault(CONNECTION, [])
        if not made:
            made.append(Connection.of(self))
        return made[0]

    def __setattr__(self, name: str, value: Any) -> None:
        name = self.other_names.get(name, name)
        if name not in Connection.arguments:
            super().__setattr__(name, _to_parameters(value) if name in _PARAMETERS else value)
            return
        super().__setattr__(name, concealed({name: value})[name])
        vars(self).pop(CONNECTION, None)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy. It shares the connection, unless `update` has something that makes another one."""
        given = concealed(rename_arguments(update or {}, self.other_names))
        given |= {name: _to_parameters(given[name]) for name in _PARAMETERS.intersection(given)}
        copied = super().model_copy(update=given, deep=deep)
        if not Connection.arguments.isdisjoint(given):
            vars(copied).pop(CONNECTION, None)
        return copied

    def copy(
        self, *, include: Any = None, exclude: Any = None, update: dict[str, Any] | None = None, deep: bool = False
    ) -> Self:
        """What `model_copy` gives, by the name that pydantic had for it before; with all fields."""
        if include is not None or exclude is not None:
            raise ConfigurationError("include and exclude are not for copies of models: pass update={name: value}")
        return self.model_copy(update=update, deep=deep)

    def __getstate__(self) -> dict[Any, Any]:
        bare = copy.copy(self)
        vars(bare).update(dict.fromkeys(NOT_SERIALIZED))
        vars(bare).pop(CONNECTION, None)
        return super(ConnectedModel, bare).__getstate__()


def shared_in_copies(owner: object, memo: Mapping[int, Any] | None, *more: str) -> dict[int, Any]:
    """The memo for a deep copy of an object with our arguments: credentials and clients hold locks and sockets.

    `more` are the names of further attributes that copies share.
    """
    shared = [getattr(owner, name, None) for name in (*NOT_SERIALIZED, *more)]
    return {**(memo or {}), **{id(value): value for value in shared}}
