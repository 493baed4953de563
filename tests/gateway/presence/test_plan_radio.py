"""Levels on the plan: beams, power and gain, walls of the file and walls that go without saying."""

import numpy as np
import pytest

from gateway.presence.plan import Plan, make_plan
from wire.site import Site
from wire.site_file import parse_site

HALL = "  - {id: HALL, kind: sales_floor, outline: [[0, 0], [20, 0], [20, 20], [0, 20]]}\n"
ROOMS = """\
  - {id: BACK, kind: back_room, outline: [[0, 0], [6, 0], [6, 10], [0, 10]]}
  - {id: DOCK, kind: receiving, outline: [[0, 10], [6, 10], [6, 14], [0, 14]]}
  - {id: FLOOR, kind: sales_floor, outline: [[6, 0], [16, 0], [16, 14], [6, 14]]}
  - {id: FIT, kind: fitting_room, outline: [[6, 0], [10, 0], [10, 4], [6, 4]]}
"""


def site_of(zones: str, *antennas: str, walls: str = "[]") -> Site:
    listed = ", ".join(f"{{port: {n}, {text}}}" for n, text in enumerate(antennas, 1))
    device = f"  - {{id: R1, driver: llrp, address: a, antennas: [{listed}]}}\n"
    return parse_site(f"site: s\nwalls: {walls}\nzones:\n{zones}devices:\n{device}")


def plan_of(zones: str, *antennas: str, walls: str = "[]") -> Plan:
    return make_plan(site_of(zones, *antennas, walls=walls))


def at(plan: Plan, x: float, y: float) -> int:
    """The position nearest to a point."""
    return int(np.hypot(plan.x - x, plan.y - y).argmin())


IN_HALL = "zone: HALL, x: 10.5, y: 10.5, z: 3.0"


def test_a_beam_looks_where_aim_and_tilt_say() -> None:
    plan = plan_of(
        HALL, f"{IN_HALL}, tilt: 45, aim: 0", f"{IN_HALL}, tilt: 45, aim: 90", f"{IN_HALL}, aim: 90", IN_HALL
    )
    east, north, west = at(plan, 13.5, 10.5), at(plan, 10.5, 13.5), at(plan, 7.5, 10.5)
    assert plan.level_dbm[east, 0] > plan.level_dbm[north, 0] + 4 > plan.level_dbm[west, 0] + 8
    assert plan.level_dbm[north, 1] == pytest.approx(plan.level_dbm[east, 0], abs=0.01)
    # An aim without a tilt: 45 degrees for an antenna that hangs.
    assert (plan.level_dbm[:, 2] == plan.level_dbm[:, 1]).all()
    assert plan.level_dbm[east, 3] == pytest.approx(plan.level_dbm[west, 3], abs=0.01)


def test_a_low_antenna_looks_level_and_towards_the_middle_of_its_zone() -> None:
    plan = plan_of(HALL, "zone: HALL, x: 0, y: 10, z: 1.2", "zone: HALL, x: 0, y: 10, z: 1.2, tilt: 90, aim: 0")
    assert plan.level_dbm[:, 0] == pytest.approx(plan.level_dbm[:, 1], abs=0.2)
    ahead, beside = at(plan, 4.5, 9.5), at(plan, 0.5, 14.5)
    assert plan.level_dbm[ahead, 0] > plan.level_dbm[beside, 0] + 10


def test_a_low_antenna_in_the_middle_may_look_anywhere() -> None:
    plan = plan_of(HALL, "zone: HALL, x: 10.5, y: 9.5, z: 1.2")
    around = [at(plan, 10.5 + dx, 9.5 + dy) for dx, dy in ((3, 0), (-3, 0), (0, 3), (0, -3))]
    expected = -34 - 40 * np.log10(3) - 1.2 * 12 * (60 / 75) ** 2
    assert plan.level_dbm[around, 0] == pytest.approx(np.full(4, expected), abs=0.01)


def test_the_sides_of_a_portal_face_each_other() -> None:
    exits = HALL + "  - {id: EXIT, kind: exit, counts_as: HALL}\n"
    plan = plan_of(exits, "zone: EXIT, x: 20, y: 9", "zone: EXIT, x: 20, y: 11")
    between, behind = at(plan, 19.5, 10.5), at(plan, 19.5, 7.5)
    assert plan.level_dbm[between, 0] > plan.level_dbm[behind, 0] + 15


def test_gain_counts_twice_and_narrows_the_beam() -> None:
    plan = plan_of(HALL, IN_HALL, f"{IN_HALL}, gain_dbi: 9", f"{IN_HALL}, gain_dbi: 3")
    below, aside = at(plan, 10.5, 10.5), at(plan, 13.5, 10.5)
    assert plan.level_dbm[below, 1] - plan.level_dbm[below, 0] == pytest.approx(6, abs=0.8)
    assert plan.level_dbm[aside, 1] - plan.level_dbm[aside, 0] < 3
    assert plan.level_dbm[aside, 2] > plan.level_dbm[aside, 0] - 4


