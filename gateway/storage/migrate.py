"""Bring a database to the tables of this program: run at every start, harmless when there is nothing to do.

Two gateways that start at once take turns: SQLite by its write lock, PostgreSQL by an advisory lock.
"""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

from gateway.storage.engine import parse_url, prepare_sqlite

_SCRIPTS: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 0x4C5553
"""The advisory lock that stands for "migrating Last Unit"; any fixed number will do."""


def migrate(url: str, revision: str = "head") -> str:
    """Bring the database at `url` to `revision`; return the revision that it has now. Blocks."""
    parsed = parse_url(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    engine = create_engine(parsed.set(drivername="sqlite") if sqlite else parsed)
    if sqlite:
        prepare_sqlite(engine, "BEGIN IMMEDIATE")
    try:
        with engine.begin() as connection:
            if not sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            before = MigrationContext.configure(connection).get_current_revision()
            _run(connection, revision, down=_is_older(revision, before))
            return MigrationContext.configure(connection).get_current_revision() or ""
    finally:
        engine.dispose()


def config_for(connection: Connection) -> Config:
    """Return Alembic's configuration for our scripts on this connection."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _is_older(revision: str, current: str | None) -> bool:
    if revision == "base":
        return True
    if current is None or revision in {"head", current}:
        return False
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    return revision in {script.revision for script in scripts.iterate_revisions(current, "base")}


def _run(connection: Connection, revision: str, *, down: bool) -> None:
    config = config_for(connection)
    if down:
        command.downgrade(config, revision)
    else:
        command.upgrade(config, revision)
