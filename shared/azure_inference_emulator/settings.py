"""How an emulator behaves: everything the command line can say, as one frozen value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True)
class Settings:
    """What an emulator is told at its start.

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
