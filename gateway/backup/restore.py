"""Take a backup back: looked at as a whole before anything is overwritten, and again when it is in place.

A database that holds data is overwritten only when that is asked for, and never while a gateway works on it. What is
restored begins a new life (`gateway.backup.new_life`): who kept numbers of the old one is told to begin anew.
"""

import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

from gateway.backup import postgres_server, sqlite_file
from gateway.backup.archive import Progress, read_manifest, silent, take_out
from gateway.backup.errors import BackupError
from gateway.backup.manifest import Manifest
from gateway.storage import migrate
from gateway.storage.engine import parse_url
from gateway.storage.readiness import shown

CHANGED = frozenset({"change"})
"""Tables that a new life does not take over whole."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back. `kept` is where the database of before is now, None for none (PostgreSQL keeps none)."""

    manifest: Manifest
    kept: Path | None
    files: tuple[Path, ...]
    took_s: float


def known_revisions() -> list[str]:
    """Return the revisions of the tables that this program can bring up to date, the newest first."""
    config = Config()
    scripts = Path(migrate.__file__).parent / "migrations"
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]


def check_backup(file: Path, progress: Progress = silent) -> Manifest:
    """Look at every part of a backup, and at every page of a SQLite database in it. Blocks; writes scratch files only.

    Raises `BackupError` with what is wrong, and `OSError`.
    """
    with tempfile.TemporaryDirectory(prefix=".lastunit-check-", dir=_roomy(file)) as scratch:
        folder = Path(scratch)
        manifest = take_out(file, folder, progress)
        if manifest.kind == "sqlite":
            _unpacked(manifest, folder)
        return manifest


def restore_backup(
    file: Path, url: str, *, force: bool = False, files_to: Path | None = None, progress: Progress = silent
) -> Restored:
    """Put the database of a backup to `url`, and its site files and models into the folder `files_to`. Blocks.

    Raises:
        BackupError: the backup is damaged or does not fit, or there is data and no `force`, or a gateway runs.
        StorageError: the database cannot be reached.
        OSError: a file cannot be read or written.
    """
    begun = time.monotonic()
    parsed = parse_url(url)
    manifest = read_manifest(file)
    if parsed.get_backend_name() != manifest.kind:
        raise BackupError(f"{file}: a backup of {manifest.kind}, and {shown(url)} is {parsed.get_backend_name()}")
    known = known_revisions()
    if manifest.revision not in known:
        raise BackupError(
            f"{file}: its tables are of revision {manifest.revision}, newer than this program's {known[0]}: "
            "install a newer version of this program"
        )
    written = _room_for_files(manifest, files_to)
    if manifest.kind == "sqlite":
        kept = _to_file(file, Path(parsed.database or ""), force=force, written=written, progress=progress)
    else:
        kept = None
        _to_server(file, url, force=force, written=written, progress=progress)
    return Restored(manifest, kept, tuple(written.values()), time.monotonic() - begun)


def _roomy(file: Path) -> Path | None:
    """Return where scratch files go: beside the backup, where its like has room; /tmp may be memory."""
    return file.parent if os.access(file.parent, os.W_OK) else None


def _unpacked(manifest: Manifest, folder: Path) -> Path:
    """Unpack the SQLite database of a backup and hold it against its manifest. Raises `BackupError`."""
    database = folder / "database.db"
    sqlite_file.unpack(folder / manifest.database.name, database)
    sqlite_file.check_file(database)
    if sqlite_file.revision_of(database) != manifest.revision or sqlite_file.rows_of(database) != manifest.rows:
        raise BackupError("the database of this backup is not the one that its manifest describes")
    return database


def _to_file(file: Path, place: Path, *, force: bool, written: dict[str, Path], progress: Progress) -> Path | None:
    if not place.parent.is_dir():
        raise BackupError(f"no folder {place.parent}")
    if sqlite_file.holds_data(place) and not force:
        raise BackupError(f"{place} holds data: name another database, or say --force")
    with tempfile.TemporaryDirectory(prefix=".lastunit-restore-", dir=place.parent) as scratch:
        folder = Path(scratch)
        manifest = take_out(file, folder, progress)
        database = _unpacked(manifest, folder)
        sqlite_file.begin_new_life(database)
        _owned_as(place, database)
        progress("putting it into place", 0.9)
        kept = sqlite_file.put_in_place(database, place)
        _write_files(folder, written)
        return kept


def _owned_as(place: Path, database: Path) -> None:
    """Let the gateway open what root restored: the owner of before, or that of the folder."""
    there = place if place.exists() else place.parent
    database.chmod(place.stat().st_mode & 0o777 if place.exists() else 0o600)
    if os.geteuid() == 0:
        os.chown(database, there.stat().st_uid, there.stat().st_gid)


def _to_server(file: Path, url: str, *, force: bool, written: dict[str, Path], progress: Progress) -> None:
    if postgres_server.holds_data(url) and not force:
        raise BackupError(f"database {shown(url)} holds data: name another one, or say --force")
    postgres_server.nobody_uses(url)
    with tempfile.TemporaryDirectory(prefix=".lastunit-restore-", dir=_roomy(file)) as scratch:
        folder = Path(scratch)
        manifest = take_out(file, folder, progress)
        postgres_server.load(url, folder / manifest.database.name, folder, progress)
        with postgres_server.picture(url) as (connection, _):
            found = postgres_server.rows_in(connection)
        wrong = [name for name, rows in manifest.rows.items() if found.get(name) != rows and name not in CHANGED]
        if wrong:
            told = f"{wrong[0]} has {found.get(wrong[0])} rows, expected {manifest.rows[wrong[0]]}"
            raise BackupError(f"restored, and it is not what was saved: {told}")
        _write_files(folder, written)


def _room_for_files(manifest: Manifest, folder: Path | None) -> dict[str, Path]:
    """Return where each site file and model goes; nothing is written over. Raises `BackupError`."""
    if folder is None:
        return {}
    places = {part.name: folder / part.name for part in manifest.files}
    there = [place for place in places.values() if place.exists()]
    if there:
        raise BackupError(f"{there[0]} is there already: name an empty folder for the site files and models")
    return places


def _write_files(folder: Path, places: dict[str, Path]) -> None:
    for name, place in places.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, place)
