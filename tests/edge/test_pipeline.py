"""Reads in, rows out: the check, the filters, the window, the gaps."""

from typing import TYPE_CHECKING

import msgspec
import structlog
from structlog.testing import capture_logs

from edge.drivers.port import What
from edge.limits import EARLY_CLOSE_OBSERVATIONS, EVENTS_PER_MESSAGE, EVENTS_WAITING_MAX
from edge.pipeline import Pipeline
from tests.edge.fake_driver import OURS, FakeDriver, ManualTime, small_site, tag_read
from wire.limits import BATCH_MAX_EVENTS, BODY_MAX_BYTES
from wire.messages import (
    AntennaLook,
    AntennaSettings,
    CountBatch,
    DeviceEvent,
    DeviceEvents,
    Durable,
    ForgetSold,
    Gap,
    ReadBatch,
    Scan,
    ScanBatch,
    decode_durable,
)
from wire.window import TagRead

if TYPE_CHECKING:
    from edge.outbox import NewRow

FOREIGN = bytes.fromhex("30342890D000004000000001")


class Bench:
    """A pipeline with a clock, a driver and a basket for its rows."""

    def __init__(self, prefixes: tuple[str, ...] = ()) -> None:
        self.time = ManualTime()
        self.driver = FakeDriver("R1")
        self.rows: list[NewRow] = []
        self.pipeline = Pipeline(
            small_site(prefixes=prefixes),
            "edge-1",
            {"R1": self.driver},
            self.time.host(),
            offer=self.rows.append,
            log=structlog.get_logger(),
        )

    def read(self, epc: bytes = OURS, **more: int) -> None:
        self.pipeline.on_reads("R1", [tag_read(epc, at_us=self.time.wall_us, **more)])

    def close(self) -> list[Durable]:
        self.time.pass_s(1.0)
        self.pipeline.close()
        rows, self.rows[:] = list(self.rows), []
        return [decode_durable(row.body) for row in rows]


def only_batch(messages: list[Durable]) -> ReadBatch:
    (batch,) = messages
    assert isinstance(batch, ReadBatch)
    return batch


def test_reads_of_a_window_become_one_observation_for_each_tag_and_antenna() -> None:
    bench = Bench()
    start_us = bench.time.wall_us
    bench.read(rssi_cdbm=-6_000)
    bench.time.pass_s(0.4)
    bench.read(rssi_cdbm=-4_000, reads=3)
    bench.read(port=2)
    batch = only_batch(bench.close())
    seen = batch.observations()
    assert (batch.site, batch.edge, batch.window_start_us, batch.window_ms) == ("store-1", "edge-1", start_us, 1_400)
    assert seen.epcs() == [OURS, OURS]
    assert seen.count.tolist() == [4, 1]
    assert seen.rssi_peak.tolist() == [-4_000, -5_000]
    assert seen.rssi_mean.tolist() == [-4_500, -5_000]
    assert seen.first.tolist() == [0, 400]
    assert bench.pipeline.figures.observations == 2


def test_an_empty_window_says_what_was_looked_at() -> None:
    bench = Bench()
    batch = only_batch(bench.close())
    assert len(batch.observations()) == 0
    assert batch.antennas == (AntennaLook("R1", 1, inventory_ms=500), AntennaLook("R1", 2, inventory_ms=500))
    assert [clock.device for clock in batch.clocks] == ["R1"]
    assert bench.driver.looked_s == [bench.time.now_s]


def test_rows_carry_the_number_of_their_observations() -> None:
    bench = Bench()
    bench.read()
    bench.read(port=2)
    bench.time.pass_s(1.0)
    bench.pipeline.close()
    assert [(row.observations, row.is_gap) for row in bench.rows] == [(2, False)]


def test_foreign_tags_are_counted_for_their_antenna_and_dropped() -> None:
    bench = Bench(prefixes=("0614141",))
    for _ in range(5):
        bench.read(FOREIGN, port=2)
    bench.read(b"\xe2\x80" + bytes(10), port=2)
    bench.read(OURS, port=1)
    batch = only_batch(bench.close())
    assert batch.observations().epcs() == [OURS]
    assert [(look.port, look.foreign, look.inventory_ms) for look in batch.antennas] == [(1, 0, 500), (2, 2, 500)]
    assert bench.pipeline.figures.foreign_reads == 6
    assert [look.foreign for look in only_batch(bench.close()).antennas] == [0, 0]


def test_foreign_tags_at_an_antenna_that_nobody_configured_are_said_too() -> None:
    bench = Bench(prefixes=("0614141",))
    bench.read(FOREIGN, port=7)
    assert AntennaLook("R1", 7, foreign=1) in only_batch(bench.close()).antennas


