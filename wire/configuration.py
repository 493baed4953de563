"""What the devices of an edge should be, and what they are: the device twin on `config/desired` and `config/reported`.

Theory of operation. Both are whole documents, retained and with QoS 1: whoever connects late has all of it. The
gateway asks for a version, counted from 1 for each edge; an edge ignores one that is not newer than what it runs. A
profile travels *by value*, so that a new or a changed one reaches edges of any release; devices name it by the hash
of its canonical JSON. The hash of a document covers what is asked (devices and profiles) and not when or by whom, so
that the same wish has the same hash everywhere. An edge answers with what it *read back* from its devices, never with
what it sent. A device that no desired configuration names keeps what its site file says.

A document is believed whole or not at all: `decode_desired` refuses one whose hashes do not fit its contents.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from wire.errors import IdentityError, LimitError, MessageError
from wire.limits import (
    CONFIG_MAX_BYTES,
    CONFIG_MAX_DEVICES,
    CONFIG_MAX_PROBLEMS,
    CONFIG_PROBLEM_MAX_CHARS,
    DEVICE_MAX_ANTENNAS,
    INVENTORY_MAX_CHARS,
    PROFILE_MAX_BYTES,
    PROFILE_MAX_DEPTH,
)
from wire.messages import SCHEMA, Count, Id, Micros, Port, Text

HASH_CHARS: Final = 16
"""64 bits of a SHA-256: two of a million profiles share one with odds of one in forty million."""

Hash: TypeAlias = Annotated[str, Meta(pattern=rf"^[0-9a-f]{{{HASH_CHARS}}}$")]
HashOrNone: TypeAlias = Annotated[str, Meta(pattern=rf"^([0-9a-f]{{{HASH_CHARS}}})?$")]
"""Empty: there is none."""
NameOrNone: TypeAlias = Annotated[str, Meta(max_length=64)]
ProblemText: TypeAlias = Annotated[str, Meta(max_length=CONFIG_PROBLEM_MAX_CHARS)]
InventoryText: TypeAlias = Annotated[str, Meta(max_length=INVENTORY_MAX_CHARS)]
Table: TypeAlias = dict[str, Any]
"""A profile as a JSON object, `extends` resolved: `firmware_config.profile.profile_table`."""
DeviceState: TypeAlias = Literal["waiting", "applied", "adapted", "differs", "refused", "unable"]


class DesiredDevice(msgspec.Struct, frozen=True, kw_only=True):
    """Which profile one device should have: by name for people, by hash for machines."""

    device: Id
    profile: Id
    profile_hash: Hash


class DesiredConfig(msgspec.Struct, frozen=True, kw_only=True):
    """All that is asked of the devices of one edge. Made by `desired_config`, read by `decode_desired`."""

    site: Id
    edge: Id
    version: Annotated[int, Meta(ge=1, le=2**62)]
    hash: Hash
    at_us: Micros
    profiles: Annotated[dict[Hash, Table], Meta(max_length=CONFIG_MAX_DEVICES)]
    devices: Annotated[tuple[DesiredDevice, ...], Meta(max_length=CONFIG_MAX_DEVICES)]
    schema: Annotated[int, Meta(ge=1, le=SCHEMA)] = SCHEMA


class ReportedAntenna(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One antenna as it was read back from its device. None: the device does not say.

    `asked_dbm`: None where the most that the device has was asked for. `power_cdbm` in 0.01 dBm.
    """

    port: Port
    purpose: NameOrNone = ""
    asked_dbm: Annotated[float, Meta(ge=-50, le=50)] | None = None
    power_cdbm: Annotated[int, Meta(ge=-(2**15), le=2**15 - 1)] | None = None
    mode: Annotated[int, Meta(ge=0, le=2**32 - 1)] | None = None
    session: Annotated[int, Meta(ge=0, le=3)] | None = None
    target: Literal["single", "dual"] | None = None


class DeviceInventory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a device says that it is. Empty: it does not say."""

    vendor: InventoryText = ""
    model: InventoryText = ""
    firmware: InventoryText = ""
    serial: InventoryText = ""


class ReportedDevice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One device as it is.

    `state`: `waiting` it is not up yet; `applied` what was read back is what was asked; `adapted` it does the nearest
    that it can, `problems` say what; `differs` what was read back is something else; `refused` the profile cannot be
    used for it, and it keeps what it had; `unable` its driver takes no profile. `profile` and `profile_hash` are of
    what it runs, empty where that is none.
    """

    device: Id
    driver: Id
    state: DeviceState
    at_us: Micros
    profile: NameOrNone = ""
    profile_hash: HashOrNone = ""
    source: Literal["site_file", "desired"] = "site_file"
    problems: Annotated[tuple[ProblemText, ...], Meta(max_length=CONFIG_MAX_PROBLEMS)] = ()
    antennas: Annotated[tuple[ReportedAntenna, ...], Meta(max_length=DEVICE_MAX_ANTENNAS)] = ()
    inventory: DeviceInventory | None = None


