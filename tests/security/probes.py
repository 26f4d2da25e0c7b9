"""Measurements in a process of its own: `python -m tests.security.probes PROBE URL [ENGINE]` prints them as JSON."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from azure_inference import AsyncInferenceClient, ChatRequest, InferenceClient, InferenceError, to_request

HELLO = to_request(ChatRequest, {"messages": [{"role": "user", "content": "hello"}]})
MEBIBYTE = 1024 * 1024
KEY = "canary-5ecret"


def peak() -> int:
    """The most memory that this process ever had, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says on Linux begins with the memory of the process that started this one
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def descriptors() -> int:
    """How many files and sockets are open."""
    return len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0


def ask(url: str, method: str) -> str:
    """What comes of a call: `answer`, or the name of an error."""
    try:
        if method.startswith("async "):
            asyncio.run(_ask_async(url, method.removeprefix("async ")))
        else:
            with InferenceClient(url, KEY, max_retries=0) as client:
                outcome = getattr(client, method)(HELLO)
                _ = list(outcome) if method.startswith("stream") else None
    except InferenceError as error:
        return type(error).__name__
    return "answer"


async def _ask_async(url: str, method: str) -> None:
    async with AsyncInferenceClient(url, KEY, max_retries=0) as client:
        outcome = await getattr(client, method)(HELLO)
        if method.startswith("stream"):
            _ = [chunk async for chunk in outcome]


def growth(url: str, method: str) -> dict[str, Any]:
    """What comes of a call, and by how much it raises the most memory ever used; a first call warms up."""
    first = ask(f"{url}/warm", method)
    before = peak()
    return {"first": first, "outcome": ask(url, method), "bytes": peak() - before}


def abandoned(url: str, method: str) -> dict[str, Any]:
    """Streams left in every way, 500 in all; then what is open, and what the next call gives."""
    if method == "sync":
        return _abandoned(url)
    return asyncio.run(_abandoned_async(url))


def _abandoned(url: str) -> dict[str, Any]:
    with InferenceClient(url, KEY) as client:
        before = descriptors()
        kept: list[Any] = []
        for turn in range(500):
            stream = client.stream_chat(HELLO)
            next(stream)
            kept += [stream] * (turn % 3 < 2)
            if turn % 3 == 0:
                stream.close()
            elif turn % 3 == 1:
                with suppress(KeyError), stream:
                    raise KeyError
            else:
                del stream
        gc.collect()
        return {"open": descriptors() - before, "next": client.chat(HELLO, headers={"x-want": "answer"}).id}


async def _abandoned_async(url: str) -> dict[str, Any]:
    async with AsyncInferenceClient(url, KEY) as client:
        await client.chat(HELLO, headers={"x-want": "answer"})
        before = descriptors()
        kept: list[Any] = []
        for turn in range(500):
            stream = await client.stream_chat(HELLO)
            await anext(stream)
            kept += [stream] * (turn % 3 < 2)
            if turn % 3 == 0:
                await stream.close()
            elif turn % 3 == 1:
                task = asyncio.create_task(_held(stream))
                await asyncio.sleep(0)
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            del stream
        gc.collect()
        for _ in range(20):
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        answer = await client.chat(HELLO, headers={"x-want": "answer"})
        return {"open": descriptors() - before, "next": answer.id}


async def _held(stream: Any) -> None:
    async with stream:
        async for _ in stream:
            pass


def clients(url: str, method: str) -> dict[str, Any]:
    """Clients that were used and closed, or used and dropped, one by one and in circles: 50 each; what is open then."""
    kinds = (_clients, _clients) if method == "sync" else (_run_clients_async, _run_clients_async)
    kinds[0](url, 5)
    gc.collect()
    before = descriptors()
    kinds[1](url, 50)
    gc.collect()
    return {"open": descriptors() - before}


def _clients(url: str, count: int) -> None:
    for turn in range(2 * count):
        client = InferenceClient(url, KEY)
        client.chat(HELLO)
        if turn % 2:
            client.close()
        elif turn % 4:
            circle: list[Any] = [client]
            circle.append(circle)


