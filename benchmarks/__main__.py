"""`python -m benchmarks`: measures, prints what it measured, and writes docs/performance.md when all was measured."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from benchmarks.catalogue import FRAMEWORKS
from benchmarks.page import page
from benchmarks.processes import ROOT
from benchmarks.run import WORDS, Wanted, run

PAGE = ROOT / "docs" / "performance.md"


def wanted() -> tuple[Wanted, bool]:
    """What the command line asks for, and whether to write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", default="", metavar="WORDS", help="by comma, of: " + ", ".join(WORDS))
    parser.add_argument("--frameworks", default=",".join(FRAMEWORKS), help="by comma (default: %(default)s)")
    parser.add_argument("--clients", default="", help="by comma, such as ours,floor,azure,openai (default: all)")
    parser.add_argument("--quick", action="store_true", help="two or three rounds only, and no page")
    parser.add_argument("--instructions", action="store_true", help="count instructions with callgrind, not time")
    parser.add_argument("--baseline", type=Path, help="another checkout of this project, measured beside this one")
    for name in FRAMEWORKS:
        python = os.environ.get(f"{name.upper()}_PEERS_PYTHON", str(ROOT / f".venv-{name}-peers" / "bin" / "python"))
        parser.add_argument(f"--{name}-python", default=python, help="the interpreter with its peers (%(default)s)")
    options = parser.parse_args()
    words, clients = (frozenset(text.split(",")) - {""} for text in (options.only, options.clients))
    if unknown := words - set(WORDS):
        parser.error(f"no such rows: {', '.join(sorted(unknown))}")
    pythons = {name: getattr(options, f"{name}_python") for name in options.frameworks.split(",")}
    for name, python in pythons.items():
        if not Path(python).exists():
            parser.error(f"there is no {python}: run `make bench`, or say --{name}-python")
    whole = not (words or clients or options.quick or options.instructions or options.baseline)
    return (
        Wanted(words, clients, pythons, options.quick, options.baseline, options.instructions),
        whole and set(pythons) == set(FRAMEWORKS),
    )


def main() -> None:
    """Measures what was asked for."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the processes are ended
    what, write = wanted()
    results = run(what)
    print(f"\n{results.seconds:.0f} s", file=sys.stderr)
    if write:
        PAGE.write_text(page(results), encoding="utf-8")
        print(f"wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
