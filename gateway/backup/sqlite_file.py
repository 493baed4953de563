"""The database as a SQLite file: copied while a gateway writes to it, and put back in one rename.

The copy goes by SQLite's own backup API out of one reading transaction that stays open from the first page to the
last: a gateway that commits meanwhile neither waits nor shows in it (without that transaction, SQLite would
begin anew after each commit of another process, for ever on a busy gateway).

A file is put into place only where no other process has the old one open: SQLite would go on writing into a file
that has no name any more. The old file is kept beside the new one.
"""

import gzip
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from gateway.backup.archive import CHUNK_BYTES, Progress, sync_folder
from gateway.backup.errors import BackupError
from gateway.backup.new_life import statements

PAGES: Final = 4_096
"""Of a step of the copy, 16 MB: often enough to say how far it is."""

GZIP_LEVEL: Final = 1
"""A fifth of the size at a tenth of the time of its best."""

SPARE: Final = ".before-restore"
"""What the database of before is called when a backup took its place."""

_JOURNALS: Final = ("-wal", "-shm", "-journal")
_WAIT_S: Final = 10.0


def copy_database(source: Path, target: Path, progress: Progress) -> None:
    """Copy a database as it is at one moment, and check the copy. Raises `BackupError` and `OSError`."""
    if not source.is_file():
        raise BackupError(f"no database at {source}: a typing mistake?")
    with _told(source), closing(_open(source, "ro")) as reading, closing(sqlite3.connect(target)) as writing:
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the picture is taken here

        def step(_status: int, left: int, total: int) -> None:
            progress("copying the database", 1 - left / max(1, total))

        reading.backup(writing, pages=PAGES, progress=step)
        reading.rollback()
        writing.execute("PRAGMA journal_mode = DELETE")
    check_file(target)


def pack(source: Path, target: Path, progress: Progress) -> None:
    """Compress a file. Raises `OSError`."""
    total, done = max(1, source.stat().st_size), 0
    with source.open("rb") as data, gzip.open(target, "wb", compresslevel=GZIP_LEVEL) as out:
        while chunk := data.read(CHUNK_BYTES):
            out.write(chunk)
            done += len(chunk)
            progress("packing the database", done / total)


def unpack(source: Path, target: Path) -> None:
    """Undo `pack`. Raises `BackupError` and `OSError`."""
    try:
        with gzip.open(source, "rb") as data, target.open("wb") as out:
            shutil.copyfileobj(data, out, CHUNK_BYTES)
    except (EOFError, gzip.BadGzipFile) as error:
        raise BackupError(f"the database of this backup cannot be unpacked: {error}") from error


def check_file(file: Path) -> None:
    """Let SQLite look at every page. Raises `BackupError` with what it found first."""
    with _told(file), closing(_open(file, "ro")) as connection:
        found = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    if found != "ok":
        raise BackupError(f"{file}: SQLite says that it is damaged: {found}")


def rows_of(file: Path) -> dict[str, int]:
    """Return how many rows each table has. Raises `BackupError`."""
    with _told(file), closing(_open(file, "ro")) as connection:
        names = [
            str(name)
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            if not str(name).startswith("sqlite_")
        ]
        return {name: int(connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]) for name in names}  # noqa: S608 - a table's own name


def revision_of(file: Path) -> str:
    """Return the revision of the tables, empty for a database that has none of ours. Raises `BackupError`."""
    with _told(file), closing(_open(file, "ro")) as connection:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError:
            return ""
    return str(row[0]) if row else ""


def begin_new_life(file: Path) -> None:
    """Make a restored database safe to go on from. Raises `BackupError`."""
    with _told(file), closing(sqlite3.connect(file)) as connection, connection:
        for statement in statements(time.time_ns() // 1_000):
            connection.execute(statement)


def holds_data(file: Path) -> bool:
    """Whether there is something at this place that a restored database would replace. Raises `BackupError`."""
    if not file.exists() or file.stat().st_size == 0:
        return False
    try:
        rows = rows_of(file)
    except BackupError:
        return True  # damaged, or no database at all: a person decides
    return any(count for name, count in rows.items() if name != "alembic_version")


def put_in_place(new: Path, place: Path) -> Path | None:
    """Give `new`, on the same file system, the name `place`; return where what was there is now, None for nothing.

    Raises `BackupError` when another process has the old database open, and `OSError`.
    """
    spare: Path | None = None
    if place.exists():
        _nobody_uses(place)
        spare = place.with_name(place.name + SPARE)
        for suffix in ("", *_JOURNALS):
            spare.with_name(spare.name + suffix).unlink(missing_ok=True)
        for suffix in _JOURNALS:  # only a damaged database still has one: see `_nobody_uses`
            journal = place.with_name(place.name + suffix)
            if journal.exists():
                journal.replace(spare.with_name(spare.name + suffix))
        _second_name(place, spare)
    for suffix in _JOURNALS:  # of a database that is gone: SQLite would play it into the new one
        journal = place.with_name(place.name + suffix)
        if journal.exists():
            journal.replace(journal.with_name(journal.name + SPARE))
    new.replace(place)
    sync_folder(place.parent)
    return spare


def _second_name(place: Path, spare: Path) -> None:
    """Keep `place` under another name; it keeps its own until the rename, so there is always a database."""
    try:
        spare.hardlink_to(place)
    except OSError:  # a file system without links
        shutil.copy2(place, spare)


def _nobody_uses(file: Path) -> None:
    """Take the database out of its write-ahead log, which only the one process that has it open can do."""
    try:
        with closing(_open(file, "rw", wait_s=1.0)) as connection:
            mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
    except sqlite3.OperationalError as error:
        if "locked" not in str(error) and "busy" not in str(error):
            return
        mode = "locked"
    except sqlite3.DatabaseError:
        return  # damaged, or no database
    if mode != "delete":
        raise BackupError(f"{file}: another process has this database open: stop the gateway first")


def _open(file: Path, mode: str, wait_s: float = _WAIT_S) -> sqlite3.Connection:
    address = f"file:{quote(str(file.absolute()))}?mode={mode}"
    return sqlite3.connect(address, uri=True, isolation_level=None, timeout=wait_s)


@contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise BackupError(f"database {file}: {error}") from error
