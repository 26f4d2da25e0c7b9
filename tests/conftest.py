"""What every test may ask for: the emulator, ../shared, and an environment without the user's own settings."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.canary import fail_if_shown, watched

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Emulator:
    """Where the emulator of this test session listens; it takes any non-empty key."""

    root: str

    @property
    def url(self) -> str:
        """Its Model Inference endpoint."""
        return f"{self.root}/models"


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """The emulator as installed, over real HTTP, one for the whole session."""
    from azure_inference_emulator import running

    with running() as url:
        yield Emulator(root=url.rstrip("/").removesuffix("/models"))


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of reference data beside this checkout; whoever asks for it is marked `shared`."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs ../shared, the folder of reference data beside this checkout")
    return folder


@pytest.fixture(autouse=True)
def _no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the endpoint or the credential that the user of this machine works with."""
    for name in os.environ:
        if name.startswith("AZURE_INFERENCE_"):
            monkeypatch.delenv(name)


@pytest.fixture
def misleading_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Proxies and a password in the places where HTTP libraries look for them."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login u password hunter2\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _no_secret_shown() -> Iterator[None]:
    """No test logs, warns of or raises anything that holds a key."""
    with watched() as watch:
        yield
    assert not watch.seen, f"the key of the tests was seen in {watch.seen}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Nor does it print it."""
    report = yield
    fail_if_shown(report)
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for `shared_dir`, so that `-m "not shared"` leaves it out."""
    for item in items:
        if "shared_dir" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.shared)
