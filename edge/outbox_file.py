"""The outbox's SQLite file: its tables, how it is opened, and the room that it leaves on its disk.

Room. A delete needs some: SQLite writes the pages that a delete changes into its log before it frees anything, and the
log's pages must fit into the file. An outbox that took the last byte of its disk could never be emptied again,
whatever the gateway acknowledged. So an append leaves `spare` bytes free, and when there are fewer, gives back what
deletes left empty inside the file.
"""

import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from edge.delivery import HeldRows
from edge.errors import OutboxDamaged, OutboxError
from edge.limits import DISK_SPARE_LEAST_BYTES, DISK_SPARE_MAX_BYTES, OUTBOX_MIN_BYTES, VACUUM_PAGES

SCHEMA_VERSION: Final = 1
_APPLICATION_ID: Final = 0x4C55_4F42
"""`LUOB` in the file's header: we never set aside or write a database of somebody else."""

_SCHEMA: Final = """
CREATE TABLE row (
    id           INTEGER PRIMARY KEY,
    stream       BLOB    NOT NULL,
    seq          INTEGER NOT NULL,
    body         BLOB    NOT NULL,
    observations INTEGER NOT NULL,
    is_gap       INTEGER NOT NULL,
    stored_at_us INTEGER NOT NULL,
    ran_s        REAL    NOT NULL,
    UNIQUE (stream, seq)
);
CREATE TABLE figure (name TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID;
"""


def prepare(db: sqlite3.Connection, path: Path, *, max_pages: int | None) -> bool:
    """Make a fresh connection ours alone, and a new file an outbox. Returns whether the file is new.

    Raises:
        OutboxDamaged: SQLite's check fails.
        OutboxError: a database of another program, or of a newer one of ours.
        sqlite3.Error: the disk, or another process that holds the file.
    """
    # First of all: an exclusive connection keeps the log's index in memory. Else the first look at the file makes an
    # index file beside it, and a full disk would not let us open what it holds.
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    application, version = pragma(db, "application_id"), pragma(db, "user_version")
    tables = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if tables and application != _APPLICATION_ID:
        raise OutboxError(f"{path} is a database of another program: choose another path")
    if version > SCHEMA_VERSION:
        raise OutboxError(f"{path} has schema {version}: this program reads up to {SCHEMA_VERSION}")
    if not tables:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    # Some builds write zeros over what is deleted: twice the wear of an SD card, and a delete as large as its rows.
    db.execute("PRAGMA secure_delete = OFF")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(f"PRAGMA journal_size_limit = {OUTBOX_MIN_BYTES}")
    if max_pages is not None:
        db.execute(f"PRAGMA max_page_count = {max_pages}")
    db.execute("BEGIN EXCLUSIVE")
    if not tables:
        for statement in _SCHEMA.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    db.execute("COMMIT")
    check = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if check != "ok":
        raise OutboxDamaged(f"{path}: {check}")
    return not tables


def pragma(db: sqlite3.Connection, name: str) -> int:
    """Return a number that SQLite knows of the file."""
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])


def held_rows(db: sqlite3.Connection) -> list[HeldRows]:
    """Return the streams that hold rows, the oldest first."""
    found = db.execute("SELECT stream, min(seq), max(seq) FROM row GROUP BY stream ORDER BY min(id)")
    return [HeldRows(stream, first, last) for stream, first, last in found]


def write_figures(db: sqlite3.Connection, figures: Mapping[str, float]) -> None:
    """Write figures, within the caller's transaction."""
    db.executemany("INSERT OR REPLACE INTO figure (name, value) VALUES (?, ?)", figures.items())


def undo_unreported(db: sqlite3.Connection, next_seq: Mapping[bytes, int], figures: Mapping[str, float]) -> None:
    """Remove rows of a commit that reached the disk although its sync failed: their append was reported as refused."""
    db.execute("BEGIN IMMEDIATE")
    for stream, seq in next_seq.items():
        db.execute("DELETE FROM row WHERE stream = ? AND seq >= ?", (stream, seq))
    for held in held_rows(db):
        if held.stream not in next_seq:
            db.execute("DELETE FROM row WHERE stream = ?", (held.stream,))
    write_figures(db, figures)
    db.execute("COMMIT")


def shortage(path: Path, *, held_bytes: int, new_bytes: int) -> str:
    """Say why the disk has no room for `new_bytes` and for deleting what is held then; empty when it has.

    Raises `OSError` when the disk cannot be asked.
    """
    spare = min(DISK_SPARE_LEAST_BYTES + 2 * (held_bytes + new_bytes), DISK_SPARE_MAX_BYTES)
    disk = os.statvfs(path.parent)
    free = disk.f_bavail * disk.f_frsize
    if free >= new_bytes + spare:
        return ""
    return f"the disk is full: {free} bytes are free; new rows need {new_bytes}, deleting what is held {spare}"


def give_back(db: sqlite3.Connection) -> None:
    """Give some of the file's empty pages back to the disk, if there are any."""
    if pragma(db, "freelist_count"):
        vacuum(db)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()  # the file becomes shorter with this, and the log too


def vacuum(db: sqlite3.Connection) -> None:
    """Cut empty pages off the file's end. As a script: `execute` steps this pragma once, and each step frees one."""
    db.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")
