"""Goods on their way: announced, sent, received, missing, unexpected, cancelled."""

import pytest

from gateway.ledger.accounts import ShortError
from gateway.presence.tracker import EvidenceKind
from gateway.trade.errors import (
    AlreadySoldError,
    NotReceivingError,
    ShipmentExistsError,
    ShipmentStateError,
    UnknownShipmentError,
)
from gateway.trade.progress import Line, progress
from gateway.trade.reads import TradeReads
from gateway.trade.said import Goods, ItemName, Receipt, Step
from tests.gateway.trade.trade_rig import OTHER, OTHER_KEY, SHIRT_S, SITE, TradeRig, goods
from wire.site import OUT


def far(lines: list[tuple[str, int, int]], seen: set[str] = frozenset()) -> tuple[int, ...]:  # type: ignore[assignment]
    of_sku = [Line(SHIRT_S, serial, expected, received) for serial, expected, received in lines]
    (line,) = progress(of_sku, {ItemName(SHIRT_S, serial) for serial in seen}).lines
    return line.expected, line.received, line.seen, line.missing, line.unexpected


def test_progress_of_named_items() -> None:
    assert far([("1", 1, 1), ("2", 1, 0), ("3", 0, 1)], {"1", "3"}) == (2, 2, 2, 1, 1)


def test_items_that_no_line_names_fill_a_quantity() -> None:
    assert far([("", 3, 1), ("7", 0, 1)]) == (3, 2, 0, 1, 0)
    assert far([("", 1, 1), ("7", 0, 1), ("8", 0, 1)]) == (1, 3, 0, 0, 2)


def test_a_quantity_does_not_fill_a_named_item() -> None:
    found = progress([Line(SHIRT_S, "1", 1, 0), Line(SHIRT_S, "", 0, 1)])
    assert (found.missing, found.lines[0].missing, found.lines[0].unexpected, found.done) == (
        [ItemName(SHIRT_S, "1")],
        1,
        1,
        False,
    )


async def test_an_asn_is_received_in_parts(rig: TradeRig) -> None:
    asn = await rig.announce("ASN-1", goods("1", "2", S=2, M=1), sscc="106141412345678908")
    assert (asn.shipment.state, asn.shipment.expected, asn.shipment.missing) == ("announced", 5, 5)
    assert await rig.postings() == []
    first = await rig.receive(goods("1", "9", S=1), shipment="ASN-1")
    assert (first.zone, first.shipment.state) == ("BACK", "receiving")
    shirts = next(line for line in first.shipment.lines if line.gtin == SHIRT_S)
    assert (shirts.expected, shirts.received, shirts.missing, shirts.unexpected) == (4, 3, 1, 0)
    assert await rig.atp() == 1  # the unit without a tag; items are there when the fold has placed them
    kinds = [(entry.kind, entry.zone, len(entry.items), entry.quantity) for entry in await rig.told()]
    assert kinds == [(EvidenceKind.RECEIPT, "BACK", 2, 0), (EvidenceKind.RECEIPT, "", 0, 1)]
    await rig.put("1", "9", zone="BACK")
    assert (await rig.receive(goods("1"), shipment="ASN-1")).shipment.seen == 2  # again: it counts once
    last = await rig.receive(goods("2", M=2), sscc="106141412345678908")
    assert (last.shipment.state, last.shipment.missing, last.shipment.unexpected) == ("received", 0, 1)
    await rig.check()


async def test_a_shipment_that_is_complete_says_what_is_missing(rig: TradeRig) -> None:
    await rig.announce("ASN-1", goods("1", "2", S=2))
    done = await rig.receive(Goods(), shipment="ASN-1", complete=True)
    assert (done.shipment.state, done.shipment.missing, done.shipment.received) == ("received", 4, 0)
    shown = await TradeReads(rig.database).shipment("ASN-1")
    assert shown.missing_items == [f"https://id.gs1.org/01/{SHIRT_S}/21/{serial}" for serial in ("1", "2")]
    assert await rig.states() == {}  # they never were ours


