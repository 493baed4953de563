"""Books: another system's totals of what should be in a site, held beside what the tags say.

A total says how many units of a SKU there were at an instant. It is compared, never added to anything. From then on the
book follows sales, receipts and returns that the gateway hears of: `now` is the total with all lines after its instant,
and with the corrections that people approved. A newer total begins anew; an older one than the one held is passed over.

Whoever writes here locks the site's row of `site_fold` first, the fold with its fence: so a line of the fold and a
total that comes at the same moment are added in some order, and neither is lost.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.fold.witness import BookLine
from gateway.ledger.totals import BookRow
from gateway.storage.schema import book, book_line, site_fold, stock
from gateway.storage.statement import MANY, upsert_into


async def lock_site(connection: AsyncConnection, site: str) -> None:
    """Wait for the fold's commit, and keep the next one waiting until ours."""
    await connection.execute(select(site_fold.c.site).where(site_fold.c.site == site).with_for_update())


async def put_totals(connection: AsyncConnection, site: str, rows: Sequence[BookRow], source: str, now_us: int) -> int:
    """Write totals of distinct SKUs, under `lock_site`; return how many were older than the one held."""
    older = 0
    for low in range(0, len(rows), MANY):
        part = rows[low : low + MANY]
        gtins = [row.gtin for row in part]
        held = select(book.c.gtin, book.c.as_of_us).where(book.c.site == site, book.c.gtin.in_(gtins))
        newest = {row.gtin: row.as_of_us for row in await connection.execute(held)}
        fresh = [row for row in part if row.as_of_us >= newest.get(row.gtin, 0)]
        older += len(part) - len(fresh)
        since = await _units_since(connection, site, fresh)
        values = [
            {
                "site": site,
                "gtin": row.gtin,
                "quantity": row.quantity,
                "as_of_us": row.as_of_us,
                "now": row.quantity + since.get(row.gtin, 0),
                "source": source,
                "updated_us": now_us,
            }
            for row in fresh
        ]
        if values:
            await connection.execute(upsert_into(connection, book), values)
    return older


async def _units_since(connection: AsyncConnection, site: str, rows: Sequence[BookRow]) -> dict[str, int]:
    """Return the units of the lines after each total, by SKU."""
    if not rows:
        return {}
    oldest_us = min(row.as_of_us for row in rows)
    as_of_us = {row.gtin: row.as_of_us for row in rows}
    lines = select(book_line.c.gtin, book_line.c.at_us, book_line.c.units).where(
        book_line.c.site == site, book_line.c.gtin.in_(list(as_of_us)), book_line.c.at_us > oldest_us
    )
    units: dict[str, int] = {}
    for line in await connection.execute(lines):
        if line.at_us > as_of_us[line.gtin]:
            units[line.gtin] = units.get(line.gtin, 0) + line.units
    return units


async def write_lines(connection: AsyncConnection, site: str, lines: Sequence[tuple[int, BookLine]]) -> None:
    """Write what evidence says, and move the books that are older than it. The fold's commit holds the lock."""
    if not lines:
        return
    numbers: dict[int, int] = {}
    rows: list[dict[str, Any]] = []
    for n, line in lines:
        numbers[n] = numbers.get(n, 0) + 1
        rows.append(
            {
                "site": site,
                "n": n,
                "line": numbers[n],
                "gtin": line.gtin,
                "kind": line.kind.value,
                "at_us": line.at_us,
                "units": line.units,
                "source": line.source,
            }
        )
    await connection.execute(insert(book_line), rows)
    move = (
        update(book)
        .where(book.c.site == site, book.c.gtin == bindparam("the_gtin"), book.c.as_of_us < bindparam("the_us"))
        .values(now=book.c.now + bindparam("the_units"))
    )
    await connection.execute(
        move, [{"the_gtin": line.gtin, "the_us": line.at_us, "the_units": line.units} for _, line in lines]
    )


async def correct(connection: AsyncConnection, site: str, gtin: str, units: int, now_us: int) -> int | None:
    """Add `units` to what the book says now, under `lock_site`; return that, None where there is no book."""
    mend = (
        update(book)
        .where(book.c.site == site, book.c.gtin == gtin)
        .values(now=book.c.now + units, updated_us=now_us)
        .returning(book.c.now)
    )
    found = (await connection.execute(mend)).scalar_one_or_none()
    return None if found is None else int(found)


async def agreement(connection: AsyncConnection, site: str) -> float | None:
    """Return the share of the book's SKUs of which as many units are in the site; None without a book."""
    same = and_(stock.c.site == book.c.site, stock.c.gtin == book.c.gtin)
    query = (
        select(
            func.count().label("skus"),
            func.count().filter(book.c.now == func.coalesce(stock.c.on_hand, 0)).label("right"),
        )
        .select_from(book)
        .outerjoin(stock, same)
        .where(book.c.site == site)
    )
    row = (await connection.execute(query)).one()
    return row.right / row.skus if row.skus else None
