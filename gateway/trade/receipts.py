"""Receipts: goods come in by receiving or the back room, of a shipment that was announced, or of none.

What came is written down against what was expected: missing and unexpected goods show by SKU. Items become `available`,
whatever they were, but for those that were sold after they came: such a receipt is told late, and is history. That the
readers see them shows beside it, and what they saw at the dock may itself be received (`by_reads`). A receipt without a
shipment begins one of its own, which expected nothing. With `complete` nothing more comes: what a transfer still misses
is `missing`. What was only wished for cannot be received by who wished: the other site ships it first.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Row

from gateway.clock import iso
from gateway.http.trade_rows import ReceiptTaken, ShipmentTaken
from gateway.ledger.accounts import OUTSIDE, OWN
from gateway.ledger.picture import AVAILABLE, IN_TRANSIT, MISSING, SkuKey, SkuPicture
from gateway.presence.tracker import EvidenceKind
from gateway.trade import shipments
from gateway.trade.dock import seen_at_dock
from gateway.trade.errors import ShipmentStateError, UnknownShipmentError
from gateway.trade.limits import GOODS_MAX
from gateway.trade.places import zones_of
from gateway.trade.progress import Line, progress
from gateway.trade.returns import units_of
from gateway.trade.said import Goods, ItemName, Notice, Receipt
from gateway.trade.work import Work

CAUSE = "receipt"


async def announce(work: Work, notice: Notice) -> ShipmentTaken:
    """Take an advance shipping notice. Raises `ShipmentExistsError`, `ForeignItemError`, `UnknownSiteError`."""
    await work.enter(notice.site)
    work.check_items(notice.site, notice.goods.items)
    await shipments.create(
        work.connection,
        notice.shipment,
        notice.goods,
        kind=shipments.ASN,
        from_site=None,
        to_site=notice.site,
        sscc=notice.sscc,
        state=shipments.ANNOUNCED,
        now_us=work.now_us,
    )
    detail = {"skus": len(notice.goods.gtins), "units": notice.goods.quantity}
    await work.finish("", "shipment.announce", notice.shipment, detail)
    row, _ = await shipments.shown(work.connection, notice.shipment)
    return ShipmentTaken(source_event_id=notice.event, shipment=row, recorded_at=iso(work.now_us))


async def receive(work: Work, said: Receipt, sees: Callable[[str], bool]) -> ReceiptTaken:
    """Take a receipt. `sees`: whether who receives speaks for a site, too.

    Raises `UnknownShipmentError`, `ShipmentStateError`, `NotReceivingError`, `UnknownZoneError`, `ForeignItemError`,
    `UnknownSiteError`.
    """
    await work.enter(said.site)
    zone = work.arrival(said.site, said.zone)
    row = await _shipment(work, said)
    if said.all_that_is_left and row is not None:
        said = msgspec.structs.replace(said, goods=_left(await shipments.lines_of(work.connection, row.id)))
    if said.by_reads and row is not None:
        said = msgspec.structs.replace(said, goods=await _with_reads(work, said, row))
    goods = said.goods
    work.check_items(said.site, goods.items)
    elsewhere = await work.elsewhere(said.site, goods.items)
    gtins = set(goods.gtins)
    lines: list[Line] = []
    if row is not None and said.complete:
        lines = await shipments.lines_of(work.connection, row.id)
        gtins |= {line.gtin for line in lines}
    keys = {(said.site, gtin) for gtin in gtins} | elsewhere.keys
    if row is not None and row.from_site:
        keys |= {(row.from_site, gtin) for gtin in gtins}
    await work.lock(keys)
    name = await _open(work, said, row, sees)
    if said.all_that_is_left:  # somebody may have received some of it meanwhile
        goods = _left(await shipments.lines_of(work.connection, name))
        said = msgspec.structs.replace(said, goods=goods)
    await work.claim(said.site, goods.items)
    sold = await work.sold_since(goods.items)
    came = [item for item in goods.items if item not in sold]
    await work.let(said.site, came, AVAILABLE, CAUSE, None if said.owner == OWN else said.owner)
    pictures = await work.pictures()
    row = row and await shipments.find(work.connection, name)  # as it is now that it is locked
    await _take_in(work, said, row, pictures)
    await shipments.receive_lines(work.connection, name, goods)
    lines = await shipments.lines_of(work.connection, name)
    if said.complete and row is not None and row.kind == shipments.TRANSFER:
        await _miss(work, row, lines)
    done = said.complete or progress(lines).done
    await shipments.move_on(work.connection, name, shipments.RECEIVED if done else shipments.RECEIVING, work.now_us)
    await _tell(work, said, zone)
    work.gone_from(elsewhere)
    detail = {"skus": len(goods.gtins), "units": goods.quantity, "shipment": name, "complete": said.complete}
    await work.finish(CAUSE, "receipt", said.event, detail)
    shown, _ = await shipments.shown(work.connection, name)
    return ReceiptTaken(
        source_event_id=said.event,
        site=said.site,
        zone=zone,
        lines=units_of(goods),
        shipment=shown,
        recorded_at=iso(work.now_us),
    )


async def _shipment(work: Work, said: Receipt) -> Row[Any] | None:
    """Return the row of the shipment that is meant, not locked yet; None: none is named."""
    name = said.shipment
    if not name and said.sscc:
        name = await shipments.by_sscc(work.connection, said.sscc, said.site)
    if not name:
        return None
    row = await shipments.find(work.connection, name)
    if row.to_site != said.site:
        raise UnknownShipmentError(name)
    return row


async def _with_reads(work: Work, said: Receipt, row: Row[Any]) -> Goods:
    """Return the goods that are named, and those that were read at the dock and not received yet."""
    lines = await shipments.lines_of(work.connection, row.id)
    received = {ItemName(line.gtin, line.serial) for line in lines if line.received}
    seen = await seen_at_dock(work.connection, work.site(said.site), row, lines)
    named = dict.fromkeys([*said.goods.items, *(one.name for one in seen if one.name not in received)])
    return Goods(tuple(named)[:GOODS_MAX], said.goods.units)


def _left(lines: Sequence[Line]) -> Goods:
    """Return what was expected and did not come yet."""
    items = [ItemName(line.gtin, line.serial) for line in lines if line.serial and line.expected > line.received]
    units = [(line.gtin, line.expected - line.received) for line in lines if not line.serial]
    return Goods(tuple(items), tuple((gtin, count) for gtin, count in units if count > 0))


async def _open(work: Work, said: Receipt, row: Row[Any] | None, sees: Callable[[str], bool]) -> str:
    """Lock the shipment, or begin one that expects nothing; return its name."""
    if row is None:
        name = named("receipt", said.site, said.event)
        await shipments.create(
            work.connection,
            name,
            Goods(),
            kind=shipments.ASN,
            from_site=None,
            to_site=said.site,
            sscc=said.sscc,
            state=shipments.RECEIVING,
            now_us=work.now_us,
        )
        return name
    locked = await shipments.find(work.connection, row.id, lock=True)
    wish = locked.kind == shipments.TRANSFER and locked.state == shipments.ANNOUNCED and not sees(locked.from_site)
    if locked.state == shipments.CANCELLED or wish:
        raise ShipmentStateError(locked.id, locked.state, "received")
    return str(locked.id)


def named(kind: str, site: str, event: str) -> str:
    """Return a name for a shipment that nobody named: the same event gives the same."""
    return f"{kind}-{hashlib.sha256(f'{site} {event}'.encode()).hexdigest()[:20]}"


_LEAVE: Final = {
    shipments.ANNOUNCED: (AVAILABLE,),
    shipments.IN_TRANSIT: (IN_TRANSIT,),
    shipments.RECEIVING: (IN_TRANSIT, AVAILABLE),
}
"""What untagged units of a transfer leave at the site that sent them, by its state: nobody said yet that an announced
one was shipped, and nobody can after some of it came."""


async def _take_in(work: Work, said: Receipt, row: Row[Any] | None, pictures: dict[SkuKey, SkuPicture]) -> None:
    """Post units without tags: of a transfer they leave the site that sent them, as far as it goes."""
    on_way: dict[str, int] = {}
    states = _LEAVE.get(row.state, ()) if row is not None and row.from_site else ()
    if row is not None and states:
        lines = await shipments.lines_of(work.connection, row.id)
        on_way = {line.gtin: max(0, line.expected - line.received) for line in lines if not line.serial}
    for gtin, units in said.goods.units:
        rest = units
        if row is not None and on_way.get(gtin):
            sent = pictures[SkuKey(row.from_site, gtin)]
            due = min(units, on_way[gtin])
            for state in states:
                for owner, taken in loose(sent, state, due):
                    await work.post(sent.key, taken, (state, OUTSIDE), CAUSE, owner)
                    await work.post((said.site, gtin), taken, (OUTSIDE, AVAILABLE), CAUSE, owner)
                    rest, due = rest - taken, due - taken
        await work.post((said.site, gtin), rest, (OUTSIDE, AVAILABLE), CAUSE, said.owner)


def loose(picture: SkuPicture, state: str, units: int) -> list[tuple[str, int]]:
    """Return up to `units` units without tags in a state, by owner in order."""
    found = []
    for (owner, what), held in sorted(picture.untagged.items()):
        taken = min(units, held) if what == state else 0
        if taken:
            found.append((owner, taken))
            units -= taken
    return found


async def _miss(work: Work, row: Row[Any], lines: Sequence[Line]) -> None:
    """Post what a transfer still misses as missing."""
    missing = await work.in_state(progress(lines).missing, IN_TRANSIT)
    await work.let(row.from_site, missing, MISSING, CAUSE)
    pictures = await work.pictures()
    for line in lines:
        short = line.expected - line.received
        if line.serial or short <= 0:
            continue
        for owner, taken in loose(pictures[SkuKey(row.from_site, line.gtin)], IN_TRANSIT, short):
            await work.post((row.from_site, line.gtin), taken, (IN_TRANSIT, MISSING), CAUSE, owner)


async def _tell(work: Work, said: Receipt, zone: str) -> None:
    """Tell the site's log. What came by its reads may lie deeper in the store by now: it stays where it is."""
    items = said.goods.items
    lying = await zones_of(work.connection, said.site, items) if said.by_reads else {}
    for place in sorted({lying.get(item, zone) for item in items}):
        came = [item for item in items if lying.get(item, zone) == place]
        work.say(said.site, EvidenceKind.RECEIPT, items=came, zone=place)
    for gtin, units in said.goods.units:
        work.say(said.site, EvidenceKind.RECEIPT, gtin=gtin, quantity=units, untagged=units)
