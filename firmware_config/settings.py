"""What a profile says about a device as a whole: defaults for its options of the site file. Pure.

Theory of operation. Triggers and filters belong to a reader, purposes to its antennas; so a purpose's triggers hold
where all antennas of a device agree on them, and where they do not none are set and it is said. What the site file
says itself goes before: a trigger of any kind there displaces the profile's whole trigger, because half of each would
be neither. What a driver cannot be told becomes a problem, never silence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from firmware_config.intent import Intent
from firmware_config.profile import AnyProfile, Profile, Purpose, ScannerProfile
from wire.device_options import OPTIONS_OF
from wire.site import Driver

Option = str | int | float | bool

DWELLING: Final = frozenset({Driver.LLRP})
"""Drivers that can tell a reader how long an antenna has its turn."""

TRIGGER_KEYS: Final = ("on_s", "off_s", "gpi_port", "gpi_level", "gpi_timeout_s")
SCANNER_KEYS: Final = ("suffix", "prefix", "baud", "idle_ms", "group_separator")
READER_DRIVERS: Final = frozenset({Driver.LLRP, Driver.SLLURP, Driver.IMPINJ_IOT, Driver.ZEBRA_IOTC, Driver.UHF_SERIAL})


@dataclass(frozen=True, slots=True)
class Settings:
    """The options that a device shall run with, and what of the profile could not be made one."""

    options: dict[str, Option]
    problems: tuple[str, ...]


def settings_for(
    profile: AnyProfile, purposes: Sequence[Purpose], driver: Driver, options: Mapping[str, Option]
) -> Settings:
    """Return the options of a device with a profile's defaults under them.

    `purposes`: of its antennas, in any order; `options`: what the site file says.
    """
    if isinstance(profile, ScannerProfile):
        return _scanner(profile, driver, options)
    return _reader(profile, purposes, driver, options)


def unfit(profile: AnyProfile, driver: Driver) -> str:
    """Return why a profile cannot be used with a driver at all; empty where it can."""
    if isinstance(profile, ScannerProfile):
        if driver is Driver.BARCODE_SERIAL:
            return ""
        return f"profile {profile.name!r} is for barcode scanners, the device's driver is {driver.value!r}"
    if driver in READER_DRIVERS:
        return ""
    return f"profile {profile.name!r} is for readers, the device's driver is {driver.value!r}"


def _scanner(profile: ScannerProfile, driver: Driver, options: Mapping[str, Option]) -> Settings:
    """Take what the driver has to know; the rest is the person's who holds the scanner's manual."""
    known = OPTIONS_OF[driver]
    asked = {key: getattr(profile, key) for key in SCANNER_KEYS if getattr(profile, key)}
    problems = tuple(
        f"{key}: {value!r} asked, driver {driver.value!r} cannot be told"
        for key, value in asked.items()
        if key not in known
    )
    return Settings({key: value for key, value in asked.items() if key in known} | dict(options), problems)


def _reader(profile: Profile, purposes: Sequence[Purpose], driver: Driver, options: Mapping[str, Option]) -> Settings:
    problems: list[str] = []
    ordered = [purpose for purpose in Purpose if purpose in purposes and purpose in profile.intents]
    intents = {purpose: profile.intents[purpose] for purpose in ordered}
    found: dict[str, Option] = {}
    if not options.keys() & set(TRIGGER_KEYS):
        found |= _agreed("trigger", {purpose: _trigger(intent) for purpose, intent in intents.items()}, problems)
    if "air_filter" not in options:
        found |= _agreed("air_filter", {purpose: _filter(intent) for purpose, intent in intents.items()}, problems)
    known = OPTIONS_OF[driver]
    unheard = [key for key in found if key not in known]
    problems += [f"{key}: {found.pop(key)} asked, driver {driver.value!r} cannot be told" for key in unheard]
    if driver not in DWELLING:
        problems += [
            f"dwell_ms: {intent.dwell_ms} asked for {purpose.value}, driver {driver.value!r} cannot be told"
            for purpose, intent in intents.items()
            if intent.dwell_ms
        ]
    return Settings(found | dict(options), tuple(problems))


def _agreed(what: str, asked: Mapping[Purpose, dict[str, Option]], problems: list[str]) -> dict[str, Option]:
    """Return what all purposes ask for; where they do not agree nothing, and say who wants what."""
    wishes = list(asked.values())
    if not wishes:
        return {}
    if all(wish == wishes[0] for wish in wishes):
        return wishes[0]
    said = "; ".join(f"{purpose.value} wants {_words(wish)}" for purpose, wish in asked.items())
    problems.append(f"{what}: a reader has one for all its antennas, and here {said}: none is set")
    return {}


def _words(wish: Mapping[str, Option]) -> str:
    return ", ".join(f"{key} {value}" for key, value in wish.items()) or "none"


def _trigger(intent: Intent) -> dict[str, Option]:
    if intent.on_s:
        return {"on_s": intent.on_s, "off_s": intent.off_s}
    if not intent.gpi_port:
        return {}
    wish: dict[str, Option] = {"gpi_port": intent.gpi_port, "gpi_level": intent.gpi_level}
    return wish | ({"gpi_timeout_s": intent.gpi_timeout_s} if intent.gpi_timeout_s else {})


def _filter(intent: Intent) -> dict[str, Option]:
    return {} if intent.air_filter == "none" else {"air_filter": intent.air_filter}