def test_power_counts_as_it_is() -> None:
    plan = plan_of(HALL, IN_HALL, f"{IN_HALL}, power_dbm: 24")
    assert plan.level_dbm[:, 0] - plan.level_dbm[:, 1] == pytest.approx(np.full(len(plan.x), 6.0), abs=1e-4)


def test_power_counts_without_a_plan_against_what_is_usual_for_the_zone() -> None:
    zones = "  - {id: FLOOR, kind: sales_floor}\n  - {id: EXIT, kind: exit, counts_as: FLOOR}\n"
    plan = plan_of(zones, "zone: FLOOR, power_dbm: 27", "zone: EXIT, power_dbm: 27")
    own = plan.level_dbm[np.arange(6), plan.pseudo_antenna]
    assert own.tolist() == [-55.0, -61.0, -68.0, -52.0, -58.0, -65.0]


IN_FLOOR = "zone: FLOOR, x: 12, y: 7"


def walls_only(plan: Plan, free: Plan) -> list[float]:
    """What walls cost each position, against the same store without any."""
    return [round(float(loss), 3) for loss in free.level_dbm[:, 0] - plan.level_dbm[:, 0]]


@pytest.fixture(scope="module")
def free() -> Plan:
    """The same rooms with nothing between them."""
    return plan_of(
        ROOMS.replace("back_room", "window").replace("receiving", "window").replace("fitting_room", "window"), IN_FLOOR
    )


def test_stock_rooms_have_walls_when_the_file_has_none(free: Plan) -> None:
    plan = plan_of(ROOMS, IN_FLOOR)
    lost = walls_only(plan, free)
    for x, y, zone, loss in zip(plan.x, plan.y, plan.position_zone, lost, strict=True):
        # None between back room and receiving, and behind the fitting room's curtain none but its own.
        assert loss == {"BACK": 10, "DOCK": 10, "FLOOR": 0, "FIT": 5}[plan.zones[zone]], (x, y)


def test_a_way_through_a_stock_room_crosses_two_walls() -> None:
    zones = "".join(
        f"  - {{id: {name}, kind: {kind}, outline: [[{x}, 0], [{x + 5}, 0], [{x + 5}, 9], [{x}, 9]]}}\n"
        for name, kind, x in (("WEST", "sales_floor", 0), ("BACK", "back_room", 5), ("EAST", "sales_floor", 10))
    )
    antenna = "zone: EAST, x: 12, y: 4"
    plan, free = plan_of(zones, antenna), plan_of(zones.replace("back_room", "window"), antenna)
    by_zone = {plan.zones[z]: loss for z, loss in zip(plan.position_zone, walls_only(plan, free), strict=True)}
    assert by_zone == {"WEST": 20.0, "BACK": 10.0, "EAST": 0.0}


def test_outlines_with_the_thickness_of_a_wall_between_them_cost_one_wall() -> None:
    zones = (
        "  - {id: BACK, kind: back_room, outline: [[0, 0], [5, 0], [5, 9], [0, 9]]}\n"
        "  - {id: DOCK, kind: receiving, outline: [[5.2, 0], [9, 0], [9, 9], [5.2, 9]]}\n"
        "  - {id: FLOOR, kind: sales_floor, outline: [[9.2, 0], [15, 0], [15, 9], [9.2, 9]]}\n"
    )
    antenna = "zone: FLOOR, x: 12, y: 4"
    plan = plan_of(zones, antenna)
    free = plan_of(zones.replace("back_room", "window").replace("receiving", "window"), antenna)
    by_zone = {plan.zones[z]: loss for z, loss in zip(plan.position_zone, walls_only(plan, free), strict=True)}
    assert by_zone == {"BACK": 10.0, "DOCK": 10.0, "FLOOR": 0.0}


def test_listed_walls_are_the_only_ones(free: Plan) -> None:
    plan = plan_of(ROOMS, IN_FLOOR, walls="[{from: [6, 4], to: [6, 8.97], loss_db: 7}]")
    for x, y, zone, loss in zip(plan.x, plan.y, plan.position_zone, walls_only(plan, free), strict=True):
        cut = 7 + (y - 7) * (6 - 12) / (x - 12) if x < 6 else -1
        expected = 7 if 4 < cut < 8.97 else 0
        assert loss == (5 if plan.zones[zone] == "FIT" else expected), (x, y)


def test_walls_that_are_drawn_along_a_fitting_room_stand_for_its_curtains(free: Plan) -> None:
    along = "[{from: [6, 4], to: [8, 4], loss_db: 6}, {from: [10, 0], to: [10, 4], loss_db: 6}]"
    plan = plan_of(ROOMS, IN_FLOOR, walls=along)
    fit = plan.position_zone == plan.zones.index("FIT")
    assert set(np.array(walls_only(plan, free))[fit].tolist()) == {0.0, 6.0}


