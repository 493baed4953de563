"""Where items are: the chains of movements, the items' places, the counts. Checked by the database, not row by row."""

from typing import Any, Final

import msgspec
from sqlalchemy import Select, Subquery, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ledger.verdict import Verdict
from gateway.storage.schema import item, movement, site_fold, stock_count
from wire.site import OUT

_OF_ITEM: Final[dict[str, Any]] = {"partition_by": (movement.c.gtin, movement.c.serial), "order_by": movement.c.m}


def chain_of(site: str) -> Subquery:
    """Return a site's movements, each with its item's one before it (`before_m`, `was`) and after it (`after_m`)."""
    return (
        select(
            movement.c.m,
            movement.c.gtin,
            movement.c.serial,
            movement.c.credit,
            movement.c.debit,
            movement.c.quantity,
            movement.c.happened_us,
            func.lag(movement.c.m).over(**_OF_ITEM).label("before_m"),
            func.lag(movement.c.debit).over(**_OF_ITEM).label("was"),
            func.lead(movement.c.m).over(**_OF_ITEM).label("after_m"),
        )
        .where(movement.c.site == site)
        .subquery("chain")
    )


def cells_of(site: str) -> Select[Any]:
    """Return the units by SKU and zone, by the ledger."""
    last = chain_of(site)
    return (
        select(last.c.gtin, last.c.debit.label("zone"), func.count().label("units"))
        .where(last.c.after_m.is_(None), last.c.debit != OUT)
        .group_by(last.c.gtin, last.c.debit)
    )


def cells_of_items(site: str) -> Select[Any]:
    """Return the units by SKU and zone, by the items' places."""
    return (
        select(item.c.gtin, item.c.zone, func.count().label("units"))
        .where(item.c.site == site, item.c.zone != OUT)
        .group_by(item.c.gtin, item.c.zone)
    )


def wrong_cells(site: str, cells: Select[Any]) -> Select[Any]:
    """Return (gtin, zone, expected, found) of counts that are not those of `cells`."""
    ledger = cells.subquery("ledger")
    stored = select(
        stock_count.c.gtin, stock_count.c.zone, literal(0).label("expected"), stock_count.c.quantity.label("found")
    ).where(stock_count.c.site == site)
    expected = select(ledger.c.gtin, ledger.c.zone, ledger.c.units.label("expected"), literal(0).label("found"))
    both = union_all(expected, stored).subquery("both")
    wanted, has = func.sum(both.c.expected), func.sum(both.c.found)
    return (
        select(both.c.gtin, both.c.zone, wanted.label("expected"), has.label("found"))
        .group_by(both.c.gtin, both.c.zone)
        .having(wanted != has)
        .order_by(both.c.gtin, both.c.zone)
    )


async def check_places(connection: AsyncConnection, site: str, verdict: Verdict) -> None:
    """Check movements, items and counts of a site."""
    await _check_numbers(connection, site, verdict)
    await _check_chains(connection, site, verdict)
    await _check_items(connection, site, verdict)
    async for row in await connection.stream(wrong_cells(site, cells_of_items(site))):  # which are those of the ledger
        verdict.fault(f"counts, from the ledger: {(row.gtin, row.zone)} holds {row.found}, expected {row.expected}")


async def _check_numbers(connection: AsyncConnection, site: str, verdict: Verdict) -> None:
    before = func.lag(movement.c.m).over(order_by=movement.c.m).label("before")
    numbered = select(movement.c.m, before).where(movement.c.site == site).subquery()
    holes = select(numbered).where(numbered.c.m != func.coalesce(numbered.c.before, 0) + 1).order_by(numbered.c.m)
    async for row in await connection.stream(holes):
        verdict.fault(f"movement {row.m} follows {row.before or 0}")
    count = select(func.count()).select_from(movement).where(movement.c.site == site)
    verdict.movements = int(await connection.scalar(count) or 0)
    figures = await connection.scalar(select(site_fold.c.figures).where(site_fold.c.site == site))
    said = msgspec.json.decode(figures).get("movements", 0) if figures else 0
    if said != verdict.movements:
        verdict.fault(f"the fold made {said} movements, the ledger holds {verdict.movements}")


async def _check_chains(connection: AsyncConnection, site: str, verdict: Verdict) -> None:
    chain = chain_of(site)
    wrong = (chain.c.credit != func.coalesce(chain.c.was, OUT)) | (chain.c.quantity != 1)
    first = chain.c.before_m.is_(None)
    known, broken = (
        await connection.execute(select(func.count().filter(first), func.count().filter(wrong)).select_from(chain))
    ).one()
    count = select(func.count(), func.count().filter(item.c.zone != OUT)).where(item.c.site == site)
    verdict.items, verdict.items_present = (await connection.execute(count)).one()
    if verdict.items != known:
        verdict.fault(f"{verdict.items} items: the ledger knows {known}")
    if not broken:
        return
    async for row in await connection.stream(select(chain).where(wrong).order_by(chain.c.m)):
        key = (row.gtin, row.serial)
        if row.quantity != 1:
            verdict.fault(f"movement {row.m} of {key} is of {row.quantity} units: an item is one")
            continue
        before, place = row.before_m or 0, row.was or OUT
        verdict.fault(f"movement {row.m} of {key} leaves {row.credit}: movement {before} put it in {place}")


async def _check_items(connection: AsyncConnection, site: str, verdict: Verdict) -> None:
    """Check that each item is where its newest movement put it."""
    newest = (
        select(movement.c.gtin, movement.c.serial, func.max(movement.c.m).label("m"))
        .where(movement.c.site == site)
        .group_by(movement.c.gtin, movement.c.serial)
        .subquery("newest")
    )
    same = (item.c.site == site) & (item.c.gtin == newest.c.gtin) & (item.c.serial == newest.c.serial)
    last = (movement.c.site == site) & (movement.c.m == newest.c.m)
    wrong = (
        select(newest, movement.c.debit, item.c.zone, item.c.m.label("item_m"))
        .select_from(newest.join(movement, last).outerjoin(item, same))
        .where(item.c.m.is_(None) | (item.c.m != newest.c.m) | (item.c.zone != movement.c.debit))
        .order_by(newest.c.gtin, newest.c.serial)
    )
    async for row in await connection.stream(wrong):
        has = f"is in {row.zone} by {row.item_m}" if row.item_m is not None else "has no row"
        verdict.fault(f"item {(row.gtin, row.serial)} {has}: the ledger says {(row.debit, row.m)}")
