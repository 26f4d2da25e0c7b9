"""Values that come in pieces under keys that this library does not know, added up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .schema._json import is_array, is_object

_NAMES = frozenset({"id", "index", "name", "role", "type"})
"""Keys of objects that say which one it is: their texts do not come in pieces, and some servers repeat them."""


def given(unknown: dict[str, Any] | None) -> dict[str, Any]:
    """The keys that hold something."""
    return {name: value for name, value in unknown.items() if value is not None} if unknown else {}


class Pieces:
    """The values that came under each key, until they are asked for."""

    def __init__(self) -> None:
        self._values: dict[str, list[Any]] = {}

    def add(self, unknown: dict[str, Any] | None) -> None:
        """Takes in what came with one chunk."""
        for name, value in given(unknown).items():
            self._values.setdefault(name, []).append(value)

    def total(self) -> dict[str, Any]:
        """What it all amounts to: texts, lists and objects added up; of any others, the last."""
        return {name: _sum(values) for name, values in self._values.items()}


def _sum(values: Sequence[Any]) -> Any:
    if all(isinstance(value, str) for value in values):
        return "".join(values)
    if all(map(is_array, values)):
        return [item for value in values for item in value]
    if all(map(is_object, values)):
        return _joined(values)
    return values[-1]


def _joined(objects: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Objects as one; a key that is null in all of them stays."""
    found: dict[str, list[Any]] = {}
    for each in objects:
        for name, value in each.items():
            values = found.setdefault(name, [])
            if value is not None:
                values.append(value)
    return {name: _named(name, values) if values else None for name, values in found.items()}


def _named(name: str, values: Sequence[Any]) -> Any:
    return next((value for value in values if value), values[-1]) if name in _NAMES else _sum(values)
