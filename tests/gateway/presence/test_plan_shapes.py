"""Where positions are, for zones of odd shapes and site files that say only half."""

from itertools import pairwise

import numpy as np
import pytest

from gateway.presence.plan import POSITIONS_MAX, Plan, make_plan
from gateway.presence.plan_antennas import read_antennas
from gateway.presence.plan_grid import FINE_MAX, _coarse_enough
from wire.site_file import parse_site


def plan_of(zones: str, antennas: str = "", more: str = "") -> Plan:
    devices = f"devices:\n  - {{id: R1, driver: llrp, address: a, antennas: [{antennas}]}}\n"
    return make_plan(parse_site(f"site: s\n{more}zones:\n{zones}{devices}"))


def points(plan: Plan, zone: str) -> list[tuple[float, float]]:
    mine = plan.position_zone == plan.zones.index(zone)
    return list(zip(plan.x[mine].tolist(), plan.y[mine].tolist(), strict=True))


def test_an_l_shape_has_positions_in_both_arms_only() -> None:
    plan = plan_of("  - {id: L, kind: sales_floor, outline: [[0, 0], [9, 0], [9, 3], [3, 3], [3, 9], [0, 9]]}\n")
    assert all(x < 3 or y < 3 for x, y in points(plan, "L"))
    assert len(plan.x) == 45
    assert max(x for x, _ in points(plan, "L")) > 8
    assert max(y for _, y in points(plan, "L")) > 8


@pytest.mark.parametrize(
    "hole", ["[[4, 4], [5, 4], [5, 5], [4, 5]]", "[[3.3, 3.4], [7.9, 3.4], [7.9, 6.1], [3.3, 6.1]]"]
)
def test_a_zone_inside_another_one_owns_its_points(hole: str) -> None:
    plan = plan_of(
        "  - {id: FLOOR, kind: sales_floor, outline: [[0, 0], [10, 0], [10, 10], [0, 10]]}\n"
        f"  - {{id: POS, kind: checkout, outline: {hole}}}\n"
    )
    corners = np.array(eval(hole))
    low, high = corners.min(axis=0), corners.max(axis=0)

    def in_hole(point: tuple[float, float]) -> bool:
        return bool((low < point).all() and (high > point).all())

    assert all(in_hole(point) for point in points(plan, "POS"))
    assert not any(in_hole(point) for point in points(plan, "FLOOR"))
    assert len(points(plan, "POS")) == pytest.approx(max(1, np.prod(high - low)), rel=0.25)


def test_a_cell_around_a_thin_zone_keeps_its_position_outside_it() -> None:
    # The middle of the cell that the wardrobe cuts in two lies in the wardrobe.
    plan = plan_of(
        "  - {id: FLOOR, kind: sales_floor, outline: [[0, 0], [1, 0], [1, 1], [0, 1]]}\n"
        "  - {id: RAIL, kind: window, outline: [[0.3, 0], [0.7, 0], [0.7, 1], [0.3, 1]]}\n"
    )
    assert points(plan, "RAIL") == [(0.5, 0.5)]
    assert points(plan, "FLOOR")
    assert all(not 0.3 < x < 0.7 for x, _ in points(plan, "FLOOR"))


def test_slivers_go_to_their_neighbours() -> None:
    # The counter leaves a strip of 20 cm at the wall: no position of its own there.
    plan = plan_of(
        "  - {id: FLOOR, kind: sales_floor, outline: [[0, 0], [8, 0], [8, 4], [0, 4]]}\n"
        "  - {id: POS, kind: checkout, outline: [[3, 0.2], [5, 0.2], [5, 2], [3, 2]]}\n"
    )
    assert not [(x, y) for x, y in points(plan, "FLOOR") if 3 < x < 5 and y < 2]
    assert len(points(plan, "FLOOR")) == 28


