"""How cost grows with chunks, texts, messages and requests in flight: what one more costs, over three decades."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.measure import Field

KEY = "linear"
DECADES = (10, 100, 1_000, 10_000)
_ROUNDS = 5
_ENOUGH = 2_000


@dataclass(frozen=True)
class Growing:
    """Something of which there can be more."""

    title: str
    work: str
    options: Mapping[str, Any]
    beside: str = "floor"
    """The client whose cost grows for the same reasons that are not this library's: caches, garbage collection."""


GROWING = [
    Growing("chunk of a stream, sync", "stream", {}),
    Growing("chunk of a stream, async", "astream", {}),
    Growing("tool-call delta of a stream, sync", "stream", {"kind": "tools"}),
    Growing("text to embed (256 JSON numbers)", "embed", {"dimensions": 256}, beside="pydantic"),
    Growing("message of a request", "say", {}),
]
IN_FLIGHT = "request in flight (server answering after 50 ms)"


@dataclass(frozen=True)
class Marginal:
    """What one more cost in each decade, in seconds of CPU time; None where it could not be done."""

    framework: str
    title: str
    client: str
    costs: tuple[float | None, ...]
    why: str = ""

    @property
    def rise(self) -> float | None:
        """What one more costs in the last decade, to what it costs in the one before."""
        *_, less, more = self.costs
        return more / less if less and more else None


def measure_linear(field: Field, *, quick: bool = False) -> list[Marginal]:
    """The cost of one more of each kind, between a tenth of each size and that size, and of what stands beside."""
    rounds = 2 if quick else _ROUNDS
    lines = [
        Marginal(
            field.framework,
            growing.title,
            name,
            tuple(_marginal(field, growing, name, size, rounds) for size in DECADES),
        )
        for growing in GROWING
        for name in field.taking_part(("ours", growing.beside))
    ]
    return [*lines, *(_of_flights(field, name) for name in field.taking_part(("ours", "floor")))]


def _of_flights(field: Field, name: str) -> Marginal:
    flights = [_in_flight(field, name, at_once) for at_once in DECADES]
    costs = tuple(cost for cost, _ in flights)
    return Marginal(field.framework, IN_FLIGHT, name, costs, "; ".join(why for _, why in flights if why))


def _marginal(field: Field, growing: Growing, name: str, size: int, rounds: int) -> float | None:
    costs = []
    less = size // 10
    for _ in range(rounds):
        more = _cost(field, growing, name, size)
        base = _cost(field, growing, name, less)
        if more is None or base is None:
            return None
        costs.append((more - base) / (size - less))
    return statistics.median(costs)


def _cost(field: Field, growing: Growing, name: str, size: int) -> float | None:
    times = max(1, min(50, _ENOUGH // size))
    answer = field.do(name, work=growing.work, size=size, times=times, **growing.options)
    return answer["cpu"] / times if "cpu" in answer else None


def _in_flight(field: Field, name: str, at_once: int) -> tuple[float | None, str]:
    calls = max(at_once, 200)
    costs = []
    for turn in range(4):  # the first opens the connections
        answer = field.do(name, work="flight", size=calls, at_once=at_once)
        if "cpu" not in answer:
            return None, f"{at_once:,} in flight: {answer.get('error')}"
        if answer["value"]["failed"]:
            return None, f"{at_once:,} in flight: {answer['value']['failed']:,} failed: {answer['value']['why'][0]}"
        if turn:
            costs.append(answer["cpu"] / calls)
    return statistics.median(costs), ""
