"""JSON values: read from bytes that may hold anything, and told apart for type checkers."""

from __future__ import annotations

import json
from typing import Any, TypeGuard

from pydantic_core import from_json


def read_json(data: bytes) -> Any:
    """The value of a JSON text; raises ValueError if it is none, or nested beyond all measure."""
    try:
        from_json(data)
    except ValueError as error:
        # The parser below would go to the limit of the stack, where a finalizer that happens to run fails.
        if "recursion limit" in str(error):
            raise
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("nested too deep") from None


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a JSON value is an object."""
    return isinstance(value, dict)


def is_array(value: Any) -> TypeGuard[list[Any]]:
    """Whether a JSON value is an array."""
    return isinstance(value, list)


def has_any(value: dict[str, Any] | None, *names: str) -> bool:
    """Whether an object has something, and nothing empty, under one of these names."""
    return value is not None and any(value.get(name) for name in names)
