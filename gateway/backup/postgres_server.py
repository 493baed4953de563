"""The database on a PostgreSQL server: by its own `pg_dump`, `pg_restore` and `psql`, of one picture, in one step.

What a person may not read on the way stands in a service file of its own (`PGSERVICEFILE`), readable by its owner
only and gone afterwards: a password is neither in an argument list nor in the environment.

The dump and the number of rows are of the same picture: `pg_dump` is told the snapshot that they were counted in. A
restore is one transaction: the tables of before go and those of the backup come, or nothing happens.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.dialects import postgresql

from gateway.backup.archive import Progress
from gateway.backup.errors import BackupError
from gateway.backup.new_life import statements
from gateway.storage.engine import parse_url
from gateway.storage.readiness import shown, told
from gateway.storage.tables import metadata

SERVICE: Final = "lastunit"
COMPRESS: Final = 1
_INSTALL: Final = "apt-get install postgresql-client"
_PALE: Final = 2_000
"""Characters of a program's complaint that are told on."""


@contextmanager
def picture(url: str) -> Iterator[tuple[Connection, str]]:
    """Open a reading transaction and export its snapshot. Raises `DatabaseError`, `UrlError`."""
    with told(url):
        engine = create_engine(parse_url(url), isolation_level="REPEATABLE READ")
        try:
            with engine.connect() as connection:
                yield connection, str(connection.scalar(text("SELECT pg_export_snapshot()")))
        finally:
            engine.dispose()


def rows_in(connection: Connection) -> dict[str, int]:
    """Return how many rows each table of the schema has."""
    names = sorted(inspect(connection).get_table_names())
    return {name: int(connection.scalar(text(f'SELECT count(*) FROM "{name}"')) or 0) for name in names}  # noqa: S608 - a table's own name


def server_version(connection: Connection) -> str:
    """Return the server's version as it says it."""
    return str(connection.scalar(text("SHOW server_version")))


def dump(url: str, snapshot: str, target: Path, progress: Progress) -> None:
    """Write the database as of a snapshot in `pg_dump`'s own form. Raises `BackupError` and `OSError`."""
    progress("pg_dump", 0.0)
    with _service(url) as environment:
        _run(
            [
                _program("pg_dump"),
                f"--dbname=service={SERVICE}",
                "--format=custom",
                f"--compress={COMPRESS}",
                f"--snapshot={snapshot}",
                "--no-owner",
                "--no-privileges",
                f"--file={target}",
            ],
            environment,
        )


def load(url: str, source: Path, folder: Path, progress: Progress) -> None:
    """Replace our tables by those of a dump, in one transaction. Raises `BackupError` and `OSError`.

    `folder` is for the script between `pg_restore` and `psql`: it holds the whole database as text for a while.
    """
    script = folder / "restore.sql"
    with _service(url) as environment:
        progress("pg_restore", 0.1)
        begin = "".join(f"{line};\n" for line in _drops(url))
        _run([_program("pg_restore"), "--no-owner", "--no-privileges", f"--file={script}", str(source)], environment)
        new_life = statements(time.time_ns() // 1_000)
        end = "".join(f"{line};\n" for line in ("SET search_path TO public", *new_life))
        before, after = folder / "before.sql", folder / "after.sql"
        before.write_text(begin)
        after.write_text(end)
        progress("psql", 0.4)
        files = [f"--file={file}" for file in (before, script, after)]
        command = [_program("psql"), "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"]
        _run([*command, *files, f"--dbname=service={SERVICE}"], environment)


def holds_data(url: str) -> bool:
    """Whether one of the tables that would be replaced has a row. Raises `DatabaseError` and `UrlError`."""
    with picture(url) as (connection, _):
        ours = [name for name in inspect(connection).get_table_names() if name in metadata.tables]
        return any(connection.scalar(text(f'SELECT 1 FROM "{name}" LIMIT 1')) for name in ours)  # noqa: S608 - ours


def revision_at(connection: Connection) -> str:
    """Return the revision of the tables, empty for a database that has none of ours."""
    if "alembic_version" not in inspect(connection).get_table_names():
        return ""
    return str(connection.scalar(text("SELECT version_num FROM alembic_version")) or "")


def nobody_uses(url: str) -> None:
    """Check that no gateway works on the database. Raises `BackupError`, `DatabaseError` and `UrlError`."""
    with picture(url) as (connection, _):
        if "lease" not in inspect(connection).get_table_names():
            return
        held = connection.execute(
            text("SELECT name FROM lease WHERE expires_us > :now ORDER BY name LIMIT 1"),
            {"now": time.time_ns() // 1_000},
        ).scalar()
    if held is not None:
        raise BackupError(f"database {shown(url)}: a gateway works on it (it holds {held!r}): stop it first")


def _drops(url: str) -> list[str]:
    """Return what removes our tables, whatever is in them, and the functions that keep them."""
    with picture(url) as (connection, _):
        there = set(inspect(connection).get_table_names())
        kept = connection.execute(
            text(
                "SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
                "WHERE n.nspname = current_schema() AND p.proname LIKE '%\\_never\\_change' ORDER BY p.proname"
            )
        ).scalars()
        ours = sorted(there & {*metadata.tables, "alembic_version"})
        tables = [f'DROP TABLE "{name}" CASCADE' for name in ours]
        return tables + [
            f'DROP FUNCTION "{name}" CASCADE' for name in kept if name.removesuffix("_never_change") in ours
        ]


@contextmanager
def _service(url: str) -> Iterator[dict[str, str]]:
    """Describe the server in a file of our own; return the environment for PostgreSQL's programs."""
    dialect: Any = postgresql.dialect()  # type: ignore[no-untyped-call]
    _, options = dialect.create_connect_args(parse_url(url).set(drivername="postgresql"))
    folder = Path(tempfile.mkdtemp(prefix="lastunit-service-"))  # 0700
    try:
        file = folder / "service.conf"
        file.write_text("".join([f"[{SERVICE}]\n", *(f"{_key(key)}={value}\n" for key, value in options.items())]))
        file.chmod(0o600)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        yield kept | {"PGSERVICEFILE": str(file), "PGAPPNAME": "lastunit-backup", "LC_ALL": "C"}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _key(key: str) -> str:
    return "dbname" if key == "database" else "user" if key == "username" else key


def _program(name: str) -> str:
    """Return the newest of PostgreSQL's programs of this name. Raises `BackupError`."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: _number(path.parent.name))
    for folder in reversed(versions):
        if (folder / name).is_file():
            return str(folder / name)
    found = shutil.which(name)
    if found is None:
        raise BackupError(f"{name} is not installed here: {_INSTALL}, of the server's version or newer")
    return found


def _number(name: str) -> int:
    return int(name) if name.isdigit() else 0


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(  # noqa: S603 - the names of our own programs and files
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()[:_PALE]
        raise BackupError(f"{Path(command[0]).name} failed (exit code {done.returncode}): {said}")
