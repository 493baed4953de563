"""Whether a database can be used at all: told in one line, before anything is made or written.

A mistake in the name is the usual case, and SQLite answers it by making an empty file. A check must not: it looks
before it opens, and says what the person at the keyboard can do.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import DBAPIError

from gateway.storage.engine import parse_url
from gateway.storage.errors import StorageError
from gateway.storage.migrate import config_for, migrate

_SECRETS: Final = ("password", "sslpassword")
_MAKE: Final = "`lastunit gateway migrate` makes it"
_DRIVERS: Final = frozenset({"psycopg", "psycopg_binary"})


class DatabaseError(StorageError):
    """A person must mend the database, or its name. The text names it, without its password."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"database {shown(url)}: {reason}")


def shown(url: str) -> str:
    """Return `url` as it may be printed: without password."""
    parsed = make_url(url).difference_update_query(_SECRETS)
    return parsed._replace(password=None).render_as_string(hide_password=False)


@contextmanager
def told(url: str) -> Iterator[None]:
    """Turn what the driver says about the database at `url` into `DatabaseError`, with its first line only."""
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig).strip().partition("\n")[0]
        raise DatabaseError(url, _file_reason(url) or reason) from error
    except ModuleNotFoundError as error:
        if error.name not in _DRIVERS:
            raise
        raise DatabaseError(url, "PostgreSQL needs the extra `postgres`: pip install 'lastunit[postgres]'") from error


def bring_up_to_date(url: str) -> str:
    """Make the database at `url`, or migrate it; return its revision. Raises `DatabaseError`, `UrlError`. Blocks."""
    with told(url):
        try:
            return migrate(url)
        except CommandError:
            require_current(url)  # says it better, if it is the revision
            raise


def require_current(url: str) -> None:
    """Check that the database at `url` is there and has this program's tables. Blocks, makes and changes nothing.

    Raises `DatabaseError` with the mend, and `UrlError`.
    """
    parsed = parse_url(url)
    file = _sqlite_file(url)
    if file is not None and not file.exists():
        raise DatabaseError(url, f"no file {file}: a typing mistake? {_MAKE}")
    with told(url):
        # A plain connection: those of the gateway set the journal mode, also of a file that is none of ours.
        engine = create_engine(parsed if file is None else parsed.set(drivername="sqlite"))
        try:
            with engine.connect() as connection:
                found = MigrationContext.configure(connection).get_current_heads()
                scripts = ScriptDirectory.from_config(config_for(connection))
        finally:
            engine.dispose()
    wrong = wrong_revision(found, [script.revision for script in scripts.walk_revisions()])
    if wrong:
        raise DatabaseError(url, wrong)


def wrong_revision(found: Sequence[str], known: Sequence[str]) -> str:
    """Say what is wrong with a database at revision `found` for a program that knows `known`, newest first."""
    newest = known[0]
    if not found:
        return f"holds no tables of Last Unit: another database was meant, or {_MAKE.removesuffix('it')}them"
    revision = found[0]
    if revision == newest:
        return ""
    if revision in known:
        return f"is at revision {revision}, older than this program's {newest}: run `lastunit gateway migrate`"
    return f"is at revision {revision}, newer than this program's {newest}: install a newer version of this program"


def _sqlite_file(url: str) -> Path | None:
    parsed = parse_url(url)
    name = parsed.database or ""
    return Path(name) if parsed.get_backend_name() == "sqlite" and not name.startswith("file:") else None


def _file_reason(url: str) -> str:
    """Say what SQLite does not: why a file cannot be opened."""
    file = _sqlite_file(url)
    if file is None:
        return ""
    if file.is_dir():
        return f"{file} is a folder, not a file"
    return "" if file.parent.is_dir() else f"no folder {file.parent}"
