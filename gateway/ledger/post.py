"""Posting: movements enter the ledger, and everything that is counted follows in the same transaction.

The rows of `stock` are locked first, in key order: a reservation locks the same rows in the same order. Then the
movements are appended, items change place under the condition that they were where the movement says, counts change by
what was moved, and each touched SKU gets one event. A condition that does not hold raises `LedgerError` and with it
undoes the whole commit: a ledger that disagrees with itself must not grow.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.availability import Look, promise
from gateway.ledger.errors import LedgerError
from gateway.ledger.movement import Movement
from gateway.stock_event import stock_body
from gateway.storage.schema import change, item, movement, stock, stock_count
from gateway.storage.statement import MANY, insert_into, upsert_into
from wire.site import OUT

SITE_CHANGED: Final = "site_changed"
"""Reason of an event that no movement caused: the site file says otherwise what can be sold."""


@dataclass(frozen=True, slots=True)
class Posting:
    """What a posting needs to know of its site: who looks where, what is sellable, and the fold's clock."""

    site: str
    sellable: frozenset[str]
    looks: Mapping[str, Look]
    now_us: int


async def post(connection: AsyncConnection, at: Posting, movements: Sequence[Movement]) -> int:
    """Post movements in this transaction; return how many SKUs they touched. Raises `LedgerError`."""
    if not movements:
        return 0
    by_gtin: dict[str, list[Movement]] = defaultdict(list)
    for moved in movements:
        by_gtin[moved.gtin].append(moved)
    gtins = sorted(by_gtin)
    versions = await _lock_stock(connection, at, gtins)
    await connection.execute(insert(movement), [_row(at.site, moved) for moved in movements])
    await _move_items(connection, at.site, movements)
    zones = await _count(connection, at.site, gtins, movements)
    stock_rows, events = [], []
    for gtin in gtins:
        made = promise(zones[gtin], at.sellable, at.looks, at.now_us)
        version = versions[gtin] + 1
        row = {"site": at.site, "gtin": gtin, "version": version, "on_hand": made.on_hand, "sellable": made.atp}
        stock_rows.append(row | {"changed_us": at.now_us})
        body = stock_body(
            at.site,
            gtin,
            made,
            version=version,
            zones=zones[gtin],
            movements=by_gtin[gtin],
            reason=by_gtin[gtin][-1].cause,
        )
        events.append({"site": at.site, "gtin": gtin, "created_us": at.now_us, "body": body})
    await connection.execute(upsert_into(connection, stock), stock_rows)
    await connection.execute(insert(change), events)
    return len(gtins)


def _row(site: str, moved: Movement) -> dict[str, Any]:
    return {
        "site": site,
        "m": moved.m,
        "n": moved.n,
        "gtin": moved.gtin,
        "serial": moved.serial,
        "credit": moved.credit,
        "debit": moved.debit,
        "quantity": 1,
        "happened_us": moved.happened_us,
        "first_read_us": moved.first_read_us,
        "decided_us": moved.decided_us,
        "cause": moved.cause,
        "probability": moved.probability,
    }


async def _lock_stock(connection: AsyncConnection, at: Posting, gtins: list[str]) -> dict[str, int]:
    """Lock the SKUs' rows in key order, new ones included; return their versions."""
    empty = {"site": at.site, "version": 0, "on_hand": 0, "sellable": 0, "changed_us": at.now_us}
    rows = [empty | {"gtin": gtin} for gtin in gtins]
    await connection.execute(insert_into(connection, stock).on_conflict_do_nothing(), rows)
    versions: dict[str, int] = {}
    for low in range(0, len(gtins), MANY):
        query = (
            select(stock.c.gtin, stock.c.version)
            .where(stock.c.site == at.site, stock.c.gtin.in_(gtins[low : low + MANY]))
            .order_by(stock.c.gtin)
            .with_for_update()
        )
        versions.update((row.gtin, row.version) for row in await connection.execute(query))
    return versions


async def _move_items(connection: AsyncConnection, site: str, movements: Sequence[Movement]) -> None:
    """Change the items' places; each must be where its first movement says that it leaves."""
    first: dict[tuple[str, str], Movement] = {}
    last: dict[tuple[str, str], Movement] = {}
    for moved in movements:
        key = (moved.gtin, moved.serial)
        before = last.get(key)
        if before is not None and before.debit != moved.credit:
            raise LedgerError(f"site {site}: movement {moved.m} leaves {moved.credit}, the item is in {before.debit}")
        first.setdefault(key, moved)
        last[key] = moved
    arriving, staying = [], []
    for key in sorted(first):
        newest = last[key]
        row: dict[str, Any] = {"site": site, "gtin": newest.gtin, "serial": newest.serial, "zone": newest.debit}
        row |= {"since_us": newest.happened_us, "m": newest.m, "probability": newest.probability}
        if first[key].credit == OUT:
            arriving.append(row)
        else:
            staying.append({f"the_{name}": value for name, value in row.items()} | {"was": first[key].credit})
    await _items_in(connection, site, arriving)
    await _items_within(connection, site, staying)


