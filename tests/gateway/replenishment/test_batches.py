"""Rounds of work: one department, one trolley, one way."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.replenishment.batches import Batch, Line, batches
from gateway.replenishment.task import Urgency
from tests.gateway.replenishment.small_shop import BACK, GTINS, NOW, PLACES, STORE, A, B


def line(task: str, units: int = 1, **more: Any) -> Line:
    given: dict[str, Any] = {"urgency": Urgency.LOW, "due_us": NOW, "from_zones": (BACK,), "to_zones": (A,)} | more
    return Line(task, GTINS[0], units, **given)


def names(batch: Batch) -> tuple[str, str]:
    return "".join(one.task for one in batch.picks), "".join(one.task for one in batch.drops)


def test_people_walk_once_through_the_back_rooms_and_once_through_the_floor() -> None:
    lines = [
        line("a", from_zones=(STORE,), to_zones=(A,)),
        line("b", from_zones=(BACK,), to_zones=(B,)),
        line("c", from_zones=(STORE,), to_zones=(B, A)),
        line("d", from_zones=("NO_MORE",), to_zones=()),
    ]
    (found,) = batches(lines, PLACES)
    assert names(found) == ("bacd", "acbd")


def test_neighbours_in_a_zone_stand_by_style_colour_and_size() -> None:
    lines = [line("a", sort=("jacket", "red")), line("b", sort=("coat", "red")), line("c", sort=("coat", "blue"))]
    assert names(batches(lines, PLACES)[0]) == ("cba", "cba")


def test_a_department_has_rounds_of_its_own_the_most_urgent_first() -> None:
    lines = [
        line("a", department="men", due_us=NOW + 1),
        line("b", department="women", due_us=NOW),
        line("c", department="men", urgency=Urgency.CORE_GAP, due_us=NOW + 9),
    ]
    found = batches(lines, PLACES)
    assert [(batch.department, batch.urgency, batch.due_us) for batch in found] == [
        ("men", Urgency.CORE_GAP, NOW + 1),
        ("women", Urgency.LOW, NOW),
    ]


def test_a_trolley_is_full_by_lines_or_by_units_and_takes_the_urgent_first() -> None:
    lines = [line("a", 2), line("b", 2), line("c", 2, urgency=Urgency.GAP), line("d", 9)]
    assert [names(batch)[0] for batch in batches(lines, PLACES, units_max=4)] == ["ac", "b", "d"]
    assert [names(batch)[0] for batch in batches(lines, PLACES, lines_max=3)] == ["abc", "d"]
    with pytest.raises(ValueError, match="lines_max 0, units_max 30: expected 1 or more"):
        batches(lines, PLACES, lines_max=0)


def test_no_work_is_no_round() -> None:
    assert batches([], PLACES) == ()


@st.composite
def some_lines(draw: st.DrawFn) -> list[Line]:
    return [
        line(
            str(number),
            draw(st.integers(1, 7)),
            urgency=draw(st.sampled_from(list(Urgency))),
            due_us=draw(st.integers(0, 3)),
            from_zones=draw(st.sampled_from([(BACK,), (STORE, BACK), ()])),
            to_zones=draw(st.sampled_from([(A,), (B,)])),
            department=draw(st.sampled_from(["", "men", "women"])),
        )
        for number in range(draw(st.integers(0, 12)))
    ]


@given(some_lines(), st.integers(1, 4), st.integers(1, 9), st.integers(0, 99))
@settings(deadline=None)
def test_every_task_is_in_one_round_whatever_the_order(
    lines: list[Line], lines_max: int, units_max: int, seed: int
) -> None:
    found = batches(lines, PLACES, lines_max=lines_max, units_max=units_max)
    assert found == batches(Random(seed).sample(lines, len(lines)), PLACES, lines_max=lines_max, units_max=units_max)
    assert sorted(one.task for batch in found for one in batch.picks) == sorted(one.task for one in lines)
    for batch in found:
        assert sorted(batch.picks, key=str) == sorted(batch.drops, key=str)
        assert len(batch.picks) <= lines_max
        assert batch.units == sum(one.units for one in batch.picks)
        assert batch.units <= units_max or len(batch.picks) == 1
        assert {one.department for one in batch.picks} == {batch.department}
