"""The plan of a store: from outlines, from antenna positions, from nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.antennas import Antennas
from simulator.canvas import EMPTY
from simulator.floorplan import FloorPlan
from simulator.sites import demo_sites, read_demo_site
from simulator.store import Store
from tests.simulator.simulated_sites import PLAIN, flagship, plain_site
from wire.site import Antenna, Device, Driver, Site, Wall, Zone, ZoneKind


def zone_of(plan: FloorPlan, x: float, y: float, level: int = 0) -> str:
    return plan.names[int(plan.zone_at(np.array([x]), np.array([y]), np.array([level]))[0])]


def contains(polygon: tuple[tuple[float, float], ...], x: float, y: float) -> bool:
    """Even-odd rule, one point at a time."""
    inside = False
    for (ax, ay), (bx, by) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        if (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax:
            inside = not inside
    return inside


@pytest.mark.parametrize("name", demo_sites())
def test_outlines_decide_where_zones_are(name: str) -> None:
    site = read_demo_site(name)
    plan = FloorPlan(site)
    rng = np.random.default_rng(5)
    for x, y in rng.uniform(0, 24, (400, 2)):
        holders = [zone.id for zone in site.zones if contains(zone.outline, x, y)]
        near_border = any(
            {z.id for z in site.zones if contains(z.outline, x + dx, y + dy)} != set(holders)
            for dx in (-0.26, 0.26)
            for dy in (-0.26, 0.26)
        )
        if holders and not near_border:
            assert zone_of(plan, x, y) in holders


def test_the_smaller_outline_lies_on_top() -> None:
    plan = FloorPlan(read_demo_site("main-street"))
    assert zone_of(plan, 2.0, 9.0) == "FIT"
    assert zone_of(plan, 12.7, 0.8) == "EXIT"
    assert zone_of(plan, 12.7, 3.0) == "FLOOR_MEN"


def test_an_l_shape_has_no_cells_in_its_corner() -> None:
    plan = FloorPlan(read_demo_site("outlet"))
    column, row = plan.canvas.column_row(np.array([20.0]), np.array([20.0]))
    assert plan.canvas.cells[0, row[0], column[0]] == EMPTY


@pytest.mark.parametrize("name", PLAIN)
def test_every_zone_gets_a_place(name: str) -> None:
    plan = FloorPlan(plain_site(name))
    for number, zone in enumerate(plan.zones):
        area = plan.area_m2(number)
        assert area >= (20 if zone.kind in (ZoneKind.SALES_FLOOR, ZoneKind.BACK_ROOM) else 2), (zone.id, area)


@pytest.mark.parametrize("site", [plain_site("bare"), plain_site("positions"), flagship()], ids=lambda site: site.id)
def test_passages_become_doors(site: Site) -> None:
    plan = FloorPlan(site)
    for a, b in site.passages:
        pair = tuple(sorted((plan.names.index(a), plan.names.index(b))))
        if site.id == "flagship" and {a, b} <= {"BACK_1", "BACK_2", "FLOOR_0", "RECEIVING"}:
            continue  # three rooms that all touch each other do not fit in one column
        assert pair in plan.doors, f"{a} and {b} do not touch"


def test_antennas_without_a_position_hang_in_their_zone() -> None:
    site = flagship()
    plan = FloorPlan(site)
    for antenna in Antennas(site, plan).placed:
        assert zone_of(plan, antenna.x, antenna.y, antenna.level) == antenna.zone


def test_a_portal_stands_on_both_sides_of_its_door_and_looks_across() -> None:
    site = plain_site("bare")
    plan = FloorPlan(site)
    left, right = (a for a in Antennas(site, plan).placed if a.zone == "EXIT")
    door = next(door for door in plan.street_doors if plan.names[door.zone] == "EXIT")
    assert np.hypot(left.x - right.x, left.y - right.y) == pytest.approx(2.2)
    across = np.array([left.x - right.x, left.y - right.y]) / 2.2
    assert abs(across @ [door.out_x, door.out_y]) < 1e-9
    assert np.dot(left.looks, right.looks) == pytest.approx(-1.0)
    assert np.dot(left.looks[:2], across) == pytest.approx(-1.0), "each looks at the other"


def test_antenna_positions_decide_where_zones_are() -> None:
    site = plain_site("positions")
    plan = FloorPlan(site)
    for device in site.devices:
        for antenna in device.antennas:
            assert antenna.x is not None
            assert antenna.y is not None
            assert zone_of(plan, antenna.x, antenna.y) == antenna.zone


def test_without_walls_in_the_file_the_back_room_gets_walls_with_a_door() -> None:
    site = plain_site("positions")
    plan = FloorPlan(site)
    assert [barrier.loss_db for barrier in plan.walls.barriers if barrier.solid] == [12.0]
    back, floor = plan.names.index("BACK"), plan.names.index("FLOOR_A")
    x, y = plan.doors[back, floor]
    step = np.array([[x - 0.5, y]]), np.array([[x + 0.5, y]])
    assert not plan.walls.stops(*step, 0)[0], "the door is open"
    beside = np.array([[x - 2.0, y - 2.5]]), np.array([[x + 2.0, y - 2.5]])
    assert plan.walls.stops(*beside, 0)[0], "the wall is not"


def test_walls_of_the_file_stand_alone() -> None:
    site = read_demo_site("main-street")
    plan = FloorPlan(site)
    solid = [barrier for barrier in plan.walls.barriers if barrier.solid]
    assert len(solid) == len(site.walls) == 2
    assert plan.doors[0, 1] == pytest.approx((8.4, 10.5), abs=0.3), "the door stands in the gap of the wall"


def test_a_wall_that_closes_a_passage_gets_a_door() -> None:
    site = read_demo_site("main-street")
    closed = Site(
        **{name: getattr(site, name) for name in site.__slots__} | {"walls": (Wall((0, 10.5), (20, 10.5), 9),)}
    )
    plan = FloorPlan(closed)
    (barrier,) = (barrier for barrier in plan.walls.barriers if barrier.solid)
    assert len(barrier.segments) == 2
    assert barrier.segments[1][0] - barrier.segments[0][2] == pytest.approx(2.0)


def test_street_doors_stand_at_the_portal_and_lead_out() -> None:
    plan = FloorPlan(read_demo_site("outlet"))
    south, west = plan.street_doors
    assert (south.x, south.y) == pytest.approx((21.8, 0.0), abs=0.3)
    assert (south.out_x, south.out_y) == (0.0, -1.0)
    assert (west.x, west.y) == pytest.approx((0.0, 4.6), abs=0.3)
    assert (west.out_x, west.out_y) == (-1.0, 0.0)


def test_outlines_for_drawing_enclose_the_cells() -> None:
    site = plain_site("bare")
    plan = FloorPlan(site)
    for name, polygons in plan.outlines().items():
        number = plan.names.index(name)
        area = sum(
            (ax * by - bx * ay) / 2
            for polygon in polygons
            for (ax, ay), (bx, by) in zip(polygon, [*polygon[1:], polygon[0]], strict=True)
        )
        assert area == pytest.approx(plan.area_m2(number))


@st.composite
def any_site(draw: st.DrawFn) -> Site:
    """Any zones of any kinds on two levels, any passages, some outlines, some antennas, some positions."""
    count = draw(st.integers(1, 7))
    names = [f"Z{k}" for k in range(count)]
    point = st.tuples(st.floats(0, 30), st.floats(0, 30))
    zones = []
    for name in names:
        corner = draw(st.none() | point)
        outline: tuple[tuple[float, float], ...] = ()
        if corner is not None:
            x, y = corner
            width, depth = draw(st.tuples(st.floats(0.1, 12), st.floats(0.1, 12)))
            outline = ((x, y), (x + width, y), (x + width, y + depth), (x, y + depth))
        kind = draw(st.sampled_from(ZoneKind))
        zones.append(
            Zone(
                name,
                kind,
                sellable=True,
                counts_as=draw(st.sampled_from(names)),
                outline=outline,
                floor=draw(st.integers(0, 1)),
            )
        )
    passages = draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from(names)), max_size=6))
    antennas = []
    for port in range(1, draw(st.integers(0, 5)) + 1):
        at = draw(st.none() | point) or (None, None)
        antennas.append(Antenna(port, draw(st.sampled_from(names)), *at))
    device = Device("R1", Driver.LLRP, "127.0.0.1:0", "edge-1", antennas=tuple(antennas))
    walls = tuple(Wall(a, b, 10.0) for a, b in draw(st.lists(st.tuples(point, point), max_size=2)))
    return Site("any", "Any", "UTC", tuple(zones), tuple(passages), (device,), walls)


@settings(max_examples=60, deadline=None)
@given(any_site())
def test_any_site_file_gives_a_plan(site: Site) -> None:
    plan = FloorPlan(site)
    for number in range(len(site.zones)):
        assert plan.area_m2(number) > 0
    assert plan.street_doors
    assert len(Antennas(site, plan)) == len(site.devices[0].antennas)
    middle = plan.canvas.xs().mean(), plan.canvas.ys().mean()
    for level in range(len(plan.floors)):
        assert zone_of(plan, *middle, level) in plan.names


@settings(max_examples=25, deadline=None)
@given(any_site())
def test_any_site_file_gives_a_store_that_lives(site: Site) -> None:
    store = Store(site, "hostile", 1, items=60, busy=40, haste=20, hours=0.02)
    for t_s in range(80):
        store.step(t_s)
    out = len(store.zones) - 1
    assert ((store.truth() >= 0) & (store.truth() <= out)).all()
