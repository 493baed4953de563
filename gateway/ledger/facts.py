"""The facts behind reconciliation, read from the database for many SKUs of a site at once."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.accuracy.reconcile import (
    BY_CHECKOUT_US,
    LEFT,
    Book,
    CountedItem,
    CountedZone,
    Finding,
    Item,
    SkuFacts,
)
from gateway.ledger.post import counts_of
from gateway.storage.schema import book, count_cell, count_item, item, movement, stock
from gateway.storage.statement import MANY
from wire.site import OUT, Site, ZoneKind

SKUS_AT_ONCE = MANY


async def candidates(connection: AsyncConnection, site: str, after_gtin: str, limit: int) -> list[str]:
    """Return SKUs after a GTIN that may have differences, in order, up to `limit`."""
    same = and_(stock.c.site == book.c.site, stock.c.gtin == book.c.gtin)
    of_book = (
        select(book.c.gtin)
        .outerjoin(stock, same)
        .where(book.c.site == site, book.c.gtin > after_gtin, book.c.now != func.coalesce(stock.c.on_hand, 0))
    )
    unbooked = (
        select(stock.c.gtin)
        .outerjoin(book, same)
        .where(stock.c.site == site, stock.c.gtin > after_gtin, stock.c.on_hand > 0, book.c.gtin.is_(None))
    )
    counted = select(count_item.c.gtin).distinct().where(count_item.c.site == site, count_item.c.gtin > after_gtin)
    queries = [of_book, counted]
    if await has_book(connection, site):
        queries.append(unbooked)
    found: set[str] = set()
    for query in queries:
        found.update(await connection.scalars(query.order_by(query.selected_columns[0]).limit(limit)))
    return sorted(found)[:limit]


async def has_book(connection: AsyncConnection, site: str) -> bool:
    """Whether the site has any book."""
    query = select(book.c.gtin).where(book.c.site == site).limit(1)
    return (await connection.execute(query)).first() is not None


async def facts_of(connection: AsyncConnection, site: Site, gtins: Sequence[str]) -> list[SkuFacts]:
    """Return the facts of up to `SKUS_AT_ONCE` SKUs, in their order."""
    wanted = list(gtins)
    assert len(wanted) <= SKUS_AT_ONCE, len(wanted)
    books = await _books(connection, site.id, wanted)
    zones = await counts_of(connection, site.id, wanted)
    counts, counted = await _counts(connection, site.id, wanted)
    booked = bool(books) or await has_book(connection, site.id)
    facts = {
        gtin: SkuFacts(gtin, zones[gtin], (), books.get(gtin), booked, counts[gtin], counted[gtin]) for gtin in wanted
    }
    items = await _items(connection, site, facts)
    return [replace(known, items=items[gtin]) for gtin, known in facts.items()]


async def _books(connection: AsyncConnection, site: str, gtins: list[str]) -> dict[str, Book]:
    query = select(book).where(book.c.site == site, book.c.gtin.in_(gtins))
    return {row.gtin: Book(row.quantity, row.as_of_us, row.now) for row in await connection.execute(query)}


async def _counts(
    connection: AsyncConnection, site: str, gtins: list[str]
) -> tuple[dict[str, list[CountedZone]], dict[str, list[CountedItem]]]:
    """Return the last counts by SKU, zones in order, and what they found."""
    cells_query = select(count_cell).where(count_cell.c.site == site, count_cell.c.gtin.in_(gtins))
    cells: dict[str, list[CountedZone]] = defaultdict(list)
    at_us: dict[tuple[str, str], int] = {}
    for row in await connection.execute(cells_query.order_by(count_cell.c.gtin, count_cell.c.zone)):
        cells[row.gtin].append(CountedZone(row.zone, row.at_us, row.expected, row.seen))
        at_us[row.gtin, row.zone] = row.at_us
    items_query = select(count_item).where(count_item.c.site == site, count_item.c.gtin.in_(gtins))
    found: dict[str, list[CountedItem]] = defaultdict(list)
    for row in await connection.execute(items_query.order_by(count_item.c.gtin, count_item.c.serial)):
        counted_us = at_us[row.gtin, row.zone]
        found[row.gtin].append(CountedItem(row.serial, row.zone, counted_us, Finding(row.finding)))
    return cells, found


async def _items(connection: AsyncConnection, site: Site, facts: dict[str, SkuFacts]) -> dict[str, list[Item]]:
    """Return the items that are in the site, those out since the book's total, and those that a count named."""
    gtins = list(facts)
    books = {gtin: known.book for gtin, known in facts.items() if known.book is not None}
    counted = {gtin: {found.serial for found in known.counted} for gtin, known in facts.items()}
    oldest_us = min((of_sku.as_of_us for of_sku in books.values()), default=2**62)
    named = {serial for serials in counted.values() for serial in serials}
    wanted = [item.c.zone != OUT, item.c.since_us > oldest_us]
    if named:
        wanted.append(
            select(count_item.c.serial)
            .where(
                count_item.c.site == item.c.site,
                count_item.c.gtin == item.c.gtin,
                count_item.c.serial == item.c.serial,
            )
            .exists()
        )
    query = (
        select(item, movement.c.credit, movement.c.cause)
        .join(movement, and_(movement.c.site == item.c.site, movement.c.m == item.c.m))
        .where(item.c.site == site.id, item.c.gtin.in_(gtins), or_(*wanted))
        .order_by(item.c.gtin, item.c.serial)
    )
    rows = (await connection.execute(query)).all()
    over = [gtin for gtin in gtins if facts[gtin].on_hand > (books[gtin].now if gtin in books else 0)]
    arrived_us = await _arrivals(connection, site.id, over)
    paid = await _by_checkout(connection, site, [row for row in rows if row.zone == OUT and row.cause == LEFT])
    found: dict[str, list[Item]] = defaultdict(list)
    for row in rows:
        of_sku = books.get(row.gtin)
        since_book = of_sku is not None and row.since_us > of_sku.as_of_us
        if row.zone != OUT or since_book or row.serial in counted.get(row.gtin, ()):
            by_checkout = (row.gtin, row.serial) in paid
            arrived = arrived_us.get((row.gtin, row.serial), 0)
            found[row.gtin].append(
                Item(row.serial, row.zone, row.since_us, row.credit, row.cause, row.probability, by_checkout, arrived)
            )
    return found


