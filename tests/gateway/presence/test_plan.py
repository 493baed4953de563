"""The plan of a whole store: what a full site file, positions only, and names only are made into."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from gateway.presence.plan import Plan, make_plan
from simulator.sites import read_demo_site
from wire.site import Antenna, Site, ZoneKind
from wire.site_file import parse_site

STORE = """\
site: first
zones:
  - {id: BACK, kind: back_room, outline: [[0, 0], [7, 0], [7, 14], [0, 14]]}
  - {id: FLOOR_A, kind: sales_floor, outline: [[7, 0], [15.5, 0], [15.5, 14], [7, 14]]}
  - {id: FLOOR_B, kind: sales_floor, outline: [[15.5, 0], [24, 0], [24, 14], [15.5, 14]]}
  - {id: FIT, kind: fitting_room, outline: [[7, 0], [11.5, 0], [11.5, 3.2], [7, 3.2]]}
  - {id: POS, kind: checkout, outline: [[19, 0], [22, 0], [22, 3], [19, 3]]}
  - {id: EXIT, kind: exit, counts_as: FLOOR_B, outline: [[23, 5.5], [24, 5.5], [24, 8.5], [23, 8.5]]}
passages: [[BACK, FLOOR_A], [FLOOR_A, FLOOR_B], [FLOOR_A, FIT], [FLOOR_B, POS], [FLOOR_B, EXIT]]
walls:
  - {from: [7, 0], to: [7, 6], loss_db: 12}
  - {from: [7, 8], to: [7, 14], loss_db: 12}
devices:
  - id: R1
    driver: llrp
    address: a
    antennas:
      - {port: 1, zone: BACK, x: 2.0, y: 3.5, z: 3.0}
      - {port: 2, zone: BACK, x: 5.2, y: 3.5, z: 3.0}
      - {port: 3, zone: BACK, x: 2.0, y: 10.5, z: 3.0}
      - {port: 4, zone: BACK, x: 5.2, y: 10.5, z: 3.0}
  - id: R2
    driver: llrp
    address: b
    antennas:
      - {port: 1, zone: FLOOR_A, x: 9.3, y: 5.8, z: 3.0}
      - {port: 2, zone: FLOOR_A, x: 13.3, y: 5.2, z: 3.0}
      - {port: 3, zone: FLOOR_A, x: 9.3, y: 11.0, z: 3.0}
      - {port: 4, zone: FLOOR_A, x: 13.3, y: 11.0, z: 3.0}
  - id: R3
    driver: llrp
    address: c
    antennas:
      - {port: 1, zone: FLOOR_B, x: 17.6, y: 5.2, z: 3.0}
      - {port: 2, zone: FLOOR_B, x: 21.3, y: 5.4, z: 3.0}
      - {port: 3, zone: FLOOR_B, x: 17.6, y: 11.0, z: 3.0}
      - {port: 4, zone: FLOOR_B, x: 21.3, y: 11.0, z: 3.0}
  - id: R4
    driver: llrp
    address: d
    antennas:
      - {port: 1, zone: FIT, x: 8.2, y: 1.5, z: 2.6, power_dbm: 23}
      - {port: 2, zone: FIT, x: 10.4, y: 1.5, z: 2.6}
      - {port: 3, zone: POS, x: 20.5, y: 1.2, z: 1.1, tilt: 90, aim: 90}
  - id: R5
    driver: llrp
    address: e
    antennas:
      - {port: 1, zone: EXIT, x: 23.6, y: 5.9, z: 1.3}
      - {port: 2, zone: EXIT, x: 23.6, y: 8.1, z: 1.3}
