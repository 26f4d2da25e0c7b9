"""The key that tests use, and a watch over all that they say: it must never be seen anywhere but in a request."""

from __future__ import annotations

import logging
import traceback
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import azure_inference

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

KEY = "canary-5ecret"
"""What every secret of a test holds."""


class Watch(logging.Handler):
    """Collects where the key was seen."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.seen: list[str] = []

    def look(self, where: str, *things: Any) -> None:
        """Looks at the text and the form of each thing."""
        for thing in things:
            if KEY in str(thing) or KEY in repr(thing):
                self.seen.append(where)
                return

    def emit(self, record: logging.LogRecord) -> None:
        """Looks at all that a log record holds."""
        raised = record.exc_info and "".join(traceback.format_exception(*record.exc_info))
        self.look(f"a log record of {record.name}", record.getMessage(), vars(record), raised)


@contextmanager
def watched() -> Iterator[Watch]:
    """Meanwhile, every log record down to DEBUG, every warning and every error of ours is looked at."""
    watch, root = Watch(), logging.getLogger()
    level = root.level
    undo = [
        _after(warnings.WarningMessage, lambda self: watch.look("a warning", self.message)),
        _after(azure_inference.InferenceError, lambda self: watch.look("an error", self, vars(self))),
    ]
    root.setLevel(logging.DEBUG)
    root.addHandler(watch)
    try:
        yield watch
    finally:
        root.removeHandler(watch)
        root.setLevel(level)
        for one in undo:
            one()


def _after(kind: Any, look: Any) -> Any:
    """Has each new object of a class looked at, until the function that is returned is called."""
    initial = kind.__init__

    def looked_at(self: Any, *arguments: Any, **options: Any) -> None:
        initial(self, *arguments, **options)
        look(self)

    kind.__init__ = looked_at
    return lambda: setattr(kind, "__init__", initial)


def fail_if_shown(report: pytest.TestReport) -> None:
    """Makes a test that passed fail, if what it printed or logged holds the key."""
    shown = [name for name, text in report.sections if KEY in text]
    if shown and report.passed:
        report.outcome = "failed"
        report.longrepr = f"the key of the tests is in: {', '.join(shown)}"
