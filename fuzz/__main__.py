"""The command: `python -m fuzz [TARGET ...] [--seconds N]`; atheris where it is installed, hypothesis elsewhere.

An input that breaks a promise is kept in `.fuzz_cache/<target>/`, beside the inputs that reached new code; the command
ends with status 1 if there was one. `python -m fuzz TARGET --input FILE` runs one input again.
"""

from __future__ import annotations

import argparse
import importlib
import json
import random
import re
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .targets import Target

CACHE = Path(".fuzz_cache")
MODULES = {
    "targets": ("events", "bodies", "refusals", "answers", "streams", "waits"),
    "adapters": ("langchain", "llamaindex"),
}
OURS = ["azure_inference", "langchain_azure_inference", "llamaindex_azure_inference"]
LONGEST_INPUT = 4096


NAMES = [name for names in MODULES.values() for name in names]


def load(name: str) -> Target:
    """A target; the frameworks are imported only for those that need them."""
    module = next(module for module, names in MODULES.items() if name in names)
    return importlib.import_module(f"{__package__}.{module}").TARGETS[name]


def with_atheris(name: str, seconds: int) -> None:
    """Runs a target in this process, guided by the code that inputs reach; never returns."""
    import atheris

    with atheris.instrument_imports(include=OURS):
        target = load(name)
    folder = CACHE / name
    folder.mkdir(parents=True, exist_ok=True)
    words = folder.with_suffix(".dict")
    words.write_text("".join(f"{json.dumps(word)}\n" for word in sys.modules[f"{__package__}.targets"].DICTIONARY))
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST_INPUT}",
        f"-dict={words}",
        f"-artifact_prefix={folder}/broken-",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, str(folder)], target)
    atheris.Fuzz()


def with_hypothesis(name: str, seconds: int) -> None:
    """Runs a target in this process, on inputs that hypothesis invents."""
    from hypothesis import HealthCheck, given, seed, settings
    from hypothesis import strategies as st

    target = load(name)
    count = 0

    def counted(data: bytes) -> None:
        nonlocal count
        count += 1
        target(data)

    inputs = given(st.binary(max_size=LONGEST_INPUT) | st.binary(max_size=60))
    quiet = settings(max_examples=500, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        seed(random.getrandbits(64))(quiet(inputs(counted)))()
    print(f"stat::number_of_executed_units: {count}")


def run(name: str, seconds: int) -> bool:
    """Runs a target in a process of its own and says how it went; whether all was well."""
    command = [sys.executable, "-m", "fuzz", name, "--seconds", str(seconds), "--here"]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    output = ended.stdout.decode("utf-8", "replace")
    counts = re.findall(r"number_of_executed_units: (\d+)", output)
    executed = f"{int(counts[-1]):,}" if counts else "unknown"
    print(f"{name}: {executed} executions, {'clean' if ended.returncode == 0 else 'BROKEN'}", flush=True)
    if ended.returncode:
        print(output[-4000:], flush=True)
    return ended.returncode == 0


def main() -> None:
    """Reads the command."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(NAMES))
    parser.add_argument("--seconds", type=int, default=60, help="for each target (60)")
    parser.add_argument("--input", type=Path, metavar="FILE", help="run one input again")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    told = parser.parse_args()
    if unknown := [name for name in told.targets if name not in NAMES]:
        parser.error(f"no such target: {', '.join(unknown)}; there are {', '.join(NAMES)}")
    if told.input is not None:
        load(told.targets[0])(told.input.read_bytes())
    elif told.here:
        (with_atheris if find_spec("atheris") else with_hypothesis)(told.targets[0], told.seconds)
    else:
        print("Engine: " + ("atheris" if find_spec("atheris") else "hypothesis; install atheris for a better one"))
        outcomes = [run(name, told.seconds) for name in told.targets or NAMES]
        sys.exit(0 if all(outcomes) else 1)


if __name__ == "__main__":
    main()
