"""The claims of the table against recordings, with no server and no network."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pytest

from azure_inference import ConfigurationError

from .asks import Place
from .claims import CLAIMS
from .entries import ENTRIES, Entry
from .places import Kind
from .recorded import Recorder, cassette, is_there, kinds, played
from .test_claims import check

CELLS = [
    (name, kind, entry)
    for kind in kinds()
    for name, claim in CLAIMS.items()
    for entry in ENTRIES
    if claim.recorded and kind.holds(claim) and entry.name not in claim.cannot and is_there(kind, name)
    if kind.expected(claim).get("error") is not ConfigurationError  # nothing is sent
]
WAYS = Counter((kind.name, name) for name, kind, _ in CELLS)


@pytest.fixture
def vcr_cassette_dir(request: pytest.FixtureRequest) -> str:
    """The folder of a claim's recording."""
    params = request.node.callspec.params
    return str(cassette(params["kind"], params["name"]).parent)


@pytest.fixture
def default_cassette_name(request: pytest.FixtureRequest) -> str:
    """The file of a claim's recording, which is the same for every entry point."""
    return request.node.callspec.params["name"]


@pytest.fixture(scope="module")
def plays() -> dict[tuple[str, str], list[set[int]]]:
    """For each cassette, which of its answers each entry point has played."""
    return defaultdict(list)


@pytest.fixture
def place(kind: Kind, name: str, record_mode: str, recorder: Recorder) -> Place:
    """Where the call goes: to the place itself, if it is recorded now."""
    return played(kind, name) if record_mode == "none" else recorder.place(kind)


@pytest.mark.vcr
@pytest.mark.block_network
@pytest.mark.usefixtures("over_httpx")
@pytest.mark.parametrize(
    ("name", "kind", "entry"), CELLS, ids=[f"{kind.name}-{name}-{entry}" for name, kind, entry in CELLS]
)
def test_recorded_claim(  # noqa: PLR0917 - three parameters, three fixtures
    name: str, kind: Kind, entry: Entry, place: Place, vcr: Any, plays: Any
) -> None:
    """The table says what is claimed; one recording is played by way of every entry point."""
    heard = entry.hear(CLAIMS[name].ask, place)

    check(heard, kind.expected(CLAIMS[name]))
    played_by = plays[kind.name, name]
    played_by.append(set(vcr.play_counts))
    if len(played_by) == WAYS[kind.name, name]:
        assert set.union(*played_by) == set(range(len(vcr))), "an answer is left that no entry point asks for"
