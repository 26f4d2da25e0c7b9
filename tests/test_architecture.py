"""The shape of the project: public names, who imports whom, size of files, nothing done at import time."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args, get_type_hints

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
CORE, EMULATOR = "azure_inference", "azure_inference_emulator"
ADAPTERS = ("langchain_azure_inference", "llamaindex_azure_inference")
PACKAGES = {
    CORE: ROOT / "shared" / CORE,
    EMULATOR: ROOT / "shared" / EMULATOR,
    **{adapter: ROOT / adapter for adapter in ADAPTERS},
}
LONGEST_FILE = 450
SOURCES = [
    path
    for folder in (*PACKAGES.values(), *(ROOT / name for name in ("tests", "benchmarks", "examples", "scripts")))
    for path in sorted(folder.rglob("*.py"))
]
FRAMEWORKS = ["langchain_core", "langchain", "llama_index"]
FRAMEWORK_IMPORTS = {
    CORE: "",
    EMULATOR: "",
    ADAPTERS[0]: "import langchain_core.language_models.chat_models",
    ADAPTERS[1]: "import llama_index.core",
}
SERVERS = ["starlette", "uvicorn"]
OF_OTHER_ROUTES = [f"{CORE}.schema.{name}" for name in ("completions", "embeddings", "info")]
"""Models of requests and answers that no chat needs."""
AS_INHERITED = [f"{a}{name}" for a in ("", "a") for name in ("predict_and_call", "stream_structured_predict")]
"""Methods whose types cannot be evaluated in llama-index-core either."""


def absolute_imports(path: Path) -> Iterator[tuple[str, str]]:
    """Every (module, name) that a file imports by a full path, also inside functions; name is "" for `import x`."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.module, alias.name) for alias in node.names)


def modules_after(statement: str) -> set[str]:
    """The top-level and second-level modules loaded in a fresh interpreter by a statement."""
    code = f"import json, sys\n{statement}\nprint(json.dumps(list(sys.modules)))"
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout))


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names(package: str) -> None:
    """`__all__` is complete and true: every name it says is there, and no other public name is (ruff sorts it)."""
    module = importlib.import_module(package)
    submodules = {path.stem for path in PACKAGES[package].iterdir()}

    names = module.__all__

    assert len(names) == len(set(names))
    assert {name for name in vars(module) if not name.startswith("_")} - submodules - {
        "annotations",
        "TYPE_CHECKING",
    } <= set(names)
    assert [name for name in names if not hasattr(module, name)] == []


def classes_within(hint: object) -> Iterator[type]:
    """The classes that a type hint is made of."""
    if isinstance(hint, type):
        yield hint
    for inner in get_args(hint):
        yield from classes_within(inner)


def test_types_of_fields_are_public() -> None:
    """Whatever stands in a field of a request or an answer can be named by users: to make it, or to annotate."""
    module = importlib.import_module(CORE)
    public = {value for name in module.__all__ if isinstance(value := getattr(module, name), type)}
    ours = [kind for kind in public if kind.__module__.startswith(f"{CORE}.schema.")]

    within = {part for kind in ours for hint in get_type_hints(kind).values() for part in classes_within(hint)}

    assert len(ours) > 30
    assert {part for part in within if part.__module__.startswith(CORE)} - public == set()


@pytest.mark.parametrize("package", [CORE, *ADAPTERS])
def test_types_of_methods_can_be_evaluated(package: str) -> None:
    """As frameworks do: LangChain's `with_fallbacks` wants to know by them whether a method gives a runnable."""
    module = importlib.import_module(package)
    public = [value for name in module.__all__ if isinstance(value := getattr(module, name), type)]
    methods = [
        method
        for kind in {base for kind in public for base in kind.__mro__ if base.__module__.startswith(package)}
        for name, method in vars(kind).items()
        if callable(method) and not name.startswith("_") and name not in ("model_post_init", *AS_INHERITED)
    ]

    assert len(methods) > 5
    for method in methods:
        assert get_type_hints(method) is not None


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_adapters_use_the_public_core(adapter: str) -> None:
    """An adapter takes from the core only what `azure_inference` itself exports, so the core's rooms may be moved."""
    public = set(importlib.import_module(CORE).__all__)

    taken = [
        (path.name, module, name)
        for path in PACKAGES[adapter].rglob("*.py")
        for module, name in absolute_imports(path)
        if module.split(".")[0] == CORE
    ]

    assert taken
    assert [use for use in taken if use[1] != CORE or (use[2] and use[2] not in public)] == []


