"""Where the files of a deployment lie, and the programs that judge them."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
UNITS: Final = DEPLOY / "systemd"
SCRIPTS: Final = sorted(DEPLOY.rglob("*.sh"))
CONTAINERFILES: Final = sorted(DEPLOY.glob("*.Containerfile"))


class MissingToolError(RuntimeError):
    """A program that `deploy/test-servers.sh` installs is not here: no test is skipped for that."""


def tool(name: str) -> str:
    """Return the path of a program. Raises `MissingToolError`."""
    places = os.pathsep.join([str(ROOT / ".venv" / "bin"), os.environ.get("PATH", ""), "/usr/sbin"])
    found = shutil.which(name, path=places)
    if found is None:
        raise MissingToolError(f"{name} is not installed: make servers")
    return found


def run(*words: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end."""
    return subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | environment,
    )
