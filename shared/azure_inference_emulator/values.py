"""Views of parsed JSON as objects, lists, texts and numbers, for data whose shape nobody has checked yet."""

import json
from typing import Any, cast

JsonObject = dict[str, Any]


def as_object(value: object) -> JsonObject:
    """The JSON object that ``value`` is, or an empty one."""
    return cast("JsonObject", value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """The JSON array that ``value`` is, or an empty one."""
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]


def as_text(value: object) -> str:
    """The string that ``value`` is, or an empty one."""
    return value if isinstance(value, str) else ""


def as_objects(value: object) -> list[JsonObject]:
    """The JSON objects among the items of the array that ``value`` is."""
    return [cast("JsonObject", item) for item in as_list(value) if isinstance(item, dict)]


def as_int(value: object, default: int) -> int:
    """The integer that ``value`` is (booleans are none), or ``default``."""
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def is_object(value: object) -> bool:
    """Whether ``value`` is a JSON object."""
    return isinstance(value, dict)


def is_list(value: object) -> bool:
    """Whether ``value`` is a JSON array."""
    return isinstance(value, list)


def is_number(value: object) -> bool:
    """Whether JSON would call ``value`` a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def to_bytes(value: object) -> bytes:
    """A value as JSON in UTF-8; escaped where it holds lone surrogates, which UTF-8 cannot say."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode("ascii")
