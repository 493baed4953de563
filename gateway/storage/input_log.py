"""A site's input log: everything that the fold of the site follows from, numbered 1, 2, 3 ... without holes.

`site_log.last_n` is the counter; its row is locked until the commit, so entries become visible in the order of their
numbers: a reader that has seen `n` will never find a smaller one later.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.storage.errors import StorageError
from gateway.storage.schema import site_input, site_log


class Kind(StrEnum):
    """What an entry is: the site's description or sensor model, a durable message, the passing of time, or evidence."""

    SITE = "site"
    MODEL = "model"
    DATA = "data"
    TICK = "tick"
    EVIDENCE = "evidence"


class NewEntry(NamedTuple):
    """An entry before it has a number. A tick has no body: its time is `received_us`; a model's is empty for none."""

    received_us: int
    kind: Kind
    body: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a site's log."""

    n: int
    received_us: int
    kind: Kind
    body: bytes


async def append(connection: AsyncConnection, site: str, entries: list[NewEntry]) -> int:
    """Append entries in this transaction; return the number of the last. Raises `StorageError` for an unknown site."""
    counter = update(site_log).where(site_log.c.site == site).values(last_n=site_log.c.last_n + len(entries))
    last_n = (await connection.execute(counter.returning(site_log.c.last_n))).scalar_one_or_none()
    if last_n is None:
        raise StorageError(f"site {site!r} has no input log: register the site first")
    first_n = int(last_n) - len(entries) + 1
    rows = [
        {"site": site, "n": first_n + i, "received_us": entry.received_us, "kind": entry.kind.value, "body": entry.body}
        for i, entry in enumerate(entries)
    ]
    if rows:
        await connection.execute(insert(site_input), rows)
    return int(last_n)


async def entries_after(connection: AsyncConnection, site: str, n: int, limit: int) -> list[Entry]:
    """Return up to `limit` entries after number `n`, in order."""
    query = (
        select(site_input.c.n, site_input.c.received_us, site_input.c.kind, site_input.c.body)
        .where(site_input.c.site == site, site_input.c.n > n)
        .order_by(site_input.c.n)
        .limit(limit)
    )
    rows = await connection.execute(query)
    return [Entry(row.n, row.received_us, Kind(row.kind), row.body) for row in rows]


async def last_numbers(connection: AsyncConnection) -> dict[str, int]:
    """Return the newest number of every site."""
    rows = await connection.execute(select(site_log.c.site, site_log.c.last_n))
    return {row.site: row.last_n for row in rows}