@pytest.mark.parametrize(
    "thin", ["[[1, 1], [3, 1], [2, 1]]", "[[1, 1], [9, 1], [9, 1.01], [1, 1.01]]", "[[1, 1], [1, 1], [1, 1]]"]
)
def test_an_outline_without_room_still_has_a_position(thin: str) -> None:
    plan = plan_of(f"  - {{id: RAIL, kind: sales_floor, outline: {thin}}}\n", "{port: 1, zone: RAIL, x: 1, y: 1}")
    assert len(points(plan, "RAIL")) >= 1
    assert not plan.pseudo.any()
    assert np.isfinite(plan.level_dbm).all()


def test_a_zone_that_others_cover_still_has_a_position() -> None:
    square = "[[0, 0], [4, 0], [4, 4], [0, 4]]"
    plan = plan_of(
        f"  - {{id: UNDER, kind: sales_floor, outline: {square}}}\n  - {{id: OVER, kind: window, outline: {square}}}\n"
    )
    assert points(plan, "UNDER") == [(2.0, 2.0)]
    assert not plan.pseudo.any()
    assert len(points(plan, "OVER")) == 16


FLOORS = """\
  - {id: DOWN, kind: sales_floor, outline: [[0, 0], [6, 0], [6, 6], [0, 6]]}
  - {id: UP, kind: sales_floor, floor: 3, outline: [[0, 0], [6, 0], [6, 6], [0, 6]]}
"""


def test_two_floors_lie_over_each_other() -> None:
    plan = plan_of(FLOORS, "{port: 1, zone: DOWN, x: 3, y: 3}, {port: 2, zone: UP, x: 3, y: 3}")
    assert points(plan, "DOWN") == points(plan, "UP")
    down = np.flatnonzero(plan.position_zone == 0)
    up = np.flatnonzero(plan.position_zone == 1)
    # The file's floors 0 and 3 are neighbours: there is none between them.
    assert plan.level_dbm[down, 0] - plan.level_dbm[down, 1] == pytest.approx(np.full(36, 25.0), abs=1e-4)
    assert plan.level_dbm[up, 1] - plan.level_dbm[up, 0] == pytest.approx(np.full(36, 25.0), abs=1e-4)
    assert plan.distances(down, up).diagonal().tolist() == [15.0] * 36


HALF = """\
  - {id: FLOOR, kind: sales_floor, outline: [[0, 0], [12, 0], [12, 8], [0, 8]]}
  - {id: FIT, kind: fitting_room}
  - {id: SHED, kind: back_room}
  - {id: CELLAR, kind: receiving}
  - {id: EXIT, kind: exit, counts_as: FLOOR}
"""
HALF_ANTENNAS = """
{port: 1, zone: FLOOR, x: 4, y: 4}, {port: 2, zone: FLOOR, x: 8, y: 4}, {port: 3, zone: FIT, x: 1, y: 7},
{port: 4, zone: SHED, x: 16, y: 4}, {port: 5, zone: EXIT, x: 6, y: -0.2}, {port: 6, zone: SHED},
{port: 7, zone: FLOOR, x: 12.3, y: 1}
"""


def test_zones_without_outline_beside_one_that_has_it() -> None:
    plan = plan_of(HALF, HALF_ANTENNAS, "passages: [[SHED, FLOOR], [FLOOR, FIT], [SHED, CELLAR], [FLOOR, EXIT]]\n")
    assert plan.surveyed == "plan"
    assert plan.zones == ("FLOOR", "FIT", "SHED", "CELLAR")
    assert all(np.hypot(x - 1, y - 7) < 2.2 for x, y in points(plan, "FIT"))
    assert 4 <= len(points(plan, "FIT")) <= 12
    assert all(0 < x < 12 and 0 < y < 8 for zone in ("FLOOR", "FIT") for x, y in points(plan, zone))
    # A zone beside the outline goes around its antennas up to the outline.
    assert all(x > 12 for x, _ in points(plan, "SHED"))
    assert len(points(plan, "SHED")) > 25
    # A zone of which nothing is known: one pseudo position, heard where one passage leads, and never loudly.
    cellar = np.flatnonzero(plan.position_zone == 3)
    assert len(cellar) == 1
    assert plan.pseudo.tolist() == [False] * int(cellar[0]) + [True]
    assert -80 < plan.level_dbm[cellar[0], 3] < -70
    assert plan.level_dbm[cellar[0]].max() == plan.level_dbm[cellar[0], 3]
    shed = np.flatnonzero(plan.position_zone == 2)
    assert plan.distances(cellar, shed).tolist() == [[8.0] * len(shed)]
    assert plan.distances(shed[:1], cellar).tolist() == [[8.0]]
    # Antenna 6 hangs somewhere in the shed: it hears its zone, no part of it best.
    assert plan.level_dbm[shed, 5].mean() > plan.level_dbm[plan.position_zone == 0, 5].max() - 5
    near = [p for p, at in zip(zip(plan.x, plan.y, strict=True), plan.position_exit, strict=True) if at]
    assert near
    assert all(np.hypot(x - 6, y + 0.2) <= 3.5 for x, y in near)


