"""The preset that an Impinj reader runs: built from the wishes, read back, and what is missing in it. Pure.

RF modes of the IoT device interface differ by region and are not those of LLRP, so none is named here: ours is that of
the reader's own `default` preset, which fits its region. Power and search mode too, where the profile leaves them to
the reader. The rest (session, population, search mode, power) comes from the profile and the site file.

Events are asked for by name, because the reader's own choice lacks what we need: `lastSeenTime` (else a read has no
time of its own) and `epcHex` (else the EPC stands in base64). What we do not use is switched off: it is a third of the
bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edge.iot import fields
from firmware_config.profile import Search
from wire.messages import AntennaSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edge.iot.objects import JsonObject
    from edge.iot.wishes import Wish

PRESET: Final = "lastunit"
"""The name of our preset on the reader."""

_SEARCH: Final = {
    Search.SINGLE: "single-target",
    Search.DUAL: "dual-target",
    Search.DUAL_RESET: "dual-target-with-b-to-a-select",
}
_DUAL: Final = frozenset({"dual-target", "dual-target-with-b-to-a-select"})
_EVENTS: Final[JsonObject] = {
    "common": {"hostname": "disabled"},
    "tagInventory": {
        "epc": "disabled",
        "epcHex": "enabled",
        "tid": "disabled",
        "tidHex": "disabled",
        "xpcHex": "disabled",
        "antennaPort": "enabled",
        "transmitPowerCdbm": "disabled",
        "peakRssiCdbm": "enabled",
        "frequency": "disabled",
        "pc": "disabled",
        "lastSeenTime": "enabled",
        "phaseAngle": "disabled",
    },
}
_AS_MADE: Final = {"epc": True, "epcHex": False, "antennaPort": True, "peakRssiCdbm": True, "lastSeenTime": False}
"""Which properties of a tag event are on where a preset does not say."""


def build_preset(wishes: Sequence[Wish], default: JsonObject) -> JsonObject:
    """Return our preset. `default` is one of the reader's own. Raises `ValueError` when that has no antenna."""
    models = {fields.port(one, "antennaPort"): one for one in _antennas(default)}
    if not models:
        raise ValueError("the reader's own preset names no antenna: there is no RF mode to take over")
    first = next(iter(models.values()))
    configs = []
    for wish in wishes:
        model = models.get(wish.port, first)
        power = model.get("transmitPowerCdbm") if wish.power_dbm is None else round(wish.power_dbm * 100)
        configs.append(
            {
                "antennaPort": wish.port,
                "transmitPowerCdbm": power,
                "rfMode": model.get("rfMode"),
                "inventorySession": wish.intent.session,
                "inventorySearchMode": _SEARCH.get(wish.intent.search, model.get("inventorySearchMode")),
                "estimatedTagPopulation": wish.intent.population,
            }
        )
    return {"antennaConfigs": configs, "eventConfig": _EVENTS}


def settings_in(preset: JsonObject) -> dict[int, AntennaSettings]:
    """Return how each port of a preset inventories."""
    found = {}
    for one in _antennas(preset):
        port = fields.port(one, "antennaPort")
        if port is None:
            continue
        search = fields.text(one, "inventorySearchMode")
        found[port] = AntennaSettings(
            tx_power_cdbm=fields.centi(one, "transmitPowerCdbm", factor=1),
            mode=fields.whole(one, "rfMode", 0, 2**32 - 1),
            session=fields.whole(one, "inventorySession", 0, 3),
            target=("dual" if search in _DUAL else "single") if search else None,
        )
    return found


def differences(asked: JsonObject, found: JsonObject) -> list[str]:
    """Return where a preset that was read back is not what was asked."""
    there = {fields.port(one, "antennaPort"): one for one in _antennas(found)}
    wrong = []
    for one in _antennas(asked):
        port = one["antennaPort"]
        if port not in there:
            wrong.append(f"port {port}: not in the preset")
            continue
        wrong += [
            f"port {port}: {key}: asked {value}, found {there[port].get(key)}"
            for key, value in one.items()
            if there[port].get(key) != value
        ]
    ports = {one["antennaPort"] for one in _antennas(asked)}
    wrong += [f"port {port}: not asked for" for port in there if port not in ports]
    return wrong + shortcomings(found)


def shortcomings(preset: JsonObject) -> list[str]:
    """Return what a preset does not report and we need."""
    said = fields.inside(fields.inside(preset, "eventConfig"), "tagInventory")
    on = {key: _is_on(said, key, as_made) for key, as_made in _AS_MADE.items()}
    wrong = []
    if not on["epcHex"] and not on["epc"]:
        wrong.append("eventConfig.tagInventory: neither epcHex nor epc is enabled: there is nothing to read")
    wrong += [
        f"eventConfig.tagInventory.{key}: disabled: {why}"
        for key, why in (
            ("antennaPort", "reads have no place"),
            ("peakRssiCdbm", "reads have no signal strength"),
            ("lastSeenTime", "reads have no time of their own"),
        )
        if not on[key]
    ]
    interval = fields.whole(fields.inside(said, "tagReporting"), "reportingIntervalSeconds", 0, 2**31)
    if interval:
        wrong.append(f"tagReporting.reportingIntervalSeconds: {interval}: a tag that stays is silent meanwhile")
    return wrong


def _is_on(said: Mapping[str, Any], key: str, as_made: bool) -> bool:
    return {"enabled": True, "disabled": False}.get(fields.text(said, key), as_made)


def _antennas(preset: JsonObject) -> list[JsonObject]:
    configs = preset.get("antennaConfigs")
    return [one for one in configs if isinstance(one, dict)] if isinstance(configs, list) else []
