"""Which failures are tried again, how long after, and how often: pure decisions for tenacity to carry out."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tenacity

from .errors import APIConnectionError, APIStatusError, APITimeoutError, AuthenticationError, InferenceError

_LOGGER = logging.getLogger("azure_inference")
_UNAUTHORIZED = 401
RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504, 529})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How failures are tried again.

    Attributes:
        max_retries: How many further attempts after the first.
        first_delay: Seconds before the second attempt; each further wait is twice as long.
        max_delay: The longest wait of our own choosing, in seconds.
        max_retry_after: The longest wait a server may ask for, in seconds; one that asks for more is not retried.
        retry_on_timeout: Also try again after a timeout. Off by default: the model may still be at work, and billing.
    """

    max_retries: int = 2
    first_delay: float = 0.5
    max_delay: float = 8.0
    max_retry_after: float = 60.0
    retry_on_timeout: bool = False

    def should_retry(self, error: BaseException) -> bool:
        """Whether this failure may pass by itself."""
        if isinstance(error, APITimeoutError):
            return error.phase == "connect" or (self.retry_on_timeout and error.phase != "pool")
        if isinstance(error, APIConnectionError):
            return True
        if not isinstance(error, APIStatusError) or error.status_code not in RETRIED_STATUSES:
            return False
        return (error.retry_after or 0.0) <= self.max_retry_after

    def delay(self, attempt: int, error: BaseException | None) -> float:
        """Seconds to wait after the given attempt (the first is 1): never less than the server asked for."""
        backoff = min(self.max_delay, self.first_delay * 2.0 ** (attempt - 1)) * random.uniform(0.5, 1.0)  # noqa: S311
        asked = error.retry_after if isinstance(error, APIStatusError) else None
        return max(backoff, asked) if asked is not None else backoff


class Tries:
    """The attempts of one call: how many there were, whether another may follow, and how long to wait for it.

    `renew` drops a refused token and says whether a new one can be had; it is asked once, at the first 401.
    """

    def __init__(self, policy: RetryPolicy, client_request_id: str, renew: Callable[[], bool]) -> None:
        self._policy = policy
        self._client_request_id = client_request_id
        self._renew = renew
        self._renewed = False
        self.count = 0

    def note(self, error: InferenceError) -> None:
        """Writes on an error how often the call was tried, and under which id."""
        error.attempts = self.count
        error.client_request_id = self._client_request_id

    def should_go_on(self, error: BaseException) -> bool:
        """Whether to try again after this failure."""
        if isinstance(error, AuthenticationError) and error.status_code == _UNAUTHORIZED and not self._renewed:
            self._renewed = self._renew()
            return self._renewed
        return self.count <= self._policy.max_retries and self._policy.should_retry(error)

    def options(self) -> dict[str, Any]:
        """The keyword arguments that make tenacity carry this out."""
        return {
            "retry": tenacity.retry_if_exception(self.should_go_on),
            "wait": self._wait,
            "before_sleep": self._log,
            "reraise": True,
        }

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        return 0.0 if isinstance(error, AuthenticationError) else self._policy.delay(self.count, error)

    def _log(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        _LOGGER.info(
            "attempt %d of call %s failed: %s status=%s request_id=%s; trying again in %.2f s",
            self.count,
            self._client_request_id,
            type(error).__name__,
            getattr(error, "status_code", None),
            getattr(error, "request_id", None),
            state.upcoming_sleep,
        )
