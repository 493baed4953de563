"""From sightings to reports: triggers, accumulation, content, buffer (LLRP 1.1 section 14.2)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.reader.clock import ManualClock
from simulator.reader.persona import load_persona
from simulator.reader.report import Reporter, read_rule
from simulator.reader.sighting import Looking, Sighting
from tests.simulator.reader.reader_client import (
    START_US,
    Bench,
    ai_duration,
    aispec,
    epc,
    events,
    events_on,
    report_spec,
    rospec,
    seen_counts,
    status_code,
)
from wire.llrp.message import param
from wire.llrp.tag_report import ReportMemory, decode_tag_reports

if TYPE_CHECKING:
    from wire.llrp.message import Message, Parameter

NEVER, AT_AISPEC, AT_ROSPEC, SECONDS, MILLISECONDS = 0, 1, 2, 3, 6
FILL_WARNING = 3


def bench_with(report: Parameter, *specs: Parameter, version: int = 1, stop_ms: int = 0) -> Bench:
    bench = Bench(ManualClock(START_US), version=version)
    bench.connect()
    if version == 2:
        bench.version = 2
        bench.do("SET_PROTOCOL_VERSION", ProtocolVersion=2)
    bench.run(rospec(*specs, report=report, stop_ms=stop_ms))
    return bench


def reports_in(messages: list[Message]) -> list[int]:
    """Return how many tags each report message holds."""
    return [len(item.all("TagReportData")) for item in messages if item.name == "RO_ACCESS_REPORT"]


def test_every_tag_is_one_report_message_for_n_1() -> None:
    bench = bench_with(report_spec(AT_ROSPEC, 1))
    sightings = [Sighting(epc(number), 96, 1, -6_000, START_US) for number in (1, 2, 1)]
    heard = bench.decoded(bench.machine.observe(sightings, START_US))
    assert reports_in(heard) == [1, 1, 1]
    assert len({item.message_id for item in heard}) == 3
    assert [report.epc for report in bench.reports] == [epc(1), epc(2), epc(1)]


def test_n_tags_make_a_report_and_the_same_tag_counts_once() -> None:
    bench = bench_with(report_spec(AT_ROSPEC, 3))
    assert reports_in(bench.see(1, rssi_cdbm=-6_000)) == []
    bench.clock.advance(0.25)
    assert reports_in(bench.see(1, rssi_cdbm=-5_000)) == []
    bench.clock.advance(0.25)
    assert reports_in(bench.see(1, rssi_cdbm=-7_000)) == []
    assert reports_in(bench.see(2)) == []
    assert reports_in(bench.see(3)) == [3]
    first = bench.reports[0]
    assert (first.epc, first.seen_count, first.peak_rssi_cdbm) == (epc(1), 3, -5_000)
    assert (first.first_seen_us, first.last_seen_us) == (START_US, START_US + 500_000)
    assert reports_in(bench.send("STOP_ROSPEC", ROSpecID=1)) == []


def test_antennas_are_told_apart_only_if_asked() -> None:
    apart = bench_with(report_spec(AT_ROSPEC, 0))
    together = bench_with(report_spec(AT_ROSPEC, 0, EnableAntennaID=False))
    for bench in (apart, together):
        for antenna in (1, 2, 1):
            bench.see(5, antenna)
        bench.do("STOP_ROSPEC", ROSpecID=1)
    assert [(report.antenna, report.seen_count) for report in apart.reports] == [(1, 2), (2, 1)]
    assert [(report.antenna, report.seen_count) for report in together.reports] == [(None, 3)]


def test_n_0_reports_at_the_end_of_the_rospec_only() -> None:
    bench = bench_with(report_spec(AT_ROSPEC, 0), aispec(stop=ai_duration(100)), aispec(), stop_ms=300)
    for number in range(50):
        assert reports_in(bench.see(number)) == []
    assert reports_in(bench.wait(0.2)) == []
    assert reports_in(bench.wait(0.1)) == [50]


def test_n_0_reports_at_the_end_of_every_aispec() -> None:
    bench = bench_with(report_spec(AT_AISPEC, 0), aispec(stop=ai_duration(100)), aispec(), stop_ms=300)
    bench.see(1)
    assert reports_in(bench.wait(0.1)) == [1]
    bench.see(2)
    bench.see(3)
    assert reports_in(bench.wait(0.2)) == [2]


def test_a_report_comes_before_the_event_that_ends_its_rospec() -> None:
    bench = bench_with(report_spec(AT_ROSPEC, 0))
    bench.do("SET_READER_CONFIG", events_on(2), ResetToFactoryDefault=False)
    bench.see(1)
    names = [item.name for item in bench.send("STOP_ROSPEC", ROSpecID=1)]
    assert names == ["RO_ACCESS_REPORT", "READER_EVENT_NOTIFICATION", "STOP_ROSPEC_RESPONSE"]


@pytest.mark.parametrize(("trigger", "n"), [(SECONDS, 2), (MILLISECONDS, 2_000)])
def test_reports_by_time_in_llrp_1_1(trigger: int, n: int) -> None:
    bench = bench_with(report_spec(trigger, n), version=2)
    bench.wait(1)
    bench.see(1)
    bench.wait(1)
    bench.see(1)
    assert reports_in(bench.wait(0.999)) == []
    assert reports_in(bench.wait(0.001)) == [1]
    assert bench.reports[0].seen_count == 2
    assert reports_in(bench.wait(10)) == []


def test_trigger_none_waits_for_get_report() -> None:
    bench = bench_with(report_spec(NEVER, 0), stop_ms=500)
    bench.see(1)
    bench.see(2)
    assert reports_in(bench.wait(1)) == []
    answer = bench.ask("GET_REPORT")
    assert (answer.name, len(answer.all("TagReportData"))) == ("RO_ACCESS_REPORT", 2)
    assert len(bench.ask("GET_REPORT").all("TagReportData")) == 0


def test_the_readers_own_report_spec_holds_where_the_rospec_has_none() -> None:
    bench = Bench(ManualClock(START_US))
    bench.connect()
    own = report_spec(AT_ROSPEC, 2, EnableChannelIndex=True, EnablePeakRSSI=False, EnableTagSeenCount=False)
    bench.do("SET_READER_CONFIG", own, ResetToFactoryDefault=False)
    bench.run(rospec())
    bench.see(1)
    assert reports_in(bench.see(2)) == [2]
    report = bench.reports[0]
    assert (report.channel, report.peak_rssi_cdbm, report.seen_count, report.antenna) == (1, None, None, 1)


def test_content_is_what_was_asked_for() -> None:
    flags = dict.fromkeys(("EnableSpecIndex", "EnableInventoryParameterSpecID", "EnableChannelIndex"), True)
    bench = bench_with(report_spec(AT_ROSPEC, 1, **flags), aispec((2,), parameter_spec=77))
    bench.see(1, antenna=2)
    report = bench.reports[0]
    assert (report.rospec_id, report.spec_index, report.inventory_parameter_spec_id) == (1, 1, 77)
    bare = bench_with(
        report_spec(
            AT_ROSPEC,
            1,
            EnableROSpecID=False,
            EnableAntennaID=False,
            EnablePeakRSSI=False,
            EnableFirstSeenTimestamp=False,
            EnableLastSeenTimestamp=False,
            EnableTagSeenCount=False,
        )
    )
    (heard,) = bare.see(1)
    assert [child.name for child in heard.one("TagReportData").parameters] == ["EPC_96"]


def test_impinj_content_needs_extensions_and_brings_fine_rssi_and_phase() -> None:
    fine = param(
        "ImpinjTagReportContentSelector",
        param("ImpinjEnableRFPhaseAngle", RFPhaseAngleMode=1),
        param("ImpinjEnablePeakRSSI", PeakRSSIMode=1),
    )
    bench = Bench(ManualClock(START_US))
    bench.connect()
    spec = rospec(report=report_spec(AT_ROSPEC, 1, fine))
    assert status_code(bench.ask("ADD_ROSPEC", spec)) != 0
    bench.do("IMPINJ_ENABLE_EXTENSIONS")
    bench.run(spec)
    sighting = Sighting(epc(1), 96, 1, -5_650, START_US, phase=1_234)
    (heard,) = bench.decoded(bench.machine.observe([sighting], START_US))
    data = heard.one("TagReportData")
    assert data.one("PeakRSSI").number("PeakRSSI") == -56
    assert data.one("ImpinjPeakRSSI").number("RSSI") == -5_650
    assert data.one("ImpinjRFPhaseAngle").number("PhaseAngle") == 1_234
    assert bench.reports[0].peak_rssi_cdbm == -5_650


def test_a_reader_without_utc_clock_stamps_with_its_uptime() -> None:
    clock = ManualClock(START_US)
    bench = Bench(clock)
    model = msgspec.structs.replace(load_persona("zebra-fx9600-4-like"), has_utc_clock=False)
    bench.machine = type(bench.machine)(model, b"\0" * 8, clock.now_us())
    clock.advance(12.5)
    (greeting,) = bench.connect()
    uptime = greeting.find("ReaderEventNotificationData/Uptime")
    assert uptime is not None
    assert uptime.number("Microseconds") == 12_500_000
    bench.run(rospec(report=report_spec(AT_ROSPEC, 1)))
    bench.see(1)
    report = bench.reports[0]
    assert (report.uptime, report.first_seen_us, report.last_seen_us) == (True, 12_500_000, 12_500_000)


# -- nobody takes the reports


def test_reports_wait_while_no_client_is_there_and_come_in_order() -> None:
    bench = bench_with(report_spec(AT_ROSPEC, 1))
    bench.see(1)
    bench.machine.disconnected(bench.clock.now_us())
    for number in range(2, 12):
        bench.clock.advance(1)
        assert bench.see(number) == []
    heard = bench.connect()
    assert heard[0].find("ReaderEventNotificationData/ConnectionAttemptEvent") is not None
    assert reports_in(heard) == [1] * 10
    assert [report.epc for report in bench.reports] == [epc(number) for number in range(1, 12)]
    assert bench.reports[1].first_seen_us == START_US + 1_000_000


def test_held_reports_and_events_wait_for_the_client_to_enable_them() -> None:
    bench = bench_with(report_spec(AT_ROSPEC, 1))
    hold = param("EventsAndReports", HoldEventsAndReportsUponReconnect=True)
    bench.do("SET_READER_CONFIG", events_on(8), hold, ResetToFactoryDefault=False)
    bench.see(1)
    assert len(bench.reports) == 1
    bench.machine.disconnected(bench.clock.now_us())
    bench.see(2)
    assert [item.name for item in bench.connect()] == ["READER_EVENT_NOTIFICATION"]
    now_us = bench.clock.now_us()
    assert bench.decoded(bench.machine.set_antenna(4, connected=False, now_us=now_us)) == []
    assert bench.see(3) == []
    heard = bench.send("ENABLE_EVENTS_AND_REPORTS")
    assert [item.name for item in heard] == ["READER_EVENT_NOTIFICATION", "RO_ACCESS_REPORT", "RO_ACCESS_REPORT"]
    assert reports_in(bench.see(4)) == [1]
    assert [report.epc for report in bench.reports] == [epc(number) for number in (1, 2, 3, 4)]


def test_a_client_that_does_not_read_makes_reports_wait_and_no_keepalive_pile_up() -> None:
    bench = bench_with(report_spec(AT_ROSPEC, 1))
    keepalive = param("KeepaliveSpec", KeepaliveTriggerType=1, PeriodicTriggerValue=1_000)
    bench.do("SET_READER_CONFIG", keepalive, ResetToFactoryDefault=False)
    assert bench.machine.writable(can_write=False, now_us=bench.clock.now_us()) == []
    assert bench.see(1) == []
    assert bench.wait(10) == []
    heard = bench.decoded(bench.machine.writable(can_write=True, now_us=bench.clock.now_us()))
    assert reports_in(heard) == [1]


def small_reader(capacity: int) -> Bench:
    bench = Bench(ManualClock(START_US))
    model = msgspec.structs.replace(load_persona("impinj-r420-like"), max_buffered_tags=capacity)
    bench.machine = type(bench.machine)(model, b"\0" * 8, START_US)
    bench.connect()
    bench.do("SET_READER_CONFIG", events_on(FILL_WARNING), ResetToFactoryDefault=False)
    return bench


@pytest.mark.parametrize("n", [1, 0])
def test_a_full_buffer_loses_the_oldest_and_says_so_once(n: int) -> None:
    bench = small_reader(10)
    bench.run(rospec(report=report_spec(AT_ROSPEC, n)))
    bench.machine.disconnected(bench.clock.now_us())
    for number in range(25):
        bench.see(number)
    assert bench.machine.counters.tags_dropped == 15
    heard = bench.connect()
    heard += bench.send("STOP_ROSPEC", ROSpecID=1)
    assert [report.epc for report in bench.reports] == [epc(number) for number in range(15, 25)]
    assert len(events(heard, "ReportBufferOverflowErrorEvent")) == 1
    assert [event.number("ReportBufferPercentageFull") for event in events(heard, "ReportBufferLevelWarningEvent")] == [
        80
    ]


def test_a_second_overflow_is_said_again() -> None:
    bench = small_reader(10)
    bench.run(rospec(report=report_spec(AT_ROSPEC, 1)))
    for _ in range(2):
        bench.machine.disconnected(bench.clock.now_us())
        for number in range(11):
            bench.see(number)
        assert len(events(bench.connect(), "ReportBufferOverflowErrorEvent")) == 1
    assert bench.machine.counters.tags_dropped == 2


def test_a_huge_report_is_cut_into_messages() -> None:
    bench = bench_with(report_spec(AT_ROSPEC, 0))
    sightings = [Sighting(epc(number), 96, 1, -6_000, START_US) for number in range(2_500)]
    assert bench.machine.observe(sightings, START_US) == []
    assert reports_in(bench.send("STOP_ROSPEC", ROSpecID=1)) == [1_000, 1_000, 500]


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 2), st.integers(-9_000, -3_000)), max_size=60),
    st.integers(0, 7),
    st.booleans(),
)
def test_no_sighting_is_lost_or_counted_twice(tags: list[tuple[int, int, int]], n: int, antennas_apart: bool) -> None:
    reporter = Reporter(1_000, None)
    looking = Looking(1, 1, 1, frozenset({1, 2}), 1, False, ())
    rule = read_rule(report_spec(AT_ROSPEC, n, EnableAntennaID=antennas_apart))
    for offset, (number, antenna, rssi_cdbm) in enumerate(tags):
        reporter.add(Sighting(epc(number), 96, antenna, rssi_cdbm, START_US + offset), looking, rule)
    reporter.complete(rule)
    reports, memory = [], ReportMemory()
    while (queued := reporter.next()) is not None:
        found = decode_tag_reports(queued.body, memory).reports
        assert len(found) == queued.tags
        assert n == 0 or len(found) <= n
        reports += found
    assert seen_counts(reports) == Counter(epc(number) for number, _, _ in tags)
    for number in {number for number, _, _ in tags}:
        own = [report for report in reports if report.epc == epc(number)]
        times = [START_US + offset for offset, tag in enumerate(tags) if tag[0] == number]
        assert min(report.first_seen_us or 0 for report in own) == times[0]
        assert max(report.last_seen_us or 0 for report in own) == times[-1]