async def _arrivals(connection: AsyncConnection, site: str, gtins: list[str]) -> dict[tuple[str, str], int]:
    """Return when each item of these SKUs came into the site last."""
    if not gtins:
        return {}
    query = (
        select(movement.c.gtin, movement.c.serial, func.max(movement.c.happened_us).label("at_us"))
        .where(movement.c.site == site, movement.c.gtin.in_(gtins), movement.c.credit == OUT)
        .group_by(movement.c.gtin, movement.c.serial)
    )
    return {(row.gtin, row.serial): row.at_us for row in await connection.execute(query)}


async def _by_checkout(connection: AsyncConnection, site: Site, left: Sequence[Any]) -> set[tuple[str, str]]:
    """Return those of the items that left which had been at a checkout shortly before."""
    checkouts = sorted({zone.counts_as for zone in site.zones if zone.kind is ZoneKind.CHECKOUT})
    if not left or not checkouts:
        return set()
    since_us = {(row.gtin, row.serial): row.since_us for row in left}
    oldest_us = min(since_us.values()) - BY_CHECKOUT_US
    query = select(movement.c.gtin, movement.c.serial, movement.c.credit, movement.c.happened_us).where(
        movement.c.site == site.id,
        movement.c.gtin.in_(sorted({row.gtin for row in left})),
        movement.c.happened_us >= oldest_us,
        or_(movement.c.debit.in_(checkouts), movement.c.credit.in_(checkouts)),
    )
    found = set()
    for row in await connection.execute(query):
        key = (row.gtin, row.serial)
        if key in since_us and since_us[key] - BY_CHECKOUT_US <= row.happened_us <= since_us[key]:
            found.add(key)
    return found
