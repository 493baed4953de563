"""Which profile a device gets, and what that makes of its settings. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from firmware_config.profile import Profile, ProfileError, ScannerProfile, load_any, load_profile
from firmware_config.region import region_named
from firmware_config.render import AntennaAsk
from firmware_config.settings import settings_for, unfit

if TYPE_CHECKING:
    from firmware_config.profile import AnyProfile, Purpose
    from wire.site import Device, Site


def named_profile(device: Device, fallback: str) -> Profile:
    """Return the profile that the site file names, else `fallback`. Raises `ProfileError` that names the device."""
    try:
        return load_profile(device.profile or fallback)
    except ProfileError as error:
        raise ProfileError(f"device {device.id}: {error}") from error


def named_scanner(device: Device) -> ScannerProfile | None:
    """Return the scanner's profile that the site file names, None where it names none. Raises `ProfileError`."""
    if not device.profile:
        return None
    try:
        profile = load_any(device.profile)
    except ProfileError as error:
        raise ProfileError(f"device {device.id}: {error}") from error
    check_fits(device, profile)
    return a_scanners(profile)


def check_fits(device: Device, profile: AnyProfile) -> None:
    """Raise `ProfileError` for a profile that is not for devices of this driver."""
    problem = unfit(profile, device.driver)
    if problem:
        raise ProfileError(f"device {device.id}: {problem}")


def a_readers(profile: AnyProfile | None) -> Profile | None:
    """Return a profile that was found to fit a reader's driver."""
    assert profile is None or isinstance(profile, Profile)
    return profile


def a_scanners(profile: AnyProfile | None) -> ScannerProfile | None:
    """Return a profile that was found to fit a scanner's driver."""
    assert profile is None or isinstance(profile, ScannerProfile)
    return profile


def configured(device: Device, site: Site, profile: AnyProfile) -> Device:
    """Return a device with a profile's triggers, filters and framing where its site file says nothing.

    Raises `ProfileError` for an antenna whose purpose the profile does not know.
    """
    settings = settings_for(profile, purposes(device, site, profile), device.driver, device.options)
    return replace(device, options=settings.options)


def unsaid(device: Device, site: Site, profile: AnyProfile) -> tuple[str, ...]:
    """Return what of a profile this device's driver cannot be told."""
    return settings_for(profile, purposes(device, site, profile), device.driver, device.options).problems


def purposes(device: Device, site: Site, profile: AnyProfile) -> tuple[Purpose, ...]:
    """Return what each antenna of a device is there for. Raises `ProfileError`."""
    if not isinstance(profile, Profile):
        return ()
    try:
        return tuple(profile.purpose_for(site.zone(one.zone).kind, device.purpose) for one in device.antennas)
    except ProfileError as error:
        raise ProfileError(f"device {device.id}: {error}") from error


def antenna_asks(device: Device, site: Site, profile: Profile) -> tuple[AntennaAsk, ...]:
    """Return the antennas of a device as the site wants them. Raises `ProfileError`."""
    region = region_named(str(device.options.get("region", "")))
    return tuple(
        AntennaAsk(one.port, purpose, one.power_dbm, one.gain_dbi, one.cable_loss_db, region)
        for one, purpose in zip(device.antennas, purposes(device, site, profile), strict=True)
    )
