"""The watch over the whole suite sees the key wherever a test lets it out; and no file of the suite holds one."""

from __future__ import annotations

import logging
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azure_inference import InferenceError
from tests.canary import KEY, fail_if_shown, watched

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
CREDENTIAL_HEADERS = re.compile(
    r"^\s*-?\s*[\"']?(authorization|api-key|x-api-key|cookie|set-cookie)\b", re.IGNORECASE | re.MULTILINE
)


def _log_exception() -> None:
    try:
        int(KEY)
    except ValueError:
        logging.getLogger("anything").debug("it failed", exc_info=True)


def _warn() -> None:
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        warnings.warn(f"{KEY} is old", stacklevel=1)


LEAKS: dict[str, Callable[[], object]] = {
    "a log message": lambda: logging.getLogger("httpcore").debug("sent %s", f"Bearer {KEY}"),
    "an argument of a log record": lambda: logging.getLogger("x").info("sent %.3s", f"Bearer {KEY}"),
    "an extra of a log record": lambda: logging.getLogger("x").info("sent", extra={"headers": [("api-key", KEY)]}),
    "an exception that is logged": _log_exception,
    "a warning that a test expects": _warn,
    "an error of ours": lambda: InferenceError(f"{KEY} was refused"),
    "an attribute of an error": lambda: InferenceError("no", body={"key": KEY}),
}


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
def test_what_the_watch_sees(monkeypatch: pytest.MonkeyPatch, leak: Callable[[], object]) -> None:
    """Each way by which a test could let the key out is seen, and nothing else is."""
    handlers = list(logging.getLogger().handlers)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    with watched() as watch:
        leak()
        assert len(watch.seen) == 1
        logging.getLogger("x").debug("nothing of interest")
        assert InferenceError("nothing of interest").attempts == 0
        assert len(watch.seen) == 1
    for outer in handlers:  # the watch over this very test, which saw it too
        if hasattr(outer, "seen"):
            outer.seen.clear()


@pytest.mark.parametrize(("text", "outcome"), [(f"Bearer {KEY}", "failed"), ("Bearer ...", "passed")])
def test_what_is_printed(text: str, outcome: str) -> None:
    """A test that prints the key fails, even though it passed."""
    report: Any = pytest.TestReport("a", ("a", 1, "a"), {}, "passed", None, "call", [("Captured stdout call", text)])
    fail_if_shown(report)

    assert report.outcome == outcome


def recordings() -> list[Path]:
    """Every recorded exchange that this checkout holds."""
    return [
        path for folder in ROOT.rglob("cassettes") for path in folder.rglob("*") if path.suffix in (".yaml", ".json")
    ]


def test_recordings() -> None:
    """No recorded exchange holds a key, or a header that could."""
    found = recordings()
    assert found

    for path in found:
        text = path.read_text(encoding="utf-8")
        assert KEY not in text, path
        assert not CREDENTIAL_HEADERS.search(text), path
