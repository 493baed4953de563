"""The systemd unit: systemd itself reads it without complaint, and the command in it exists as it stands there."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "systemd" / "lastunit-edge.service"
PROGRAM = "/opt/lastunit/bin/lastunit"


def setting(name: str) -> str:
    (found,) = re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)
    return str(found)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_it(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace(PROGRAM, sys.executable))  # a program that is there
    done = subprocess.run(
        ["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    copy.write_text(copy.read_text().replace("Type=notify", "Type=whatever"))
    broken = subprocess.run(
        ["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, timeout=60, check=False
    )
    assert "whatever" in broken.stderr, "the check looks at the file"


def test_its_command_has_the_options_that_it_uses() -> None:
    program, command, *words = shlex.split(setting("ExecStart"))
    assert (program, command) == (PROGRAM, "edge")
    told = subprocess.run(
        [sys.executable, "-m", "lastunit", "edge", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    text = UNIT.read_text()
    used = [word for word in words if word.startswith("--")] + re.findall(
        r"(?<![\w-])--[a-z-]+", text.partition("[Unit]")[0]
    )
    assert len(used) >= 5
    assert [option for option in used if f"{option} " not in told] == []


def test_it_is_watched_and_comes_back() -> None:
    assert setting("Type") == "notify"
    assert int(setting("WatchdogSec")) >= 30, "longer than the daemon's own ten seconds for a window"
    assert setting("Restart") == "always"
    assert int(setting("TimeoutStopSec")) > 12, "readers, gateway and broker have their own bounds"