def test_without_prefixes_everything_goes_on() -> None:
    bench = Bench()
    bench.read(FOREIGN)
    bench.read(b"\x01\x02")
    assert len(only_batch(bench.close()).observations()) == 2
    assert bench.pipeline.figures.foreign_reads == 0


def test_a_read_that_fits_no_column_costs_itself_only() -> None:
    bench = Bench()
    at_us = bench.time.wall_us
    bad = [
        TagRead(1, b"", 0, -5_000, at_us, at_us, 1),
        TagRead(1, OURS, 40, -5_000, at_us, at_us, 1),
        TagRead(1, bytes(63), 504, -5_000, at_us, at_us, 1),
        TagRead(1, OURS, 96, -5_000, at_us, at_us, 0),
        TagRead(1, OURS, 96, -5_000, at_us, at_us - 1, 1),
        TagRead(-1, OURS, 96, -5_000, at_us, at_us, 1),
        TagRead(70_000, OURS, 96, -5_000, at_us, at_us, 1),
    ]
    bench.pipeline.on_reads("R1", [*bad, tag_read(at_us=at_us)])
    assert len(only_batch(bench.close()).observations()) == 1
    assert bench.pipeline.figures.malformed_reads == len(bad)
    assert bench.pipeline.figures.reads == len(bad) + 1


def test_a_burst_closes_the_window_early() -> None:
    bench = Bench()
    at_us = bench.time.wall_us
    reads = [tag_read(i.to_bytes(12, "big"), at_us=at_us) for i in range(1, EARLY_CLOSE_OBSERVATIONS + 1)]
    bench.pipeline.on_reads("R1", reads)
    assert len(bench.rows) == 1
    assert bench.rows[0].observations == EARLY_CLOSE_OBSERVATIONS
    assert len(only_batch(bench.close()[1:]).observations()) == 0


def test_sold_tags_are_dropped_after_their_grace() -> None:
    bench = Bench()
    bench.pipeline.sold.forget(ForgetSold(epcs=(OURS.hex(),), grace_s=60), bench.time.now_s)
    bench.read()
    assert len(only_batch(bench.close()).observations()) == 1
    bench.time.pass_s(60.0)
    bench.close()
    bench.read()
    bench.read(FOREIGN)
    assert only_batch(bench.close()).observations().epcs() == [FOREIGN]
    assert bench.pipeline.figures.sold_reads == 1


def event(what: str, detail: str = "", at_us: int = 1_700_000_000_500_000) -> DeviceEvent:
    return DeviceEvent("R1", at_us, what, detail=detail)


def test_events_travel_with_the_next_close() -> None:
    bench = Bench()
    bench.pipeline.on_event(event(What.UP))
    bench.pipeline.on_event(event(What.ANTENNA_DOWN))
    _, events = bench.close()
    assert events == DeviceEvents(site="store-1", edge="edge-1", events=(event("up"), event("antenna_down")))


def test_what_a_device_lost_becomes_a_gap_at_once() -> None:
    for what, cause in ((What.READER_OVERFLOW, "reader_overflow"), (What.UNDECODABLE, "undecodable")):
        bench = Bench()
        bench.pipeline.on_event(event(what, "17 reports"))
        (row,) = bench.rows
        gap = decode_durable(row.body)
        assert row.is_gap
        assert isinstance(gap, Gap)
        assert (gap.cause, gap.device, gap.detail) == (cause, "R1", "17 reports")
        assert gap.from_us <= gap.to_us


def test_many_events_are_split_and_stay_below_a_bodys_limit() -> None:
    bench = Bench()
    for _ in range(EVENTS_PER_MESSAGE + 1):
        bench.pipeline.on_event(event(What.GPI, "\N{PILE OF POO}" * 2_000))
    bench.time.pass_s(1.0)
    bench.pipeline.close()
    assert len(bench.rows) == 3
    assert max(len(row.body) for row in bench.rows) < BODY_MAX_BYTES


def test_events_are_bounded_and_counted() -> None:
    bench = Bench()
    for _ in range(EVENTS_WAITING_MAX + 3):
        bench.pipeline.on_event(event(What.GPI))
    assert bench.pipeline.figures.events_dropped == 3


def test_a_window_that_cannot_be_encoded_is_a_gap_and_the_next_one_works() -> None:
    """No known input gets here; if one does, it costs one window and is said."""
    bench = Bench()
    bench.pipeline._window.add("R1", [TagRead(1, OURS, 40, -5_000, 5, 5, 1)])
    with capture_logs() as logs:
        (gap,) = bench.close()
    assert isinstance(gap, Gap)
    assert gap.cause == "undecodable"
    assert [entry["event"] for entry in logs] == ["window_broken"]
    bench.read()
    assert len(only_batch(bench.close()).observations()) == 1


