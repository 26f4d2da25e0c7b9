"""Make an environment of one dependency group, or bring it up to date: `environment.py GROUP [FOLDER (.venv)]`.

Only the standard library, and only syntax that an old Python can read, so that an old one gets a clear answer.
"""

import importlib.util
import os
import subprocess
import sys
import time
from typing import List

NEEDED = (3, 11)
ON_TERMINAL = sys.stdout.isatty()


def main() -> None:
    """Check this Python, make the environment when there is none, install the group."""
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: environment.py GROUP (a dependency group of pyproject.toml) [FOLDER (.venv)]")
    group, folder = sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else ".venv"
    python = os.path.join(folder, "bin", "python")
    started = time.monotonic()
    check_python()
    if not works(python):
        print("Making {} with Python {}.{} ...".format(folder, *sys.version_info), flush=True)
        run([sys.executable, "-m", "venv", "--clear", folder])
    pip_install(python, "pip>=25.1")  # the first pip that knows dependency groups
    print("Installing the packages of the group {} ...".format(group), flush=True)
    installed = pip_install(python, "--editable", ".", "--group", group)
    print("Installed {} packages in {:.0f} s.\n".format(installed, time.monotonic() - started), flush=True)


def check_python() -> None:
    """End with one line when this Python cannot do it."""
    if sys.version_info < NEEDED:
        sys.exit(
            "error: azure-inference needs Python {}.{} or newer, and {} is {}.{}; name a newer one, "
            "for example: make PYTHON=python3.12 demo".format(*NEEDED, sys.executable, *sys.version_info)
        )
    if not all(importlib.util.find_spec(module) for module in ("venv", "ensurepip")):
        sys.exit(
            "error: {} comes without venv or pip; install them (on Debian and Ubuntu: apt install python3-venv) "
            "and run make again".format(sys.executable)
        )


def works(python: str) -> bool:
    """Say whether this interpreter is there, is new enough and has pip (an upgraded system may have broken it)."""
    if not os.path.exists(python):
        return False
    probe = "import pip, sys; sys.exit(sys.version_info < {})".format(NEEDED)
    return subprocess.call([python, "-c", probe], stderr=subprocess.DEVNULL) == 0


def pip_install(python: str, *what: str) -> int:
    """Install for this interpreter; return the number of packages installed."""
    # Without --no-compile, half of the time goes into compiling modules that nobody imports.
    lines = run([python, "-m", "pip", "install", "--disable-pip-version-check", "--no-compile", *what])
    return sum(len(line.split()) - 2 for line in lines if line.startswith("Successfully installed"))


def run(command: List[str]) -> List[str]:
    """Return the lines a command prints, showing on a terminal how far it is; end with its last ones if it fails."""
    lines, found = [], 0
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    for line in process.stdout or ():
        lines.append(line)
        if line.startswith(("Collecting", "Installing collected")):
            found += line.startswith("Collecting")
            show("  {} packages: {}".format(found, " ".join(line.split()[:2]).lower()))
    show("")
    if process.wait() != 0:
        sys.stderr.write("".join(lines[-15:]))
        sys.exit("error: could not install the packages (is the package index reachable?); pip's last lines are above")
    return lines


def show(progress: str) -> None:
    """Rewrite the terminal's current line; say nothing where there is no terminal."""
    if ON_TERMINAL:
        print("\r\033[K" + progress[:78], end="", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("stopped; run make again to go on")
