"""Many rows in one statement whose text never changes.

On PostgreSQL the rows travel as one array for each column, unnested side by side: the statement is prepared once,
however many rows it carries, where a list of VALUES would be parsed anew for each number of rows. On SQLite, which is
in this process, rows are simply inserted one after the other.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, Column, ColumnElement, Table, any_, bindparam, cast, func, insert, literal, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.storage.statement import insert_into


def among(connection: AsyncConnection, column: Column[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """Return the condition that a column has one of these values: on PostgreSQL one array, whatever their number."""
    if connection.dialect.name == "sqlite":
        return column.in_(values)
    array = ARRAY(column.type)
    return column == any_(cast(literal(list(values), array), array))


async def insert_rows(connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same columns."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        await connection.execute(insert(table), list(rows))
        return
    names = tuple(rows[0])
    await connection.execute(_from_arrays(table, names), _arrays(rows, names))


async def insert_new(
    connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]], key: Sequence[Column[Any]]
) -> set[tuple[Any, ...]]:
    """Insert those rows that conflict with none; return the `key` columns of the rows that were inserted."""
    if not rows:
        return set()
    if connection.dialect.name == "sqlite":
        put = insert_into(connection, table).on_conflict_do_nothing().returning(*key)
        return {tuple(row) for row in await connection.execute(put, list(rows))}
    names = tuple(rows[0])
    put = _new_from_arrays(table, names, tuple(key))
    return {tuple(row) for row in await connection.execute(put, _arrays(rows, names))}


def _arrays(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, list[Any]]:
    return {f"all_{name}": [row[name] for row in rows] for name in names}


@cache
def _from_arrays(table: Table, names: tuple[str, ...]) -> Any:
    columns = [
        func.unnest(cast(bindparam(f"all_{name}", type_=ARRAY(table.c[name].type)), ARRAY(table.c[name].type))).label(
            name
        )
        for name in names
    ]
    return postgresql.insert(table).from_select(list(names), select(*columns))


@cache
def _new_from_arrays(table: Table, names: tuple[str, ...], key: tuple[Column[Any], ...]) -> Any:
    return _from_arrays(table, names).on_conflict_do_nothing().returning(*key)