def test_scans_and_counts_become_rows() -> None:
    bench = Bench()
    scan = Scan("S1", 5, "lookup", "09506000134352")
    bench.pipeline.on_scans([scan])
    count = CountBatch(site="store-1", edge="edge-1", session="s1", zone="FLOOR", started_us=1, epcs=(OURS,))
    bench.pipeline.on_count(count)
    assert bench.close()[:2] == [ScanBatch(site="store-1", edge="edge-1", scans=(scan,)), count]


def test_many_scans_are_split_by_number_and_by_size() -> None:
    bench = Bench()
    bench.pipeline.on_scans([Scan("S1", i, "lookup", "09506000134352") for i in range(2 * BATCH_MAX_EVENTS + 1)])
    batches = bench.close()[:-1]
    assert [len(batch.scans) for batch in batches if isinstance(batch, ScanBatch)] == [1_000, 1_000, 1]
    bench.pipeline.on_scans([Scan("S1", i, "lookup", "\N{PILE OF POO}" * 2_000) for i in range(100)])
    assert max(len(row.body) for row in bench.rows) <= BODY_MAX_BYTES
    scans = [scan.at_us for batch in bench.close() if isinstance(batch, ScanBatch) for scan in batch.scans]
    assert scans == list(range(100))
    assert bench.pipeline.figures.scans == 2 * BATCH_MAX_EVENTS + 101
    bench.pipeline.on_scans([])
    assert len(bench.close()) == 1


def test_a_part_of_a_count_that_is_too_long_goes_as_several_and_ends_once() -> None:
    bench = Bench()
    epcs = tuple(i.to_bytes(62, "big") for i in range(10_000))
    part = CountBatch(site="store-1", edge="edge-1", session="s1", zone="FLOOR", started_us=1, ended_us=9, epcs=epcs)
    bench.pipeline.on_count(part)
    assert max(len(row.body) for row in bench.rows) <= BODY_MAX_BYTES
    parts = [one for one in bench.close() if isinstance(one, CountBatch)]
    assert tuple(epc for one in parts for epc in one.epcs) == epcs
    assert [one.ended_us for one in parts] == [None] * (len(parts) - 1) + [9]


class SettledDriver(FakeDriver):
    """Says once how port 1 inventories."""

    news: AntennaSettings | None = AntennaSettings(tx_power_cdbm=3_000, session=2, target="single")

    def looked(self, now_s: float) -> tuple[AntennaLook, ...]:
        first, second = super().looked(now_s)
        told, self.news = self.news, None
        return msgspec.structs.replace(first, settings=told), second


def test_settings_are_said_when_they_change_and_again_when_asked() -> None:
    bench = Bench()
    driver = SettledDriver("R1")
    bench.pipeline._drivers = {"R1": driver}
    told = SettledDriver.news

    def said() -> list[AntennaSettings | None]:
        return [look.settings for look in only_batch(bench.close()).antennas]

    bench.pipeline.say_settings_again()  # before any was said: nothing to say
    assert said() == [told, None]
    assert said() == [None, None]
    bench.pipeline.say_settings_again()
    assert said() == [told, None]
    assert said() == [None, None]
    driver.news = changed = AntennaSettings(tx_power_cdbm=2_000)
    bench.pipeline.say_settings_again()
    assert said() == [changed, None]


def test_the_witness_hears_what_each_antenna_read_and_for_how_long() -> None:
    bench = Bench(prefixes=("0614141",))
    for _ in range(121):  # half a second of inventory each
        bench.read(reads=4)
        bench.read(FOREIGN, port=2)
        bench.close()
    health = bench.pipeline.witness.health("R1")
    assert [(row.port, row.reads_per_min) for row in health] == [(1, 480.0), (2, 120.0)]
    bench.pipeline.on_event(DeviceEvent("R1", 5, What.ANTENNA_DOWN, 1))
    assert [row.state for row in bench.pipeline.witness.health("R1")] == ["unplugged", "unknown"]
    bench.pipeline.on_event(DeviceEvent("R1", 6, What.ANTENNA_UP, 1))
    assert [row.state for row in bench.pipeline.witness.health("R1")] == ["unknown", "unknown"]


def test_a_host_that_slept_builds_no_window_that_the_gateway_would_refuse() -> None:
    bench = Bench()
    bench.read()
    bench.time.pass_s(7_200.0)
    batch = only_batch(bench.close())
    assert batch.window_ms == 60_000
    assert batch.observations().first.tolist() == [-7_141_000]


def test_a_clock_that_went_back_builds_a_window_all_the_same() -> None:
    bench = Bench()
    bench.read()
    bench.time.wall_us -= 3_600_000_000
    batch = only_batch(bench.close())
    assert batch.window_ms == 1
    assert bench.pipeline.figures.clipped == 1  # its read is from the future now
    assert only_batch(bench.close()).window_ms == 1_000
