"""Counts, deltas, and quantities that are set: what was sold since is never deducted twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.accounts import ShortError
from gateway.ledger.picture import HeldLine, LineKey, SkuPicture, Unit
from gateway.ledger.totals import BookRow
from gateway.presence.tracker import EvidenceKind
from gateway.trade.allot import allot
from gateway.trade.errors import AlreadySoldError, BelowTaggedError, VersionConflictError
from gateway.trade.quantities import ON_HAND, SELLABLE, Moved, sold_since, untagged_for, untagged_since
from gateway.trade.said import ItemName, Totals
from tests.gateway.trade.trade_rig import KEY, SECOND_US, SHIRT_S, SITE, T0_US, TradeRig
from wire.site import OUT


def picture(tagged: int = 0, untagged: int = 0, *, held: int = 0, unplaced: int = 0) -> SkuPicture:
    units = [Unit(str(n), "FLOOR", 1.0, True, "available", None) for n in range(tagged)]
    lines = {LineKey("r", 0): HeldLine(held, held, 0)} if held else {}
    zones = {"FLOOR": tagged} if tagged else {}
    return SkuPicture(KEY, units, zones, {("own", "available"): untagged}, lines, unplaced)


@given(st.integers(0, 20), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5))
def test_a_sale_by_quantity_is_of_as_many_units_as_were_sold(
    units: int, tagged: int, untagged: int, held: int, unplaced: int
) -> None:
    held = min(held, untagged)
    found = allot(units, picture(tagged, untagged, held=held, unplaced=unplaced))
    assert found.untagged + found.unplaced == units
    assert 0 <= found.untagged <= untagged
    if found.untagged > untagged - held:  # held ones only when no item is left that it could be
        assert found.unplaced >= max(0, tagged - unplaced)


def test_units_that_were_sold_since() -> None:
    since = [
        Moved("", "unplaced", "sold", 2),  # a sale whose items are not known
        Moved("", "sold", "unplaced", 1),  # one of them is
        Moved("1", "available", "sold", 1),
        Moved("", "available", "sold", 3),
        Moved("2", "sold", "returned_unchecked", 1),
        Moved("", "outside", "available", 9),
        Moved("3", "available", "damaged", 1),
    ]
    assert sold_since(since, ON_HAND) == 4
    assert sold_since(since, SELLABLE) == 5
    assert untagged_since(since) == 6


def test_what_a_quantity_leaves_for_units_without_tags() -> None:
    assert untagged_for(10, ON_HAND, picture(tagged=4), sold=1) == 5
    assert untagged_for(10, ON_HAND, picture(tagged=4, unplaced=1), sold=0) == 7
    assert untagged_for(10, SELLABLE, picture(tagged=4, untagged=2, held=2), sold=1) == 7
    assert untagged_for(3, ON_HAND, picture(tagged=4), sold=0) == -1


# -- counts


async def test_a_count_of_a_zone_is_evidence_and_finds_what_was_missing(rig: TradeRig) -> None:
    await rig.put("1", "2", "3")
    await rig.adjust("missing", "1")
    await rig.put("2", zone=OUT, chance=None)
    await rig.sell("3")
    items = tuple(ItemName(SHIRT_S, serial) for serial in ("1", "2", "3"))
    answer = await rig.count(zone="FLOOR", coverage=0.9, items=items)
    assert (answer.items, answer.found) == (3, 2)
    assert await rig.states() == {"1": "available", "2": "available", "3": "sold"}
    told = (await rig.told())[-1]
    assert (told.kind, told.zone, told.coverage, len(told.items), told.posted) == (
        EvidenceKind.COUNT,
        "FLOOR",
        0.9,
        3,
        True,
    )
    await rig.check()


async def test_untagged_units_are_set_to_what_was_counted_and_sales_since_stay(rig: TradeRig) -> None:
    await rig.book(5)
    at_us = rig.later(60)
    rig.later(60)
    await rig.sell(units=1)
    rig.later(60)
    answer = await rig.count(at_us=at_us, untagged=((SHIRT_S, 7),))
    (line,) = answer.untagged
    assert (line.before, line.counted, line.now) == (5, 7, 6)
    assert await rig.loose() == {"available": 6, "sold": 1}
    assert (await rig.postings())[-1] == ("", "outside", "available", 2)
    again = await rig.count(untagged=((SHIRT_S, 0),))
    assert again.untagged[0].now == 0
    assert await rig.atp() == 0
    await rig.check()


async def test_a_count_forgets_units_that_no_item_can_be(rig: TradeRig) -> None:
    await rig.sell(units=2)
    await rig.count(untagged=((SHIRT_S, 4),))
    assert ((await rig.row()).unplaced, await rig.atp()) == (0, 4)
    await rig.check()


# -- deltas


async def test_reasons_of_named_items(rig: TradeRig) -> None:
    await rig.put("1", "2", "3")
    for reason, state in [
        ("damaged", "damaged"),
        ("repaired", "available"),
        ("missing", "missing"),
        ("checked", "missing"),  # nobody brought it back
        ("found", "available"),
    ]:
        answer = await rig.adjust(reason, "1")
        assert await rig.states() == {"1": state}, reason
        assert answer.items == (reason != "checked")
    assert await rig.atp() == 3
    await rig.adjust("found", "1", zone="BACK")
    assert [(entry.kind, entry.zone) for entry in await rig.told()] == [(EvidenceKind.PLACE, "BACK")]
    await rig.sell("2")
    with pytest.raises(AlreadySoldError):
        await rig.adjust("found", "2")
    await rig.check()


async def test_reasons_of_units_without_tags(rig: TradeRig) -> None:
    await rig.book(5)
    await rig.adjust("damaged", units=-2)
    await rig.adjust("missing", units=-1)
    assert await rig.loose() == {"available": 2, "damaged": 2, "missing": 1}
    await rig.adjust("repaired", units=1)
    await rig.adjust("disposed", units=-1)
    answer = await rig.adjust("found", units=3)
    assert await rig.loose() == {"available": 6}
    assert (answer.skus[0].change, answer.skus[0].untagged, answer.skus[0].version) == (3, 6, (await rig.row()).version)
    await rig.adjust("correction", units=-6)
    assert (await rig.loose(), await rig.atp()) == ({}, 0)
    for reason, units in [("damaged", -1), ("repaired", 1), ("correction", -1), ("disposed", -1)]:
        with pytest.raises(ShortError):
            await rig.adjust(reason, units=units)
    assert {row.action for row in await rig.audits()} == {"adjustment.delta"}
    await rig.check()


# -- set


async def test_set_says_what_it_knew_and_no_sale_is_deducted_twice(rig: TradeRig) -> None:
    """The ERP knows of the first sale only; its number would give the second one back."""
    await rig.set_to(10, "on_hand", 0)
    assert await rig.atp() == 10
    await rig.sell(units=1)
    through_us = rig.clock()
    rig.later()
    await rig.sell(units=2)
    answer = await rig.set_to(9, "on_hand", (await rig.row()).version, through_us=through_us)
    assert (answer.mode, answer.skus[0].change, answer.skus[0].untagged) == ("set", 0, 7)
    assert await rig.atp() == 7
    await rig.check()


async def test_sellable_and_on_hand_are_two_quantities(rig: TradeRig) -> None:
    await rig.put("1")
    await rig.book(4)
    await rig.reserve(rig.holds(), 2)
    await rig.adjust("damaged", units=-1)
    for kind, units in (("sellable", 6), ("on_hand", 6)):
        await rig.set_to(units, kind, (await rig.row()).version)
        row = await rig.row()
        if kind == "sellable":
            assert (await rig.atp(), row.untagged) == (6, 7)
        else:  # 1 item, 1 damaged, the rest without tags; 2 of all are held
            assert (await rig.atp(), row.untagged) == (3, 4)
    await rig.check()


async def test_who_has_not_seen_the_newest_row_sets_nothing(rig: TradeRig) -> None:
    await rig.book(3)
    version = (await rig.row()).version
    await rig.sell(units=1)
    with pytest.raises(VersionConflictError) as conflict:
        await rig.set_to(5, "on_hand", version)
    assert (conflict.value.expected, conflict.value.current) == (version, version + 1)
    assert await rig.loose() == {"available": 2, "sold": 1}


async def test_a_quantity_does_not_make_tagged_items_vanish(rig: TradeRig) -> None:
    await rig.put("1", "2", "3")
    with pytest.raises(BelowTaggedError, match="3 items"):
        await rig.set_to(2, "on_hand", (await rig.row()).version)
    await rig.set_to(3, "on_hand", (await rig.row()).version)
    assert await rig.atp() == 3


async def test_a_feed_of_totals_is_compared_and_never_added(rig: TradeRig) -> None:
    await rig.put("1")
    said = Totals(event="erp", site=SITE.id, at_us=T0_US, rows=(BookRow(SHIRT_S, 7, T0_US),))
    answer, replayed = await rig.trade.compare(said)
    assert (answer.rows, answer.older, replayed) == (1, 0, False)
    assert (await rig.trade.compare(said))[1]
    assert (await rig.atp(), await rig.loose(), await rig.postings()) == (1, {}, [])
    older = Totals(event="erp0", site=SITE.id, at_us=1, rows=(BookRow(SHIRT_S, 7, T0_US - SECOND_US),))
    assert (await rig.trade.compare(older))[0].older == 1
    await rig.check()
