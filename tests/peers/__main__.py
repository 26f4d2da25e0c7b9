"""Makes docs/compatibility.md of a run of these tests: `python -m tests.peers docs/compatibility.md`."""

from __future__ import annotations

import inspect
import json
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.peers.servers import FOLDER

# What each module of tests calls its peer: what that is, and the packages whose versions say which one it was.
PEERS = {
    "azure-ai-inference": ("the official SDK, sync and async", ["azure-ai-inference", "azure-core"]),
    "langchain-azure-ai": ("its classes for this API", ["langchain-azure-ai"]),
    "langchain-openai": (
        "`ChatOpenAI`, `AzureChatOpenAI`, `OpenAI`, `OpenAIEmbeddings`",
        ["langchain-openai", "openai"],
    ),
    "aimock": ("a server of the OpenAI and Azure routes", ["@copilotkit/aimock"]),
    "Prism": ("answers from the published OpenAPI document, and judges by it", ["@stoplight/prism-cli"]),
}
FRAMEWORKS = ("langchain-core", "llama-index-core")
HEAD = """\
# Compatibility

The third-party clients and servers that this library and its emulator are tested with: the clients call the emulator,
and both adapters call the servers. Each row is a claim of `tests/peers` with the number of cases in which it held, sync
and async, for every input it was tried with. `make peers` runs them; `make compatibility` also writes this page.
"""


@dataclass
class Claim:
    """A test: what it says, how its cases ended, and why those that are expected to fail do."""

    text: str
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: set[str] = field(default_factory=set)


class Record:
    """A plugin of pytest that keeps the outcome of each case."""

    def __init__(self) -> None:
        self.claims: dict[str, dict[str, dict[str, Claim]]] = defaultdict(lambda: defaultdict(dict))
        self._claim_of: dict[str, Claim] = {}
        self.others: list[str] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Find the claim of each case."""
        for item in session.items:
            module, function = item.module, item.function
            room = self.claims[module.PEER][inspect.cleandoc(module.__doc__)]
            claim = room.setdefault(function.__name__, Claim(" ".join(function.__doc__.split())))
            self._claim_of[item.nodeid] = claim

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a case when it was called, or when it could not be."""
        expected = hasattr(report, "wasxfail")
        if report.when != "call" and report.outcome == "passed":
            return
        if report.outcome != "passed" and not expected:
            self.others.append(f"{report.outcome}: {report.nodeid}")
            return
        claim = self._claim_of[report.nodeid]
        claim.outcomes["expected" if expected else "passed"] += 1
        if expected:
            claim.reasons.add(report.wasxfail.removeprefix("reason: "))

    def page(self) -> str:
        """The page."""
        lines = [HEAD, "| peer | versions | cases |", "|---|---|---|"]
        for peer, (what, packages) in PEERS.items():
            counts = self._counts(peer)
            known = f", {counts['expected']} known limits" if counts["expected"] else ""
            versions = ", ".join(f"{package} {_version(package)}" for package in packages)
            lines.append(f"| **{peer}**: {what} | {versions} | {counts['passed']} passed{known} |")
        frameworks = " and ".join(f"{name} {version(name)}" for name in FRAMEWORKS)
        lines += ["", f"The adapters ran on {frameworks}."]
        for peer in PEERS:
            lines += ["", f"## {peer}"]
            for room, claims in self.claims[peer].items():
                lines += ["", room, "", "| claim | cases |", "|---|---|"]
                lines += [f"| {_cell(claim.text)} | {_told(claim)} |" for claim in claims.values()]
        return "\n".join([*lines, ""])

    def _counts(self, peer: str) -> Counter[str]:
        claims = [claim for room in self.claims[peer].values() for claim in room.values()]
        return sum((claim.outcomes for claim in claims), Counter())


def _told(claim: Claim) -> str:
    passed, expected = claim.outcomes["passed"], claim.outcomes["expected"]
    known = f"{expected} not: {'; '.join(sorted(claim.reasons))}" if expected else ""
    return "; ".join(filter(None, [str(passed) if passed else "", known]))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _version(package: str) -> str:
    if not package.startswith("@"):
        return version(package)
    return json.loads((FOLDER / "node_modules" / package / "package.json").read_text(encoding="utf-8"))["version"]


def main() -> None:
    """Run the tests, and write the page if each of them ended as it should."""
    record = Record()
    code = pytest.main(["-m", "peers", "tests/peers"], plugins=[record])
    if record.others or code != pytest.ExitCode.OK:
        sys.exit("\n".join(["The page is made of whole runs only, and this one was none:", *record.others]))
    Path(sys.argv[1]).write_text(record.page(), encoding="utf-8")
    sys.stdout.write(f"Wrote {sys.argv[1]}.\n")


if __name__ == "__main__":
    main()
