"""The few statements that both databases know by different classes, and text that both can hold."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

MANY = 500
"""Values in one IN list: far below the parameter limits of either database."""


def insert_into(connection: AsyncConnection, table: Table) -> Any:
    """Return the database's own INSERT, which has `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def upsert_into(connection: AsyncConnection, table: Table, *, keep: frozenset[str] = frozenset()) -> Any:
    """Return an INSERT that replaces every column but the key, and those in `keep`, of a row that is there."""
    insert = insert_into(connection, table)
    key = [column.name for column in table.primary_key]
    replaced = {
        column.name: insert.excluded[column.name]
        for column in table.columns
        if column.name not in key and column.name not in keep
    }
    return insert.on_conflict_do_update(index_elements=key, set_=replaced)


def has_key(
    columns: Sequence[ColumnElement[Any]], keys: Sequence[Sequence[Any]], *, lead: int = 1
) -> ColumnElement[bool]:
    """Return the condition that a row has one of these keys (at most `MANY`) in these columns.

    By whole keys alone SQLite uses no index and reads the table: so the first `lead` columns are said by themselves,
    too. All combinations of their values are looked up: let there be few.
    """
    led = [column.in_({key[at] for key in keys}) for at, column in enumerate(columns[:lead])]
    return and_(*led, tuple_(*columns).in_(keys))


def storable(text: str, max_chars: int | None = None) -> str:
    """Return text that PostgreSQL takes: no NUL, no lone surrogates; cut to `max_chars`."""
    clean = text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    return clean if max_chars is None else clean[:max_chars]
