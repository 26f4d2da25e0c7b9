"""`python -m benchmarks`: measures, prints what it measured, and (when all was measured) writes docs/performance.md."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from benchmarks.catalogue import FRAMEWORKS
from benchmarks.instructions import Callgrind, count
from benchmarks.measure import Field, Measured, measure
from benchmarks.processes import ROOT, Server
from benchmarks.report import row_lines
from benchmarks.rows import ROWS


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", help="rows, by comma: " + ", ".join(row.key for row in ROWS))
    parser.add_argument("--frameworks", default=",".join(FRAMEWORKS), help="by comma (default: %(default)s)")
    parser.add_argument("--clients", default="", help="by comma, such as ours,floor,azure,openai (default: all)")
    parser.add_argument("--quick", action="store_true", help="three rounds only")
    parser.add_argument("--instructions", action="store_true", help="count instructions with callgrind, not time")
    parser.add_argument("--baseline", type=Path, help="another checkout of this project, measured beside this one")
    for name in FRAMEWORKS:
        python = os.environ.get(f"{name.upper()}_PEERS_PYTHON", str(ROOT / f".venv-{name}-peers" / "bin" / "python"))
        parser.add_argument(f"--{name}-python", default=python, help="the interpreter with its peers (%(default)s)")
    options = parser.parse_args()
    for name in options.frameworks.split(","):
        python = getattr(options, f"{name}_python")
        if not Path(python).exists():
            parser.error(f"there is no {python}: run `make bench`, or say --{name}-python")
    return options


def main() -> None:
    """Measures what was asked for."""
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the processes are ended
    words = set((options.only or "").split(",")) - {""}
    rows = [row for row in ROWS if not words or row.key in words]
    callgrind = Callgrind() if options.instructions else None
    started = time.monotonic()
    results: list[Measured] = []
    with Server() as server:
        for framework in options.frameworks.split(","):
            with Field(
                framework,
                getattr(options, f"{framework}_python"),
                server,
                only=set(options.clients.split(",")) - {""},
                baseline=options.baseline,
                prefix=callgrind.prefix if callgrind else (),
            ) as field:
                if callgrind:
                    countable = [row for row in rows if row.counted[1]]
                    for row, result in zip(countable, count(field, countable, callgrind), strict=True):
                        print("\n".join(row_lines(row, result, counted=True)), flush=True)
                    continue
                for row in rows:
                    results.append(measure(field, row, quick=options.quick))
                    print("\n".join(row_lines(row, results[-1])), flush=True)
    print(f"{time.monotonic() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
