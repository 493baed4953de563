"""The session against the simulated reader's core: set-up, reads, news, goodbye. No socket, a clock moved by hand."""

from __future__ import annotations

import msgspec
import pytest

from edge.drivers.port import What
from edge.llrp.events import (
    AntennaState,
    BadMessage,
    Left,
    Lost,
    ReaderEvent,
    ReaderTime,
    Reports,
    Settings,
    Up,
)
from edge.llrp.limits import LEAVE_TIMEOUT_S
from edge.llrp.transitions import State
from simulator.reader.persona import load_persona
from tests.edge.llrp.pair import EPC, KEEPALIVE_MS, START_US, Pair, notification, session_for, sighting, success
from wire.llrp.codec import decode, encode
from wire.llrp.framer import Framer, RawMessage
from wire.llrp.message import message, param

IMPINJ_WAY = [
    "GET_READER_CAPABILITIES",
    "IMPINJ_ENABLE_EXTENSIONS",
    "GET_READER_CONFIG",
    "SET_READER_CONFIG",
    "ENABLE_EVENTS_AND_REPORTS",
    "DELETE_ACCESSSPEC",
    "DELETE_ROSPEC",
    "ADD_ROSPEC",
    "GET_ROSPECS",
    "ENABLE_ROSPEC",
    "START_ROSPEC",
]


# -- set-up


@pytest.mark.parametrize("chunk", [0, 1])
@pytest.mark.parametrize(
    ("persona", "profile"),
    [
        ("impinj-r420-like", "impinj-r420-stock"),
        ("impinj-r420-like", "generic-llrp-stock"),
        ("zebra-fx9600-4-like", "zebra-fx9600-stock"),
        ("zebra-fx9600-8-like", "generic-llrp-portal"),
    ],
)
def test_sets_a_reader_up(persona: str, profile: str, chunk: int) -> None:
    pair = Pair(persona, profile, chunk=chunk)
    pair.connect()
    impinj = persona.startswith("impinj")
    assert list(pair.machine.heard) == [name for name in IMPINJ_WAY if impinj or not name.startswith("IMPINJ")]
    assert pair.state() is State.PROVING
    assert not pair.told(Up), "not up before the first sign of life"
    assert pair.looking() == (1, 2)
    assert pair.machine.looking is not None
    assert pair.machine.looking.ports == {1, 2}
    assert pair.machine.counters.errors_out == 0
    pair.advance(KEEPALIVE_MS / 1_000)
    assert pair.state() is State.UP
    assert len(pair.told(Up)) == 1
    assert not pair.told(BadMessage)
    assert not pair.told(ReaderEvent), "the reader runs what it was asked to run"


def test_up_by_the_first_report() -> None:
    pair = Pair()
    pair.connect()
    pair.see([sighting()])
    assert pair.state() is State.UP
    kinds = [type(event) for event in pair.events]
    assert kinds.index(Up) < kinds.index(Reports)


def test_settings_are_those_that_the_reader_really_has() -> None:
    pair = Pair(ports=(1,))
    pair.connect()
    (settings,) = pair.told(Settings)
    assert isinstance(settings, Settings)
    found = settings.by_port[1]
    assert (found.tx_power_cdbm, found.mode, found.session, found.target) == (3_000, 1002, 2, "dual")
    assert settings.problems == ()


def test_without_holding_no_events_are_released() -> None:
    persona = load_persona("impinj-r420-like")
    deaf = msgspec.structs.replace(persona, llrp={**persona.llrp, "SupportsEventAndReportHolding": False})
    pair = Pair(deaf)
    pair.up()
    assert pair.state() is State.UP
    assert "ENABLE_EVENTS_AND_REPORTS" not in pair.machine.heard


def test_the_reader_that_lost_our_rospec_is_left() -> None:
    pair = Pair()
    pair.faults.bodies(encode(message("GET_ROSPECS_RESPONSE", 1, success()))[10:], "GET_ROSPECS_RESPONSE")
    pair.connect()
    assert pair.state() is State.FAILED
    (lost,) = pair.told(Lost)
    assert lost == Lost("the reader accepted our ROSpec and does not have it (while verifying)")