class ReportedConfig(msgspec.Struct, frozen=True, kw_only=True):
    """All devices of one edge as they are.

    `version` and `hash` are those of the desired configuration in force; 0 and empty: none, the site file holds.
    `error`: why a newer one was refused, with its version; empty: none was.
    """

    site: Id
    edge: Id
    version: Count
    hash: HashOrNone
    at_us: Micros
    error: Text
    devices: Annotated[tuple[ReportedDevice, ...], Meta(max_length=CONFIG_MAX_DEVICES)]
    schema: Annotated[int, Meta(ge=1, le=SCHEMA)] = SCHEMA


# -- canonical JSON and hashes


def canonical_json(value: object) -> bytes:
    """Return a JSON value in its one spelling: keys sorted, no spaces, whole numbers without a point, UTF-8.

    Raises `MessageError` for what JSON cannot carry (not a number, infinity, keys that are no text, too deep).
    """
    plain = _plain(value, PROFILE_MAX_DEPTH)
    try:
        return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise MessageError(f"profile table: {error.object[error.start : error.end]!r} is not Unicode text") from error
    except ValueError as error:  # a whole number of thousands of digits
        raise MessageError(f"profile table: {error}") from error


def _plain(value: object, depth: int) -> object:
    """Check a JSON value and spell 24.0 as 24: other programs that store it on its way do the same."""
    if depth < 0:
        raise MessageError(f"profile table: more than {PROFILE_MAX_DEPTH} levels deep")
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise MessageError(f"profile table: {value} is not a number that JSON can carry")
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise MessageError("profile table: a key is not text")
        return {key: _plain(entry, depth - 1) for key, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(entry, depth - 1) for entry in value]
    raise MessageError(f"profile table: a {type(value).__name__} is not a JSON value")


def table_hash(table: Mapping[str, Any]) -> str:
    """Return the hash of a profile's table: the first 16 hex digits of the SHA-256 of its canonical JSON.

    Raises `MessageError` for a table that is no JSON, and `LimitError` for one of more than `PROFILE_MAX_BYTES`.
    """
    text = canonical_json(table)
    if len(text) > PROFILE_MAX_BYTES:
        raise LimitError(f"profile table of {len(text)} bytes: at most {PROFILE_MAX_BYTES} travel")
    return hashlib.sha256(text).hexdigest()[:HASH_CHARS]


