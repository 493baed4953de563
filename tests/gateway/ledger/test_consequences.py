"""What movements and evidence mean to the states of items, and to units that were sold before anybody knew which."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fold.witness import BookLine
from gateway.ledger.consequences import Consequences, consequences
from gateway.ledger.movement import Movement
from gateway.ledger.picture import AVAILABLE, DAMAGED, IN_TRANSIT, LEFT_UNSOLD, MISSING, RETURNED, SOLD
from gateway.presence.tracker import EvidenceKind
from tests.gateway.small_store import SHIRT_M, SHIRT_S, T0_US
from wire.site import OUT


def moved(serial: str, credit: str, debit: str, cause: str = "moved", gtin: str = SHIRT_S) -> Movement:
    return Movement(1, 1, gtin, serial, credit, debit, T0_US + 5, T0_US, T0_US + 9, cause, None)


def left(serial: str, cause: str = "left") -> Movement:
    return moved(serial, "FLOOR", OUT, cause)


def told(kind: str, *serials: str, units: int | None = None, gtin: str = SHIRT_S, posted: bool = False) -> BookLine:
    """A line about items, or about `units` of a SKU."""
    signed = (len(serials) if units is None else units) * (-1 if kind == "sale" else 1)
    return BookLine("till/7", EvidenceKind(kind), T0_US + 3, gtin, signed, serials, posted)


def follow(
    *happened: BookLine | Movement,
    states: Mapping[str, str] | None = None,
    unplaced: int = 0,
    left_before: tuple[str, ...] = (),
    loose: int = 0,
    elsewhere: bool = False,
    inside_another: bool = False,
    guessed: Mapping[str, bool] | None = None,
) -> Consequences:
    return consequences(
        {(SHIRT_S, serial): state for serial, state in (states or {}).items()},
        {SHIRT_S: unplaced},
        [one for one in happened if isinstance(one, BookLine)],
        [one for one in happened if isinstance(one, Movement)],
        left={SHIRT_S: left_before},
        loose={SHIRT_S: loose},
        elsewhere=[(SHIRT_S, "1")] if elsewhere else [],
        inside_another=[(SHIRT_S, "1")] if inside_another else [],
        guessed={(SHIRT_S, serial): owed for serial, owed in (guessed or {}).items()},
    )


def states(found: Consequences) -> dict[str, str]:
    assert all((change.gtin, change.serial) == name for name, change in found.states.items())
    return {serial: change.to_state for (_, serial), change in found.states.items()}


# -- what movements mean


@pytest.mark.parametrize(
    ("was", "movement", "now"),
    [
        (AVAILABLE, moved("1", "BACK", "FLOOR"), None),
        (AVAILABLE, moved("1", OUT, "BACK", "received"), None),
        (AVAILABLE, left("1"), LEFT_UNSOLD),
        (AVAILABLE, left("1", "sold"), SOLD),
        (AVAILABLE, left("1", "counted"), MISSING),
        (AVAILABLE, left("1", "placed"), MISSING),
        (LEFT_UNSOLD, moved("1", OUT, "FLOOR"), AVAILABLE),
        (MISSING, moved("1", OUT, "FLOOR"), AVAILABLE),
        (MISSING, moved("1", "BACK", "FLOOR"), AVAILABLE),
        (IN_TRANSIT, moved("1", OUT, "BACK", "received"), None),  # at the dock of the site that sends it
        (IN_TRANSIT, left("1"), None),
        (LEFT_UNSOLD, left("1"), None),
        (SOLD, moved("1", "FLOOR", "BACK"), None),
        (SOLD, moved("1", OUT, "FLOOR"), None),  # only a return makes it ours
        (SOLD, left("1"), None),
        (SOLD, left("1", "counted"), None),
        (RETURNED, moved("1", "FLOOR", "BACK"), None),
        (RETURNED, left("1"), None),
        (DAMAGED, left("1"), None),
        (DAMAGED, moved("1", OUT, "FLOOR"), None),
    ],
)
def test_what_a_movement_means(was: str, movement: Movement, now: str | None) -> None:
    found = follow(movement, states={} if was == AVAILABLE else {"1": was})
    assert states(found) == ({} if now is None else {"1": now})
    assert (found.sold_by_sku, found.placed) == ([], [])


def test_what_a_movement_means_while_another_site_speaks_of_the_item() -> None:
    arrived = moved("1", OUT, "BACK", "received")
    assert states(follow(arrived, states={"1": IN_TRANSIT}, elsewhere=True)) == {"1": AVAILABLE}
    assert states(follow(left("1"), states={"1": AVAILABLE}, elsewhere=True)) == {}
    assert states(follow(left("1"), inside_another=True)) == {}
    assert states(follow(left("1"))) == {"1": LEFT_UNSOLD}
    assert states(follow(arrived, states={"1": LEFT_UNSOLD}, elsewhere=True)) == {"1": AVAILABLE}


def test_a_change_says_why_and_when() -> None:
    because = follow(left("1")).states[SHIRT_S, "1"].because
    assert (because.cause, because.source, because.happened_us) == ("left", "", T0_US + 5)
    because = follow(told("sale", "1")).states[SHIRT_S, "1"].because
    assert (because.cause, because.source, because.happened_us) == ("sale", "till/7", T0_US + 3)


def test_an_item_that_left_and_came_back_in_one_commit_is_available() -> None:
    assert states(follow(left("1"), moved("1", OUT, "FLOOR"))) == {"1": AVAILABLE}
    assert states(follow(left("1"), moved("1", OUT, "FLOOR"), left("1"))) == {"1": LEFT_UNSOLD}


# -- what evidence means


@pytest.mark.parametrize(
    ("kind", "was", "now"),
    [
        ("sale", AVAILABLE, SOLD),
        ("sale", LEFT_UNSOLD, SOLD),
        ("sale", SOLD, None),
        ("return", SOLD, AVAILABLE),
        ("return", AVAILABLE, None),
        ("receipt", IN_TRANSIT, AVAILABLE),
        ("receipt", AVAILABLE, None),
    ],
)
def test_what_evidence_of_an_item_means(kind: str, was: str, now: str | None) -> None:
    found = follow(told(kind, "1"), states={} if was == AVAILABLE else {"1": was})
    assert states(found) == ({} if now is None else {"1": now})


def test_a_sale_of_an_item_is_its_own_when_it_leaves_and_nobody_else_s() -> None:
    found = follow(told("sale", "1"), left("1", "sold"), left("2"))
    assert states(found) == {"1": SOLD, "2": LEFT_UNSOLD}
    assert (found.sold_by_sku, found.placed) == ([], [])


def test_sold_and_returned_in_one_commit_is_ours_again() -> None:
    assert states(follow(told("sale", "1"), told("return", "1"))) == {"1": AVAILABLE}


def test_what_was_posted_when_it_was_taken_is_not_posted_again() -> None:
    found = follow(told("sale", "1", posted=True), told("sale", units=2, posted=True))
    assert found == Consequences()


@pytest.mark.parametrize("kind", ["receipt", "return"])
def test_units_without_names_that_come_in_concern_the_book_only(kind: str) -> None:
    assert follow(told(kind, units=3)) == Consequences()


# -- sales by SKU


def sold_by_sku(found: Consequences) -> list[tuple[str, int]]:
    return [(gtin, units) for gtin, units, _ in found.sold_by_sku]


def test_a_sale_by_sku_waits_for_its_item() -> None:
    found = follow(told("sale", units=2))
    assert (sold_by_sku(found), found.placed, states(found)) == ([(SHIRT_S, 2)], [], {})


def test_the_item_that_leaves_after_a_sale_by_sku_is_the_one() -> None:
    found = follow(left("1"), left("2"), unplaced=1)
    assert states(found) == {"1": SOLD, "2": LEFT_UNSOLD}
    assert [gtin for gtin, _ in found.placed] == [SHIRT_S]


def test_a_sale_and_its_item_in_one_commit_meet() -> None:
    found = follow(left("1", "sold"), told("sale", units=1))
    assert (sold_by_sku(found), len(found.placed), states(found)) == ([(SHIRT_S, 1)], 1, {"1": SOLD})


def test_a_named_sale_does_not_use_up_one_that_waits() -> None:
    found = follow(told("sale", "1"), left("1", "sold"), unplaced=1)
    assert (states(found), found.placed) == ({"1": SOLD}, [])


def test_another_sku_s_item_is_not_the_one() -> None:
    found = follow(moved("1", "FLOOR", OUT, "left", SHIRT_M), unplaced=1)
    assert {name: change.to_state for name, change in found.states.items()} == {(SHIRT_M, "1"): LEFT_UNSOLD}
    assert found.placed == []


def test_a_late_sale_is_of_the_items_that_left_before_the_newest_first() -> None:
    found = follow(told("sale", units=2), left_before=("9", "4", "7"), states=dict.fromkeys("947", LEFT_UNSOLD))
    assert states(found) == {"9": SOLD, "4": SOLD}
    assert found.sold_by_sku == []
    found = follow(told("sale", units=2), told("sale", units=2), left_before=("9", "4", "7"))
    assert (states(found), sold_by_sku(found)) == ({"9": SOLD, "4": SOLD, "7": SOLD}, [(SHIRT_S, 1)])


def test_a_late_sale_is_not_of_an_item_that_another_line_spoke_of() -> None:
    """Named and sold by one line, or brought back: then the unit of the other line is another one."""
    before = {"left_before": ("9",), "states": {"9": LEFT_UNSOLD}}
    found = follow(told("sale", "9"), told("sale", units=1), **before)  # type: ignore[arg-type]
    assert (states(found), sold_by_sku(found)) == ({"9": SOLD}, [(SHIRT_S, 1)])
    found = follow(told("return", "9"), told("sale", units=1), **before)  # type: ignore[arg-type]
    assert (states(found), sold_by_sku(found)) == ({"9": AVAILABLE}, [(SHIRT_S, 1)])


def test_what_units_without_tags_pay_for_waits_for_no_item() -> None:
    """One of the three units sold has a tag: only one item that leaves is theirs."""
    found = follow(told("sale", units=3), left("1"), left("2"), loose=2)
    assert sold_by_sku(found) == [(SHIRT_S, 3)]
    assert (states(found), len(found.placed)) == ({"1": SOLD, "2": LEFT_UNSOLD}, 1)
    found = follow(told("sale", units=1), told("sale", units=1), left("1"), left("2"), loose=1)
    assert (states(found), len(found.placed)) == ({"1": SOLD, "2": LEFT_UNSOLD}, 1)


# -- guesses that the tracker takes back


def back(serial: str) -> Movement:
    return moved(serial, OUT, "FLOOR")


@pytest.mark.parametrize(("owed", "taken_back"), [(True, 1), (False, 0)])
def test_a_guess_that_is_seen_inside_is_ours_again(owed: bool, taken_back: int) -> None:
    """The sale waits for another item, if it waited for one before; units without tags may have paid for it."""
    found = follow(back("1"), states={"1": SOLD}, guessed={"1": owed})
    assert (states(found), len(found.taken_back)) == ({"1": AVAILABLE}, taken_back)


def test_the_item_that_leaves_after_a_guess_was_taken_back_is_the_one() -> None:
    found = follow(back("1"), left("2"), left("3"), states={"1": SOLD}, guessed={"1": True})
    assert states(found) == {"1": AVAILABLE, "2": SOLD, "3": LEFT_UNSOLD}
    assert (len(found.taken_back), len(found.placed)) == (1, 1)


def test_a_guess_and_its_end_in_one_commit_leave_the_sale_waiting() -> None:
    found = follow(told("sale", units=1), left("1"), back("1"))
    assert states(found) == {"1": AVAILABLE}
    assert (sold_by_sku(found), len(found.placed), len(found.taken_back)) == ([(SHIRT_S, 1)], 1, 1)


def test_an_item_that_somebody_named_stays_sold_wherever_it_is_seen() -> None:
    assert states(follow(back("1"), states={"1": SOLD})) == {}
    named = follow(told("sale", units=1), left("1"), told("sale", "1"), back("1"))
    assert states(named) == {"1": SOLD}
    assert states(follow(moved("1", "FLOOR", "CHECKOUT", "sold"), states={"1": SOLD}, guessed={"1": True})) == {}
    assert states(follow(left("1"), states={"1": SOLD}, guessed={"1": True})) == {}


# -- laws

HAPPENED = st.one_of(
    st.builds(
        moved,
        st.sampled_from("123"),
        st.just("FLOOR"),
        st.sampled_from(["BACK", OUT]),
        st.sampled_from(["moved", "left", "sold", "counted"]),
    ),
    st.builds(told, st.sampled_from(["sale", "return"]), st.sampled_from("123")),
    st.builds(lambda units: told("sale", units=units), st.integers(1, 3)),
)


@given(
    st.lists(HAPPENED, max_size=8), st.integers(0, 2), st.integers(0, 2), st.lists(st.sampled_from("45"), unique=True)
)
def test_no_unit_is_sold_twice_and_none_is_placed_that_was_not_owed(
    happened: list[Any], unplaced: int, loose: int, before: list[str]
) -> None:
    known = dict.fromkeys(before, LEFT_UNSOLD)
    found = follow(*happened, states=known, unplaced=unplaced, loose=loose, left_before=tuple(before))
    owed = sum(units for _, units in sold_by_sku(found))
    assert len(found.placed) <= unplaced + max(0, owed - loose) + len(found.taken_back)
    assert len(found.taken_back) <= len(found.placed)
    asked = sum(-one.units for one in happened if isinstance(one, BookLine) and one.units < 0 and not one.serials)
    late = sum(states(found).get(serial) == SOLD for serial in before)
    assert owed + late == asked
