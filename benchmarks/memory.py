"""What the process grows to while a long stream is read, or many vectors are made, beyond the result itself."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from benchmarks.measure import Field

KEY = "memory"
_DIMENSIONS = 64
_ROUNDS = 5


@dataclass(frozen=True)
class Growth:
    """How far the peak of a process's memory rose above where it was, in bytes; `own` is the result's size.

    Both are medians of rounds, since the peak also depends on which pages happened to be free.
    """

    framework: str
    title: str
    client: str
    size: int
    grown: int
    own: int


_STREAM_SIZES = (1_000, 10_000, 100_000)
_TEXT_SIZES = (1_000, 10_000, 100_000)
_STREAMS = {"stream": "pieces of a stream, sync", "astream": "pieces of a stream, async"}
_DROPPED = f"texts embedded 1,000 at a time, the vectors ({_DIMENSIONS} numbers) not kept"
_KEPT = f"texts embedded in one call, the vectors ({_DIMENSIONS} numbers) kept, less the vectors"


def measure_memory(field: Field) -> list[Growth]:
    """The growth for each length, in a worker that has done a short one before; for streams, the framework's too."""
    lines: list[Growth] = []
    for work, title in _STREAMS.items():
        for name in field.taking_part(("ours", "floor")):
            for size in _STREAM_SIZES:
                kind = (
                    "own" if name == "floor" else "text"
                )  # the same contents: what is read of an answer is the result
                lines += _grown(field, name, title, work=work, size=size, kind=kind, warm={"size": 100})
    order: dict[str, Any] = {"dimensions": _DIMENSIONS, "warm": {"size": 1000}}
    for size in _TEXT_SIZES:
        lines += _grown(field, "ours", _DROPPED, work="embed_in_parts", part=1000, size=size, **order)
    for size in _TEXT_SIZES:
        lines += _grown(field, "ours", _KEPT, peak="traced", work="embed_kept", size=size, **order)
    return lines


def _grown(
    field: Field, name: str, title: str, *, warm: dict[str, Any], peak: str = "resident", **order: Any
) -> list[Growth]:
    answers = [_in_new_process(field, name, order, warm, peak) for _ in range(_ROUNDS)]
    if any(answer.get("grown") is None for answer in answers):  # no such counter on this system
        return []
    grown = statistics.median(answer["grown"] for answer in answers)
    own = statistics.median(answer["value"] for answer in answers) if order["work"] == "embed_kept" else 0
    return [Growth(field.framework, title, name, order["size"], grown, own)]


def _in_new_process(field: Field, name: str, order: dict[str, Any], warm: dict[str, Any], peak: str) -> dict[str, Any]:
    field.end(name)
    field.do(name, **{**order, **warm})
    answer = field.do(name, **order, peak=peak)
    field.end(name)
    return answer