async def test_a_receipt_without_a_shipment_begins_one(rig: TradeRig) -> None:
    answer = await rig.receive(goods("1", S=2), owner="brand-x")
    assert (answer.shipment.expected, answer.shipment.received, answer.shipment.unexpected) == (0, 3, 3)
    assert answer.shipment.id.startswith("receipt-")
    shown = await TradeReads(rig.database).shipment(answer.shipment.id)
    assert shown.unexpected_items == [f"https://id.gs1.org/01/{SHIRT_S}/21/1"]
    assert (await rig.picture()).untagged == {("brand-x", "available"): 2}
    await rig.check()


async def test_goods_come_in_by_receiving_or_the_back_room(rig: TradeRig) -> None:
    with pytest.raises(NotReceivingError, match=r"FLOOR.*BACK"):
        await rig.receive(goods("1"), zone="FLOOR")
    await rig.receive(goods("1"), zone="BACK")
    with pytest.raises(UnknownShipmentError):
        await rig.receive(goods("1"), shipment="ASN-9")
    with pytest.raises(UnknownShipmentError):
        await rig.receive(goods("1"), sscc="106141412345678908")
    await rig.announce("ASN-1", goods("1"))
    with pytest.raises(ShipmentExistsError):
        await rig.announce("ASN-1", goods("2"))
    with pytest.raises(UnknownShipmentError):
        await rig.receive(goods("1"), shipment="ASN-1", site=OTHER)


async def test_a_transfer_from_site_to_site(rig: TradeRig) -> None:
    await rig.put("1", "2")
    await rig.book(3)
    sent = await rig.send("T-1", goods("1", S=2))
    assert (sent.shipment.state, sent.shipment.from_site, sent.shipment.to_site) == ("in_transit", SITE.id, OTHER)
    assert await rig.states() == {"1": "in_transit"}
    assert await rig.loose() == {"available": 1, "in_transit": 2}
    assert await rig.atp() == 2
    (told,) = await rig.told()
    assert (told.kind, told.zone, told.posted) == (EvidenceKind.PLACE, OUT, True)
    await rig.put("1", zone=OUT, chance=None)
    assert await rig.states() == {"1": "in_transit"}  # it went as it was told to
    await rig.check()
    said = Receipt(event="in", site=OTHER, at_us=rig.clock(), goods=Goods(), shipment="T-1", all_that_is_left=True)
    answer, _ = await rig.trade.receive(said)
    assert (answer.shipment.state, answer.shipment.received) == ("received", 3)
    assert await rig.states() == {"1": "available"}
    assert (await rig.loose(), await rig.loose(OTHER)) == ({"available": 1}, {"available": 2})
    await rig.put("1", site=OTHER)
    assert (await rig.atp(OTHER_KEY), await rig.atp()) == (3, 2)
    await rig.check()


async def test_what_a_transfer_lost_is_missing(rig: TradeRig) -> None:
    await rig.put("1", "2")
    await rig.book(2)
    await rig.send("T-1", goods("1", "2", S=2))
    answer = await rig.receive(goods("1", S=1), shipment="T-1", site=OTHER, complete=True)
    assert (answer.shipment.state, answer.shipment.missing) == ("received", 2)
    assert await rig.states() == {"1": "available", "2": "missing"}
    assert (await rig.loose(), await rig.loose(OTHER)) == ({"missing": 1}, {"available": 1})
    await rig.check()


async def test_a_transfer_that_is_announced_ships_later_and_one_that_is_cancelled_comes_back(rig: TradeRig) -> None:
    await rig.put("1", "2")
    await rig.book(1)
    assert (await rig.send("T-1", goods("1", S=1), ship=False)).shipment.state == "announced"
    assert await rig.atp() == 3
    shipped, _ = await rig.trade.step(_step(rig, "a", "ship"))
    assert (shipped.shipment.state, await rig.atp()) == ("in_transit", 1)
    with pytest.raises(ShipmentStateError, match="in_transit"):
        await rig.trade.step(_step(rig, "b", "ship"))
    cancelled, _ = await rig.trade.step(_step(rig, "c", "cancel"))
    assert (cancelled.shipment.state, await rig.atp()) == ("cancelled", 3)
    assert (await rig.trade.step(_step(rig, "c", "cancel")))[1]
    assert (await rig.states(), await rig.loose()) == ({"1": "available"}, {"available": 1})
    assert [(entry.kind, entry.zone) for entry in await rig.told()] == [
        (EvidenceKind.PLACE, OUT),
        (EvidenceKind.PLACE, "BACK"),
    ]
    with pytest.raises(ShipmentStateError, match="cancelled"):
        await rig.receive(goods("1"), shipment="T-1", site=OTHER)
    with pytest.raises(ShipmentStateError, match="cancelled"):
        await rig.trade.step(_step(rig, "d", "cancel"))
    await rig.check()


