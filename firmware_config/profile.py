"""Profiles: what a device should be made to do, for each purpose of an antenna.

Theory of operation. A profile is a TOML file in `profiles/`, one for each kind of device and purpose. It states
*intents*, never a device's own indexes: "25 dBm", "a robust mode", "session 1". `render` turns an intent into what one
reader can really do, through that reader's own capabilities. A profile may extend one of the package's own and say
only what differs; its *table* is the resolved whole, which travels to an edge by value (`wire.configuration`).

An antenna's purpose is the device's `purpose` in the site file. Where that says nothing it follows from the zone that
it covers: at an exit a tag passes once and must be caught (portal), in a fitting room the neighbours must not be heard
(fitting_room), at the checkout only the counter counts (checkout); anywhere else the profile's own purpose holds.
"""

import reprlib
import tomllib
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from importlib.resources import files
from typing import Any, Final, Literal

import msgspec

from firmware_config.errors import ProfileError, ProfileFileError
from firmware_config.intent import PURPOSE_BY_ZONE_KIND, Intent, ModeKind, Purpose, Search
from firmware_config.profile_shape import (
    KEEPALIVE_MAX_MS,
    KEEPALIVE_MIN_MS,
    POWER_MAX_DBM,
    POWER_MIN_DBM,
    ReaderShape,
    ScannerShape,
    Shape,
    shape_of,
)
from firmware_config.toml_lines import key_lines, line_of
from wire.configuration import table_hash
from wire.errors import Problem, TopicError, WireError
from wire.site import DevicePurpose, ZoneKind
from wire.topics import check_id

__all__ = [
    "KEEPALIVE_MAX_MS",
    "KEEPALIVE_MIN_MS",
    "POWER_MAX_DBM",
    "POWER_MIN_DBM",
    "AnyProfile",
    "Intent",
    "ModeKind",
    "Profile",
    "ProfileError",
    "ProfileFileError",
    "Purpose",
    "ScannerProfile",
    "Search",
    "load_any",
    "load_profile",
    "parse_any",
    "parse_profile",
    "profile_from_table",
    "profile_hash",
    "profile_names",
    "profile_table",
    "profile_text",
]

FILE_MAX_CHARS: Final = 64 * 1024
"""A profile with a page of reasons beside each value is a tenth of it."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of reader, as it should be."""

    name: str
    title: str
    vendor: str
    purpose: Purpose
    keepalive_ms: int
    report_every_tags: int
    intents: dict[Purpose, Intent]

    def purpose_for(self, kind: ZoneKind, asked: DevicePurpose | None = None) -> Purpose:
        """Return the purpose of an antenna that covers a zone of this kind.

        `asked`: what the site file says that the whole device is there for; it goes before the zone. Raises
        `ProfileError` where the profile has no section for what is asked.
        """
        if asked is None:
            purpose = PURPOSE_BY_ZONE_KIND.get(kind, self.purpose)
            return purpose if purpose in self.intents else self.purpose
        purpose = Purpose(asked.value)
        if purpose not in self.intents:
            raise ProfileError(f"profile {self.name!r}: purpose {purpose.value!r}: it has no section [{purpose.value}]")
        return purpose


@dataclass(frozen=True, slots=True)
class ScannerProfile:
    """One kind of barcode scanner, as it should be. 0 and empty: the driver's own default.

    `interface`, `aim_ids` and `setup` are settings of the scanner itself: a person makes them with the barcodes of
    its manual. The others tell the driver what to expect.
    """

    name: str
    title: str
    vendor: str
    interface: Literal["usb_cdc", "rs232"]
    aim_ids: bool
    suffix: str
    prefix: str
    baud: int
    idle_ms: int
    group_separator: str
    setup: tuple[str, ...]


AnyProfile = Profile | ScannerProfile

_FOLDER: Final = files("firmware_config") / "profiles"


def profile_names() -> tuple[str, ...]:
    """Return the names of the profiles that come with this package, sorted."""
    return tuple(sorted(file.name.removesuffix(".toml") for file in _FOLDER.iterdir() if file.name.endswith(".toml")))


def profile_text(name: str) -> str:
    """Return the file of a profile of this package as it stands, with the reasons. Raises `ProfileError`."""
    names = profile_names()
    if name not in names:
        raise ProfileError(f"profile {name!r}: there is none of this name; {_near(name, names)}")
    return (_FOLDER / f"{name}.toml").read_text(encoding="utf-8")


def load_profile(name: str) -> Profile:
    """Return a reader's profile by its name. Raises `ProfileError`."""
    return _reader(load_any(name))


def load_any(name: str) -> AnyProfile:
    """Return a profile of this package by its name. Raises `ProfileError`."""
    return parse_any(profile_text(name), name, f"{name}.toml")


