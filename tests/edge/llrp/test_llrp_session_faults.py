"""The session and a reader that misbehaves: refusals, silence, denials, damaged bytes."""

from __future__ import annotations

import pytest

from edge.llrp.events import (
    BadMessage,
    Lost,
    Refused,
    Settings,
)
from edge.llrp.limits import REQUEST_TIMEOUT_S
from edge.llrp.transitions import State
from simulator.reader.faults import Corruption
from tests.edge.llrp.pair import EPC, KEEPALIVE_MS, Pair, notification, session_for, sighting, success
from wire.llrp.codec import encode
from wire.llrp.framer import Framer, RawMessage
from wire.llrp.message import message, param
from wire.llrp.tables.enumerations import ConnectionAttemptStatusType

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
    note = notification(param("ConnectionAttemptEvent", Status=status))
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
    pair.feed(encode(notification(param("ConnectionCloseEvent"))) + keepalive + report)
    assert isinstance(pair.events[-1], Lost)
    assert pair.session.take() == b""
    pair.feed(keepalive + report + b"\xff" * 20)
    assert isinstance(pair.events[-1], Lost)
    assert pair.session.take() == b""
    assert pair.tags() == []
    assert pair.session.counters.bad == 0


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
    session.receive(encode(notification(param("ConnectionAttemptEvent", Status=0))), 1.0)
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
        pair.feed(encode(notification(param("HoppingEvent", HopTableID=1, NextChannelIndex=2))))
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
    session.receive(encode(notification(param("ConnectionAttemptEvent", Status=0))), 0.0)
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
    pair.feed(encode(message("ADD_ROSPEC_RESPONSE", 999, success())))
    assert pair.session.counters.unasked == 1
    assert pair.state() is State.UP


def test_another_answer_with_our_number_is_not_ours() -> None:
    session = session_for()
    session.connected(0.0)
    session.receive(encode(notification(param("ConnectionAttemptEvent", Status=0))), 0.0)
    (request,) = Framer().feed(session.take())
    session.receive(encode(message("ADD_ROSPEC_RESPONSE", request.message_id, success())), 0.1)
    assert session.counters.unasked == 1
    assert session.state is State.READING_CAPABILITIES


def test_capabilities_that_lack_the_power_table_end_the_session() -> None:
    pair = Pair()
    pair.faults.bodies(
        encode(message("GET_READER_CAPABILITIES_RESPONSE", 1, success()))[10:], "GET_READER_CAPABILITIES_RESPONSE"
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


def test_status_texts_cover_every_refusal() -> None:
    assert {int(status) for status in ConnectionAttemptStatusType} == {0, 1, 2, 3, 4}
