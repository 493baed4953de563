"""A SKU as one transaction sees it: the ladder against every case that there is, and what mending does to holds."""

from copy import deepcopy
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.availability import Ladder, ladder_of
from gateway.ledger.picture import (
    AVAILABLE,
    DAMAGED,
    FADED,
    FOUND,
    SOLD,
    HeldLine,
    Hold,
    LineKey,
    Mended,
    SkuKey,
    SkuPicture,
    Unit,
    mend,
)
from gateway.promise import PROMISED_MAX

KEY = SkuKey("s", "g")
CHANCE = st.sampled_from([0.0, 0.05, 0.24, 0.25, 0.3, 0.49, 0.5, 0.7, 0.9, 0.95, 0.98, 0.999, 1.0])


def every_way(chances: list[float], certain: int, rungs: int) -> list[float]:
    """P(F >= k) for k = 1 ... `rungs`, by going through every combination of items that are there and are not."""
    found = [0.0] * rungs
    for there in product((0, 1), repeat=len(chances)):
        weight = float(np.prod([p if one else 1 - p for p, one in zip(chances, there, strict=True)]))
        for rung in range(rungs):
            found[rung] += weight * (sum(there) + certain >= rung + 1)
    return found


@given(st.lists(CHANCE | st.floats(0, 1), max_size=8), st.integers(-9, 9))
@settings(max_examples=150, deadline=None)
def test_a_ladder_is_what_counting_every_case_says(chances: list[float], certain: int) -> None:
    found = ladder_of(chances, certain)
    assert found.dtype == np.float32
    rungs = max(0, len(chances) + certain) + 2
    padded = [*found.tolist(), *[0.0] * (rungs - len(found))]
    assert len(padded) == rungs
    assert padded == pytest.approx(every_way(chances, certain, rungs), abs=2e-5)


@given(st.lists(st.floats(0, 1), max_size=30), st.integers(-9, 30))
@settings(deadline=None)
def test_a_ladder_only_goes_down_and_ends_with_a_chance(chances: list[float], certain: int) -> None:
    found = ladder_of(chances, certain).tolist()
    assert found == sorted(found, reverse=True)
    assert all(0 < rung <= 1 for rung in found)


@pytest.mark.parametrize(
    ("chances", "certain", "expected"),
    [
        ([], 0, []),
        ([], 3, [1, 1, 1]),
        ([], -3, []),
        ([1.0, 1.0], -1, [1]),
        ([1.0, 1.0], -2, []),
        ([0.5], 1, [1, 0.5]),
        ([0.5, 0.5], -1, [0.25]),
        ([0.0, 0.0], 1, [1]),
        ([1.0, 0.9], 0, [1, 0.9]),
    ],
)
def test_units_that_are_certain_lift_a_ladder_and_those_owed_lower_it(
    chances: list[float], certain: int, expected: list[float]
) -> None:
    assert ladder_of(chances, certain).tolist() == pytest.approx(expected, abs=1e-6)


def test_rungs_of_no_chance_at_all_are_left_out() -> None:
    assert (ladder_of([1e-5] * 30) > 0).all()
    assert len(ladder_of([1e-5] * 30)) < 30
    assert len(ladder_of([0.0] * 30)) == 0


def test_the_largest_sku_costs_a_bounded_ladder() -> None:
    assert len(ladder_of([], 10_000)) == PROMISED_MAX
    many = ladder_of([0.99] * (PROMISED_MAX + 300))
    assert len(many) == PROMISED_MAX
    assert many[-1] == pytest.approx(1.0)
    assert len(ladder_of([1.0] * PROMISED_MAX, 50)) == PROMISED_MAX


# -- a picture


def unit(
    serial: str, chance: float = 1.0, *, state: str = AVAILABLE, hold: Hold | None = None, known: bool = True
) -> Unit:
    return Unit(serial, "FLOOR", chance, known, state, hold)


def holding(name: str, line: int = 0, *, picked: bool = False, lapsed: bool = False) -> Hold:
    return Hold(name, line, picked, lapsed)


def picture(*units: Unit, own: int = 0, unplaced: int = 0, **lines: tuple[int, int, int]) -> SkuPicture:
    """`lines` are active holds by name: quantity, units without tags, units wanting."""
    made = {LineKey(name, 0): HeldLine(*numbers) for name, numbers in lines.items()}
    untagged = {("own", AVAILABLE): own} if own else {}
    return SkuPicture(KEY, list(units), untagged=untagged, lines=made, unplaced=unplaced)


def bound(found: SkuPicture) -> dict[str, str]:
    """The holds of items, those that are over left out."""
    return {one.serial: one.hold.reservation for one in found.units if one.hold is not None and one.bound}


def lines(found: SkuPicture) -> dict[str, tuple[int, int, int]]:
    return {
        key.reservation: (line.quantity, line.untagged, line.substitution_needed) for key, line in found.lines.items()
    }


def floats(ladder: Ladder) -> list[float]:
    return [round(rung, 4) for rung in ladder.tolist()]


