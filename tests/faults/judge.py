"""What becomes of a fault, in one word; the judge is not told whose run it judges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

VERDICTS = ("right", "typed", "obscure", "silent", "hang", "leak")
"""Right answer; error that names the failure; error that does not; wrong or partial data given as if right; no end
within the limit; the key or the prompt sent to another host."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a run.

    Attributes:
        heard: What was heard at each turn, if all turns ended well.
        error: The classes of what was raised, most special first, each with its module; empty if nothing was.
        message: The first words of what was raised.
    """

    heard: Sequence[Any] = ()
    error: Sequence[str] = ()
    message: str = ""

    @classmethod
    def of(cls, error: BaseException) -> Outcome:
        """The outcome that an exception is."""
        classes = [f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__]
        return cls(error=classes, message=str(error)[:200])


def matches(right: Any, heard: Any) -> bool:
    """Whether what was heard is right in all that makes an answer right; None is never to be had."""
    if isinstance(right, dict):
        return isinstance(heard, dict) and all(heard.get(name) == value for name, value in right.items())
    return right is not None and heard == right


def verdict(right: Any, outcome: Outcome | None, *, has_leaked: bool) -> str:
    """The word for an outcome; None is one that did not come in time."""
    if has_leaked:
        return "leak"
    if outcome is None:
        return "hang"
    if outcome.error:
        return "typed" if names_the_failure(outcome.error) else "obscure"
    return "right" if all(matches(right, heard) for heard in outcome.heard) else "silent"


_NAMES_NOTHING = ("builtins.", "json.", "asyncio.", "codecs.", "zlib.", "struct.")


def names_the_failure(classes: Sequence[str]) -> bool:
    """Whether an exception is one that its library, or one below it, made for a failure.

    Those that Python raises for mistakes in a program name no failure, unless they speak of the connection or of time.
    """
    return "builtins.OSError" in classes or not classes[0].startswith(_NAMES_NOTHING)
