"""Providers of tokens that are slow, hang or fail: who waits for them, how long, and what each who waits is told."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from azure_inference import APITimeoutError, AuthenticationError, ConfigurationError, singleflight
from azure_inference.credentials import to_authorizer

from .providers import PATIENCE, Asked, Clock, bearer, raises, soon, until

SOME = contextvars.ContextVar("SOME", default="nothing")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that questions are timed by."""
    clock = Clock()
    monkeypatch.setattr(singleflight, "time", clock)
    return clock


@pytest.mark.parametrize(
    ("fail", "kind"),
    [(lambda: raises(OSError("down")), AuthenticationError), (lambda: "to ken", ConfigurationError)],
    ids=["fails", "gives nonsense"],
)
def test_each_who_waits_has_an_error_of_his_own(asked: Asked, fail: Any, kind: type[Exception]) -> None:
    """A failure is shared by all who wait for the same question, but no object that one of them could write on."""

    def do(_: int) -> Any:
        if asked.authorizer._in_thread._flight:
            until(lambda: asked.waiting == 5)
        return fail()

    asked.do = do
    errors = asked.outcomes(5)

    assert {type(error) for error in errors} == {kind}
    assert len({id(error) for error in errors}) == 5
    assert len({id(error.__traceback__) for error in errors}) == 5
    assert asked.count == 1
    asked.do = lambda _: "t"
    assert asked.headers() == bearer("t")


def test_one_that_hangs(asked: Asked) -> None:
    """Who waits for a provider that hangs is told so when his time is over, and the next who comes asks anew."""
    asked.do = lambda number: asked.hang if number == 1 else "t"

    with pytest.raises(APITimeoutError, match="credential gave no token") as caught:
        asked.headers(soon())
    assert caught.value.phase == "credential"
    assert asked.headers() == bearer("t")
    assert asked.count == 2


def test_one_that_hangs_while_others_wait(asked: Asked, clock: Clock) -> None:
    """However many wait for a provider that hangs, those who come a minute later ask anew, and need not wait."""
    asked.do = lambda number: asked.hang if number == 1 else "t"

    def come(deadline: Any) -> Any:
        return asked.authorizer.headers_async(deadline) if asked.is_async else None

    async def all_of_them() -> list[Any]:
        first = asyncio.ensure_future(come(soon(1)))
        await asyncio.sleep(0.05)
        clock.now += 59
        second = asyncio.ensure_future(come(soon(1)))
        await asyncio.sleep(0.05)
        clock.now += 2
        return await asyncio.gather(come(soon(20)), first, second, return_exceptions=True)

    if asked.is_async:
        outcomes = asked.run(all_of_them())
    else:
        with ThreadPoolExecutor(2) as threads:
            first = threads.submit(asked.headers, soon(1))
            until(lambda: asked.waiting == 1)
            clock.now += 59
            second = threads.submit(asked.headers, soon(1))
            until(lambda: asked.waiting == 2)
            clock.now += 2
            outcomes = [asked.headers(soon(20)), first.exception(), second.exception()]

    assert outcomes[0] == bearer("t")
    assert [type(error) for error in outcomes[1:]] == [APITimeoutError] * 2
    assert asked.count == 2


@pytest.mark.parametrize("asked", ["sync provider, async caller"], indirect=True)
def test_who_has_gone_is_not_kept(asked: Asked) -> None:
    """Calls that stop waiting for a provider leave nothing behind, however long it hangs."""
    asked.do = lambda _: asked.hang

    async def many() -> int:
        first = asyncio.ensure_future(asked.authorizer.headers_async(soon(20)))
        for _ in range(50):
            with pytest.raises(APITimeoutError):
                await asked.authorizer.headers_async(soon(0.001))
        gc.collect()
        events = sum(type(one) is asyncio.Event for one in gc.get_objects())
        asked.hang.set()
        assert await first == bearer("late")
        return events

    assert asked.run(many()) < 10


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ("sync", KeyboardInterrupt()),
        ("sync", SystemExit()),
        ("sync provider, async caller", asyncio.CancelledError()),
        ("async", asyncio.CancelledError()),
    ],
    indirect=["asked"],
)
def test_what_ends_only_the_provider(asked: Asked, error: BaseException) -> None:
    """An exception that would end a thread or a task ends the provider's own, and is told to the callers."""
    asked.do = lambda _: raises(error)

    with pytest.raises(AuthenticationError, match=type(error).__name__):
        asked.headers()


