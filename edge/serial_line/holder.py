"""Who holds a serial port: asked of /proc, so that a person knows which program to stop."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge.serial_line.limits import HOLDERS_PROCESSES_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator

PROC: Final = Path("/proc")


def holder_of(path: str) -> str:
    """Return `name (process 123)` of the process that has the port open; empty when none can be seen.

    Without rights over the other process it cannot be seen. Blocks for some milliseconds: not for an event loop.
    """
    try:
        device = Path(path).stat().st_rdev
    except OSError:
        return ""
    for pid in _processes():
        if _holds(pid, device):
            own = pid == os.getpid()
            return "this daemon: two devices name one port" if own else f"{_name(pid)} (process {pid})"
    return ""


def _processes() -> Iterator[int]:
    try:
        names = [entry.name for entry in PROC.iterdir() if entry.name.isdigit()]
    except OSError:
        return
    yield from sorted(int(name) for name in names)[:HOLDERS_PROCESSES_MAX]


def _holds(pid: int, device: int) -> bool:
    """Whether a process has a file of this device number open."""
    folder = PROC / str(pid) / "fd"
    try:
        files = list(folder.iterdir())
    except OSError:
        return False  # ended, or not ours to see
    for file in files:
        try:
            if device and file.stat().st_rdev == device:
                return True
        except OSError:
            continue  # closed meanwhile
    return False


def _name(pid: int) -> str:
    try:
        return (PROC / str(pid) / "comm").read_text().strip() or "a program"
    except OSError:
        return "a program"
