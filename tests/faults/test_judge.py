"""The judge of the comparison: a word for every outcome."""

from __future__ import annotations

import json
from typing import Any

import pytest

from azure_inference import RateLimitError, ResponseValidationError

from .answers import TEXT
from .judge import Outcome, matches, verdict

VECTORS = [[0.0, 0.5], [1.0, 0.5]]


@pytest.mark.parametrize(
    ("right", "heard", "outcome"),
    [
        ({"text": TEXT}, {"text": TEXT, "finish": "stop"}, True),
        ({"text": TEXT}, {"text": "Hello"}, False),
        ({"text": "", "finish": "length"}, {"text": ""}, False),
        ({"calls": []}, {"text": "", "calls": [["f", {}]]}, False),
        (VECTORS, [[0, 0.5], [1, 0.5]], True),
        (VECTORS, VECTORS[::-1], False),
        (VECTORS, VECTORS[:1], False),
        (VECTORS, ["AAAA", "AAAA"], False),
        (None, {"text": TEXT}, False),
        (None, [], False),
    ],
)
def test_matches(right: Any, heard: Any, outcome: bool) -> None:
    """An answer is right if all that counts is; where nothing can be right, nothing is."""
    assert matches(right, heard) is outcome


def raised(error: BaseException) -> Outcome:
    """The outcome that an exception is."""
    return Outcome.of(error)


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        (Outcome(heard=[{"text": TEXT}]), "right"),
        (Outcome(heard=[{"text": TEXT}, {"text": "smuggled"}]), "silent"),
        (Outcome(heard=[{"text": ""}]), "silent"),
        (raised(RateLimitError("slower")), "typed"),
        (raised(ResponseValidationError("odd")), "typed"),
        (raised(ConnectionResetError("reset")), "typed"),
        (raised(TimeoutError("late")), "typed"),
        (raised(KeyError("choices")), "obscure"),
        (raised(ValueError("odd")), "obscure"),
        (raised(RecursionError()), "obscure"),
        (raised(json.JSONDecodeError("odd", "", 0)), "obscure"),
        (None, "hang"),
    ],
)
def test_verdict(outcome: Outcome | None, word: str) -> None:
    """Right, named by a class made for it, named by none, wrong as if right, or never."""
    assert verdict({"text": TEXT}, outcome, has_leaked=False) == word
    assert verdict({"text": TEXT}, outcome, has_leaked=True) == "leak", "nothing outweighs a leak"