def test_free_items_come_surest_first_and_by_serial() -> None:
    found = picture(
        unit("b", 0.9),
        unit("a", 0.9),
        unit("c", 0.99),
        unit("sold", state=SOLD),
        unit("gone", 0.0),
        unit("held", hold=holding("h")),
        unit("over", 0.5, hold=holding("x", lapsed=True)),
        h=(1, 0, 0),
    )
    assert [one.serial for one in found.free()] == ["c", "a", "b", "over"]


def test_what_one_more_buyer_can_get() -> None:
    found = picture(
        unit("1", 0.9),
        unit("2", 0.8, hold=holding("h")),
        unit("3", 1.0, state=DAMAGED),
        unit("4", 0.5, hold=holding("over", lapsed=True)),
        own=3,
        unplaced=1,
        h=(2, 1, 0),
    )
    found.untagged["own", DAMAGED] = 7
    found.untagged["a concession", AVAILABLE] = 1
    assert (found.untagged_available, found.untagged_held, found.held, found.certain()) == (4, 1, 2, 2)
    assert floats(found.ladder()) == [1.0, 1.0, 0.95, 0.45]
    assert floats(found.ladder("h")) == floats(ladder_of([0.9, 0.8, 0.5], 3))
    assert floats(found.ladder("nobody")) == floats(found.ladder(""))


def test_a_hold_that_waits_for_a_unit_comes_before_the_next_buyer() -> None:
    found = picture(unit("1", 0.4), own=1, h=(2, 0, 2))
    assert found.certain() == -1
    assert floats(found.ladder()) == []
    assert floats(found.ladder("h")) == [1.0, 0.4]
    assert (found.held, found.wanting) == (0, 2)


def test_an_item_whose_chance_nobody_knows_makes_the_picture_unknown() -> None:
    assert picture(unit("1")).known
    assert not picture(unit("1"), unit("2", known=False)).known
    assert picture(unit("1"), unit("2", known=False, state=SOLD)).known


# -- mending


def test_a_sold_item_is_followed_by_the_best_free_one() -> None:
    found = picture(unit("1", state=SOLD, hold=holding("h")), unit("2", 0.6), unit("3", 0.9), h=(1, 0, 0))
    done = mend(found)
    assert (done.unbound, done.bound, done.lines) == (["1"], [("3", LineKey("h", 0))], {LineKey("h", 0)})
    assert bound(found) == {"3": "h"}
    assert lines(found) == {"h": (1, 0, 0)}


@pytest.mark.parametrize("chance", [0.0, FADED - 0.01])
def test_an_item_that_left_or_faded_is_let_go(chance: float) -> None:
    found = picture(unit("1", chance, hold=holding("h")), unit("2", 0.9), h=(1, 0, 0))
    mend(found)
    assert bound(found) == {"2": "h"}


def test_between_faded_and_found_nothing_moves() -> None:
    """A hold keeps an unlikely item while it is not that unlikely, and takes none that is not likelier than not."""
    found = picture(unit("1", FADED, hold=holding("h")), unit("2", 0.99), h=(1, 0, 0))
    assert mend(found) == Mended()
    found = picture(unit("1", 0.0, hold=holding("h")), unit("2", FOUND - 0.01), h=(1, 0, 0))
    mend(found)
    assert (bound(found), lines(found)) == ({}, {"h": (1, 0, 1)})
    found = picture(unit("2", FOUND), h=(1, 0, 1))
    mend(found)
    assert (bound(found), lines(found)) == ({"2": "h"}, {"h": (1, 0, 0)})


def test_without_items_a_unit_without_a_tag_follows_and_then_none() -> None:
    found = picture(unit("1", 0.0, hold=holding("h")), unit("2", 0.0, hold=holding("h")), own=1, h=(2, 0, 0))
    done = mend(found)
    assert (bound(found), lines(found), found.certain()) == ({}, {"h": (2, 1, 1)}, -1)
    assert (sorted(done.unbound), done.bound) == (["1", "2"], [])


def test_a_shortage_of_units_without_tags_meets_the_newest_hold() -> None:
    found = picture(own=3, a=(2, 2, 0), b=(2, 2, 0), c=(1, 1, 0))
    done = mend(found)
    assert lines(found) == {"a": (2, 2, 0), "b": (2, 1, 1), "c": (1, 0, 1)}
    assert done.lines == {LineKey("b", 0), LineKey("c", 0)}
    found = picture(unit("1"), own=3, a=(2, 2, 0), b=(2, 2, 0), c=(1, 1, 0))
    mend(found)
    assert (bound(found), lines(found)) == ({"1": "b"}, {"a": (2, 2, 0), "b": (2, 1, 0), "c": (1, 0, 1)})


def test_what_comes_back_is_the_oldest_hold_s() -> None:
    found = picture(unit("1", 0.9), unit("2", 0.8), own=1, c=(1, 0, 1), a=(2, 0, 2), b=(2, 0, 2))
    mend(found)
    assert bound(found) == {"1": "a", "2": "a"}
    assert lines(found) == {"a": (2, 0, 0), "b": (2, 1, 1), "c": (1, 0, 1)}