"""

AREA_M2 = {"BACK": 98.0, "FLOOR_A": 119 - 14.4, "FLOOR_B": 119 - 9.0, "FIT": 14.4, "POS": 9.0}
SHARE = {"BACK": 0.0, "FLOOR_A": 0.0, "FLOOR_B": 0.0, "FIT": -6.0, "POS": -12.0, "EXIT": -3.0}


def without_outlines(site: Site, *, walls: bool = False) -> Site:
    zones = tuple(replace(zone, outline=()) for zone in site.zones)
    return replace(site, zones=zones, walls=site.walls if walls else ())


def names_only(site: Site) -> Site:
    devices = tuple(
        replace(device, antennas=tuple(Antenna(a.port, a.zone) for a in device.antennas)) for device in site.devices
    )
    return replace(without_outlines(site), devices=devices)


def zone_of(x: float, y: float) -> str:
    if x < 7:
        return "BACK"
    if x < 11.5 and y < 3.2:
        return "FIT"
    if 19 < x < 22 and y < 3:
        return "POS"
    return "FLOOR_A" if x < 15.5 else "FLOOR_B"


def by_hand(x: float, y: float, antenna: Antenna) -> float:
    """Level of one position at one antenna of `STORE`, written out for this store alone."""
    assert antenna.x is not None
    assert antenna.y is not None
    assert antenna.z is not None
    dx, dy, dz = x - antenna.x, y - antenna.y, 1.2 - antenna.z
    if antenna.z > 2:
        theta = math.degrees(math.atan2(math.hypot(dx, dy), -dz))
    else:
        ahead = dy if antenna.zone == "POS" or antenna.y < 7 else -dy
        theta = math.degrees(math.atan2(math.hypot(dx, dz), ahead))
    level = -34 - 40 * math.log10(max(math.hypot(dx, dy, dz), 0.6))
    level -= 1.2 * min(12 * (theta / 75) ** 2, 15)
    level += SHARE[antenna.zone] if antenna.power_dbm is None else antenna.power_dbm - 30
    if (x < 7) != (antenna.x < 7):
        at = y + (antenna.y - y) * (7 - x) / (antenna.x - x)
        level -= 0 if 6 < at < 8 else 12
    if (zone_of(x, y) == "FIT") != (antenna.zone == "FIT"):
        level -= 5
    return level


@pytest.fixture(scope="module")
def site() -> Site:
    return parse_site(STORE)


@pytest.fixture(scope="module")
def plan(site: Site) -> Plan:
    return make_plan(site)


def test_the_names_and_numbers_of_the_site_file(plan: Plan) -> None:
    assert plan.surveyed == "plan"
    assert plan.zones == ("BACK", "FLOOR_A", "FLOOR_B", "FIT", "POS")
    assert plan.zone_kind[3] is ZoneKind.FITTING_ROOM
    assert plan.devices == ("R1", "R2", "R3", "R4", "R5")
    assert plan.antennas[12:] == (("R4", 1), ("R4", 2), ("R4", 3), ("R5", 1), ("R5", 2))
    assert plan.antenna_device.tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 3 + [4] * 2
    assert plan.antenna_zone.tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [3, 3, 4, 2, 2]
    assert plan.antenna_exit.tolist() == [False] * 15 + [True] * 2
    assert plan.level_dbm.shape == (len(plan.x), 17)
    assert plan.level_dbm.dtype == np.float32


def test_levels_are_those_of_the_law(site: Site, plan: Plan) -> None:
    antennas = [antenna for device in site.devices for antenna in device.antennas]
    for g in range(0, len(plan.x), 7):
        expected = [by_hand(float(plan.x[g]), float(plan.y[g]), antenna) for antenna in antennas]
        assert plan.level_dbm[g] == pytest.approx(expected, abs=0.01), (plan.x[g], plan.y[g])


def test_a_position_for_each_square_metre_and_none_across_a_border(plan: Plan) -> None:
    count = Counter(plan.zones[z] for z in plan.position_zone)
    for zone, area in AREA_M2.items():
        assert count[zone] == pytest.approx(area, rel=0.2), zone
    for x, y, z in zip(plan.x, plan.y, plan.position_zone, strict=True):
        assert plan.zones[z] == zone_of(x, y)


def test_no_two_positions_are_near_each_other(plan: Plan) -> None:
    every = np.arange(len(plan.x))
    apart = plan.distances(every, every) + 99 * np.eye(len(every))
    assert apart.min() > 0.5
    assert apart.min(axis=1).max() < 1.5


def test_positions_at_the_exit(plan: Plan) -> None:
    # 3.5 m around the outline and the antennas, in the zone that the exit counts as: not behind the counter.
    near = np.hypot(np.maximum(23 - plan.x, 0), np.maximum(np.abs(plan.y - 7) - 1.5, 0)) <= 3.5
    floor = np.array([plan.zones[z] == "FLOOR_B" for z in plan.position_zone])
    assert plan.position_exit.tolist() == (near & floor).tolist()
    assert 15 < plan.position_exit.sum() < 40


def test_distances_are_straight_lines(plan: Plan) -> None:
    rows, columns = np.array([0, 5, 9]), np.array([5, 100])
    expected = np.hypot(plan.x[rows][:, None] - plan.x[columns], plan.y[rows][:, None] - plan.y[columns])
    assert plan.distances(rows, columns) == pytest.approx(expected)
    assert plan.distances(rows, columns).dtype == np.float64


def test_reach_is_less_through_the_door_of_a_stock_room(plan: Plan) -> None:
    assert plan.reach.dtype == np.float32
    assert plan.reach[0] == pytest.approx([1.0, 0.1, 0.03, 0.03, 0.03])
    assert plan.reach[1:, 1:] == pytest.approx(np.ones((4, 4)))
    assert (plan.reach == plan.reach.T).all()


def test_the_same_site_gives_the_same_plan(plan: Plan) -> None:
    again = make_plan(parse_site(STORE))
    for name in ("x", "y", "position_zone", "position_exit", "level_dbm", "reach"):
        assert getattr(again, name).tobytes() == getattr(plan, name).tobytes(), name


def test_a_wider_pitch_gives_fewer_positions(site: Site, plan: Plan) -> None:
    coarse = make_plan(site, pitch_m=2.0)
    assert 0.2 < len(coarse.x) / len(plan.x) < 0.35
    assert set(coarse.position_zone.tolist()) == set(range(5))


@pytest.mark.parametrize("name", ["main-street", "outlet"])
def test_demo_sites_with_their_plan(name: str) -> None:
    site = read_demo_site(name)
    plan = make_plan(site)
    loudest = plan.level_dbm.argmax(axis=1)
    at_home = plan.antenna_zone[loudest] == plan.position_zone
    inner = plan.level_dbm.max(axis=1) > -55
    assert at_home[inner].mean() > 0.9
    count = np.bincount(plan.position_zone, minlength=len(plan.zones))
    for number, zone in enumerate(plan.zones):
        outline = np.array(site.zone(zone).outline)
        assert 0 < count[number] <= 1.2 * np.prod(np.ptp(outline, axis=0)) + 8
    assert plan.position_exit.any()


@pytest.mark.parametrize("name", ["main-street", "outlet"])
@pytest.mark.parametrize("walls", [True, False])
def test_positions_only_finds_most_of_the_zones(name: str, walls: bool) -> None:
    site = read_demo_site(name)
    full, poor = make_plan(site), make_plan(without_outlines(site, walls=walls))
    assert poor.surveyed == "positions"
    assert poor.zones == full.zones
    # Of each square metre of the store, the nearest of the poorer positions is in the same zone.
    nearest = np.hypot(full.x[:, None] - poor.x, full.y[:, None] - poor.y)
    assert nearest.min(axis=1).max() < 2.5
    same = poor.position_zone[nearest.argmin(axis=1)] == full.position_zone
    assert same.mean() > 0.88
    assert poor.position_exit.any()


def test_a_listed_wall_parts_zones_that_have_no_outline(site: Site) -> None:
    # The back room's antennas are 1.8 m from the wall, those of the floor 2.3 m: the middle is not at the wall.
    with_walls, without = (make_plan(without_outlines(site, walls=walls)) for walls in (True, False))
    wrong = [
        sum(zone_of(x, y) != p.zones[z] for x, y, z in zip(p.x, p.y, p.position_zone, strict=True) if 6 < x < 8)
        for p in (with_walls, without)
    ]
    assert wrong[0] < wrong[1]


def test_positions_only_puts_nobody_into_the_street(site: Site) -> None:
    plan = make_plan(without_outlines(site))
    assert plan.x.max() < 24.6
    assert plan.position_exit.sum() > 10


def test_names_only_hears_an_item_best_at_its_own_antennas(site: Site) -> None:
    plan = make_plan(names_only(site))
    assert plan.surveyed == "zones"
    assert plan.pseudo.all()
    assert len(plan.x) == 3 * 17
    assert np.isfinite(plan.x).all()
    own = plan.level_dbm[np.arange(51), plan.pseudo_antenna]
    assert np.unique(own).tolist() == [-65.0, -58.0, -52.0]
    others = plan.level_dbm.copy()
    others[np.arange(51), plan.pseudo_antenna] = -999
    assert (others.max(axis=1) < own).all()
    back = plan.level_dbm[plan.pseudo_antenna == 0][1]  # at the middling distance of R1 port 1
    # Own, same zone, touching behind a wall, farther and behind a wall (with curtains: 5 more).
    assert back[[0, 1, 4, 8, 14, 12]].tolist() == [-58.0, -68.0, -86.0, -94.0, -94.0, -99.0]
    assert plan.position_exit.tolist() == plan.antenna_exit[plan.pseudo_antenna].tolist()


def test_names_only_has_distances_by_passages(site: Site) -> None:
    plan = make_plan(names_only(site))
    first = {zone: int(np.flatnonzero(plan.position_zone == n)[0]) for n, zone in enumerate(plan.zones)}
    back = np.array([first["BACK"]])
    to = np.array([back[0], back[0] + 1, back[0] + 3, first["FLOOR_A"], first["FLOOR_B"], first["POS"]])
    assert plan.distances(back, to).tolist() == [[0.0, 0.0, 4.0, 8.0, 16.0, 24.0]]
    # The made-up coordinates lie about as far apart.
    made_up = np.hypot(plan.x[to] - plan.x[back], plan.y[to] - plan.y[back])
    assert (np.diff(made_up) >= 0).all()
