"""Whether an argument is what it must be: if not, an error that names it, what was given, and what to pass."""

import math
from collections.abc import Collection, Iterable
from typing import Any, cast

from .errors import ConfigurationError


def check_text(name: str, value: Any) -> None:
    """Raises unless it is text."""
    if not isinstance(value, str):
        raise ConfigurationError(f"{name}={value!r} is a {type(value).__name__}: pass text")


def check_texts(name: str, value: Any) -> None:
    """Raises unless it is a list of texts, or the like; a bare text is a sequence, too, of its letters."""
    if isinstance(value, str | bytes) or not isinstance(value, Collection):
        raise ConfigurationError(f"{name}={value!r} is a {type(value).__name__}: pass a list of texts")
    for item in cast("Iterable[Any]", value):
        check_text(f"an item of {name}", item)


def check_flag(name: str, value: Any) -> None:
    """Raises unless it is True or False: a word such as "false" would count as true."""
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name}={value!r} is a {type(value).__name__}: pass True or False")


def check_count(name: str, value: Any, *, least: int) -> None:
    """Raises unless it is a whole number, and no less than that."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigurationError(f"{name}={value!r} is not a whole number from {least} up")


def is_number(value: Any) -> bool:
    """Whether it is a number that a clock can count to."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
