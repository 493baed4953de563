"""What is learned of a site: which styles it carries, and how they sold in the last weeks. Reads only."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ledger.accounts import UNPLACED
from gateway.ledger.picture import SOLD
from gateway.replenishment.assortment import Product
from gateway.replenishment.limits import SALES_DAYS_US
from gateway.replenishment.places import Role, places_of
from gateway.replenishment.sales import days_of
from gateway.replenishment.targets import DisplayRules, SalesWindow, sales_window
from gateway.storage.commerce import posting
from gateway.storage.schema import movement, sku, stock, stock_count
from gateway.storage.statement import MANY
from wire.site import Site

_PRIME: Final = 1_000_000_007
"""Microseconds are added up modulo this: the sum of a million rows is far below 2^63."""

_COLUMNS: Final = tuple(sku.c[name] for name in Product.__dataclass_fields__)


async def products_of(connection: AsyncConnection, site: str, gtins: Collection[str] | None = None) -> list[Product]:
    """Return all sizes of the runs of which a site has any row of stock; with `gtins`, of the styles of these only."""
    there = select(sku.c.style, sku.c.colour).join(stock, stock.c.gtin == sku.c.gtin).where(stock.c.site == site)
    if gtins is not None:
        named: set[str] = set()
        for part in _parts(sorted(gtins)):
            named |= {*await connection.scalars(select(sku.c.style).where(sku.c.gtin.in_(part)))}
        runs = set()
        for part in _parts(sorted(named)):
            found = await connection.execute(there.where(sku.c.style.in_(part)).distinct())
            runs |= {(row.style, row.colour) for row in found}
    else:
        runs = {(row.style, row.colour) for row in await connection.execute(there.distinct())}
    products = []
    for part in _parts(sorted({style for style, _ in runs})):
        rows = await connection.execute(select(*_COLUMNS).where(sku.c.style.in_(part)).order_by(sku.c.gtin))
        products += [Product(*row) for row in rows if (row.style, row.colour) in runs]
    return products


async def catalogue_mark(connection: AsyncConnection) -> tuple[int, int]:
    """Return two figures of which one changes when the catalogue does, whichever of its rows and by whichever clock."""
    times = func.sum(sku.c.updated_us % _PRIME)
    row = (await connection.execute(select(func.count(), times).select_from(sku))).one()
    return int(row[0]), int(row[1] or 0)


async def sales_of(
    connection: AsyncConnection, site: Site, gtins: Sequence[str], rules: DisplayRules, now_us: int
) -> dict[str, SalesWindow]:
    """Return how these SKUs sold in the last days: units, and days on which some lay on the floor."""
    since_us = now_us - rules.window_days * SALES_DAYS_US
    floor = sorted(place.zone for place in places_of(site, {}).values() if place.role is Role.FLOOR)
    sold: dict[str, list[tuple[int, int]]] = defaultdict(list)
    moves: dict[str, list[tuple[int, int]]] = defaultdict(list)
    shown: dict[str, int] = defaultdict(int)
    for part in _parts(gtins):
        postings = (
            select(posting.c.gtin, posting.c.happened_us, posting.c.quantity, posting.c.debit)
            .where(posting.c.site == site.id, posting.c.gtin.in_(part), posting.c.happened_us >= since_us)
            .where(or_(posting.c.debit == SOLD, (posting.c.credit == SOLD) & (posting.c.debit == UNPLACED)))
        )
        for row in await connection.execute(postings):
            sold[row.gtin].append((row.happened_us, row.quantity if row.debit == SOLD else -row.quantity))
        counts = select(stock_count.c.gtin, func.sum(stock_count.c.quantity)).where(
            stock_count.c.site == site.id, stock_count.c.gtin.in_(part), stock_count.c.zone.in_(floor)
        )
        shown |= {gtin: int(units) for gtin, units in await connection.execute(counts.group_by(stock_count.c.gtin))}
        steps = (
            select(movement.c.gtin, movement.c.decided_us, movement.c.credit, movement.c.debit, movement.c.quantity)
            .where(movement.c.site == site.id, movement.c.gtin.in_(part), movement.c.decided_us >= since_us)
            .where(or_(movement.c.credit.in_(floor), movement.c.debit.in_(floor)))
        )
        for step in await connection.execute(steps):
            more = ((step.debit in floor) - (step.credit in floor)) * step.quantity
            if more:
                moves[step.gtin].append((step.decided_us, more))
    return _windows(gtins, sold, moves, shown, rules=rules, now_us=now_us)


def _windows(
    gtins: Sequence[str],
    sold: Mapping[str, list[tuple[int, int]]],
    moves: Mapping[str, list[tuple[int, int]]],
    shown: Mapping[str, int],
    *,
    rules: DisplayRules,
    now_us: int,
) -> dict[str, SalesWindow]:
    found = {}
    for gtin in gtins:
        if gtin in sold or gtin in moves or shown.get(gtin):
            days = days_of(sold.get(gtin, ()), shown.get(gtin, 0), moves.get(gtin, ()), now_us, rules.window_days)
            found[gtin] = sales_window(days, rules)
    return found


def _parts(values: Sequence[str]) -> list[Sequence[str]]:
    return [values[low : low + MANY] for low in range(0, len(values), MANY)]
