"""The same faults for several libraries: each is asked in a process of its own, and judged by one judge."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from .answers import GOOD
from .cases import CASES, Case
from .judge import Outcome, verdict
from .libraries import KEY, PROMPT, Job
from .server import RawServer

ROOT = Path(__file__).resolve().parents[2]
LIMITS = {"read": 2.0, "idle": 2.0, "total": 8.0}
"""Seconds; whoever knows no total is only told the first."""
HARD_LIMIT = 20.0
"""Seconds after which a run counts as one that never ends."""
AT_ONCE = 24
_NOT_PASSED_ON = ("AZURE_", "OPENAI_", "LANGCHAIN_", "LANGSMITH_")


@dataclass(frozen=True)
class Run:
    """What became of a case."""

    case: Case
    is_async: bool
    verdict: str
    requests: int
    outcome: Outcome | None


@dataclass(frozen=True)
class Results:
    """What became of all cases with one library."""

    versions: dict[str, str]
    python: str
    runs: tuple[Run, ...]

    def count(self, word: str) -> int:
        """How many runs had a verdict."""
        return sum(run.verdict == word for run in self.runs)


class Worker:
    """The process of a library."""

    def __init__(self, python: str, library: str) -> None:
        unwanted = [name for name in os.environ if name.startswith(_NOT_PASSED_ON) or name.lower().endswith("_proxy")]
        self._process = subprocess.Popen(
            [python, "-W", "ignore", "-m", f"{__package__}.worker", library],
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if name not in unwanted},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._lock = threading.Lock()
        self._waiting: list[Future[Outcome]] = []
        self.hello = json.loads(self._read() or "{}")
        if not self.hello:
            raise SystemExit(f"error: {python} cannot ask {library}: is it installed there?")
        threading.Thread(target=self._listen, daemon=True).start()

    def ask(self, job: Job) -> Future[Outcome]:
        """What will come of a job."""
        future: Future[Outcome] = Future()
        with self._lock:
            self._waiting.append(future)
            line = json.dumps({"id": len(self._waiting) - 1, "job": asdict(job)})
            assert self._process.stdin is not None
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        return future

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def _listen(self) -> None:
        while line := self._read():
            told = json.loads(line)
            future = self._waiting[told.pop("id")]
            future.set_result(Outcome(**told))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.kill()
        self._process.wait()


def compare(python: str, library: str) -> Results:
    """What becomes of every case, sync and async."""
    with Worker(python, library) as worker, ThreadPoolExecutor(AT_ONCE) as pool:
        _warm_up(worker)
        jobs = [(case, is_async) for case in CASES if case.is_compared for is_async in (False, True)]
        runs = pool.map(lambda job: _run(worker, *job), jobs)
        return Results(worker.hello["versions"], worker.hello["python"], tuple(_reported(library, runs, len(jobs))))


def _reported(library: str, runs: Iterable[Run], total: int) -> Iterable[Run]:
    for number, run in enumerate(runs, 1):
        if sys.stderr.isatty() or number == total:
            sys.stderr.write(f"\r{library}: {number} of {total} runs" + ("\n" if number == total else ""))
        yield run


def _warm_up(worker: Worker) -> None:
    """Lets a library load what it loads at its first call, and makes sure that it can be asked at all."""
    for call, script in GOOD.items():
        for is_async in (False, True):
            with RawServer() as server:
                server.script(*script)
                outcome = worker.ask(Job(url=server.root, call=call, is_async=is_async, **LIMITS)).result(60)
                if outcome.error:
                    raise SystemExit(f"error: a right answer to {call} became {outcome.error[0]}: {outcome.message}")


def _run(worker: Worker, case: Case, is_async: bool) -> Run:
    with case.playing() as (server, foreign):
        try:
            outcome = worker.ask(case.to_job(server.root, is_async=is_async, limits=LIMITS)).result(HARD_LIMIT)
        except NotInTime:
            outcome = None
        has_leaked = any(map(_tells_a_secret, [*foreign.requests, *foreign.bodies]))
        word = verdict(case.right, outcome, has_leaked=has_leaked)
        return Run(case, is_async, word, len(server.requests), outcome)


def _tells_a_secret(request: bytes) -> bool:
    return any(secret.encode() in request for secret in (KEY, PROMPT))
