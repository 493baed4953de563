"""The simple tracker's rules, one test each, on a shop of four zones; and that it is deterministic."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.presence import Window, ZoneChange, make_tracker, restore_tracker
from gateway.presence.simple import SimpleTracker
from gateway.presence.tracker import SnapshotError, Tracker
from wire.site import Site
from wire.site_file import parse_site

SITE = """\
site: s
zones:
  - {id: BACK, kind: back_room}
  - {id: FLOOR, kind: sales_floor}
  - {id: EXIT, kind: exit, counts_as: FLOOR}
  - {id: DARK, kind: window}
devices:
  - id: R1
    driver: llrp
    address: a
    antennas: [{port: 1, zone: BACK}, {port: 2, zone: FLOOR}, {port: 3, zone: EXIT}]
"""
R2 = """\
  - id: R2
    driver: llrp
    address: b
    antennas: [{port: 1, zone: BACK}]
"""
S = 1_000_000
ANTENNAS = (("R1", 1), ("R1", 2), ("R1", 3), ("ghost", 1))
BACK, FLOOR, EXIT, UNKNOWN = range(4)
Seen = tuple[int, int, int]  # item, antenna, RSSI in dBm


@pytest.fixture
def site() -> Site:
    return parse_site(SITE)


def window(second: int, *seen: Seen, on: bool = True, reads: int = 2) -> Window:
    column = np.array(seen or np.empty((0, 3)), np.int32).reshape(-1, 3)
    n = len(column)
    start = (1_000 + second) * S
    return Window(
        start_us=start,
        end_us=start + S,
        antennas=ANTENNAS,
        inventory_ms=np.full(4, 333 if on else 0, np.int32),
        item=column[:, 0],
        antenna=column[:, 1],
        count=np.full(n, reads, np.int32),
        rssi_peak_cdbm=column[:, 2] * 100,
        rssi_mean_cdbm=column[:, 2] * 100,
        first_us=np.full(n, start + 100_000, np.int64),
        last_us=np.full(n, start + 600_000, np.int64),
    )


def run(tracker: Tracker, first: int, seconds: int, *seen: Seen, on: bool = True) -> list[ZoneChange]:
    changes = []
    for second in range(first, first + seconds):
        changes += tracker.tick((1_000 + second) * S)
        changes += tracker.observe(window(second, *seen, on=on))
    return changes


def moves(changes: list[ZoneChange]) -> list[tuple[int, str, str, str]]:
    return [(change.item, change.from_zone, change.to_zone, change.cause) for change in changes]


def test_an_item_appears_where_it_is_strongest(site: Site) -> None:
    changes = run(make_tracker(site), 0, 1, (0, BACK, -60), (0, FLOOR, -52))
    assert moves(changes) == [(0, "OUT", "FLOOR", "appeared")]
    assert changes[0].first_read_us == 1_000 * S + 100_000
    assert changes[0].decided_us == 1_000 * S + 600_000
    assert changes[0].probability is None


def test_one_read_does_not_make_an_item(site: Site) -> None:
    tracker = make_tracker(site)
    assert tracker.observe(window(0, (0, BACK, -60), reads=1)) == []
    assert moves(tracker.observe(window(1, (0, BACK, -60), reads=1))) == [(0, "OUT", "BACK", "appeared")]


def test_silence_moves_nothing(site: Site) -> None:
    tracker = make_tracker(site)
    run(tracker, 0, 1, (0, BACK, -55))
    assert run(tracker, 1, 600) == []


def test_a_weaker_stray_moves_nothing_and_a_stronger_zone_does(site: Site) -> None:
    tracker = make_tracker(site)
    run(tracker, 0, 30, (0, BACK, -55))
    assert run(tracker, 30, 60, (0, BACK, -55), (0, FLOOR, -54)) == []
    changes = run(tracker, 90, 30, (0, FLOOR, -55))
    assert moves(changes) == [(0, "BACK", "FLOOR", "moved")]
    assert changes[0].first_read_us < changes[0].decided_us < 1_120 * S


def test_leaving_needs_the_exit_to_hear_it_last_and_loud(site: Site) -> None:
    for seen, leaves in (((0, EXIT, -50), True), ((0, EXIT, -75), False), ((0, FLOOR, -50), False)):
        tracker = make_tracker(site)
        run(tracker, 0, 10, (0, FLOOR, -55))
        run(tracker, 10, 2, seen)
        changes = run(tracker, 12, 60)
        assert moves(changes) == ([(0, "FLOOR", "OUT", "left")] if leaves else [])


def test_a_dead_reader_empties_no_shop(site: Site) -> None:
    tracker = make_tracker(site)
    run(tracker, 0, 10, (0, FLOOR, -55))
    run(tracker, 10, 1, (0, EXIT, -50))
    assert run(tracker, 11, 3_600, on=False) == []
    assert moves(run(tracker, 3_611, 60)) == [(0, "FLOOR", "OUT", "left")]


def test_what_left_comes_back_when_it_is_read(site: Site) -> None:
    tracker = make_tracker(site)
    run(tracker, 0, 2, (0, EXIT, -50))
    run(tracker, 2, 60)
    assert moves(run(tracker, 62, 1, (0, BACK, -60))) == [(0, "OUT", "BACK", "returned")]


def test_late_evidence_never_moves_an_item_back(site: Site) -> None:
    tracker = SimpleTracker(site)
    run(tracker, 0, 30, (0, FLOOR, -55))
    assert run(tracker, -500, 400, (0, BACK, -30)) == []
    assert tracker.late == 400


def test_a_zone_is_blind_when_none_of_its_antennas_looks(site: Site) -> None:
    tracker = make_tracker(site)
    assert tracker.blind_zones() == frozenset()
    run(tracker, 0, 30, (0, FLOOR, -55))
    assert tracker.blind_zones() == frozenset()
    assert run(tracker, 30, 30, on=False) == []
    assert tracker.blind_zones() == {"BACK", "FLOOR"}  # DARK has no antenna: it is not watched, so not blind
    run(tracker, 60, 1)
    assert tracker.blind_zones() == frozenset()


def test_a_backlog_makes_no_zone_live(site: Site) -> None:
    tracker = make_tracker(site)
    tracker.tick(5_000 * S)
    for second in range(30):
        tracker.observe(window(second))  # looked at more than an hour ago, and told now
    assert tracker.blind_zones() == {"BACK", "FLOOR"}
    tracker.observe(window(4_000 - 30))
    assert tracker.blind_zones() == frozenset()


def test_a_clock_that_was_ahead_does_not_keep_zones_live(site: Site) -> None:
    tracker = make_tracker(site)
    run(tracker, 0, 10)
    tracker.tick((1_010 + 3_600) * S)
    run(tracker, 10, 5)  # the clock is set back
    assert tracker.blind_zones() == frozenset()
    run(tracker, 15, 30, on=False)
    assert tracker.blind_zones() == {"BACK", "FLOOR"}


def test_what_a_zone_looked_at_before_the_exit_heard_an_item_is_no_silence() -> None:
    """One edge was cut off and drains its windows from before; only those from after the exit's read count."""
    site = parse_site(SITE.replace("{port: 1, zone: BACK}, ", "") + R2)

    def seen(second: int, looking: set[int], *seen: Seen) -> Window:
        inventory_ms = np.array([333 * (i in looking) for i in range(4)], np.int32)
        antennas = (("R2", 1), *ANTENNAS[1:])
        return replace(window(second, *seen, reads=1), antennas=antennas, inventory_ms=inventory_ms)

    tracker = make_tracker(site)
    for second in range(10):
        tracker.observe(seen(second, {BACK, FLOOR, EXIT}, (0, BACK, -40)))
    for second in range(10, 80):
        at_exit = [(0, EXIT, -60)] if 40 <= second < 50 else []
        assert tracker.observe(seen(second, {FLOOR, EXIT}, *at_exit)) == []
    for second in range(10, 50):
        assert tracker.observe(seen(second, {BACK})) == []
    (left,) = [change for second in range(50, 80) for change in tracker.observe(seen(second, {BACK}))]
    assert (left.from_zone, left.to_zone) == ("BACK", "OUT")
    assert left.decided_us >= left.happened_us + 12 * S


