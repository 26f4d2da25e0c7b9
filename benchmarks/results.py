"""Everything that one run measured, and the targets beside it."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from benchmarks import imports
from benchmarks.catalogue import FRAMEWORKS, PEERS
from benchmarks.linear import Marginal
from benchmarks.measure import Measured, quartiles
from benchmarks.memory import Growth
from benchmarks.processes import environment
from benchmarks.rows import ALONE, FLIGHT_LIMITS, LATENCY_LIMIT, LINEAR_LIMIT, MEMORY_LIMIT, RATE_LIMIT, ROWS

Spread = tuple[float, float, float]
DISTRIBUTIONS = [
    "langchain-core", "langchain-azure-ai", "langchain-openai", "llama-index-core", "llama-index-llms-azure-inference",
    "llama-index-embeddings-azure-inference", "llama-index-llms-openai-like", "llama-index-embeddings-openai",
    "azure-ai-inference", "openai", "httpx", "httptools", "aiohttp", "pybase64", "msgspec", "pydantic",
    "orjson",
]  # fmt: skip
_VERSIONS = """
import importlib.metadata as metadata, json, platform
found = {"Python": platform.python_version()}
for name in %r:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


@dataclass
class Results:
    """What was measured; an empty list is what was left out."""

    rows: list[Measured] = field(default_factory=list)
    counted: list[Measured] = field(default_factory=list)
    flights: list[Measured] = field(default_factory=list)
    imports: list[Measured] = field(default_factory=list)
    memory: list[Growth] = field(default_factory=list)
    linear: list[Marginal] = field(default_factory=list)
    linear_counted: list[Marginal] = field(default_factory=list)
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    seconds: float = 0.0

    def find(self, kind: str, framework: str, key: str) -> Measured:
        """A row of one of the lists; an empty one if it was not measured."""
        rows: list[Measured] = getattr(self, kind)
        found = (row for row in rows if (row.framework, row.key) == (framework, key))
        return next(found, Measured(framework, key))


def versions(python: str) -> dict[str, str]:
    """The versions of what is installed beside an interpreter."""
    ran = subprocess.run(
        [python, "-P", "-c", _VERSIONS % DISTRIBUTIONS], env=environment(), capture_output=True, check=True
    )
    return json.loads(ran.stdout)


@dataclass(frozen=True)
class Verdict:
    """One target: the largest value allowed, and what was measured, by time and by instructions.

    `asked_of_count` is the largest number of instructions allowed, where that differs.
    """

    work: str
    framework: str
    against: str
    asked: float
    by_time: Spread | None
    by_count: float | None = None
    at_least: bool = False
    asked_of_count: float | None = None

    @property
    def met(self) -> bool:
        """Whether the median is what was asked for."""
        return self.by_time is not None and self._holds(self.by_time[1], self.asked)

    @property
    def met_by_count(self) -> bool | None:
        """The same for instructions; None where they were not counted."""
        return None if self.by_count is None else self._holds(self.by_count, self.asked_of_count or self.asked)

    def _holds(self, value: float, asked: float) -> bool:
        return value >= asked if self.at_least else value <= asked


def verdicts(results: Results) -> Iterator[Verdict]:
    """All targets, for both frameworks."""
    for framework in FRAMEWORKS:
        yield from _of_rows(results, framework)
        yield from _of_flights(results, framework)
        yield from _of_imports(results, framework)
        yield from _of_memory(results, framework)
        yield from _of_linear(results, framework)


def _of_rows(results: Results, framework: str) -> Iterator[Verdict]:
    for row in ROWS:
        measured, counted = results.find("rows", framework, row.key), results.find("counted", framework, row.key)
        for other, limit in row.limits.get(framework, {}).items():
            yield Verdict(row.title, framework, other, limit, measured.ratio(other), _counted(counted, other))


def _counted(counted: Measured, other: str) -> float | None:
    ratio = counted.ratio(other)
    return ratio[1] if ratio else None


