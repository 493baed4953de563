"""Inspections: what came back is looked at once, and is good or damaged."""

import pytest

from gateway.ledger.accounts import ShortError
from gateway.ledger.errors import ForeignItemError, UnknownZoneError
from gateway.presence.tracker import EvidenceKind
from gateway.trade.errors import NotReturnedError
from gateway.trade.said import Goods, ItemName
from tests.gateway.small_store import FOREIGN
from tests.gateway.trade.trade_rig import OTHER, OTHER_KEY, SHIRT_S, TradeRig, goods


@pytest.mark.parametrize(
    ("disposition", "state", "atp"),
    [("inspect", "returned_unchecked", 0), ("restock", "available", 1), ("damaged", "damaged", 0)],
)
async def test_what_becomes_of_a_return(rig: TradeRig, disposition: str, state: str, atp: int) -> None:
    await rig.put("1")
    await rig.sell("1")
    answer = await rig.give_back("1", units=2, disposition=disposition)
    assert (answer.state, await rig.states(), await rig.loose()) == (state, {"1": state}, {state: 2})
    assert await rig.atp() == 3 * atp
    await rig.check()


async def test_one_is_good_and_one_is_not(rig: TradeRig) -> None:
    await rig.put("1", "2")
    await rig.sell("1", "2")
    await rig.give_back("1", "2", units=3)
    looked = await rig.inspect(goods("1", S=1), goods("2", S=1), zone="FLOOR")
    assert [(line.items, line.untagged) for line in (*looked.restocked, *looked.damaged)] == [(1, 1), (1, 1)]
    assert await rig.states() == {"1": "available", "2": "damaged"}
    assert await rig.loose() == {"available": 1, "damaged": 1, "returned_unchecked": 1}
    assert await rig.atp() == 2
    told = (await rig.told())[-1]
    assert (told.kind, told.items, told.zone) == (EvidenceKind.PLACE, ((SHIRT_S, "1"),), "FLOOR")
    assert [row.action for row in await rig.audits()][-1] == "inspection"
    await rig.check()


async def test_nothing_is_inspected_twice_or_without_a_return(rig: TradeRig) -> None:
    await rig.put("1", "2", "3")
    await rig.sell("1", "2")
    await rig.give_back("1")
    await rig.inspect(goods("1"))
    for wrong in (goods("1"), goods("2"), goods("3"), goods("404")):
        with pytest.raises(NotReturnedError, match=SHIRT_S):
            await rig.inspect(Goods(), wrong)
    await rig.give_back("2")
    with pytest.raises(NotReturnedError) as refused:
        await rig.inspect(goods("2"), goods("1", "3"))
    assert refused.value.items == [f"{SHIRT_S}/1", f"{SHIRT_S}/3"]
    assert await rig.states() == {"1": "available", "2": "returned_unchecked"}, "all of it or nothing"
    with pytest.raises(ShortError, match="0 untagged"):
        await rig.inspect(goods(S=1))
    with pytest.raises(UnknownZoneError, match="CELLAR"):
        await rig.inspect(goods("2"), zone="CELLAR")
    with pytest.raises(ForeignItemError):
        await rig.inspect(Goods((ItemName(FOREIGN, "1"),)))
    await rig.check()


async def test_what_came_back_elsewhere_is_inspected_and_sold_there(rig: TradeRig) -> None:
    await rig.put("1")
    await rig.sell("1")
    await rig.give_back("1", site=OTHER)
    await rig.put("1", site=OTHER)
    assert await rig.atp(OTHER_KEY) == 0
    await rig.inspect(goods("1"), site=OTHER)
    assert await rig.atp(OTHER_KEY) == 1
    await rig.check()
