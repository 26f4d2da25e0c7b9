"""`python -m benchmarks`: measures, prints what it measured, and (when all was measured) writes docs/performance.md."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from benchmarks.catalogue import FRAMEWORKS
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
    parser.add_argument("--baseline", type=Path, help="another checkout of this project, measured beside this one")
    for name in FRAMEWORKS:
        python = os.environ.get(f"{name.upper()}_PEERS_PYTHON", str(ROOT / f".venv-{name}-peers" / "bin" / "python"))
        parser.add_argument(f"--{name}-python", default=python, help="the interpreter with its peers (%(default)s)")
    return parser.parse_args()


def main() -> None:
    """Measures what was asked for."""
    options = arguments()
    words = set((options.only or "").split(",")) - {""}
    started = time.monotonic()
    results: list[Measured] = []
    with Server() as server:
        for framework in options.frameworks.split(","):
            python = getattr(options, f"{framework}_python")
            clients = set(options.clients.split(",")) - {""}
            with Field(framework, python, server, only=clients, baseline=options.baseline) as field:
                for row in ROWS:
                    if words and row.key not in words:
                        continue
                    results.append(measure(field, row, quick=options.quick))
                    print("\n".join(row_lines(row, results[-1])), flush=True)
    print(f"{time.monotonic() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
