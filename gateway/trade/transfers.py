"""Transfers: goods leave one site for another. Meanwhile they are `in_transit`, and nobody is promised them.

A transfer may begin as a wish: who wants the goods, or who has them, announces it, and nothing has left yet. What is
then shipped may differ from it: its lines are replaced by what left, and the audit keeps how much was asked for.

`ship` takes the goods out of the site that sends; `gateway.trade.receipts` takes them in at the other. `cancel` brings
back what is still on its way. Which items go is named: units by GTIN are units without tags, since nobody could know
which items left.
"""

from typing import Any

from sqlalchemy import Row

from gateway.clock import iso
from gateway.http.trade_rows import ShipmentTaken
from gateway.ledger.picture import AVAILABLE, IN_TRANSIT, SOLD, SkuKey
from gateway.presence.tracker import EvidenceKind
from gateway.trade import shipments
from gateway.trade.errors import ShipmentStateError, UnknownShipmentError
from gateway.trade.progress import Line, progress
from gateway.trade.receipts import loose
from gateway.trade.said import Goods, ItemName, Step, Transfer
from gateway.trade.sales import refuse_sold
from gateway.trade.work import Work
from wire.site import OUT

CAUSE = "transfer"
SHIP = "ship"
CANCEL = "cancel"


async def transfer(work: Work, said: Transfer) -> ShipmentTaken:
    """Announce a transfer, or ship it at once.

    Raises `ShipmentExistsError`, `AlreadySoldError`, `ShortError`, `ForeignItemError`, `UnknownSiteError`.
    """
    await work.enter(said.site, said.to_site)
    work.check_items(said.to_site, said.goods.items)
    keys = {(said.site, gtin) for gtin in said.goods.gtins} if said.ship else set()
    elsewhere = await work.elsewhere(said.site, said.goods.items if said.ship else ())
    await work.lock(keys | elsewhere.keys)
    await shipments.create(
        work.connection,
        said.shipment,
        said.goods,
        kind=shipments.TRANSFER,
        from_site=said.site,
        to_site=said.to_site,
        sscc=said.sscc,
        state=shipments.IN_TRANSIT if said.ship else shipments.ANNOUNCED,
        now_us=work.now_us,
    )
    if said.ship:
        await _leave(work, said.site, said.goods)
        work.gone_from(elsewhere)
    detail = {"skus": len(said.goods.gtins), "units": said.goods.quantity, "to_site": said.to_site}
    action = "transfer.ship" if said.ship else "transfer.announce"
    return await _done(work, said.event, said.shipment, action, detail)


async def step(work: Work, said: Step) -> ShipmentTaken:
    """Ship a transfer that was announced, or cancel one.

    Raises `UnknownShipmentError`, `ShipmentStateError`, `AlreadySoldError`, `ShortError`, `ForeignItemError`.
    """
    await work.enter(said.site)
    row = await shipments.find(work.connection, said.shipment)
    if row.kind != shipments.TRANSFER or row.from_site != said.site:
        raise UnknownShipmentError(said.shipment)
    asked = _goods(await shipments.lines_of(work.connection, said.shipment))
    goods = said.goods if said.goods.quantity else asked
    await work.enter(row.to_site)
    work.check_items(row.to_site, goods.items)
    elsewhere = await work.elsewhere(said.site, goods.items)
    await work.lock({(said.site, gtin) for gtin in (*asked.gtins, *goods.gtins)} | elsewhere.keys)
    row = await shipments.find(work.connection, said.shipment, lock=True)
    detail: dict[str, Any] = {"to_site": row.to_site}
    if said.action == SHIP:
        if row.state != shipments.ANNOUNCED:
            raise ShipmentStateError(said.shipment, row.state, "shipped")
        await _leave(work, said.site, goods)
        work.gone_from(elsewhere)
        if goods is not asked:
            await shipments.expect(work.connection, said.shipment, goods)
            detail |= {"asked": asked.quantity, "units": goods.quantity}
        await shipments.move_on(work.connection, said.shipment, shipments.IN_TRANSIT, work.now_us)
    else:
        await _cancel(work, row)
    return await _done(work, said.event, said.shipment, f"transfer.{said.action}", detail)


def _goods(lines: list[Line]) -> Goods:
    items = tuple(ItemName(line.gtin, line.serial) for line in lines if line.serial)
    return Goods(items, tuple((line.gtin, line.expected) for line in lines if not line.serial))


async def _leave(work: Work, site: str, goods: Goods) -> None:
    """Let goods be on their way. Raises `AlreadySoldError` and `ShortError`."""
    await work.claim(site, goods.items)
    refuse_sold(await work.in_state(goods.items, SOLD))
    await work.let(site, goods.items, IN_TRANSIT, CAUSE)
    pictures = await work.pictures()
    for gtin, units in goods.units:
        await work.take(pictures[SkuKey(site, gtin)], units, (AVAILABLE, IN_TRANSIT), CAUSE)
    if goods.items:
        work.say(site, EvidenceKind.PLACE, items=goods.items, zone=OUT)


async def _cancel(work: Work, row: Row[Any]) -> None:
    """Bring back what is on its way still."""
    if row.state not in shipments.OPEN:
        raise ShipmentStateError(row.id, row.state, "cancelled")
    if row.state != shipments.ANNOUNCED:
        lines = await shipments.lines_of(work.connection, row.id)
        items = await work.in_state(progress(lines).missing, IN_TRANSIT)
        await work.let(row.from_site, items, AVAILABLE, CAUSE)
        pictures = await work.pictures()
        for line in lines:
            if line.serial or line.expected <= line.received:
                continue
            sent = pictures[SkuKey(row.from_site, line.gtin)]
            for owner, taken in loose(sent, IN_TRANSIT, line.expected - line.received):
                await work.post(sent.key, taken, (IN_TRANSIT, AVAILABLE), CAUSE, owner)
        zone = work.arrival(row.from_site, "")
        if items and zone:
            work.say(row.from_site, EvidenceKind.PLACE, items=items, zone=zone)
    await shipments.move_on(work.connection, row.id, shipments.CANCELLED, work.now_us)


async def _done(work: Work, event: str, name: str, action: str, detail: dict[str, Any]) -> ShipmentTaken:
    await work.finish(CAUSE, action, name, detail)
    row, _ = await shipments.shown(work.connection, name)
    return ShipmentTaken(source_event_id=event, shipment=row, recorded_at=iso(work.now_us))