def _run_clients_async(url: str, count: int) -> None:
    asyncio.run(_clients_async(url, count))


async def _clients_async(url: str, count: int) -> None:
    for turn in range(2 * count):
        client = AsyncInferenceClient(url, KEY)
        await client.chat(HELLO)
        if turn % 2:
            await client.close()
        elif turn % 4:
            circle: list[Any] = [client]
            circle.append(circle)
        del client
    gc.collect()
    await asyncio.sleep(0.05)


def loops(url: str, method: str) -> dict[str, Any]:
    """One client in three event loops one after another and in four at once, a stream left open in one that ended."""
    client = AsyncInferenceClient(url, KEY)
    ids: list[Any] = []

    async def calls() -> None:
        ids.extend([answer.id for answer in await asyncio.gather(*(client.chat(HELLO) for _ in range(5)))])

    async def left_open() -> Any:
        stream = await client.stream_chat(HELLO, headers={"x-want": "stream"})
        await anext(stream)
        return stream

    for _ in range(3):
        asyncio.run(calls())
    stream = asyncio.run(left_open())
    threads = [threading.Thread(target=lambda: asyncio.run(calls())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    del stream
    gc.collect()
    return {"answers": len(ids), "right": sum(one == "c" for one in ids)}


def forked(url: str, method: str) -> dict[str, Any]:
    """A client used, then used by parent and child at once, 100 calls each, each with an answer of its own."""
    client = InferenceClient(url, KEY)
    client.chat(HELLO)
    child = os.fork()
    wrong = 0
    for turn in range(100):
        wanted = f"{os.getpid()}-{turn}"
        wrong += client.chat(HELLO, headers={"x-want": wanted}).id != wanted
    if child == 0:
        os._exit(wrong)
    _, status = os.waitpid(child, 0)
    return {"wrong": wrong, "wrong in the child": os.waitstatus_to_exitcode(status)}


def interrupted(url: str, method: str) -> dict[str, Any]:
    """A call or a stream that SIGINT ends, and the next call of the same client."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which shells take from what they run in the background
    client = InferenceClient(url, KEY)
    client.chat(HELLO, headers={"x-want": "answer"})
    before = descriptors()
    try:
        if method == "stream_chat":
            for _ in client.stream_chat(HELLO):
                os.kill(os.getpid(), signal.SIGINT)
        else:
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            client.chat(HELLO)
        ended = "answer"
    except KeyboardInterrupt:
        ended = "KeyboardInterrupt"
    gc.collect()
    return {"ended": ended, "open": descriptors() - before, "next": client.chat(HELLO, headers={"x-want": "answer"}).id}


def unread(url: str, method: str) -> dict[str, Any]:
    """By how much memory grows while a fast stream is not read, and then read a little."""
    ask(f"{url}/warm", method)
    before = peak()
    if method == "stream_chat":
        with InferenceClient(url, KEY) as client, client.stream_chat(HELLO) as stream:
            for _ in range(3):
                next(stream)
                time.sleep(0.15)
    else:
        asyncio.run(_unread_async(url))
    return {"bytes": peak() - before}


async def _unread_async(url: str) -> None:
    async with AsyncInferenceClient(url, KEY) as client, await client.stream_chat(HELLO) as stream:
        for _ in range(3):
            await anext(stream)
            await asyncio.sleep(0.15)


PROBES: dict[str, Callable[[str, str], dict[str, Any]]] = {
    probe.__name__: probe for probe in (growth, abandoned, clients, loops, forked, interrupted, unread)
}


def main() -> None:
    """Runs a probe."""
    name, url, method, engine = sys.argv[1:]
    if engine == "httpx":
        from azure_inference.transport import _engines

        vars(_engines)["find_spec"] = lambda name: None
    sys.stdout.write(json.dumps(PROBES[name](url, method)))


if __name__ == "__main__":
    main()
