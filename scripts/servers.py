"""Install the independent servers of `tests/peers` with npm: `servers.py [FOLDER (.servers)]`; without npm, say so."""

import json
import os
import shutil
import subprocess
import sys
import time

PACKAGES = {
    "@copilotkit/aimock": "1.43.0",
    "@stoplight/prism-cli": "5.14.2",
}


def main() -> None:
    """Install what is not there yet in the version wanted."""
    if len(sys.argv) > 2:
        sys.exit("usage: servers.py [FOLDER (.servers)]")
    folder = sys.argv[1] if len(sys.argv) == 2 else ".servers"
    if all(installed(folder, name) == version for name, version in PACKAGES.items()):
        return
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        print("There is no npm here: tests with independent servers are skipped. Install Node.js for them.\n")
        return
    started = time.monotonic()
    print("Installing {} ...".format(", ".join(PACKAGES)), flush=True)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "package.json"), "w", encoding="utf-8") as file:
        json.dump({"private": True, "dependencies": PACKAGES}, file)
    # Neither server needs what packages would run when they are installed.
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-progress", "--loglevel=error"]
    if subprocess.call([npm, "install", *quiet], cwd=folder) != 0:
        sys.exit("error: npm could not install them; see above")
    print("Installed in {:.0f} s.\n".format(time.monotonic() - started), flush=True)


def installed(folder: str, name: str) -> str:
    """The version of an npm package that is in the folder; empty when there is none."""
    try:
        with open(os.path.join(folder, "node_modules", name, "package.json"), encoding="utf-8") as file:
            return json.load(file)["version"]
    except (OSError, ValueError, KeyError):
        return ""


if __name__ == "__main__":
    main()
