"""Rounds: every client does the same work in turn, and ratios are taken within a round."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from benchmarks.catalogue import PARSERS, Entry, entries
from benchmarks.processes import ROOT, Server, TooLongError, Worker
from benchmarks.rows import Row

_ASKS_NOBODY = {"floor", *(parser.name for parser in PARSERS)}


@dataclass
class Measured:
    """What a row cost: for each client, the cost of a unit in each round, or why there is none."""

    framework: str
    key: str
    costs: dict[str, list[float]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    more: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    server: float = 0.0
    """The largest part of a round's time in which the server computed."""

    def cost(self, name: str) -> float | None:
        """The median cost of a unit, in seconds (or instructions)."""
        return statistics.median(self.costs[name]) if self.costs.get(name) else None

    def ratio(self, other: str, name: str = "ours") -> tuple[float, float, float] | None:
        """The quartiles of `name` to `other`, taken round by round; the median is the one in the middle."""
        mine, theirs = self.costs.get(name), self.costs.get(other)
        if not mine or not theirs:
            return None
        return quartiles([a / b for a, b in zip(mine, theirs, strict=False) if b > 0])


def quartiles(values: Sequence[float]) -> tuple[float, float, float] | None:
    """The quartiles of some values; of one value, three times itself."""
    if not values:
        return None
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


class Field:
    """The workers of one framework's comparison, started when first needed and kept."""

    def __init__(
        self,
        framework: str,
        python: str,
        server: Server,
        *,
        only: Iterable[str] = (),
        baseline: Path | None = None,
        prefix: Sequence[str] = (),
    ) -> None:
        self.framework, self.python, self.server = framework, python, server
        self.only = set(only)
        self.baseline = baseline
        self.prefix = list(prefix)
        self.places: Mapping[str, Entry] = {entry.name: entry for entry in entries(framework)}
        self.workers: dict[str, Worker] = {}

    def taking_part(self, names: Iterable[str]) -> list[str]:
        """Those of the clients that were asked for; with a baseline, it follows ours."""
        chosen = [name for name in names if name in self.places and (not self.only or name in self.only)]
        if self.baseline:
            chosen = [more for name in chosen for more in ((name, "baseline") if name == "ours" else (name,))]
        return chosen

    def worker(self, name: str) -> Worker:
        """The worker of a client."""
        if name not in self.workers:
            place = self.places["ours" if name == "baseline" else name].place
            library = self.baseline if name == "baseline" and self.baseline else ROOT
            self.workers[name] = Worker(self.python, place, self.server.url, library, self.prefix)
        return self.workers[name]

    def do(self, name: str, limit: float = 120.0, **order: Any) -> dict[str, Any]:
        """Has a client do a piece of work; one that fails or hangs is ended, and says why."""
        try:
            return self.worker(name).do(limit=limit, **order)
        except (TooLongError, EOFError, BrokenPipeError) as error:
            self.end(name)
            return {"error": str(error) or type(error).__name__}

    def end(self, name: str) -> None:
        """Ends the worker of a client, if there is one."""
        if worker := self.workers.pop(name, None):
            worker.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for name in list(self.workers):
            self.end(name)


def in_turn(names: Sequence[str], turn: int) -> Sequence[str]:
    """The clients in this round's order: there and back."""
    return names if turn % 2 == 0 else names[::-1]


def measure(field_: Field, row: Row, *, quick: bool = False) -> Measured:
    """Measures a row: warm-up, then rounds in which each client has its turn."""
    result = Measured(field_.framework, row.key)
    names = []
    for name in field_.taking_part(row.clients):
        size = row.sizes.get(name, row.size)
        warm = {"error": None}
        for warm_size in (row.short, size) if row.short else (min(size, 10), min(size, 200)):
            warm = field_.do(name, work=row.work, size=warm_size, **row.options)
            if "cpu" not in warm:
                break
        if "cpu" in warm:
            names.append(name)
        elif "missing" not in warm:
            result.failed[name] = str(warm.get("error"))
    for turn in range(3 if quick else row.rounds):
        for name in in_turn(names, turn):
            if name not in result.failed:
                _once(field_, row, name, result)
    return result


def _once(field_: Field, row: Row, name: str, result: Measured) -> None:
    size = row.sizes.get(name, row.size)
    before = field_.server.cpu_time()
    answer = field_.do(name, work=row.work, size=size, **row.options)
    share = (field_.server.cpu_time() - before) / answer.get("wall", 1e9)
    less = field_.do(name, work=row.work, size=row.short, **row.options) if row.short else {"cpu": 0.0}
    if "cpu" not in answer or "cpu" not in less:
        result.failed[name] = str(answer.get("error") or less.get("error"))
        print(f"{name}: {result.failed[name]}", file=sys.stderr)
        return
    result.costs.setdefault(name, []).append((answer["cpu"] - less["cpu"]) / (size - row.short))
    result.more.setdefault(name, []).append({"wall": answer["wall"], "value": answer["value"]})
    if name not in _ASKS_NOBODY:
        result.server = max(result.server, share)
