"""Profiles: what a reader should be made to do, for each purpose of an antenna.

Theory of operation. A profile is a TOML file in `profiles/`, one for each kind of reader. It states *intents*, never a
device's own indexes: "25 dBm", "a robust mode", "session 1". `render` turns an intent into what one reader can really
do, through that reader's own capabilities. A profile may extend another and say only what differs.

An antenna's purpose is the device's `purpose` in the site file. Where that says nothing it follows from the zone that
it covers: at an exit a tag passes once and must be caught (portal), in a fitting room the neighbours must not be heard
(fitting_room), anywhere else the profile's own purpose holds.
"""

import re
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from wire.site import DevicePurpose, ZoneKind

KEEPALIVE_MIN_MS: Final = 500
"""Below this a busy reader's own pauses look like a lost link (the watchdog waits 2.5 of them)."""
KEEPALIVE_MAX_MS: Final = 60_000
"""Beyond a minute a dead reader stays unnoticed longer than any stock promise may last."""
POWER_MIN_DBM: Final = 0.0
POWER_MAX_DBM: Final = 36.0
"""No region allows a reader port more conducted power than 36 dBm."""


class ProfileError(ValueError):
    """A profile that cannot be used: a person must mend the file (or the site file that names it)."""


class Purpose(StrEnum):
    """What an antenna is there for."""

    STOCK = "stock"
    """Count everything in a room, again and again."""
    SHELF = "shelf"
    """Notice quickly what is taken from, or put on, one shelf."""
    PORTAL = "portal"
    """Catch each tag that passes, once, at walking speed."""
    FITTING_ROOM = "fitting_room"
    """Hear one cabin and not its neighbours."""


class Search(StrEnum):
    """How a tag's inventoried flag is used (Gen2 section 6.3.2.6): decides whether a silence means something."""

    READER = "reader"
    """Whatever the reader does by itself."""
    SINGLE = "single"
    """Each tag answers once and keeps silent for as long as its session's flag lasts."""
    DUAL = "dual"
    """Tags are asked in both states, so a present tag answers again and again."""
    DUAL_RESET = "dual_reset"
    """As `dual`, and a Select brings all tags back to state A before each round."""


class ModeKind(StrEnum):
    """How to choose a mode from the reader's own table when none of the named ones is there."""

    FAST = "fast"
    BALANCED = "balanced"
    ROBUST = "robust"


@dataclass(frozen=True, slots=True)
class Intent:
    """What one purpose asks of an antenna. `power_dbm` None: the most that the reader offers."""

    session: int
    search: Search
    mode_kind: ModeKind
    mode_ids: tuple[int, ...] = ()
    population: int = 32
    power_dbm: float | None = None


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

        `asked`: what the site file says that the whole device is there for; it goes before the zone.
        """
        return Purpose(asked.value) if asked is not None else _BY_ZONE_KIND.get(kind, self.purpose)


_BY_ZONE_KIND: Final = {ZoneKind.EXIT: Purpose.PORTAL, ZoneKind.FITTING_ROOM: Purpose.FITTING_ROOM}


class _IntentFile(msgspec.Struct, forbid_unknown_fields=True):
    session: Annotated[int, Meta(ge=0, le=3)]
    search: Search
    mode_kind: ModeKind
    mode_ids: Annotated[tuple[Annotated[int, Meta(ge=0, le=2**32 - 1)], ...], Meta(max_length=32)] = ()
    population: Annotated[int, Meta(ge=1, le=65_535)] = 32
    power_dbm: Annotated[float, Meta(ge=POWER_MIN_DBM, le=POWER_MAX_DBM)] | None = None


class _ProfileFile(msgspec.Struct, forbid_unknown_fields=True):
    title: Annotated[str, Meta(min_length=1)]
    purpose: Purpose
    stock: _IntentFile
    shelf: _IntentFile
    portal: _IntentFile
    fitting_room: _IntentFile
    vendor: Literal["any", "impinj", "zebra"] = "any"
    keepalive_ms: Annotated[int, Meta(ge=KEEPALIVE_MIN_MS, le=KEEPALIVE_MAX_MS)] = 5_000
    report_every_tags: Annotated[int, Meta(ge=1, le=65_535)] = 1


_FOLDER: Final = files("firmware_config") / "profiles"


def profile_names() -> tuple[str, ...]:
    """Return the names of the profiles that come with this package, sorted."""
    return tuple(sorted(file.name.removesuffix(".toml") for file in _FOLDER.iterdir() if file.name.endswith(".toml")))


def load_profile(name: str) -> Profile:
    """Return a profile by its name. Raises `ProfileError`."""
    names = profile_names()
    if name not in names:
        raise ProfileError(f"profile {name!r}: there is none of this name; there are {', '.join(names)}")
    return _profile(name, f"{name}.toml", _extended(name, ()))


def parse_profile(text: str, name: str, file: str = "profile.toml") -> Profile:
    """Parse one profile's TOML text; it may extend one of the package's own. Raises `ProfileError`."""
    return _profile(name, file, _resolve(_toml(text, file), file, (name,)))


def _extended(name: str, seen: tuple[str, ...]) -> dict[str, Any]:
    file = f"{name}.toml"
    text = (_FOLDER / file).read_text(encoding="utf-8")
    return _resolve(_toml(text, file), file, (*seen, name))


def _resolve(table: dict[str, Any], file: str, seen: tuple[str, ...]) -> dict[str, Any]:
    parent = table.pop("extends", None)
    if parent is None:
        return table
    if parent in seen or parent not in profile_names():
        raise ProfileError(
            f"{file}: extends: {parent!r} is not another profile; there are {', '.join(profile_names())}"
        )
    return _merged(_extended(parent, seen), table)


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _toml(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{file}: not TOML: {error}") from error


def _profile(name: str, file: str, table: dict[str, Any]) -> Profile:
    try:
        shape = msgspec.convert(table, _ProfileFile)
    except msgspec.ValidationError as error:
        raise ProfileError(f"{file}: {_problem(str(error), table)}") from error
    return Profile(
        name=name,
        title=shape.title,
        vendor=shape.vendor,
        purpose=shape.purpose,
        keepalive_ms=shape.keepalive_ms,
        report_every_tags=shape.report_every_tags,
        intents={purpose: Intent(**msgspec.structs.asdict(getattr(shape, purpose.value))) for purpose in Purpose},
    )


def _problem(error: str, table: dict[str, Any]) -> str:
    """Turn msgspec's "message - at `$.a.b[0]`" into "a.b[0]: message, found value"."""
    message, _, place = error.partition(" - at `$.")
    key = place.rstrip("`")
    found: Any = table
    for step in re.findall(r"[^.\[\]]+", key):
        found = found[int(step)] if isinstance(found, list) else found.get(step)
    if not key or isinstance(found, dict):
        return f"{key}: {message}" if key else message
    return f"{key}: {message}, found {found!r}"
