"""The process of one client: does the work it is told on standard input, and tells what it cost.

Arguments: the module and class of the client, the URL of the server, the CPU to stay on (or -1), and a folder whose
packages are to be measured. Each line read is `{"work": ..., "size": ..., ...}`; each line written is
`{"cpu": seconds, "wall": seconds, "value": ...}`, `{"missing": true}` or `{"error": text}`.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import select
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from benchmarks.clients.base import UNDER_VALGRIND
from benchmarks.server import allow_many_connections
from benchmarks.works import ASYNC, SYNC


class Clock:
    """Measures a piece of work: CPU time of this whole process, time on the wall, and a `peak` of memory if asked for.

    `peak` is "resident", what the system gave this process, or "traced", what Python's own objects took.
    """

    def __init__(self, *, peak: str = "") -> None:
        self.watch = PEAKS[peak] if peak else None

    def start(self) -> None:
        if not UNDER_VALGRIND:  # there, it is done before counting begins: see `tidy`
            gc.collect()
        self.risen = self.watch() if self.watch else None
        self.wall = time.perf_counter()
        self.cpu = time.process_time()

    def stop(self) -> dict[str, Any]:
        cost = {"cpu": time.process_time() - self.cpu, "wall": time.perf_counter() - self.wall}
        return cost if self.risen is None else {**cost, "grown": self.risen()}


def _watch_resident() -> Callable[[], int] | None:
    """Begins to watch the size of this process; what tells how far it rose, None where it is not known (no Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the largest size is noted anew
    except OSError:
        return None
    before = _resident("VmRSS")
    return lambda: _resident("VmHWM") - before


def _watch_traced() -> Callable[[], int]:
    """Begins to watch what Python allocates; what tells the most there was of it at once."""
    tracemalloc.start()

    def risen() -> int:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    return risen


PEAKS: dict[str, Callable[[], Callable[[], int] | None]] = {"resident": _watch_resident, "traced": _watch_traced}


def _resident(name: str) -> int:
    """A size of this process, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def perform(runner: asyncio.Runner, client: Any, order: dict[str, Any]) -> dict[str, Any]:
    """Does one piece of work."""
    name, times, peak = order.pop("work"), order.pop("times", 1), order.pop("peak", "")
    clock = Clock(peak=peak)
    prepare = SYNC.get(name) or ASYNC[name]
    try:
        work = prepare(client, **order)
    except (AttributeError, NotImplementedError) as error:
        return {"missing": True, "why": str(error)}
    if name in SYNC:
        clock.start()
        for _ in range(times):
            value = work()
        return {**clock.stop(), "value": value}
    return runner.run(_timed(clock, work, times))


async def _timed(clock: Clock, work: Callable[[], Awaitable[Any]], times: int) -> dict[str, Any]:
    clock.start()
    for _ in range(times):
        value = await work()
    return {**clock.stop(), "value": value}


def lines() -> Any:
    """The orders; valgrind's own are only looked at while this process runs, so there it does not sleep for long."""
    while UNDER_VALGRIND and not select.select([sys.stdin], [], [], 0.02)[0]:
        pass
    while line := sys.stdin.readline():
        yield line
        while UNDER_VALGRIND and not select.select([sys.stdin], [], [], 0.02)[0]:
            pass


def main() -> None:
    """Serves until standard input ends."""
    module, name, url, cpu, library = sys.argv[1:]
    sys.path[:0] = [str(Path(library) / "shared"), library]
    allow_many_connections()
    if int(cpu) >= 0:
        os.sched_setaffinity(0, {int(cpu)})
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a client prints is no answer
    client = getattr(importlib.import_module(module), name)(url)
    answers.write(json.dumps({"ready": True}) + "\n")
    with asyncio.Runner() as runner:
        for line in lines():
            try:
                answer = perform(runner, client, json.loads(line))
            except Exception as error:  # noqa: BLE001 - told to whoever asked
                answer = {"error": f"{type(error).__name__}: {error}"[:500]}
            answers.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        os._exit(0)  # nothing of the clients' own endings is measured


if __name__ == "__main__":
    main()
