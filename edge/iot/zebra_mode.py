"""What a Zebra reader is asked to do: the commands of its IoT Connector, and the operating mode. Pure.

The mode is CUSTOM, because only there everything can be said. Lists go by antenna, in the order of `antennas`. A tag is
reported at once and then once a second for each antenna while it stays (`reportFilter`), with its count and the peak of
its RSSI: that is the edge's own window, at a hundredth of the messages. Without `tagMetaData` the reader would send
neither antenna nor RSSI. Its link profile stays its own: the numbers differ by region.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from firmware_config.profile import Search
from wire.messages import AntennaSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edge.iot.objects import JsonObject
    from edge.iot.wishes import Wish

_META: Final = ("ANTENNA", "RSSI", "SEEN_COUNT")
_TARGET: Final = {Search.READER: "A", Search.SINGLE: "A", Search.DUAL: "AB", Search.DUAL_RESET: "AB"}
START: Final[JsonObject] = {"doNotPersistState": True}
"""A reader that boots waits for us: we start it again, with our mode."""
ONGOING: Final = "ongoing"
"""In the refusal of a start of what runs already."""


def build_mode(wishes: Sequence[Wish]) -> JsonObject:
    """Return the payload of `set_mode`."""
    mode: JsonObject = {
        "type": "CUSTOM",
        "antennas": [wish.port for wish in wishes],
        "query": [
            {
                "tagPopulation": wish.intent.population,
                "sel": "ALL",
                "session": f"S{wish.intent.session}",
                "target": _TARGET[wish.intent.search],
            }
            for wish in wishes
        ],
        "tagMetaData": list(_META),
        "reportFilter": {"duration": 1, "type": "PER_ANTENNA"},
    }
    powers = [wish.power_dbm for wish in wishes]
    if all(power is not None for power in powers):
        mode["transmitPower"] = powers
    return mode


def unsayable(wishes: Sequence[Wish]) -> list[str]:
    """Return which powers `build_mode` could not ask for: a reader takes power for all antennas or for none."""
    without = ", ".join(str(wish.port) for wish in wishes if wish.power_dbm is None)
    return [
        f"port {wish.port}: {wish.power_dbm:g} dBm asked and not set: it needs a power_dbm for port {without} too"
        for wish in wishes
        if wish.power_dbm is not None and without
    ]


def settings_in(mode: Mapping[str, Any], ports: Sequence[int]) -> dict[int, AntennaSettings]:
    """Return how each port inventories in a mode; a mode without antennas uses them all (`ports`)."""
    antennas = mode.get("antennas")
    used = [one for one in antennas if isinstance(one, int)] if isinstance(antennas, list) else list(ports)
    found = {}
    for i, port in enumerate(used):
        power = _of_antenna(mode.get("transmitPower"), i)
        query = _of_antenna(mode.get("query"), i)
        session = str(query.get("session", "")) if isinstance(query, dict) else ""
        target = query.get("target") if isinstance(query, dict) else None
        good_power = isinstance(power, int | float) and not isinstance(power, bool) and -50 <= power <= 50
        found[port] = AntennaSettings(
            tx_power_cdbm=round(power * 100) if good_power else None,
            session=int(session[1]) if session in ("S0", "S1", "S2", "S3") else None,
            target={"A": "single", "B": "single", "AB": "dual"}.get(str(target)),  # type: ignore[arg-type]
        )
    return found


def shortcomings(mode: Mapping[str, Any], ports: Sequence[int]) -> list[str]:
    """Return what a mode does not report, or does not read, and we need."""
    meta = mode.get("tagMetaData")
    told = {one for one in meta if isinstance(one, str)} if isinstance(meta, list) else set()
    if mode.get("type") == "INVENTORY":
        told |= set(_META)
    elif mode.get("type") == "CONVEYOR":
        told.add("ANTENNA")
    wrong = []
    if "ANTENNA" not in told and len(ports) > 1:
        wrong.append("tagMetaData: without ANTENNA: reads have no place")
    if "RSSI" not in told:
        wrong.append("tagMetaData: without RSSI: reads have no signal strength")
    return wrong


def differences(asked: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Return where the mode that was read back is not what was asked; what the reader leaves out is not compared."""
    return [
        f"{key}: asked {value}, found {found[key]}"
        for key, value in asked.items()
        if key in found and not _same(value, found[key])
    ]


def _same(asked: object, found: object) -> bool:
    if isinstance(asked, dict) and isinstance(found, dict):
        return all(key in found and _same(value, found[key]) for key, value in asked.items())
    if isinstance(asked, list) and isinstance(found, list):
        return len(asked) == len(found) and all(_same(a, b) for a, b in zip(asked, found, strict=True))
    if isinstance(asked, list):
        return all(_same(one, found) for one in asked)  # one value for all antennas
    return asked == found


def _of_antenna(value: object, i: int) -> Any:
    if isinstance(value, list):
        return value[i] if i < len(value) else None
    return value
