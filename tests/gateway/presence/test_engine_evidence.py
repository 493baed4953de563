"""Evidence beyond reads: sales, receipts, returns, counts, and what a person says."""

import numpy as np
import pytest

from gateway.presence import ZoneChange
from gateway.presence.tracker import EvidenceKind
from gateway.presence.witness import PENDING_MAX
from tests.gateway.presence.engine_rig import (
    ANTENNAS,
    EXIT_1,
    SITE_TEXT,
    Shop,
    caused,
    gtin,
    sane,
    settled_shop,
    told,
    window,
)

SALE, RECEIPT, RETURN, COUNT, PLACE, MISS = EvidenceKind
PLACES = {0: "BACK", 1: "FLOOR", 2: "FLOOR", 3: "POS"}
ONE_KIND = "site: s\nzones:\n  - {id: ONLY, kind: %s}\ndevices: []\n"


def settled(skus: int | None = None, text: str = SITE_TEXT) -> Shop:
    return settled_shop(150, PLACES, 6, text, skus)


def without(*items: int) -> dict[int, str]:
    return {item: place for item, place in PLACES.items() if item not in items}


def out_by_the_door(shop: Shop, item: int) -> list[ZoneChange]:
    return shop.live(8, PLACES | {item: "DOOR"}) + shop.live(150, without(item))


# -- sales


def test_a_sale_by_epc_brings_the_item_to_the_till_and_then_out() -> None:
    shop = settled()
    assert caused(shop.hear(SALE, 1)) == [(1, "POS", "sold")]
    assert caused(shop.live(60, without(1))) == [(1, "OUT", "sold")]
    assert shop.live(600, without(1)) == []


def test_a_sold_item_that_no_reader_ever_met_leaves_too() -> None:
    shop = settled()
    shop.hear(RECEIPT, 4)
    shop.hear(SALE, 4)
    shop.live(120, PLACES)
    assert shop.zones[4] == "OUT"


def test_sold_goods_stay_while_nobody_looks() -> None:
    shop = settled()
    shop.hear(SALE, 1)
    assert shop.live(600, {}, dead=range(len(ANTENNAS))) == []
    assert caused(shop.live(120, without(1))) == [(1, "OUT", "sold")]


def test_goods_that_are_still_read_long_after_their_sale_are_followed_again() -> None:
    shop = settled()
    shop.hear(SALE, 1)
    shop.live(800, PLACES)
    assert shop.zones[1] == "FLOOR"


def test_sold_goods_that_come_back_are_as_unsold_as_others() -> None:
    shop = settled()
    shop.hear(SALE, 1)
    shop.live(60, without(1))
    assert shop.zones[1] == "OUT"
    shop.live(120, PLACES)
    assert shop.zones[1] == "FLOOR"
    assert shop.live(120, without(1)) == []


def test_a_sale_of_what_left_already_moves_nothing() -> None:
    shop = settled()
    assert told(out_by_the_door(shop, 1)) == [(1, "FLOOR", "OUT")]
    assert shop.hear(SALE, 1) == []
    assert shop.live(300, without(1)) == []


def test_a_sale_by_sku_takes_the_unit_at_the_till() -> None:
    shop = settled(skus=1)
    changes = shop.hear(SALE, gtin=gtin(0), quantity=1)
    changes += shop.live(60, without(3))
    assert caused(changes) == [(3, "OUT", "sold")]


def test_a_sale_by_sku_takes_the_unit_that_just_left() -> None:
    shop = settled(skus=3)  # items 1 and 4 are of one SKU
    shop.live(120, PLACES | {4: "BACK"})
    out_by_the_door(shop, 1)
    assert shop.hear(SALE, gtin=gtin(1), quantity=1) == []
    assert shop.live(120, without(1) | {4: "BACK"}) == []
    shop.live(8, without(1) | {4: "DOOR"})
    assert caused(shop.live(150, without(1))) == [(4, "OUT", "left")]  # no sale waits for it any more


def test_a_sale_by_sku_waits_for_the_next_that_leaves() -> None:
    shop = settled()
    assert shop.hear(SALE, gtin=gtin(1), quantity=1) == []
    assert out_by_the_door(shop, 2)[-1].cause == "left"
    assert caused(out_by_the_door(shop, 1))[-1] == (1, "OUT", "sold")


