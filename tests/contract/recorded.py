"""The places that there are recordings of, and where they were, for those who record them again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from tests.canary import KEY
from tests.peers.servers import node_server

from .asks import Place
from .cassettes import FOLDER, HOST, Scrubber, endpoint_of, loaded
from .claims import CLAIMS
from .places import OFFERS, Kind, Live, emulated

EMULATOR = Kind("emulator", "/models", offers=OFFERS - {"journal"})
AIMOCK = Kind(
    "aimock",
    "/v1",
    dialect="openai-v1",
    offers=frozenset({"dimensions", "extras", "filter", "images", "keys"}),  # its own vectors are long
    models={"chat": "mock-chat", "thinking": "mock-thinker", "embed": "mock-embed"},
    faults={
        "rate limit": {"x-aimock-chaos-ratelimit": "1"},
        "outage": {"x-aimock-chaos-drop": "1"},
        "page": {"x-aimock-chaos-malformed": "1"},
    },
)
LIVE = Live.of("AZURE_INFERENCE_") if os.environ.get("RECORD_LIVE") else None
"""The user's endpoint, when it is to be recorded; tests never see these variables."""


def kinds() -> list[Kind]:
    """The places that there are recordings of, or that are to be recorded."""
    if LIVE:
        return [LIVE.kind]
    return [EMULATOR, AIMOCK, *([_live()] if (FOLDER / "live").is_dir() else [])]


def _live() -> Kind:
    """An endpoint that somebody recorded: what of the table is there."""
    there = [CLAIMS[path.stem] for path in (FOLDER / "live").glob("*.yaml") if path.stem in CLAIMS]
    offers = frozenset(need for claim in there for need in claim.needs)
    return Kind("live", "", offers=offers, models={claim.ask.role: "" for claim in there}, faults={})


def is_there(kind: Kind, name: str) -> bool:
    """Whether a claim has a recording; of somebody's endpoint only those that are there are asked for."""
    return kind.name != "live" or LIVE is not None or cassette(kind, name).is_file()


def cassette(kind: Kind, name: str) -> Path:
    """The file of a claim."""
    return FOLDER / kind.name / f"{name}.yaml"


def played(kind: Kind, name: str) -> Place:
    """The place that a recording stands for."""
    if kind.name != "live":
        return kind.at(f"https://{HOST}")
    ask = CLAIMS[name].ask
    first = loaded(cassette(kind, name).read_text(encoding="utf-8"))[0]["request"]
    return Place(endpoint_of(first["uri"], ask.path), KEY, {ask.role: first.get("body", {}).get("model")})


class Recorder:
    """The servers that are recorded, each started when it is needed first."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self._places: dict[str, Place] = {}

    def place(self, kind: Kind) -> Place:
        """The place itself."""
        if kind.name not in self._places:
            start = {"emulator": emulated, "aimock": _aimock}.get(kind.name)
            self._places[kind.name] = self._stack.enter_context(start(kind)) if start else _users(kind)
        return self._places[kind.name]


def scrubber() -> Scrubber:
    """What must not be written down of what is recorded now."""
    if LIVE is None:
        return Scrubber({KEY: "key"})
    host = urlsplit(LIVE.endpoint).netloc
    names = {name: role for role, name in LIVE.kind.models.items() if name and role != "missing"}
    return Scrubber({LIVE.credential: "key", host: HOST, host.partition(":")[0]: HOST}, names, skips_failures=True)


def _users(kind: Kind) -> Place:
    assert LIVE is not None
    return replace(kind.at(LIVE.endpoint, LIVE.credential), retries=2)


@contextlib.contextmanager
def _aimock(kind: Kind) -> Iterator[Place]:
    """aimock with the answers of this folder, for as long as the block lasts."""
    fixtures = str(Path(__file__).with_name("aimock.json"))
    told = ["-p", "0", "-h", "127.0.0.1", "-f", fixtures, "-c", "8", "--validate-on-load"]
    with node_server("llmock", *told, AIMOCK_API_KEYS=KEY) as url:
        yield kind.at(url)
