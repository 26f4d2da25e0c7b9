"""Starts servers that nobody here wrote, as processes on free ports of 127.0.0.1."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).resolve().parents[2] / ".servers"
_LISTENS = re.compile(r"listening on (http://127\.0\.0\.1:\d+)")


@contextmanager
def node_server(name: str, *arguments: str, **environment: str) -> Iterator[str]:
    """The address of a server of the npm package that has this command; skips the test where it is not installed."""
    command = FOLDER / "node_modules" / ".bin" / name
    if shutil.which("node") is None or not command.exists():
        pytest.skip(f"{name} is not installed here: run `make peers` with Node.js at hand")
    process = subprocess.Popen(
        [str(command), *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            yield _address(process)
        finally:
            process.terminate()


def _address(process: subprocess.Popen[str]) -> str:
    """Where it says that it listens; what it says later is read and forgotten, so that it never waits for a reader."""
    assert process.stdout is not None
    said: list[str] = []
    for line in process.stdout:
        said.append(line)
        if found := _LISTENS.search(line):
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return found[1]
    raise RuntimeError(f"{process.args} ended: {''.join(said)}")