def _step(rig: TradeRig, event: str, action: str) -> Step:
    return Step(event=event, site=SITE.id, at_us=rig.clock(), shipment="T-1", action=action)


async def test_a_cancelled_transfer_brings_back_only_what_is_on_its_way(rig: TradeRig) -> None:
    await rig.put("1", "2")
    await rig.send("T-1", goods("1", "2"))
    await rig.receive(goods("1"), shipment="T-1", site=OTHER)
    await rig.sell("2")
    await rig.trade.step(_step(rig, "x", "cancel"))
    assert await rig.states() == {"1": "available", "2": "sold"}
    await rig.check()


async def test_what_cannot_be_sent(rig: TradeRig) -> None:
    await rig.put("1")
    await rig.book(1)
    with pytest.raises(ShortError, match="1 untagged"):
        await rig.send("T-1", goods("1", S=2))
    await rig.sell("1")
    with pytest.raises(AlreadySoldError):
        await rig.send("T-2", goods("1"))
    assert await rig.loose() == {"available": 1}
    with pytest.raises(UnknownShipmentError):
        await TradeReads(rig.database).shipment("T-1")


async def test_a_held_item_that_is_sent_away_moves_its_hold(rig: TradeRig) -> None:
    await rig.put("1", "2")
    await rig.reserve(rig.holds())
    (bound,) = [unit.serial for unit in (await rig.picture()).units if unit.bound]
    await rig.send("T-1", goods(bound))
    (now,) = [unit.serial for unit in (await rig.picture()).units if unit.bound]
    assert now != bound
    await rig.check()


async def test_who_wants_goods_says_so_and_who_has_them_ships_what_there_is(rig: TradeRig) -> None:
    await rig.put("1", "2", "3")
    await rig.wish("T-1", goods(S=3))
    assert (await rig.atp(), await rig.states()) == (3, {})
    shipped = await rig.ship("T-1", goods("1", "2"))
    assert (shipped.shipment.state, shipped.shipment.expected) == ("in_transit", 2)
    assert (await rig.audits())[-1].detail == b'{"to_site":"store-002","asked":3,"units":2}'
    assert (await rig.atp(), await rig.states()) == (1, {"1": "in_transit", "2": "in_transit"})
    came = await rig.receive(goods("1"), shipment="T-1", site=OTHER, complete=True)
    assert (came.shipment.received, came.shipment.missing) == (1, 1)
    assert await rig.states() == {"1": "available", "2": "missing"}
    with pytest.raises(ShipmentStateError, match="received"):
        await rig.ship("T-1", goods("3"))
    await rig.check()


async def test_a_wish_takes_nothing_before_it_is_shipped(rig: TradeRig) -> None:
    await rig.put("1")
    await rig.book(2)
    await rig.wish("T-1", goods(S=2))
    said = Receipt(event="in", site=OTHER, at_us=rig.clock(), goods=goods(S=2), shipment="T-1")
    with pytest.raises(ShipmentStateError, match="announced"):
        await rig.trade.receive(said, sees=lambda site: site == OTHER)
    assert (await rig.loose(), await rig.loose(OTHER), await rig.atp()) == ({"available": 2}, {}, 3)
    with pytest.raises(ShortError, match="2 untagged"):
        await rig.ship("T-1", goods(S=3))
    await rig.ship("T-1")
    assert await rig.loose() == {"in_transit": 2}
    await rig.trade.receive(said, sees=lambda site: site == OTHER)
    assert (await rig.loose(), await rig.loose(OTHER)) == ({}, {"available": 2})
    await rig.check()
