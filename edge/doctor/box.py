"""The box itself: its clock, the outbox and its disk, and whether a daemon runs here."""

import os
import shutil
import sqlite3
import time
from pathlib import Path
from typing import Final

from edge.doctor.finding import Finding, bad, doubtful, well
from edge.limits import OUTBOX_MIN_BYTES

OLDEST_YEAR: Final = 2025
"""This program was written after it: a clock that says less was never set."""
_LOCKED: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def is_held(outbox: Path) -> bool:
    """Whether a daemon holds this outbox right now; one that we may not look at, none that we know of."""
    try:
        if not outbox.is_file():
            return False
        db = sqlite3.connect(f"file:{outbox.absolute()}?mode=ro", uri=True, timeout=0.0)
        try:
            db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        finally:
            db.close()
    except sqlite3.Error as error:
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in _LOCKED
    except OSError:
        return False
    return False


def check_outbox(outbox: Path, max_bytes: int) -> list[Finding]:
    """Return whether the outbox's place can be written and has room; blocks for a moment."""
    try:
        return _outbox(outbox, max_bytes)
    except OSError as error:  # a folder of the daemon's user, which nobody else may look into
        do = "run the doctor as the daemon's user, or as root"
        return [bad("outbox", "folder", f"{outbox}: {error.strerror or error}", do)]


def _outbox(outbox: Path, max_bytes: int) -> list[Finding]:
    folder = outbox.absolute().parent
    if not folder.is_dir():
        return [bad("outbox", "folder", f"{folder} is not there", "make it; the daemon makes one level only")]
    target = outbox if outbox.exists() else folder
    if not os.access(target, os.R_OK | os.W_OK) or not os.access(folder, os.W_OK | os.X_OK):
        return [bad("outbox", "rights", f"{target}: no permission to write", "give the folder to the daemon's user")]
    findings = [well("outbox", "daemon", f"{outbox} is in use: a daemon runs here")] if is_held(outbox) else []
    free = shutil.disk_usage(folder).free
    text = f"{outbox}: {free / 2**20:,.0f} MiB free"
    if free < OUTBOX_MIN_BYTES:
        findings.append(bad("outbox", "disk", text, "make room: nothing new can be kept while the gateway is away"))
    elif free < max_bytes:
        do = f"its cap is {max_bytes / 2**20:,.0f} MiB: the disk is full before old rows give way to new ones"
        findings.append(doubtful("outbox", "disk", text, do))
    else:
        findings.append(well("outbox", "disk", text))
    return findings


def check_clock(now_s: float) -> Finding:
    """Return whether the box's clock can be right at all."""
    moment = time.gmtime(now_s)
    text = time.strftime("%Y-%m-%d %H:%M:%S UTC", moment)
    if moment.tm_year < OLDEST_YEAR:
        do = "set it, and keep it by NTP (`timedatectl`): reads are stored under this time"
        return bad("clock", "clock", f"this box believes that it is {text}", do)
    return well("clock", "clock", text)
