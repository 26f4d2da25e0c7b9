"""The processes of a measurement: one server, one worker for each client, each told where to run and what to do."""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[1]
_STARTING = 600.0


def cpus() -> tuple[int, int]:
    """The CPUs of the clients and of the server; (-1, -1) where processes cannot be pinned or there is only one."""
    if not hasattr(os, "sched_getaffinity"):
        return -1, -1
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[-1]) if len(usable) > 1 else (-1, -1)


def environment() -> dict[str, str]:
    """Ours, without what would make a client trace, log or call elsewhere."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LANGSMITH", "LANGCHAIN_", "AZURE_", "OPENAI_", "OTEL_", "PYTHON"))
        and not name.lower().endswith("_proxy")
    }
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0", "ANONYMIZED_TELEMETRY": "false"}


class Server:
    """The server process."""

    def __init__(self, python: str = sys.executable) -> None:
        self.process = subprocess.Popen(
            [python, "-m", "benchmarks.server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=environment(),
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        if cpus()[1] >= 0:
            os.sched_setaffinity(self.process.pid, {cpus()[1]})

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def cpu_time(self) -> float:
        """Seconds of CPU time that it has used so far."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        try:
            connection.request("GET", "/cpu")
            return float(connection.getresponse().read())
        finally:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        _end(self.process)


class TooLongError(Exception):
    """A worker did not answer in time."""


@dataclass
class Worker:
    """A worker process; `library` is the checkout whose packages it measures."""

    python: str
    client: str
    url: str
    library: Path = ROOT
    prefix: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        module, _, name = self.client.partition(":")
        command = [self.python, "-W", "ignore", "-m", "benchmarks.worker", f"benchmarks.clients.{module}", name]
        self.process = subprocess.Popen(
            [*self.prefix, *command, self.url, str(-1 if self.prefix else cpus()[0]), str(self.library)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=environment(),
        )
        try:
            self._answer(_STARTING)
        except (EOFError, TooLongError) as error:
            _end(self.process)
            raise RuntimeError(f"the process of {self.client} did not start; its words are above") from error

    def do(self, *, limit: float = 120.0, **order: Any) -> dict[str, Any]:
        """Has a piece of work done; `limit` is in seconds."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.process.stdin.flush()
        return self._answer(limit)

    def _answer(self, limit: float) -> dict[str, Any]:
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], limit)[0]:
            raise TooLongError(f"no answer within {limit:.0f} s")
        line = self.process.stdout.readline()
        if not line:
            raise EOFError(f"{self.client} ended with status {self.process.wait()}")
        return json.loads(line)

    def end(self) -> None:
        """Ends the process."""
        _end(self.process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    deadline = time.monotonic() + 2
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
