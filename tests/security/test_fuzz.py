"""The targets of `make fuzz`, run for a moment: samples, what once broke a promise, and a few hundred inventions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz import __main__, adapters, samples, targets
from fuzz.source import Source
from fuzz.targets import DICTIONARY

if TYPE_CHECKING:
    from fuzz.targets import Target

ROOT = Path(__file__).resolve().parents[2]
TARGETS = {**targets.TARGETS, **adapters.TARGETS}
FOUND: dict[str, list[bytes]] = {
    "bodies": [b"", b"\x01\x00\x00\x01\x00", b"\xff\xff\xff_\xff\xfe\xff"],
    "refusals": [b"\xb1L\xc9\x80\xc1\xbe\x94\x99\x94\x8c0x^"],
    "streams": [
        b"\xa1\x0c\xd5:D\x03\xc6\xaf1\x98\x9e\xa9\xb7\xa0\x9c\xeb\xcd\n\xfb\x8ai\x81\xbc9\xf4\x9e\xf6\xb1\xcb\x8c"
    ],
}
"""Inputs that a fuzzer found to break a promise, which has been mended since."""
PLAIN = [json.dumps(one).encode() for one in (*samples.CHAT, *samples.EMBEDDINGS, *samples.REFUSALS)]
WORDS = st.lists(st.sampled_from([word.encode() for word in DICTIONARY]) | st.binary(max_size=8)).map(b"".join)


@pytest.mark.parametrize("name", TARGETS)
def test_targets(name: str) -> None:
    """No input makes a target raise: not those that once did, not the samples, and none that is invented here."""
    target: Target = TARGETS[name]
    for data in (b"", *FOUND.get(name, ()), *(bytes([0, kind, 0]) + body for body in PLAIN for kind in range(5))):
        target(data)

    @settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.binary(max_size=120) | WORDS)
    def invent(data: bytes) -> None:
        target(data)

    invent()


def test_targets_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that loses bytes where the network cuts is found out."""
    from azure_inference import sse

    real = sse.Decoder.feed
    monkeypatch.setattr(sse.Decoder, "feed", lambda self, piece: real(self, piece.rstrip(b"\n")))

    with pytest.raises(AssertionError, match="cuts"):
        targets.events(b"\x01\x00data: a\n\ndata: b\n\n")


def test_sources() -> None:
    """The same bytes are the same choices, and pieces make up the whole again."""
    data = bytes(range(256))
    assert Source(data).changed(samples.CHAT[0]) == Source(data).changed(samples.CHAT[0])
    for seed in (0, 1, 7, 15, 16, 200):
        assert b"".join(Source(b"").cut(data, seed)) == data


def test_names() -> None:
    """The command knows every target, and its module without importing it."""
    assert list(TARGETS) == __main__.NAMES
    assert [__main__.load(name) for name in TARGETS] == list(TARGETS.values())


def test_command(tmp_path: Path) -> None:
    """The command runs one input again, and fails with it where it breaks a promise."""
    (tmp_path / "input").write_bytes(b"\x01\x00data: a\n\n")
    command = [sys.executable, "-m", "fuzz", "events", "--input", str(tmp_path / "input")]

    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0