def test_the_context_of_the_caller(asked: Asked) -> None:
    """A provider sees the context variables of the caller who asks first, such as those of tracing."""
    asked.do = lambda _: SOME.get()
    SOME.set("something")
    try:
        assert asked.headers() == bearer("something")
    finally:
        SOME.set("nothing")


def test_what_nobody_waits_for_is_cancelled() -> None:
    """An async provider is cancelled when the last who waits has gone, and not before."""
    ended: list[str] = []

    async def give() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("provider")
        return ""

    authorizer = to_authorizer(give, ())

    async def main() -> None:
        waiting = [asyncio.create_task(authorizer.headers_async()) for _ in range(2)]
        for task, ended_by_then in zip(waiting, ([], ["provider"]), strict=True):
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            await asyncio.sleep(0)
            assert ended == ended_by_then
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_event_loops_at_once() -> None:
    """An async provider is asked once in each of several event loops that run at the same time."""
    both = threading.Barrier(2)
    count: list[int] = []

    async def give() -> str:
        count.append(1)
        await asyncio.to_thread(both.wait, PATIENCE)
        return "t"

    authorizer = to_authorizer(give, ())

    async def ask() -> list[Any]:
        return await asyncio.gather(*(authorizer.headers_async() for _ in range(3)))

    with ThreadPoolExecutor(2) as threads:
        given = [threads.submit(asyncio.run, ask()) for _ in range(2)]
    assert [future.result() for future in given] == [[bearer("t")] * 3] * 2
    assert len(count) == 2


# Threads that ask.


def test_few_threads_hang(in_thread: Asked, clock: Clock) -> None:
    """However often a provider hangs, the next question is asked at once only a second time, then ever later."""
    in_thread.do = lambda _: in_thread.hang

    def ask_often() -> int:
        for _ in range(20):
            with pytest.raises(APITimeoutError):
                in_thread.headers(soon(0))
        return in_thread.count

    asked_by_then = []
    for _ in range(100):
        asked_by_then.append(ask_often())
        clock.now += 1
    assert asked_by_then[:7] == [2, 3, 3, 3, 3, 4, 4]
    assert asked_by_then[-1] < 10
    in_thread.hang.set()
    until(in_thread.authorizer._in_thread._flight.landed.done)
    in_thread.do = lambda _: "t"
    in_thread.authorizer.forget(in_thread.authorizer._kept)
    assert in_thread.headers() == bearer("t")


