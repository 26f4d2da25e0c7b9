"""What cassettes hold, and what they must not; each is played by some test."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import vcr as vcrpy

from .asks import Ask, Place
from .cassettes import FOLDER, HOST, KEPT_OF_ANSWERS, KEPT_OF_REQUESTS, Scrubber, loaded, options, register
from .entries import ENTRIES, Entry
from .material import HELLO, PARIS, WEATHER
from .places import EMULATORS, emulated
from .recorded import cassette
from .test_recorded import CELLS

PLAYED_ELSEWHERE = {FOLDER / "emulator" / "stream-time.yaml": "one of LangChain's standard tests"}
FILES = sorted(FOLDER.rglob("*.yaml"))


def test_every_cassette_is_played() -> None:
    """No cassette is left that no test plays, and none is missing."""
    assert set(FILES) == {cassette(kind, name) for name, kind, _ in CELLS} | PLAYED_ELSEWHERE.keys()


@pytest.fixture(params=FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def text(request: pytest.FixtureRequest) -> str:
    """The text of a cassette."""
    return request.param.read_text(encoding="utf-8")


def test_only_headers_that_may_be_kept(text: str) -> None:
    """A header that nobody allowed is in no cassette, and neither is a host but the one that stands for all."""
    for one in loaded(text):
        assert one["request"]["headers"].keys() <= KEPT_OF_REQUESTS
        assert one["response"]["headers"].keys() <= KEPT_OF_ANSWERS
        assert urlsplit(one["request"]["uri"]).netloc == HOST


SUSPECT = re.compile(
    r"https?://(?!recorded\.example\b)"  # a host
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b"  # an address
    r"|[\w.+-]+@[\w-]+\.\w+"  # a person
    r"|(?i:\bbearer\b|\bapi[-_]?key\b|\bauthorization\b|\bsubscription-key\b|[?&](?:sig|code|key)=)"
    r"|\b(?:sk|ghp|eyJ)[-_]?[A-Za-z0-9_-]{16,}"  # keys and tokens as they often begin
    r"|(?<![A-Za-z0-9+/_-])(?=[A-Za-z0-9+/_-]*\d)(?=[A-Za-z0-9+/_-]*[A-Za-z])[A-Za-z0-9+/_-]{32,}"  # long and mixed
)


HERE = f"https://{HOST}/"


def suspects(value: Any) -> Iterator[str]:
    """What looks like a key, a host or a person in what a cassette holds; pictures and vectors do not count."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from suspects(name)
            if name != "embedding":
                yield from suspects(part)
    elif isinstance(value, list):
        for part in value:
            yield from suspects(part)
    elif isinstance(value, str) and not value.startswith("data:image/"):
        # Between the slashes of the one address that may be there, since keys may hold some themselves.
        parts = value.removeprefix(HERE).split("/") if value.startswith(HERE) else [value]
        yield from (found.group() for part in parts for found in SUSPECT.finditer(part))


def test_no_secret_is_told(text: str) -> None:
    """Nothing in a cassette looks like a key, a host, an address or a person."""
    assert list(suspects(loaded(text))) == []


@pytest.mark.parametrize(
    "leak",
    [
        "see https://name.services.ai.azure.com/x",
        "from 10.1.2.3",
        "ask ada@example.com",
        "Bearer abc",
        "api-key: abc",
        "x?sig=abc",
        "0123456789abcdef0123456789abcdef",
        "Fk3m9Qz7Lp2Xv8Wn5Rt1Yc6Bd4Hg0Js3Ka7Me9Po",
        "Fk3m9Qz7Lp2Xv8W/5Rt1Yc6Bd4Hg0Js3Ka7Me9Po",
    ],
)
def test_leaks_are_seen(leak: str) -> None:
    """The test above does see what it looks for, deep inside too."""
    assert list(suspects([{"error": {"message": f"No: {leak}."}}])) != []


def test_bodies_are_parsed(text: str) -> None:
    """Bodies are written as the JSON that they hold, and events of streams one by one."""
    for one in loaded(text):
        assert isinstance(one["request"].get("body", {}), dict)
        body = one["response"].keys() & {"body", "events", "text"}
        assert len(body) == 1
        if body == {"text"}:
            assert not one["response"]["text"].startswith(("{", "[", "data:")) or _is_broken(one["response"]["text"])


def _is_broken(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return True
    return False


@pytest.mark.parametrize("ask", [Ask(messages=HELLO), Ask("stream", messages=PARIS, tools=(WEATHER,))], ids=["c", "s"])
@pytest.mark.parametrize("entry", ENTRIES[:2], ids=str)
@pytest.mark.usefixtures("over_httpx")
def test_what_a_recording_tells(tmp_path: Path, entry: Entry, ask: Ask) -> None:
    """What is recorded holds neither key nor host nor deployment, changes nothing, and is the same the next time."""
    texts = []
    with emulated(EMULATORS["lenient"]) as real:
        host = urlsplit(real.url).netloc
        scrubber = Scrubber({real.key: "key", host: HOST, "127.0.0.1": HOST}, {"emulated-chat": "chat"})
        for name in ("one", "two"):
            direct = entry.hear(ask, real)
            with _tape(tmp_path / f"{name}.yaml", scrubber, "once"):
                recorded = entry.hear(ask, real)
            texts.append((tmp_path / f"{name}.yaml").read_text())
            assert recorded == direct
    assert texts[0] == texts[1]
    for secret in (real.key, host, "127.0.0.1", "emulated-chat", "authorization", "api-key", "user-agent"):
        assert secret not in texts[0].lower()

    somewhere = Place(f"https://{HOST}/models", "another-key", {"chat": "chat"})
    with _tape(tmp_path / "one.yaml", scrubber, "none"):
        replayed = entry.hear(ask, somewhere)
    assert replayed.model == "chat"
    assert {**vars(replayed), "model": direct.model} == vars(direct)


def _tape(path: Path, scrubber: Scrubber, mode: str) -> Any:
    recorder = vcrpy.VCR()
    register(recorder)
    return recorder.use_cassette(str(path), record_mode=mode, **options(scrubber))