def parse_profile(text: str, name: str, file: str = "profile.toml") -> Profile:
    """Parse a reader's profile; it may extend one of the package's own. Raises `ProfileError`."""
    return _reader(parse_any(text, name, file))


def parse_any(text: str, name: str, file: str = "profile.toml") -> AnyProfile:
    """Parse a profile's TOML text; it may extend one of the package's own.

    Raises `ProfileFileError` with the line, the key and the range of all that is to be mended.
    """
    table = _toml(text, file)
    lines = key_lines(text)
    return _profile(name, file, _resolve(table, file, (name,), lines), lines)


# -- tables, for travel


def profile_table(profile: AnyProfile) -> dict[str, Any]:
    """Return a profile as its whole table: JSON values, every one stated; `power_dbm` only where it is said."""
    if isinstance(profile, ScannerProfile):
        table = {"kind": "scanner"} | asdict(profile) | {"setup": list(profile.setup)}
        del table["name"]
        return table
    table = {
        "kind": "reader",
        "title": profile.title,
        "vendor": profile.vendor,
        "purpose": profile.purpose.value,
        "keepalive_ms": profile.keepalive_ms,
        "report_every_tags": profile.report_every_tags,
    }
    for purpose, intent in profile.intents.items():
        section = asdict(intent) | {"search": intent.search.value, "mode_kind": intent.mode_kind.value}
        section["mode_ids"] = list(intent.mode_ids)
        table[purpose.value] = {key: value for key, value in section.items() if value is not None}
    return table


def profile_from_table(table: dict[str, Any], name: str) -> AnyProfile:
    """Return the profile that a table says: one that travelled. Raises `ProfileError`."""
    if "extends" in table:
        raise ProfileError(f"profile {name!r}: extends: a profile that travels is whole, it extends nothing")
    return _profile(name, f"profile {name!r}", table, {})


def profile_hash(profile: AnyProfile) -> str:
    """Return the hash of what a profile asks for; its name does not count."""
    return table_hash(profile_table(profile))


# -- inside


def _near(name: str, names: tuple[str, ...]) -> str:
    """Return which names may have been meant, in words."""
    near = get_close_matches(name, names, 3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"such as {names[0]}"
    return f"there are {len(names)} (lastunit firmware list), {hint}"


def _reader(profile: AnyProfile) -> Profile:
    if isinstance(profile, ScannerProfile):
        raise ProfileError(f"profile {profile.name!r}: it is for barcode scanners, not for readers")
    return profile


def _resolve(table: dict[str, Any], file: str, seen: tuple[str, ...], lines: dict[str, int]) -> dict[str, Any]:
    parent = table.pop("extends", None)
    if parent is None:
        return table
    names = profile_names()
    if parent in seen or parent not in names:
        message = f"{reprlib.repr(parent)} is not another profile; {_near(str(parent), names)}"
        raise ProfileFileError(file, (Problem(line_of("extends", lines), "extends", message),))
    above = _toml(profile_text(parent), f"{parent}.toml")
    return _merged(_resolve(above, f"{parent}.toml", (*seen, parent), {}), table)


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _toml(text: str, file: str) -> dict[str, Any]:
    if len(text) > FILE_MAX_CHARS:
        raise ProfileError(f"{file}: {len(text)} characters: a profile has at most {FILE_MAX_CHARS}")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also a number of five thousand digits
        raise ProfileError(f"{file}: not TOML: {error}") from error


def _profile(name: str, file: str, table: dict[str, Any], lines: dict[str, int]) -> AnyProfile:
    try:
        check_id("profile", name)
    except TopicError as error:
        raise ProfileError(f"{file}: {error}") from error
    shape, found = shape_of(table)
    if shape is None:
        raise ProfileFileError(
            file,
            tuple(Problem(line_of(key, lines), key, message) for key, message in sorted(found, key=_by_line(lines))),
        )
    profile = _built(name, shape)
    try:
        profile_hash(profile)
    except WireError as error:
        raise ProfileError(f"{file}: {error}") from error
    return profile


def _by_line(lines: dict[str, int]) -> Any:
    return lambda problem: line_of(problem[0], lines)


def _built(name: str, shape: Shape) -> AnyProfile:
    if isinstance(shape, ScannerShape):
        values = msgspec.structs.asdict(shape)
        del values["kind"]
        return ScannerProfile(name=name, **values)
    return Profile(
        name=name,
        title=shape.title,
        vendor=shape.vendor,
        purpose=shape.purpose,
        keepalive_ms=shape.keepalive_ms,
        report_every_tags=shape.report_every_tags,
        intents=_intents(shape),
    )


def _intents(shape: ReaderShape) -> dict[Purpose, Intent]:
    sections = {purpose: getattr(shape, purpose.value) for purpose in Purpose}
    return {
        purpose: Intent(**msgspec.structs.asdict(section))
        for purpose, section in sections.items()
        if section is not None
    }
