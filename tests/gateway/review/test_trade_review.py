"""Stock operations that come in another order than things happened, or twice in one."""

import pytest

from gateway.availability import ladder_of
from gateway.storage.engine import Database
from tests.gateway.trade.trade_rig import OTHER, OTHER_KEY, TradeRig, goods


@pytest.fixture
async def rig(database: Database) -> TradeRig:
    opened = TradeRig(database)
    await opened.open(OTHER)
    return opened


async def test_an_item_comes_back_after_a_unit_of_its_size_did(rig: TradeRig) -> None:
    await rig.put("1", "2")
    await rig.sell(units=1)
    await rig.give_back(units=1)
    await rig.give_back("1")
    assert (await rig.row()).unplaced == 0
    assert (await rig.states())["1"] == "returned_unchecked"
    await rig.check()


async def test_an_item_and_a_unit_of_its_size_come_back_together(rig: TradeRig) -> None:
    await rig.put("1", "2")
    await rig.sell(units=1)
    answer = await rig.give_back("1", units=1)
    assert (answer.lines[0].items, answer.lines[0].untagged) == (1, 1)
    await rig.check()


async def test_a_transfer_that_is_received_before_it_is_told_to_leave_is_not_there_twice(rig: TradeRig) -> None:
    await rig.book(5)
    await rig.send("T-1", goods(S=3), ship=False)
    await rig.receive(goods(S=2), site=OTHER, shipment="T-1")
    assert (await rig.atp(), await rig.atp(OTHER_KEY)) == (3, 2)
    await rig.receive(goods(S=1), site=OTHER, shipment="T-1")
    assert (await rig.atp(), await rig.atp(OTHER_KEY)) == (2, 3)
    await rig.check()


async def test_a_receipt_that_is_told_late_does_not_bring_back_what_was_sold_since(rig: TradeRig) -> None:
    received_us = rig.clock()
    rig.later(60)
    await rig.put("1")
    await rig.sell("1")
    rig.later(60)
    await rig.receive(goods("1"), at_us=received_us)
    assert await rig.states() == {"1": "sold"}
    assert await rig.atp() == 0
    await rig.check()


def test_the_ladder_of_very_many_units_is_no_longer_than_what_is_promised() -> None:
    assert len(ladder_of([], 2_000_000_000)) == len(ladder_of([], 1_000_000))