@pytest.mark.parametrize(
    "walls",
    [
        "[{from: [6, 0], to: [6, 14], loss_db: 6}, {from: [6, 0], to: [16, 0], loss_db: 6}]",
        "[{from: [10, 4], to: [10, 9], loss_db: 6}]",
        "[" + ", ".join(f"{{from: [{x}, 4], to: [{x}, 9], loss_db: 6}}" for x in (7, 8, 9)) + "]",
    ],
    ids=["back wall and outer wall", "ends beside it", "shelves that stand at right angles to it"],
)
def test_other_walls_say_nothing_of_a_fitting_rooms_curtains(free: Plan, walls: str) -> None:
    plan = plan_of(ROOMS, IN_FLOOR, walls=walls)
    fit = plan.position_zone == plan.zones.index("FIT")
    assert np.array(walls_only(plan, free))[fit].min() >= 5.0


def test_a_stock_room_within_another_one_has_one_wall() -> None:
    zones = (
        "  - {id: BACK, kind: back_room, outline: [[0, 0], [6, 0], [6, 14], [0, 14]]}\n"
        "  - {id: DOCK, kind: receiving, outline: [[3, 10], [6, 10], [6, 14], [3, 14]]}\n"
        "  - {id: FLOOR, kind: sales_floor, outline: [[6, 0], [16, 0], [16, 14], [6, 14]]}\n"
    )
    plan = plan_of(zones, IN_FLOOR)
    free = plan_of(zones.replace("back_room", "window").replace("receiving", "window"), IN_FLOOR)
    by_zone = {(plan.zones[z], loss) for z, loss in zip(plan.position_zone, walls_only(plan, free), strict=True)}
    assert by_zone == {("BACK", 10.0), ("DOCK", 10.0), ("FLOOR", 0.0)}


def test_an_antenna_on_a_wall_looks_into_its_own_zone() -> None:
    wall = "[{from: [6, 0], to: [6, 14], loss_db: 12}]"
    for zone, other in (("FLOOR", "BACK"), ("BACK", "FLOOR")):
        on_wall = f"zone: {zone}, x: 6, y: 7"
        plan, open_plan = plan_of(ROOMS, on_wall, walls=wall), plan_of(ROOMS, on_wall, walls=wall.replace("12", "0"))
        lost = np.round(open_plan.level_dbm[:, 0] - plan.level_dbm[:, 0], 3)
        assert (lost[plan.position_zone == plan.zones.index(zone)] == 0).all()
        assert (lost[plan.position_zone == plan.zones.index(other)] == 12).all()


def test_walls_in_one_line_count_once_where_they_meet() -> None:
    split = "[{from: [5, 0], to: [5, 9.5], loss_db: 9}, {from: [5, 9.5], to: [5, 20], loss_db: 9}]"
    plan, free = (plan_of(HALL, "zone: HALL, x: 9.5, y: 9.5", walls=walls) for walls in (split, "[]"))
    lost = np.array(walls_only(plan, free))
    assert (lost[plan.x < 5] == 9).all()
    assert (lost[plan.x > 5] == 0).all()


def test_a_wall_does_not_count_on_another_floor() -> None:
    zones = (
        "  - {id: DOWN, kind: sales_floor, outline: [[0, 0], [9, 0], [9, 9], [0, 9]]}\n"
        "  - {id: CELLAR, kind: back_room, floor: -1, outline: [[0, 0], [9, 0], [9, 5], [0, 5]]}\n"
    )
    antenna = "zone: DOWN, x: 4, y: 8"
    plan, free = plan_of(zones, antenna), plan_of(zones.replace("back_room", "window"), antenna)
    assert set(walls_only(plan, free)) == {0.0}


def test_stock_rooms_without_an_outline_are_behind_a_wall_too() -> None:
    zones = "  - {id: BACK, kind: back_room}\n  - {id: FLOOR, kind: sales_floor}\n"
    antennas = ("zone: FLOOR, x: 8, y: 0", "zone: BACK, x: 2, y: 0")
    plan, free = plan_of(zones, *antennas), plan_of(zones.replace("back_room", "sales_floor"), *antennas)
    back = at(plan, 1, 0)
    same = at(free, plan.x[back], plan.y[back])
    assert plan.zones[plan.position_zone[back]] == "BACK"
    assert np.hypot(plan.x[back] - free.x[same], plan.y[back] - free.y[same]) < 0.3
    assert free.level_dbm[same, 0] - plan.level_dbm[back, 0] == pytest.approx(10, abs=1.5)
    listed = plan_of(zones, *antennas, walls="[{from: [5, -9], to: [5, 9], loss_db: 3}]")
    behind = at(listed, plan.x[back], plan.y[back])
    assert listed.level_dbm[behind, 0] == pytest.approx(plan.level_dbm[back, 0] + 7, abs=1.5)
