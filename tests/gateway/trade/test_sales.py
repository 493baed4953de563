"""Sales: sold at once, once, and of the right units."""

import asyncio
from typing import Any

import pytest

from gateway.ledger.errors import ForeignItemError, IdReusedError
from gateway.presence.tracker import EvidenceKind
from gateway.trade.errors import AlreadySoldError, ReservationError, UnknownSiteError
from gateway.trade.said import Goods, ItemName
from tests.gateway.small_store import FOREIGN
from tests.gateway.trade.trade_rig import KEY, OTHER, OTHER_KEY, SECOND_US, SHIRT_S, SITE, T0_US, TradeRig
from wire.site import OUT

DAY_US = 24 * 3_600 * SECOND_US


async def test_what_is_sold_can_be_promised_to_nobody(rig: TradeRig) -> None:
    await rig.put("1", "2")
    assert await rig.atp() == 2
    assert await rig.sell("1") == {"quantity": 1, "items": 1}
    assert await rig.atp() == 1
    assert await rig.states() == {"1": "sold"}
    (told,) = await rig.told()
    assert (told.kind, told.items, told.posted) == (EvidenceKind.SALE, ((SHIRT_S, "1"),), True)
    (audited,) = await rig.audits()
    assert (audited.actor, audited.action, audited.site, audited.subject) == ("till", "sale", SITE.id, "e1")
    assert (await rig.reasons())[-1] == "sale"
    await rig.check()


async def test_the_same_event_again_gets_the_same_answer_and_another_content_none(rig: TradeRig) -> None:
    await rig.put("1", "2")
    sale = rig.sale("1")
    first = await rig.trade.sell(sale)
    rig.later()
    assert await rig.trade.sell(sale) == (first[0], True)
    with pytest.raises(IdReusedError):
        await rig.trade.sell(rig.sale("2", event=sale.event))
    with pytest.raises(AlreadySoldError, match=f"{SHIRT_S}/1"):
        await rig.sell("1")
    assert await rig.postings() == [("1", "available", "sold", 1)]
    assert len(await rig.told()) == 1
    await rig.check()


async def test_the_same_event_by_many_at_once_is_one_sale(rig: TradeRig) -> None:
    await rig.put("1")
    sale = rig.sale("1")
    answers = await asyncio.gather(*(rig.trade.sell(sale) for _ in range(8)))
    assert sum(not replayed for _, replayed in answers) == 1
    assert len({answer.recorded_at for answer, _ in answers}) == 1
    assert len(await rig.postings()) == 1


async def test_an_item_is_sold_once_even_by_two_sites_at_once(rig: TradeRig) -> None:
    """No site has ever read it: there is no row that both would lock, unless each of them makes it."""
    sales = [rig.sale("9", site=site) for site in (SITE.id, OTHER) for _ in range(4)]
    done = await asyncio.gather(*(rig.trade.sell(sale) for sale in sales), return_exceptions=True)
    assert sum(isinstance(one, AlreadySoldError) for one in done) == 7, done
    assert await rig.postings() == [("9", "available", "sold", 1)]
    await rig.check()


async def test_a_quantity_is_of_untagged_units_first_then_of_items_nobody_knows_yet(rig: TradeRig) -> None:
    await rig.put("1", "2")
    await rig.book(2)
    assert await rig.atp() == 4
    assert await rig.sell(units=3) == {"quantity": 3, "untagged": 2, "unplaced": 1}
    assert await rig.atp() == 1
    row = await rig.row()
    assert (row.untagged, row.unplaced) == (0, 1)
    assert await rig.loose() == {"sold": 3}
    (told,) = await rig.told()
    assert (told.gtin, told.quantity, told.untagged, told.posted) == (SHIRT_S, 3, 2, True)
    await rig.check()


async def test_a_sale_is_a_fact_also_of_what_nobody_knew_to_be_there(rig: TradeRig) -> None:
    assert await rig.sell(units=2) == {"quantity": 2, "unplaced": 2}
    await rig.put("1", "2", "3")
    assert await rig.atp() == 1
    await rig.check()


async def test_the_item_of_an_unplaced_sale_is_found_when_it_leaves(rig: TradeRig) -> None:
    await rig.put("1", "2")
    await rig.sell(units=1)
    await rig.put("2", zone=OUT, chance=None)
    assert await rig.states() == {"2": "sold"}
    assert (await rig.row()).unplaced == 0
    assert await rig.atp() == 1
    await rig.check()


