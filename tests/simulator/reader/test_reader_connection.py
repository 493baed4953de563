"""What concerns the connection: keepalives, versions, configuration, capabilities, messages that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.reader.clock import ManualClock
from simulator.reader.limits import MAX_COMMAND_BYTES
from simulator.reader.persona import NAMES, PersonaError, load_persona, persona_of
from tests.simulator.reader.reader_client import (
    START_US,
    Bench,
    access_spec,
    events,
    events_on,
    report_spec,
    rospec,
    status_code,
)
from wire.llrp.codec import decode, encode
from wire.llrp.framer import RawMessage
from wire.llrp.message import Message, Parameter, param
from wire.llrp.tables import MESSAGES
from wire.llrp.tables.enumerations import ConnectionAttemptStatusType, StatusCode
from wire.site import Antenna, Device, Driver

DATA = Path(__file__).parent / "data"


@pytest.fixture
def bench() -> Bench:
    bench = Bench(ManualClock(START_US))
    bench.connect()
    return bench


def names(messages: list[Message]) -> list[str]:
    return [item.name for item in messages]


# -- personas


def test_capabilities_are_those_of_a_real_r420(bench: Bench) -> None:
    real = decode(RawMessage(1, 11, 1, (DATA / "r420-capabilities.bytes").read_bytes()))
    assert bench.do("GET_READER_CAPABILITIES", RequestedData=0).parameters == real.parameters


def test_default_configuration_is_that_of_a_real_r420(bench: Bench) -> None:
    real = decode(RawMessage(1, 12, 1, (DATA / "r420-config.bytes").read_bytes()))
    ours = bench.do("GET_READER_CONFIG", AntennaID=0, RequestedData=0, GPIPortNum=0, GPOPortNum=0)
    # What is plugged in and who it is differs; the rest of a reader fresh from the factory does not.
    own = {"Identification", "AntennaProperties", "LLRPConfigurationStateValue"}
    assert [item for item in ours.parameters if item.name not in own] == [
        item for item in real.parameters if item.name not in own
    ]
    assert [item.name for item in ours.parameters] == [item.name for item in real.parameters]


@pytest.mark.parametrize("name", NAMES)
def test_every_persona_answers_for_all_its_ports(name: str) -> None:
    bench = Bench(ManualClock(START_US), name)
    bench.connect()
    model = load_persona(name)
    answer = bench.do("GET_READER_CAPABILITIES", RequestedData=0)
    assert answer.one("GeneralDeviceCapabilities").number("MaxNumberOfAntennaSupported") == model.ports
    powers = [
        item.number("TransmitPowerValue") for item in answer.walk() if item.name == "TransmitPowerLevelTableEntry"
    ]
    assert max(powers) == 3_000
    config = bench.do("GET_READER_CONFIG", AntennaID=0, RequestedData=0, GPIPortNum=0, GPOPortNum=0)
    assert len(config.all("AntennaConfiguration")) == model.ports


def test_persona_follows_option_profile_and_ports() -> None:
    def device(profile: str, ports: int, **options: str) -> Device:
        antennas = tuple(Antenna(port, "FLOOR") for port in range(1, ports + 1))
        return Device("R1", Driver.LLRP, "127.0.0.1:0", "box", profile, antennas=antennas, options=dict(options))

    assert persona_of(device("impinj-r700-stock", 2)).name == "impinj-r420-like"
    assert persona_of(device("impinj-r700-stock", 32)).ports == 32
    assert persona_of(device("zebra-fx9600-stock", 4)).name == "zebra-fx9600-4-like"
    assert persona_of(device("zebra-fx9600-stock", 5)).name == "zebra-fx9600-8-like"
    assert persona_of(device("", 1, persona="zebra-fx9600-8-like")).ports == 8
    with pytest.raises(PersonaError, match="sargas"):
        persona_of(device("", 1, persona="sargas"))


@pytest.mark.parametrize(
    ("requested", "expected"),
    [
        (1, "GeneralDeviceCapabilities"),
        (2, "LLRPCapabilities"),
        (3, "RegulatoryCapabilities"),
        (4, "C1G2LLRPCapabilities"),
    ],
)
def test_capabilities_in_parts(bench: Bench, requested: int, expected: str) -> None:
    answer = bench.do("GET_READER_CAPABILITIES", RequestedData=requested)
    assert [item.name for item in answer.parameters] == ["LLRPStatus", expected]


# -- configuration


def test_configuration_is_kept_over_a_reconnect_and_lost_by_a_reset(bench: Bench) -> None:
    keepalive = param("KeepaliveSpec", KeepaliveTriggerType=1, PeriodicTriggerValue=5_000)
    transmitter = param("RFTransmitter", HopTableID=1, ChannelIndex=1, TransmitPower=40)
    antenna = param("AntennaConfiguration", transmitter, AntennaID=0)
    hold = param("EventsAndReports", HoldEventsAndReportsUponReconnect=True)
    gpo = param("GPOWriteData", GPOPortNumber=3, GPOData=True)
    before = bench.do("GET_READER_CONFIG", AntennaID=0, RequestedData=7, GPIPortNum=0, GPOPortNum=0)
    bench.do(
        "SET_READER_CONFIG",
        events_on(8, 2),
        antenna,
        report_spec(1, 9),
        keepalive,
        gpo,
        hold,
        ResetToFactoryDefault=False,
    )
    bench.machine.disconnected(bench.clock.now_us())
    bench.connect()
    config = bench.do("GET_READER_CONFIG", AntennaID=0, RequestedData=0, GPIPortNum=0, GPOPortNum=0)
    assert config.one("KeepaliveSpec") == keepalive
    assert config.one("ROReportSpec") == report_spec(1, 9)
    assert config.one("EventsAndReports") == hold
    assert [item.one("RFTransmitter") for item in config.all("AntennaConfiguration")] == [transmitter] * 4
    assert all(item.first("C1G2InventoryCommand") is not None for item in config.all("AntennaConfiguration"))
    assert [item.number("GPOData") for item in config.all("GPOWriteData")] == [0, 0, 1, 0]
    states = config.one("ReaderEventNotificationSpec").all("EventNotificationState")
    assert [item.number("EventType") for item in states if item.number("NotificationState")] == [2, 4, 8]
    assert config.one("LLRPConfigurationStateValue") != before.one("LLRPConfigurationStateValue")

    bench.do("ADD_ROSPEC", rospec())
    bench.do("ADD_ACCESSSPEC", access_spec(1))
    bench.do("SET_READER_CONFIG", ResetToFactoryDefault=True)
    assert bench.do("GET_ROSPECS").all("ROSpec") == []
    assert bench.do("GET_ACCESSSPECS").all("AccessSpec") == []
    config = bench.do("GET_READER_CONFIG", AntennaID=2, RequestedData=0, GPIPortNum=1, GPOPortNum=3)
    assert config.one("KeepaliveSpec").number("KeepaliveTriggerType") == 0
    assert config.one("EventsAndReports").number("HoldEventsAndReportsUponReconnect") == 0
    (antenna,) = config.all("AntennaConfiguration")
    assert antenna.one("RFTransmitter").number("TransmitPower") == 81
    assert [item.number("GPOData") for item in config.all("GPOWriteData")] == [0]


@pytest.mark.parametrize(
    "wrong",
    [
        param("AntennaConfiguration", AntennaID=5),
        param("GPOWriteData", GPOPortNumber=5, GPOData=True),
        param("GPIPortCurrentState", GPIPortNum=0, Config=True, State=0),
        param("KeepaliveSpec", KeepaliveTriggerType=1, PeriodicTriggerValue=0),
        param("AntennaProperties", AntennaConnected=True, AntennaID=1, AntennaGain=0),
        param("ImpinjLinkMonitorConfiguration", LinkMonitorMode=1, LinkDownThreshold=2),
        report_spec(3, 1),
    ],
    ids=lambda wrong: wrong.name,
)
def test_a_wrong_configuration_changes_nothing(bench: Bench, wrong: Parameter) -> None:
    def config() -> Message:
        answer = bench.do("GET_READER_CONFIG", AntennaID=0, RequestedData=0, GPIPortNum=0, GPOPortNum=0)
        return Message(answer.name, answer.fields, answer.parameters)

    before = config()
    parts = {"ReaderEventNotificationSpec": events_on(0, 1, 2, 3), wrong.name: wrong}
    order = [slot for slots in MESSAGES["SET_READER_CONFIG"].slots for slot in slots.names]
    ordered = sorted(parts.values(), key=lambda item: order.index(item.name) if item.name in order else len(order))
    answer = bench.ask("SET_READER_CONFIG", *ordered, ResetToFactoryDefault=True)
    assert status_code(answer) == StatusCode.M_ParameterError
    assert config() == before


# -- keepalives


def test_keepalives_come_and_their_acks_are_counted(bench: Bench) -> None:
    keepalive = param("KeepaliveSpec", KeepaliveTriggerType=1, PeriodicTriggerValue=2_000)
    bench.do("SET_READER_CONFIG", keepalive, ResetToFactoryDefault=False)
    assert names(bench.wait(1.999)) == []
    (first,) = bench.wait(0.001)
    assert first.name == "KEEPALIVE"
    bench.send("KEEPALIVE_ACK")
    assert names(bench.wait(10)) == ["KEEPALIVE"] * 5
    assert bench.machine.counters.keepalive_acks == 1
    bench.machine.disconnected(bench.clock.now_us())
    assert bench.wait(10) == []
    bench.connect()
    assert names(bench.wait(2)) == ["KEEPALIVE"]
    stop = param("KeepaliveSpec", KeepaliveTriggerType=0, PeriodicTriggerValue=0)
    bench.do("SET_READER_CONFIG", stop, ResetToFactoryDefault=False)
    assert bench.wait(10) == []


def test_impinj_link_monitor_drops_a_client_that_does_not_answer(bench: Bench) -> None:
    bench.do("IMPINJ_ENABLE_EXTENSIONS")
    keepalive = param("KeepaliveSpec", KeepaliveTriggerType=1, PeriodicTriggerValue=1_000)
    monitor = param("ImpinjLinkMonitorConfiguration", LinkMonitorMode=1, LinkDownThreshold=3)
    bench.do("SET_READER_CONFIG", keepalive, monitor, ResetToFactoryDefault=False)
    for _ in range(5):
        assert names(bench.wait(1)) == ["KEEPALIVE"]
        bench.send("KEEPALIVE_ACK")
    assert names(bench.wait(3)) == ["KEEPALIVE"] * 3
    assert bench.closed is None
    last = bench.wait(1)
    assert len(events(last, "ConnectionCloseEvent")) == 1
    assert bench.closed is not None


# -- versions


def test_a_1_0_1_reader_refuses_version_negotiation_and_lives(bench: Bench) -> None:
    bench.version = 2
    for name, fields in (("GET_SUPPORTED_VERSION", {}), ("SET_PROTOCOL_VERSION", {"ProtocolVersion": 2})):
        answer = bench.ask(name, **fields)
        assert (answer.name, answer.version) == ("ERROR_MESSAGE", 1)
        assert status_code(answer) == StatusCode.M_UnsupportedVersion
    bench.version = 1
    bench.do("GET_ROSPECS")


def test_a_1_1_reader_negotiates() -> None:
    bench = Bench(ManualClock(START_US), version=2)
    bench.connect()
    bench.version = 2
    answer = bench.ask("GET_SUPPORTED_VERSION")
    assert (answer.number("CurrentVersion"), answer.number("SupportedVersion"), answer.version) == (1, 2, 2)
    assert status_code(bench.ask("GET_ROSPECS")) == StatusCode.M_UnsupportedVersion
    assert status_code(bench.ask("SET_PROTOCOL_VERSION", ProtocolVersion=3)) == StatusCode.M_UnsupportedVersion
    bench.do("SET_PROTOCOL_VERSION", ProtocolVersion=2)
    assert bench.do("GET_ROSPECS").version == 2
    config = bench.do("GET_READER_CONFIG", AntennaID=0, RequestedData=5, GPIPortNum=0, GPOPortNum=0)
    assert len(config.one("ReaderEventNotificationSpec").parameters) == 10
    bench.version = 1
    assert status_code(bench.ask("GET_ROSPECS")) == StatusCode.M_UnsupportedVersion
    bench.machine.disconnected(bench.clock.now_us())
    assert bench.connect()[0].version == 1


# -- what is wrong


def test_unknown_message_gets_an_error_message(bench: Bench) -> None:
    (answer,) = bench.raw(RawMessage(1, 999, 77, b"\x01\x02").to_bytes())
    assert (answer.name, answer.message_id) == ("ERROR_MESSAGE", 77)
    assert status_code(answer) == StatusCode.M_UnsupportedMessage
    bench.do("GET_ROSPECS")


def test_messages_that_a_reader_only_sends_are_not_requests(bench: Bench) -> None:
    answer = bench.ask("KEEPALIVE")
    assert (answer.name, status_code(answer)) == ("ERROR_MESSAGE", StatusCode.M_UnsupportedMessage)
    foreign = bench.ask("CUSTOM_MESSAGE", VendorIdentifier=161, MessageSubtype=2, Data=b"")
    assert status_code(foreign) == StatusCode.M_UnsupportedMessage
    zebra = Bench(ManualClock(START_US), "zebra-fx9600-4-like")
    zebra.connect()
    assert status_code(zebra.ask("IMPINJ_ENABLE_EXTENSIONS")) == StatusCode.M_UnsupportedMessage


def test_undecodable_request_is_answered_in_its_own_response(bench: Bench) -> None:
    (answer,) = bench.raw(RawMessage(1, MESSAGES["ADD_ROSPEC"].number, 5, b"\x00\xb1\xff\xff").to_bytes())
    assert (answer.name, answer.message_id) == ("ADD_ROSPEC_RESPONSE", 5)
    assert status_code(answer) == StatusCode.M_ParameterError
    bench.do("GET_ROSPECS")


def test_missing_and_unknown_parameters_are_told(bench: Bench) -> None:
    assert status_code(bench.ask("ADD_ROSPEC")) == StatusCode.M_MissingParameter
    unknown = param("Unknown", Type=700, Data=b"??")
    answer = bench.ask("SET_READER_CONFIG", unknown, ResetToFactoryDefault=False)
    assert status_code(answer) in {StatusCode.M_UnknownParameter, StatusCode.M_UnexpectedParameter}


@pytest.mark.parametrize("length", [4, 0xFFFFFFF0, MAX_COMMAND_BYTES + 1])
def test_a_lying_length_ends_the_connection(bench: Bench, length: int) -> None:
    heard = bench.raw(encode_get_rospecs() + b"\x04\x1a" + length.to_bytes(4) + b"\x00\x00\x00\x01")
    assert names(heard) == ["GET_ROSPECS_RESPONSE", "ERROR_MESSAGE", "READER_EVENT_NOTIFICATION"]
    assert len(events(heard, "ConnectionCloseEvent")) == 1
    assert bench.closed is not None
    bench.machine.disconnected(bench.clock.now_us())
    assert events(bench.connect(), "ConnectionAttemptEvent")[0]["Status"] is ConnectionAttemptStatusType.Success
    bench.do("GET_ROSPECS")


def encode_get_rospecs() -> bytes:
    return encode(Message("GET_ROSPECS", message_id=1))


def test_close_connection_is_answered_then_closed(bench: Bench) -> None:
    bench.do("CLOSE_CONNECTION")
    assert bench.closed == "CLOSE_CONNECTION"


def test_extensions_end_with_the_connection(bench: Bench) -> None:
    monitor = param("ImpinjLinkMonitorConfiguration", LinkMonitorMode=1, LinkDownThreshold=3)
    bench.do("IMPINJ_ENABLE_EXTENSIONS")
    bench.do("SET_READER_CONFIG", monitor, ResetToFactoryDefault=False)
    bench.machine.disconnected(bench.clock.now_us())
    bench.connect()
    assert status_code(bench.ask("SET_READER_CONFIG", monitor, ResetToFactoryDefault=False)) != 0


def test_events_are_sent_only_if_enabled(bench: Bench) -> None:
    now_us = bench.clock.now_us()
    bench.do(
        "SET_READER_CONFIG",
        param(
            "ReaderEventNotificationSpec",
            param("EventNotificationState", EventType=4, NotificationState=False),
            param("EventNotificationState", EventType=8, NotificationState=True),
        ),
        ResetToFactoryDefault=False,
    )
    assert bench.decoded(bench.machine.report_exception("radio busy", now_us)) == []
    bench.do("SET_READER_CONFIG", events_on(4), ResetToFactoryDefault=False)
    (note,) = bench.decoded(bench.machine.report_exception("radio busy", now_us))
    (event,) = events([note], "ReaderExceptionEvent")
    assert event.text("Message") == "radio busy"
