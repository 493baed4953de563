"""What is known of a SKU's places, and what an order may take without taking the display."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.availability import Look
from gateway.replenishment.places import Place, Role, home_zones, places_of
from gateway.replenishment.stock import (
    Held,
    Known,
    Refused,
    SkuRow,
    StockRules,
    Unit,
    Untagged,
    at_least,
    chance_of,
    for_orders,
    known_of,
)
from tests.gateway.replenishment.small_shop import (
    BACK,
    DOCK,
    FIT,
    HOUR,
    MINUTE,
    NOW,
    PLACES,
    POS,
    STORE,
    WINDOW,
    A,
    B,
    blind,
    row,
    some_places,
    some_row,
    units,
)
from wire.site import Site, Zone, ZoneKind

STOCK = StockRules()


def known(one: SkuRow, places: dict[str, Place] = PLACES, now_us: int = NOW) -> Known:
    return known_of(one, places, STOCK, now_us)


def test_floor_and_back_are_ladders() -> None:
    found = known(row(units(A, 2, 0.9), units(BACK, 1, 0.95)))
    assert found.floor.tolist() == pytest.approx([0.99, 0.81])
    assert found.back.tolist() == pytest.approx([0.95])
    assert (found.likely_floor, at_least(found.back, 0.95), at_least(found.back, 0.96)) == (2, 1, 0)
    assert (chance_of(found.floor, 0), chance_of(found.floor, 2), chance_of(found.floor, 3)) == (
        1.0,
        float(found.floor[1]),
        0.0,
    )


def test_who_is_unsure_elsewhere_may_be_on_the_floor() -> None:
    assert known(row(units(BACK, 1, 0.6))).floor.tolist() == pytest.approx([0.4])
    assert known(row(units(BACK, 1, 0.9))).floor.tolist() == [], (
        "sure enough to be fetched is sure enough not to be there"
    )
    assert known(row(units(POS, 1, 0.6))).floor.tolist() == pytest.approx([0.4])


def test_a_promised_item_serves_nobody_and_a_cart_takes_nothing_from_the_floor() -> None:
    assert known(row(units(A, 1, held=Held.ORDER))).likely_floor == 0
    assert known(row(units(A, 1, 0.6, held=Held.ORDER))).floor.tolist() == [], "nor may it serve from elsewhere"
    assert known(row(units(A, 1, held=Held.CART))).likely_floor == 1
    for held in (Held.CART, Held.ORDER):
        found = known(row(units(BACK, 1, held=held)))
        assert (found.sources, found.held_back) == ((), 1)


def test_goods_in_a_fitting_room_count_for_a_while() -> None:
    tried = row(units(FIT, 1, since_us=NOW - 5 * MINUTE))
    assert known(tried).likely_floor == 1
    assert known(tried).until_us == NOW + 15 * MINUTE
    assert known(tried, now_us=NOW + 15 * MINUTE).likely_floor == 0


@pytest.mark.parametrize("zone", [POS, WINDOW, DOCK, FIT, "NO_MORE"])
def test_nothing_is_fetched_from_anywhere_but_a_back_room(zone: str) -> None:
    found = known(row(units(zone, 2)))
    assert (found.sources, found.back.tolist(), found.likely_floor) == ((), [], 0)


def test_what_lies_in_a_blind_back_room_is_not_fetched_on_its_word() -> None:
    both = row(units(BACK, 2), units(STORE, 1))
    assert (len(known(both, blind(BACK)).sources), known(both, blind(BACK)).blind_back) == (1, 2)
    just = PLACES | {BACK: Place(BACK, Role.BACK, since_us=NOW - MINUTE // 2)}
    assert known(both, just).blind_back == 2, "live again for half a minute only"
    assert known(both, just).until_us == NOW + MINUTE // 2
    assert known(both, just, NOW + MINUTE // 2).blind_back == 0


def test_what_was_looked_for_in_vain_rests_until_it_moves() -> None:
    item = Unit("1", BACK, 0.97, since_us=NOW - 2 * HOUR)
    looked = Refused(NOW - HOUR, frozenset({"1"}))
    assert known(row([item], refused=looked)).sources == ()
    assert known(row([item], refused=looked)).refused_back == 1
    assert known(row([item], refused=looked)).until_us == NOW + 3 * HOUR
    assert known(row([item], refused=looked), now_us=NOW + 3 * HOUR).sources == (item,)
    assert len(known(row([item, Unit("2", BACK)], refused=looked)).sources) == 1, "the other one was not looked for"
    moved = Unit("1", BACK, 0.97, since_us=NOW - MINUTE)
    assert known(row([moved], refused=looked)).sources == (moved,)


def test_units_without_tags_count_where_people_said() -> None:
    found = known(row(units(A, 1), untagged=Untagged(floor=1, back=3, anywhere=2)))
    assert (found.likely_floor, at_least(found.back, 0.9), at_least(found.tagged_back, 0.9), found.anywhere) == (
        2,
        3,
        0,
        2,
    )
    vain = known(row(untagged=Untagged(back=3), refused=Refused(NOW - HOUR)))
    assert (vain.back.tolist(), vain.refused_back) == ([], 3)
    named = known(row(untagged=Untagged(back=3), refused=Refused(NOW - HOUR, frozenset({"1"}))))
    assert at_least(named.back, 0.9) == 3, "somebody looked for an item, not for these"


def test_units_sold_without_a_name_left_the_floor_first() -> None:
    assert known(row(units(A, 2, 1.0), unplaced=1)).likely_floor == 1
    found = known(row(units(A, 1, 1.0), units(BACK, 2, 1.0), unplaced=2))
    assert (found.likely_floor, at_least(found.back, 0.9)) == (0, 1)
    promised = known(row(units(A, 1, 1.0, Held.ORDER), units(BACK, 1, 1.0), unplaced=1))
    assert at_least(promised.back, 0.9) == 0, "what is promised was not the one that was sold"


def test_units_that_holds_wait_for_are_not_fetched() -> None:
    assert at_least(known(row(units(BACK, 2, 1.0), wanting=1)).back, 0.9) == 1


def test_where_a_size_may_lie() -> None:
    both = {zone: PLACES[zone] for zone in (B, A, BACK)}
    assert home_zones(both, frozenset({B}), "women") == (B,)
    assert home_zones(both, frozenset({"GONE", BACK}), "women") == (A,), "not a floor zone: the department's"
    assert home_zones(both, frozenset(), "shoes") == (A, B), "no such department: all, in walking order"
    assert home_zones(both, frozenset(), "women", [B, BACK]) == (A, B), "and where it lies now"
    open_floor = both | {"HALL": Place("HALL", Role.FLOOR, walk=9)}
    assert home_zones(open_floor, frozenset(), "shoes") == ("HALL",), "what has no department has all"


def test_only_zones_that_count_for_themselves_are_places() -> None:
    zones = (
        Zone(BACK, ZoneKind.BACK_ROOM, True, BACK),
        Zone(A, ZoneKind.SALES_FLOOR, True, A, department="women"),
        Zone("EXIT", ZoneKind.EXIT, False, A),
        Zone(FIT, ZoneKind.FITTING_ROOM, False, FIT),
    )
    site = Site("store-001", "Main", "UTC", zones, (), ())
    found = places_of(site, {A: Look(True, 5), BACK: Look(False, 4)}, {A: 3}, {A: 0, BACK: 7})
    assert found == {
        BACK: Place(BACK, Role.BACK, walk=7, live=False),
        A: Place(A, Role.FLOOR, "women", walk=0, live=True, since_us=3),
        FIT: Place(FIT, Role.TRYING, walk=3, live=False),
    }


def test_an_order_leaves_the_display_to_the_end() -> None:
    shop = row(units(A, 2, 0.99), units(A, 1, 0.7), units(BACK, 1, 0.6), units(WINDOW, 1), units(POS, 1), low=2, high=3)
    order = [(unit.zone, unit.chance) for unit in for_orders(shop, PLACES, STOCK, NOW)]
    assert order == [(BACK, 0.6), (A, 0.7), (A, 0.99), (A, 0.99), (WINDOW, 0.97), (POS, 0.97)]
    assert for_orders(row(units(BACK, 1, held=Held.CART)), PLACES, STOCK, NOW) == ()


@given(some_row(), some_places(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_items_and_zones_changes_nothing(one: SkuRow, places: dict[str, Place], rng: object) -> None:
    items, zones = list(one.units), list(places.items())
    rng.shuffle(items)  # type: ignore[attr-defined]
    rng.shuffle(zones)  # type: ignore[attr-defined]
    other = SkuRow(**{name: getattr(one, name) for name in SkuRow.__dataclass_fields__} | {"units": tuple(items)})
    first, second = known(one, places), known(other, dict(zones))
    assert [str(part) for part in first] == [str(part) for part in second]
    assert for_orders(one, places, STOCK, NOW) == for_orders(other, dict(zones), STOCK, NOW)


@pytest.mark.parametrize(
    ("rule", "value", "says"),
    [
        ("there", 0.5, "there 0.5: expected more than 0.5, at most 1"),
        ("short", 1.1, "short 1.1: expected more than 0.5, at most 1"),
        ("gone", 0.95, r"gone 0.95: expected more than 0, at most there \(0.9\)"),
        ("tried_us", -1, "tried_us -1: expected 0 or more"),
    ],
)
def test_a_rule_out_of_range_is_named(rule: str, value: float, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        StockRules(**{rule: value})  # type: ignore[arg-type]


def test_a_chance_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"item 7: chance 1\.2: expected 0 to 1"):
        Unit("7", BACK, 1.2)
