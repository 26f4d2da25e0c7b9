"""docs/performance.md, written from the results of a run."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence

from benchmarks.catalogue import BELOW, CHAT_CLIENTS, FRAMEWORKS, PARSERS, PEERS
from benchmarks.linear import DECADES
from benchmarks.measure import Measured
from benchmarks.report import mebibytes, microseconds, millions, number, ratio, thousands, titles
from benchmarks.results import Results, Verdict, for_each, grown, verdicts
from benchmarks.rows import ALONE, FLIGHTS_COUNTED, ROWS
from benchmarks.words import (
    ABOUT_EMBEDDINGS,
    ABOUT_FLIGHTS,
    ABOUT_GROWTH,
    ABOUT_INSTRUCTIONS,
    ABOUT_MEMORY,
    INTRODUCTION,
    METHOD,
)

_VECTORS_BY = (*CHAT_CLIENTS, *(parser.name for parser in PARSERS))
_BESIDE = (*PEERS, "floor", "bare")
_SELF = {"floor": "floor"}
"""Clients to which a ratio would say nothing: LangChain alone gives its vector at once."""
_VECTORS = [row for row in ROWS if row.is_of_vectors]
_GROWTH_TABLES = (
    ("linear", "Microseconds of CPU time", microseconds),
    ("linear_counted", "Thousands of instructions", thousands),
)
_VECTOR_TABLES = (
    ("rows", "Microseconds of CPU time", microseconds),
    ("counted", "Thousands of instructions", thousands),
)


def page(results: Results) -> str:
    """The whole page; what was not measured has no section."""
    parts = [INTRODUCTION, *_section("Targets, and what was measured", _asked(results))]
    if results.rows:
        parts += _section("CPU time", _costs(results, "rows", microseconds, "Microseconds of CPU time"))
        parts += _section("Below the frameworks", _below(results), depth=3)
    if results.counted:
        counts = _costs(results, "counted", thousands, "Thousands of instructions")
        parts += _section("Instructions", counts, ABOUT_INSTRUCTIONS)
    if any(results.find("rows", name, row.key).costs for name in FRAMEWORKS for row in _VECTORS):
        parts += _section("Embeddings", _embeddings(results), ABOUT_EMBEDDINGS)
    if results.flights:
        parts += _section("Many calls in flight", _flights(results), ABOUT_FLIGHTS)
    if results.imports:
        parts += _section("Import", _imports(results))
    if results.memory:
        parts += _section("Memory", _memory(results), ABOUT_MEMORY)
    if results.linear:
        parts += _section("Growth", _growth(results), ABOUT_GROWTH)
    parts += _section("How it was measured", _surroundings(results), METHOD)
    return "\n\n".join(parts) + "\n"


def _section(title: str, content: Iterable[str], about: str = "", depth: int = 2) -> list[str]:
    return [f"{'#' * depth} {title}", *([about] if about else []), *content]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _asked(results: Results) -> Iterator[str]:
    every = [verdict for verdict in verdicts(results) if verdict.by_time is not None]
    met = sum(verdict.met for verdict in every)
    yield (
        f"{met} of {len(every)} targets, which are this project's own, were met by CPU time. "
        "Ratios are this library's cost divided by the other's; less is better."
    )
    for framework, title in FRAMEWORKS.items():
        names = titles(framework)
        rows = [_judged(verdict, names) for verdict in every if verdict.framework == framework]
        yield f"### {title}"
        yield _table(("work", "against", "target", "CPU time: median (quartiles)", "instructions", "met"), rows)


def _judged(verdict: Verdict, names: dict[str, str]) -> list[str]:
    asked = f"at {'least' if verdict.at_least else 'most'} {number(verdict.asked)}"
    counted = "" if verdict.by_count is None else number(verdict.by_count)
    met = "yes" if verdict.met else "**no**"
    if verdict.met_by_count is not None and verdict.met_by_count != verdict.met:
        met = "by time only" if verdict.met else "by instructions only"
    time = ratio(verdict.by_time) if verdict.by_time else "not measured"
    return [verdict.work, names.get(verdict.against, verdict.against), asked, time, counted, met]


def _costs(results: Results, kind: str, amount: Callable[[float], str], unit: str) -> Iterator[str]:
    for framework, title in FRAMEWORKS.items():
        names = titles(framework)
        yield f"{unit} of the client's process, {title}; in parentheses, this library's cost to it, in the same rounds."
        rows = []
        for row in (*ROWS, *(flight.counted for flight in FLIGHTS_COUNTED)):
            measured = results.find(kind, framework, row.key)
            if measured.cost("ours") is None or row.is_of_vectors:
                continue
            cells = [_cell(measured, name, amount) for name in _BESIDE]
            rows.append([row.title, amount(measured.cost("ours") or 0.0), *cells])
        yield _table(("work", names["ours"], *(names[name] for name in _BESIDE)), rows)


def _cell(measured: Measured, name: str, amount: Callable[[float], str], mine: str = "ours") -> str:
    cost = measured.cost(name)
    if cost is None:
        return measured.failed.get(name, "")
    against = measured.ratio(name, mine)
    return amount(cost) + (f" ({number(against[1])})" if against and mine != name else "")


def _below(results: Results) -> Iterator[str]:
    yield "What lies below, measured in the rounds of LangChain: microseconds of CPU time."
    names = [entry.name for entry in BELOW]
    rows = []
    for row in ROWS:
        measured = results.find("rows", "langchain", row.key)
        if any(measured.costs.get(name) for name in names):
            rows.append([row.title, *(_cell(measured, name, microseconds) for name in names)])
    yield _table(("work", *(entry.title for entry in BELOW)), rows)


def _embeddings(results: Results) -> Iterator[str]:
    head = ("client", *(row.title for row in _VECTORS))
    for framework, title in FRAMEWORKS.items():
        names = titles(framework)
        for kind, unit, amount in _VECTOR_TABLES:
            found = [results.find(kind, framework, row.key) for row in _VECTORS]
            if not any(measured.costs for measured in found):
                continue
            yield f"{unit} for each text, {title}; in parentheses, this library's cost to it, in the same rounds."
            rows = [
                [names[name], *(_cell(measured, name, amount, _SELF.get(name, "ours")) for measured in found)]
                for name in _VECTORS_BY
            ]
            yield _table(head, rows)


def _flights(results: Results) -> Iterator[str]:
    for framework, title in FRAMEWORKS.items():
        names = titles(framework)
        found = [measured for measured in results.flights if measured.framework == framework]
        yield f"{title}: microseconds of CPU time of a call; calls a second; median latency."
        order = list(dict.fromkeys(name for measured in found for name in (*measured.costs, *measured.failed)))
        lines = [
            [names[name], *(_flown(measured, name) for measured in found)] for name in sorted(order, key=_ours_first)
        ]
        yield _table(("client", *(f"{measured.key.partition('-')[2]} in flight" for measured in found)), lines)


def _ours_first(name: str) -> int:
    return 0 if name == "ours" else 1 if name == ALONE else 2


def _flown(measured: Measured, name: str) -> str:
    cost = measured.cost(name)
    if cost is None:
        return measured.failed.get(name, "")
    flown = measured.more.get(name)
    if not flown:
        return microseconds(cost)
    rate = sorted(one["rate"] for one in flown)[len(flown) // 2]
    latency = sorted(one["latency"] for one in flown)[len(flown) // 2]
    return f"{microseconds(cost)}; {rate:,.0f}/s; {latency * 1e3:,.0f} ms"


def _imports(results: Results) -> Iterator[str]:
    yield (
        "The least CPU time of all rounds, each in an interpreter of its own, the number of modules then loaded, and "
        "the instructions beyond those of an interpreter that imports nothing; in parentheses, this library's to it."
    )
    for measured in results.imports:
        names, counted = titles(measured.framework), results.find("counted", measured.framework, measured.key)
        rows = [
            [
                names[name],
                f"{min(costs) * 1e3:,.0f} ms ({number(min(measured.costs['ours']) / min(costs))})",
                f"{measured.more[name][0]['modules']:,}",
                _cell(counted, name, millions),
            ]
            for name, costs in measured.costs.items()
        ]
        yield _table((FRAMEWORKS[measured.framework], "CPU time", "modules", "millions of instructions"), rows)


def _memory(results: Results) -> Iterator[str]:
    for framework, title in FRAMEWORKS.items():
        found = grown(results, framework)
        sizes = sorted({size for by_size in found.values() for size in by_size})
        rows = [
            [
                work,
                titles(framework)[client],
                *(mebibytes(by_size[size]) for size in sizes),
                f"{for_each(by_size):,.0f} bytes",
            ]
            for (work, client), by_size in found.items()
        ]
        yield f"{title}:"
        yield _table(("work", "client", *(f"{size:,}" for size in sizes), "for each more"), rows)


def _growth(results: Results) -> Iterator[str]:
    head = ("one more", "client", *(f"{size:,}" for size in DECADES), "rise")
    for framework, title in FRAMEWORKS.items():
        names = titles(framework)
        for kind, unit, amount in _GROWTH_TABLES:
            rows = [
                [
                    line.title,
                    names[line.client],
                    *(map(amount, line.costs) if line.rise else ("did not finish",) * len(DECADES)),
                    ratio(line.rise) if line.rise else "",
                ]
                for line in getattr(results, kind)
                if line.framework == framework
            ]
            if rows:
                yield f"{unit}, {title}:"
                yield _table(head, rows)


def _surroundings(results: Results) -> Iterator[str]:
    share = max((row.server for row in (*results.rows, *results.flights)), default=0.0)
    rounds = [len(costs) for row in results.rows for costs in row.costs.values()] or [0]
    yield (
        f"This run: {os.cpu_count()} CPUs ({platform.machine()}, {platform.system()}), "
        f"{results.seconds / 60:.0f} minutes, at least {min(rounds)} rounds of each row. The server computed for "
        f"at most {share:.0%} of the time of any measurement, in a process of its own."
    )
    packages = list(dict.fromkeys(name for found in results.versions.values() for name in found))
    rows = [[name, *(found.get(name, "") for found in results.versions.values())] for name in packages]
    yield _table(("versions", *(f"{FRAMEWORKS[name]}'s environment" for name in results.versions)), rows)
