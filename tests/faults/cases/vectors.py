"""Vectors: which row belongs to which text, what is no vector, and batches of which one fails."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Callable, Iterator
from typing import Any

from tests.faults.answers import Rows, embedded, embeddings, inputs, refused, rows, whole
from tests.faults.server import Peer, Step

from ._case import Case, answered, fails, right_answer

_EMBED = ("embed",)
_NOT_VALID = "ResponseValidationError"
_ONCE = {"attempts": 1}


def cases() -> Iterator[Case]:
    """All of them."""
    for fault, changes in _WRONG.items():
        for name, change in changes.items():
            yield from fails(fault, name, _NOT_VALID, ("request", embedded(change)), calls=_EMBED, fields=_ONCE)
    for fault, changes in _ODD.items():
        for name, change in changes.items():
            yield from answered(fault, name, embedded(change), calls=_EMBED)
    step = embedded()
    asked = {"job": {"dimensions": 4}}
    yield from fails("F53", "other than asked for", _NOT_VALID, ("request", step), calls=_EMBED, **asked)
    yield from _batches()


def _numbered(place: Callable[[int], int]) -> Callable[[Rows], Rows]:
    """Rows in reverse, so that their order is not right by chance, with other numbers."""
    return lambda told: [{**row, "index": place(row["index"])} for row in told[::-1]]


def _second(change: Callable[[list[float]], Any]) -> Callable[[Rows], Rows]:
    """A change to the vector of the second row."""
    return lambda told: [told[0], {**told[1], "embedding": change(told[1]["embedding"])}, *told[2:]]


def _each(change: Callable[[list[float]], Any]) -> Callable[[Rows], Rows]:
    return lambda told: [{**row, "embedding": change(row["embedding"])} for row in told]


def _packed(numbers: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def _counted_anew(told: Rows) -> Rows:
    return [{**row, "index": at} for at, row in enumerate([told[0], *told[2:]])]


def _without_index(told: Rows) -> Rows:
    return [{key: value for key, value in row.items() if key != "index"} for row in told]


_ODD: dict[str, dict[str, Callable[[Rows], Rows]]] = {
    "F49": {
        "reversed": lambda told: told[::-1],
        "turned": lambda told: [*told[1:], told[0]],
    },
    "F51": {"no index": _without_index},
    "F54": {"base64": _each(_packed), "one in base64": _second(_packed)},
}
_WRONG: dict[str, dict[str, Callable[[Rows], Rows]]] = {
    "F50": {
        "one is missing": lambda told: [told[0], *told[2:]],
        "one is missing, counted anew": _counted_anew,
        "one too many": lambda told: [*told, {**told[0], "index": len(told)}],
        "none": lambda told: [],
    },
    "F51": {
        "an index twice": _numbered(lambda at: min(at, 1)),
        "from 1": _numbered(lambda at: at + 1),
        "below 0": _numbered(lambda at: at - 1),
        "some without": lambda told: [told[2], *_without_index(told[:2])],
    },
    "F52": {
        "NaN": _second(lambda numbers: [math.nan, *numbers[1:]]),
        "infinite": _second(lambda numbers: [-math.inf, *numbers[1:]]),
        "null": _second(lambda numbers: None),
        "a null within": _second(lambda numbers: [None, *numbers[1:]]),
        "a text": _second(str),
        "a text within": _second(lambda numbers: [str(numbers[0]), *numbers[1:]]),
        "empty": _second(lambda numbers: []),
        "base64 cut short": _second(lambda numbers: _packed(numbers)[:-6]),
    },
    "F53": {"one is longer": _second(lambda numbers: [*numbers, 1.0])},
}


def _but(step: Callable[[Rows], Any] | None, refusal: bytes = b"") -> Step:
    """The step that answers rightly, but not where text 20 is asked for: the third batch of ten."""

    def answer(peer: Peer) -> bytes:
        texts = inputs(peer)
        told = rows(texts)
        if any(text.endswith(" 20") for text in texts):
            return whole(embeddings(step(told))) if step else refusal
        return whole(embeddings(told))

    return answer


def _batches() -> Iterator[Case]:
    batched = {"texts": 30, "batch_size": 10}
    right = right_answer("embed", 30)
    good: Any = ("request", embedded())
    for name, refusal in (("503 once", refused(503)), ("429 once", refused(429, retry_after_ms=100))):
        scripts = (good, ("request", refusal), good)
        yield Case(fault="F55", name=name, call="embed", scripts=scripts, requests=4, right=right, job=batched)
    script: Any = ("request", _but(None, refused(503)))
    told = {"error": "InternalServerError", "fields": {"status_code": 503, "attempts": 3, "done": 20}}
    yield Case(fault="F55", name="503 always", call="embed", scripts=(script,), requests=None, job=batched, **told)
    longer: Any = ("request", _but(_each(lambda numbers: [*numbers, 1.0])))
    told = {"error": _NOT_VALID, "requests": 3}
    yield Case(fault="F53", name="from one batch to the next", call="embed", scripts=(longer,), job=batched, **told)
    reversed_: Any = ("request", embedded(lambda rows: rows[::-1]))
    told = {"requests": 3, "right": right}
    yield Case(fault="F49", name="in each batch", call="embed", scripts=(reversed_,), job=batched, **told)
