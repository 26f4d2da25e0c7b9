"""How long things may take, in seconds."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Self

import msgspec

from .checks import MOST_SECONDS, is_time
from .errors import APITimeoutError, ConfigurationError, shown

REMEDIES: Mapping[str, str] = {
    "connect": "check the endpoint and the network, or pass timeout=Timeouts(connect=...)",
    "pool": "raise max_connections, or pass timeout=Timeouts(pool=...)",
    "credential": "check the token provider, or raise timeout",
    "idle": "check the service, or pass timeout=Timeouts(idle=...)",
}
"""What to do about phases whose limit a larger number of seconds for the whole call would not change, or not alone."""


class Deadline(msgspec.Struct, frozen=True):
    """A moment that something must be over by; `at` is on the monotonic clock, None for never."""

    at: float | None
    phase: str

    @classmethod
    def within(cls, seconds: float | None, phase: str) -> Self:
        """The deadline so many seconds from now; `phase` names it in errors."""
        return cls(None if seconds is None else time.monotonic() + seconds, phase)

    def or_within(self, seconds: float | None, phase: str) -> "Deadline":
        """The deadline so many seconds from now, or this one if it comes first."""
        other = Deadline.within(seconds, phase)
        return self if other.at is None or (self.at is not None and self.at <= other.at) else other

    @property
    def remaining(self) -> float | None:
        """Seconds left, which may be less than none; None for no limit."""
        return None if self.at is None else self.at - time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether the moment has passed."""
        return self.at is not None and time.monotonic() >= self.at

    def error(self, server: str) -> APITimeoutError:
        """The error to raise when it has passed."""
        remedy = REMEDIES.get(self.phase, "raise timeout, or check the service")
        return APITimeoutError(f"{server} took too long ({self.phase}): {remedy}", phase=self.phase)


NEVER = Deadline(None, "read")
"""No deadline."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that a call, and each phase of it, may take; None for no limit.

    Attributes:
        connect: To look up the host and make a connection, TLS included.
        read: Without a byte from the server.
        write: Without a byte taken by the server.
        pool: To get a connection when all are in use.
        total: For the whole call, with all attempts and waits between; for a stream, until its first chunk.
        idle: In a stream, from asking for a chunk to its arrival, whatever else the server sends meanwhile.
    """

    connect: float | None = 5.0
    read: float | None = 120.0
    write: float | None = 60.0
    pool: float | None = 10.0
    total: float | None = 600.0
    idle: float | None = 120.0

    def __post_init__(self) -> None:
        for field in fields(self):
            seconds = getattr(self, field.name)
            if seconds is not None and not is_time(seconds):
                given = f"{field.name}={shown(seconds)} of Timeouts"
                raise ConfigurationError(
                    f"{given} is not a number of seconds: pass one, up to {MOST_SECONDS}, or None for no limit"
                )

    @classmethod
    def of(cls, timeout: "float | Timeouts | None") -> "Timeouts":
        """The timeouts that a number of seconds means: that long for the whole call; None means the defaults."""
        if timeout is None:
            return USUAL
        if isinstance(timeout, Timeouts):
            return timeout
        if not is_time(timeout) or not timeout:
            raise ConfigurationError(
                f"timeout={shown(timeout)} is not a number of seconds above 0: pass one, up to {MOST_SECONDS}, or "
                "azure_inference.Timeouts"
            )
        return cls(
            connect=min(timeout, 5.0), read=timeout, write=timeout, pool=min(timeout, 10.0), total=timeout, idle=timeout
        )

    def capped(self, deadline: Deadline) -> Self:
        """The same, but with a wait for a connection that ends at the deadline."""
        remaining = deadline.remaining
        if remaining is None or (self.pool is not None and self.pool <= remaining):
            return self
        return replace(self, pool=max(remaining, 0.0))


USUAL = Timeouts()
"""Those of a client that is told none."""