def test_answers_that_come_too_late(in_thread: Asked) -> None:
    """A token that nobody waits for any more is kept, but not in the place of one that was asked for later."""
    in_thread.do = lambda number: in_thread.hang if number == 1 else f"t-{number}"
    with pytest.raises(APITimeoutError):
        in_thread.headers(soon(0))
    first = in_thread.authorizer._in_thread._flight
    assert in_thread.headers() == bearer("t-2")
    in_thread.hang.set()
    first.landed.result(PATIENCE)
    assert in_thread.headers() == bearer("t-2")

    in_thread.authorizer.forget(in_thread.authorizer._kept)
    in_thread.do = lambda _: in_thread.hang
    in_thread.hang.clear()
    with pytest.raises(APITimeoutError):
        in_thread.headers(soon(0))
    in_thread.hang.set()
    until(lambda: in_thread.authorizer.ready() == bearer("late"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("kind", ["sync", "sync provider, async caller"])
def test_a_fork_while_a_provider_is_asked(kind: str) -> None:
    """A child process asks for itself, since the thread that asked is its parent's."""
    asked = Asked("sync")
    asked.do = lambda number: asked.hang if number == 1 else "t"
    with ThreadPoolExecutor(1) as threads:
        parents = threads.submit(asked.headers)
        until(lambda: asked.count == 1)
        with asked.authorizer._in_thread._lock:
            child = os.fork()
        if child == 0:
            signal.alarm(PATIENCE)
            status = 1
            try:
                authorizer = asked.authorizer
                given = authorizer.headers() if kind == "sync" else asyncio.run(authorizer.headers_async())
                status = 0 if given == bearer("t") else 2
            finally:
                os._exit(status)
        asked.hang.set()
        _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert parents.result() == bearer("late")


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs signals of threads")
def test_an_interrupt_of_one_who_waits(in_thread: Asked) -> None:
    """An interrupt ends the wait at once; the next caller has a token."""
    me = threading.get_ident()

    def do(number: int) -> Any:
        if number > 1:
            return "t"
        signal.pthread_kill(me, signal.SIGINT)
        return in_thread.hang

    in_thread.do = do
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background may ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            in_thread.headers()
    finally:
        signal.signal(signal.SIGINT, before)
    assert in_thread.headers() == bearer("t")


def test_a_loop_that_is_closed_meanwhile(caplog: pytest.LogCaptureFixture) -> None:
    """A provider may take longer than the event loop lives; its token serves the next."""
    asked = Asked("sync")
    asked.do = lambda _: asked.hang
    loop = asyncio.new_event_loop()
    waiting = loop.create_task(asked.authorizer.headers_async())
    waiting.add_done_callback(lambda _: None)
    loop.run_until_complete(asyncio.sleep(0))
    until(lambda: asked.count == 1)
    loop.close()
    asked.hang.set()
    until(lambda: all(thread.name != "azure-inference-ask" for thread in threading.enumerate()))
    assert [record for record in caplog.records if record.name == "concurrent.futures"] == []
    assert asyncio.run(asked.authorizer.headers_async()) == bearer("late")
    waiting._log_destroy_pending = False  # type: ignore[attr-defined] # that it is lost is the point
    del waiting, loop
    gc.collect()


def test_the_executor_of_the_loop_is_left_alone() -> None:
    """A provider that hangs takes nothing from what else the program does in threads."""

    class Closed(ThreadPoolExecutor):
        def submit(self, *_: object, **__: object) -> Any:
            raise AssertionError

    async def main() -> Any:
        asyncio.get_running_loop().set_default_executor(Closed(1))
        return await to_authorizer(lambda: "t", ()).headers_async()

    assert asyncio.run(main()) == bearer("t")


def test_no_thread_to_be_had(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no more threads can be started, a provider is asked all the same."""
    monkeypatch.setattr(threading.Thread, "start", lambda self: raises(RuntimeError("can't start new thread")))
    assert asked.headers() == bearer("t-1")


HANGING = """
import threading
from azure_inference import APITimeoutError, InferenceClient
try:
    InferenceClient("http://127.0.0.1:9", lambda: threading.Event().wait(), timeout=0.1).info()
except APITimeoutError as error:
    print(error.phase)
"""


LAST = """
from azure_inference.credentials import to_authorizer
class Last:
    def __del__(self, authorizer=to_authorizer(lambda: "t", ())):
        print(len(authorizer.headers()))
last = Last()
"""


@pytest.mark.parametrize(("program", "said"), [(HANGING, "credential"), (LAST, "1")], ids=["hangs", "asked last"])
def test_the_interpreter_ends(program: str, said: str) -> None:
    """A provider keeps the interpreter from its end neither if it hangs nor if it is asked in the last moment."""
    command = [sys.executable, "-W", "error", "-X", "dev", "-c", program]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE * 2, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"{said}\n", "")