def test_a_sale_by_sku_of_goods_that_are_met_later_waits_for_them() -> None:
    shop = Shop(1)
    shop.live(60, {0: "BACK"})
    shop.hear(SALE, gtin=gtin(7), quantity=1)
    shop.tracker.meet([gtin(7)])
    shop.zones.append("OUT")
    shop.live(120, {0: "BACK", 1: "FLOOR"})
    changes = shop.live(8, {0: "BACK", 1: "DOOR"}) + shop.live(150, {0: "BACK"})
    assert caused(changes)[-1] == (1, "OUT", "sold")


def test_a_sale_of_an_unknown_sku_is_never_matched_with_goods_without_one() -> None:
    shop = Shop(1)
    shop.tracker.meet([""])
    shop.zones.append("OUT")
    shop.live(120, {0: "BACK", 1: "FLOOR"})
    shop.hear(SALE, gtin=gtin(77), quantity=1)
    changes = shop.live(8, {0: "BACK", 1: "DOOR"}) + shop.live(150, {0: "BACK"})
    assert caused(changes)[-1] == (1, "OUT", "left")


def test_one_unit_leaves_for_each_unit_sold() -> None:
    shop = settled(skus=1)
    shop.hear(SALE, gtin=gtin(0), quantity=2)
    changes, here = [], dict(PLACES)
    for item in (3, 1, 2):
        del here[item]
        changes += shop.live(8, here | {item: "DOOR"}) + shop.live(150, here)
    assert [change.cause for change in changes if change.to_zone == "OUT"] == ["sold", "sold", "left"]


def test_sales_that_wait_are_bounded() -> None:
    shop = Shop(1)
    shop.hear(SALE, gtin=gtin(0), quantity=PENDING_MAX)
    size = len(shop.tracker.snapshot())
    shop.hear(SALE, gtin=gtin(0), quantity=50)
    assert len(shop.tracker.snapshot()) <= size + 16


# -- receipts and returns


@pytest.mark.parametrize(("after_s", "told_counts"), [(5, False), (1_000, True)])
def test_an_opening_stock_may_hang_anywhere_a_delivery_comes_to_the_back(after_s: int, told_counts: bool) -> None:
    """What is received in the first quarter of an hour is the opening stock: its first reads say where it is."""
    seen = []
    for received in (False, True):
        shop = Shop(2)
        shop.live(after_s, {1: "FLOOR"})
        if received:
            shop.hear(RECEIPT, 0)
            assert shop.zones[0] == "BACK"
        shop.live(24, {0: "BETWEEN", 1: "FLOOR"})
        seen.append(float(shop.tracker.probabilities(np.array([0], np.int32))[0, 0]))
    assert (seen[0] != pytest.approx(seen[1], abs=1e-6)) is told_counts


def test_received_goods_are_in_the_back_room_and_found_where_they_are_read() -> None:
    shop = settled()
    assert caused(shop.hear(RECEIPT, 4, 5)) == [(4, "BACK", "received"), (5, "BACK", "received")]
    assert shop.chance(4, "BACK") > 0.9
    changes = shop.live(120, PLACES | {4: "BACK", 5: "FLOOR"})
    assert told(changes) == [(5, "BACK", "FLOOR")]
    assert shop.chance(4, "BACK") > 0.9


def test_received_goods_go_to_receiving_where_there_is_one() -> None:
    text = SITE_TEXT.replace("zones:\n", "zones:\n  - {id: DOCK, kind: receiving}\n")
    assert caused(Shop(2, text).hear(RECEIPT, 1)) == [(1, "DOCK", "received")]


def test_a_receipt_says_where() -> None:
    assert caused(Shop(2).hear(RECEIPT, 1, zone="FLOOR")) == [(1, "FLOOR", "received")]


def test_a_receipt_of_goods_inside_moves_nothing() -> None:
    assert settled().hear(RECEIPT, 1, 3) == []


def test_a_silence_of_received_goods_moves_nothing() -> None:
    shop = settled()
    shop.hear(RECEIPT, 4)
    assert shop.live(600, PLACES) == []
    assert shop.zones[4] == "BACK"


@pytest.mark.parametrize("kind", ["window", "receiving", "fitting_room", "checkout", "back_room", "sales_floor"])
@pytest.mark.parametrize("what", [RECEIPT, RETURN])
def test_goods_that_come_are_inside_whatever_zones_there_are(kind: str, what: EvidenceKind) -> None:
    assert [change.to_zone for change in Shop(1, ONE_KIND % kind).hear(what, 0)] == ["ONLY"]