def test_an_item_that_was_picked_is_in_somebody_s_hands() -> None:
    mine = holding("h", picked=True)
    found = picture(unit("1", 0.0, hold=mine), unit("2", state=SOLD, hold=mine), unit("3"), h=(2, 0, 0))
    assert mend(found) == Mended()
    assert bound(found) == {"1": "h", "2": "h"}


def test_a_hold_that_is_over_counts_as_gone() -> None:
    found = picture(unit("1", hold=holding("over", lapsed=True)), h=(1, 0, 1))
    assert floats(found.ladder()) == []
    assert mend(found).bound == [("1", LineKey("h", 0))]
    assert bound(found) == {"1": "h"}
    found = picture(unit("1", 0.0, hold=holding("over", lapsed=True)))
    assert mend(found) == Mended()  # nobody waits for it


@st.composite
def pictures(draw: st.DrawFn) -> SkuPicture:
    """A picture whose holds add up, with everything in it that may have happened since."""
    names = [f"h{number}" for number in range(draw(st.integers(0, 3)))]
    units = []
    for number in range(draw(st.integers(0, 6))):
        owner = draw(st.sampled_from([None, None, "over", *names]))
        hold = None
        if owner is not None:
            hold = Hold(owner, 0, draw(st.booleans()) if owner != "over" else False, owner == "over")
        state = draw(st.sampled_from([AVAILABLE, AVAILABLE, AVAILABLE, SOLD, DAMAGED]))
        units.append(unit(str(number), draw(CHANCE), state=state, hold=hold))
    made = {}
    for name in names:
        mine = sum(one.hold is not None and one.hold.reservation == name for one in units)
        untagged, wanting = draw(st.integers(0, 2)), draw(st.integers(0, 2))
        if mine + untagged + wanting:
            made[LineKey(name, 0)] = HeldLine(mine + untagged + wanting, untagged, wanting)
    own = draw(st.integers(0, 4))
    unplaced = draw(st.integers(0, 2))
    return SkuPicture(KEY, units, untagged={("own", AVAILABLE): own}, lines=made, unplaced=unplaced)


def adds_up(found: SkuPicture) -> bool:
    """Each hold's quantity is what is bound, what it has of units without tags, and what it waits for."""
    return all(
        line.quantity
        == sum(one.hold is not None and one.hold.reservation == key.reservation for one in found.units)
        + line.untagged
        + line.substitution_needed
        and line.untagged >= 0
        and line.substitution_needed >= 0
        for key, line in found.lines.items()
    )


@given(pictures())
@settings(max_examples=300, deadline=None)
def test_mending_leaves_holds_that_add_up_and_have_what_they_say(found: SkuPicture) -> None:
    assert adds_up(found)
    before = deepcopy(found)
    done = mend(found)
    assert adds_up(found)
    assert found.untagged_held <= found.untagged_available
    for one, was in zip(found.units, before.units, strict=True):
        if one.hold is None or one.hold.lapsed:
            continue
        assert one.hold.picked or (one.good and one.chance >= FADED), one
        assert one.hold == was.hold or one.chance >= FOUND, one
    if found.wanting:  # nothing is left that could help
        assert sum(one.chance >= FOUND for one in found.free()) <= found.unplaced
        assert found.untagged_available == found.untagged_held
    changed = {key for key, line in found.lines.items() if line != before.lines[key]}
    assert changed <= done.lines
    assert {one for one, _ in done.bound} <= {one.serial for one in found.units if one.bound}


@given(pictures())
@settings(max_examples=200, deadline=None)
def test_mending_twice_is_mending_once(found: SkuPicture) -> None:
    mend(found)
    once = deepcopy(found)
    assert mend(found) == Mended()
    assert found == once


@given(pictures())
@settings(max_examples=150, deadline=None)
def test_a_picture_s_ladder_is_what_counting_every_case_says(found: SkuPicture) -> None:
    mend(found)
    for without in ("", "h0"):
        free = [
            one.chance
            for one in found.units
            if one.state == AVAILABLE
            and (one.hold is None or one.hold.lapsed or (without and one.hold.reservation == without))
        ]
        kept = [line for key, line in found.lines.items() if key.reservation != without]
        certain = found.untagged["own", AVAILABLE] - found.unplaced
        certain -= sum(line.untagged + line.substitution_needed for line in kept)
        ladder = found.ladder(without).tolist()
        rungs = len(free) + max(0, certain) + 1
        expected = every_way([p for p in free if p > 0], certain, rungs)
        assert [*ladder, *[0.0] * (rungs - len(ladder))] == pytest.approx(expected, abs=2e-5)


@given(pictures(), st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_the_order_of_items_and_lines_means_nothing(found: SkuPicture, turn: int) -> None:
    turned = deepcopy(found)
    turned.units = turned.units[turn:] + turned.units[:turn]
    turned.lines = dict(reversed(turned.lines.items()))
    mend(found)
    mend(turned)
    assert {one.serial: one for one in found.units} == {one.serial: one for one in turned.units}
    assert found.lines == turned.lines
    assert replace(found, units=[], lines={}) == replace(turned, units=[], lines={})
