"""Clients that are closed while calls and streams are under way: these end at once, and nothing is sent again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from azure_inference import APIConnectionError, RetryPolicy, StreamInterruptedError, Timeouts
from tests.faults.server import PATIENCE

from .test_wire_faults import HELLO, STREAM, answer, plain, said

FOREVER = Timeouts(read=None, write=None, total=None, idle=None, pool=None)


def ends_of(either: Any, client: Any, count: int, act: Callable[[], object]) -> list[Any]:
    """How so many calls at once end, of a client that is closed once `act` has returned."""
    if either.is_async:

        async def main() -> list[Any]:
            calls = [asyncio.create_task(client.inner.chat(HELLO)) for _ in range(count)]
            await asyncio.to_thread(act)
            await client.inner.close()
            return await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), PATIENCE)

        ended: list[Any] = either.run(main())
        return ended
    ends: list[Any] = []

    def call() -> None:
        try:
            ends.append(client.chat(HELLO))
        except APIConnectionError as error:
            ends.append(error)

    threads = [threading.Thread(target=call, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    act()
    client.close()
    for thread in threads:
        thread.join(PATIENCE)
    return ends


def told_of(ends: list[Any], count: int) -> bool:
    """Whether so many calls were told that their client was closed."""
    return [type(end) for end in ends] == [APIConnectionError] * count and all("was closed" in str(end) for end in ends)


HEARD: dict[str, tuple[Any, ...]] = {
    "nothing": (),
    "half a head": (answer()[:30],),
    "half a body": (answer()[:-20],),
    "half a body without a length": (b'HTTP/1.1 200 OK\r\n\r\n{"id": "c", "choices": [',),
    "half a body in chunks": (STREAM, b"5\r\nhel"),
}


@pytest.mark.parametrize("heard", HEARD.values(), ids=HEARD)
def test_closing_during_calls(raw: Any, either: Any, heard: tuple[Any, ...]) -> None:
    """Calls are told at once, whatever has come of their answers, and are not sent again; later ones are answered."""
    raw.script("request", *heard, "reached", "stall")
    client = either.client(raw.url, timeout=FOREVER)

    def all_reached() -> None:
        for _ in range(4):
            assert raw.reached.acquire(timeout=PATIENCE)

    assert told_of(ends_of(either, client, 4, all_reached), 4)
    assert len(raw.requests) == raw.connections == 4
    assert all(raw.hung_up.acquire(timeout=PATIENCE) for _ in range(4))
    raw.from_now_on("request", answer(), "stall")
    assert client.chat(HELLO).choices[0].message.text == "hi"


def test_closing_while_calls_wait_for_a_connection(raw: Any, either: Any) -> None:
    """Calls that wait for a free connection are told too, and nothing is sent of them."""
    raw.script("request", "reached", "stall")
    client = either.client(raw.url, timeout=FOREVER, max_connections=1)
    pause = threading.Event()

    def one_reached() -> None:
        assert raw.reached.acquire(timeout=PATIENCE)
        pause.wait(0.1)  # so that the others wait by then

    assert told_of(ends_of(either, client, 3, one_reached), 3)
    assert len(raw.requests) == 1


def test_closing_between_attempts(raw: Any, either: Any) -> None:
    """A call that waits before another attempt makes none."""
    raw.script("request", plain(b"{}", "503 Busy"), "reached", "stall")
    client = either.client(raw.url, retry=RetryPolicy(first_delay=0.5))

    assert told_of(ends_of(either, client, 1, lambda: raw.reached.acquire(timeout=PATIENCE)), 1)
    assert len(raw.requests) == 1


@pytest.mark.parametrize("head", [STREAM, b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"])
def test_closing_during_streams(raw: Any, either: Any, head: bytes) -> None:
    """Whoever reads a stream of a closed client is told why it ended, with what had arrived."""
    event = said("hel") if head is STREAM else said("hel").split(b"\r\n")[1]
    raw.script("request", head, event, "stall")
    client = either.client(raw.url, timeout=FOREVER)
    stream = client.stream_chat(HELLO)
    next(stream)
    client.close()

    with pytest.raises(StreamInterruptedError, match="was closed") as caught:
        next(stream)
    assert caught.value.partial.choices[0].message.text == "hel"
    assert raw.hung_up.acquire(timeout=PATIENCE)
