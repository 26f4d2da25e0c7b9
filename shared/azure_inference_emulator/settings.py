"""How an emulator behaves: everything the command line can say, as one frozen value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from azure_inference_emulator import faults as known_faults
from azure_inference_emulator import models as known_models

_LONGEST = 3600
"""Seconds that an answer may be late."""


@dataclass(frozen=True)
class Settings:
    """What an emulator is told at its start; raises ``ValueError`` for what it cannot do.

    Attributes:
        key: The only key accepted; without it any non-empty key is.
        bearer_only: Take the key from ``Authorization`` alone, as serverless endpoints do.
        models: Further model names, each for the model (or profile) it behaves like.
        only: The one model that is served, whatever a request's ``model`` says, as endpoints for a single model do.
        strict: Refuse unknown keys everywhere and what the published schema does not allow.
        managed_compute: Behave like the server of Azure ML managed online endpoints.
        latency: Seconds before each answer and, a twentieth of it, before each frame of a stream.
        rate_limit: Requests a minute; more are answered 429. 0 means no limit.
        faults: Failures to rehearse, as ``azure_inference_emulator.faults`` names them.
        journal_length: How many requests ``GET /__emulator/requests`` remembers.
    """

    key: str | None = field(default=None, repr=False)
    bearer_only: bool = False
    models: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    only: str = ""
    strict: bool = False
    managed_compute: bool = False
    latency: float = 0.0
    rate_limit: int = 0
    faults: tuple[str, ...] = ()
    journal_length: int = 500

    def __post_init__(self) -> None:
        if self.key is not None and not self.key.strip():
            raise ValueError("the key is empty; leave it out to accept any key")
        for name, like in self.models.items():
            if not name or known_models.find(like) is None:
                raise ValueError(f"models={name!r}: {like!r} is not a name for one of the models {_known()}")
        if self.only and self.only not in self.models and known_models.find(self.only) is None:
            raise ValueError(f"only={self.only!r} is none of the models {_known()}")
        if not (_is_number(self.latency) and 0 <= self.latency < _LONGEST):
            raise ValueError(f"latency={self.latency!r} is not a number of seconds from 0 to {_LONGEST}")
        for what in ("rate_limit", "journal_length"):
            count = getattr(self, what)
            if not (_is_number(count) and count >= 0 and count == int(count)):
                raise ValueError(f"{what}={count!r} is not a number of requests")
        for text in self.faults:
            known_faults.parse(text)


def _known() -> str:
    return ", ".join(known_models.MODELS)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
