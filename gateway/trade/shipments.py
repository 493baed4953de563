"""Shipments in the database: ASNs and transfers, their lines, and how far they are.

A shipment's row is locked after the rows of stock. Its lines say what was expected and what came; what its goods are
meanwhile (`in_transit`) stands with the items, and with the untagged units of the site that sent them.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Row, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import iso
from gateway.http.trade_rows import DockReads, ShipmentItems, ShipmentList, ShipmentRow, ShipmentSummary
from gateway.storage.commerce import shipment, shipment_line
from gateway.storage.statement import insert_into, storable
from gateway.trade.errors import ShipmentExistsError, UnknownShipmentError
from gateway.trade.limits import ITEMS_SHOWN
from gateway.trade.places import inside
from gateway.trade.progress import Line, Progress, progress
from gateway.trade.said import Goods, ItemName

ASN: Final = "asn"
TRANSFER: Final = "transfer"
ANNOUNCED: Final = "announced"
IN_TRANSIT: Final = "in_transit"
RECEIVING: Final = "receiving"
RECEIVED: Final = "received"
CANCELLED: Final = "cancelled"
OPEN: Final = (ANNOUNCED, IN_TRANSIT, RECEIVING)


async def create(
    connection: AsyncConnection,
    name: str,
    goods: Goods,
    *,
    kind: str,
    from_site: str | None,
    to_site: str,
    sscc: str,
    state: str,
    now_us: int,
) -> None:
    """Write a new shipment with what is expected. Raises `ShipmentExistsError`."""
    row: dict[str, Any] = {
        "id": name,
        "kind": kind,
        "from_site": from_site,
        "to_site": to_site,
        "sscc": sscc or None,
        "state": state,
    }
    row |= {"created_us": now_us, "updated_us": now_us}
    take = insert_into(connection, shipment).on_conflict_do_nothing().returning(shipment.c.id)
    if (await connection.execute(take, row)).scalar_one_or_none() is None:
        raise ShipmentExistsError(name)
    await expect(connection, name, goods)


async def expect(connection: AsyncConnection, name: str, goods: Goods) -> None:
    """Let a shipment of which nothing came yet expect these goods, and nothing else."""
    await connection.execute(delete(shipment_line).where(shipment_line.c.shipment == name))
    lines = [
        {"shipment": name, "gtin": item.gtin, "serial": item.serial, "expected": 1, "received": 0}
        for item in goods.items
    ]
    lines += [
        {"shipment": name, "gtin": gtin, "serial": "", "expected": units, "received": 0} for gtin, units in goods.units
    ]
    if lines:
        await connection.execute(insert(shipment_line), lines)


async def find(connection: AsyncConnection, name: str, *, lock: bool = False) -> Row[Any]:
    """Return a shipment's row. Raises `UnknownShipmentError`."""
    query = select(shipment).where(shipment.c.id == storable(name))
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise UnknownShipmentError(name)
    return row


async def by_sscc(connection: AsyncConnection, sscc: str, to_site: str) -> str:
    """Return the open shipment to a site that carries an SSCC, the oldest. Raises `UnknownShipmentError`."""
    query = (
        select(shipment.c.id)
        .where(shipment.c.to_site == to_site, shipment.c.state.in_(OPEN), shipment.c.sscc == sscc)
        .order_by(shipment.c.created_us, shipment.c.id)
        .limit(1)
    )
    name = (await connection.execute(query)).scalar_one_or_none()
    if name is None:
        raise UnknownShipmentError(sscc)
    return str(name)


async def lines_of(connection: AsyncConnection, name: str) -> list[Line]:
    """Return a shipment's lines."""
    query = select(
        shipment_line.c.gtin, shipment_line.c.serial, shipment_line.c.expected, shipment_line.c.received
    ).where(shipment_line.c.shipment == name)
    rows = await connection.execute(query.order_by(shipment_line.c.gtin, shipment_line.c.serial))
    return [Line(row.gtin, row.serial, row.expected, row.received) for row in rows]


