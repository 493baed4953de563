"""What objects of both makers mean: examples of real readers, and what is bad in them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.iot import impinj, zebra
from edge.iot.events import Answer, AntennaState, BadEvent, Complaint, Heartbeat, Input, Inventory, Overflow, Tag

HEX = "7EDA9038051002710002C0AE"
EPC = bytes.fromhex(HEX)
ONGOING = "start currently ongoing"
SEEN_US = 1_795_316_400_000_000
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def impinj_tag(**event: Any) -> dict[str, Any]:
    return {"timestamp": "2026-11-22T03:00:00.000Z", "eventType": "tagInventory", "tagInventoryEvent": event}


def test_impinj_with_all_properties() -> None:
    found = impinj_tag(
        epc="ftqQOAUQAnEAAsCu",
        epcHex="7EDA9038051002710002C0AE",
        tidHex="E2801170200014CD9B5A08EC",
        pc="NAA=",
        antennaPort=1,
        antennaName="ANTENNA-NAME",
        peakRssiCdbm=-7000,
        frequency=927_250,
        transmitPowerCdbm=3_000,
        lastSeenTime="2026-11-22T02:59:59.500Z",
        phaseAngle=69.0,
    )
    assert impinj.parse_event(found) == Tag(EPC, 1, -7_000, SEEN_US - 500_000, SEEN_US)


def test_impinj_as_made_has_no_read_time_and_no_hexadecimal() -> None:
    found = impinj_tag(epc="ftqQOAUQAnEAAsCu", antennaPort=2, peakRssiCdbm=-6_150, frequency=866_300)
    assert impinj.parse_event(found) == Tag(EPC, 2, -6_150, None, SEEN_US)


def test_impinj_without_event_type_or_anything_else() -> None:
    """Older firmware names no `eventType`."""
    assert impinj.parse_event({"tagInventoryEvent": {"epcHex": EPC.hex()}}) == Tag(EPC, None, None, None, None)


@pytest.mark.parametrize(
    "event", [{}, {"epc": ""}, {"epc": "=="}, {"epcHex": "7E0"}, {"epcHex": None, "epc": "AAAA"}, {"epc": 5}]
)
def test_impinj_without_an_epc_is_bad(event: dict[str, Any]) -> None:
    with pytest.raises(BadEvent, match="without an EPC"):
        impinj.parse_event(impinj_tag(**event))


@pytest.mark.parametrize(
    ("found", "event"),
    [
        ({"antennaConnectedEvent": {"antennaPort": 3}}, AntennaState(3, connected=True)),
        ({"antennaDisconnectedEvent": {"antennaPort": 3}}, AntennaState(3, connected=False)),
        ({"inventoryStatusEvent": {"status": "running"}}, Inventory("running")),
        ({"inventoryStatusEvent": {"status": "armed"}}, Inventory("armed")),
        ({"inventoryStatusEvent": {"status": "stopping"}}, Inventory("other")),
        ({"inventoryStatusEvent": {}}, Inventory("other")),
        ({"inventoryTerminatedEvent": {}}, Inventory("idle")),
        ({"overflowEvent": {"eventsPurged": 50}}, Overflow("the reader purged 50 events")),
        ({"overflowEvent": None}, Overflow("the reader purged events")),
        (
            {"overflowEvent": {"eventsPurged": 1, "firstEventTimestamp": "a", "lastEventTimestamp": "b"}},
            Overflow("the reader purged 1 events of a to b"),
        ),
        ({"antennaActivationEvent": {"antennaPort": 1}}, None),
        ({"somethingNewEvent": {}}, None),
        ({}, None),
    ],
)
def test_impinj_other_events(found: dict[str, Any], event: object) -> None:
    assert impinj.parse_event(found) == event


def test_impinj_antenna_without_port_is_bad() -> None:
    with pytest.raises(BadEvent, match="antennaConnectedEvent"):
        impinj.parse_event({"antennaConnectedEvent": {"antennaPort": "one"}})


def zebra_tag(kind: str = "INVENTORY", **data: Any) -> dict[str, Any]:
    return {"type": kind, "timestamp": "2026-11-22T03:00:00.000+0000", "data": {"format": "epc", **data}}


@pytest.mark.parametrize(
    ("found", "tag"),
    [
        (
            zebra_tag(antenna=1, eventNum=5_059, idHex="7eda9038051002710002c0ae", peakRssi=-37, reads=3),
            Tag(EPC, 1, -3_700, SEEN_US, SEEN_US, 3, 5_059),
        ),
        (zebra_tag("SIMPLE", eventNum=5_036, idHex=EPC.hex()), Tag(EPC, None, None, SEEN_US, SEEN_US, 1, 5_036)),
        (
            zebra_tag("CONVEYOR", antenna=2, eventNum=1, idHex=EPC.hex().upper()),
            Tag(EPC, 2, None, SEEN_US, SEEN_US, 1, 1),
        ),
        ({"data": {"idHex": EPC.hex()}}, Tag(EPC, None, None, None, None)),
        (
            zebra_tag(idHex=EPC.hex(), reads=0, antenna="x", peakRssi="-3", eventNum=-1),
            Tag(EPC, None, None, SEEN_US, SEEN_US),
        ),
    ],
)
def test_zebra_tags_of_the_modes(found: dict[str, Any], tag: Tag) -> None:
    assert zebra.parse_event(found) == tag


@pytest.mark.parametrize("found", [zebra_tag(idHex="xyz"), zebra_tag(idHex=None), zebra_tag(eventNum=4)])
def test_zebra_without_an_epc_is_bad(found: dict[str, Any]) -> None:
    with pytest.raises(BadEvent, match="idHex"):
        zebra.parse_event(found)


def test_zebra_heartbeat_of_a_reader() -> None:
    """Shape and values as an FX9600 sent them (an FXR60's has `flash` null and `systemtime` in another format)."""
    radio = {
        "antennas": {"1": "disconnected", "4": "connected", "x": "connected", "5": "maybe", "0": "connected"},
        "numTagReadsPerAntenna": {"1": 0, "4": 3_062},
        "radioActivity": "inactive",
        "radioConnection": "connected",
        "uptime": "05:19:28",
    }
    gateway = {
        "dataPathStatistics": [{"numDataMessagesDropped": 2}, {"numDataMessagesDropped": 3}, None],
        "numErrors": 7,
    }
    system = {"GPI": {"1": "HIGH"}, "flash": None, "temperature": {"ambient": 23, "pa": 21}, "uptime": "5:21:9"}
    data = {"radio_control": radio, "reader_gateway": gateway, "system": system, "userapps": []}
    found = {
        "component": "RG",
        "data": data,
        "eventNum": 328,
        "timestamp": "2026-11-22T03:00:00.000+0000",
        "type": "heartbeat",
    }
    assert zebra.parse_event(found) == Heartbeat(SEEN_US, False, {1: False, 4: True}, 23.0, 5)


def test_zebra_heartbeat_of_old_firmware_and_of_none() -> None:
    found = {"type": "heartbeat", "data": {"reader_gateway": {"numDataMessagesDropped": 9}}}
    assert zebra.parse_event(found) == Heartbeat(None, None, {}, None, 9)
    assert zebra.parse_event({"type": "heartbeat"}) == Heartbeat(None)


@pytest.mark.parametrize(
    ("found", "event"),
    [
        ({"type": "gpi", "data": {"pin": 1, "state": "HIGH"}}, Input(1, high=True)),
        ({"type": "GPI", "pin": 2, "state": "LOW"}, Input(2, high=False)),
        ({"type": "error", "data": {"message": "radio gone"}}, Complaint("error: radio gone")),
        ({"type": "warning", "data": "cpu at 90 %"}, Complaint("warning: cpu at 90 %")),
        ({"type": "warning"}, Complaint("warning")),
        ({"type": "gpo", "data": {"pin": 1, "state": "HIGH"}, "eventNum": 9}, None),
        ({"type": "BLE_DATA", "data": {"eventNum": 1}}, None),
        ({"type": "DIRECTIONALITY", "data": {"idHex": "30"}}, None),
        ({"type": "firmwareUpdateProgress", "data": {"status": "started"}}, None),
        ({}, None),
    ],
)
def test_zebra_management_events(found: dict[str, Any], event: object) -> None:
    assert zebra.parse_event(found) == event


def test_zebra_input_without_state_is_bad() -> None:
    with pytest.raises(BadEvent, match="GPI"):
        zebra.parse_event({"type": "gpi", "data": {"pin": 1}})


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        (
            {"command": "start", "command_id": "3", "response": "success", "payload": {}},
            Answer("start", "3", True, "success", {}),
        ),
        (
            {
                "command": "start",
                "command_id": "3",
                "response": "failure",
                "payload": {"message": "start currently ongoing"},
            },
            Answer("start", "3", False, "start currently ongoing", {"message": "start currently ongoing"}),
        ),
        ({"command": "x", "response": "failure", "payload": "because"}, Answer("x", "", False, "because", {})),
        ({"command": "x", "response": None}, Answer("x", "", False, "", {})),
    ],
)
def test_zebra_answers(found: dict[str, Any], answer: Answer) -> None:
    assert zebra.parse_event(found) == answer


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(["tagInventoryEvent", "antennaConnectedEvent", "overflowEvent", "timestamp"]), anything
    )
)
def test_impinj_anything_gives_an_event_or_bad(found: dict[str, Any]) -> None:
    try:
        impinj.parse_event(found)
    except BadEvent as error:
        assert "tag event" in str(error) or "antenna" in str(error)


@settings(deadline=None, max_examples=60)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["heartbeat", "gpi", "error", "SIMPLE"]) | anything,
            "data": st.dictionaries(
                st.sampled_from(["idHex", "antenna", "radio_control", "reader_gateway", "system", "pin", "eventNum"]),
                anything,
            )
            | anything,
            "command": anything,
            "response": anything,
            "payload": anything,
        },
    )
)
def test_zebra_anything_gives_an_event_or_bad(found: dict[str, Any]) -> None:
    try:
        event = zebra.parse_event(found)
    except BadEvent:
        return
    if isinstance(event, Complaint):
        json.dumps(event.text)
