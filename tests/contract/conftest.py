"""How the tests of this folder play and make recordings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.core.conftest import ScriptedServer

from .cassettes import options, register
from .recorded import Recorder, scrubber


def pytest_recording_configure(vcr: Any) -> None:
    """Tells vcrpy how cassettes are written."""
    register(vcr)


@pytest.fixture(scope="session")
def recorder() -> Iterator[Recorder]:
    """The servers that are recorded, if anything is."""
    with ExitStack() as stack:
        yield Recorder(stack)


@pytest.fixture(scope="session")
def vcr_config() -> dict[str, Any]:
    """What vcrpy is told."""
    return options(scrubber())


@pytest.fixture
def over_httpx(monkeypatch: pytest.MonkeyPatch) -> None:
    """Async calls where vcrpy stands in for the network: in httpx; it does not, below the session of aiohttp."""
    monkeypatch.setattr("azure_inference.transport._engines.find_spec", lambda name: None)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server that says what the test tells it to."""
    with ScriptedServer() as server:
        yield server
