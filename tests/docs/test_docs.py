"""The documents: their code runs, their links lead somewhere, and their lists are complete."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import azure_inference

FRAMEWORKS = {
    "langchain.md": ("langchain_azure_inference", "langchain_core"),
    "llamaindex.md": ("llamaindex_azure_inference", "llama_index"),
}
"""The page of each framework: the package that it describes, and where the base classes of its models are."""
ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
DOCUMENTS = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "tests").rglob("*.md")]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NOT_RUN = re.compile(r"<!-- not run: [^\n]+ -->\n$")
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMANDS = "azure-inference-emulator|cd|curl|export|git|make|pip|python|python3"
COMMAND = re.compile(rf"(?:{COMMANDS})(?: |$)")
SECOND_COMMAND = re.compile(rf"(?<![&|;])\s(?:{COMMANDS}) \S")
SOURCES = sorted((ROOT / "shared").rglob("*.py"))
READS_ENVIRONMENT = re.compile(r"\bos\.(?:environ|getenv)\b")
NAME_OF_VARIABLE = re.compile(r"""["']([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)["']""")
WELL_KNOWN_VARIABLE = re.compile(r"\b(?:AZURE_INFERENCE_[A-Z_]+|SSL_?[A-Z_]*(?:FILE|DIR)|[A-Z]+_PROXY)\b")


def page_name(page: Path) -> str:
    """A page as its path in the repository."""
    return page.relative_to(ROOT).as_posix()


def code(page: Path) -> str:
    """The blocks of a page that are to run, each in the lines it has there; blank lines for all else."""
    text = page.read_text(encoding="utf-8")
    lines = [""] * text.count("\n")
    for found in BLOCK.finditer(text):
        if not NOT_RUN.search(text[: found.start()]):
            start = text.count("\n", 0, found.start(1))
            block = found.group(1).splitlines()
            lines[start : start + len(block)] = block
    return "\n".join(lines)


@pytest.mark.timeout(180)  # both frameworks are imported anew, on a busy machine perhaps for the first time
@pytest.mark.parametrize("route", ["/models", "/openai/v1"])
@pytest.mark.parametrize("page", [page for page in PAGES if code(page).strip()], ids=page_name)
def test_code(page, route, emulator, tmp_path):
    """What a page shows runs as it stands, from its first block to its last, in a folder with the user's documents."""
    script = tmp_path / f"{page.stem}_page.py"  # not the name of a package that it imports
    script.write_text(code(page), encoding="utf-8")
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "warranty.txt").write_text("The warranty of the lamp is two years.\n", encoding="utf-8")
    endpoint = {"AZURE_INFERENCE_ENDPOINT": emulator.root + route, "AZURE_INFERENCE_CREDENTIAL": "a-key"}

    ran = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        env={**os.environ, **endpoint},
        capture_output=True,
        text=True,
        check=False,  # its own words are better than a CalledProcessError
    )

    assert ran.returncode == 0, ran.stderr


def test_code_that_is_not_run():
    """Few blocks do not run: those that need an account."""
    skipped = [found for page in PAGES for found in re.findall(r"<!-- not run: (.+) -->", page.read_text("utf-8"))]

    assert set(skipped) <= {"needs an account"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=page_name)
def test_links(document):
    """Links within the repository lead to files that are there, and to headings they have."""
    text = FENCED.sub("", document.read_text(encoding="utf-8"))
    for link in LINK.findall(text):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, heading = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{link} leads nowhere"
        assert not heading or heading in headings(target), f"{link}: there is no such heading"


