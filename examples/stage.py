"""What the tour needs besides its subject: a server to ask, documents to read, and something to look at."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from azure_inference import InferenceError

ENDPOINT, CREDENTIAL = "AZURE_INFERENCE_ENDPOINT", "AZURE_INFERENCE_CREDENTIAL"
KINDS = {".md", ".txt", ".html", ".htm", ".pdf"}
START_LIMIT = 30.0


class DemoError(Exception):
    """Something the user can put right, in one line."""


def heading(text: str) -> None:
    """A line that says what comes next."""
    print(f"\n{'=' * 3} {text} {'=' * max(3, 96 - len(text))}", flush=True)


def find_documents(folder: str) -> list[Path]:
    """The documents of a folder and its sub-folders, but for hidden ones and those of installed packages."""
    root = Path(folder)
    if not root.is_dir():
        raise DemoError(f"DOCS={folder} is not a folder: pass one that holds {', '.join(sorted(KINDS))} files")
    if not os.access(root, os.R_OK | os.X_OK):
        raise DemoError(f"DOCS={folder} cannot be read: check its permissions")
    found = [
        path
        for path in sorted(root.rglob("*"))
        if path.suffix.lower() in KINDS
        and path.is_file()
        and not any(part.startswith(".") or part == "node_modules" for part in path.relative_to(root).parts)
    ]
    if not found:
        raise DemoError(f"DOCS={folder} holds no {', '.join(sorted(KINDS))} files: pass another folder")
    return found


@contextmanager
def endpoint() -> Iterator[str]:
    """The endpoint to ask: the one that the environment names, or an emulator that lives as long as the block."""
    if url := os.environ.get(ENDPOINT):
        if not os.environ.get(CREDENTIAL):
            raise DemoError(f"{ENDPOINT} is set but {CREDENTIAL} is not: set it to the key of that endpoint")
        yield url
        return
    command = [sys.executable, "-m", "azure_inference_emulator", "--port", os.environ.get("EMULATOR_PORT", "0")]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603 - ours
    try:
        os.environ[ENDPOINT], os.environ[CREDENTIAL] = f"{_ready_url(server)}/models", "any-key-will-do"
        yield os.environ[ENDPOINT]
    except InferenceError as error:
        if server.poll() is None:
            raise
        gone = f"the emulator ended by itself with exit code {server.returncode}: run make demo again"
        raise DemoError(gone) from error
    finally:
        os.environ.pop(ENDPOINT, None)
        os.environ.pop(CREDENTIAL, None)
        server.terminate()
        server.communicate(timeout=START_LIMIT)


def _ready_url(server: subprocess.Popen[str]) -> str:
    line = server.stdout.readline() if server.stdout else ""
    if " listening on " not in line:
        _, errors = server.communicate(timeout=START_LIMIT)
        said = (errors.strip().splitlines() or ["it said nothing"])[-1]
        raise DemoError(f"the emulator did not start: {said}")
    return line.split()[-1]


class Summary(logging.Handler):
    """Counts the requests that the library reports in its log, and the time."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.requests = 0
        self._started = time.perf_counter()
        logger = logging.getLogger("azure_inference")
        logger.setLevel(logging.DEBUG)
        logger.addHandler(self)
        logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Counts an answered call."""
        self.requests += "answered" in record.msg

    @property
    def seconds(self) -> float:
        """How long it has been."""
        return time.perf_counter() - self._started