def test_a_reader_that_runs_something_else_is_reported_and_used() -> None:
    pair = Pair(ports=(1,))
    pair.connect()
    raws = Framer().feed(bytes(pair.received))
    found = next(msg for msg in map(decode, raws) if msg.name == "GET_ROSPECS_RESPONSE")
    changed = bytearray(encode(found)[10:])
    again = Pair(ports=(1,))
    singulation = bytes.fromhex("0150000b80")  # C1G2SingulationControl, 11 bytes, session 2
    at = changed.index(singulation) + 4
    changed[at] = 0x40  # session 1
    again.faults.bodies(bytes(changed), "GET_ROSPECS_RESPONSE")
    again.up()
    assert again.state() is State.UP
    (event,) = again.told(ReaderEvent)
    assert isinstance(event, ReaderEvent)
    assert event.what is What.CONFIG_DIFFERS
    assert event.detail.endswith("C1G2SingulationControl.Session: asked 2, found 1")
    (settings,) = again.told(Settings)
    assert isinstance(settings, Settings)
    assert settings.by_port[1].session == 1


# -- reads


@pytest.mark.parametrize("chunk", [0, 1, 7])
@pytest.mark.parametrize("bits", [1, 20, 62, 96, 128, 144, 198, 496])
def test_epcs_of_any_length(bits: int, chunk: int) -> None:
    size = (bits + 7) // 8
    value = int.from_bytes(bytes(range(0x81, 0x81 + size))[:size]) >> (size * 8 - bits) << (size * 8 - bits)
    epc = value.to_bytes(size)
    pair = Pair(chunk=chunk)
    pair.up()
    pair.see([sighting(2, epc, bits)])
    (tag,) = pair.tags()
    assert (tag.epc, tag.epc_bits, tag.antenna, tag.peak_rssi_cdbm) == (epc, bits, 2, -5550)


def test_thousands_of_reads_come_in_order() -> None:
    pair = Pair(chunk=1_000)
    pair.up()
    sightings = [sighting(1 + i % 2, i.to_bytes(12), 96, START_US + i) for i in range(3_000)]
    pair.see(sightings)
    got = [(tag.epc, tag.antenna, tag.last_seen_us) for tag in pair.tags()]
    assert got == [(seen.epc, seen.antenna, seen.time_us) for seen in sightings]
    assert pair.session.counters.tags == 3_000


def test_an_omitted_parameter_repeats_the_last_value() -> None:
    pair = Pair(ports=(1, 2))
    pair.up()
    pair.see([sighting(2)])
    epc_only = encode(message("RO_ACCESS_REPORT", 9, param("TagReportData", param("EPC_96", EPC=EPC))))
    pair.feed(epc_only)
    first, second = pair.tags()
    assert (second.antenna, second.peak_rssi_cdbm, second.last_seen_us) == (2, -5550, first.last_seen_us)


def test_nothing_is_remembered_from_an_older_rospec() -> None:
    pair = Pair()
    pair.up()
    pair.see([sighting(2)])
    pair.reconnect()
    pair.feed(encode(message("RO_ACCESS_REPORT", 9, param("TagReportData", param("EPC_96", EPC=EPC)))))
    (tag,) = pair.tags()
    assert tag.antenna is None


def test_an_empty_report_is_a_sign_of_life_and_nothing_else() -> None:
    pair = Pair()
    pair.connect()
    pair.feed(RawMessage(1, 61, 5, b"").to_bytes())
    assert pair.state() is State.UP
    assert pair.tags() == []


def test_reports_that_the_reader_held_come_with_their_own_times() -> None:
    pair = Pair()
    pair.up()
    pair.machine.disconnected(pair.now_us)
    old_us = pair.now_us
    pair.machine.observe([sighting(1, time_us=old_us)], pair.now_us)
    pair.now_us += 30_000_000
    pair.session = session_for()
    pair.events.clear()
    pair.connect()
    (tag,) = pair.tags()
    assert tag.last_seen_us == old_us
    kinds = [type(event) for event in pair.events]
    assert kinds.index(ReaderTime) < kinds.index(Reports), "the clock is known before old reads come"
    pair.feed(encode(message("RO_ACCESS_REPORT", 9, param("TagReportData", param("EPC_96", EPC=EPC)))))
    assert pair.tags()[-1].antenna is None, "an older ROSpec's last value is not repeated in ours"


def test_a_reader_without_utc_gives_uptime() -> None:
    pair = Pair(msgspec.structs.replace(load_persona("impinj-r420-like"), has_utc_clock=False))
    pair.up()
    pair.see([sighting(1, time_us=pair.now_us)])
    (tag,) = pair.tags()
    assert tag.uptime
    assert tag.last_seen_us == KEEPALIVE_MS * 1_000
    (greeting, *_) = pair.told(ReaderTime)
    assert greeting == ReaderTime(0, uptime=True, fresh=True)


