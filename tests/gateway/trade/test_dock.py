"""What the readers at the dock saw, held against what is expected."""

from itertools import count
from typing import Any

import pytest

from gateway.presence.tracker import EvidenceKind
from gateway.trade import limits
from gateway.trade.dock import Seen, dock_reads, zones_of
from gateway.trade.progress import Line
from gateway.trade.reads import TradeReads
from gateway.trade.said import Goods, ItemName
from tests.gateway.small_store import SHIRT_M, SITE
from tests.gateway.trade.trade_rig import OTHER, SHIRT_S, TradeRig, goods
from wire.site import OUT, Zone, ZoneKind

DAY_S = 24 * 3_600


def link(serial: str, gtin: str = SHIRT_S) -> str:
    return f"https://id.gs1.org/01/{gtin}/21/{serial}"


def held_against(lines: list[tuple[str, int, int]], *serials: str) -> dict[str, tuple[int, int, int, int]]:
    seen = [Seen(at, ItemName(SHIRT_S, serial), "BACK") for at, serial in zip(count(1), serials)]
    told = dock_reads(SITE, [Line(SHIRT_S, *line) for line in lines], seen)
    return {line.gtin: (line.expected, line.read, line.not_read, line.over) for line in told.lines}


def test_items_that_are_named_and_units_that_are_not() -> None:
    assert held_against([("1", 1, 0), ("2", 1, 0), ("3", 1, 1)], "3", "1") == {SHIRT_S: (3, 2, 1, 0)}
    assert held_against([("1", 1, 0), ("", 2, 0)], "1", "7") == {SHIRT_S: (3, 2, 1, 0)}
    assert held_against([("", 1, 0)], "7", "8", "9") == {SHIRT_S: (1, 3, 0, 2)}
    assert held_against([("1", 1, 0)], "9") == {SHIRT_S: (1, 1, 1, 1)}, "another one does not fill a name"
    assert held_against([("9", 0, 1)], "9") == {SHIRT_S: (0, 1, 0, 1)}, "received, and not expected all the same"
    told = dock_reads(SITE, [Line(SHIRT_S, "", 1, 0)], [Seen(5, ItemName(SHIRT_S, n), "BACK") for n in ("a/b", "c")])
    assert [(row.digital_link, row.expected) for row in told.items] == [(link("a%2Fb"), True), (link("c"), False)]


def test_goods_come_by_receiving_and_else_by_back_rooms() -> None:
    assert zones_of(SITE) == (["BACK"], ["BACK"])
    dock = Zone("DOCK", ZoneKind.RECEIVING, False, "DOCK")
    assert zones_of(_with(SITE, dock)) == (["DOCK"], ["DOCK", "BACK"])


def _with(site: Any, zone: Zone) -> Any:
    from dataclasses import replace

    return replace(site, zones=(*site.zones, zone))


async def dock_of(rig: TradeRig, name: str = "ASN-1") -> Any:
    return (await TradeReads(rig.database).shipment(name)).dock


async def test_what_was_read_and_what_was_not(rig: TradeRig) -> None:
    await rig.put("8", zone="BACK")  # in the store for long
    await rig.put("6")
    rig.later(2 * DAY_S)
    await rig.put("1", zone="BACK")  # the van was faster than its papers
    rig.later(60)
    await rig.announce("ASN-1", goods("1", "2", "3", "8"))
    await rig.put("2", "7", zone="BACK")
    await rig.put("5", zone="FLOOR")  # from outside by another way
    await rig.put("6", zone="BACK")  # not from outside
    rig.later()
    await rig.put("2", zone="FLOOR")
    dock = await dock_of(rig)
    assert [(row.digital_link, row.zone, row.expected) for row in dock.items] == [
        (link("1"), "BACK", True),
        (link("2"), "BACK", True),
        (link("7"), "BACK", False),
    ]
    assert dock.not_read_items == [link("3"), link("8")], "what was there before did not come with this"
    assert [(line.expected, line.read, line.not_read, line.over) for line in dock.lines] == [(4, 3, 2, 1)]


async def test_reads_are_received_and_stay_where_they_are(rig: TradeRig) -> None:
    await rig.announce("ASN-1", goods("1", "2", "3", M=2))
    await rig.put("1", "2", zone="BACK")
    await rig.put("6", zone="BACK", gtin=SHIRT_M)
    rig.later()
    await rig.put("2", zone="FLOOR")
    came = await rig.receive(goods("1", S=1), shipment="ASN-1", by_reads=True)
    assert {line.gtin: (line.items, line.untagged) for line in came.lines} == {SHIRT_S: (2, 1), SHIRT_M: (1, 0)}
    assert (came.shipment.state, came.shipment.missing, came.shipment.unexpected) == ("receiving", 2, 1)
    told = [(entry.zone, sorted(entry.items)) for entry in await rig.told() if entry.kind is EvidenceKind.RECEIPT]
    assert told == [("BACK", [(SHIRT_S, "1"), (SHIRT_M, "6")]), ("FLOOR", [(SHIRT_S, "2")]), ("", [])]
    again = await rig.receive(Goods(), shipment="ASN-1", by_reads=True)
    assert (again.lines, again.shipment.received) == ([], came.shipment.received), "what was received is not new"
    assert all(row.received for row in (await dock_of(rig)).items)
    await rig.check()


async def test_two_shipments_at_one_door(rig: TradeRig) -> None:
    await rig.announce("ASN-1", goods("1"))
    await rig.announce("ASN-2", goods("2"))
    await rig.put("1", "2", "3", zone="BACK")
    for name, mine in (("ASN-1", "1"), ("ASN-2", "2")):
        found = [(row.digital_link, row.expected) for row in (await dock_of(rig, name)).items]
        assert found == [(link(mine), True), (link("3"), False)], name
    await rig.receive(goods("3"), shipment="ASN-2", complete=True)
    assert [row.digital_link for row in (await dock_of(rig)).items] == [link("1")], "it came with the other one"


async def test_what_comes_when_a_shipment_is_closed_is_none_of_it(rig: TradeRig) -> None:
    await rig.announce("ASN-1", goods("1", "2"))
    await rig.put("1", zone="BACK")
    await rig.receive(Goods(), shipment="ASN-1", by_reads=True, complete=True)
    rig.later()
    await rig.put("2", "9", zone="BACK")
    dock = await dock_of(rig)
    assert ([row.digital_link for row in dock.items], dock.not_read_items) == ([link("1")], [link("2")])


async def test_an_item_that_left_and_comes_back_is_new(rig: TradeRig) -> None:
    await rig.put("1")
    await rig.send("T-1", goods("1"))
    await rig.put("1", zone=OUT, chance=None)
    rig.later()
    await rig.put("1", site=OTHER, zone="BACK")
    assert [row.digital_link for row in (await dock_of(rig, "T-1")).items] == [link("1")]
    await rig.receive(Goods(), shipment="T-1", site=OTHER, by_reads=True)
    assert (await rig.states(), (await dock_of(rig, "T-1")).not_read_items) == ({"1": "available"}, [])
    await rig.check()


async def test_how_far_back_is_looked(rig: TradeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.announce("ASN-1", goods("1"))
    await rig.put("1", "7", zone="BACK")
    await rig.put(*(str(number) for number in range(20, 25)))
    assert len((await dock_of(rig)).items) == 2
    monkeypatch.setattr("gateway.trade.dock.DOCK_MOVES_MAX", 5)
    assert [row.digital_link for row in (await dock_of(rig)).items] == [link("1")], "by its name it is found anyway"
    assert limits.DOCK_MOVES_MAX > 5
