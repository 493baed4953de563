"""Any valid site file gives a plan that an engine can work with."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.presence.plan import POSITIONS_MAX, make_plan
from wire.site import Antenna, Device, Driver, Site, Wall, Zone, ZoneKind

metres = st.floats(-40, 40, allow_nan=False).map(lambda value: round(value, 2))
anywhere = metres | st.floats(-10_000, 10_000, allow_nan=False)
point = st.tuples(anywhere, anywhere)
box = st.tuples(metres, metres, st.floats(0.1, 30), st.floats(0.1, 30)).map(
    lambda b: ((b[0], b[1]), (b[0] + b[2], b[1]), (b[0] + b[2], b[1] + b[3]), (b[0], b[1] + b[3]))
)
outlines = st.just(()) | box | st.lists(point, min_size=3, max_size=7).map(tuple)


def maybe(values: st.SearchStrategy[float]) -> st.SearchStrategy[float | None]:
    return st.none() | values


@st.composite
def sites(draw: st.DrawFn) -> Site:
    names = [f"Z{n}" for n in range(draw(st.integers(1, 6)))]
    zones = tuple(
        Zone(
            id=name,
            kind=draw(st.sampled_from(list(ZoneKind))),
            sellable=True,
            counts_as=draw(st.sampled_from([name, name, *names])),
            outline=draw(outlines),
            floor=draw(st.sampled_from([0, 0, 0, 1, -2])),
        )
        for name in names
    )
    pairs = st.tuples(st.sampled_from(names), st.sampled_from(names))
    devices = tuple(
        Device(f"R{n}", Driver.LLRP, "a", "edge-1", antennas=tuple(draw(antennas(port, names)) for port in range(1, 5)))
        for n in range(draw(st.integers(0, 3)))
    )
    walls = draw(st.lists(st.builds(Wall, point, point, st.floats(0, 100)), max_size=4))
    return Site("s", "s", "UTC", zones, tuple(draw(st.lists(pairs, max_size=5))), devices, tuple(walls))


@st.composite
def antennas(draw: st.DrawFn, port: int, names: list[str]) -> Antenna:
    return Antenna(
        port=port,
        zone=draw(st.sampled_from(names)),
        x=draw(maybe(anywhere)),
        y=draw(maybe(anywhere)),
        z=draw(maybe(st.floats(-2, 20))),
        aim=draw(maybe(st.floats(-360, 360))),
        tilt=draw(maybe(st.floats(-360, 360))),
        gain_dbi=draw(maybe(st.floats(-50, 50))),
        power_dbm=draw(maybe(st.floats(0, 36))),
    )


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sites())
def test_any_site_gives_a_whole_plan(site: Site) -> None:
    plan = make_plan(site)
    positions, count, heard_by = len(plan.x), len(plan.zones), len(plan.antennas)
    assert set(plan.zones) == {zone.counts_as for zone in site.zones}
    assert set(plan.position_zone.tolist()) == set(range(count))
    assert 1 <= positions <= POSITIONS_MAX
    assert plan.level_dbm.shape == (positions, heard_by)
    assert np.isfinite(plan.level_dbm).all()
    assert plan.level_dbm.max(initial=-200.0) < 10.0
    assert np.isfinite(plan.x).all()
    assert np.isfinite(plan.y).all()
    assert plan.antenna_zone.shape == plan.antenna_device.shape == plan.antenna_exit.shape == (heard_by,)
    assert ((plan.reach > 0) & (plan.reach <= 1) & (plan.reach == plan.reach.T)).all()
    some = np.arange(0, positions, max(1, positions // 50))
    apart = plan.distances(some, some)
    assert np.isfinite(apart).all()
    assert (apart.diagonal() == 0).all()
    assert np.allclose(apart, apart.T)
    assert (apart >= 0).all()
    assert make_plan(site).level_dbm.tobytes() == plan.level_dbm.tobytes()


@settings(max_examples=25, deadline=None)
@given(box, st.lists(st.tuples(metres, metres), min_size=1, max_size=4), st.floats(2.0, 6.0))
def test_levels_fall_with_the_distance_from_an_antenna_that_looks_down(
    outline: tuple[tuple[float, float], ...], spots: list[tuple[float, float]], height: float
) -> None:
    zone = Zone("HALL", ZoneKind.SALES_FLOOR, True, "HALL", outline)
    listed = tuple(Antenna(port, "HALL", x, y, height) for port, (x, y) in enumerate(spots, 1))
    plan = make_plan(Site("s", "s", "UTC", (zone,), (), (Device("R", Driver.LLRP, "a", "e", antennas=listed),)))
    for number, (x, y) in enumerate(spots):
        nearest_first = np.argsort(np.hypot(plan.x - x, plan.y - y))
        assert (np.diff(plan.level_dbm[nearest_first, number]) <= 1e-3).all()
