"""A rate limit: so many requests a minute, with the headers that tell a client where it stands."""

import math
import time
from collections.abc import Callable

from azure_inference_emulator.failures import Refused

_WINDOW = 60.0


class Limiter:
    """Counts the requests of one-minute windows; ``limit`` 0 means that there is none."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._start = -math.inf
        self._count = 0

    def admit(self) -> dict[str, str]:
        """Count a request; gives the headers of its answer, or raises ``Refused`` with 429 and Retry-After."""
        if not self._limit:
            return {}
        now = self._clock()
        if now - self._start >= _WINDOW:
            self._start, self._count = now, 0
        wait = max(1, math.ceil(self._start + _WINDOW - now))
        self._count += 1
        headers = {
            "x-ratelimit-limit-requests": str(self._limit),
            "x-ratelimit-remaining-requests": str(max(0, self._limit - self._count)),
            "x-ratelimit-reset-requests": f"{wait}s",
        }
        if self._count > self._limit:
            message = (
                f"Requests have exceeded the call rate limit of {self._limit} a minute. "
                f"Please retry after {wait} seconds."
            )
            body = {"error": {"code": "429", "message": message}}
            raise Refused(429, body, {**headers, "retry-after": str(wait), "x-ms-error-code": "429"})
        return headers
