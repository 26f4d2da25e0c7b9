"""What the three classes have in common: how they are told their endpoint, and what of it is kept, shown and copied."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, ClassVar, Self, cast

from langchain_core.load.serializable import Serializable
from langchain_core.utils import from_env
from pydantic import Field, PlainValidator, ValidationError, model_validator

from azure_inference import (
    BASE_CONFIG,
    ConnectedModel,
    Credential,
    ModelProfile,
    RetryPolicy,
    Timeouts,
    conceal,
    concealed,
    model_profile,
    rename_arguments,
    shared_in_copies,
    to_argument_error,
)

_SERIALIZED = "_serialized"
"""Where langchain-core keeps what it wrote down of a model, beside its fields; caches and traces go by it."""


class Connected(ConnectedModel, Serializable):
    """An endpoint and how it is talked to. Everything but the credential, headers and HTTP clients is serialized.

    Copies share their connections. An argument that is set anew counts from the next call on.
    """

    model_config = BASE_CONFIG
    other_names: ClassVar[Mapping[str, str]] = {**ConnectedModel.other_names, "model_name": "model"}

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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs = concealed(kwargs)
        try:
            super().__init__(*args, **kwargs)
        except ValidationError as error:
            raise to_argument_error(type(self), error, rename_arguments(kwargs, self.other_names)) from None

    @model_validator(mode="before")
    @classmethod
    def _rename_aliases(cls, values: Any) -> Any:
        if not isinstance(values, dict):  # of a field that may be this or something else
            return values
        renamed = rename_arguments(cast("dict[str, Any]", values), cls.other_names)
        renamed.pop(_SERIALIZED, None)
        return renamed

    @model_validator(mode="after")
    def _check_connection(self) -> Self:
        _ = self.connection
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        vars(self).pop(_SERIALIZED, None)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy. It shares the connection, unless `update` has something that makes another one."""
        copied = super().model_copy(update=update, deep=deep)
        vars(copied).pop(_SERIALIZED, None)
        return copied

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

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        excluded = (name for name, field in type(self).model_fields.items() if field.exclude)
        return super().__deepcopy__(shared_in_copies(self, memo, *excluded))
