"""What a user downloads: the wheel and the source distribution, and the wheel at work with as little as possible."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import azure_inference

if TYPE_CHECKING:
    from email.message import Message

ROOT = Path(__file__).resolve().parents[1]
DIST_INFO = f"azure_inference-{azure_inference.__version__}.dist-info"
PACKAGES = ("azure_inference", "azure_inference_emulator", "langchain_azure_inference", "llamaindex_azure_inference")
EXTRAS = {
    "langchain_azure_inference": "langchain",
    "llamaindex_azure_inference": "llamaindex",
    "azure_inference_emulator.__main__": "emulator",
}
# Everything that an extra brings: what the core must do without.
BLOCKED = ("langchain_core", "llama_index", "starlette", "uvicorn", "aiohttp", "httptools", "pybase64")
# What a program does with the bare wheel: ask a server, here one of the standard library, and read the answer.
USE_THE_CORE = """
import json, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
import azure_inference as core

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        said = json.loads(self.rfile.read(int(self.headers["content-length"])))["messages"][0]["content"]
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said.upper()}}
        body = json.dumps({"id": "1", "model": "m", "created": 1, "object": "x", "choices": [choice]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass

with HTTPServer(("127.0.0.1", 0), Handler) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with core.InferenceClient(f"http://127.0.0.1:{server.server_port}/models", "key") as client:
        answer = client.chat(core.ChatRequest(model="m", messages=[core.UserMessage(content="hello")]))
    server.shutdown()
print(answer.choices[0].message.content)
"""


def python(code: str, *options: str, executable: str | Path = sys.executable) -> subprocess.CompletedProcess[str]:
    """Run code in an interpreter that sees nothing of this checkout's folder or of the user's settings."""
    command = [str(executable), "-I", "-W", "error", *options, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def build(folder: Path, out: Path) -> tuple[Path, Path]:
    """Build the source distribution and the wheel of a folder, with the build backend that is installed here."""
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", str(out)], cwd=folder, check=True)
    return next(out.glob("*.tar.gz")), next(out.glob("*.whl"))


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The source distribution and the wheel, built once."""
    return build(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def wheel(distributions: tuple[Path, Path]) -> Path:
    """The wheel."""
    return distributions[1]


@pytest.fixture(scope="session")
def metadata(wheel: Path) -> Message:
    """The wheel's own description."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


@pytest.fixture(scope="session")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content in a folder of its own: what an installation puts on the path."""
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def names(distribution: Path) -> set[str]:
    """The files of a distribution; those of a source distribution without its outermost folder."""
    if distribution.suffix == ".whl":
        return set(zipfile.ZipFile(distribution).namelist())
    with tarfile.open(distribution) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def test_wheel_holds_the_four_packages_and_nothing_else(wheel: Path) -> None:
    """The wheel has four packages at its top, every module of each, and no `shared`, `tests` or `examples`."""
    content = names(wheel)

    folders = {"azure_inference": "shared", "azure_inference_emulator": "shared"}
    modules = {
        path.relative_to(ROOT / folders.get(package, "")).as_posix()
        for package in PACKAGES
        for path in (ROOT / folders.get(package, "") / package).rglob("*.py")
    }
    assert {name.split("/")[0] for name in content} == {*PACKAGES, DIST_INFO}
    assert modules <= content
    assert {f"{package}/py.typed" for package in PACKAGES} <= content
    assert f"{DIST_INFO}/licenses/LICENSE" in content


def test_wheel_describes_itself(metadata: Message) -> None:
    """Metadata name the licence, the extras, the Python that is needed, and a readable long description."""
    assert metadata["Metadata-Version"] == "2.4"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    extras = ["aiohttp", "all", "emulator", "httptools", "langchain", "llamaindex", "pdf", "pybase64"]
    assert sorted(metadata.get_all("Provides-Extra", [])) == extras
    assert metadata["Description-Content-Type"] == "text/markdown"
    core = {line.split(";")[0] for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line}
    assert {line.split(">")[0].split("<")[0] for line in core} == {
        "httpcore",
        "httpx",
        "msgspec",
        "pydantic",
        "tenacity",
    }


def test_sdist_is_enough_to_build_the_same_wheel(distributions: tuple[Path, Path], tmp_path: Path) -> None:
    """The source distribution has the licence and the readme, no tests, and builds the very same wheel again."""
    sdist, wheel = distributions
    content = names(sdist)
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")

    _, again = build(next(tmp_path.iterdir()), tmp_path / "again")

    assert {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml"} <= content
    assert {name for name in content if name.startswith(("tests", "benchmarks", "examples", "cassettes"))} == set()
    assert names(again) == names(wheel)


def test_core_works_without_any_extra(unpacked: Path) -> None:
    """With every package that an extra brings out of reach, the core imports, asks a server and reads its answer."""
    run = python(f"{block(unpacked)}\n{USE_THE_CORE}")

    assert run.stderr == ""
    assert run.stdout == "HELLO\n"


@pytest.mark.parametrize(("module", "extra"), EXTRAS.items(), ids=EXTRAS.values())
def test_missing_extra_says_what_to_install(unpacked: Path, module: str, extra: str) -> None:
    """Importing what needs an extra that is not installed fails with the command that installs it."""
    run = python(f"{block(unpacked)}\nimport {module}")

    assert run.returncode != 0
    assert run.stderr.splitlines()[-1].startswith(("ImportError", "ModuleNotFoundError"))
    assert f'pip install "azure-inference[{extra}]"' in run.stderr.splitlines()[-1]


def block(folder: Path) -> str:
    """Code that puts an unpacked wheel first on the path and hides everything that an extra would bring."""
    return f"""
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Block())
sys.path.insert(0, {str(folder)!r})
"""


@pytest.mark.timeout(300)
def test_bare_wheel_installs_and_works(wheel: Path, tmp_path: Path) -> None:
    """`pip install` of the wheel into an empty environment brings the core's needs, nothing more, and it works."""
    venv.create(tmp_path / "venv", with_pip=True)
    executable = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [str(executable), "-m", "pip", "--disable-pip-version-check"]
    probe = subprocess.run(
        [*pip, "download", "-q", "--no-deps", "-d", str(tmp_path / "probe"), "tenacity>=9,<10"],
        capture_output=True,
        text=True,
        check=False,
    )
    if probe.returncode != 0:
        pytest.skip("no package index within reach")

    subprocess.run([*pip, "install", "-q", "--no-compile", str(wheel)], check=True)
    run = python(USE_THE_CORE, executable=executable)
    missing = python("import langchain_azure_inference", executable=executable)

    assert run.stderr == ""
    assert run.stdout == "HELLO\n"
    assert 'pip install "azure-inference[langchain]"' in missing.stderr
