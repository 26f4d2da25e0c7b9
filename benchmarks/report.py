"""What was measured, as lines of a table."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.catalogue import FRAMEWORKS, entries
from benchmarks.measure import Measured
from benchmarks.rows import Row


def microseconds(seconds: float) -> str:
    """A time, with about three digits."""
    value = seconds * 1e6
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def ratio(quartiles: tuple[float, float, float]) -> str:
    """A ratio with its spread."""
    low, middle, high = (f"{value:.3f}" if value < 0.1 else f"{value:.2f}" for value in quartiles)
    return f"{middle} ({low}-{high})"


def row_lines(row: Row, measured: Measured, *, counted: bool = False) -> Iterator[str]:
    """A row as it is printed while measuring; `counted` if in instructions."""
    server = "" if counted else f"  [server: {measured.server:.0%} of a CPU]"
    yield f"\n{FRAMEWORKS[measured.framework]}: {row.title}{server}"
    titles = {entry.name: entry.title for entry in entries(measured.framework)}
    for name, costs in measured.costs.items():
        if not costs:
            continue
        against = measured.ratio(name) if name != "ours" else None
        limit = row.limit(measured.framework, name)
        words = f"ours is {ratio(against)} of it" if against else ""
        asked = f"; asked: {limit:.3g}" if limit else ""
        cost = measured.cost(name) or 0.0
        amount = f"{cost / 1000:>10,.1f} k instructions" if counted else f"{microseconds(cost):>10} us"
        yield f"  {titles.get(name, name):36} {amount}/{row.unit}  {words}{asked}"
    for name, why in measured.failed.items():
        yield f"  {titles.get(name, name):36} {why}"
