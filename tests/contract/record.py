"""Records the cassettes anew: `python -m tests.contract.record`, or with `--live` those of the user's own endpoint.

Exits with the status of pytest: a claim that fails while it is recorded leaves its cassette to be looked at.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.peers.servers import FOLDER

ROOT = Path(__file__).resolve().parents[2]
VARIABLES = ("AZURE_INFERENCE_ENDPOINT", "AZURE_INFERENCE_CREDENTIAL")
CLAIMS = "tests/contract/test_recorded.py"
STREAM_TIME = [
    "tests/langchain/test_standard_chat.py",
    *("-k", "test_stream_time"),
    *("-W", "ignore::pytest_benchmark.logger.PytestBenchmarkWarning"),  # nothing is timed while it is recorded
]


def main() -> int:
    """Removes what was recorded, and runs the tests that record."""
    parser = argparse.ArgumentParser(prog="python -m tests.contract.record", description="Records cassettes anew.")
    parser.add_argument("--live", action="store_true", help=f"of the endpoint that {' and '.join(VARIABLES)} name")
    is_live = parser.parse_args().live
    missing = [name for name in VARIABLES if is_live and not os.environ.get(name)]
    if missing:
        parser.error(f"set {' and '.join(missing)}")
    hosts = ["live"] if is_live else ["emulator", *_aimock()]
    for host in hosts:
        for cassette in (ROOT / "cassettes" / host).glob("*.yaml"):
            cassette.unlink()
    claims = [CLAIMS, "-k", " or ".join(hosts)]
    runs = [claims] if is_live else [claims, STREAM_TIME]
    # An endpoint's own host is the one to be reached, and pytest-socket knows addresses only.
    reach = ["--force-enable-socket"] if is_live else []
    environment = {**os.environ, "RECORD_LIVE": "1" if is_live else ""}
    command = [sys.executable, "-m", "pytest", "-q", "--record-mode=new_episodes", *reach]
    return max(subprocess.run([*command, *run], cwd=ROOT, env=environment, check=False).returncode for run in runs)


def _aimock() -> list[str]:
    """aimock, if it can be started here; its cassettes are left alone otherwise."""
    if shutil.which("node") and (FOLDER / "node_modules" / ".bin" / "llmock").exists():
        return ["aimock"]
    sys.stderr.write("aimock is not recorded: it is not installed, see scripts/servers.py\n")
    return []


if __name__ == "__main__":
    sys.exit(main())
