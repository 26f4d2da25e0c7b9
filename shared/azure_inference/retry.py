"""Which failures are tried again, how long after, and how often: pure decisions for tenacity to carry out."""

import logging
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .checks import MOST_SECONDS, check_count, check_flag, is_time
from .credentials import Headers
from .errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    CallIdentity,
    ConfigurationError,
    InferenceError,
    RateLimitError,
    shown,
)
from .timeouts import Deadline, Timeouts

if TYPE_CHECKING:
    import tenacity

_LOGGER = logging.getLogger("azure_inference")
_UNAUTHORIZED = 401
RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504, 529})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How failures are retried.

    Attributes:
        max_retries: How many more attempts to make after the first.
        first_delay: Seconds before the second attempt; each further wait is twice as long. Each is shortened at random
            by up to half, and there is none after a first attempt whose connection was dropped before any answer.
        max_delay: The longest wait of our own choosing, in seconds.
        max_retry_after: The longest wait a server may ask for, in seconds; one that asks for more is not retried.
        retry_on_timeout: Also retry after a timeout of `read` or `write`. Off by default: the model may still be
            working, and billing. One of `connect` is always retried, no other ever is.
    """

    max_retries: int = 2
    first_delay: float = 0.5
    max_delay: float = 8.0
    max_retry_after: float = 60.0
    retry_on_timeout: bool = False

    def __post_init__(self) -> None:
        check_count("max_retries", self.max_retries, least=0)
        check_flag("retry_on_timeout", self.retry_on_timeout)
        for name in ("first_delay", "max_delay", "max_retry_after"):
            seconds = getattr(self, name)
            if not is_time(seconds):
                raise ConfigurationError(
                    f"{name}={shown(seconds)} of RetryPolicy is not a number of seconds: pass one, up to {MOST_SECONDS}"
                )

    def should_retry(self, error: BaseException) -> bool:
        """Whether this failure may pass by itself."""
        if isinstance(error, APITimeoutError):
            return error.phase == "connect" or (self.retry_on_timeout and error.phase in ("read", "write"))
        if isinstance(error, APIConnectionError):
            return error.may_pass
        if not isinstance(error, APIStatusError) or error.should_retry is False:
            return False
        return error.status_code in RETRIED_STATUSES and (error.retry_after or 0.0) <= self.max_retry_after

    def delay(self, attempt: int, error: BaseException) -> float:
        """Seconds to wait after the given attempt (the first is 1): never less than the server asked for.

        What chance adds to that, up to our own wait and within `max_retry_after`, keeps all from coming back at once.
        """
        if attempt == 1 and isinstance(error, APIConnectionError) and error.dropped:
            return 0.0
        backoff = min(self.max_delay, self.first_delay * 2.0 ** min(attempt - 1, 60)) * random.uniform(0.5, 1.0)  # noqa: S311
        asked = error.retry_after if isinstance(error, APIStatusError) else None
        if asked is None or asked <= backoff:
            return backoff
        return max(asked, min(asked + backoff * random.random(), self.max_retry_after))  # noqa: S311


class RetryBudget:
    """What a client may spend on retries: when a service fails for everybody, repeating everything makes it worse.

    Every retry costs; one that leads to a success is refunded, and every success at the first attempt earns a little.
    Safe for threads.
    """

    _CAPACITY = 500
    _COST = 14
    _COST_IF_THROTTLED = 5

    def __init__(self) -> None:
        self._left = self._CAPACITY
        self._lock = threading.Lock()

    def spend(self, error: BaseException) -> int:
        """Pays for a retry after this error; what it cost, or 0 if there is not enough left."""
        cost = self._COST_IF_THROTTLED if isinstance(error, RateLimitError) else self._COST
        with self._lock:
            if self._left < cost:
                return 0
            self._left -= cost
        return cost

    def earn(self, amount: int) -> None:
        """Takes in what a success is worth."""
        if self._left < self._CAPACITY:
            with self._lock:
                self._left = min(self._CAPACITY, self._left + amount)


class Tries:
    """The attempts of one call: how many there were, whether another may follow, and how long to wait for it.

    As a context manager, it is one attempt, whose errors tell which `call` they are of. `renew` drops what was refused
    and says whether a new token can be had; it is asked once, at the first 401. `authorization` is what the attempt
    under way was sent with, `answer_headers` (by lower-case names) what its answer began with: whatever becomes of
    that, its error has the service's id. `count` is how many there were, with those of a request that was changed
    since; `deadline` is that of all of them. `pool` is what the last was sent over: once that is closed, nothing is
    sent again.
    """

    def __init__(
        self,
        policy: RetryPolicy,
        budget: RetryBudget,
        *,
        call: CallIdentity,
        renew: Callable[[Headers], bool],
        timeouts: Timeouts,
    ) -> None:
        self._policy = policy
        self._budget = budget
        self._renew = renew
        self._renewed = False
        self._call = call
        self._spent = 0
        self._count_before = 0
        self.authorization: Headers = ()
        self.answer_headers: Mapping[str, str] = {}
        self.pool: Any = None
        self._next_wait = 0.0
        self.count = 0
        self.timeouts = timeouts
        self.deadline = Deadline.within(timeouts.total, "total")

    def __enter__(self) -> None:
        self.count += 1
        self.answer_headers = {}

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is None:
            self._budget.earn(self._spent or 1)
            _LOGGER.debug("%r: answered at attempt %d", self._call, self.count)
        elif isinstance(error, InferenceError):
            error.belongs_to(self._call, attempts=self.count, answer_headers=self.answer_headers)

    def begin_anew(self) -> None:
        """Says that another request follows in the place of one that was refused: it may be tried as often again."""
        self._count_before = self.count

    def options(self) -> dict[str, Any]:
        """The keyword arguments that make tenacity carry this out."""
        import tenacity  # noqa: PLC0415 - slow to import, and only failures need it

        return {
            "retry": tenacity.retry_if_exception(self._goes_on),
            "wait": self._wait,
            "before_sleep": self._log,
            "reraise": True,
        }

    def _goes_on(self, error: BaseException) -> bool:
        if isinstance(error, AuthenticationError) and error.status_code == _UNAUTHORIZED and not self._renewed:
            if self.deadline.is_over:
                return False
            self._renewed, self._next_wait = self._renew(self.authorization), 0.0
            self._count_before += self._renewed  # the new token's first attempt is one more, and no retry
            return self._renewed
        attempt = self.count - self._count_before
        if attempt > self._policy.max_retries or not self._policy.should_retry(error):
            return False
        self._next_wait = self._policy.delay(attempt, error)
        remaining = self.deadline.remaining
        if remaining is not None and self._next_wait >= remaining:
            return False
        cost = self._budget.spend(error)
        self._spent += cost
        if not cost:
            vars(error)["retry_budget_exhausted"] = True
        return bool(cost)

    def _wait(self, state: "tenacity.RetryCallState") -> float:  # noqa: ARG002 - tenacity passes it
        return self._next_wait

    def _log(self, state: "tenacity.RetryCallState") -> None:
        error = state.outcome.exception() if state.outcome else None
        _LOGGER.info(
            "%r: attempt %d failed with %s, status=%s, request_id=%s; trying again in %.2f s",
            self._call,
            self.count,
            type(error).__name__,
            getattr(error, "status_code", None),
            getattr(error, "request_id", None),
            self._next_wait,
        )
