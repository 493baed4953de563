"""`lastunit gateway backup` and `restore`: the gateway's database and files, in one file and back."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from lastunit import __version__
from lastunit.commands.gateway import ConfigFile, DatabaseUrl, ModelFiles, SiteFiles, load
from lastunit.commands.mend import mendable

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def backup(
    target: Annotated[Path, typer.Argument(help="The file to write, or a folder: there it gets a dated name.")],
    config: ConfigFile = None,
    database: DatabaseUrl = None,
    site: SiteFiles = None,
    model: ModelFiles = None,
    keep: Annotated[
        int | None,
        typer.Option(min=1, max=100_000, help="With a folder: delete its oldest dated backups beyond this number."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Save the database and the site files and models that the configuration names, in one file.

    The gateway may run. PostgreSQL needs its own programs (pg_dump) of the server's version or newer. The file holds
    customers' references: only its owner may read it, and where it goes from here is yours.

        lastunit gateway backup lastunit.backup --config gateway.yaml

        lastunit gateway backup /var/backups/lastunit --keep 48 --config gateway.yaml
    """
    import msgspec

    from gateway.backup.errors import BackupError
    from gateway.backup.make import make_backup
    from gateway.storage.errors import StorageError

    with mendable(BackupError, StorageError):
        chosen = load(config, database, sites=site, models=model)
        made = make_backup(
            chosen.database_url.get_secret_value(),
            target,
            program=__version__,
            sites=chosen.sites,
            models=chosen.models,
            keep=keep,
            progress=_progress,
        )
    _end_progress()
    if as_json:
        said: dict[str, Any] = {"file": str(made.file), "size_bytes": made.size_bytes, "took_s": round(made.took_s, 3)}
        said |= {"deleted": [str(path) for path in made.deleted], "manifest": made.manifest}
        print(msgspec.json.encode(said).decode())
        return
    rows = sum(made.manifest.rows.values())
    files = len(made.manifest.files)
    print(
        f"{made.file}: {made.size_bytes:,} bytes, {rows:,} rows of revision {made.manifest.revision}, {files} files, "
        f"in {made.took_s:.1f} s"
    )
    for path in made.deleted:
        print(f"deleted {path}")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `lastunit gateway backup` wrote.")],
    config: ConfigFile = None,
    database: DatabaseUrl = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a database that holds data.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only look whether the file is whole; change nothing.")
    ] = False,
    files_to: Annotated[
        Path | None, typer.Option("--files", help="Write the saved site files and models into this folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put a backup back: whole or not at all, and never over data unless --force says so.

    Stop the gateway first. Every part is held against its hash before anything is overwritten. A SQLite database that
    was there is kept beside the new one, as FILE.before-restore. Cursors of channels and webhooks end: docs/backup.md.
    Then `lastunit gateway verify` checks the books, and the gateway may start.

        lastunit gateway restore lastunit.backup --check

        lastunit gateway restore lastunit.backup --config gateway.yaml --force
    """
    import msgspec

    from gateway.backup.errors import BackupError
    from gateway.backup.restore import check_backup, restore_backup
    from gateway.storage.errors import StorageError

    with mendable(BackupError, StorageError):
        if check:
            manifest = check_backup(file, _progress)
            _end_progress()
            rows = sum(manifest.rows.values())
            if as_json:
                print(msgspec.json.encode({"file": str(file), "good": True, "manifest": manifest}).decode())
            else:
                print(f"{file}: whole; {_made(manifest.made_us)}, {rows:,} rows of revision {manifest.revision}")
            return
        url = load(config, database).database_url.get_secret_value()
        done = restore_backup(file, url, force=force, files_to=files_to, progress=_progress)
    _end_progress()
    if as_json:
        said: dict[str, Any] = {"manifest": done.manifest, "took_s": round(done.took_s, 3)}
        said |= {"kept": None if done.kept is None else str(done.kept), "files": [str(path) for path in done.files]}
        print(msgspec.json.encode(said).decode())
        return
    rows = sum(done.manifest.rows.values())
    print(f"restored {_made(done.manifest.made_us)}: {rows:,} rows, in {done.took_s:.1f} s")
    if done.kept is not None:
        print(f"the database of before is {done.kept}")
    for path in done.files:
        print(f"wrote {path}")
    print("next: `lastunit gateway verify`, then start the gateway; channels load their stock anew (docs/backup.md)")


def _made(made_us: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(made_us / 1e6, UTC).strftime("made %Y-%m-%d %H:%M:%S UTC")


def _progress(what: str, share: float) -> None:
    if sys.stderr.isatty():
        print(f"\r{what:28} {share:4.0%} ", end="", file=sys.stderr, flush=True)


def _end_progress() -> None:
    if sys.stderr.isatty():
        print("\r" + " " * 40 + "\r", end="", file=sys.stderr, flush=True)