async def test_a_late_sale_corrects_what_left_unsold_and_deducts_nothing_twice(rig: TradeRig) -> None:
    await rig.put("1", "2", "3")
    rig.later()
    await rig.put("1", "2", zone=OUT, chance=None)
    assert await rig.states() == {"1": "left_unsold", "2": "left_unsold"}
    rig.later(3_600)
    assert await rig.sell("1", at_us=T0_US) == {"quantity": 1, "items": 1, "left": 1}
    assert await rig.sell(units=1, at_us=T0_US) == {"quantity": 1, "items": 1, "left": 1}
    assert await rig.states() == {"1": "sold", "2": "sold"}
    assert await rig.atp() == 1
    assert (await rig.row()).unplaced == 0
    assert [entry.items for entry in await rig.told()] == [((SHIRT_S, "1"),), ((SHIRT_S, "2"),)]
    await rig.check()


async def test_a_unit_that_left_more_than_a_day_before_a_sale_is_not_of_it(rig: TradeRig) -> None:
    await rig.put("1", "2")
    await rig.put("1", zone=OUT, chance=None)
    rig.later(24 * 3_600 + 1)
    assert await rig.sell(units=1) == {"quantity": 1, "unplaced": 1}
    assert await rig.states() == {"1": "left_unsold"}


async def test_the_nearest_that_left_takes_the_sale(rig: TradeRig) -> None:
    await rig.put("1", "2")
    for serial in ("1", "2"):
        rig.later(600)
        await rig.put(serial, zone=OUT, chance=None)
    await rig.sell(units=1, at_us=T0_US + 590 * SECOND_US)
    assert await rig.states() == {"1": "sold", "2": "left_unsold"}


async def test_a_sale_told_after_its_return_is_history(rig: TradeRig) -> None:
    await rig.put("1")
    sale = rig.sale("1")
    rig.later(60)
    await rig.give_back("1", disposition="restock")
    rig.later(60)
    answer, _ = await rig.trade.sell(sale)
    assert (answer.lines[0].items, answer.lines[0].history) == (1, 1)
    assert await rig.states() == {"1": "available"}
    assert [entry.kind for entry in await rig.told()] == [EvidenceKind.RETURN]
    assert await rig.atp() == 1
    await rig.check()


async def test_a_sale_after_the_return_is_a_sale(rig: TradeRig) -> None:
    await rig.put("1")
    await rig.sell("1")
    rig.later(60)
    await rig.give_back("1", disposition="restock")
    rig.later(60)
    await rig.sell("1")
    assert await rig.states() == {"1": "sold"}
    await rig.check()


async def test_a_held_item_that_is_sold_at_the_till_moves_its_hold(rig: TradeRig) -> None:
    await rig.put("1", "2")
    holds = rig.holds()
    made = await rig.reserve(holds)
    held = (await rig.picture()).units
    (bound,) = [unit.serial for unit in held if unit.bound]
    await rig.sell(bound)
    (now,) = [unit.serial for unit in (await rig.picture()).units if unit.bound]
    assert now != bound
    await rig.sell(now)
    (line,) = (await rig.picture()).lines.values()
    assert (line.substitution_needed, made["state"]) == (1, "held")
    await rig.check()


async def test_untagged_units_that_are_held_are_sold_last(rig: TradeRig) -> None:
    await rig.book(2)
    holds = rig.holds()
    await rig.reserve(holds)
    await rig.put("1")
    assert await rig.sell(units=2) == {"quantity": 2, "untagged": 1, "unplaced": 1}
    assert (await rig.picture()).untagged_held == 1
    assert await rig.sell(units=1) == {"quantity": 1, "untagged": 1}
    assert (await rig.picture()).untagged_held == 0
    await rig.check()


async def test_an_item_that_another_site_has_inside_is_sold_here_and_gone_there(rig: TradeRig) -> None:
    await rig.put("1", site=OTHER)
    assert await rig.atp(OTHER_KEY) == 1
    await rig.sell("1")
    assert await rig.atp(OTHER_KEY) == 0
    (told,) = await rig.told(OTHER)
    assert (told.kind, told.items, told.zone, told.posted) == (EvidenceKind.PLACE, ((SHIRT_S, "1"),), OUT, True)
    await rig.check()


