"""What an import costs a fresh interpreter: CPU time, how many modules are loaded after it, and instructions."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

from benchmarks.instructions import of_process
from benchmarks.measure import Measured, in_turn
from benchmarks.processes import ROOT, environment

STATEMENTS = {
    "langchain": {
        "ours": "from langchain_azure_inference import ChatAzureInference",
        "azure": "from langchain_azure_ai.chat_models.inference import AzureAIChatCompletionsModel",
        "openai": "from langchain_openai import ChatOpenAI",
        "floor": "from langchain_core.language_models.chat_models import BaseChatModel",
    },
    "llamaindex": {
        "ours": "from llamaindex_azure_inference import AzureInference",
        "azure": "from llama_index.llms.azure_inference import AzureAICompletionsModel",
        "openai": "from llama_index.llms.openai_like import OpenAILike",
        "floor": "from llama_index.core.llms.function_calling import FunctionCallingLLM",
    },
}
_TIMED = """
import json, sys, time
started = time.process_time()
{statement}
print(json.dumps([time.process_time() - started, len(sys.modules)]))
"""
ROUNDS = 9
COUNTED_ROUNDS = 3
KEY = "import"
LIMITS = {"azure": 1.0, "openai": 1.0, "floor": 1.1}


def measure_imports(framework: str, python: str, *, quick: bool = False) -> Measured:
    """Imports each client in turn, each time in an interpreter of its own."""
    result = Measured(framework, KEY)
    for turn in range(-1, 3 if quick else ROUNDS):  # the first writes bytecode
        for name in in_turn(list(STATEMENTS[framework]), turn):
            seconds, modules = _import(python, STATEMENTS[framework][name])
            if turn >= 0:
                result.costs.setdefault(name, []).append(seconds)
                result.more.setdefault(name, []).append({"modules": modules})
    return result


def count_imports(framework: str, python: str) -> Measured:
    """The same in instructions, less those of an interpreter that imports nothing: the median of rounds, in turn."""
    nothing = _counted(python, "pass")
    counted: dict[str, list[int]] = {name: [] for name in STATEMENTS[framework]}
    for statement in STATEMENTS[framework].values():
        _import(python, statement)  # writes bytecode
    for turn in range(COUNTED_ROUNDS):
        for name in in_turn(list(counted), turn):
            counted[name].append(_counted(python, STATEMENTS[framework][name]) - nothing)
    result = Measured(framework, KEY)
    for name, counts in counted.items():
        result.costs[name] = [statistics.median(counts)]
        print(f"{framework} {name} {KEY}: {', '.join(f'{count:,}' for count in counts)}", file=sys.stderr)
    return result


def _counted(python: str, statement: str) -> int:
    """The instructions of an interpreter from its start to the end of a statement: its own end is not of the import."""
    return of_process(_command(python, f"import os\n{statement}\nos._exit(0)"), _environment())


def _import(python: str, statement: str) -> tuple[float, int]:
    command = _command(python, _TIMED.format(statement=statement))
    ran = subprocess.run(command, env=_environment(), cwd=ROOT, capture_output=True, check=True)
    seconds, modules = json.loads(ran.stdout)
    return seconds, modules


def _command(python: str, code: str) -> list[str]:
    return [python, "-P", "-W", "ignore", "-c", code]


def _environment() -> dict[str, str]:
    return {**environment(), "PYTHONPATH": f"{ROOT / 'shared'}:{ROOT}"}
