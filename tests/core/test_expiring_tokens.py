"""Tokens that are still good when the next is asked for: who asks, who waits, and what becomes of a failure."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from azure_inference import AuthenticationError, credentials

from .providers import Asked, Clock, bearer, raises, soon, until


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that credentials look at."""
    clock = Clock()
    monkeypatch.setattr(credentials, "time", clock)
    return clock


def token(text: str, expires_on: float) -> Any:
    """A token, as azure-identity gives them."""
    return SimpleNamespace(token=text, expires_on=expires_on)


@pytest.fixture
def expiring(asked: Asked, clock: Clock) -> Asked:
    """One who holds a token that is good for a little less than the time at which the next is asked for."""
    asked.do = lambda _: token("old", clock.now + 1000)
    asked.headers()
    clock.now += 1000 - credentials.REFRESH_BEFORE_EXPIRY + 1
    return asked


def test_a_token_that_is_still_good(expiring: Asked, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """It goes on being sent while no other is to be had, which is asked for only now and then, until it expires."""
    expiring.do = lambda _: raises(OSError("down hunter2"))

    with caplog.at_level(logging.WARNING, "azure_inference"):
        assert [expiring.headers() for _ in range(5)] == [bearer("old")] * 5
    assert expiring.count == 2
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "OSError" in caplog.text
    assert "hunter2" not in caplog.text
    clock.now += credentials.REFRESH_AGAIN_AFTER + 1
    assert [expiring.headers() for _ in range(5)] == [bearer("old")] * 5
    assert expiring.count == 3
    clock.now += credentials.REFRESH_BEFORE_EXPIRY
    for count in (4, 5):
        with pytest.raises(AuthenticationError, match="OSError"):
            expiring.headers()
        assert expiring.count == count
    expiring.do = lambda _: token("new", clock.now + 1000)
    assert [expiring.headers() for _ in range(2)] == [bearer("new")] * 2
    assert expiring.count == 6


def test_a_token_that_was_refused_is_not_still_good(expiring: Asked) -> None:
    """A failure is told once the token that is kept was refused, whenever it expires."""
    expiring.do = lambda _: raises(OSError("down"))
    kept = expiring.headers()
    expiring.authorizer.forget(kept)

    with pytest.raises(AuthenticationError, match="OSError"):
        expiring.headers()


def test_one_that_hangs_while_a_token_is_good(expiring: Asked) -> None:
    """Who asks for the next token early waits for only a part of the time that his call has; nobody else waits."""
    expiring.do = lambda _: expiring.hang
    deadline = soon(0.4)

    assert expiring.headers(deadline) == bearer("old")
    assert not deadline.is_over
    assert expiring.headers() == bearer("old")
    assert expiring.count == 2


def test_early_questions_keep_nobody(clock: Clock) -> None:
    """While one caller asks early for the next token, all others go on with the one there is."""
    asked = Asked("sync")
    asked.do = lambda number: token("old", clock.now + 1000) if number == 1 else asked.hang
    asked.headers()
    clock.now += 1000 - credentials.REFRESH_BEFORE_EXPIRY + 1
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(asked.headers)
        until(lambda: asked.count == 2)
        assert asked.authorizer.ready() == bearer("old")
        asked.hang.set()
        assert first.result() == asked.authorizer.ready() == bearer("late")
