"""Walls between antennas and tags, and the ways that people walk."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulator.floorplan import FloorPlan
from simulator.sites import read_demo_site
from simulator.walls import Barrier, Walls, without_gap
from simulator.way import Place, Ways
from tests.simulator.simulated_sites import plain_site
from wire.site import Site

COORDINATE = st.integers(0, 40).map(lambda k: k / 4 + 0.1)
POINT = st.tuples(COORDINATE, COORDINATE)


def cross(a: tuple[float, float], b: tuple[float, float], p: tuple[float, float], q: tuple[float, float]) -> bool:
    """Whether the segments a-b and p-q cross, by solving for the point where their lines meet."""
    ax, ay = b[0] - a[0], b[1] - a[1]
    px, py = q[0] - p[0], q[1] - p[1]
    det = ax * py - ay * px
    if abs(det) < 1e-12:
        return False
    s = ((p[0] - a[0]) * py - (p[1] - a[1]) * px) / det
    t = ((p[0] - a[0]) * ay - (p[1] - a[1]) * ax) / det
    return 1e-9 < s < 1 - 1e-9 and 1e-9 < t < 1 - 1e-9


@given(st.lists(st.tuples(POINT, POINT), min_size=1, max_size=5), st.lists(POINT, min_size=1, max_size=4), POINT)
def test_loss_is_the_sum_of_the_walls_crossed(
    walls: list[tuple[tuple[float, float], tuple[float, float]]],
    tags: list[tuple[float, float]],
    antenna: tuple[float, float],
) -> None:
    built = Walls(tuple(Barrier(((*a, *b),), 2.0**k) for k, (a, b) in enumerate(walls)))
    loss = built.loss_db(np.array(tags), np.zeros(len(tags), int), np.array([antenna]), np.zeros(1, int))
    for tag, got in zip(tags, loss[:, 0], strict=True):
        touches = any(
            abs((b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])) < 1e-9
            for a, b in walls
            for p in (tag, antenna)
        ) or any(
            abs((antenna[0] - tag[0]) * (p[1] - tag[1]) - (antenna[1] - tag[1]) * (p[0] - tag[0])) < 1e-9
            for a, b in walls
            for p in (a, b)
        )
        if not touches:
            assert got == sum(2.0**k for k, (a, b) in enumerate(walls) if cross(a, b, tag, antenna))


def test_a_barrier_of_many_pieces_costs_once() -> None:
    zigzag = Walls((Barrier(((1, 0, 1, 2), (1, 2, 2, 2), (2, 2, 2, 4), (3, 0, 3, 4)), 12.0),))
    loss = zigzag.loss_db(np.array([[0.0, 1.0]]), np.zeros(1, int), np.array([[4.0, 1.0]]), np.zeros(1, int))
    assert loss[0, 0] == 12.0


def test_walls_of_one_level_leave_the_other_alone() -> None:
    upstairs = Walls((Barrier(((1, 0, 1, 2),), 12.0, floor=1),))
    tag, antenna = np.array([[0.0, 1.0]]), np.array([[2.0, 1.0]])
    for level, expected in ((0, 0.0), (1, 12.0)):
        floor = np.array([level])
        assert upstairs.loss_db(tag, floor, antenna, floor)[0, 0] == expected


@pytest.mark.parametrize(
    ("gap", "pieces"),
    [
        ((5.0, 0.0), [(0, 0, 4, 0), (6, 0, 10, 0)]),
        ((0.5, 0.0), [(1.5, 0, 10, 0)]),
        ((9.8, 0.2), [(0, 0, 8.8, 0)]),
        ((5.0, 3.0), [(0, 0, 10, 0)]),
        ((14.0, 0.0), [(0, 0, 10, 0)]),
    ],
)
def test_doors_are_cut_into_walls(gap: tuple[float, float], pieces: list[tuple[float, float, float, float]]) -> None:
    found = without_gap((0.0, 0.0, 10.0, 0.0), gap, 1.0)
    assert [pytest.approx(piece) for piece in pieces] == list(found)


def place(point: NDArray[np.float64]) -> Place:
    return float(point[0]), float(point[1]), 0


def steps_are_allowed(plan: FloorPlan, start: Place, way: list[Place]) -> None:
    here = start
    for there in way:
        if there[2] == here[2]:
            count = max(2, int(np.hypot(there[0] - here[0], there[1] - here[1]) / 0.05))
            x, y = np.linspace(here[0], there[0], count), np.linspace(here[1], there[1], count)
            zone = plan.zone_at(x, y, np.full(count, here[2]))
            for a, b in pairwise(zone):
                assert plan.passages[a, b], f"{plan.names[a]} to {plan.names[b]}: no passage"
            line = np.array([[here[0], here[1]]]), np.array([[there[0], there[1]]])
            assert not plan.walls.stops(*line, here[2])[0], f"{here} to {there}: through a wall"
        here = there


@pytest.mark.parametrize("site", [read_demo_site("main-street"), read_demo_site("outlet"), plain_site("positions")])
def test_ways_use_passages_and_doors_only(site: Site) -> None:
    plan = FloorPlan(site)
    ways = Ways(plan)
    rng = np.random.default_rng(3)
    zones = [plan.cells_of(zone) for zone in range(len(plan.zones))]
    for _ in range(120):
        a, b = rng.integers(len(zones), size=2)
        start = place(zones[a][rng.integers(len(zones[a]))])
        end = place(zones[b][rng.integers(len(zones[b]))])
        way = ways.find(start, end)
        assert way[-1] == end
        assert len(way) < 15
        steps_are_allowed(plan, start, way)


def test_from_the_back_room_one_goes_through_the_door() -> None:
    plan = FloorPlan(read_demo_site("main-street"))
    start, end = (18.0, 14.0, 0), (18.0, 9.5, 0)
    ways = Ways(plan)
    assert not ways.is_straight(start, end)
    way = ways.find(start, end)
    length = sum(np.hypot(b[0] - a[0], b[1] - a[1]) for a, b in zip([start, *way[:-1]], way, strict=True))
    direct = np.hypot(9.3 - 18, 10.5 - 14) + np.hypot(18 - 9.3, 9.5 - 10.5)
    assert direct <= length < direct * 1.1


def test_stairs_join_the_levels() -> None:
    plan = FloorPlan(plain_site("two_levels"))
    start, end = (1.0, 1.0, 1), (7.5, 0.5, 0)
    way = Ways(plan).find(start, end)
    assert way[-1] == end
    assert {place[2] for place in way} == {0, 1}
    steps_are_allowed(plan, start, way)


def test_a_plan_that_does_not_join_up_is_crossed_in_a_straight_line() -> None:
    plan = FloorPlan(plain_site("warehouse"))
    plan.passages[:] = np.eye(2, dtype=bool)
    start, end = place(plan.cells_of(0)[0]), place(plan.cells_of(1)[0])
    assert Ways(plan).find(start, end) == [end]
