"""What the detectors are told, read from the database: each a bounded question about one site."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from gateway.exceptions.detect import departments_of, is_wrong
from gateway.exceptions.facts import Departure, ItemName, Look, Misplaced, Move, Nameless, Product
from gateway.exceptions.limits import EVIDENCE_ITEMS, FOUND_MAX, LEFT_US, MOVES_BEHIND
from gateway.ledger.picture import LEFT_UNSOLD
from gateway.storage.commerce import disposition
from gateway.storage.schema import item, movement, site_fold, sku, stock, stock_count, unknown_gtin, zone_state
from gateway.storage.statement import MANY, has_key
from wire.site import OUT, Site

_SALES: Final = ("evidence_sale", "scans_sale")
"""Figures of the fold: sales by a till, and by a scanner of an edge."""

_PRODUCT = (sku.c.style, sku.c.colour, sku.c.size, sku.c.description, sku.c.department, sku.c.price)


async def looks_of(connection: AsyncConnection, site: str) -> dict[str, Look]:
    """Return who looks where, by zone."""
    query = select(zone_state).where(zone_state.c.site == site)
    return {row.zone: Look(row.status == "live", row.since_us) for row in await connection.execute(query)}


async def products_of(connection: AsyncConnection, gtins: Iterable[str]) -> dict[str, Product]:
    """Return what the catalogue says of SKUs."""
    wanted = sorted(set(gtins))
    found: dict[str, Product] = {}
    for low in range(0, len(wanted), MANY):
        query = select(sku.c.gtin, *_PRODUCT).where(sku.c.gtin.in_(wanted[low : low + MANY]))
        found |= {row.gtin: _product(row.gtin, row) for row in await connection.execute(query)}
    return found


def _product(gtin: str, row: Any) -> Product:
    """Return the columns `_PRODUCT` of a row; where an outer join found none, nothing is known."""
    if row.style is None:
        return Product(gtin)
    return Product(gtin, row.style, row.colour, row.size, row.description, row.department or "", row.price)


async def departures(connection: AsyncConnection, site: str, now_us: int) -> list[Departure]:
    """Return items that left this site unsold since `LEFT_US`, the newest first, at most `FOUND_MAX`."""
    place = and_(item.c.site == site, item.c.gtin == disposition.c.gtin, item.c.serial == disposition.c.serial)
    last = and_(movement.c.site == site, movement.c.m == item.c.m)
    query = (
        select(
            disposition.c.gtin,
            disposition.c.serial,
            disposition.c.since_us,
            movement.c.credit,
            movement.c.cause,
            movement.c.probability,
            *_PRODUCT,
        )
        .outerjoin(item, place)
        .outerjoin(movement, last)
        .outerjoin(sku, sku.c.gtin == disposition.c.gtin)
        .where(disposition.c.site == site, disposition.c.state == LEFT_UNSOLD)
        .where(disposition.c.since_us > now_us - LEFT_US)
        .order_by(disposition.c.since_us.desc(), disposition.c.gtin, disposition.c.serial)
        .limit(FOUND_MAX)
    )
    return [
        Departure(_product(row.gtin, row), row.serial, row.since_us, row.credit or "", row.cause or "", row.probability)
        for row in await connection.execute(query)
    ]


async def states_of(connection: AsyncConnection, names: Collection[ItemName]) -> dict[ItemName, str]:
    """Return what items are to commerce; those without a row are left out."""
    wanted = sorted(names)
    found: dict[ItemName, str] = {}
    for low in range(0, len(wanted), MANY):
        query = select(disposition.c.gtin, disposition.c.serial, disposition.c.state)
        named = has_key((disposition.c.gtin, disposition.c.serial), wanted[low : low + MANY])
        rows = await connection.execute(query.where(named))
        found |= {ItemName(row.gtin, row.serial): row.state for row in rows}
    return found


async def misplaced(connection: AsyncConnection, site: Site) -> list[Misplaced]:
    """Return what lies in zones of another department than its own: at most `FOUND_MAX` (SKU, zone)."""
    departments = departments_of(site)
    if len(set(departments.values())) < 2:
        return []
    names_of = select(sku.c.department).distinct().where(sku.c.department != "").limit(MANY)
    named = list(await connection.scalars(names_of))
    wrong_in = {zone: [name for name in named if is_wrong(name, zone, departments)] for zone in departments}
    lies_wrong = [
        and_(stock_count.c.zone == zone, sku.c.department.in_(names)) for zone, names in wrong_in.items() if names
    ]
    if not lies_wrong:
        return []
    cells = (
        select(stock_count.c.gtin, stock_count.c.zone, *_PRODUCT)
        .join(sku, sku.c.gtin == stock_count.c.gtin)
        .where(stock_count.c.site == site.id, stock_count.c.quantity > 0, or_(*lies_wrong))
        .order_by(stock_count.c.gtin, stock_count.c.zone)
        .limit(FOUND_MAX)
    )
    wrong = {(cell.gtin, cell.zone): _product(cell.gtin, cell) for cell in await connection.execute(cells)}
    items: dict[tuple[str, str], list[tuple[str, int, float | None]]] = defaultdict(list)
    names = list(wrong)
    for low in range(0, len(names), MANY):
        lies_there = has_key((item.c.gtin, item.c.zone), names[low : low + MANY])
        query = select(item.c.gtin, item.c.zone, item.c.serial, item.c.since_us, item.c.probability)
        query = query.where(item.c.site == site.id, lies_there).order_by(item.c.serial)
        for row in await connection.execute(query):
            items[row.gtin, row.zone].append((row.serial, row.since_us, row.probability))
    return [
        Misplaced(product, zone, departments[zone], tuple(items[gtin, zone])) for (gtin, zone), product in wrong.items()
    ]


async def nameless(connection: AsyncConnection, site: str) -> list[Nameless]:
    """Return GTINs of ours inside that no catalogue names and staff did not dismiss: at most `FOUND_MAX`."""
    query = (
        select(stock.c.gtin)
        .outerjoin(sku, sku.c.gtin == stock.c.gtin)
        .outerjoin(unknown_gtin, unknown_gtin.c.gtin == stock.c.gtin)
        .where(stock.c.site == site, stock.c.on_hand > 0, sku.c.gtin.is_(None), unknown_gtin.c.gtin.is_(None))
        .order_by(stock.c.on_hand.desc(), stock.c.gtin)
        .limit(FOUND_MAX)
    )
    gtins = list(await connection.scalars(query))
    zones: dict[str, list[tuple[str, int]]] = defaultdict(list)
    serials: dict[str, list[str]] = defaultdict(list)
    for low in range(0, len(gtins), MANY):
        part = gtins[low : low + MANY]
        counts = select(stock_count).where(stock_count.c.site == site, stock_count.c.gtin.in_(part))
        for row in await connection.execute(counts.where(stock_count.c.quantity > 0).order_by(stock_count.c.zone)):
            zones[row.gtin].append((row.zone, row.quantity))
        rank = func.row_number().over(partition_by=item.c.gtin, order_by=item.c.serial).label("rank")
        inside = select(item.c.gtin, item.c.serial, rank).where(item.c.site == site, item.c.gtin.in_(part))
        first = inside.where(item.c.zone != OUT).subquery()
        some = select(first).where(first.c.rank <= EVIDENCE_ITEMS).order_by(first.c.gtin, first.c.rank)
        for row in await connection.execute(some):
            serials[row.gtin].append(row.serial)
    return [
        Nameless(gtin, sum(units for _, units in zones[gtin]), tuple(zones[gtin]), tuple(serials[gtin]))
        for gtin in gtins
    ]


async def twofold(connection: AsyncConnection, site: str) -> tuple[dict[ItemName, list[str]], bool]:
    """Return items that this site and others believe to have inside, with the others, and whether these are all.

    At most `FOUND_MAX` (item, other site).
    """
    here, there = aliased(item, name="here"), aliased(item, name="there")
    same = and_(there.c.gtin == here.c.gtin, there.c.serial == here.c.serial, there.c.site != here.c.site)
    query = (
        select(here.c.gtin, here.c.serial, there.c.site)
        .join(there, same)
        .where(here.c.site == site, here.c.zone != OUT, there.c.zone != OUT)
        .order_by(here.c.gtin, here.c.serial, there.c.site)
        .limit(FOUND_MAX)
    )
    found: dict[ItemName, list[str]] = defaultdict(list)
    rows = (await connection.execute(query)).all()
    for row in rows:
        found[ItemName(row.gtin, row.serial)].append(row.site)
    return dict(found), len(rows) < FOUND_MAX


async def first_move(connection: AsyncConnection, site: str) -> int:
    """Return the number of the movement behind which a process that begins reads."""
    newest = await connection.scalar(select(func.max(movement.c.m)).where(movement.c.site == site))
    return max(0, int(newest or 0) - MOVES_BEHIND)


async def moves_after(connection: AsyncConnection, site: str, m: int, limit: int) -> list[Move]:
    """Return movements after a number, in order."""
    query = select(movement).where(movement.c.site == site, movement.c.m > m).order_by(movement.c.m).limit(limit)
    return [
        Move(row.m, ItemName(row.gtin, row.serial), row.credit, row.debit, row.happened_us, row.cause)
        for row in await connection.execute(query)
    ]


async def inside_of(connection: AsyncConnection, site: str, names: Collection[ItemName]) -> set[ItemName]:
    """Return which of these items are inside the site."""
    wanted: Sequence[ItemName] = sorted(names)
    found: set[ItemName] = set()
    for low in range(0, len(wanted), MANY):
        query = select(item.c.gtin, item.c.serial).where(item.c.site == site, item.c.zone != OUT)
        rows = await connection.execute(query.where(has_key((item.c.gtin, item.c.serial), wanted[low : low + MANY])))
        found |= {ItemName(row.gtin, row.serial) for row in rows}
    return found


async def fold_now(connection: AsyncConnection, site: str) -> tuple[int, int]:
    """Return the fold's idea of now, until when reads and evidence are known, and how many sales it was told of."""
    query = select(site_fold.c.now_us, site_fold.c.figures).where(site_fold.c.site == site)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return 0, 0
    figures: dict[str, int] = msgspec.json.decode(row.figures)
    return int(row.now_us), sum(int(figures.get(name, 0)) for name in _SALES)
