"""What is compared, how much of it is done in a round, and what is aimed at: the rows of the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.bodies import EMBEDDING_MODELS
from benchmarks.catalogue import BELOW_ASYNC, BELOW_SYNC, CALLERS, CHAT_CLIENTS

Limits = Mapping[str, float]
"""The largest ratio of our cost to that of each other client that is asked for, by its short name."""


@dataclass(frozen=True)
class Row:
    """One comparison.

    `size` units are done in a round, of which the cost of `short` is taken off (so that what a stream costs once does
    not count for its pieces). `sizes` has other sizes for the clients that would take minutes.
    """

    key: str
    title: str
    work: str
    size: int
    clients: tuple[str, ...] = CHAT_CLIENTS
    short: int = 0
    rounds: int = 11
    options: Mapping[str, Any] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    limits: Mapping[str, Limits] = field(default_factory=dict)
    unit: str = "call"
    counted: tuple[int, int] = (0, 0)
    """The two sizes whose difference is counted in instructions; (0, 0) if that would take too long."""

    def counted_sizes(self, name: str) -> tuple[int, int]:
        """`counted`, for a client."""
        return _COUNTED_IF_SLOW if name in self.sizes else self.counted

    @property
    def is_of_vectors(self) -> bool:
        """Whether it has a table of its own on the page, since other clients take part."""
        return self.work == "embed"

    def limit(self, framework: str, other: str) -> float | None:
        """The ratio that is asked for, to another client of the framework."""
        return self.limits.get(framework, {}).get(other)


_COUNTED_IF_SLOW = (2, 6)


def _both(**limits: float) -> dict[str, Limits]:
    return {"langchain": limits, "llamaindex": limits}


_CHUNK = _both(azure=1 / 5, openai=1 / 6, floor=1.6)
_DELTA = {"langchain": {"azure": 1 / 3, "openai": 1 / 3}, "llamaindex": {"azure": 1 / 5, "openai": 1 / 5}}
_SLOW = {"azure": 200}
_COUNTED_STREAM = (50, 250)
_COUNTED_TEXTS = (96, 192)


def _streamed(key: str, title: str, work: str, *, kind: str, limits: dict[str, Limits], below: tuple[str, ...]) -> Row:
    return Row(
        key, title, work, 1000, (*CALLERS, *below), short=10, options={"kind": kind}, limits=limits,
        unit="piece", counted=_COUNTED_STREAM,
    )  # fmt: skip


def _vectors(dimensions: int, model: str) -> Row:
    return Row(
        f"embed-{dimensions}", f"10,000 texts to vectors of {dimensions:,} ({model})", "embed", 10_000,
        ("ours", "azure", "openai", "floor", "base64", "base64-pydantic"), rounds=3, options={"dimensions": dimensions},
        sizes=_SLOW, limits=_both(azure=1 / 100, openai=1 / 2, base64=1.2), unit="text", counted=_COUNTED_TEXTS,
    )  # fmt: skip


def _numbers(dimensions: int) -> Row:
    return Row(
        f"numbers-{dimensions}", f"10,000 texts to vectors of {dimensions:,} (unknown model, JSON numbers)", "embed",
        10_000, ("ours", "azure", "floor", "json", "pydantic", "orjson"), rounds=3,
        options={"dimensions": dimensions, "kind": "unknown"}, sizes=_SLOW, unit="text", counted=_COUNTED_TEXTS,
    )  # fmt: skip


ROWS = [
    Row(
        "chat", "chat, sync", "chat", 150, (*CALLERS, *BELOW_SYNC), counted=(5, 15),
        limits=_both(azure=1 / 3, openai=1 / 4.5, floor=2.5),
    ),
    Row(
        "achat", "chat, async", "achat", 150, (*CALLERS, *BELOW_ASYNC), counted=(5, 15),
        limits={
            "langchain": {"azure": 1 / 3, "openai": 1 / 6, "floor": 1.7},
            "llamaindex": {"azure": 1 / 3, "openai": 1 / 6, "floor": 2.5},
        },
    ),
    _streamed("chunk", "streamed text chunk, sync", "stream", kind="text", limits=_CHUNK, below=BELOW_SYNC),
    _streamed("achunk", "streamed text chunk, async", "astream", kind="text", limits=_CHUNK, below=("sdk",)),
    _streamed("delta", "streamed tool-call delta, sync", "stream", kind="tools", limits=_DELTA, below=BELOW_SYNC),
    _streamed("adelta", "streamed tool-call delta, async", "astream", kind="tools", limits=_DELTA, below=("sdk",)),
    Row(
        "apart", "streamed text chunk, each arriving by itself, sync", "stream", 300, (*CHAT_CLIENTS, *BELOW_SYNC),
        rounds=3, options={"kind": "apart"}, unit="piece",
    ),
    *(_vectors(dimensions, model) for dimensions, model in EMBEDDING_MODELS.items()),
    *(_numbers(dimensions) for dimensions in EMBEDDING_MODELS),
    Row(
        "make", "another model object", "make", 50, CHAT_CLIENTS,
        limits=_both(azure=1 / 3, openai=1 / 3), unit="object", counted=(5, 15),
    ),
    Row(
        "makechat", "another model object and its first chat", "make_and_chat", 10, ("ours", "azure", "openai"),
        rounds=9, unit="object",
    ),
]  # fmt: skip


@dataclass(frozen=True)
class Flight:
    """Chats in flight on one model object, the server answering after 50 ms."""

    at_once: int
    calls: int
    rounds: int
    clients: tuple[str, ...] = (*CALLERS, *BELOW_ASYNC)

    @property
    def key(self) -> str:
        """The word for `--only`."""
        return f"flight-{self.at_once}"

    @property
    def counted(self) -> Row:
        """The same as a row to be counted in instructions: further calls of so many, while so many are under way."""
        sizes = (self.at_once, 2 * self.at_once)
        options = {"at_once": self.at_once}
        title = f"chat, async, {self.at_once} in flight"
        clients = ("ours", "azure", "floor") if self.at_once > _COUNTED_IN_FLIGHT else CHAT_CLIENTS
        return Row(self.key, title, "flight", self.calls, clients, options=options, counted=sizes)


_COUNTED_IN_FLIGHT = 50
"""With more of them, the clients on openai, whose calls then cost most, would be counted for hours."""
FLIGHTS = [Flight(1, 20, 3), Flight(50, 400, 5), Flight(500, 1000, 3)]
FLIGHTS_COUNTED = [flight for flight in FLIGHTS if flight.at_once > 1]
ALONE = "alone"
"""Ours with one call in flight and a server that does not wait: what a call costs at least."""
FLIGHT_LIMITS = {"azure": 1 / 3, "openai": 1 / 6, ALONE: 1.3}
RATE_LIMIT = 2.0
LATENCY_LIMIT = 0.060
MEMORY_LIMIT = 16.0
"""Bytes for each more that still count as no growth beyond the result: what the allocator rounds a piece up to."""
LINEAR_LIMIT = 1.3
"""What one more may cost at 10,000 to what it costs at 1,000, to be called linear; or as much as it rises beside."""
