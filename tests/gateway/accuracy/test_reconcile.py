"""Reconciliation: which likely cause a difference gets, and what a decision about it writes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.accuracy.reconcile import (
    Book,
    Cause,
    CountedItem,
    CountedZone,
    Decision,
    DecisionError,
    Difference,
    Effect,
    Finding,
    Item,
    SkuFacts,
    differences,
    effect,
)
from wire.site import OUT

GTIN = "09506000134352"
TOTAL_US, LATER_US, COUNT_US = 1_000, 2_000, 1_500


def inside(serial: str, place: str = "FLOOR", since_us: int = 10, arrived_us: int = 5) -> Item:
    return Item(serial, place, since_us, "BACK", "moved", 0.99, arrived_us=arrived_us)


def gone(serial: str, cause: str = "left", since_us: int = LATER_US, *, by_checkout: bool = False) -> Item:
    return Item(serial, OUT, since_us, "FLOOR", cause, 0.95, by_checkout)


def facts(book: int | None, *items: Item, **more: object) -> SkuFacts:
    zones: dict[str, int] = {}
    for item in items:
        if item.place != OUT:
            zones[item.place] = zones.get(item.place, 0) + 1
    held = None if book is None else Book(book, TOTAL_US, book)
    return replace(SkuFacts(GTIN, zones, items, held, booked=True), **more)  # type: ignore[arg-type]


def told(known: SkuFacts) -> list[tuple[str, int, str, list[str]]]:
    return [
        (one.cause.value, one.quantity, one.zone, [item.serial for item in one.items]) for one in differences(known)
    ]


def test_what_agrees_is_no_difference() -> None:
    assert told(facts(2, inside("1"), inside("2"), gone("3", "sold"))) == []
    assert told(facts(0)) == []


def test_each_missing_unit_has_the_first_cause_that_explains_it() -> None:
    known = facts(
        6,
        inside("1"),
        gone("2", by_checkout=True),
        gone("3"),
        gone("4", "counted"),
        gone("5", "sold"),
        gone("6", "placed"),
        gone("7", since_us=TOTAL_US - 1),  # the book of that day knew it already
    )
    assert told(known) == [
        ("sold_unrecorded", 1, "", ["2"]),
        ("left_unpaid", 1, "", ["3"]),
        ("unread", 1, "", ["4"]),
        ("untagged", 2, "", []),
    ]


def test_a_cause_takes_no_more_units_than_are_missing() -> None:
    known = facts(2, inside("1"), gone("2", since_us=LATER_US), gone("3", since_us=LATER_US + 1))
    assert told(known) == [("left_unpaid", 1, "", ["3", "2"])]  # one of the two, nobody knows which


def test_units_that_the_book_does_not_know() -> None:
    arrived = inside("2", since_us=LATER_US + 5, arrived_us=LATER_US)
    assert told(facts(1, inside("1"), arrived)) == [("not_booked", 1, "", ["2"])]
    assert told(facts(None, inside("1"))) == [("not_booked", 1, "", ["1"])]
    assert told(replace(facts(None, inside("1")), booked=False)) == []  # no book at all: nothing to compare


def test_what_a_count_says_and_the_tags_do_not() -> None:
    counted = (
        CountedItem("1", "FLOOR", COUNT_US, Finding.UNSEEN),
        CountedItem("2", "FLOOR", COUNT_US, Finding.ELSEWHERE),
        CountedItem("3", "FLOOR", COUNT_US, Finding.NEW),
        CountedItem("4", "BACK", COUNT_US, Finding.UNSEEN),
        CountedItem("5", "FLOOR", COUNT_US, Finding.UNSEEN),
        CountedItem("6", "FLOOR", COUNT_US, Finding.ELSEWHERE),
    )
    known = facts(
        5,
        inside("1"),
        inside("2", "BACK"),
        gone("3", since_us=900),
        inside("4", "BACK", since_us=LATER_US),  # it moved since: the count is old news of it
        inside("5", "BACK"),
        inside("6"),  # it is where the count saw it
        counted=counted,
        counts=(CountedZone("FLOOR", COUNT_US, 3, 4),),
    )
    assert told(known) == [("unread", 1, "FLOOR", ["1"]), ("misplaced", 2, "FLOOR", ["3", "2"])]


def test_an_id_follows_from_all_that_a_difference_rests_on() -> None:
    known = facts(3, inside("1"), gone("2"))
    names = [one.id for one in differences(known)]
    assert names == [one.id for one in differences(facts(3, inside("1"), gone("2")))]
    assert len(set(names)) == 2
    assert all(name.startswith(f"{GTIN}-") for name in names)
    for other in (facts(4, inside("1"), gone("2")), replace(known, book=Book(3, TOTAL_US + 1, 3))):
        assert set(names).isdisjoint(one.id for one in differences(other))
    left_again = differences(facts(3, inside("1"), gone("2", since_us=LATER_US + 1)))
    assert [one.id == name for one, name in zip(left_again, names, strict=True)] == [False, True]


@given(
    st.integers(-3, 12),
    st.lists(st.sampled_from(["in", "left", "paid", "sold", "counted"]), max_size=8),
)
def test_the_units_of_all_causes_are_the_gap(book: int, what: list[str]) -> None:
    items = [
        inside(str(n)) if kind == "in" else gone(str(n), "left" if kind == "paid" else kind, by_checkout=kind == "paid")
        for n, kind in enumerate(what)
    ]
    known = facts(book, *items)
    found = differences(known)
    gap = book - known.on_hand
    assert sum(one.quantity for one in found) == abs(gap)
    assert all(one.quantity > 0 for one in found)
    assert (gap < 0) == (Cause.NOT_BOOKED in {one.cause for one in found})


# -- decisions

LEFT = Difference(GTIN, Cause.LEFT_UNPAID, 1, items=(gone("1"), gone("2")))
UNREAD = Difference(GTIN, Cause.UNREAD, 2, "FLOOR", (inside("1"), inside("2")))
FOUND = Difference(GTIN, Cause.NOT_BOOKED, 2, items=(inside("1"),))
BARE = Difference(GTIN, Cause.UNTAGGED, 3)


@pytest.mark.parametrize(
    ("one", "decision", "zone", "serials", "written"),
    [
        (LEFT, Decision.IGNORE, "", (), Effect()),
        (LEFT, Decision.GONE, "", (), Effect(book_units=-1)),
        (LEFT, Decision.HERE, "BACK", ("2",), Effect(("2",), "BACK")),
        (UNREAD, Decision.GONE, "", (), Effect(("1", "2"), OUT, -2)),
        (UNREAD, Decision.GONE, "", ("2",), Effect(("2",), OUT, -1)),
        (UNREAD, Decision.HERE, "BACK", (), Effect(("1", "2"), "BACK")),
        (FOUND, Decision.HERE, "", (), Effect(book_units=2)),
        (FOUND, Decision.GONE, "", (), Effect(("1",), OUT)),
        (BARE, Decision.GONE, "", (), Effect(book_units=-3)),
        (BARE, Decision.HERE, "", (), Effect()),
    ],
)
def test_what_a_decision_writes(
    one: Difference, decision: Decision, zone: str, serials: tuple[str, ...], written: Effect
) -> None:
    assert effect(one, decision, zone, serials) == written


@pytest.mark.parametrize(
    ("one", "decision", "zone", "serials", "text"),
    [
        (LEFT, Decision.HERE, "BACK", (), "name the ones"),
        (LEFT, Decision.HERE, "", ("1",), "`zone` is missing"),
        (LEFT, Decision.GONE, "", ("1", "2"), "of 1 units"),
        (UNREAD, Decision.GONE, "", ("9",), "'9' is none of the 2"),
        (UNREAD, Decision.HERE, "", (), "`zone` is missing"),
        (replace(FOUND, items=()), Decision.GONE, "", (), "count the zones"),
    ],
)
def test_a_decision_that_says_too_little(
    one: Difference, decision: Decision, zone: str, serials: tuple[str, ...], text: str
) -> None:
    with pytest.raises(DecisionError, match=text):
        effect(one, decision, zone, serials)
