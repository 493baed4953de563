"""Size gaps of a style and colour: what a shopper misses, and what nobody knows."""

from typing import Any

import pytest

from gateway.replenishment.gaps import GapKind, Run, SizeState, runs
from gateway.replenishment.places import Place
from gateway.replenishment.stock import Held, SkuRow, Unit, Untagged
from tests.gateway.replenishment.small_shop import (
    BACK,
    DOCK,
    GTINS,
    NOW,
    PLACES,
    POS,
    RULES,
    WINDOW,
    A,
    B,
    blind,
    row,
    units,
)

SHOWN, LAST, BEHIND, ABSENT, UNKNOWN = SizeState


def sized(size: str, *items: tuple[Unit, ...], **more: Any) -> SkuRow:
    given: dict[str, Any] = {"style": "Oxford", "colour": "blue", "gtin": GTINS["LMSX".index(size)]} | more
    return row(*items, size=size, **given)


def run_of(*rows: SkuRow, places: dict[str, Place] = PLACES) -> Run:
    (found,) = runs(rows, places, RULES, NOW)
    return found


def states(found: Run) -> list[SizeState]:
    return [state for _, _, state in found.sizes]


@pytest.mark.parametrize(
    ("one", "state"),
    [
        (sized("M", units(A, 2)), SHOWN),
        (sized("M", units(A, 1), units(BACK, 1)), SHOWN),
        (sized("M", units(A, 1), untagged=Untagged(back=1)), SHOWN),
        (sized("M", units(A, 1), untagged=Untagged(anywhere=1)), SHOWN),
        (sized("M", units(A, 1)), LAST),
        (sized("M", units(A, 1), units(BACK, 1, held=Held.ORDER)), LAST),
        (sized("M", units(BACK, 1)), BEHIND),
        (sized("M", units(DOCK, 1)), BEHIND),
        (sized("M", units(WINDOW, 1)), BEHIND),
        (sized("M", units(BACK, 1, held=Held.ORDER)), ABSENT),
        (sized("M", units(POS, 1)), ABSENT),
        (sized("M"), ABSENT),
        (sized("M", units(A, 1, 0.5)), UNKNOWN),
        (sized("M", untagged=Untagged(anywhere=1)), UNKNOWN),
    ],
)
def test_where_a_size_is(one: SkuRow, state: SizeState) -> None:
    assert states(run_of(one, sized("S", units(A, 2)))) == [state, SHOWN]


def test_a_blind_floor_makes_it_unknown_and_never_an_alarm() -> None:
    dark = run_of(sized("M", units(BACK, 1), core=True), sized("S", units(A, 1)), places=blind(A))
    assert (states(dark), dark.kind, dark.missing_core) == ([UNKNOWN, SHOWN], None, ())
    other = run_of(sized("M", units(BACK, 1), core=True), sized("S", units(A, 1)), places=blind(B))
    assert other.kind is GapKind.CORE_GAP
    behind = run_of(sized("M", units(BACK, 1), core=True), sized("S", units(A, 1)), places=blind(BACK))
    assert behind.kind is GapKind.CORE_GAP, "the floor is looked at: a shopper does not find it"


def test_a_core_size_that_is_missing_is_an_alarm() -> None:
    found = run_of(sized("S", units(A, 2)), sized("M", core=True), sized("L", units(BACK, 1), core=True))
    assert (found.kind, found.missing_core) == (GapKind.CORE_GAP, ("L", "M"))
    assert found.says == "not on the floor: L, M"
    assert found.sizes == ((GTINS[0], "L", BEHIND), (GTINS[1], "M", ABSENT), (GTINS[2], "S", SHOWN))


def test_a_style_of_which_none_is_shown_is_the_worst() -> None:
    found = run_of(sized("M", units(BACK, 1), core=True), sized("S"))
    assert (found.kind, found.says) == (GapKind.NOT_SHOWN, "none on the floor, though the store has some")


def test_a_run_is_broken_when_few_sizes_are_left() -> None:
    few = [sized("S", units(A, 2)), sized("M"), sized("L", units(BACK, 1))]
    found = run_of(*few)
    assert (found.kind, found.says) == (GapKind.BROKEN_RUN, "1 of 3 sizes on the floor")
    assert run_of(*few, sized("X", units(A, 2))).kind is None, "half of them"


def test_what_the_store_does_not_carry_or_show_is_no_gap() -> None:
    assert runs([sized("M"), sized("S")], PLACES, RULES, NOW) == ()
    assert runs([sized("M", units(BACK, 1), low=0, high=0)], PLACES, RULES, NOW) == ()
    with pytest.raises(ValueError, match="run_share 2: expected 0 to 1"):
        runs([], PLACES, RULES, NOW, run_share=2)


def test_the_order_of_rows_changes_nothing_and_colours_are_apart() -> None:
    rows = [sized("S", units(A, 2)), sized("M"), sized("L", units(BACK, 1), colour="red")]
    found = runs(rows, PLACES, RULES, NOW)
    assert [(run.colour, run.kind) for run in found] == [("blue", None), ("red", GapKind.NOT_SHOWN)]
    assert runs(rows[::-1], PLACES, RULES, NOW) == found
