"""Figures of accuracy as a small time-series in the same database: one row a minute for each figure of a site."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.accuracy.figures import NAMES, Figure
from gateway.storage.schema import accuracy, site_fold
from gateway.storage.statement import upsert_into

ROWS_KEPT: Final = 30 * 24 * 60
"""Of each figure: thirty days of minutes."""

MINUTE_US: Final = 60_000_000
HOUR_US: Final = 60 * MINUTE_US


async def write_figures(connection: AsyncConnection, site: str, figures: Sequence[Figure]) -> None:
    """Write figures; once an hour of logged time forget the oldest."""
    if not figures:
        return
    rows = {(figure.name, figure.at_us): figure.value for figure in figures}
    values = [{"site": site, "name": name, "at_us": at_us, "value": value} for (name, at_us), value in rows.items()]
    await connection.execute(upsert_into(connection, accuracy), values)
    if any(figure.at_us // HOUR_US != (figure.at_us - MINUTE_US) // HOUR_US for figure in figures):
        await prune(connection, site, ROWS_KEPT)


async def prune(connection: AsyncConnection, site: str, kept: int) -> None:
    """Forget all but the newest `kept` rows of each figure."""
    for name in NAMES:
        oldest = (
            select(accuracy.c.at_us)
            .where(accuracy.c.site == site, accuracy.c.name == name)
            .order_by(accuracy.c.at_us.desc())
            .offset(kept)
            .limit(1)
        )
        at_us = (await connection.execute(oldest)).scalar_one_or_none()
        if at_us is not None:
            gone = (accuracy.c.site == site, accuracy.c.name == name, accuracy.c.at_us <= at_us)
            await connection.execute(delete(accuracy).where(*gone))


async def latest(connection: AsyncConnection, site: str) -> list[Figure]:
    """Return the newest value of each figure that a site has."""
    found = []
    for name in NAMES:
        query = (
            select(accuracy.c.at_us, accuracy.c.value)
            .where(accuracy.c.site == site, accuracy.c.name == name)
            .order_by(accuracy.c.at_us.desc())
            .limit(1)
        )
        row = (await connection.execute(query)).one_or_none()
        if row is not None:
            found.append(Figure(row.at_us, name, row.value))
    return found


async def newest_of_all(connection: AsyncConnection) -> dict[str, dict[str, float]]:
    """Return the newest value of each figure that a site has, by site."""
    columns = [
        select(accuracy.c.value)
        .where(accuracy.c.site == site_fold.c.site, accuracy.c.name == name)
        .order_by(accuracy.c.at_us.desc())
        .limit(1)
        .scalar_subquery()
        .label(name)
        for name in NAMES
    ]
    rows = await connection.execute(select(site_fold.c.site, *columns))
    return {row["site"]: {name: row[name] for name in NAMES if row[name] is not None} for row in rows.mappings()}


async def since(connection: AsyncConnection, site: str, after_us: int, limit: int) -> list[Figure]:
    """Return up to `limit` values of each figure from an instant on, oldest first."""
    found = []
    for name in NAMES:
        query = (
            select(accuracy.c.at_us, accuracy.c.value)
            .where(accuracy.c.site == site, accuracy.c.name == name, accuracy.c.at_us >= after_us)
            .order_by(accuracy.c.at_us)
            .limit(limit)
        )
        found += [Figure(row.at_us, name, row.value) for row in await connection.execute(query)]
    return found
