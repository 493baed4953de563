"""Events of Impinj's IoT device interface (R700, R720; OpenAPI 1.7): one object is one `ReaderEvent`. Pure.

The event's kind is the property that holds it (`tagInventoryEvent`, ...); `eventType` says the same in newer firmware
and is not needed. Every property of a tag event is optional, by the preset's configuration:

- as made: `epc` (base64), `antennaPort`, `peakRssiCdbm`, `transmitPowerCdbm`, `frequency`, and no `epcHex`, no
  `lastSeenTime`. `epcHex` goes before `epc` where both are there: it has one alphabet only.
- `timestamp` is when the event was queued, `lastSeenTime` when the tag was seen.
- RSSI is in 0.01 dBm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge.iot import fields
from edge.iot.events import AntennaState, BadEvent, Event, Inventory, Overflow, Tag

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.iot.objects import JsonObject

_STATES: Final = ("running", "armed", "idle")


def parse_event(found: JsonObject) -> Event | None:
    """Return the event; None for one that says nothing to us. Raises `BadEvent`."""
    for key, parse in _EVENTS.items():
        if key in found:
            return parse(found)
    return None


def inventory_of(status: str) -> Inventory:
    """Return what a status word of the reader means."""
    return Inventory(status if status in _STATES else "other")  # type: ignore[arg-type]  # it is one of them


def _tag(found: JsonObject) -> Tag:
    event = fields.inside(found, "tagInventoryEvent")
    epc = fields.hex_epc(event["epcHex"]) if "epcHex" in event else fields.base64_epc(event.get("epc"))
    if epc is None:
        raise BadEvent("a tag event without an EPC that can be read")
    return Tag(
        epc,
        fields.port(event, "antennaPort"),
        fields.centi(event, "peakRssiCdbm", factor=1),
        fields.moment_us(event.get("lastSeenTime")),
        fields.moment_us(found.get("timestamp")),
    )


def _connected(found: JsonObject) -> AntennaState:
    return _antenna(found, "antennaConnectedEvent", connected=True)


def _disconnected(found: JsonObject) -> AntennaState:
    return _antenna(found, "antennaDisconnectedEvent", connected=False)


def _antenna(found: JsonObject, key: str, *, connected: bool) -> AntennaState:
    port = fields.port(fields.inside(found, key), "antennaPort")
    if port is None:
        raise BadEvent(f"{key} without an antenna port")
    return AntennaState(port, connected)


def _overflow(found: JsonObject) -> Overflow:
    event = fields.inside(found, "overflowEvent")
    purged = fields.whole(event, "eventsPurged", 0, 2**53)
    words = "events" if purged is None else f"{purged} events"
    first, last = fields.text(event, "firstEventTimestamp"), fields.text(event, "lastEventTimestamp")
    return Overflow(f"the reader purged {words}" + (f" of {first} to {last}" if first and last else ""))


def _status(found: JsonObject) -> Inventory:
    return inventory_of(fields.text(fields.inside(found, "inventoryStatusEvent"), "status"))


def _terminated(_found: JsonObject) -> Inventory:
    return Inventory("idle")


_EVENTS: Final[dict[str, Callable[[JsonObject], Event]]] = {
    "tagInventoryEvent": _tag,
    "antennaConnectedEvent": _connected,
    "antennaDisconnectedEvent": _disconnected,
    "inventoryStatusEvent": _status,
    "inventoryTerminatedEvent": _terminated,
    "overflowEvent": _overflow,
}
"""By the property that holds the event; the most frequent one first."""