def test_a_return_brings_sold_goods_back_to_the_till_and_then_where_they_are_read() -> None:
    shop = settled()
    shop.hear(SALE, 1)
    shop.live(60, without(1))
    assert caused(shop.hear(RETURN, 1)) == [(1, "POS", "returned")]
    shop.live(30, PLACES | {1: "POS"})
    assert shop.zones[1] == "POS"
    shop.live(150, PLACES)
    assert shop.zones[1] == "FLOOR"
    assert shop.live(600, PLACES) == []


def test_a_return_may_say_where() -> None:
    assert caused(settled().hear(RETURN, 4, zone="BACK")) == [(4, "BACK", "returned")]


# -- counts


def test_a_count_moves_what_it_found() -> None:
    shop = settled()
    assert caused(shop.hear(COUNT, 0, 4, zone="FLOOR", coverage=0.0)) == [
        (0, "FLOOR", "counted"),
        (4, "FLOOR", "counted"),
    ]
    assert shop.chance(4, "FLOOR") > 0.9


@pytest.mark.parametrize("coverage", [0.0, 0.95, 1.0])
def test_a_count_that_finds_what_is_there_moves_nothing(coverage: float) -> None:
    shop = settled()
    for _ in range(3):
        assert shop.hear(COUNT, 1, 2, zone="FLOOR", coverage=coverage) == []


@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_what_a_count_did_not_see_is_the_less_likely_there(coverage: float) -> None:
    shop = settled()
    shop.live(200, without(2))  # nobody hears it any more
    before, other = shop.chance(2, "FLOOR"), shop.chance(0, "BACK")
    shop.hear(COUNT, 1, zone="FLOOR", coverage=coverage)
    assert shop.chance(2, "FLOOR") < before
    assert shop.chance(2, "OUT") > 0
    assert shop.chance(0, "BACK") == pytest.approx(other, abs=1e-4)


def test_more_coverage_says_more() -> None:
    chances = []
    for coverage in (0.0, 0.3, 0.6, 0.9):
        shop = settled()
        shop.hear(COUNT, 1, zone="FLOOR", coverage=coverage)
        chances.append(shop.chance(2, "FLOOR"))
    assert chances == sorted(chances, reverse=True)
    assert chances[-1] < chances[0]


def test_counts_in_vain_take_an_item_out() -> None:
    shop = settled()
    shop.live(30, without(2))
    changes = []
    for _ in range(4):
        changes += shop.hear(COUNT, 1, zone="FLOOR", coverage=0.95)
        changes += shop.live(20, without(2))
    assert caused(changes) == [(2, "OUT", "counted")]


def test_a_count_in_vain_of_another_zone_says_nothing() -> None:
    shop = settled()
    for _ in range(5):
        assert shop.hear(COUNT, 0, zone="BACK", coverage=0.95) == []


def test_a_count_of_a_zone_that_is_not_changes_nothing() -> None:
    shop = settled()
    before = shop.tracker.snapshot()
    assert shop.hear(COUNT, 1, zone="NOWHERE", coverage=1.0) == []
    assert shop.tracker.snapshot() == before


# -- what a person says


def test_a_person_says_where() -> None:
    shop = settled()
    assert caused(shop.hear(PLACE, 1, 4, zone="BACK")) == [(1, "BACK", "placed"), (4, "BACK", "placed")]
    assert shop.chance(4, "BACK") > 0.9


def test_a_person_says_that_it_is_gone() -> None:
    shop = settled()
    assert caused(shop.hear(PLACE, 1, zone="OUT")) == [(1, "OUT", "placed")]
    assert shop.chance(1, "OUT") > 0.9
    assert shop.live(300, without(1)) == []


@pytest.mark.parametrize(("place", "zone"), [("FLOOR", "FLOOR"), ("BACK", "BACK"), ("FIT", "FIT")])
def test_what_a_person_said_is_gone_comes_back_where_it_is_read(place: str, zone: str) -> None:
    shop = settled()
    shop.hear(PLACE, 1, zone="OUT")
    shop.live(60, without(1))
    changes = shop.live(60, PLACES | {1: place})
    assert (changes[0].item, changes[0].from_zone) == (1, "OUT")
    assert shop.zones[1] == zone


