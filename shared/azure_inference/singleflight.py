"""One question for all who wait for its answer: to somebody who may be slow, fail, or never answer."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from contextvars import copy_context
from typing import Generic, TypeVar

AnswerT = TypeVar("AnswerT")
_PATIENCE = 60.0
"""Seconds after which the next who wants to know asks anew, though others still wait."""


def _nothing() -> None:
    """Tells nobody."""


class ThreadFlight(Generic[AnswerT]):
    """A question that is asked in a thread of its own, for waiters in any thread and event loop.

    Its outcome is the answer, or as a value the exception in its place: an object raised by several waiters would
    mix up what they are told. It is None if it did not come within `seconds` (None for no limit).

    A question that nobody waits for any more, or that takes too long, cannot be ended, but the next who wants to know
    asks anew; not at once if several hang already, so that there are never many threads.
    """

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._flight: _Flight[AnswerT] | None = None
        self._stranded: list[_Flight[AnswerT]] = []

    def wait(self, ask: Callable[[], AnswerT], seconds: float | None) -> AnswerT | BaseException | None:
        """The outcome of the question under way, or of `ask` with the context variables of the caller."""
        with self._aboard(ask) as flight:
            try:
                return flight.landed.result(seconds)
            except TimeoutError:
                return None

    async def wait_async(self, ask: Callable[[], AnswerT], seconds: float | None) -> AnswerT | BaseException | None:
        """The same, without blocking the event loop."""
        loop = asyncio.get_running_loop()
        told = asyncio.Event()

        def tell() -> None:
            with suppress(RuntimeError):  # the loop may have been closed meanwhile
                loop.call_soon_threadsafe(told.set)

        with self._aboard(ask, tell) as flight:
            if not flight.landed.done():  # else `tell` may have come too late to be called
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await told.wait()
            return flight.landed.result() if flight.landed.done() else None

    @contextmanager
    def _aboard(self, ask: Callable[[], AnswerT], tell: Callable[[], None] = _nothing) -> Generator[_Flight[AnswerT]]:
        """The question, waited for; `tell` is called from its thread once there is an outcome."""
        flight, is_new = self._board()
        try:
            flight.to_tell.add(tell)
            if is_new:
                flight.start(ask)
            yield flight
        finally:
            flight.to_tell.discard(tell)
            with self._lock:
                flight.waiting -= 1

    def _board(self) -> tuple[_Flight[AnswerT], bool]:
        if self._pid != os.getpid():  # in the child of a fork: what asked, or held the lock, are its parent's threads
            self._lock, self._flight, self._stranded, self._pid = threading.Lock(), None, [], os.getpid()
        with self._lock:
            flight = self._flight
            is_new = flight is None or flight.landed.done() or (flight.is_left and self._may_strand(flight))
            if flight is None or is_new:
                flight = self._flight = _Flight()
            flight.waiting += 1
        return flight, is_new

    def _may_strand(self, flight: _Flight[AnswerT]) -> bool:
        self._stranded = [one for one in self._stranded if not one.landed.done()]
        if time.monotonic() - flight.began < len(self._stranded) ** 2:
            return False
        self._stranded.append(flight)
        return True


class _Flight(Generic[AnswerT]):
    """One question, asked once."""

    def __init__(self) -> None:
        self.landed: Future[AnswerT | BaseException] = Future()
        self.waiting = 0
        self.to_tell: set[Callable[[], None]] = set()
        self.began = time.monotonic()

    @property
    def is_left(self) -> bool:
        """Whether nobody waits for it any more, or nobody else should."""
        return not self.waiting or time.monotonic() - self.began > _PATIENCE

    def start(self, ask: Callable[[], AnswerT]) -> None:
        if sys.is_finalizing():  # a thread would never come to run
            self._land(ask)
            return
        # A daemon: a question that hangs must not keep the interpreter from its end.
        run = copy_context().run
        try:
            threading.Thread(target=run, args=(self._land, ask), name="azure-inference-ask", daemon=True).start()
        except RuntimeError:  # no more threads are to be had
            self._land(ask)

    def _land(self, ask: Callable[[], AnswerT]) -> None:
        self.landed.set_result(_outcome(ask))
        for tell in [*self.to_tell]:
            tell()


class TaskFlight(Generic[AnswerT]):
    """A question that is asked in a task of the running event loop, once for all who wait in that loop.

    Outcomes are as those of `ThreadFlight`. A question that takes too long is asked anew by the next who wants to know;
    one that nobody waits for any more is cancelled.
    """

    def __init__(self) -> None:
        self._flights: dict[asyncio.AbstractEventLoop, _TaskFlight[AnswerT]] = {}

    async def wait(
        self, ask: Callable[[], Awaitable[AnswerT]], seconds: float | None
    ) -> AnswerT | BaseException | None:
        """The outcome of the question under way, or of `ask` with the context variables of the caller."""
        loop = asyncio.get_running_loop()
        flight = self._flights.get(loop)
        if flight is None or flight.task.done() or time.monotonic() - flight.began > _PATIENCE:
            flight = self._flights[loop] = _TaskFlight(loop.create_task(_outcome_async(ask)))
        flight.waiting += 1
        try:
            await asyncio.wait([flight.task], timeout=seconds)
            return flight.outcome()
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                self._end(loop, flight)

    def _end(self, loop: asyncio.AbstractEventLoop, flight: _TaskFlight[AnswerT]) -> None:
        if self._flights.get(loop) is flight:
            del self._flights[loop]
        if not loop.is_closed():
            flight.task.cancel()


class _TaskFlight(Generic[AnswerT]):
    """One question, asked once."""

    def __init__(self, task: asyncio.Task[AnswerT | BaseException]) -> None:
        self.task = task
        self.waiting = 0
        self.began = time.monotonic()

    def outcome(self) -> AnswerT | BaseException | None:
        if not self.task.done():
            return None
        # If it was cancelled from inside, nobody who waits was.
        return asyncio.CancelledError() if self.task.cancelled() else self.task.result()


# Functions of their own, so that no frame in the traceback of an exception holds that exception.
def _outcome(ask: Callable[[], AnswerT]) -> AnswerT | BaseException:
    try:
        return ask()
    except BaseException as error:  # noqa: BLE001 - the thread is nobody's: whoever waits is told
        return error


async def _outcome_async(ask: Callable[[], Awaitable[AnswerT]]) -> AnswerT | BaseException:
    try:
        return await ask()
    except Exception as error:  # noqa: BLE001 - likewise
        return error
