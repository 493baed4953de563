"""The air interface: sessions, power, air time, and who looks when."""

from dataclasses import replace

import numpy as np
import pytest

from simulator.air import Reads
from simulator.errors import StoreError, UnknownDeviceError, UnknownPortError
from simulator.levels import EASY, HOSTILE, Level, Outage
from simulator.looking import Looking
from simulator.sites import read_demo_site
from simulator.store import Store
from tests.simulator.simulated_sites import plain_site
from wire.site import ZoneKind

FLOOR = Looking(ports=(1,), every_second=True)


def quiet_store(level: Level | str = EASY) -> Store:
    """A store in which hardly anything moves, and where only one floor antenna looks (R2, port 1)."""
    store = Store(read_demo_site("main-street"), level, 7, items=300, busy=0.01)
    for device in ("R1", "R3", "R4", "R5"):
        store.set_looking(device, None)
    return store


def run(store: Store, seconds: int) -> list[Reads]:
    return [store.step(store.next_s) for _ in range(seconds)]


def gaps(reads: list[Reads]) -> list[int]:
    """Seconds between two reads of the same tag."""
    last: dict[int, int] = {}
    found = []
    for second in reads:
        for item in second.item.tolist():
            if item in last:
                found.append(second.t_s - last[item])
            last[item] = second.t_s
    return found


def test_nobody_looks_nothing_is_read() -> None:
    store = quiet_store()
    store.set_looking("R2", None)
    for reads in run(store, 5):
        assert len(reads) == len(reads.look_antenna) == 0


def test_the_columns_are_aligned_and_sorted() -> None:
    store = Store(read_demo_site("outlet"), "hostile", 3, items=500)
    for reads in run(store, 20):
        n = len(reads)
        assert n > 0
        assert {len(reads.item), len(reads.antenna), len(reads.rssi_cdbm), len(reads.offset_us)} == {n}
        assert (np.diff(reads.offset_us) >= 0).all()
        assert reads.offset_us.min() >= 0
        assert reads.offset_us.max() < 1_000_000
        assert (reads.rssi_cdbm % 50 == 0).all()
        assert (reads.rssi_cdbm > -8_050).all()
        assert set(reads.antenna.tolist()) <= set(reads.look_antenna.tolist())


def test_by_default_exit_ports_look_every_second_and_others_in_turn() -> None:
    store = Store(read_demo_site("main-street"), EASY, 1, items=100)
    looks = [{(store.antennas[a].device, store.antennas[a].port) for a in r.look_antenna} for r in run(store, 8)]
    for t_s, look in enumerate(looks):
        assert {("R5", 1), ("R5", 2)} <= look
        assert {port for device, port in look if device == "R1"} == {t_s % 4 + 1}
        assert {port for device, port in look if device == "R4"} == {t_s % 3 + 1}


def test_ports_share_a_second_when_told_to() -> None:
    store = quiet_store()
    store.set_looking("R2", Looking(ports=(1, 2, 4), every_second=True))
    (reads,) = run(store, 1)
    assert [store.antennas[a].port for a in reads.look_antenna] == [1, 2, 4]
    assert reads.look_ms.tolist() == [333, 333, 333]


def test_in_s1_a_tag_is_silent_after_a_read_and_in_s0_it_is_not() -> None:
    store = quiet_store()
    store.set_looking("R2", FLOOR)
    s1 = gaps(run(store, 60))
    store.set_looking("R2", Looking(ports=(1,), every_second=True, session=0))
    run(store, 6)
    s0 = gaps(run(store, 60))
    assert s0.count(1) > 0.85 * len(s0)
    assert s1.count(1) < 0.4 * len(s1)
    assert 2.5 < np.mean(s1) < 4.0
    assert max(s1.count(gap) for gap in range(1, 6)) < 0.4 * len(s1), "spread over 0.5 to 5 s"