def desired_hash(devices: Sequence[DesiredDevice], profiles: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the hash of what is asked: the devices, in any order, and the hashes of the profiles that travel along.

    The profiles' own hashes stand for them, so that the hash of a thousand devices is cheap.
    """
    asked = sorted([device.device, device.profile, device.profile_hash] for device in devices)
    text = canonical_json({"devices": asked, "profiles": sorted(profiles)})
    return hashlib.sha256(text).hexdigest()[:HASH_CHARS]


# -- desired


def desired_config(
    *,
    site: str,
    edge: str,
    version: int,
    at_us: int,
    devices: Sequence[DesiredDevice],
    profiles: Mapping[str, Mapping[str, Any]],
) -> DesiredConfig:
    """Build a desired configuration: devices sorted, profiles that no device names left out, the hash computed.

    `profiles`: hash -> table; each device's must be there. Raises `MessageError` and `LimitError`.
    """
    used = {device.profile_hash for device in devices}
    missing = sorted(used - profiles.keys())
    if missing:
        raise MessageError(f"profiles: {', '.join(missing)} is named by a device and not there")
    tables = {key: dict(profiles[key]) for key in sorted(used)}
    ordered = tuple(sorted(devices, key=lambda device: device.device))
    desired = DesiredConfig(
        site=site,
        edge=edge,
        version=version,
        hash=desired_hash(ordered, tables),
        at_us=at_us,
        profiles=tables,
        devices=ordered,
    )
    check_desired(desired)
    return desired


def check_desired(desired: DesiredConfig) -> None:
    """Raise `MessageError` unless the hashes fit the contents and each device stands there once with its profile."""
    for key, table in desired.profiles.items():
        found = table_hash(table)
        if found != key:
            raise MessageError(f"profiles.{key}: the table's hash is {found}: it was damaged or changed on its way")
    seen: set[str] = set()
    for number, device in enumerate(desired.devices):
        if device.device in seen:
            raise MessageError(f"devices[{number}].device: {device.device!r} stands there twice")
        if device.profile_hash not in desired.profiles:
            raise MessageError(
                f"devices[{number}].profile_hash: {device.profile_hash} of {device.device!r} is not among the profiles"
            )
        seen.add(device.device)
    found = desired_hash(desired.devices, desired.profiles)
    if found != desired.hash:
        raise MessageError(f"hash: {desired.hash} is said, the contents have {found}")


def encode_desired(desired: DesiredConfig) -> bytes:
    """Return a desired configuration as JSON. Raises `LimitError` above `CONFIG_MAX_BYTES`."""
    return _within(msgspec.json.encode(desired), "desired")


def decode_desired(payload: bytes) -> DesiredConfig:
    """Parse and check a desired configuration. Raises `MessageError` with the place."""
    desired = _decode(payload, DesiredConfig)
    assert isinstance(desired, DesiredConfig)
    try:
        check_desired(desired)
    except LimitError as error:
        raise MessageError(str(error)) from error
    return desired


def version_said(payload: bytes) -> int | None:
    """Return the version that a payload says, even where the rest of it cannot be used: to name it in `error`."""
    try:
        return msgspec.json.decode(payload[: CONFIG_MAX_BYTES + 1], type=_VersionOnly).version
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


class _VersionOnly(msgspec.Struct):
    version: Count


# -- reported


def problem_texts(problems: Sequence[str]) -> tuple[str, ...]:
    """Return problems as a report can carry them: each cut to its length, and the last says how many more there are."""
    cut = [problem if len(problem) <= _MAX else problem[: _MAX - 3] + "..." for problem in dict.fromkeys(problems)]
    if len(cut) <= CONFIG_MAX_PROBLEMS:
        return tuple(cut)
    kept = CONFIG_MAX_PROBLEMS - 1
    return (*cut[:kept], f"and {len(cut) - kept} more problems")


_MAX: Final = CONFIG_PROBLEM_MAX_CHARS


def encode_reported(reported: ReportedConfig) -> bytes:
    """Return a report as JSON of at most `CONFIG_MAX_BYTES`.

    One that is larger loses the antennas of devices that are as asked, then all antennas, then all but the first
    problem of each device; `error` then says what was left out. Raises `LimitError` where even that is too large.
    """
    payload = msgspec.json.encode(reported)
    for what, shortened in (
        ("the antennas of devices that are as asked", _without_antennas(reported, ("applied",))),
        ("all antennas", _without_antennas(reported, None)),
        ("all antennas and all but the first problem of each device", _one_problem(reported)),
    ):
        if len(payload) <= CONFIG_MAX_BYTES:
            return payload
        said = f"this report leaves out {what}: it would be larger than {CONFIG_MAX_BYTES} bytes"
        error = f"{reported.error[:1_500]}; {said}" if reported.error else said
        payload = msgspec.json.encode(msgspec.structs.replace(shortened, error=error))
    return _within(payload, "reported")


def _without_antennas(reported: ReportedConfig, states: tuple[DeviceState, ...] | None) -> ReportedConfig:
    devices = tuple(
        msgspec.structs.replace(device, antennas=()) if states is None or device.state in states else device
        for device in reported.devices
    )
    return msgspec.structs.replace(reported, devices=devices)


def _one_problem(reported: ReportedConfig) -> ReportedConfig:
    bare = _without_antennas(reported, None)
    devices = tuple(msgspec.structs.replace(device, problems=device.problems[:1]) for device in bare.devices)
    return msgspec.structs.replace(bare, devices=devices)


def decode_reported(payload: bytes) -> ReportedConfig:
    """Parse a report. Raises `MessageError` with the place."""
    reported = _decode(payload, ReportedConfig)
    assert isinstance(reported, ReportedConfig)
    return reported


def check_config_identity(message: DesiredConfig | ReportedConfig, site: str, edge: str) -> None:
    """Raise `IdentityError` unless the body names the site and edge of the topic that it came on."""
    if (message.site, message.edge) != (site, edge):
        raise IdentityError(f"body names {message.site}/{message.edge}: the topic names {site}/{edge}")


# -- both


def _within(payload: bytes, what: str) -> bytes:
    if len(payload) > CONFIG_MAX_BYTES:
        raise LimitError(f"{what} configuration of {len(payload)} bytes: at most {CONFIG_MAX_BYTES} travel")
    return payload


def _decode(payload: bytes, kind: type) -> object:
    if len(payload) > CONFIG_MAX_BYTES:
        raise MessageError(f"payload of {len(payload)} bytes: at most {CONFIG_MAX_BYTES} are read")
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MessageError(f"payload: {error}") from error
