"""A process that asks one library: jobs come in as lines, outcomes go out as lines, in whatever order they end."""

from __future__ import annotations

import json
import sys
import threading
from importlib.metadata import version
from typing import Any

from .judge import Outcome
from .libraries import LIBRARIES, Job, Library

_LOCK = threading.Lock()


def main(name: str) -> None:
    """Answers every job of the standard input."""
    library = LIBRARIES[name]
    _tell({"versions": {package: version(package) for package in library.packages}, "python": sys.version.split()[0]})
    for line in sys.stdin:
        told = json.loads(line)
        # A job that never ends must not hold up the others, nor the end of the process.
        threading.Thread(target=_work, args=(library, told["id"], Job(**told["job"])), daemon=True).start()


def _work(library: Library, number: int, job: Job) -> None:
    outcome = _outcome(library, job)
    _tell({"id": number, "heard": outcome.heard, "error": outcome.error, "message": outcome.message})


def _outcome(library: Library, job: Job) -> Outcome:
    try:
        return Outcome(heard=library.ask(library.model(job), job))
    except BaseException as error:  # noqa: BLE001 - whatever comes out is what is judged
        return Outcome.of(error)


def _tell(value: dict[str, Any]) -> None:
    line = json.dumps(value, default=repr)
    with _LOCK:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
