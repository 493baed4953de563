"""What the ledger says of sold items: what changed lately, how it stands with an item, and all that a site sold.

An item is sold by a *name* that somebody said (a till that read the tag, a hold that was handed over), or by a *guess*
of the engine: of a sale by SKU it finds the item later. A guess that is wrong mends itself only when the item is read
again, so its reads may not be dropped while it may still lie on its shelf: it counts when the item has left.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, Select, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ledger.picture import LEFT_UNSOLD, SOLD
from gateway.storage.commerce import disposition, posting
from gateway.storage.schema import item
from gateway.storage.statement import MANY, has_key
from wire.site import OUT

_NAMING: Final = frozenset({"sale", "fulfil"})
"""Causes of a posting by which somebody said which item it was (`gateway.trade.sales`, `gateway.holds.verbs`,
evidence). Not of one that had left unsold: which of those a late sale was of is chosen."""


ROWS_AT_ONCE: Final = 1_000
"""Rows that become values between two turns of the event loop: a few milliseconds."""


class ItemName(NamedTuple):
    """An item of any site."""

    gtin: str
    serial: str


class Change(NamedTuple):
    """A posting by which an item became sold, or was no longer."""

    id: int
    name: ItemName


@dataclass(frozen=True, slots=True)
class Sold:
    """An item that is sold. `learnt_us`: when the gateway learnt of it."""

    name: ItemName
    site: str
    learnt_us: int
    named: bool
    inside: bool

    @property
    def is_sure(self) -> bool:
        """Whether its reads may be dropped when the grace is over."""
        return self.named or not self.inside


async def newest_posting(connection: AsyncConnection) -> int:
    """Return the number of the newest posting."""
    return int(await connection.scalar(select(func.max(posting.c.id))) or 0)


async def changes_after(connection: AsyncConnection, after: int, limit: int) -> list[Change]:
    """Return postings of items into or out of being sold, oldest first."""
    query = (
        select(posting.c.id, posting.c.gtin, posting.c.serial)
        .where(posting.c.id > after, posting.c.serial != "", (posting.c.debit == SOLD) | (posting.c.credit == SOLD))
        .order_by(posting.c.id)
        .limit(limit)
    )
    return [Change(row.id, ItemName(row.gtin, row.serial)) for row in await connection.execute(query)]


async def sold_of(connection: AsyncConnection, names: Iterable[ItemName]) -> dict[ItemName, Sold]:
    """Return those of these items that are sold now."""
    found: dict[ItemName, Sold] = {}
    for part in _parts(sorted(set(names))):
        query = _sold().where(has_key((disposition.c.gtin, disposition.c.serial), part))
        found |= {sold.name: sold for sold in _read(await connection.execute(query))}
    return found


async def sites_of(connection: AsyncConnection, names: Iterable[ItemName]) -> dict[ItemName, set[str]]:
    """Return the sites in whose books these items ever stood: their edges may have been told of them."""
    found: dict[ItemName, set[str]] = {}
    for part in _parts(sorted(set(names))):
        query = (
            select(posting.c.gtin, posting.c.serial, posting.c.site)
            .where(has_key((posting.c.gtin, posting.c.serial), part))
            .distinct()
        )
        for row in await connection.execute(query):
            found.setdefault(ItemName(row.gtin, row.serial), set()).add(row.site)
    return found


async def sold_by(connection: AsyncConnection, site: str, since_us: int, limit: int) -> AsyncIterator[list[Sold]]:
    """Yield what a site sold since then and has not got back, the newest first, in parts: it may be a lot."""
    query = _sold().where(disposition.c.site == site, disposition.c.since_us >= since_us)
    async with connection.stream(query.order_by(posting.c.id.desc()).limit(limit)) as rows:
        async for part in rows.partitions(ROWS_AT_ONCE):
            yield _read(part)


def _sold() -> Select[Any]:
    """Items that are sold, with the posting that made them so, and their place."""
    again = posting.alias()
    newest = (
        select(func.max(again.c.id))
        .where(again.c.gtin == disposition.c.gtin, again.c.serial == disposition.c.serial, again.c.debit == SOLD)
        .scalar_subquery()
    )
    place = and_(
        item.c.site == disposition.c.site, item.c.gtin == disposition.c.gtin, item.c.serial == disposition.c.serial
    )
    return (
        select(
            disposition.c.gtin,
            disposition.c.serial,
            disposition.c.site,
            posting.c.cause,
            posting.c.credit,
            posting.c.recorded_us,
            item.c.zone,
        )
        .select_from(disposition)
        .join(posting, posting.c.id == newest)
        .outerjoin(item, place)
        .where(disposition.c.state == SOLD)
    )


def _read(rows: Iterable[Row[Any]]) -> list[Sold]:
    return [
        Sold(
            ItemName(row.gtin, row.serial),
            row.site,
            row.recorded_us,
            named=row.cause in _NAMING and row.credit != LEFT_UNSOLD,
            inside=row.zone not in {None, OUT},
        )
        for row in rows
    ]


def _parts(names: Sequence[ItemName]) -> list[list[ItemName]]:
    return [list(names[low : low + MANY]) for low in range(0, len(names), MANY)]
