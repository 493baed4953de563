"""Events and answers of Zebra's IoT Connector (FX7500, FX9600, FXR90, ATR7000). Pure.

Tag data: `{"type": MODE, "timestamp": ..., "data": {"eventNum", "format", "idHex", ...}}`, where `type` is the
operating mode. Which fields stand in `data` depends on the mode and its `tagMetaData`: SIMPLE and CUSTOM as made send
neither antenna nor RSSI, CONVEYOR the antenna only. `timestamp` ends in `+0000`, without a colon. RSSI is in dBm.

Management events: `{"component", "type", "eventNum", "timestamp", "data"}` with `type` heartbeat, gpi, gpo, error,
warning, ... Their numbers are not those of the tag data.

Answers to commands: `{"command", "command_id", "response", "payload"}`.

What an object is follows from its shape, not from the topic that it came by: some configurations send all by one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from edge.iot import fields
from edge.iot.events import Answer, BadEvent, Complaint, Event, Heartbeat, Input, Tag
from edge.iot.limits import PIN_MAX
from wire.limits import COUNT_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from edge.iot.objects import JsonObject

_NUMBER_MAX: Final = 2**53
_NOT_READS: Final = frozenset({"DIRECTIONALITY", "RAW_DIRECTIONALITY", "BLE_DATA"})
"""Positions and beacons: no tag was read at a port."""
_PORT: Final = re.compile(r"[1-9][0-9]?")
_TEMPERATURE_C: Final = (-60.0, 150.0)


def parse_event(found: JsonObject) -> Event | None:
    """Return the event or answer; None for one that says nothing to us. Raises `BadEvent`."""
    if "response" in found and "command" in found:
        return _answer(found)
    kind = fields.text(found, "type")
    data = fields.inside(found, "data")
    if kind in _NOT_READS:
        return None
    if "idHex" in data:
        return _tag(found, data)
    parse = _MANAGEMENT.get(kind.lower())
    if parse is None and "eventNum" in data:
        raise BadEvent("tag data without idHex")
    return None if parse is None else parse(found)


def _answer(found: JsonObject) -> Answer:
    payload = found.get("payload")
    said = fields.inside(found, "payload")
    words = fields.text(said, "message") or fields.text(said, "description") or fields.text(found, "message")
    if not words and isinstance(payload, str):
        words = payload[:200]
    return Answer(
        fields.text(found, "command"),
        fields.text(found, "command_id"),
        fields.text(found, "response").lower() == "success",
        words or fields.text(found, "response"),
        said,
    )


def _tag(found: JsonObject, data: Mapping[str, Any]) -> Tag:
    epc = fields.hex_epc(data["idHex"])
    if epc is None:
        raise BadEvent("tag data whose idHex cannot be read")
    made_us = fields.moment_us(found.get("timestamp"))
    return Tag(
        epc,
        fields.port(data, "antenna"),
        fields.centi(data, "peakRssi", factor=100),
        made_us,
        made_us,
        fields.whole(data, "reads", 1, COUNT_MAX) or 1,
        fields.whole(data, "eventNum", 0, _NUMBER_MAX),
    )


def _heartbeat(found: JsonObject) -> Heartbeat:
    data = fields.inside(found, "data")
    radio = fields.inside(data, "radio_control")
    antennas = {}
    for name, state in fields.inside(radio, "antennas").items():
        if _PORT.fullmatch(name) and state in ("connected", "disconnected"):
            antennas[int(name)] = state == "connected"
    activity = fields.text(radio, "radioActivity").lower()
    return Heartbeat(
        fields.moment_us(found.get("timestamp")),
        active={"active": True, "inactive": False}.get(activity),
        antennas=antennas,
        temperature_c=_temperature_c(fields.inside(data, "system")),
        dropped=_dropped(fields.inside(data, "reader_gateway")),
    )


def _temperature_c(system: Mapping[str, Any]) -> float | None:
    value = fields.inside(system, "temperature").get("ambient", system.get("temperature"))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    low, high = _TEMPERATURE_C
    return float(value) if low <= value <= high else None


def _dropped(gateway: Mapping[str, Any]) -> int | None:
    """Return the data messages that the reader threw away; older firmware counts them in one place, newer by path."""
    paths = gateway.get("dataPathStatistics")
    counters = paths if isinstance(paths, list) else [gateway]
    found = [
        fields.whole(one, "numDataMessagesDropped", 0, _NUMBER_MAX) for one in counters[:16] if isinstance(one, dict)
    ]
    known = [count for count in found if count is not None]
    return sum(known) if known else None


def _input(found: JsonObject) -> Input:
    data = fields.inside(found, "data") or found  # user applications send it flat
    pin = fields.whole(data, "pin", 1, PIN_MAX)
    state = fields.text(data, "state").upper()
    if pin is None or state not in ("HIGH", "LOW"):
        raise BadEvent("a GPI event without pin and state")
    return Input(pin, state == "HIGH")


def _complaint(found: JsonObject) -> Complaint:
    kind, data = fields.text(found, "type").lower(), fields.inside(found, "data")
    words = fields.text(data, "message") or fields.text(found, "data") or fields.text(data, "description")
    return Complaint(f"{kind}: {words}" if words else kind)


_MANAGEMENT: Final[dict[str, Callable[[JsonObject], Event]]] = {
    "heartbeat": _heartbeat,
    "gpi": _input,
    "error": _complaint,
    "warning": _complaint,
}
