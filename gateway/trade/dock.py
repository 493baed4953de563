"""What the readers at the dock door saw come in, held against a shipment: evidence beside what people say.

An item is *read* when it was placed in receiving or a back room in the time of the shipment: from a day before it was
announced, since a van may be faster than its papers, until it was closed. Items that the shipment names are looked for
by name. Others count when they came from outside by receiving (in a site without such a zone: by a back room), and no
other shipment of these days names them: they fill what is expected of their SKU without names, and are *over* beyond.
Units without tags are never read.

What was read changes no stock by itself: the goods are in the site by their reads anyway, and on the shipment when
somebody receives them, by hand or by these reads.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import iso
from gateway.http.trade_rows import DockLine, DockRead, DockReads
from gateway.storage.commerce import shipment, shipment_line
from gateway.storage.schema import movement
from gateway.storage.statement import MANY
from gateway.trade import shipments
from gateway.trade.limits import DOCK_MOVES_MAX, DOCK_SHIPMENTS_MAX, ITEMS_SHOWN
from gateway.trade.progress import Line
from gateway.trade.said import ItemName
from wire.site import OUT, Site, ZoneKind

EARLY_US: Final = 24 * 3_600 * 1_000_000


class Seen(NamedTuple):
    """An item that was placed in a zone where goods come in, for the first time in the time of a shipment."""

    at_us: int
    name: ItemName
    zone: str


def zones_of(site: Site) -> tuple[list[str], list[str]]:
    """Return the zones by which new goods come, and those in which they may be found when they have come."""
    receiving = [zone.id for zone in site.zones if zone.kind is ZoneKind.RECEIVING]
    backs = [zone.id for zone in site.zones if zone.kind is ZoneKind.BACK_ROOM]
    return receiving or backs, [*receiving, *backs]


async def seen_at_dock(connection: AsyncConnection, site: Site, row: Row[Any], lines: Sequence[Line]) -> list[Seen]:
    """Return what was read of a shipment to `site`, and what was read beside it, in the order of time."""
    since_us = row.created_us - EARLY_US
    until_us = None if row.state in shipments.OPEN else int(row.updated_us)
    doors, arrivals = zones_of(site)
    named = [ItemName(line.gtin, line.serial) for line in lines if line.serial and line.expected]
    found = await _of_names(connection, site.id, named, arrivals, (since_us, until_us))
    others = await _from_outside(connection, site.id, doors, (since_us, until_us))
    others = [one for one in others if one.name not in found]
    foreign = await _of_other_shipments(connection, row, since_us, {one.name for one in others})
    beside = {one.name: one for one in reversed(others) if one.name not in foreign}
    return sorted([*found.values(), *beside.values()])


def dock_reads(site: Site, lines: Sequence[Line], seen: Sequence[Seen]) -> DockReads:
    """Return what was read against what is expected, by SKU and by name. Pure."""
    named = {ItemName(line.gtin, line.serial) for line in lines if line.serial and line.expected}
    received = {ItemName(line.gtin, line.serial) for line in lines if line.serial and line.received}
    loose: dict[str, int] = defaultdict(int)
    for line in lines:
        loose[line.gtin] += 0 if line.serial else line.expected
    items, sums = [], {gtin: [0, 0] for gtin in loose}
    open_units = dict(loose)
    for one in seen:
        gtin = one.name.gtin
        expected = one.name in named or open_units.get(gtin, 0) > 0
        if expected and one.name not in named:
            open_units[gtin] -= 1
        sums.setdefault(gtin, [0, 0])[not expected] += 1
        items.append(
            DockRead(
                digital_link=shipments.link_of(one.name),
                zone=one.zone,
                at=iso(one.at_us),
                expected=expected,
                received=one.name in received,
            )
        )
    expected_of = Counter(loose) + Counter(name.gtin for name in named)
    names = {one.name for one in seen}
    not_read = [shipments.link_of(name) for name in sorted(named - names)]
    return DockReads(
        zones=zones_of(site)[0],
        lines=[
            DockLine(gtin=gtin, expected=expected, read=as_expected + over, not_read=expected - as_expected, over=over)
            for gtin, (as_expected, over) in sorted(sums.items())
            for expected in (expected_of[gtin],)
        ],
        items=items[:ITEMS_SHOWN],
        left_out=max(0, len(items) - ITEMS_SHOWN),
        not_read_items=not_read[:ITEMS_SHOWN],
        not_read_left_out=max(0, len(not_read) - ITEMS_SHOWN),
    )


_Time = tuple[int, int | None]


async def _of_names(
    connection: AsyncConnection, site: str, names: Iterable[ItemName], zones: Collection[str], time_us: _Time
) -> dict[ItemName, Seen]:
    """Return the first arrivals of these items."""
    by_sku: dict[str, list[str]] = defaultdict(list)
    for name in names:
        by_sku[name.gtin].append(name.serial)
    found: dict[ItemName, Seen] = {}
    for gtin, serials in sorted(by_sku.items()):
        for low in range(0, len(serials), MANY):
            query = (
                select(movement.c.serial, movement.c.debit, movement.c.happened_us)
                .where(movement.c.site == site, movement.c.gtin == gtin)
                .where(movement.c.serial.in_(serials[low : low + MANY]), movement.c.debit.in_(zones))
                .where(movement.c.happened_us >= time_us[0])
                .order_by(movement.c.m.desc())
            )
            if time_us[1] is not None:
                query = query.where(movement.c.happened_us <= time_us[1])
            for row in await connection.execute(query):  # the first one is the last of these rows
                name = ItemName(gtin, row.serial)
                found[name] = Seen(row.happened_us, name, row.debit)
    return found


async def _from_outside(connection: AsyncConnection, site: str, zones: Collection[str], time_us: _Time) -> list[Seen]:
    """Return items that came from outside by these zones, of the newest movements of the site."""
    newest = await connection.scalar(select(func.max(movement.c.m)).where(movement.c.site == site)) or 0
    query = (
        select(movement.c.gtin, movement.c.serial, movement.c.debit, movement.c.happened_us)
        .where(movement.c.site == site, movement.c.m > newest - DOCK_MOVES_MAX)
        .where(movement.c.credit == OUT, movement.c.debit.in_(zones), movement.c.happened_us >= time_us[0])
        .order_by(movement.c.m)
    )
    if time_us[1] is not None:
        query = query.where(movement.c.happened_us <= time_us[1])
    rows = await connection.execute(query)
    return [Seen(row.happened_us, ItemName(row.gtin, row.serial), row.debit) for row in rows]


async def _of_other_shipments(
    connection: AsyncConnection, row: Row[Any], since_us: int, names: set[ItemName]
) -> set[ItemName]:
    """Return those of the items that another shipment of these days to the same site has."""
    if not names:
        return set()
    recent = (
        select(shipment.c.id)
        .where(shipment.c.to_site == row.to_site, shipment.c.id != row.id, shipment.c.updated_us >= since_us)
        .order_by(shipment.c.updated_us.desc(), shipment.c.id)
        .limit(DOCK_SHIPMENTS_MAX)
    )
    others = list(await connection.scalars(recent))
    found: set[ItemName] = set()
    wanted = sorted(names)
    for low in range(0, len(wanted) if others else 0, MANY):
        part = wanted[low : low + MANY]
        query = select(shipment_line.c.gtin, shipment_line.c.serial).where(
            shipment_line.c.shipment.in_(others),
            shipment_line.c.gtin.in_({name.gtin for name in part}),
            shipment_line.c.serial.in_({name.serial for name in part}),
        )
        found |= {ItemName(one.gtin, one.serial) for one in await connection.execute(query)}
    return found & names
