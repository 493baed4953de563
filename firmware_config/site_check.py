"""A profile against the devices of a site file, before any of them is asked. Pure.

What can be said without the reader: whether the profile is for such a device, has a section for each purpose, can be
told by its driver, and is lawful where gain and region are known. What its own tables make of it is seen when it
connects.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from firmware_config.profile import AnyProfile, Profile, ProfileError, Purpose, load_any
from firmware_config.region import Region, highest_dbm, law_of, power_problem, region_named
from firmware_config.settings import READER_DRIVERS, settings_for, unfit
from firmware_config.vendors import FALLBACK_PROFILE
from wire.site import Antenna, Device, Driver, Site


@dataclass(frozen=True, slots=True)
class DeviceCheck:
    """What a profile would be on one device. `notes`: what could not be checked, and what is worth knowing."""

    device: str
    profile: str
    purposes: tuple[str, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def check_site(site: Site, profiles: Sequence[AnyProfile], region: Region | None = None) -> tuple[DeviceCheck, ...]:
    """Return each profile on each device that it is for; without profiles, what the site file itself names.

    `region`: for devices whose site file says none. Raises `ProfileError` for a profile that a device names and that
    is not there, and where a given profile is for none of the site's devices.
    """
    if not profiles:
        return tuple(
            check_device(site, device, named, region)
            for device in site.devices
            if (named := _named(device)) is not None
        )
    checks = []
    for profile in profiles:
        fit = [device for device in site.devices if not unfit(profile, device.driver)]
        if not fit:
            raise ProfileError(f"profile {profile.name!r}: site {site.id} has no device that it is for")
        checks += [check_device(site, device, profile, region) for device in fit]
    return tuple(checks)


def check_device(site: Site, device: Device, profile: AnyProfile, region: Region | None = None) -> DeviceCheck:
    """Return what a profile would be on one device of a site."""
    problem = unfit(profile, device.driver)
    if problem:
        return DeviceCheck(device.id, profile.name, (), (problem,), ())
    if not isinstance(profile, Profile):
        found = settings_for(profile, (), device.driver, device.options)
        return DeviceCheck(device.id, profile.name, (), found.problems, ())
    try:
        purposes = tuple(profile.purpose_for(site.zone(one.zone).kind, device.purpose) for one in device.antennas)
    except ProfileError as error:
        return DeviceCheck(device.id, profile.name, (), (str(error),), ())
    problems = list(settings_for(profile, purposes, device.driver, device.options).problems)
    notes: list[str] = []
    said = str(device.options.get("region", ""))
    law = region_named(said) if said else region
    if law is None:
        notes.append(f"region {said}: its law is not checked here" if said else "no region said: power is not checked")
    else:
        said_of: tuple[dict[str, list[int]], dict[str, list[int]]] = ({}, {})
        for antenna, purpose in zip(device.antennas, purposes, strict=True):
            for said_here, texts in zip(said_of, _power(profile, antenna, purpose, law), strict=True):
                for text in texts:
                    said_here.setdefault(text, []).append(antenna.port)
        problems += _by_ports(said_of[0])
        notes += _by_ports(said_of[1])
    names = tuple(dict.fromkeys(purpose.value for purpose in purposes))
    return DeviceCheck(device.id, profile.name, names, tuple(problems), tuple(notes))


def _power(profile: Profile, antenna: Antenna, purpose: Purpose, law: Region) -> tuple[list[str], list[str]]:
    """Return problems and notes of one antenna's power."""
    asked_dbm = profile.intents[purpose].power_dbm if antenna.power_dbm is None else antenna.power_dbm
    unknown = "no gain_dbi in the site file: what it radiates is not checked"
    notes = [unknown] if antenna.gain_dbi is None else []
    if asked_dbm is None:
        most = highest_dbm(law, antenna.gain_dbi, antenna.cable_loss_db)
        return [], notes if most is None else [*notes, f"the most is {most:g} dBm ({law.value}: {law_of(law).source})"]
    problem = power_problem(law, asked_dbm, antenna.gain_dbi, antenna.cable_loss_db)
    return [problem] if problem else [], notes


def _by_ports(said: dict[str, list[int]]) -> list[str]:
    return [
        f"{'port' if len(ports) == 1 else 'ports'} {', '.join(map(str, ports))}: {text}" for text, ports in said.items()
    ]


def _named(device: Device) -> AnyProfile | None:
    """Return the profile that a device runs with, None where it takes none."""
    if device.driver not in READER_DRIVERS and not (device.driver is Driver.BARCODE_SERIAL and device.profile):
        return None
    try:
        profile = load_any(device.profile or FALLBACK_PROFILE)
    except ProfileError as error:
        raise ProfileError(f"device {device.id}: {error}") from error
    by_vendor = not device.profile and device.driver is Driver.LLRP
    return replace(profile, name=f"{profile.name} (or its vendor's)") if by_vendor else profile