def test_an_outlined_zone_of_which_no_antenna_is_placed() -> None:
    plan = plan_of(FLOORS, "{port: 1, zone: DOWN}, {port: 2, zone: UP}, {port: 3, zone: UP}")
    down, up = plan.position_zone == 0, plan.position_zone == 1
    # One antenna hangs in the middle, of two nobody knows which is where.
    best = int(plan.level_dbm[:, 0].argmax())
    assert np.hypot(plan.x[best] - 3, plan.y[best] - 3) < 1
    assert (plan.level_dbm[up, 1] == plan.level_dbm[up, 2]).all()
    assert plan.level_dbm[up, 1].min() > plan.level_dbm[down, 1].min() + 20


def test_an_antenna_of_no_zone_on_the_plan_is_heard_by_passages() -> None:
    zones = FLOORS + "  - {id: SHED, kind: back_room}\n"
    plan = plan_of(zones, "{port: 1, zone: SHED}", "passages: [[SHED, DOWN], [DOWN, UP]]\n")
    assert len(points(plan, "SHED")) == 3
    assert (plan.level_dbm[plan.position_zone == 0] == -58 - 18 - 10).all()
    assert (plan.level_dbm[plan.position_zone == 1] == -58 - 26 - 10 - 25).all()


def test_a_site_without_antennas() -> None:
    plan = plan_of("  - {id: SHELF, kind: fitting_room}\n  - {id: DOOR, kind: exit}\n")
    assert plan.zones == ("SHELF", "DOOR")
    assert plan.level_dbm.shape == (2, 0)
    assert plan.position_exit.tolist() == [False, True]


def test_counts_as_is_one_step_and_keeps_the_files_order() -> None:
    plan = plan_of(
        "  - {id: A, kind: window, counts_as: C}\n  - {id: B, kind: sales_floor}\n"
        "  - {id: C, kind: sales_floor, counts_as: B}\n",
        "{port: 1, zone: A}, {port: 2, zone: C}",
    )
    assert plan.zones == ("B", "C")
    assert plan.antenna_zone.tolist() == [1, 0]
    assert set(plan.position_zone.tolist()) == {0, 1}


def test_large_sites_get_a_wider_pitch() -> None:
    hall = "[[0, 0], [300, 0], [300, 200], [0, 200]]"
    plan = plan_of(f"  - {{id: HALL, kind: back_room, outline: {hall}}}\n", "{port: 1, zone: HALL, x: 9, y: 9}")
    assert 0.7 * POSITIONS_MAX < len(plan.x) <= POSITIONS_MAX