def test_with_a_single_target_in_s2_a_present_tag_falls_silent() -> None:
    store = quiet_store()
    single = Looking(ports=(1,), every_second=True, session=2)
    store.set_looking("R2", single)
    first = sum(len(reads) for reads in run(store, 20))
    later = sum(len(reads) for reads in run(store, 20))
    assert later < first / 3
    store.set_looking("R2", Looking(ports=(1,), every_second=True, session=2, dual_target=True))
    assert sum(len(reads) for reads in run(store, 20)) > first


def test_less_power_reads_fewer_tags_and_weaker() -> None:
    counts, strongest = [], []
    for power in (30.0, 24.0, 15.0):
        store = quiet_store()
        store.set_looking("R2", Looking(ports=(1,), every_second=True, session=0, power_dbm={1: power}))
        reads = run(store, 10)
        counts.append(len({item for second in reads for item in second.item.tolist()}))
        strongest.append(max(int(second.rssi_cdbm.max(initial=-9_999)) for second in reads))
    assert counts[0] > 1.3 * counts[1] > 2 * counts[2]
    assert strongest[0] - strongest[1] == pytest.approx(600, abs=250)


def test_air_time_bounds_the_reads_of_a_reader() -> None:
    store = Store(read_demo_site("main-street"), "realistic", 2, items=900)
    for reads in run(store, 30):
        for device in ("R1", "R2", "R5"):
            mine = store.reads_of(reads, device)
            unique = len(set(zip(mine.item.tolist(), mine.antenna.tolist(), strict=True)))
            assert unique <= 30


def test_strong_tags_are_near() -> None:
    store = quiet_store()
    store.set_looking("R2", Looking(ports=(1,), every_second=True, session=0))
    reads = run(store, 5)
    place = store.positions()
    antenna = store.antennas[store.reads_of(reads[0], "R2").look_antenna[0]]
    near, far = [], []
    for second in reads:
        away = np.hypot(*(place[second.item] - [antenna.x, antenna.y]).T)
        near += second.rssi_cdbm[away < 1.5].tolist()
        far += second.rssi_cdbm[away > 5].tolist()
    assert np.mean(near) > np.mean(far) + 1_000


def test_one_device_sees_only_its_own_reads() -> None:
    store = Store(plain_site("bare"), "realistic", 1)
    (reads,) = run(store, 1)
    parts = [store.reads_of(reads, device) for device in ("R1", "R2", "R3")]
    assert sum(map(len, parts)) == len(reads)
    assert sum(len(part.look_antenna) for part in parts) == len(reads.look_antenna)
    for device, part in zip(("R1", "R2", "R3"), parts, strict=True):
        assert {store.antennas[a].device for a in part.antenna} <= {device}


def test_a_level_lets_readers_fail() -> None:
    store = Store(read_demo_site("outlet"), "hostile", 1)
    assert store.is_out("R1", 6_000)
    assert not store.is_out("R1", 5_000)
    assert not store.is_out("R1", 7_300)
    assert store.is_out("R6", 8_000)
    store = Store(read_demo_site("outlet"), replace(HOSTILE, outages=(Outage(ZoneKind.BACK_ROOM, 0.0, 0.1),)), 1)
    looked = [{store.antennas[a].device for a in reads.look_antenna} for reads in run(store, 8)]
    assert ["R1" in devices for devices in looked] == [False] * 6 + [True] * 2


def test_unknown_devices_ports_and_sessions_are_refused() -> None:
    store = Store(plain_site("bare"), EASY, 1)
    with pytest.raises(UnknownDeviceError, match="R9"):
        store.set_looking("R9", None)
    with pytest.raises(UnknownPortError, match="port 7 of device 'R1'"):
        store.set_looking("R1", Looking(ports=(1, 7)))
    with pytest.raises(UnknownPortError, match="port 9"):
        store.set_looking("R1", Looking(ports=(1,), power_dbm={9: 30.0}))
    with pytest.raises(StoreError, match="session 4"):
        store.set_looking("R1", Looking(ports=(1,), session=4))
    assert store.looking("R1") == Looking(ports=(1, 2, 3, 4))
