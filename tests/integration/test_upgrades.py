"""Upgrades: data of every revision of the tables goes up and comes back, and edges of before talk to this gateway."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Boolean,
    Connection,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    create_engine,
    insert,
    inspect,
    select,
)
from sqlalchemy.exc import IntegrityError

from gateway.storage import migrate as migrate_module
from gateway.storage.engine import parse_url
from gateway.storage.migrate import migrate
from tests.servers.postgres import Postgres  # noqa: TC001 - pytest reads annotations

TRIES = 16
"""Rows that are offered to each table: those that its checks let in are its data."""
_LITERAL = re.compile(r"'([^']*)'")


def revisions() -> list[str]:
    """Return every revision that ever was, the oldest first."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrate_module.__file__).parent / "migrations"))
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/gateway.db"
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.new_database()
    yield url
    server.drop_database(url)


def connect(url: str) -> Engine:
    parsed = parse_url(url)
    return create_engine(parsed.set(drivername="sqlite") if parsed.get_backend_name() == "sqlite" else parsed)


def allowed(connection: Connection, table: str) -> dict[str, list[str]]:
    """Return the words that a table's checks let into its columns."""
    found: dict[str, list[str]] = {}
    for check in inspect(connection).get_check_constraints(table):
        text = str(check["sqltext"])
        column = re.match(r"\W*(\w+)", text)
        words = _LITERAL.findall(text)
        if column and words and "NULL" not in text:  # one that joins two columns names no set of words
            found[column[1]] = words
    return found


def row_of(table: Table, words: dict[str, list[str]], number: int) -> dict[str, Any]:
    """Return the `number`th row that a table of this shape might hold; what may be empty is in some of them."""
    row: dict[str, Any] = {}
    for column in table.columns:
        kind = column.type
        if column.nullable and number >> len(column.name) % 4 & 1:
            row[column.name] = None
        elif column.name in words:
            row[column.name] = words[column.name][number // 2 % len(words[column.name])]
        elif isinstance(kind, Boolean):
            row[column.name] = number % 4 > 1
        elif isinstance(kind, Integer):
            row[column.name] = number
        elif isinstance(kind, Float):
            row[column.name] = number / 8
        elif isinstance(kind, LargeBinary):
            row[column.name] = bytes([number]) * 16
        else:
            row[column.name] = f"{column.name[:6]}{number}"
    return row


def fill(connection: Connection) -> int:
    """Put rows into every table; return into how many."""
    tables = MetaData()
    tables.reflect(connection)
    filled = [table for table in tables.sorted_tables if table.name != "alembic_version"]
    for table in filled:
        words = allowed(connection, table.name)
        refused: list[str] = []
        for number in range(1, TRIES + 1):
            try:
                with connection.begin_nested():
                    connection.execute(insert(table), row_of(table, words, number))
            except IntegrityError as error:
                refused.append(str(error.orig))
        assert len(refused) < TRIES, f"{table.name} takes none of these rows: {refused[-1]}"
    connection.commit()
    return len(filled)


def contents(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """Return every table's rows, each by its columns, in an order that does not depend on the database."""
    tables = MetaData()
    tables.reflect(connection)
    return {
        table.name: sorted((dict(row._mapping) for row in connection.execute(select(table))), key=repr)
        for table in tables.sorted_tables
        if table.name != "alembic_version"
    }


def only(rows: list[dict[str, Any]], columns: set[str]) -> list[dict[str, Any]]:
    return sorted(({name: value for name, value in row.items() if name in columns} for row in rows), key=repr)


@pytest.mark.parametrize("revision", revisions())
def test_data_of_every_revision_goes_up_and_comes_back(empty_url: str, revision: str) -> None:
    migrate(empty_url, revision)
    engine = connect(empty_url)
    try:
        check(engine, empty_url, revision)
    finally:
        engine.dispose()


def check(engine: Engine, empty_url: str, revision: str) -> None:
    with engine.connect() as connection:
        assert fill(connection) > 10
        before = contents(connection)
    assert migrate(empty_url) == revisions()[-1]
    with engine.connect() as connection:
        after = contents(connection)
    for name, rows in before.items():
        columns = set(rows[0])
        assert only(after[name], columns) == only(rows, columns), f"{name} changed on the way up from {revision}"
    assert migrate(empty_url, revision) == revision
    with engine.connect() as connection:
        assert contents(connection) == before, f"not the same after up and down from {revision}"
