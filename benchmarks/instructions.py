"""Instructions instead of time: the same work under callgrind, whose counts do not depend on who else computes.

The count of a smaller size is taken off that of a larger one, so that what happens once does not count. Instructions of
the kernel are not counted.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from benchmarks.measure import Field, Measured
from benchmarks.processes import ROOT
from benchmarks.rows import Row

LIMIT = 600.0


def available() -> bool:
    """Whether callgrind is installed."""
    return shutil.which("valgrind") is not None and shutil.which("callgrind_control") is not None


class Callgrind:
    """Counts what a process executes between two moments; used with the command that starts the process."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="benchmarks-")
        self.prefix = [
            "valgrind",
            "-q",
            "--tool=callgrind",
            "--instr-atstart=no",
            f"--callgrind-out-file={self.folder.name}/%p",
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.folder.cleanup()

    def control(self, pid: int, *words: str) -> None:
        """Tells the process's callgrind something."""
        subprocess.run(["callgrind_control", *words, str(pid)], check=True, capture_output=True)

    def start(self, pid: int) -> None:
        """Begins to count, from zero."""
        self.control(pid, "-i", "on")
        self.control(pid, "-z")

    def stop(self, pid: int) -> int:
        """The instructions since the start."""
        self.control(pid, "-d")
        self.control(pid, "-i", "off")
        return _total(max(Path(self.folder.name).glob(f"{pid}.*"), key=lambda path: int(path.suffix[1:])))


def _total(dump: Path) -> int:
    lines = dump.read_text(encoding="utf-8", errors="replace").splitlines()
    return int(next(line for line in reversed(lines) if line.startswith("totals:")).split()[1])


def of_process(command: Sequence[str], env: Mapping[str, str]) -> int:
    """All that a process executes until it ends."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        dump = Path(folder) / "whole"
        counter = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={dump}"]
        subprocess.run([*counter, *command], env=env, cwd=ROOT, check=True, capture_output=True)
        return _total(dump)


def count(field: Field, rows: Sequence[Row], callgrind: Callgrind) -> list[Measured]:
    """Counts rows: instructions for each unit, in the place of seconds.

    One client after another, since a process under callgrind is not idle even when it waits.
    """
    results = [Measured(field.framework, row.key) for row in rows]
    for name in field.taking_part(dict.fromkeys(name for row in rows for name in row.clients)):
        for row, result in zip(rows, results, strict=True):
            if name not in field.taking_part(row.clients):
                continue
            cost = marginal(field, name, row.counted_sizes(name), callgrind, work=row.work, **row.options)
            if cost is not None:
                result.costs[name] = [cost]
                print(f"{field.framework} {name} {row.key}: {cost:,.0f}", file=sys.stderr)
        field.end(name)
    return results


def marginal(field: Field, name: str, sizes: tuple[int, int], callgrind: Callgrind, **order: Any) -> float | None:
    """The instructions of a unit more, between two sizes; None if one of them could not be done."""
    small, large = sizes
    for size in (small, small, large):  # each size has an object and connections of its own, to be made before
        if not _is_done(field, name, size=size, **order):
            return None
    less, more = (counted(field, name, callgrind, size=size, **order) for size in (small, large))
    return None if less is None or more is None else (more - less) / (large - small)


def counted(field: Field, name: str, callgrind: Callgrind, **order: Any) -> int | None:
    """The instructions of a piece of work that was done before; None if it could not be done again."""
    pid = field.worker(name).process.pid
    field.do(name, limit=LIMIT, work="tidy", size=1)
    callgrind.start(pid)
    return callgrind.stop(pid) if _is_done(field, name, **order) else None


def _is_done(field: Field, name: str, **order: Any) -> bool:
    answer = field.do(name, limit=LIMIT, **order)
    done = "cpu" in answer and not (isinstance(answer["value"], dict) and answer["value"]["failed"])
    if not done:
        print(f"{field.framework} {name} {order}: not counted: {answer}", file=sys.stderr)
    return done
