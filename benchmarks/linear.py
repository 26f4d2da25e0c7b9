"""How cost grows with chunks, texts, messages and requests in flight: what one more costs, over three decades."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from benchmarks.instructions import LIMIT, Callgrind, counted, marginal
from benchmarks.measure import Field, in_turn, quartiles

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


class FailedError(Exception):
    """A size that a client could not do."""


@dataclass
class Marginal:
    """What one more cost in each round, decade by decade, or why it could not be done.

    In seconds of CPU time or, of one round, in instructions.
    """

    framework: str
    title: str
    client: str
    rounds: list[Sequence[float]] = field(default_factory=list)
    why: str = ""

    @property
    def costs(self) -> list[float]:
        """The median cost in each decade; none if a size could not be done."""
        return [] if self.why else [statistics.median(costs) for costs in zip(*self.rounds, strict=True)]

    @property
    def rise(self) -> tuple[float, float, float] | None:
        """What one more costs in the last decade to what it costs in the one before, round by round: quartiles."""
        return None if self.why else quartiles([more / less for *_, less, more in self.rounds if less > 0])


def measure_linear(among: Field, *, quick: bool = False) -> list[Marginal]:
    """The cost of one more of each kind, between a tenth of each size and that size, and of what stands beside."""
    rounds = 2 if quick else _ROUNDS
    lines = [
        line
        for growing in GROWING
        for line in _in_rounds(among, growing.title, growing.beside, partial(_timed, among, growing), rounds)
    ]
    return [*lines, *_in_rounds(among, IN_FLIGHT, "floor", partial(_of_flight, among), rounds, warm_up=True)]


def count_linear(among: Field, callgrind: Callgrind) -> list[Marginal]:
    """The same in instructions."""
    lines = [
        line
        for growing in GROWING
        for line in _in_rounds(among, growing.title, growing.beside, partial(_counted, among, callgrind, growing), 1)
    ]
    return [*lines, *_in_rounds(among, IN_FLIGHT, "floor", partial(_counted_of_flight, among, callgrind), 1)]


def _in_rounds(
    among: Field, title: str, beside: str, cost: Callable[[str, int], float], rounds: int, *, warm_up: bool = False
) -> list[Marginal]:
    """All decades of each client in turn, so that a round that is slow for all of them changes no ratio."""
    lines = {name: Marginal(among.framework, title, name) for name in among.taking_part(("ours", beside))}
    for turn in range(-1 if warm_up else 0, rounds):
        for name in in_turn([name for name, line in lines.items() if not line.why], turn):
            try:
                costs = [cost(name, size) for size in DECADES]
            except FailedError as error:
                lines[name].why = str(error)
            else:
                lines[name].rounds += [costs] if turn >= 0 else []
    return list(lines.values())


def _counted(among: Field, callgrind: Callgrind, growing: Growing, name: str, size: int) -> float:
    cost = marginal(among, name, (size // 10, size), callgrind, work=growing.work, **growing.options)
    if cost is None:
        raise FailedError(f"{size:,}: not counted")
    return cost


def _timed(among: Field, growing: Growing, name: str, size: int) -> float:
    less = size // 10
    return (_cost(among, growing, name, size) - _cost(among, growing, name, less)) / (size - less)


def _cost(among: Field, growing: Growing, name: str, size: int) -> float:
    times = max(1, min(50, _ENOUGH // size))
    answer = among.do(name, work=growing.work, size=size, times=times, **growing.options)
    if "cpu" not in answer:
        raise FailedError(f"{size:,}: {answer.get('error')}")
    return answer["cpu"] / times


def _of_flight(among: Field, name: str, at_once: int) -> float:
    calls = _calls(at_once)
    answer = among.do(name, work="flight", size=calls, at_once=at_once)
    if "cpu" not in answer:
        raise FailedError(f"{at_once:,} in flight: {answer.get('error')}")
    if failed := answer["value"]["failed"]:
        raise FailedError(f"{at_once:,} in flight: {failed:,} failed: {answer['value']['why'][0]}")
    return answer["cpu"] / calls


def _counted_of_flight(among: Field, callgrind: Callgrind, name: str, at_once: int) -> float:
    order = {"work": "flight", "size": _calls(at_once), "at_once": at_once}
    among.do(name, limit=LIMIT, **order)  # with every connection it takes
    total = counted(among, name, callgrind, **order)
    if total is None:
        raise FailedError(f"{at_once:,} in flight: not counted")
    return total / order["size"]


def _calls(at_once: int) -> int:
    return max(at_once, 200)
