"""A claim, and the ways to say what is to be heard."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from azure_inference import APIStatusError, refused_parameters

from .asks import NOTHING, Ask

Expected = Mapping[str, Any]
"""Attributes of what is heard: the value, or a function that says whether a value will do. `error` names a class."""


@dataclass(frozen=True)
class Claim:
    """A claim about a call.

    Attributes:
        says: The claim.
        ask: The call.
        expected: What must be heard. A failure is none unless `error` is expected.
        needs: What a place must offer beyond chat.
        otherwise: What is to be heard instead at places of these kinds.
        cannot: The frameworks that have no words for it, each with the reason.
        recorded: Whether a recording can hold it; it holds one answer to a request.
    """

    says: str
    ask: Ask
    expected: Expected
    needs: frozenset[str] = frozenset()
    otherwise: Mapping[str, Expected] = field(default_factory=dict)
    cannot: Mapping[str, str] = field(default_factory=dict)
    recorded: bool = True


def said(text: str) -> bool:
    """Something is said."""
    return bool(text.strip())


def adds_up(usage: tuple[int, int, int] | None) -> bool:
    """Tokens were counted, and their sum is right."""
    return usage is not None and min(usage) > 0 and usage[0] + usage[1] == usage[2]


def several(count: int) -> bool:
    """More than one."""
    return count > 1


def is_json(text: str) -> bool:
    """A JSON object and nothing else."""
    return isinstance(json.loads(text), dict)


def one_of(*values: Any) -> Callable[[Any], bool]:
    """Any of these."""
    return lambda value: value in values


def floats(count: int, length: int | None = None) -> Callable[[list[list[float]]], bool]:
    """So many vectors, of floats, all of one length."""

    def fits(vectors: list[list[float]]) -> bool:
        lengths = {len(vector) for vector in vectors}
        right = len(lengths) == 1 and (length is None or lengths == {length}) and lengths != {0}
        return len(vectors) == count and right and all(type(x) is float for vector in vectors for x in vector)

    return fits


def first_and_last_alike(vectors: list[list[float]]) -> bool:
    """The vectors of `SAME_ENDS` in its order."""
    return len(vectors) == 3 and vectors[0] == vectors[2] != vectors[1]


def request(headers: Expected = NOTHING, *fields: str, **values: Any) -> Callable[[dict[str, Any]], bool]:
    """What was sent: these headers (None: absent), exactly these fields beside what a chat needs, these values."""

    def fits(sent: dict[str, Any]) -> bool:
        body = {name: value for name, value in sent["body"].items() if name not in ("messages", "model")}
        named = all(sent["headers"].get(name) == value for name, value in headers.items())
        return named and body.keys() == {*fields, *values} and values.items() <= body.items()

    return fits


def named(parameter: str, **attributes: Any) -> Callable[[Exception], bool]:
    """An error that names the refused parameter, and has these attributes."""

    def fits(error: Exception) -> bool:
        right = all(getattr(error, name) == value for name, value in attributes.items())
        return right and isinstance(error, APIStatusError) and parameter in refused_parameters(error)

    return fits


def status(code: int, **attributes: Any) -> Callable[[Any], bool]:
    """An error of that status with these attributes."""
    wanted = {"status_code": code, **attributes}
    return lambda error: all(getattr(error, name) == value for name, value in wanted.items())


def broke_off(error: Any) -> bool:
    """An error that carries what had arrived."""
    return said(error.partial.choices[0].message.text)
