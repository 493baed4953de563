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
    Refused,
    Reports,
    Settings,
    Up,
)
from edge.llrp.limits import LEAVE_TIMEOUT_S, REQUEST_TIMEOUT_S
from edge.llrp.transitions import State
from simulator.reader.faults import Corruption
from simulator.reader.persona import load_persona
from simulator.reader.sighting import Sighting
from tests.edge.llrp.pair import KEEPALIVE_MS, START_US, Pair, session_for
from wire.llrp.codec import decode, encode
from wire.llrp.framer import Framer, RawMessage
from wire.llrp.message import Message, Parameter, message, param
from wire.llrp.tables.enumerations import ConnectionAttemptStatusType

EPC = bytes.fromhex("3034257bf7194e4000001a85")
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


def sighting(port: int = 1, epc: bytes = EPC, bits: int = 96, time_us: int = START_US) -> Sighting:
    return Sighting(epc, bits, port, -5550, time_us)


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
    pair.faults.bodies(encode(message("GET_ROSPECS_RESPONSE", 1, _success()))[10:], "GET_ROSPECS_RESPONSE")
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
        pair.feed(encode(_notification(child)))
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
    pair.feed(encode(_notification(param("ROSpecEvent", EventType=1, ROSpecID=7, PreemptingROSpecID=0))))
    assert pair.state() is State.UP, "another ROSpec is not our concern"
    pair.feed(encode(_notification(param("ROSpecEvent", EventType=2, ROSpecID=1, PreemptingROSpecID=9))))
    assert pair.told(Lost) == [Lost("our ROSpec was preempted by ROSpec 9 (while up)")]
    assert pair.looking() == ()


def test_a_reader_that_closes_the_connection() -> None:
    pair = Pair()
    pair.up()
    pair.do(pair.machine.close(pair.now_us))
    assert pair.told(Lost) == [Lost("the reader closed the connection (while up)")]


# -- refusal


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (1, "held by a client that the reader itself called"),
        (2, "held by another client"),
        (3, "refused without a reason"),
        (4, "another client tried to connect"),
        (77, "refused with status 77"),
    ],
)
def test_a_refusal_ends_the_session(status: int, text: str) -> None:
    session = session_for()
    session.connected(0.0)
    note = _notification(param("ConnectionAttemptEvent", Status=status))
    events = session.receive(encode(note, strict=False), 0.1)
    assert [event for event in events if isinstance(event, Refused)] == [Refused(status, text)]
    assert session.state is State.REFUSED
    assert session.deadline() is None
    assert session.take() == b""
    assert session.receive(b"anything", 0.2) == []


def test_nothing_that_comes_after_the_end_counts() -> None:
    report = encode(message("RO_ACCESS_REPORT", 9, param("TagReportData", param("EPC_96", EPC=EPC))))
    keepalive = encode(message("KEEPALIVE", 10))
    pair = Pair()
    pair.up()
    pair.feed(encode(_notification(param("ConnectionCloseEvent"))) + keepalive + report)
    assert isinstance(pair.events[-1], Lost)
    assert pair.session.take() == b""
    pair.feed(keepalive + report)
    assert isinstance(pair.events[-1], Lost)
    assert pair.session.take() == b""
    assert pair.tags() == []


# -- silence


def test_a_silent_reader_is_left_before_the_third_keepalive() -> None:
    pair = Pair()
    pair.up()
    pair.faults.silent = True
    heard_s = pair.session.heard_s
    pair.advance(2.4 * KEEPALIVE_MS / 1_000)
    assert pair.state() is State.UP
    pair.advance(0.6 * KEEPALIVE_MS / 1_000)
    assert pair.state() is State.FAILED
    assert pair.told(Lost) == [Lost("silent for 2.5 s (while up)")]
    assert pair.session.heard_s == heard_s


def test_a_trickle_of_bytes_is_not_a_sign_of_life() -> None:
    pair = Pair()
    pair.up()
    pair.faults.silent = True
    pair.feed(RawMessage(1, 61, 1, bytes(1_000)).to_bytes()[:10])
    for _ in range(30):
        pair.now_us += 100_000
        pair.feed(b"\x00")
        pair.events += pair.session.tick(pair.now_s)
    assert pair.state() is State.FAILED


