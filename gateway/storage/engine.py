"""Two engines to one database: one that writes, one that reads.

SQLite (default) has one writer at a time. The writing engine therefore has one connection, queues for it in this
process, and opens every transaction with `BEGIN IMMEDIATE`: a transaction that reads first and writes later
would otherwise work on an old picture, or fail half way. WAL with `synchronous=FULL`: a commit is on the disk when it
returns, and readers never wait. The reading engine begins plainly, and sees one picture for each transaction.

PostgreSQL needs neither; there the same code locks rows with `SELECT ... FOR UPDATE`, which SQLite leaves out.
"""

import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy import URL, event, make_url
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from gateway.storage.errors import UrlError

BUSY_TIMEOUT_MS: Final = 10_000
"""How long SQLite waits for a writer in another process (migration, command line) before it gives up."""

WAL_RETRY_S: Final = 0.02
READERS_MAX: Final = 8
WRITERS_MAX: Final = 8
"""PostgreSQL connections of one process: ingest, relay, leases and a few sites at once."""

HIDE_PARAMETERS: Final = True
"""An error's text is logged: it must not hold references to customers, which can be erased only where we keep them,
nor a webhook's secret."""

_ASYNC_DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}


def parse_url(url: str) -> URL:
    """Return `url` with the driver that we use: `sqlite:///file.db` or `postgresql://...`. Raises `UrlError`."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # its text may hold the password
        raise UrlError("not a database URL: expected sqlite:///<file> or postgresql://<user>@<host>/<name>") from None
    backend = parsed.get_backend_name()
    if backend not in _ASYNC_DRIVERS:
        raise UrlError(f"database {backend!r}: expected sqlite or postgresql")
    if backend == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise UrlError("SQLite in memory: the gateway reads and writes by separate connections and needs a file")
    return parsed.set(drivername=_ASYNC_DRIVERS[backend])


class Database:
    """The gateway's database; `url` decides which. Close it with `close`."""

    def __init__(self, url: str) -> None:
        parsed = parse_url(url)
        self.url = parsed
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if self.is_sqlite:
            self.writing = _sqlite_engine(parsed, "BEGIN IMMEDIATE", connections=1)
            self.reading = _sqlite_engine(parsed, "BEGIN", connections=READERS_MAX)
        else:
            self.writing = create_async_engine(
                parsed, pool_size=WRITERS_MAX, pool_pre_ping=True, hide_parameters=HIDE_PARAMETERS
            )
            self.reading = create_async_engine(
                parsed,
                pool_size=READERS_MAX,
                pool_pre_ping=True,
                hide_parameters=HIDE_PARAMETERS,
                isolation_level="REPEATABLE READ",
            )

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a writing transaction; it commits at the end, or rolls back when the body raises."""
        async with self.writing.begin() as connection:
            yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a reading transaction: every query in it sees the same picture."""
        async with self.reading.connect() as connection:
            yield connection

    async def close(self) -> None:
        """Close every connection."""
        await self.reading.dispose()
        await self.writing.dispose()


def _sqlite_engine(url: URL, begin: str, connections: int) -> AsyncEngine:
    engine = create_async_engine(
        url, pool_size=connections, max_overflow=0, pool_timeout=60, hide_parameters=HIDE_PARAMETERS
    )
    prepare_sqlite(engine.sync_engine, begin)
    return engine


def _write_ahead(cursor: Any) -> None:
    """Switch to the write-ahead log: of two that do so to a new file at once SQLite refuses one without any wait."""
    until = time.monotonic() + BUSY_TIMEOUT_MS / 1_000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(WAL_RETRY_S)
        else:
            return


def prepare_sqlite(engine: Any, begin: str) -> None:
    """Make a SQLite engine begin its transactions with `begin`, and set the durability of each connection."""

    @event.listens_for(engine, "connect")
    def on_connect(dbapi_connection: Any, _record: object) -> None:
        dbapi_connection.isolation_level = None  # the driver must not begin transactions of its own
        cursor = dbapi_connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        _write_ahead(cursor)
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)
