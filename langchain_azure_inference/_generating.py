"""What the chat model and the text model have in common: parameters of the answer, and how those of a call go first."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, SkipValidation

from azure_inference import (
    BASE_CONFIG,
    CallOptions,
    check_call,
    deployment_in,
    own_fields,
    split_call,
    wire_fields,
)

from ._connected import Connected
from ._errors import langchain_errors

_BOOKKEEPING = frozenset({"callbacks", "config", "metadata", "run_manager", "run_name", "run_id", "tags", "verbose"})
_BOOKKEEPING_PREFIXES = ("ls_", "_")
"""Keywords of a call that LangChain passes along for itself."""
_UNSHOWN = frozenset({"headers", "timeout"})


class Generating(Connected):
    """A model that makes text. Nothing of this is sent unless it is set."""

    model_config = BASE_CONFIG

    _request_kind: ClassVar[type[BaseModel]]
    """What is sent: the fields of it that are fields here, too, are parameters."""

    temperature: float | None = None
    """0 (steady) to 1 or 2 (varied), as the model has it."""
    top_p: float | None = None
    """0 to 1: the share of probability that tokens are drawn from."""
    max_tokens: int | None = None
    """The most tokens the answer may have."""
    frequency_penalty: float | None = None
    """-2 to 2: how much less likely tokens become with each use."""
    presence_penalty: float | None = None
    """-2 to 2: how much less likely tokens become once used."""
    seed: int | None = None
    """Asks for the same answer to the same request."""
    stop: Sequence[str] | str | None = None
    """Texts at which the model stops."""
    stream_usage: SkipValidation[bool] = True
    """Whether to ask for usage in streams, where it must be asked for."""

    @property
    def _stops(self) -> list[str] | None:
        if self.stop is None:
            return None
        return [self.stop] if isinstance(self.stop, str) else list(self.stop) or None

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        return {**self.connection.identity, **own_fields(self, self._request_kind), **self.model_kwargs}

    @staticmethod
    def _check_call(keywords: Mapping[str, Any]) -> None:
        """Raises if a keyword is none for calls; asked before LangChain shows keywords to traces."""
        if keywords:
            with langchain_errors:
                check_call(keywords)

    def _call(self, stop: Sequence[str] | None, kwargs: Mapping[str, Any]) -> tuple[dict[str, Any], CallOptions]:
        """The fields and the options of a call: its own keywords over those of the constructor."""
        own, options = split_call(kwargs)
        own = {name: value for name, value in own.items() if not is_bookkeeping(name)}
        own.pop("stream", None)
        if stop is not None:
            own["stop"] = stop
        return wire_fields(own_fields(self, self._request_kind), self.model_kwargs, call=own), options


def shown(keywords: dict[str, Any]) -> dict[str, Any]:
    """The keywords of a call that traces are shown, and that caches go by: of its headers, which may hold keys, one."""
    if _UNSHOWN.isdisjoint(keywords):
        return keywords
    deployment = deployment_in(keywords.get("headers"))
    kept = {name: value for name, value in keywords.items() if name not in _UNSHOWN}
    return {**kept, "deployment": deployment} if deployment else kept


def is_bookkeeping(name: str) -> bool:
    return name in _BOOKKEEPING or name.startswith(_BOOKKEEPING_PREFIXES)