# -- news


def test_antennas_that_are_unplugged_do_not_look() -> None:
    pair = Pair(ports=(1, 2, 3))
    pair.machine.set_antenna(3, connected=False, now_us=pair.now_us)
    pair.up()
    assert AntennaState(3, connected=False) in pair.events
    assert pair.looking() == (1, 2)
    pair.events.clear()
    pair.do(pair.machine.set_antenna(1, connected=False, now_us=pair.now_us))
    assert pair.told(AntennaState) == [AntennaState(1, connected=False)]
    assert pair.looking() == (2,)
    pair.do(pair.machine.set_antenna(1, connected=True, now_us=pair.now_us))
    assert pair.looking() == (1, 2)
    pair.session.antenna_works(3)
    assert pair.looking() == (1, 2, 3)


def test_exceptions_overflow_buffer_gpi_and_rivals_are_told() -> None:
    pair = Pair()
    pair.up()
    pair.events.clear()
    pair.do(pair.machine.report_exception("radio busy", pair.now_us))
    pair.do(pair.machine.another_attempt(pair.now_us))
    for child in (
        param("ReportBufferOverflowErrorEvent"),
        param("ReportBufferLevelWarningEvent", ReportBufferPercentageFull=83),
        param("GPIEvent", GPIPortNumber=2, GPIEvent=True),
        param("ReaderExceptionEvent", param("AntennaID", AntennaID=4), Message="VSWR"),
        param("HoppingEvent", HopTableID=1, NextChannelIndex=2),
    ):
        pair.feed(encode(notification(child)))
    assert pair.told(ReaderEvent) == [
        ReaderEvent(What.READER_EXCEPTION, None, "radio busy"),
        ReaderEvent(What.RIVAL, None, "another client tried to connect"),
        ReaderEvent(What.READER_OVERFLOW),
        ReaderEvent(What.READER_BUFFER, None, "83 %"),
        ReaderEvent(What.GPI, 2, "high"),
        ReaderEvent(What.READER_EXCEPTION, 4, "VSWR"),
    ]
    assert pair.state() is State.UP


def test_a_rospec_that_ends_by_itself_is_a_loss() -> None:
    pair = Pair()
    pair.up()
    pair.feed(encode(notification(param("ROSpecEvent", EventType=1, ROSpecID=7, PreemptingROSpecID=0))))
    assert pair.state() is State.UP, "another ROSpec is not our concern"
    pair.feed(encode(notification(param("ROSpecEvent", EventType=2, ROSpecID=1, PreemptingROSpecID=9))))
    assert pair.told(Lost) == [Lost("our ROSpec was preempted by ROSpec 9 (while up)")]
    assert pair.looking() == ()


def test_a_reader_that_closes_the_connection() -> None:
    pair = Pair()
    pair.up()
    pair.do(pair.machine.close(pair.now_us))
    assert pair.told(Lost) == [Lost("the reader closed the connection (while up)")]


# -- goodbye


@pytest.mark.parametrize("chunk", [0, 1])
def test_goodbye_is_polite(chunk: int) -> None:
    pair = Pair(chunk=chunk)
    pair.up()
    pair.leave()
    assert pair.told(Left) == [Left()]
    assert not pair.told(Lost), "the end of our ROSpec is our own doing"
    assert list(pair.machine.heard)[-3:] == ["STOP_ROSPEC", "DELETE_ROSPEC", "CLOSE_CONNECTION"]
    assert pair.machine.looking is None
    assert pair.looking() == ()


def test_goodbye_to_a_reader_that_does_not_answer() -> None:
    pair = Pair()
    pair.up()
    pair.faults.silent = True
    pair.leave()
    assert pair.session.deadline() == pytest.approx(pair.now_s + LEAVE_TIMEOUT_S)
    pair.advance(LEAVE_TIMEOUT_S)
    assert pair.told(Left) == [Left()]


def test_goodbye_before_the_greeting() -> None:
    session = session_for()
    session.connected(0.0)
    assert session.leave(0.1) == [Left()]
    assert session.take() == b""


def test_counters_of_a_quiet_minute() -> None:
    pair = Pair()
    pair.up()
    before = pair.session.counters.keepalives
    pair.advance(60)
    assert pair.session.counters.keepalives - before == 60
    assert pair.machine.counters.keepalive_acks == pair.machine.counters.keepalives_out
    assert pair.state() is State.UP
