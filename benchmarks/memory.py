"""What the process grows to while a long stream is read, or many vectors are made, beyond the result itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.measure import Field

KEY = "memory"
_MEBIBYTE = 1024 * 1024
_DIMENSIONS = 64


@dataclass(frozen=True)
class Growth:
    """How far the peak of a process's resident memory rose above where it was, in bytes; `own` is the result's size."""

    framework: str
    title: str
    client: str
    grown: int
    own: int

    @property
    def beyond(self) -> float:
        """The growth that the result does not account for, in MiB."""
        return (self.grown - self.own) / _MEBIBYTE


_STREAMS = (1_000, 10_000, 100_000)
_TEXTS = (10_000, 100_000)


def measure_memory(field: Field) -> list[Growth]:
    """The growth for each length, in a worker that has done a short one before; for streams, the framework's too."""
    lines: list[Growth] = []
    for work, title in (("stream", "a stream of {:,} chunks, sync"), ("astream", "a stream of {:,} chunks, async")):
        for size in _STREAMS:
            for name in ("ours", "floor"):
                lines += _grown(field, name, title.format(size), work=work, size=size, warm={"size": 100})
    for size in _TEXTS:
        title = f"{size:,} texts embedded 1,000 at a time, the vectors ({_DIMENSIONS} numbers) not kept"
        order: dict[str, Any] = {"work": "embed_in_parts", "part": 1000, "dimensions": _DIMENSIONS}
        lines += _grown(field, "ours", title, **order, size=size, warm={"size": 1000})
    for size in _TEXTS:
        title = f"{size:,} texts embedded in one call, the vectors ({_DIMENSIONS} numbers) kept"
        lines += _grown(field, "ours", title, work="embed_kept", dimensions=_DIMENSIONS, size=size, warm={"size": 1000})
    return lines


def _grown(field: Field, name: str, title: str, *, warm: dict[str, Any], **order: Any) -> list[Growth]:
    field.end(name)
    field.do(name, **{**order, **warm})
    answer = field.do(name, **order, peak=True)
    field.end(name)
    if answer.get("grown") is None:  # no such counter on this system
        return []
    own = answer["value"] if order["work"] == "embed_kept" else 0
    return [Growth(field.framework, title, name, answer["grown"], own)]
