"""Failures of event streams: what ends them early, what stands between their events, how their bytes are cut.

=====================  =============================================================================================
``cut``                ends after ``after=3`` frames, without ``[DONE]``
``no-done``            all frames, no ``[DONE]``
``error-event``        after ``after=3`` frames ``event: error`` with a text, ``[DONE]``, and the rest of the frames
``error-frame``        after ``after=3`` frames an error object, ``code=500`` or any text; ``shape=wrapped`` or ``flat``
``bad-frame``          after ``after=3`` frames one that is not JSON
``after-done``         more frames behind ``[DONE]``
``json``               the whole answer as JSON in place of a stream
``crlf``, ``cr``       other ends of lines
``bom``                a byte order mark at the start
``comments``           comment lines between the events
``fields``             ``id:``, ``event:`` and ``retry:`` lines with the events
``no-space``           ``data:`` without the space
``multi-line``         each event's JSON on several ``data:`` lines
``no-newline``         no newline behind the last event
``bytes``              pieces of ``size=1`` bytes, which cuts characters too
``surrogates``         an emoji as two lone surrogates in two frames
``slow-frames``        ``seconds=0.2`` before each frame
=====================  =============================================================================================
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from azure_inference_emulator import sse
from azure_inference_emulator.values import JsonObject, as_object, as_objects


class Described(Protocol):
    """A fault as this module needs it."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def parameters(self) -> Mapping[str, str]:
        """Its parameters."""
        ...

    def number(self, name: str, default: float) -> float:
        """A parameter as a number."""
        ...


KEYS: Mapping[str, str] = {
    **dict.fromkeys(("cut", "error-event", "bad-frame"), "after"),
    "error-frame": "after code shape",
    "bytes": "size",
    "slow-frames": "seconds",
    **dict.fromkeys(
        "no-done after-done json crlf cr bom comments fields no-space multi-line no-newline surrogates".split(), ""
    ),
}
"""What each fault takes."""
_EMOJI = ("\\ud83d", "\\ude00")


def pause(faults: Iterable[Described]) -> float:
    """Seconds to wait before each frame."""
    return sum(fault.number("seconds", 0.2) for fault in faults if fault.name == "slow-frames")


def events(frames: Iterable[JsonObject], faults: Sequence[Described]) -> Iterator[bytes]:
    """The bytes of a stream, an event at a time, with the faults worked in."""
    named = {fault.name: fault for fault in faults}
    ended = False
    for written in _ended(_with_emoji(frames, "surrogates" in named), named):
        ended = written is None
        yield from _written(written, named)
    if not ended and not named.keys() & {"no-done", "cut", "error-frame"}:
        yield from _written(None, named)
    if "after-done" in named:
        late = {"id": "late", "choices": [{"index": 0, "delta": {"content": "late"}, "finish_reason": None}]}
        yield from _written(sse.frame(late), named)


def _with_emoji(frames: Iterable[JsonObject], wanted: bool) -> Iterator[bytes]:
    for frame in frames:
        yield sse.frame(frame)
        choices = as_objects(frame.get("choices"))
        delta = as_object(choices[0].get("delta")) if choices else {}
        if wanted and delta.get("role"):
            for half in _EMOJI:
                marked = {**frame, "choices": [{**choices[0], "delta": {"content": "\0"}}]}
                yield sse.frame(marked).replace(b"\\u0000", half.encode("ascii"))


def _ended(frames: Iterable[bytes], named: Mapping[str, Described]) -> Iterator[bytes | None]:
    """The events with what interrupts them; None stands for ``[DONE]``."""
    for number, frame in enumerate(frames):
        for name, fault in named.items():
            if name in _INTERRUPTIONS and number == int(fault.number("after", 3)):
                yield from _interruption(fault)
                if name in {"cut", "error-frame"}:
                    return
        yield frame


_INTERRUPTIONS = frozenset({"cut", "error-event", "error-frame", "bad-frame"})


def _interruption(fault: Described) -> Iterator[bytes | None]:
    if fault.name == "error-event":
        yield b"event: error\ndata: Error parsing decoded stream: tool_calls, with exception: 2 validation errors\n\n"
        yield None
    if fault.name == "bad-frame":
        yield b'data: {"choices": [{"index": 0, "delta": {"content": \n\n'
    if fault.name == "error-frame":
        code = fault.parameters.get("code", "500")
        error = {"code": code, "message": f"The emulator was told to fail with {code}."}
        yield sse.frame(error if fault.parameters.get("shape") == "flat" else {"error": error})


def _written(event: bytes | None, named: Mapping[str, Described]) -> Iterator[bytes]:
    """One event as its faults have it written, in the pieces it is sent in."""
    raw = sse.DONE if event is None else event
    if "multi-line" in named and event is not None:
        raw = _on_lines(raw)
    if "no-space" in named:
        raw = raw.replace(b"data: ", b"data:", 1)
    if "fields" in named:
        raw = b"id: 7\nevent: message\nretry: 3000\n" + raw
    if "comments" in named:
        raw = b": keep-alive\n\n" + raw + b":\n\n"
    if "no-newline" in named and event is None:
        raw = raw.rstrip(b"\n")
    if "crlf" in named or "cr" in named:
        raw = raw.replace(b"\n", b"\r\n" if "crlf" in named else b"\r")
    yield from _cut(raw, int(named["bytes"].number("size", 1))) if "bytes" in named else [raw]


def _on_lines(raw: bytes) -> bytes:
    try:
        data = json.loads(raw.removeprefix(b"data: "))
    except ValueError:
        return raw
    return b"".join(b"data: " + line + b"\n" for line in json.dumps(data, indent=1).encode().split(b"\n")) + b"\n"


def _cut(raw: bytes, size: int) -> list[bytes]:
    return [raw[start : start + size] for start in range(0, len(raw), max(1, size))]


def opening(faults: Iterable[Described]) -> bytes:
    """What stands before the first event."""
    return b"\xef\xbb\xbf" if any(fault.name == "bom" for fault in faults) else b""
