"""Whether an argument is what it must be: if not, an error that names it, what was given, and what to pass."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from .errors import ConfigurationError, kind_of, shown
from .schema.failures import cut

_MANY: tuple[type, ...] = (Collection, Iterator)
MOST_SECONDS = 2_147_483
"""24 days."""
_NO_LISTS: tuple[type, ...] = (str, bytes, Mapping)


def check_text(name: str, value: Any) -> None:
    """Raises unless it is text."""
    if not isinstance(value, str):
        raise ConfigurationError(f"{name}={shown(value)} is {kind_of(value)}: pass text")


def check_list(name: str, value: Any, kinds: str) -> None:
    """Raises unless it holds any number of things of these kinds; a bare text, a sequence of letters, does not."""
    if isinstance(value, _NO_LISTS) or not isinstance(value, _MANY):
        raise ConfigurationError(f"{name}={shown(value)} is {kind_of(value)}: pass a list of {kinds}")


def check_texts(name: str, value: Any) -> None:
    """Raises unless it is a list of texts, or a tuple, which can be read again and written down."""
    check_list(name, value, "texts")
    if not isinstance(value, Sequence):
        raise ConfigurationError(f"{name} is {kind_of(value)}: pass a list of texts")
    for item in cast("Iterable[Any]", value):
        check_text(f"an item of {name}", item)


def check_flag(name: str, value: Any) -> None:
    """Raises unless it is True or False: a word such as "false" would count as true."""
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name}={shown(value)} is {kind_of(value)}: pass True or False")


def check_count(name: str, value: Any, *, least: int) -> None:
    """Raises unless it is a whole number, and no less than that."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigurationError(f"{name}={shown(value)} is not a whole number from {least} up")


def is_time(value: Any) -> bool:
    """Whether it is a number of seconds that can be waited for, wherever: sockets count them in 31 bits of ms."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST_SECONDS


def told(value: Any) -> str:
    """A value in a message: texts and numbers as they are, of anything else its kind, since much may be in it."""
    return shown(value) if isinstance(value, str | int | float | None) else kind_of(value)


def found_at(location: Sequence[str | int], given: Any) -> tuple[str, Any]:
    """The path of a problem that pydantic tells of, and what stands there: of its location, the keys that were given.

    Tags of unions stand in a location beside them.
    """
    path: list[str] = []
    for key in location:
        try:
            given = given[key]
        except (KeyError, IndexError, TypeError):
            continue
        path.append(str(key))
    return cut(".".join(path)), given