def test_the_first_read_is_that_of_the_zone_not_of_its_last_antenna() -> None:
    site = parse_site(SITE.replace("{port: 2, zone: FLOOR}", "{port: 2, zone: FLOOR}, {port: 4, zone: FLOOR}"))
    both = window(0, (0, FLOOR, -50), (0, UNKNOWN, -50))
    start_us = both.start_us
    first_us = np.array([start_us + 1_000, start_us + 500_000], np.int64)
    (change,) = make_tracker(site).observe(replace(both, antennas=(*ANTENNAS[:3], ("R1", 4)), first_us=first_us))
    assert change.first_read_us == start_us + 1_000


def test_an_antenna_that_the_site_does_not_name_is_ignored(site: Site) -> None:
    assert run(make_tracker(site), 0, 5, (0, UNKNOWN, -30)) == []


def test_a_zone_added_to_the_site_file_keeps_the_others(site: Site) -> None:
    tracker = make_tracker(site)
    run(tracker, 0, 5, (0, BACK, -55))
    wider = parse_site(SITE.replace("zones:\n", "zones:\n  - {id: NEW, kind: receiving}\n"))
    again = restore_tracker(wider, tracker.snapshot())
    assert run(again, 5, 5, (0, BACK, -55)) == []
    assert moves(run(again, 10, 60, (0, FLOOR, -50))) == [(0, "BACK", "FLOOR", "moved")]


@pytest.mark.parametrize("garbage", [b"", b"\x00", b"\x97\x63\x90\x00\x00\x00\x80\x80"])
def test_a_foreign_snapshot_is_refused(site: Site, garbage: bytes) -> None:
    with pytest.raises(SnapshotError):
        restore_tracker(site, garbage)


seconds = st.lists(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(-80, -30)), max_size=8, unique_by=lambda x: x[:2]
    ),
    max_size=40,
)


@given(seconds, st.integers(0, 39), st.randoms(use_true_random=False))
def test_order_in_a_window_and_a_restart_change_nothing(story: list[list[Seen]], cut: int, random: object) -> None:
    site = parse_site(SITE)
    straight, broken = make_tracker(site), make_tracker(site)
    for second, seen in enumerate(story):
        if second == cut:
            broken = restore_tracker(site, broken.snapshot())
        shuffled = list(seen)
        random.shuffle(shuffled)  # type: ignore[attr-defined]
        assert straight.observe(window(second, *seen)) == broken.observe(window(second, *shuffled))
    assert straight.snapshot() == broken.snapshot()