async def test_what_cannot_be_sold(rig: TradeRig) -> None:
    with pytest.raises(UnknownSiteError):
        await rig.sell("1", site="nowhere")
    foreign = Goods((ItemName(FOREIGN, "1"),))
    with pytest.raises(ForeignItemError):
        await rig.trade.sell(_sale_of(rig, foreign))
    assert await rig.postings() == []
    assert await rig.audits() == []
    goods_of_others = Goods((), ((FOREIGN, 1),))  # by quantity any SKU may be sold
    assert (await rig.trade.sell(_sale_of(rig, goods_of_others)))[0].lines[0].unplaced == 1


def _sale_of(rig: TradeRig, goods: Goods) -> Any:
    sale = rig.sale("1")
    return type(sale)(event=sale.event, site=sale.site, at_us=sale.at_us, goods=goods)


# -- held online, paid or collected in the shop


@pytest.fixture
async def web(rig: TradeRig) -> Any:
    return rig.holds()


async def test_a_reservation_is_collected_by_quantity(rig: TradeRig, web: Any) -> None:
    await rig.put("1", "2", "3")
    made = await rig.reserve(web, 2)
    bound = sorted(unit.serial for unit in (await rig.picture()).units if unit.bound)
    assert await rig.atp() == 1
    answer, _ = await rig.trade.sell(rig.sale(units=2, reservation=made["id"]))
    assert (answer.lines[0].items, answer.reservation_open) == (2, 0)
    assert sorted(await rig.states()) == bound
    assert await rig.atp() == 1  # nothing is deducted twice
    assert await rig.state_of(made["id"]) == "fulfilled"
    await rig.check()


async def test_a_part_of_a_reservation_is_collected_and_the_rest_stays_held(rig: TradeRig, web: Any) -> None:
    await rig.put("1", "2", "3")
    made = await rig.reserve(web, 2)
    answer, _ = await rig.trade.sell(rig.sale(units=1, reservation=made["id"]))
    assert answer.reservation_open == 1
    assert await rig.atp() == 1
    assert (await rig.row()).held == 1
    with pytest.raises(ReservationError, match="holds 1 units"):
        await rig.sell(units=2, reservation=made["id"])
    await rig.check()
    await rig.sell(units=1, reservation=made["id"])
    assert await rig.state_of(made["id"]) == "fulfilled"
    with pytest.raises(ReservationError, match="fulfilled"):
        await rig.sell(units=1, reservation=made["id"])
    await rig.check()


async def test_another_item_of_the_size_stands_in_for_the_held_one(rig: TradeRig, web: Any) -> None:
    await rig.put("1", "2")
    made = await rig.reserve(web)
    (bound,) = [unit.serial for unit in (await rig.picture()).units if unit.bound]
    other = "1" if bound == "2" else "2"
    await rig.sell(other, reservation=made["id"])
    assert await rig.states() == {other: "sold"}
    assert await rig.atp() == 1
    assert await rig.state_of(made["id"]) == "fulfilled"
    await rig.check()


async def test_untagged_units_of_a_reservation_are_collected(rig: TradeRig, web: Any) -> None:
    await rig.book(3)
    made = await rig.reserve(web, 2)
    assert await rig.sell(units=2, reservation=made["id"]) == {"quantity": 2, "untagged": 2}
    assert await rig.atp() == 1
    assert await rig.loose() == {"available": 1, "sold": 2}
    await rig.check()


async def test_a_reservation_that_is_over_or_of_another_site_is_refused_and_nothing_is_sold(
    rig: TradeRig, web: Any
) -> None:
    await rig.put("1")
    made = await rig.reserve(web)
    with pytest.raises(ReservationError, match="none for site"):
        await rig.sell(units=1, reservation=made["id"], site=OTHER)
    with pytest.raises(ReservationError, match="none for site"):
        await rig.sell(units=1, reservation="no-such")
    rig.later(901)
    with pytest.raises(ReservationError, match="expired"):
        await rig.sell("1", reservation=made["id"])
    assert await rig.postings() == []
    assert await rig.sell("1") == {"quantity": 1, "items": 1}
    assert (await rig.picture(KEY)).held == 0
