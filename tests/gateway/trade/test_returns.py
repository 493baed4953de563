"""Returns: to any site, and for sale when somebody has looked."""

import pytest

from gateway.ledger.errors import UnknownZoneError
from gateway.presence.tracker import EvidenceKind
from tests.gateway.trade.trade_rig import OTHER, OTHER_KEY, SHIRT_S, SITE, TradeRig
from wire.site import OUT


async def test_what_comes_back_is_not_for_sale_before_somebody_looked(rig: TradeRig) -> None:
    await rig.put("1")
    await rig.sell("1")
    answer = await rig.give_back("1", zone="FLOOR")
    assert (answer.state, answer.unknown, answer.lines[0].items) == ("returned_unchecked", 0, 1)
    assert await rig.states() == {"1": "returned_unchecked"}
    assert await rig.atp() == 0
    told = (await rig.told())[-1]
    assert (told.kind, told.items, told.zone, told.posted) == (EvidenceKind.RETURN, ((SHIRT_S, "1"),), "FLOOR", True)
    await rig.adjust("checked", "1")
    assert await rig.states() == {"1": "available"}
    assert await rig.atp() == 1
    await rig.check()


async def test_what_was_sold_here_comes_back_elsewhere(rig: TradeRig) -> None:
    await rig.put("1")
    await rig.sell("1")
    await rig.put("1", zone=OUT, chance=None)
    await rig.give_back("1", site=OTHER, disposition="restock")
    await rig.put("1", site=OTHER)
    assert await rig.atp(OTHER_KEY) == 1
    assert [posting[:3] for posting in await rig.postings()] == [
        ("1", "available", "sold"),
        ("1", "sold", "available"),
    ]
    await rig.check()


async def test_a_site_that_still_has_it_inside_loses_it(rig: TradeRig) -> None:
    await rig.put("1")
    await rig.sell("1")
    await rig.give_back("1", site=OTHER)
    assert [(entry.kind, entry.zone) for entry in await rig.told()][1:] == [(EvidenceKind.PLACE, OUT)]
    await rig.check()


async def test_a_sale_that_waits_for_its_item_was_of_the_one_that_comes_back(rig: TradeRig) -> None:
    await rig.put("1", "2")
    await rig.sell(units=1)
    assert await rig.atp() == 1
    await rig.give_back("1")
    assert ((await rig.row()).unplaced, await rig.atp()) == (0, 1)
    await rig.check()


async def test_an_item_that_nobody_knew_begins_to_exist(rig: TradeRig) -> None:
    answer = await rig.give_back("7", "8")
    assert answer.unknown == 2
    assert await rig.states() == {"7": "returned_unchecked", "8": "returned_unchecked"}
    assert (await rig.give_back("7")).unknown == 0
    await rig.check()


async def test_units_without_tags_come_out_of_what_was_sold_here_and_else_from_outside(rig: TradeRig) -> None:
    await rig.book(2)
    await rig.sell(units=2)
    await rig.give_back(units=3)
    assert await rig.loose() == {"returned_unchecked": 3}
    assert (await rig.postings())[-2:] == [
        ("", "sold", "returned_unchecked", 2),
        ("", "outside", "returned_unchecked", 1),
    ]
    assert await rig.atp() == 0
    await rig.give_back(units=1, disposition="restock")
    assert await rig.atp() == 1
    await rig.check()


async def test_a_zone_that_there_is_not(rig: TradeRig) -> None:
    with pytest.raises(UnknownZoneError, match="CELLAR"):
        await rig.give_back("1", zone="CELLAR")
    assert await rig.told(SITE.id) == []


async def test_leaving_the_site_that_had_it_says_nothing_of_an_item_that_is_elsewhere(rig: TradeRig) -> None:
    await rig.put("1")
    await rig.give_back("1", site=OTHER, disposition="restock")
    await rig.put("1", zone=OUT, chance=None)
    assert await rig.states() == {"1": "available"}