def test_a_reader_that_greets_and_never_answers() -> None:
    session = session_for()
    session.connected(0.0)
    assert session.deadline() == REQUEST_TIMEOUT_S
    session.receive(encode(_notification(param("ConnectionAttemptEvent", Status=0))), 1.0)
    assert session.tick(REQUEST_TIMEOUT_S + 0.9) == []
    (lost,) = session.tick(REQUEST_TIMEOUT_S + 1.0)
    assert lost == Lost("no answer to GET_READER_CAPABILITIES in time (while reading capabilities)")


def test_a_reader_that_never_greets() -> None:
    session = session_for()
    session.connected(0.0)
    (lost,) = session.tick(REQUEST_TIMEOUT_S)
    assert lost == Lost("no sign of life (while greeting)")


def test_a_started_rospec_without_reports_and_keepalives_is_not_up() -> None:
    """Other messages show that the reader lives, not that it reads."""
    pair = Pair()
    pair.connect()
    pair.machine.disconnected(pair.now_us)
    for _ in range(30):
        pair.now_us += 100_000
        pair.feed(encode(_notification(param("HoppingEvent", HopTableID=1, NextChannelIndex=2))))
        pair.events += pair.session.tick(pair.now_s)
    assert pair.told(Lost) == [Lost("no sign of life (while proving)")]


# -- errors of the reader


@pytest.mark.parametrize(
    ("request_name", "tolerated"),
    [
        ("GET_READER_CAPABILITIES", False),
        ("IMPINJ_ENABLE_EXTENSIONS", False),
        ("GET_READER_CONFIG", True),
        ("SET_READER_CONFIG", False),
        ("DELETE_ACCESSSPEC", True),
        ("DELETE_ROSPEC", True),
        ("ADD_ROSPEC", False),
        ("GET_ROSPECS", False),
        ("ENABLE_ROSPEC", False),
        ("START_ROSPEC", False),
    ],
)
def test_a_denied_request(request_name: str, tolerated: bool) -> None:
    pair = Pair()
    response = "IMPINJ_ENABLE_EXTENSIONS_RESPONSE" if request_name.startswith("IMPINJ") else f"{request_name}_RESPONSE"
    body = encode(message(response, 1, param("LLRPStatus", StatusCode=101, ErrorDescription="no such thing")))[10:]
    pair.faults.bodies(body, response)
    pair.up()
    if tolerated:
        assert pair.state() is State.UP
        return
    assert pair.state() is State.FAILED
    (lost,) = pair.told(Lost)
    assert isinstance(lost, Lost)
    assert lost.reason.startswith(f"{request_name} was denied: M_FieldError 'no such thing'")


def test_error_message_answers_the_request_that_it_names() -> None:
    session = session_for()
    session.connected(0.0)
    session.receive(encode(_notification(param("ConnectionAttemptEvent", Status=0))), 0.0)
    (request,) = Framer().feed(session.take())
    error = param("LLRPStatus", StatusCode=109, ErrorDescription="")
    assert session.receive(encode(message("ERROR_MESSAGE", request.message_id + 5, error)), 0.1) == []
    assert session.counters.unasked == 1
    (lost,) = session.receive(encode(message("ERROR_MESSAGE", request.message_id, error)), 0.1)
    assert isinstance(lost, Lost)
    assert "GET_READER_CAPABILITIES was denied: M_UnsupportedMessage" in lost.reason


def test_an_answer_to_nothing_is_counted() -> None:
    pair = Pair()
    pair.up()
    pair.feed(encode(message("ADD_ROSPEC_RESPONSE", 999, _success())))
    assert pair.session.counters.unasked == 1
    assert pair.state() is State.UP


def test_another_answer_with_our_number_is_not_ours() -> None:
    session = session_for()
    session.connected(0.0)
    session.receive(encode(_notification(param("ConnectionAttemptEvent", Status=0))), 0.0)
    (request,) = Framer().feed(session.take())
    session.receive(encode(message("ADD_ROSPEC_RESPONSE", request.message_id, _success())), 0.1)
    assert session.counters.unasked == 1
    assert session.state is State.READING_CAPABILITIES


def test_capabilities_that_lack_the_power_table_end_the_session() -> None:
    pair = Pair()
    pair.faults.bodies(
        encode(message("GET_READER_CAPABILITIES_RESPONSE", 1, _success()))[10:], "GET_READER_CAPABILITIES_RESPONSE"
    )
    pair.connect()
    (lost,) = pair.told(Lost)
    assert isinstance(lost, Lost)
    assert "no parameter 'GeneralDeviceCapabilities'" in lost.reason