def test_the_emulator_is_independent() -> None:
    """The emulator judges the clients, so it may not share a line with them, or its mistakes would be theirs."""
    ours = {CORE, *ADAPTERS}

    imported = {module for path in PACKAGES[EMULATOR].rglob("*.py") for module, _ in absolute_imports(path)}

    assert imported
    assert {module for module in imported if module.split(".")[0] in ours} == set()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_long_file(path: Path) -> None:
    """No file is longer than 450 lines: a long one is two rooms."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize(
    ("package", "unwanted"),
    [
        (CORE, [*FRAMEWORKS, *SERVERS, EMULATOR, "aiohttp", "numpy", "azure.core"]),
        (EMULATOR, [*FRAMEWORKS, *ADAPTERS, CORE, "httpx"]),
        (ADAPTERS[0], ["llama_index", "langchain", ADAPTERS[1], *SERVERS, EMULATOR, "aiohttp", "azure.core"]),
        (ADAPTERS[1], ["langchain_core", "langchain", ADAPTERS[0], *SERVERS, EMULATOR, "azure.core"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_import_brings_only_its_own(package: str, unwanted: list[str]) -> None:
    """Importing a package loads no framework, server or client that it can do without, and that its own framework
    does not load by itself: langchain-core brings langsmith, which brings aiohttp where it is installed.
    """
    brought = modules_after(f"from {package} import *") & set(unwanted)

    assert brought - (modules_after(FRAMEWORK_IMPORTS[package]) if brought else set()) == set()


@pytest.mark.parametrize(
    ("name", "unneeded"),
    [
        (f"{CORE}.ChatRequest", ["httpx", "tenacity", "yaml", *OF_OTHER_ROUTES]),
        (f"{CORE}.transport.Transport", ["tenacity", "aiohttp"]),
        (f"{CORE}.transport.AsyncTransport", ["tenacity", "aiohttp"]),
        (
            f"{ADAPTERS[0]}.ChatAzureInference",
            ["httpcore", "tenacity", "yaml", "langchain_core.tools", f"{ADAPTERS[0]}._structured", *OF_OTHER_ROUTES],
        ),
        (f"{ADAPTERS[0]}.AzureInferenceEmbeddings", ["httpcore", "tenacity", "yaml", "langchain_core.tools"]),
        (
            f"{ADAPTERS[1]}.AzureInference",
            ["httpcore", f"{ADAPTERS[1]}.completion", f"{ADAPTERS[1]}.embedding", *OF_OTHER_ROUTES],
        ),
    ],
)
def test_an_import_leaves_the_rest_for_later(name: str, unneeded: list[str]) -> None:
    """What a class needs only for its calls, and what only its neighbours need, is not imported with it, if the
    framework does not import it anyway.
    """
    package, _, name = name.rpartition(".")

    brought = modules_after(f"from {package} import {name}") & set(unneeded)

    assert brought - (modules_after(FRAMEWORK_IMPORTS.get(package, "")) if brought else set()) == set()


@pytest.mark.parametrize("package", [CORE, *ADAPTERS])
def test_no_pattern_is_compiled_at_import(package: str) -> None:
    """Patterns are text, which `re` compiles when they are first searched for: most of them are for failures only."""
    compiled = [
        f"{path.name}:{node.lineno}"
        for path in sorted(PACKAGES[package].rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "re.compile"
    ]
    assert compiled == []


@pytest.mark.parametrize(
    ("package", "modules"),
    [
        (ADAPTERS[0], ["chat_models", "embeddings", "llms"]),
        (ADAPTERS[1], ["completion", "embedding", "llm"]),
        (f"{CORE}.transport", ["_async", "_sync"]),
    ],
)
def test_lazy_names(package: str, modules: list[str]) -> None:
    """A package that imports its names when they are asked for has them all, and its modules, says so, and has no
    others.
    """
    code = f"""
import {package} as package
assert {{*package.__all__, *{modules}}} <= set(dir(package))
assert [getattr(package, name).__name__ for name in {modules}] == ["{package}." + name for name in {modules}]
try:
    package.no_such_name
except AttributeError as error:
    assert str(error) == "module '{package}' has no attribute 'no_such_name'"
else:
    raise AssertionError
from {package} import *
assert [name for name in package.__all__ if globals()[name] is not vars(package)[name]] == []
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_happens_at_import(package: str) -> None:
    """Importing opens no connection, and starts no process and no thread, beyond what the framework itself does."""
    code = f"""
import importlib, sys, threading
{"import langchain_core.language_models" if package == ADAPTERS[0] else ""}
{"import llama_index.core" if package == ADAPTERS[1] else ""}
before = threading.active_count()
def watch(event, args):
    if event in ("socket.connect", "socket.bind", "subprocess.Popen", "os.fork"):
        raise RuntimeError(f"{{event}} {{args}} at import")
sys.addaudithook(watch)
from {package} import *
assert threading.active_count() == before
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr
