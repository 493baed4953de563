"""From events to reads and looks, with a clock that the test owns."""

from __future__ import annotations

from typing import Any

import pytest

from edge.drivers.standing import Standing
from edge.iot.events import AntennaState, Heartbeat, Inventory, Overflow, Tag
from edge.iot.limits import REMARK_S
from edge.iot.numbering import EventNumbers
from edge.iot.taker import EventTaker
from tests.edge.drivers.contract import Told
from tests.edge.fake_driver import ManualTime
from wire.messages import AntennaSettings

EPC = bytes(range(12))
ALL = {1: AntennaSettings(session=1), 2: AntennaSettings(session=2)}


class Bench:
    def __init__(self, ports: tuple[int, ...] = (1, 2)) -> None:
        self.time = ManualTime()
        host = self.time.host()
        self.told = Told()
        self.standing = Standing("R7", "impinj_iot", host)
        self.standing.tell_to(self.told.events.append)
        self.taker = EventTaker("R7", ports, host, self.standing)
        self.taker.hand_to(self.told.sink())

    def running(self) -> None:
        self.taker.asked(ALL)
        self.taker.runs(running=True)
        self.taker.heard(self.time.now_s)

    def heard_after(self, seconds: float) -> list[int]:
        self.time.pass_s(seconds)
        self.taker.heard(self.time.now_s)
        return self.looked()

    def looked(self) -> list[int]:
        return [look.inventory_ms for look in self.taker.looked()]

    def tag(self, **more: Any) -> Tag:
        now_us = self.time.wall_us
        return Tag(EPC, 1, -5_500, now_us, now_us)._replace(**more)

    def events(self) -> list[tuple[str, str]]:
        return [(event.what, event.detail) for event in self.told.events]


def test_ports_share_the_time_up_to_the_last_sign_of_life() -> None:
    bench = Bench()
    bench.running()
    assert bench.looked() == [0, 0]
    assert bench.heard_after(3.0) == [1_500, 1_500]
    bench.time.pass_s(60.0)
    assert bench.looked() == [0, 0], "nobody said that it lives"
    bench.taker.ended()
    assert bench.looked() == [0, 0]


def test_the_time_between_two_sessions_is_nobodys() -> None:
    bench = Bench()
    bench.running()
    bench.taker.ended()
    bench.time.pass_s(600.0)
    bench.running()
    assert bench.looked() == [0, 0]
    assert bench.heard_after(2.0) == [1_000, 1_000]
    bench.taker.ended()
    bench.time.pass_s(1.0)
    bench.taker.heard(bench.time.now_s)
    assert bench.heard_after(1.0) == [0, 0], "a sign of life does not say that it runs"


def test_only_what_runs_looks() -> None:
    bench = Bench()
    bench.taker.asked(ALL)
    bench.taker.heard(bench.time.now_s)
    assert bench.heard_after(2.0) == [0, 0]
    bench.running()
    assert bench.heard_after(2.0) == [1_000, 1_000]
    bench.time.pass_s(1.0)
    bench.taker.take([Inventory("armed")])
    bench.taker.heard(bench.time.now_s)
    assert bench.looked() == [500, 500], "it ran until it said that it does not"
    assert bench.heard_after(5.0) == [0, 0]


def test_settings_are_said_once_and_again_when_they_change() -> None:
    bench = Bench()
    bench.taker.asked(ALL)
    assert [look.settings for look in bench.taker.looked()] == [ALL[1], ALL[2]]
    bench.taker.asked(ALL)
    assert [look.settings for look in bench.taker.looked()] == [None, None]
    changed = {**ALL, 2: AntennaSettings(session=3)}
    bench.taker.asked(changed)
    assert [look.settings for look in bench.taker.looked()] == [None, changed[2]]


def test_a_port_that_is_not_asked_to_look_does_not() -> None:
    bench = Bench()
    bench.taker.asked({1: ALL[1], 5: ALL[2]})
    bench.taker.runs(running=True)
    bench.taker.heard(bench.time.now_s)
    assert bench.heard_after(2.0) == [2_000, 0]
    assert bench.events() == [("config_differs", "port 2: the reader is not told to inventory it")]


def test_an_antenna_that_reads_is_not_unplugged() -> None:
    bench = Bench()
    bench.running()
    bench.taker.take([AntennaState(port, connected=False) for port in (2, 2, 7)])
    bench.taker.heard(bench.time.now_s)
    assert bench.heard_after(1.0) == [1_000, 0]
    bench.taker.take([bench.tag(port=2)])
    assert [what for what, _ in bench.events()] == ["antenna_down"], "reads of that moment prove nothing"
    bench.time.pass_s(5.0)
    bench.taker.take([bench.tag(port=2)])
    assert [what for what, _ in bench.events()] == ["antenna_down", "antenna_up"]
    bench.taker.heard(bench.time.now_s)
    bench.looked()
    assert bench.heard_after(1.0) == [500, 500]


@pytest.mark.parametrize(
    ("seen", "made", "quality", "remarks"),
    [
        (True, True, "synced", 0),
        (True, False, "synced", 0),
        (False, True, "estimated", 1),
        (False, False, "unknown", 1),
    ],
)
def test_what_the_clock_is_worth_without_times(seen: bool, made: bool, quality: str, remarks: int) -> None:
    bench = Bench()
    us = bench.time.wall_us
    bench.taker.take([bench.tag(seen_us=us - 40_000 if seen else None, made_us=us if made else None)])
    assert bench.taker.clock().quality == quality
    assert len(bench.told.events) == remarks
    read = bench.told.reads[0]
    assert read.last_us == (us - 40_000 if seen and made else us)


def test_a_clock_that_is_hours_off_is_set_right() -> None:
    bench = Bench()
    off_us = 7 * 3_600_000_000
    for _ in range(5):
        us = bench.time.wall_us - off_us
        bench.taker.take([bench.tag(made_us=us, seen_us=us - 2_000_000)])
        bench.time.pass_s(1.0)
    assert bench.taker.clock().quality == "estimated"
    assert bench.taker.clock().offset_ms == off_us // 1_000
    assert bench.told.reads[0].last_us == bench.time.wall_us - 5_000_000 - 2_000_000


@pytest.mark.parametrize("away_s", [60.0, 86_400.0])
def test_held_events_keep_their_own_time(away_s: float) -> None:
    """What the reader's clock shows comes first in a session; to the second, as its status says it."""
    bench = Bench()
    bench.taker.take([bench.tag()])
    old_us = bench.time.wall_us
    bench.time.pass_s(away_s)
    bench.taker.its_time(bench.time.wall_us - 900_000)
    bench.taker.take([bench.tag(seen_us=old_us, made_us=old_us), bench.tag()])
    for read, at_us in zip(bench.told.reads, (old_us, old_us, bench.time.wall_us), strict=True):
        assert abs(read.last_us - at_us) <= 900_000
    assert "clock_step" not in [what for what, _ in bench.events()]


def test_places() -> None:
    bench = Bench()
    bench.taker.take([bench.tag(port=None), bench.tag(port=3), bench.tag(port=3), bench.tag(port=2)])
    bench.taker.heard(bench.time.now_s)
    assert [read.port for read in bench.told.reads] == [2]
    assert ("undecodable", "1: reads that name no antenna") in bench.events()
    sole = Bench(ports=(4,))
    sole.taker.take([sole.tag(port=None)])
    assert [read.port for read in sole.told.reads] == [4]


def test_a_remark_comes_once_in_a_while_with_its_number() -> None:
    bench = Bench()
    for _ in range(100):
        bench.taker.take([bench.tag(port=9)])
    bench.time.pass_s(REMARK_S)
    bench.taker.take([bench.tag(port=9)])
    text = "port 9 reads tags, and the site file has no such antenna"
    assert bench.events() == [("config_differs", f"{text} (1 reads)"), ("config_differs", f"{text} (100 reads)")]


def test_remarks_are_bounded() -> None:
    bench = Bench()
    for number in range(1_000):
        bench.taker.remark(f"{number}", "x")
    assert len(bench.told.events) < 100


def test_reads_go_on_in_one_list_and_in_order_with_events() -> None:
    bench = Bench()
    calls: list[str] = []
    sink = bench.told.sink()
    bench.taker.hand_to(sink._replace(on_reads=lambda reads: calls.append(f"{len(reads)} reads")))
    bench.standing.tell_to(lambda event: calls.append(event.what))
    bench.taker.take([bench.tag(), bench.tag(), Overflow("x"), bench.tag()])
    assert calls == ["2 reads", "reader_overflow", "1 reads"]
    assert bench.standing.reads == 3


def test_heartbeats() -> None:
    bench = Bench()
    bench.running()
    bench.taker.take([Heartbeat(bench.time.wall_us, True, {2: False}, 40.5, 3)])
    bench.taker.take([Heartbeat(None, None, {}, None, 3), Heartbeat(None, False, {2: True}, 41.0, 5)])
    bench.taker.take([Heartbeat(None, False, {}, 41.0, 0)])
    assert bench.standing.temperature_c == 41.0, "the newest that was told"
    assert bench.events() == [
        ("antenna_down", "the reader sees nothing plugged in"),
        ("antenna_up", ""),
        ("reader_overflow", "the reader dropped 2 events"),
    ]
    bench.taker.heard(bench.time.now_s)
    bench.looked()
    assert bench.heard_after(1.0) == [0, 0], "its radio is inactive"


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [
        ([1, 2, 3], 0),
        ([5_036, 5_037], 0),
        ([1, 5], 3),
        ([1, 2, 2, 3], 0),
        ([9, 10, 9, 10, 11], 0),
        ([500, 1, 2], 0),
        ([500, 3, 4], 0),
        ([1, 3, 5], 2),
        ([7], 0),
        ([0, 2**53], 2**53 - 1),
    ],
)
def test_missing_numbers(numbers: list[int], missing: int) -> None:
    counted = EventNumbers()
    assert sum(counted.missing_before(number) for number in numbers) == missing
