"""Every claim of the table, by way of every entry point, against emulators of every kind and a live endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import httpx
import pytest

from .asks import Heard, Place
from .claims import CLAIMS
from .entries import ENTRIES, Entry
from .expect import Expected
from .places import EMULATORS, OFFERS, Kind, Live, emulated


def check(heard: Heard, expected: Expected) -> None:
    """Compares what is heard with what is expected; an error that is not expected is raised."""
    expected = dict(expected)
    kind = expected.pop("error", None)
    if heard.error is not None and kind is None:
        raise heard.error
    if kind is not None:
        assert isinstance(heard.error, kind)
        assert expected.pop("caught", bool)(heard.error), vars(heard.error)
    expected.setdefault("warnings", [])
    for name, wanted in expected.items():
        value = getattr(heard, name)
        assert wanted(value) if callable(wanted) else value == wanted, f"{name}: {value!r}"


@pytest.fixture(scope="module")
def places() -> Iterator[dict[str, Place]]:
    """An emulator of each kind."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(emulated(kind)) for name, kind in EMULATORS.items()}


def cells(*kinds: Kind) -> list[Any]:
    """Every claim that makes sense at places of these kinds, by way of every entry that has words for it."""
    return [
        pytest.param(name, kind, entry, id=f"{kind.name}-{name}-{entry}")
        for kind in kinds
        for name, claim in CLAIMS.items()
        for entry in ENTRIES
        if kind.holds(claim) and entry.name not in claim.cannot
    ]


@pytest.mark.parametrize(("name", "kind", "entry"), cells(*EMULATORS.values()))
def test_claim(places: dict[str, Place], name: str, kind: Kind, entry: Entry) -> None:
    """The table says what is claimed; each emulator, and each way to ask, is held to it."""
    expected, place = kind.expected(CLAIMS[name]), places[kind.name]
    heard = entry.hear(CLAIMS[name].ask, place)
    if "sent" in expected:
        heard.sent = httpx.get(place.journal or "").json()[-1]

    check(heard, expected)


LIVE = Live.of("AZURE_INFERENCE_LIVE_")


@pytest.mark.skipif(LIVE is None, reason="needs AZURE_INFERENCE_LIVE_ENDPOINT and AZURE_INFERENCE_LIVE_CREDENTIAL")
@pytest.mark.enable_socket
@pytest.mark.parametrize(("name", "kind", "entry"), cells(LIVE.kind) if LIVE else [("none", None, None)])
def test_live_claim(name: str, kind: Kind, entry: Entry) -> None:
    """The table says what is claimed; the user's own endpoint is held to what of it makes sense there."""
    assert LIVE is not None
    place = kind.at(LIVE.endpoint, LIVE.credential)

    check(entry.hear(CLAIMS[name].ask, replace(place, retries=2)), kind.expected(CLAIMS[name]))


@pytest.mark.parametrize("name", CLAIMS)
def test_the_table(name: str) -> None:
    """A claim says what it claims, is held at some emulator, and names a reason for each framework without words."""
    claim = CLAIMS[name]
    assert claim.says.endswith(".")
    assert claim.expected
    assert claim.needs <= OFFERS
    assert claim.otherwise.keys() <= {kind.dialect for kind in EMULATORS.values()}
    assert any(kind.holds(claim) for kind in EMULATORS.values())
    assert all(reason for reason in claim.cannot.values())
    assert claim.cannot.keys() < {entry.name for entry in ENTRIES}
