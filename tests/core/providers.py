"""Providers of tokens for tests, and who asks them: sync and async, alone and many at a time."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from azure_inference.credentials import to_authorizer
from azure_inference.timeouts import NEVER, Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

PATIENCE = 20
KINDS = {
    "sync": (False, False),
    "sync provider, async caller": (False, True),
    "async": (True, True),
}


def bearer(token: str) -> Any:
    """The headers that a token is sent in."""
    return (("authorization", f"Bearer {token}"),)


def until(reached: Callable[[], object]) -> None:
    """Waits until something has come to pass."""
    end = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.001)


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now

    monotonic = time


class Asked:
    """An authorizer over what a test does when it is asked; `do` has the number of the question, from 1."""

    def __init__(self, kind: str) -> None:
        provider_is_async, self.is_async = KINDS[kind]
        self.count = 0
        self.do: Callable[[int], Any] = lambda number: f"t-{number}"
        self.hang = threading.Event()
        self._runner = asyncio.Runner() if self.is_async else None
        self.authorizer: Any = to_authorizer(self._give_async if provider_is_async else self._give, ())

    def _give(self) -> Any:
        self.count += 1
        answer = self.do(self.count)
        if answer is self.hang:
            self.hang.wait(PATIENCE)
            return "late"
        return answer

    async def _give_async(self) -> Any:
        self.count += 1
        answer = self.do(self.count)
        if answer is self.hang:
            await asyncio.Event().wait()
        return answer

    def headers(self, deadline: Deadline = NEVER) -> Any:
        """What one caller is given."""
        return self.run(self.authorizer.headers_async(deadline)) if self.is_async else self.authorizer.headers(deadline)

    def run(self, waiting: Coroutine[Any, Any, Any]) -> Any:
        """What async callers are given."""
        assert self._runner is not None
        return self._runner.run(waiting)

    def outcomes(self, count: int) -> list[Any]:
        """What so many callers at the same time are given, or what they catch."""
        if self._runner is None:
            with ThreadPoolExecutor(count) as threads:
                futures = [threads.submit(self.authorizer.headers) for _ in range(count)]
                return [future.exception() or future.result() for future in futures]

        async def all_at_once() -> list[Any]:
            asked = (self.authorizer.headers_async() for _ in range(count))
            return list(await asyncio.gather(*asked, return_exceptions=True))

        return self._runner.run(all_at_once())

    @property
    def waiting(self) -> int:
        """How many wait for a question in a thread."""
        flight = self.authorizer._in_thread._flight
        return flight.waiting if flight else 0

    def close(self) -> None:
        self.hang.set()
        if self._runner is not None:
            self._runner.close()


def soon(seconds: float = 0.1) -> Deadline:
    """The end of a call that may take so long."""
    return Deadline.within(seconds, "total")


def raises(error: BaseException) -> Any:
    """Raises, in a lambda."""
    raise error
