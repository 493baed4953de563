"""Bytes that real readers sent, through the session: a R420, and a FX9600's reports as people posted them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.llrp.capabilities import read_capabilities
from edge.llrp.events import AntennaState, BadMessage, Lost, ReaderTime, Reports, Settings
from edge.llrp.transitions import State
from tests.edge.llrp.pair import session_for
from wire.llrp.codec import decode, encode
from wire.llrp.framer import Framer, RawMessage
from wire.llrp.message import Parameter, message, param
from wire.llrp.tables import MESSAGES, MESSAGES_BY_TYPE, response_to

R420 = Path(__file__).parents[2] / "data" / "llrp" / "edgex"
UPTIME_GREETING = "043f000000200000000000f600160081000c00000000da3c043d010000060000"
"""A reader without a UTC clock greets with its uptime (and with a doubtful attempt event)."""
GREETING = (R420.parent / "llrp-rs" / "messages.hex").read_text().split()[3]
"""An Impinj reader's: a client is welcome."""
FX9600_REPORT = "043d0000002a000001be00f000208de2005037590701270270edaf87001884000591e2f0b6d69a8814fe"


def body(name: str) -> bytes:
    return (R420 / f"{name}-000.bytes").read_bytes()


def answered_by_a_r420(chunk: int) -> tuple[list[object], State, list[str]]:
    """Feed the R420's own answers where we have them, plain success elsewhere."""
    session = session_for(ports=(1, 2))
    session.connected(0.0)
    events: list[object] = []

    def feed(data: bytes) -> None:
        for at in range(0, len(data), chunk or len(data)):
            events.extend(session.receive(data[at : at + (chunk or len(data))], 0.0))

    added: list[Parameter] = []
    feed(bytes.fromhex(GREETING))
    asked: list[str] = []
    while out := session.take():
        for raw in Framer().feed(out):
            msg = decode(raw)
            asked.append(msg.name)
            captured = {
                "GET_READER_CAPABILITIES": "GetReaderCapabilitiesResponse",
                "GET_READER_CONFIG": "GetReaderConfigResponse",
            }.get(msg.name)
            reply = response_to(msg.name)
            if captured is not None:
                feed(RawMessage(1, MESSAGES[str(reply)].number, raw.message_id, body(captured)).to_bytes())
            elif msg.name == "GET_ROSPECS":
                status = param("LLRPStatus", StatusCode=0, ErrorDescription="")
                feed(encode(message("GET_ROSPECS_RESPONSE", raw.message_id, status, *added)))
            elif reply is not None:
                status = param("LLRPStatus", StatusCode=0, ErrorDescription="")
                feed(encode(message(reply, raw.message_id, status)))
            if msg.name == "ADD_ROSPEC":
                added.append(msg.one("ROSpec"))
    for i in range(1, 10):
        report = (R420 / f"ROAccessReport-{i:03}.bytes").read_bytes()
        feed(RawMessage(1, MESSAGES["RO_ACCESS_REPORT"].number, i, report).to_bytes())
    state = session.state
    feed(RawMessage(1, MESSAGES["READER_EVENT_NOTIFICATION"].number, 0, body("ReaderEventNotification")).to_bytes())
    return events, state, asked


@pytest.mark.parametrize("chunk", [0, 1])
def test_a_real_r420_is_set_up_and_read(chunk: int) -> None:
    events, state, asked = answered_by_a_r420(chunk)
    assert state is State.UP
    assert asked[-1] == "START_ROSPEC"
    assert not [event for event in events if isinstance(event, BadMessage)]
    assert events[-1] == Lost("the reader closed the connection (while up)")
    states = [event for event in events if isinstance(event, AntennaState)]
    assert states == [AntennaState(port, connected=port == 1) for port in (1, 2, 3, 4)]
    (found,) = [event for event in events if isinstance(event, Settings)]
    assert found.by_port[1].tx_power_cdbm == 3_000
    assert found.by_port[1].mode == 1002
    tags = [tag for event in events if isinstance(event, Reports) for tag in event.reports]
    assert len(tags) == 9
    assert tags[0].epc.hex() == "3000abcdef00000000000003"
    assert [tag.peak_rssi_cdbm for tag in tags] == [-4800, -4700, -5400, -6800, -5200, -4500, -5300, -5600, -5000]
    assert {tag.antenna for tag in tags} == {1}


def test_capabilities_of_a_real_r420() -> None:
    number = MESSAGES["GET_READER_CAPABILITIES_RESPONSE"].number
    able = read_capabilities(decode(RawMessage(1, number, 1, body("GetReaderCapabilitiesResponse"))))
    assert able.is_impinj
    assert (able.facts.ports, able.max_rospecs, able.has_utc_clock, able.can_hold_reports) == (4, 1, True, True)
    assert able.firmware == "5.14.0.240"
    assert len(able.facts.power_cdbm) == 81
    assert able.facts.power_cdbm[1] == 1_000
    assert able.facts.power_cdbm[81] == 3_000
    assert [mode.identifier for mode in able.facts.modes] == [0, 1, 2, 3, 4, 1000, 1002, 1003, 1004, 1005]
    assert [mode.miller for mode in able.facts.modes][:4] == [1, 2, 4, 8]
    assert [mode.automatic for mode in able.facts.modes] == [False] * 5 + [True] * 5
    assert able.facts.hop_tables == (1,)
    assert able.facts.fixed_channels == 0


def test_a_fx9600_report_without_antenna_and_rssi() -> None:
    session = session_for("zebra-fx9600-stock")
    session.connected(0.0)
    events = session.receive(bytes.fromhex(FX9600_REPORT), 0.0)
    (reports,) = [event for event in events if isinstance(event, Reports)]
    (tag,) = reports.reports
    assert tag.epc.hex() == "e2005037590701270270edaf"
    assert (tag.antenna, tag.seen_count) == (None, 5374)


def test_a_reader_that_greets_with_its_uptime() -> None:
    session = session_for()
    session.connected(0.0)
    events = session.receive(bytes.fromhex(UPTIME_GREETING), 0.0)
    times = [event for event in events if isinstance(event, ReaderTime)]
    assert all(event.uptime for event in times)
    assert session.state in {State.GREETING, State.READING_CAPABILITIES}
    assert session.counters.messages == 1


@pytest.mark.parametrize("line", (R420.parent / "llrp-rs" / "messages.hex").read_text().splitlines())
def test_a_captured_session_of_another_client_breaks_nothing(line: str) -> None:
    data = bytes.fromhex(line.rsplit(maxsplit=1)[-1])
    session = session_for()
    session.connected(0.0)
    session.receive(data, 0.0)
    (raw,) = Framer().feed(data)
    assert raw.type in MESSAGES_BY_TYPE
    assert session.state in {State.GREETING, State.READING_CAPABILITIES}
    assert session.counters.bad == 0
