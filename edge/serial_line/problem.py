"""Why a serial port cannot be used, in words for the person who must mend it."""

from __future__ import annotations

import errno
import os
import stat
from enum import StrEnum
from pathlib import Path
from typing import Final

from edge.serial_line.holder import holder_of
from edge.serial_line.limits import CONNECTED_SHOWN


class Trouble(StrEnum):
    """What kind of trouble; decides how soon it is tried again."""

    MISSING = "missing"
    """Nothing is plugged in under this name."""
    FORBIDDEN = "forbidden"
    """The daemon's user may not open it."""
    BUSY = "busy"
    """Another program holds it."""
    NO_PORT = "no_port"
    """The path is something else than a serial port, or the port cannot do what is asked of it."""
    FAILED = "failed"
    """The operating system's own words."""
    HUNG = "hung"
    """Opening it does not come to an end."""


class LineError(OSError):
    """A serial port cannot be opened. `trouble` for programs, the text for people."""

    def __init__(self, trouble: Trouble, text: str) -> None:
        self.trouble = trouble
        super().__init__(text)


_BUSY: Final = frozenset({errno.EBUSY, errno.EAGAIN})
_GONE: Final = frozenset({errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.ENOTDIR})


def explain(path: str, error: OSError) -> LineError:
    """Return what a failed opening means."""
    number = error.errno
    if number in _GONE:
        return LineError(Trouble.MISSING, f"{path} is not there: is it plugged in?{_connected(path)}")
    if number in {errno.EACCES, errno.EPERM}:
        return LineError(Trouble.FORBIDDEN, f"{path}: no permission: {_who_may(path)}")
    if number in _BUSY:
        holder = holder_of(path)
        return LineError(Trouble.BUSY, f"{path} is held by {holder or 'another program'}")
    if number == errno.ENOTTY or not _is_port(path):
        return LineError(Trouble.NO_PORT, f"{path} is no serial port: name one of /dev/serial/by-id")
    return LineError(Trouble.FAILED, f"{path}: {error.strerror or error}")


def _is_port(path: str) -> bool:
    try:
        return stat.S_ISCHR(Path(path).stat().st_mode)
    except OSError:
        return True  # gone meanwhile: not what is wrong with the path


def _connected(path: str) -> str:
    """Name the ports beside a missing one. Not for /dev itself, where all kinds of devices are."""
    folder = Path(path).parent
    if folder == Path("/dev"):
        folder = Path("/dev/serial/by-id")
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError:
        return ""
    if not names:
        return ""
    more = f" and {len(names) - CONNECTED_SHOWN} more" if len(names) > CONNECTED_SHOWN else ""
    return f" In {folder} there are: {', '.join(names[:CONNECTED_SHOWN])}{more}"


def _who_may(path: str) -> str:
    import grp  # noqa: PLC0415 - there is none on other systems than Unix

    try:
        group = grp.getgrgid(Path(path).stat().st_gid).gr_name
    except (OSError, KeyError):
        return "add the daemon's user to the group that owns it"
    return f"add the daemon's user to the group {group!r} (usermod -aG {group} USER) and start the daemon anew"
