"""What calls that ended in the middle leave behind: every place for a connection is there for the next call."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from azure_inference import (
    APITimeoutError,
    ChatRequest,
    InferenceError,
    RetryPolicy,
    StreamInterruptedError,
    Timeouts,
    to_request,
)
from azure_inference.transport import _sync

HELLO = to_request(ChatRequest, {"messages": [{"role": "user", "content": "hello"}]})
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
ANSWER = {"id": "c", "choices": [CHOICE]}
PIECE = {"id": "c", "choices": [{"index": 0, "delta": {"content": "hi"}}]}
EVENT = b"data: " + json.dumps(PIECE).encode() + b"\n\n"
ONE_PLACE: dict[str, Any] = {"max_connections": 1, "timeout": Timeouts(pool=2, total=10), "retry": RetryPolicy(0)}


def test_late_calls_of_many_threads(server: Any, reply: Any, either: Any) -> None:
    """Calls that end while they wait for a connection take none with them."""
    if either.is_async:
        pytest.skip("one event loop has no threads that meet in its pool")
    body = json.dumps(ANSWER).encode()
    server.reply(reply(200, body, {"connection": "close"}))
    client = either.client(server.url, **{**ONE_PLACE, "max_connections": 4})

    def call_late(seed: int) -> None:
        times = random.Random(seed)
        for _ in range(40):
            with suppress(APITimeoutError):
                client.chat(HELLO, timeout=times.uniform(0.003, 0.03))

    with ThreadPoolExecutor(40) as threads:
        list(threads.map(call_late, range(40)))
        answers = list(threads.map(lambda _: client.chat(HELLO), range(8)))
    assert [answer.id for answer in answers] == ["c"] * 8


@pytest.mark.parametrize("is_reused", [False, True], ids=["first call", "later call"])
@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
def test_cancelled_at_any_moment(server: Any, reply: Any, either: Any, is_reused: bool, is_stream: bool) -> None:
    """A cancelled call gives its place back, whatever it was about to do."""
    if not either.is_async:
        pytest.skip("plain calls cannot be cancelled")
    whole = json.dumps(ANSWER).encode()
    events = [EVENT, b"data: [DONE]\n\n"]
    server.by_body = lambda body: reply(pieces=events) if body.get("stream") else reply(200, whole)
    client = either.client(server.url, **ONE_PLACE).inner

    async def call() -> None:
        if not is_stream:
            await client.chat(HELLO)
            return
        async with await client.stream_chat(HELLO) as stream:
            async for _ in stream:
                pass

    async def cancelled_after(steps: int) -> str:
        if is_reused:
            await client.chat(HELLO)
        task = asyncio.create_task(call())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError, InferenceError):
            await task
        answer = await client.chat(HELLO)
        await client.close()
        return str(answer.id)

    assert [either.run(cancelled_after(steps)) for steps in range(30)] == ["c"] * 30


def test_stream_that_garbage_collection_ends(
    server: Any, reply: Any, either: Any, until_closed: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A stream that nobody holds gives its place back, in whatever thread it is collected, and without a word."""
    server.reply(reply(pieces=[EVENT, until_closed]))
    server.reply_events(PIECE, PIECE)
    client = either.client(server.url, **ONE_PLACE)
    if either.is_async:
        either.run(_in_debug_mode())

    def leave() -> None:
        cycle: list[Any] = [client.stream_chat(HELLO)]
        next(cycle[0])
        cycle.append(cycle)

    gc.disable()
    try:
        leave()
        with ThreadPoolExecutor(1) as thread:
            thread.submit(gc.collect).result()
    finally:
        gc.enable()
    if either.is_async:
        either.run(asyncio.sleep(0.01))

    assert [chunk.id for chunk in client.stream_chat(HELLO)] == ["c"] * 3
    assert not [record for record in caplog.records if "nclosed" in record.getMessage()]


async def _in_debug_mode() -> None:
    """From here on, the event loop refuses what another thread must not do."""
    asyncio.get_running_loop().set_debug(True)


def test_stream_closed_by_another_thread(server: Any, reply: Any, either: Any, until_closed: Any) -> None:
    """Who waits for the next piece is told at once that there will be none."""
    if either.is_async:
        pytest.skip("an event loop has no other threads")
    server.reply(reply(pieces=[EVENT, until_closed]))
    stream = either.client(server.url, timeout=Timeouts(idle=60)).stream_chat(HELLO).inner
    next(stream)

    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(next, stream)
        time.sleep(0.05)
        stream.close()
        with pytest.raises(StreamInterruptedError, match="the connection was closed"):
            waiting.result(timeout=20)


def test_pool_timeouts_leave_nothing(raw: Any, either: Any) -> None:
    """Calls that waited for a place in vain are forgotten."""
    if not either.is_async:
        pytest.skip("the queue is asyncio's")
    places = pytest.importorskip("azure_inference.transport._aiohttp", reason="needs aiohttp")._Places(1)
    assert places.take()

    async def wait() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(places.wait(), 0.001)

    async def wait_often() -> None:
        await asyncio.gather(*[wait() for _ in range(10)])

    either.run(wait_often())
    assert not places._queue
    places.give_back()
    assert places.take()


def test_cancelled_as_a_place_comes_back() -> None:
    """A wait that is cancelled in the moment in which its turn comes is cancelled, and takes no place."""
    places = pytest.importorskip("azure_inference.transport._aiohttp", reason="needs aiohttp")._Places(1)
    assert places.take()

    async def wait() -> None:
        waiting = asyncio.create_task(places.wait())
        await asyncio.sleep(0)
        waiting.cancel()
        places.give_back()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(wait())
    assert places.take()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fork_during_a_first_call(server: Any, either: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child process does not wait for what a thread of its parent was about to make."""
    if either.is_async:
        pytest.skip("an event loop makes its own connections, in no other thread")
    server.reply_json(ANSWER)
    parent, is_making, may_go_on = os.getpid(), threading.Event(), threading.Event()

    class Slow(_sync.PatientTransport):
        def __init__(self, settings: Any) -> None:
            if os.getpid() == parent:
                is_making.set()
                may_go_on.wait(20)
            super().__init__(settings)

    monkeypatch.setattr(_sync, "PatientTransport", Slow)
    client = either.client(server.url, timeout=5)
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(client.chat, HELLO)
        is_making.wait(20)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                answered: list[Any] = []
                call = threading.Thread(target=lambda: answered.append(client.chat(HELLO)), daemon=True)
                call.start()
                call.join(10)
                status = 0 if answered else 2
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        may_go_on.set()
        assert first.result().id == "c"
    assert os.waitstatus_to_exitcode(status) == 0