@pytest.mark.parametrize(("placed", "size"), [("", 0), (", x: 1, y: 1", 13), (", x: {x}, y: {y}", 0)])
def test_many_antennas_leave_a_plan_of_bounded_size(placed: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.presence.plan.LINKS_MAX", 200_000)
    zones = [
        f"  - {{id: Z{k}, kind: sales_floor, outline: "
        + (f"[[{x}, 0], [{x + size}, 0], [{x + size}, {size}], [{x}, {size}]]}}\n" if size else "[]}\n")
        for k, x in enumerate(range(0, 400, 20))
    ]
    devices = "".join(
        f"  - {{id: R{n}, driver: llrp, address: a, antennas: ["
        + ", ".join(f"{{port: {p + 1}, zone: Z{n}{placed.format(x=3 * n, y=3 * p)}}}" for p in range(32))
        + "]}\n"
        for n in range(20)
    )
    plan = make_plan(parse_site(f"site: s\nzones:\n{''.join(zones)}devices:\n{devices}"))
    assert plan.level_dbm.size <= 200_000
    assert set(plan.position_zone.tolist()) == set(range(20))


def test_the_lattice_of_a_huge_site_is_bounded() -> None:
    hall = "[[-10000, -10000], [10000, -10000], [10000, 10000], [-10000, 10000]]"
    site = parse_site(f"site: s\nzones: [{{id: HALL, kind: back_room, outline: {hall}}}]\n")
    step_m = _coarse_enough(site, read_antennas(site))
    assert 20_000**2 / step_m**2 == pytest.approx(FINE_MAX)
    assert len(make_plan(site).x) > 0.7 * POSITIONS_MAX


def test_an_exit_is_on_its_own_floor() -> None:
    exit_up = "  - {id: EXIT, kind: exit, counts_as: UP, floor: 3, outline: [[2, 0], [4, 0], [4, 1], [2, 1]]}\n"
    plan = plan_of(FLOORS + exit_up, more="passages: [[EXIT, DOWN]]\n")
    assert plan.position_exit[plan.position_zone == 1].any()
    assert not plan.position_exit[plan.position_zone == 0].any()


def test_without_passages_every_zone_touches_every_other() -> None:
    zones = "".join(
        f"  - {{id: Z{k}, kind: {kind}}}\n" for k, kind in enumerate(["back_room", "window", "sales_floor"])
    )
    antennas = "{port: 1, zone: Z0}, {port: 2, zone: Z1}, {port: 3, zone: Z2}"
    free, row = plan_of(zones, antennas), plan_of(zones, antennas, "passages: [[Z0, Z1], [Z1, Z2]]\n")
    first, last = np.array([0]), np.array([len(free.x) - 1])
    assert free.distances(first, last).tolist() == [[8.0]]
    assert row.distances(first, last).tolist() == [[16.0]]
    assert free.reach[0].tolist() == pytest.approx([1.0, 0.1, 0.1])
    assert row.reach[0].tolist() == pytest.approx([1.0, 0.1, 0.03])


def test_a_portal_without_a_plan_is_a_part_of_its_floor() -> None:
    zones = "  - {id: FLOOR, kind: sales_floor}\n  - {id: EXIT, kind: exit, counts_as: FLOOR}\n"
    plan = plan_of(zones, "{port: 1, zone: FLOOR}, {port: 2, zone: EXIT}, {port: 3, zone: FLOOR}")
    floor, portal = np.array([1]), np.flatnonzero(plan.pseudo_antenna == 1)
    assert plan.level_dbm[1].tolist() == [-58.0, -72.0, -68.0]
    assert plan.distances(floor, portal).tolist() == [[4.0, 4.0, 4.0]]
    assert plan.position_exit.tolist() == (plan.pseudo_antenna == 1).tolist()


def test_made_up_coordinates_are_about_as_far_apart_as_the_passages_say() -> None:
    names = [f"Z{k}" for k in (0, 3, 1, 4, 2, 5)]
    zones = "".join(f"  - {{id: {name}, kind: sales_floor}}\n" for name in sorted(names))
    passages = "passages: [" + ", ".join(f"[{a}, {b}]" for a, b in pairwise(names)) + "]\n"
    plan = plan_of(zones, "", passages)
    every = np.arange(6)
    wanted = plan.distances(every, every)
    made_up = np.hypot(plan.x[:, None] - plan.x, plan.y[:, None] - plan.y)
    near = (wanted > 0) & (wanted <= 16)
    assert made_up[near] == pytest.approx(wanted[near], rel=0.2)
    assert wanted.diagonal().tolist() == [0.0] * 6
