"""What an import costs: CPU time of a fresh interpreter for each, and how many modules are loaded after it."""

from __future__ import annotations

import json
import subprocess

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


def _import(python: str, statement: str) -> tuple[float, int]:
    ran = subprocess.run(
        [python, "-P", "-W", "ignore", "-c", _TIMED.format(statement=statement)],
        env={**environment(), "PYTHONPATH": f"{ROOT / 'shared'}:{ROOT}"},
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    seconds, modules = json.loads(ran.stdout)
    return seconds, modules