async def receive_lines(connection: AsyncConnection, name: str, goods: Goods) -> None:
    """Write down what came: each item once, however often it is received."""
    put = insert_into(connection, shipment_line)
    keys = ["shipment", "gtin", "serial"]
    rows = [
        {"shipment": name, "gtin": gtin, "serial": serial, "expected": 0, "received": 1} for gtin, serial in goods.items
    ]
    if rows:
        await connection.execute(put.on_conflict_do_update(index_elements=keys, set_={"received": 1}), rows)
    loose = [
        {"shipment": name, "gtin": gtin, "serial": "", "expected": 0, "received": units} for gtin, units in goods.units
    ]
    more = put.on_conflict_do_update(
        index_elements=keys, set_={"received": shipment_line.c.received + put.excluded.received}
    )
    if loose:
        await connection.execute(more, loose)


async def move_on(connection: AsyncConnection, name: str, state: str, now_us: int) -> None:
    """Let a shipment be in another state."""
    await connection.execute(update(shipment).where(shipment.c.id == name).values(state=state, updated_us=now_us))


async def seen_of(connection: AsyncConnection, site: str, lines: Iterable[Line]) -> set[ItemName]:
    """Return the named items of these lines that the site has inside."""
    named = [ItemName(line.gtin, line.serial) for line in lines if line.serial]
    return {name for names in (await inside(connection, [site], named)).values() for name in names}


async def shown(connection: AsyncConnection, name: str) -> tuple[ShipmentRow, Progress]:
    """Return a shipment as it stands. Raises `UnknownShipmentError`."""
    row = await find(connection, name)
    lines = await lines_of(connection, name)
    far = progress(lines, await seen_of(connection, row.to_site, lines))
    return (
        ShipmentRow(
            id=row.id,
            kind=row.kind,
            state=row.state,
            from_site=row.from_site,
            to_site=row.to_site,
            sscc=row.sscc,
            created_at=iso(row.created_us),
            updated_at=iso(row.updated_us),
            expected=sum(line.expected for line in far.lines),
            received=sum(line.received for line in far.lines),
            seen=sum(line.seen for line in far.lines),
            missing=sum(line.missing for line in far.lines),
            unexpected=sum(line.unexpected for line in far.lines),
            lines=far.lines,
        ),
        far,
    )


async def listed(connection: AsyncConnection, site: str, states: Sequence[str], limit: int) -> ShipmentList:
    """Return shipments to a site and from it in these states."""
    mine = or_(shipment.c.to_site == site, shipment.c.from_site == site) & shipment.c.state.in_(states)
    total = int(await connection.scalar(select(func.count()).select_from(shipment).where(mine)) or 0)
    newest = select(shipment).where(mine).order_by(shipment.c.updated_us.desc(), shipment.c.id).limit(limit)
    rows = (await connection.execute(newest)).all()
    units = select(
        shipment_line.c.shipment,
        func.sum(shipment_line.c.expected).label("expected"),
        func.sum(shipment_line.c.received).label("received"),
    ).where(shipment_line.c.shipment.in_([row.id for row in rows]))
    sums = {row.shipment: row for row in await connection.execute(units.group_by(shipment_line.c.shipment))}
    found = [
        ShipmentSummary(
            id=row.id,
            kind=row.kind,
            state=row.state,
            from_site=row.from_site,
            to_site=row.to_site,
            sscc=row.sscc,
            created_at=iso(row.created_us),
            updated_at=iso(row.updated_us),
            expected=int(sums[row.id].expected) if row.id in sums else 0,
            received=int(sums[row.id].received) if row.id in sums else 0,
        )
        for row in rows
    ]
    return ShipmentList(site=site, shipments=found, left_out=total - len(found))


async def with_items(connection: AsyncConnection, name: str, dock: DockReads) -> ShipmentItems:
    """Return a shipment with the names of what is missing and unexpected. Raises `UnknownShipmentError`."""
    row, far = await shown(connection, name)
    return ShipmentItems(
        shipment=row,
        missing_items=[link_of(one) for one in far.missing[:ITEMS_SHOWN]],
        missing_left_out=max(0, len(far.missing) - ITEMS_SHOWN),
        unexpected_items=[link_of(one) for one in far.unexpected[:ITEMS_SHOWN]],
        unexpected_left_out=max(0, len(far.unexpected) - ITEMS_SHOWN),
        dock=dock,
    )


def link_of(name: ItemName) -> str:
    """Return an item as a GS1 Digital Link."""
    return f"https://id.gs1.org/01/{name.gtin}/21/{quote(name.serial, safe='')}"