def test_ports_that_the_reader_does_not_have() -> None:
    some = Pair(ports=(1, 9))
    some.up()
    (settings,) = some.told(Settings)
    assert isinstance(settings, Settings)
    assert settings.problems == ("port 9: the reader has ports 1 to 4",)
    assert some.looking() == (1,)
    none = Pair(ports=(9,))
    none.connect()
    (lost,) = none.told(Lost)
    assert isinstance(lost, Lost)
    assert "no antenna can be used: port 9: the reader has ports 1 to 4" in lost.reason


# -- bad bytes


@pytest.mark.parametrize("chunk", [0, 1])
@pytest.mark.parametrize(
    ("corruption", "lost_tags", "bad"),
    [
        (Corruption.UNKNOWN_MESSAGE, 0, 0),
        (Corruption.UNKNOWN_PARAMETER, 0, 0),
        (Corruption.BAD_PARAMETER, 1, 1),
        (Corruption.TRUNCATED_FIELD, 1, 1),
        (Corruption.SWALLOW, 1, 0),
    ],
)
def test_a_bad_message_costs_that_message_only(corruption: Corruption, lost_tags: int, bad: int, chunk: int) -> None:
    pair = Pair(chunk=chunk)
    pair.up()
    pair.faults.corrupt(corruption, "RO_ACCESS_REPORT")
    pair.see([sighting(1, i.to_bytes(12)) for i in range(71)])
    assert pair.faults.applied == 1
    assert len(pair.tags()) == 71 - lost_tags
    assert pair.session.counters.bad == bad
    assert pair.session.counters.unknown == (corruption in {Corruption.UNKNOWN_MESSAGE, Corruption.UNKNOWN_PARAMETER})
    assert sum(event.count for event in pair.told(BadMessage) if isinstance(event, BadMessage)) == bad
    assert pair.state() is State.UP


def test_a_bad_notification_costs_itself() -> None:
    pair = Pair()
    pair.up()
    pair.feed(RawMessage(1, 63, 1, b"\x00\xf6\x00\x04").to_bytes())
    pair.feed(RawMessage(1, 63, 1, b"\x00\xf6\xff\xff").to_bytes())
    assert len(pair.told(BadMessage)) == pair.session.counters.bad == 2
    pair.see([sighting()])
    assert len(pair.tags()) == 1


@pytest.mark.parametrize("chunk", [0, 1])
@pytest.mark.parametrize("corruption", [Corruption.LENGTH_HUGE, Corruption.LENGTH_TINY])
def test_a_lying_length_ends_the_connection(corruption: Corruption, chunk: int) -> None:
    pair = Pair(chunk=chunk)
    pair.up()
    pair.see([sighting(1, b"\x01" * 12)])
    pair.faults.corrupt(corruption, "RO_ACCESS_REPORT")
    pair.see([sighting(1, b"\x02" * 12)])
    assert pair.state() is State.FAILED
    assert [tag.epc for tag in pair.tags()] == [b"\x01" * 12]
    (lost,) = pair.told(Lost)
    assert isinstance(lost, Lost)
    assert "message length" in lost.reason


def test_whole_messages_before_a_lying_length_are_kept() -> None:
    pair = Pair()
    pair.up()
    report = encode(message("RO_ACCESS_REPORT", 9, param("TagReportData", param("EPC_96", EPC=EPC))))
    pair.feed(report + report + b"\x04\x3d\x00\x00\x00\x04\x00\x00\x00\x00")
    assert len(pair.tags()) == 2
    assert pair.state() is State.FAILED


def test_a_drop_in_the_middle_of_a_message_glues_nothing() -> None:
    pair = Pair()
    pair.up()
    pair.faults.corrupt(Corruption.DROP_MID, "RO_ACCESS_REPORT")
    pair.see([sighting(1, b"\x01" * 12)])
    assert pair.state() is State.FAILED
    pair.reconnect()
    pair.advance(1)
    pair.see([sighting(2, i.to_bytes(12)) for i in range(200)])
    assert [tag.epc for tag in pair.tags()] == [i.to_bytes(12) for i in range(200)]


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


def _success() -> Parameter:
    return param("LLRPStatus", StatusCode=0, ErrorDescription="")


def _notification(child: Parameter) -> Message:
    data = param("ReaderEventNotificationData", param("UTCTimestamp", Microseconds=START_US), child)
    return message("READER_EVENT_NOTIFICATION", 0, data)


def test_status_texts_cover_every_refusal() -> None:
    assert {int(status) for status in ConnectionAttemptStatusType} == {0, 1, 2, 3, 4}