def headings(document: Path) -> set[str]:
    """The anchors of a document's headings, as they are made from their words."""
    found = re.findall(r"^#+ (.+)$", FENCED.sub("", document.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-") for words in found}


def test_table_of_errors():
    """The README's table names every exception that callers catch, and none that is not there."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## When something goes wrong")[2]
    rows = [line.split("|")[1] for line in section.partition("\n## ")[0].splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}

    exported = {name: getattr(azure_inference, name) for name in azure_inference.__all__}
    exceptions = {
        name for name, kind in exported.items()
        if isinstance(kind, type) and issubclass(kind, azure_inference.InferenceError)
    }  # fmt: skip
    assert named | {"InferenceError", "APIStatusError"} == exceptions


def test_names_of_the_core():
    """The page of the core has every name that the core exports."""
    page = (ROOT / "docs" / "core.md").read_text(encoding="utf-8")

    missing = [name for name in azure_inference.__all__ if not re.search(rf"\b{name}\b", page)]
    assert not missing


def test_names_of_the_emulator():
    """The page of the emulator has every flag of its command, every model and every fault."""
    from azure_inference_emulator import __main__, faults, models

    page = (ROOT / "docs" / "emulator.md").read_text(encoding="utf-8")
    flags = set(re.findall(r"--[a-z-]+", __main__._parser().format_usage()))

    missing = [name for name in (*flags, *models.MODELS, *faults.NAMES) if f"`{name}" not in page]
    assert not missing


def console_lines(page: Path) -> list[str]:
    """The lines of a page's console blocks that should begin a command: those that continue one are left out."""
    blocks = [found.group(1).splitlines() for found in CONSOLE.finditer(page.read_text(encoding="utf-8"))]
    return [
        line
        for block in blocks
        for before, line in zip(["", *block], block, strict=False)
        if line.strip() and not before.endswith("\\")
    ]  # fmt: skip


@pytest.mark.parametrize(
    "page", [page for page in (*PAGES, ROOT / "CONTRIBUTING.md") if console_lines(page)], ids=page_name
)
def test_commands(page):
    """What a page has people type is one command a line: a page that is wrapped anew must not join them."""
    for line in console_lines(page):
        assert COMMAND.match(line), f"{line!r} begins with no command that is known here"
        assert not SECOND_COMMAND.search(line), f"{line!r} holds a second command"


def test_environment_variables():
    """The page of operations names every environment variable that the library and the emulator read."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    found = set()
    for source in SOURCES:
        text = source.read_text(encoding="utf-8")
        found |= set(WELL_KNOWN_VARIABLE.findall(text))
        found |= set(NAME_OF_VARIABLE.findall(text)) if READS_ENVIRONMENT.search(text) else set()

    assert found >= {"AZURE_INFERENCE_ENDPOINT", "SSLKEYLOGFILE", "NO_PROXY"}
    assert not [name for name in found if f"`{name}`" not in page]


@pytest.mark.parametrize("page", FRAMEWORKS)
def test_arguments(page):
    """The tables have every argument of the classes, and none that is not there; the page has what docstrings name."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    tables = re.findall(r"^\| argument \|.*\n\|---.*\n((?:\|.*\n)+)", text, re.MULTILINE)
    cells = [row.split("|")[1] for table in tables for row in table.splitlines()]
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}

    package, framework = FRAMEWORKS[page]
    kinds = model_classes(package)
    assert kinds
    assert [kind.__name__ for kind in kinds if f"`{kind.__name__}`" not in text] == []
    own = set().union(*(own_arguments(kind, framework) for kind in kinds))
    taken = set().union(*(kind.model_fields.keys() | kind.other_names.keys() for kind in kinds))
    assert own - named == set()
    assert named - taken == set()

    said = {name for kind in kinds for name in re.findall(r"`(\w+)`", inspect.getdoc(kind) or "") if name in taken}
    assert [name for name in sorted(said) if f"`{name}`" not in text] == []


def model_classes(package: str) -> list[type]:
    """The classes of a package that have arguments."""
    module = importlib.import_module(package)
    exported = [getattr(module, name) for name in module.__all__]
    return [kind for kind in exported if issubclass(kind, azure_inference.ConnectedModel)]


def own_arguments(kind: type, framework: str) -> set[str]:
    """The arguments of a class that are not its framework's, those that it defines anew, and their other names."""
    theirs = [base for base in kind.__mro__ if base.__module__.partition(".")[0] == framework]
    inherited = {name for base in theirs for name in getattr(base, "model_fields", ())}
    ours = [base for base in kind.__mro__ if "azure_inference" in base.__module__.partition(".")[0]]
    anew = {name for base in ours for name in inspect.get_annotations(base)} & kind.model_fields.keys()
    return (kind.model_fields.keys() - inherited) | anew | kind.other_names.keys()
