"""JSON among the words of an answer, and the value of JSON that is under way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from azure_inference import find_json, half_json

FOUND: list[tuple[str, bool, str | None]] = [
    ('{"a": 5}', False, '{"a": 5}'),
    ('```json\n{"a": 5}\n```', False, '{"a": 5}'),
    ('So [1]: {"a": 5}, as {x} has it.', False, '{"a": 5}'),
    ('An empty object {} will not do: {"a": 5}', False, '{"a": 5}'),
    ('{"a": 5} is better than {}', False, '{"a": 5}'),
    ('Not {"a": 5} but {"a": 6}', False, '{"a": 6}'),
    ('First {"a": 5}, then {"a": {"b": 6', False, '{"a": 5}'),
    ('{"a": {"b": 6}, "c": ', False, None),
    ('{"a": {"b": 6}, "c": \'d\'}', False, None),
    ("Nothing {at} all [1]", False, None),
    ("As [2] says, the numbers are: [1, 2, 3]", True, "[1, 2, 3]"),
    ("As [the paper] says: [1, 2] [sic]", True, "[1, 2]"),
    ("The numbers are [[1, 2], [3", True, None),
    ('[1, {"a": 2}, ', True, None),
    ('[{"a": 1}, {"a": 2', True, None),
    ("Nothing {at} [all]", True, None),
    ("[" * 100_000, True, None),
    ("[x" * 100_000 + "[1]", True, None),
]


@pytest.mark.parametrize(("text", "is_list", "found"), FOUND, ids=[text[:40] for text, *_ in FOUND])
def test_among_words(text: str, is_list: bool, found: str | None) -> None:
    """Of what is complete it is the longest, and the last of these; no part of what is not complete, or broken."""
    assert find_json(text, is_list=is_list) == found


def _city(text: str) -> str:
    return str(json.loads(text)["city"])


def _no_city(text: str) -> str:
    raise ValueError(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"city": 1} follows {"type": "object", "city_": {}}', '{"city": 1}'),
        ('The schema {"type": "object", "city_": {}} has {"city": 1}, not {"city": 2}', '{"city": 2}'),
        ('{"a": 1}', '{"a": 1}'),
    ],
)
def test_what_is_asked_for_comes_first(text: str, found: str) -> None:
    """Of several, it is one that can be read as what was asked for; if none can, it is the longest still."""
    assert find_json(text, _city) == found  # it raises a KeyError, as validators of users may
    assert find_json(text, _no_city) == find_json(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("Here it", None),
        ('{"a', {}),
        ('{"a": "b', {"a": "b"}),
        ('{"a": 1', {}),
        ('{"a": 12', {}),
        ('{"a": -1.5e3', {}),
        ('{"a": 12,', {"a": 12}),
        ('{"a": 12 ', {"a": 12}),
        ('{"a": 12}', {"a": 12}),
        ('{"a": [1, 23', {"a": [1]}),
        ('{"a": "of 12', {"a": "of 12"}),
        ('{"a": ", 12', {"a": ", 12"}),
        ('{"a": 1, "b2', {"a": 1}),
        ('{"a": tru', {}),
        ('So: {"a": 1}', {"a": 1}),
        ('{"a": 1} So [1', {"a": 1}),
    ],
)
def test_half(text: str, value: Any) -> None:
    """What has come counts, text as far as it goes, and numbers when they are over."""
    assert half_json(text) == value


def test_half_of_a_list() -> None:
    """A list grows by what is over."""
    assert [half_json("[1, 23, 4]"[:end], is_list=True) for end in range(1, 11)] == [
        [], [], [1], [1], [1], [1], [1, 23], [1, 23], [1, 23], [1, 23, 4]
    ]  # fmt: skip


@pytest.mark.parametrize("whole", [{"name": "pump 12", "price": 1250, "sizes": [1.5, -20], "in": {"e": 1e-7}}])
def test_no_half_number(whole: dict[str, Any]) -> None:
    """However JSON is cut, no number is seen that is not in the whole."""
    text = json.dumps(whole)
    halves = [half_json(text[:end]) or {} for end in range(1, len(text))]
    assert {half["price"] for half in halves if "price" in half} == {1250}
    assert {number for half in halves for number in half.get("sizes", ())} == {1.5, -20}
    assert {half["in"]["e"] for half in halves if half.get("in")} == {1e-7}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"city": 1} or {"city": 22}</think>\n\n{"city": 3}', '{"city": 3}'),
        ('{"city": 1}</think>\n\nis what I said.', '{"city": 1}'),
        ('{"city": 1}</think>\n\n{"town": 333}', '{"city": 1}'),
        ('{"city": "</think>"}\n{"town": 333}', '{"city": "</think>"}'),
        ("</think>\n" * 100_000 + '{"city": 1}', '{"city": 1}'),
    ],
    ids=["a draft", "nothing behind", "something else behind", "within", "many"],
)
def test_behind_reasoning(text: str, found: str) -> None:
    """What was said after reasoning whose end alone is marked comes first, if it is what was asked for."""
    assert find_json(text, _city) == found