async def _items_in(connection: AsyncConnection, site: str, rows: list[dict[str, Any]]) -> None:
    """Write items that come into the site: new ones, or such as were out."""
    if not rows:
        return
    insert_item = insert_into(connection, item)
    replaced = {name: insert_item.excluded[name] for name in ("zone", "since_us", "m", "probability")}
    enter = insert_item.on_conflict_do_update(
        index_elements=["site", "gtin", "serial"], set_=replaced, where=item.c.zone == OUT
    )
    written = len((await connection.scalars(enter.returning(item.c.m), rows)).all())
    if written != len(rows):
        raise LedgerError(f"site {site}: {len(rows) - written} of {len(rows)} items come from {OUT} and are inside")


async def _items_within(connection: AsyncConnection, site: str, rows: list[dict[str, Any]]) -> None:
    """Write items that leave a zone."""
    if not rows:
        return
    move = (
        update(item)
        .where(
            item.c.site == bindparam("the_site"),
            item.c.gtin == bindparam("the_gtin"),
            item.c.serial == bindparam("the_serial"),
            item.c.zone == bindparam("was"),
        )
        .values(
            zone=bindparam("the_zone"),
            since_us=bindparam("the_since_us"),
            m=bindparam("the_m"),
            probability=bindparam("the_probability"),
        )
    )
    written = (await connection.execute(move, rows)).rowcount
    if written != len(rows):
        raise LedgerError(f"site {site}: {len(rows) - written} of {len(rows)} items are not where they leave")


async def _count(
    connection: AsyncConnection, site: str, gtins: list[str], movements: Sequence[Movement]
) -> dict[str, dict[str, int]]:
    """Change the counts by what was moved; return the units by zone of every touched SKU, after the change."""
    counts = await counts_of(connection, site, gtins)
    touched: set[tuple[str, str]] = set()
    for moved in movements:
        for zone, units in ((moved.credit, -1), (moved.debit, 1)):
            if zone != OUT:
                counts[moved.gtin][zone] = counts[moved.gtin].get(zone, 0) + units
                touched.add((moved.gtin, zone))
    negative = [key for key in touched if counts[key[0]][key[1]] < 0]
    if negative:
        raise LedgerError(f"site {site}: fewer than no units of {negative[0][0]} in {negative[0][1]}")
    rows = [
        {"site": site, "gtin": gtin, "zone": zone, "quantity": counts[gtin][zone]} for gtin, zone in sorted(touched)
    ]
    await connection.execute(upsert_into(connection, stock_count), rows)
    return counts


async def counts_of(connection: AsyncConnection, site: str, gtins: list[str]) -> dict[str, dict[str, int]]:
    """Return the units by zone of each SKU."""
    counts: dict[str, dict[str, int]] = {gtin: {} for gtin in gtins}
    for low in range(0, len(gtins), MANY):
        query = select(stock_count.c.gtin, stock_count.c.zone, stock_count.c.quantity).where(
            stock_count.c.site == site, stock_count.c.gtin.in_(gtins[low : low + MANY])
        )
        for row in await connection.execute(query):
            counts[row.gtin][row.zone] = row.quantity
    return counts


async def resell(connection: AsyncConnection, at: Posting) -> int:
    """Promise anew after the site's description changed; return how many SKUs that concerns. Each gets an event."""
    query = (
        select(stock.c.gtin, stock.c.version, stock.c.sellable)
        .where(stock.c.site == at.site)
        .order_by(stock.c.gtin)
        .with_for_update()
    )
    before = {row.gtin: row for row in await connection.execute(query)}
    zones = await counts_of(connection, at.site, list(before))
    stock_rows, events = [], []
    for gtin, was in before.items():
        made = promise(zones[gtin], at.sellable, at.looks, at.now_us)
        if made.atp == was.sellable:
            continue
        version = was.version + 1
        row = {"site": at.site, "gtin": gtin, "version": version, "on_hand": made.on_hand, "sellable": made.atp}
        stock_rows.append(row | {"changed_us": at.now_us})
        body = stock_body(at.site, gtin, made, version=version, zones=zones[gtin], movements=(), reason=SITE_CHANGED)
        events.append({"site": at.site, "gtin": gtin, "created_us": at.now_us, "body": body})
    if events:
        await connection.execute(upsert_into(connection, stock), stock_rows)
        await connection.execute(insert(change), events)
    return len(events)