def test_reads_are_stronger_than_what_a_person_said() -> None:
    shop = settled()
    shop.hear(PLACE, 1, zone="BACK")
    shop.live(240, PLACES)
    assert shop.zones[1] == "FLOOR"


def test_that_an_item_nobody_met_is_gone_is_no_movement() -> None:
    assert Shop(1).hear(PLACE, 0, zone="OUT") == []


def test_an_unknown_zone_takes_nothing_out() -> None:
    shop = settled()
    assert shop.hear(PLACE, 1, zone="NOWHERE") == []


# -- late


def test_late_evidence_moves_nothing_back() -> None:
    shop = settled()
    shop.live(150, PLACES | {0: "FLOOR"})
    assert shop.zones[0] == "FLOOR"
    for kind in (PLACE, COUNT, RETURN):
        assert shop.hear(kind, 0, zone="BACK", at_s=60) == [], kind


def test_a_late_count_takes_out_nothing_that_was_read_since() -> None:
    shop = settled()
    shop.live(150, PLACES)
    before = sane(shop.tracker, 4)
    assert shop.hear(COUNT, zone="FLOOR", coverage=1.0, at_s=60) == []
    assert abs(sane(shop.tracker, 4) - before).max() < 1e-6


def test_late_reads_do_not_undo_what_a_person_said() -> None:
    shop = settled()
    shop.live(60, without(1))
    shop.hear(PLACE, 1, zone="OUT")
    for second in range(155, 205):
        assert shop.observe(window(second, [(1, 2, -52.0)])) == []
    assert shop.live(60, without(1)) == []
    assert shop.chance(1, "OUT") > 0.9


def test_a_late_sale_moves_nobody_else() -> None:
    shop = settled(skus=1)
    out_by_the_door(shop, 3)
    assert shop.hear(SALE, 3, at_s=150) == []
    assert shop.live(120, without(3)) == []


def test_evidence_about_nobody_changes_nothing() -> None:
    for kind in (RECEIPT, RETURN, PLACE):
        shop = settled()
        assert shop.hear(kind, zone="FLOOR") == []


def test_what_is_placed_at_the_exits_zone_is_on_the_floor() -> None:
    shop = settled()
    assert shop.observe(window(150, [(1, EXIT_1, -75.0)])) == []
    assert "EXIT" not in shop.tracker.zones


# -- a picker who does not find an item


@pytest.mark.parametrize(("item", "zone", "times"), [(1, "FLOOR", 5), (0, "BACK", 10)])
def test_a_miss_lowers_the_odds_of_its_zone_and_moves_nothing(item: int, zone: str, times: float) -> None:
    shop = settled()
    before, other = shop.chance(item, zone), shop.chance(2, "FLOOR")
    assert shop.hear(MISS, item, zone=zone) == []
    after = shop.chance(item, zone)
    odds = [(1 - chance) / chance for chance in (before, after)]
    assert odds[1] / odds[0] == pytest.approx(times, rel=0.15)
    assert shop.chance(2, "FLOOR") == other
    sane(shop.tracker, 6)


def test_a_read_after_a_miss_raises_the_item_again() -> None:
    shop = settled()
    before = shop.chance(1, "FLOOR")
    shop.hear(MISS, 1, zone="FLOOR")
    missed = shop.chance(1, "FLOOR")
    shop.live(20, PLACES)
    assert missed < before
    assert shop.chance(1, "FLOOR") == pytest.approx(before, abs=0.002)
    assert shop.zones[1] == "FLOOR"


def test_a_miss_is_no_word_of_an_item_that_is_elsewhere_was_read_since_or_of_no_zone() -> None:
    shop = settled()
    before = shop.chance(1, "FLOOR")
    shop.hear(MISS, 1, zone="BACK")
    shop.hear(MISS, 1, zone="NOWHERE")
    shop.hear(MISS, 1)
    shop.hear(MISS, 1, zone="FLOOR", at_s=shop.second - 30)
    shop.hear(MISS, 5, zone="FLOOR")
    assert shop.chance(1, "FLOOR") == before
    sane(shop.tracker, 6)


def test_a_resting_item_is_woken_by_a_miss() -> None:
    shop = settled_shop(2_400, PLACES, 6)
    before = shop.chance(1, "FLOOR")
    shop.hear(MISS, 1, zone="FLOOR")
    assert shop.chance(1, "FLOOR") < before