def _of_flights(results: Results, framework: str) -> Iterator[Verdict]:
    for measured in results.flights:
        at_once = int(measured.key.partition("-")[2])
        if measured.framework != framework or at_once == 1 or not {"ours"} & (measured.costs.keys() | measured.failed):
            continue
        title = f"chat, async, {at_once} in flight"
        failed = 1.0 if "ours" in measured.failed else 0.0
        yield Verdict(f"{title}: 1 if calls failed", framework, "", 0.0, (failed, failed, failed))
        counted, one_by_one = (results.find("counted", framework, key) for key in (measured.key, "achat"))
        counted = Measured(framework, measured.key, {**counted.costs, ALONE: one_by_one.costs.get("ours", [])})
        for other, limit in FLIGHT_LIMITS.items():
            yield Verdict(f"{title}: CPU", framework, other, limit, measured.ratio(other), _counted(counted, other))
        if at_once == 50:
            latencies = quartiles([flown["latency"] for flown in measured.more.get("ours", [])])
            yield Verdict(f"{title}: median latency, s", framework, "", LATENCY_LIMIT, latencies)
        for peer in PEERS if at_once == 500 else ():
            rates = rate_ratio(measured, peer)
            yield Verdict(f"{title}: calls a second", framework, peer, RATE_LIMIT, rates, at_least=True)


def rate_ratio(measured: Measured, peer: str) -> Spread | None:
    """Our calls a second to a peer's, round by round."""
    ours, theirs = measured.more.get("ours", []), measured.more.get(peer, [])
    return quartiles([a["rate"] / b["rate"] for a, b in zip(ours, theirs, strict=False)])


def _of_imports(results: Results, framework: str) -> Iterator[Verdict]:
    measured, counted = (results.find(kind, framework, imports.KEY) for kind in ("imports", "counted"))
    for other, limit in imports.LIMITS.items():
        if measured.costs:
            least = min(measured.costs["ours"]) / min(measured.costs[other])
            spread = (least, least, least)
            yield Verdict("import (least of all rounds)", framework, other, limit, spread, _counted(counted, other))


def grown(results: Results, framework: str) -> dict[tuple[str, str], dict[int, int]]:
    """How far memory rose beyond the result, in bytes, by work and client, then by size."""
    found: dict[tuple[str, str], dict[int, int]] = {}
    for line in results.memory:
        if line.framework == framework:
            found.setdefault((line.title, line.client), {})[line.size] = line.grown - line.own
    return found


def for_each(by_size: dict[int, int]) -> float:
    """Bytes for each more, between the two largest sizes."""
    *_, less, more = sorted(by_size)
    return (by_size[more] - by_size[less]) / (more - less)


def _of_memory(results: Results, framework: str) -> Iterator[Verdict]:
    found = grown(results, framework)
    for (work, client), by_size in found.items():
        if client == "ours":
            floor = found.get((work, "floor"))
            beyond = for_each(by_size) - (for_each(floor) if floor else 0)
            title = f"memory, bytes for each more of: {work}"
            yield Verdict(title, framework, "floor" if floor else "", MEMORY_LIMIT, (beyond, beyond, beyond))


def _of_linear(results: Results, framework: str) -> Iterator[Verdict]:
    counted = {(line.title, line.client): line for line in results.linear_counted if line.framework == framework}
    lines = {(line.title, line.client): line for line in results.linear if line.framework == framework}
    for (title, client), line in lines.items():
        if client == "ours":
            limit, against = _rise_beside(lines, title)
            count = counted.get((title, client))
            yield Verdict(
                f"growth: {title}, 10,000 to 1,000",
                framework,
                against,
                limit,
                line.rise or (math.inf, math.inf, math.inf),
                count.rise[1] if count and count.rise else None,
                asked_of_count=_rise_beside(counted, title)[0],
            )


def _rise_beside(lines: Mapping[tuple[str, str], Marginal], title: str) -> tuple[float, str]:
    """How far a cost may rise, and which client's rise says so, if one does."""
    rises = {client: line.rise[1] for (named, client), line in lines.items() if named == title and line.rise}
    higher = {rise: client for client, rise in rises.items() if client != "ours" and rise > LINEAR_LIMIT}
    limit = max(higher, default=LINEAR_LIMIT)
    return limit, higher.get(limit, "")
