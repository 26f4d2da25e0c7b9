"""What was measured, as lines on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.catalogue import BELOW, CLIENTS, FRAMEWORKS, PARSERS
from benchmarks.linear import DECADES, Marginal
from benchmarks.measure import Measured
from benchmarks.memory import Growth
from benchmarks.rows import ALONE, Flight, Row


def microseconds(seconds: float) -> str:
    """A time, with about three digits."""
    value = seconds * 1e6
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def thousands(instructions: float) -> str:
    """A number of instructions, in thousands."""
    value = instructions / 1000
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def millions(instructions: float) -> str:
    """A number of instructions, in millions."""
    return f"{instructions / 1e6:,.0f}"


def mebibytes(size: float) -> str:
    """A size of memory."""
    return f"{size / 1024 / 1024:,.1f} MiB"


def number(value: float) -> str:
    """A ratio, with two or three digits."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.4f}" if abs(value) < 0.02 else f"{value:.3f}" if abs(value) < 0.1 else f"{value:.2f}"


def ratio(quartiles: tuple[float, float, float]) -> str:
    """A ratio with its spread."""
    low, middle, high = map(number, quartiles)
    return middle if low == high else f"{middle} ({low} to {high})"


def titles(framework: str) -> dict[str, str]:
    """The clients of a framework as the page calls them."""
    known = {entry.name: entry.title for entry in (*CLIENTS[framework], *BELOW, *PARSERS)}
    return {
        **known,
        ALONE: "azure-inference, 1 in flight, no wait",
        "baseline": "azure-inference, the other checkout",
        "": "",
    }


def row_lines(row: Row, measured: Measured, *, counted: bool = False) -> Iterator[str]:
    """A row; `counted` if in instructions."""
    server = "" if counted else f"  [server: {measured.server:.0%} of a CPU]"
    yield f"\n{FRAMEWORKS[measured.framework]}: {row.title}{server}"
    names = titles(measured.framework)
    for name in measured.costs:
        cost = measured.cost(name) or 0.0
        amount = f"{thousands(cost):>9} k instructions" if counted else f"{microseconds(cost):>9} us"
        against = measured.ratio(name) if name != "ours" else None
        limit = row.limit(measured.framework, name)
        asked = f"; asked: {number(limit)}" if limit else ""
        yield f"  {names[name]:36} {amount} per {row.unit}" + (f"; ours: {ratio(against)}{asked}" if against else "")
    yield from (f"  {names[name]:36} {why}" for name, why in measured.failed.items())


def flight_lines(flight: Flight, measured: Measured) -> Iterator[str]:
    """A number of calls in flight."""
    server = f"[server: {measured.server:.0%} of a CPU]"
    yield f"\n{FRAMEWORKS[measured.framework]}: chat, async, {flight.at_once} in flight  {server}"
    names = titles(measured.framework)
    for name in measured.costs:
        cost = measured.cost(name) or 0.0
        flown = measured.more.get(name, [])
        rate = f"{max(one['rate'] for one in flown):>7,.0f} calls/s at best" if flown else ""
        latency = f"{min(one['latency'] for one in flown) * 1e3:>6.0f} ms" if flown else ""
        against = measured.ratio(name) if name != "ours" else None
        yield f"  {names[name]:36} {microseconds(cost):>9} us {rate}{latency}" + (
            f"; ours: {ratio(against)}" if against else ""
        )
    yield from (f"  {names[name]:36} {why}" for name, why in measured.failed.items())


def import_lines(measured: Measured) -> Iterator[str]:
    """What imports cost."""
    yield f"\n{FRAMEWORKS[measured.framework]}: import, the least of all rounds"
    ours = min(measured.costs["ours"])
    for name, costs in measured.costs.items():
        modules = measured.more[name][0]["modules"]
        yield (
            f"  {titles(measured.framework)[name]:36} {min(costs) * 1e3:>7,.0f} ms, {modules:,} modules; "
            f"ours: {number(ours / min(costs))}"
        )


def memory_lines(grown: Sequence[Growth]) -> Iterator[str]:
    """What memory grew to."""
    yield "\nhow far the peak of memory rose"
    for line in grown:
        what = f"{FRAMEWORKS[line.framework]}: {line.title}, {line.size:,}: {titles(line.framework)[line.client]}"
        own = f", of which the result is {mebibytes(line.own)}" if line.own else ""
        yield f"  {what}: {mebibytes(line.grown)}{own}"


def linear_lines(lines: Sequence[Marginal], *, counted: bool = False) -> Iterator[str]:
    """What one more costs; `counted` if in instructions."""
    amount, unit = (thousands, "k instructions") if counted else (microseconds, "us")
    yield "\nwhat one more costs, up to " + ", ".join(f"{size:,}" for size in DECADES)
    for line in lines:
        costs = line.why or f"{', '.join(map(amount, line.costs))} {unit}"
        rise = f"; rise: {ratio(line.rise)}" if line.rise else ""
        yield f"  {FRAMEWORKS[line.framework]}: {line.title}: {titles(line.framework)[line.client]}: {costs}{rise}"
