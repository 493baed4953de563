"""What a fleet should be against what it is: rows for people. Pure.

Theory of operation. A row is made for each thing that is not as asked, and for nothing else: an empty answer means
that every device runs what it should. The reasons come from the edge's own report, because only it has asked the
device.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from firmware_config.profile import POWER_MAX_DBM
from wire.configuration import DesiredConfig, DesiredDevice, ReportedConfig, ReportedDevice

SETTLED: Final = frozenset({"applied", "adapted"})
"""States in which a device does what was asked, or the nearest that it can."""
NEAREST_CDB: Final = 100
"""A reader's power steps are at most 1 dB apart: what is further below was not the nearest step."""


class Row(NamedTuple):
    """One thing that is not as asked. `device` empty: the edge as a whole.

    `drift`: it is not as it should be and somebody has to look; a device that does the nearest that it can, or that is
    not up yet, is worth a row and no alarm.
    """

    device: str
    what: str
    asked: str
    found: str
    why: str = ""
    drift: bool = True


def differences(desired: DesiredConfig | None, reported: ReportedConfig | None) -> tuple[Row, ...]:
    """Return where an edge is not as asked, in the order edge, then devices by name. None: there is none."""
    if desired is None:
        return () if reported is None or not reported.version else (_forgotten(reported),)
    if reported is None:
        return (Row("", "report", f"version {desired.version}", "none", "the edge has never reported"),)
    rows = list(_edge_rows(desired, reported))
    found = {device.device: device for device in reported.devices}
    asked = {device.device: device for device in desired.devices}
    for name in sorted(asked.keys() | found.keys()):
        rows += _device_rows(asked.get(name), found.get(name))
    return tuple(rows)


def in_step(desired: DesiredConfig | None, reported: ReportedConfig | None) -> bool:
    """Return whether an edge runs the configuration that is asked of it, whatever its devices make of it."""
    if desired is None:
        return reported is None or reported.version == 0
    return reported is not None and (reported.version, reported.hash) == (desired.version, desired.hash)


def _forgotten(reported: ReportedConfig) -> Row:
    return Row("", "version", "none", f"{reported.version}", "the edge runs a configuration that is not on record here")


def _edge_rows(desired: DesiredConfig, reported: ReportedConfig) -> tuple[Row, ...]:
    if in_step(desired, reported):
        return (Row("", "report", "whole", "in part", reported.error),) if reported.error else ()
    why = reported.error or "it has not come to the edge yet"
    if reported.version > desired.version:
        why = "the edge runs a newer one than is on record here: ask with a higher version"
    elif reported.version == desired.version:
        why = "the same version with other contents: ask with a higher version"
    return (Row("", "version", f"{desired.version} ({desired.hash})", f"{reported.version} ({reported.hash})", why),)


def _device_rows(asked: DesiredDevice | None, found: ReportedDevice | None) -> list[Row]:
    if found is None:
        assert asked is not None
        return [Row(asked.device, "device", asked.profile, "none", "the edge's site file does not name it")]
    rows = []
    why = "; ".join(found.problems)
    if asked is not None and asked.profile_hash != found.profile_hash:
        rows.append(Row(found.device, "profile", asked.profile, found.profile or "none", why or found.state))
    elif found.state not in SETTLED:
        if asked is not None or found.state in ("differs", "refused"):
            rows.append(Row(found.device, "state", "applied", found.state, why, drift=found.state != "waiting"))
    elif found.state == "adapted":
        rows.append(Row(found.device, "state", "applied", "adapted", why, drift=False))
    return rows + _power_rows(found)


def _power_rows(device: ReportedDevice) -> list[Row]:
    """Return the antennas whose power was read back above what was asked, or unsaid far below it."""
    rows = []
    for antenna in device.antennas:
        if antenna.asked_dbm is None or antenna.power_cdbm is None:
            continue
        below_cdb = round(antenna.asked_dbm * 100) - antenna.power_cdbm
        if below_cdb < 0 or (below_cdb > NEAREST_CDB and device.state == "applied"):
            found = f"{antenna.power_cdbm / 100:g} dBm"
            rows.append(Row(device.device, f"port {antenna.port} power", f"{antenna.asked_dbm:g} dBm", found))
    return rows


def profile_changes(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> tuple[Row, ...]:
    """Return where two profiles' tables differ, key by key: what a roll-out changes."""
    rows: list[Row] = []
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            rows += profile_changes(before, after, f"{prefix}{key}.")
        elif before != after:
            rows.append(Row("", f"{prefix}{key}", _said(key, after), _said(key, before)))
    return tuple(rows)


def _said(key: str, value: object) -> str:
    if value is None:
        return "the most" if key == "power_dbm" else "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) and value <= POWER_MAX_DBM else str(value)
