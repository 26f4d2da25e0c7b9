"""The pieces of work, in the words that all clients understand; each is prepared first and timed after."""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.bodies import ANSWER


class WrongError(Exception):
    """A client returned something else than the server sent."""


def _expect(what: object, expected: object) -> None:
    if what != expected:
        raise WrongError(f"{str(what)[:100]!r} came instead of {expected!r}")


def chat(client: Any, size: int) -> Callable[[], Any]:
    """So many chats, one after another."""
    model, once = client.model("answer"), client.chat

    def work() -> None:
        for _ in range(size):
            text = once(model)
        _expect(text, ANSWER)

    return work


def achat(client: Any, size: int) -> Callable[[], Any]:
    """The same, awaited."""
    model, once = client.model("answer"), client.achat

    async def work() -> None:
        for _ in range(size):
            text = await once(model)
        _expect(text, ANSWER)

    return work


def flight(client: Any, size: int, at_once: int, delay: int = 50) -> Callable[[], Any]:
    """So many chats, `at_once` of them under way at any time, each answered after `delay` milliseconds."""
    model, once = client.crowded(f"answer-{delay}"), client.achat

    async def work() -> dict[str, Any]:
        latencies: list[float] = []
        failures: list[str] = []

        async def one_after_another(count: int) -> None:
            for _ in range(count):
                started = time.perf_counter()
                try:
                    await once(model)
                except Exception as error:  # noqa: BLE001 - counted, and shown
                    failures.append(f"{type(error).__name__}: {error}"[:200])
                latencies.append(time.perf_counter() - started)

        await asyncio.gather(*(one_after_another(size // at_once) for _ in range(at_once)))
        return {"latency": statistics.median(latencies), "failed": len(failures), "why": failures[:1]}

    return work


def stream(client: Any, size: int, kind: str = "text") -> Callable[[], Any]:
    """One answer in so many pieces."""
    model, once = client.model(f"{kind}-{size}"), client.stream
    return lambda: once(model)


def astream(client: Any, size: int, kind: str = "text") -> Callable[[], Any]:
    """The same, awaited."""
    model, once = client.model(f"{kind}-{size}"), client.astream
    return lambda: once(model)


def say(client: Any, size: int) -> Callable[[], Any]:
    """One chat about a conversation of so many messages."""
    model, once, messages = client.model("answer"), client.say, client.conversation(size)

    def work() -> None:
        _expect(once(model, messages), ANSWER)

    return work


def embed(client: Any, size: int, dimensions: int, kind: str = "vectors") -> Callable[[], Any]:
    """The vectors of so many texts, in one call."""
    model, once = client.embeddings(f"{kind}-{dimensions}"), client.embed
    texts = [f"text number {number}" for number in range(size)]

    def work() -> None:
        vectors = once(model, texts)
        _expect((len(vectors), len(vectors[-1])), (size, dimensions))

    return work


def embed_in_parts(client: Any, size: int, dimensions: int, part: int) -> Callable[[], Any]:
    """The vectors of so many texts, `part` in a call, of which none are kept."""
    embed_part = embed(client, part, dimensions)

    def work() -> None:
        for _ in range(size // part):
            embed_part()

    return work


def embed_kept(client: Any, size: int, dimensions: int) -> Callable[[], Any]:
    """The size in bytes of the vectors of so many texts, made in one call and held until then."""
    model, once = client.embeddings(f"vectors-{dimensions}"), client.embed
    texts = ["the same text"] * size  # others would fill memory that the round before left free, more so if many

    def work() -> int:
        vectors = once(model, texts)
        return sys.getsizeof(vectors) + sum(sys.getsizeof(each) + sys.getsizeof(0.5) * len(each) for each in vectors)

    return work


def make(client: Any, size: int) -> Callable[[], Any]:
    """So many more chat model objects."""
    client.new("answer")

    def work() -> None:
        for _ in range(size):
            client.new("answer")

    return work


def make_and_chat(client: Any, size: int) -> Callable[[], Any]:
    """So many more chat model objects, each used once."""
    once = client.chat
    once(client.new("answer"))

    def work() -> None:
        for _ in range(size):
            once(client.new("answer"))

    return work


def tidy(client: Any, size: int) -> Callable[[], Any]:  # noqa: ARG001 - a piece of work like the others
    """Collects garbage, and has the rest left alone by later collections: a full one would be most of a count."""

    def work() -> None:
        gc.unfreeze()
        gc.collect()
        gc.freeze()

    return work


SYNC: dict[str, Any] = {
    "chat": chat,
    "stream": stream,
    "say": say,
    "embed": embed,
    "embed_in_parts": embed_in_parts,
    "embed_kept": embed_kept,
    "make": make,
    "make_and_chat": make_and_chat,
    "tidy": tidy,
}
ASYNC: dict[str, Any] = {"achat": achat, "flight": flight, "astream": astream}
