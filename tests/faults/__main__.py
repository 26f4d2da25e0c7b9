"""Plays every fault for five libraries and writes docs/reliability.md: `python -m tests.faults`, or `make faults`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .comparison import ROOT, Results, compare
from .judge import VERDICTS
from .libraries import LIBRARIES
from .page import render


def main() -> None:
    """Reads the arguments, compares, writes."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    for framework in ("langchain", "llamaindex"):
        default = ROOT / f".venv-{framework}-peers" / "bin" / "python"
        parser.add_argument(f"--{framework}", type=Path, default=default, help="the Python with its packages")
    parser.add_argument("--only", choices=list(LIBRARIES), help="ask one library, show what went wrong, write nothing")
    arguments = parser.parse_args()
    pythons = {"langchain": arguments.langchain, "llamaindex": arguments.llamaindex}
    chosen = [arguments.only] if arguments.only else list(LIBRARIES)
    results = {name: compare(str(pythons[LIBRARIES[name].framework]), name) for name in chosen}
    if arguments.only:
        _show(results[arguments.only])
        return
    page = ROOT / "docs" / "reliability.md"
    page.write_text(render(results), encoding="utf-8")
    sys.stderr.write(f"Written: {page.relative_to(ROOT)}\n")


def _show(results: Results) -> None:
    for run in results.runs:
        if run.verdict not in VERDICTS[:2]:
            way = "async" if run.is_async else "sync"
            sys.stdout.write(f"{run.verdict:8} {way} {run.case.id}: {run.outcome}\n")
    counts = ", ".join(f"{results.count(word)} {word}" for word in VERDICTS)
    sys.stdout.write(f"{len(results.runs)} runs: {counts}\n")


if __name__ == "__main__":
    main()
