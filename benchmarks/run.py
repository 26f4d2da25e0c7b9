"""One run: everything that was asked for, one framework after the other, printed as it is measured."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks import imports, linear, memory, report
from benchmarks.flight import measure_flight
from benchmarks.instructions import Callgrind, available, count
from benchmarks.measure import Field, measure
from benchmarks.processes import Server
from benchmarks.results import Results, versions
from benchmarks.rows import FLIGHTS, FLIGHTS_COUNTED, ROWS

INSTRUCTIONS = "instructions"
WORDS = (*(row.key for row in ROWS), *(flight.key for flight in FLIGHTS), imports.KEY, memory.KEY, linear.KEY)


@dataclass(frozen=True)
class Wanted:
    """What to measure: `words` of WORDS (none: all), of which `clients` (none: all), with which interpreters."""

    words: frozenset[str]
    clients: frozenset[str]
    pythons: Mapping[str, str]
    quick: bool = False
    baseline: Path | None = None
    instructions: bool = False
    """Whether to count instructions instead of time."""

    def has(self, word: str) -> bool:
        """Whether something is to be measured."""
        return not self.words or word in self.words


def run(wanted: Wanted) -> Results:
    """Measures all that is wanted."""
    results = Results()
    started = time.monotonic()
    for framework, python in wanted.pythons.items():
        results.versions[framework] = versions(python)
        with Server() as server:
            if not wanted.instructions:
                with _field(wanted, framework, python, server) as field:
                    _time(wanted, field, results)
                if wanted.has(imports.KEY):
                    results.imports.append(imports.measure_imports(framework, python, quick=wanted.quick))
                    _show(report.import_lines(results.imports[-1]))
            if wanted.instructions or (not wanted.words and not wanted.quick and available()):
                _count(wanted, framework, python, server, results)
    results.seconds = time.monotonic() - started
    return results


def _field(wanted: Wanted, framework: str, python: str, server: Server, prefix: Iterable[str] = ()) -> Field:
    return Field(framework, python, server, only=wanted.clients, baseline=wanted.baseline, prefix=list(prefix))


def _time(wanted: Wanted, field: Field, results: Results) -> None:
    for row in ROWS:
        if wanted.has(row.key):
            results.rows.append(measure(field, row, quick=wanted.quick))
            _show(report.row_lines(row, results.rows[-1]))
    for flight in FLIGHTS:
        if wanted.has(flight.key):
            results.flights.append(measure_flight(field, flight, quick=wanted.quick))
            _show(report.flight_lines(flight, results.flights[-1]))
    if wanted.has(memory.KEY):
        grown = memory.measure_memory(field)
        results.memory += grown
        _show(report.memory_lines(grown))
    if wanted.has(linear.KEY):
        lines = linear.measure_linear(field, quick=wanted.quick)
        results.linear += lines
        _show(report.linear_lines(lines))


def _count(wanted: Wanted, framework: str, python: str, server: Server, results: Results) -> None:
    every = [*(row for row in ROWS if row.counted[1]), *(flight.counted for flight in FLIGHTS_COUNTED)]
    rows = [row for row in every if wanted.has(row.key)]
    with Callgrind() as callgrind, _field(wanted, framework, python, server, callgrind.prefix) as field:
        counted = count(field, rows, callgrind)
        results.counted += counted
        for row, measured in zip(rows, counted, strict=True):
            _show(report.row_lines(row, measured, counted=True))
        if wanted.has(linear.KEY):
            lines = linear.count_linear(field, callgrind)
            results.linear_counted += lines
            _show(report.linear_lines(lines, counted=True))
    if wanted.has(imports.KEY):
        results.counted.append(imports.count_imports(framework, python))


def _show(lines: Iterable[str]) -> None:
    print("\n".join(lines), flush=True)
