"""Make a backup: one picture of the database, and the files that the configuration names, in one file.

The gateway goes on meanwhile. What reaches it after the picture is taken is not in the backup; what is lost with it is
told as a gap, edge by edge, when the restored gateway hears them again.
"""

import fcntl
import os
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gateway.backup import postgres_server, sqlite_file
from gateway.backup.archive import Progress, part_of, silent, write_archive
from gateway.backup.errors import BackupError
from gateway.backup.manifest import Kind, Manifest, Part, decode_manifest, encode_manifest
from gateway.storage.engine import parse_url

DATED: Final = re.compile(r"lastunit-\d{8}T\d{6}Z\.backup")
"""Names that we give by ourselves, and the only files that `keep` ever deletes."""

_SCRATCH: Final = ".lastunit-backup-"
_LEFT: Final = (f"{_SCRATCH}*", ".lastunit-*.backup.unfinished")
"""What a backup that was killed leaves: up to twice the database, every time."""

_ODD: Final = re.compile(r"[^A-Za-z0-9._-]")
_NAME_MAX: Final = 128


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was made. `took_s` is how long that took."""

    file: Path
    manifest: Manifest
    size_bytes: int
    took_s: float
    deleted: tuple[Path, ...] = ()


def make_backup(
    url: str,
    target: Path,
    *,
    program: str,
    sites: Sequence[Path] = (),
    models: Sequence[Path] = (),
    keep: int | None = None,
    progress: Progress = silent,
) -> Backup:
    """Write a backup of the database at `url` to `target`: a file, or a folder, in which it gets a dated name.

    With `keep`, only for a folder, the oldest dated backups beyond that number go, once the new one is whole. Blocks,
    also while another backup is made in the same folder.

    Raises:
        BackupError: there is nothing of ours to save, or a tool failed.
        StorageError: the database cannot be reached.
        OSError: a file cannot be read or written.
    """
    begun = time.monotonic()
    if keep is not None and not target.is_dir():
        raise BackupError(f"{target}: keeping the newest {keep} needs a folder, and this is none")
    where = target if target.is_dir() else target.parent
    if not where.is_dir():
        raise BackupError(f"no folder {where}")
    with _alone_in(where), tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=where) as scratch:
        made_us = time.time_ns() // 1_000
        file = target / dated(made_us) if target.is_dir() else target
        folder = Path(scratch)
        picture = _Picture(url, folder, progress)
        files = {picture.part.name: folder / picture.part.name}
        files |= _named("sites", sites) | _named("models", models)
        parts = [picture.part, *(part_of(path, name) for name, path in files.items() if name != picture.part.name)]
        manifest = Manifest(
            program=program,
            made_us=made_us,
            kind=picture.kind,
            server=picture.server,
            revision=picture.revision,
            rows=picture.rows,
            parts=tuple(parts),
        )
        decode_manifest(encode_manifest(manifest), str(file))  # what could not be read again is no backup
        progress("writing the file", 0.9)
        write_archive(file, manifest, files)
        deleted = forget_old(target, keep, made=file) if keep is not None else ()
    return Backup(file, manifest, file.stat().st_size, time.monotonic() - begun, deleted)


def dated(made_us: int) -> str:
    """Return the name of a backup of this moment; names sort by age."""
    return datetime.fromtimestamp(made_us / 1e6, UTC).strftime("lastunit-%Y%m%dT%H%M%SZ.backup")


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait until nobody else makes a backup in `folder`, and remove what killed ones left there. Raises `OSError`."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # a file system of a network that locks no folders: nothing is removed there
            fcntl.flock(handle, fcntl.LOCK_EX)
            for left in [path for pattern in _LEFT for path in folder.glob(pattern)]:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        yield
    finally:
        os.close(handle)


def forget_old(folder: Path, keep: int, made: Path | None = None) -> tuple[Path, ...]:
    """Delete the oldest dated backups beyond `keep`; return them. Raises `OSError`.

    Never `made`: where a clock was ahead, names of then sort behind that of the newest.
    """
    dated_files = sorted(path for path in folder.iterdir() if DATED.fullmatch(path.name) and path.is_file())
    old = tuple([path for path in dated_files if path != made][: max(0, len(dated_files) - keep)])
    for path in old:
        path.unlink()
    return old


def _named(folder: str, paths: Sequence[Path]) -> dict[str, Path]:
    """Give each file a name in the backup: its place in the configuration, and what it was called."""
    return {
        f"{folder}/{number:04d}-{_ODD.sub('_', path.name)[-_NAME_MAX:]}": path for number, path in enumerate(paths, 1)
    }


class _Picture:
    """The database as a file in `folder`, and what is to be said of it."""

    kind: Kind
    part: Part

    def __init__(self, url: str, folder: Path, progress: Progress) -> None:
        parsed = parse_url(url)
        if parsed.get_backend_name() == "sqlite":
            self._sqlite(Path(parsed.database or ""), folder, progress)
        else:
            self._postgresql(url, folder, progress)

    def _sqlite(self, source: Path, folder: Path, progress: Progress) -> None:
        copy = folder / "copy.db"
        sqlite_file.copy_database(source, copy, progress)
        self.kind, self.server = "sqlite", sqlite3.sqlite_version
        self.revision, self.rows = self._of_us(sqlite_file.revision_of(copy), str(source)), sqlite_file.rows_of(copy)
        packed = folder / "database.sqlite.gz"
        sqlite_file.pack(copy, packed, progress)
        copy.unlink()
        self.part = part_of(packed, packed.name)

    def _postgresql(self, url: str, folder: Path, progress: Progress) -> None:
        dumped = folder / "database.pgdump"
        with postgres_server.picture(url) as (connection, snapshot):
            self.kind, self.server = "postgresql", postgres_server.server_version(connection)
            self.revision = self._of_us(postgres_server.revision_at(connection), "the database")
            self.rows = postgres_server.rows_in(connection)
            postgres_server.dump(url, snapshot, dumped, progress)
        self.part = part_of(dumped, dumped.name)

    @staticmethod
    def _of_us(revision: str, where: str) -> str:
        if not revision:
            raise BackupError(f"{where} holds no tables of Last Unit: another database was meant?")
        return revision
