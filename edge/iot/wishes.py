"""What the site file asks of a reader that speaks JSON: the purpose of each antenna, and so how to look. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from firmware_config.profile import Intent, ProfileError, Purpose, load_profile

if TYPE_CHECKING:
    from wire.site import Device, Site


class IotError(ValueError):
    """A setting of a device that cannot be used: a person must mend the site file."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What one port shall do. `power_dbm` None: as the reader would by itself."""

    port: int
    intent: Intent
    power_dbm: float | None


def wishes_of(device: Device, site: Site, fallback_profile: str) -> tuple[Wish, ...]:
    """Return what the antennas of a device shall do, in the site file's order.

    Raises:
        IotError: no antennas.
        ProfileError: no such profile.
    """
    if not device.antennas:
        raise IotError(f"device {device.id}: antennas: a reader needs at least one")
    try:
        profile = load_profile(device.profile or fallback_profile)
    except ProfileError as error:
        raise ProfileError(f"device {device.id}: {error}") from error
    wishes = []
    for antenna in device.antennas:
        purpose = Purpose(device.purpose.value) if device.purpose else profile.purpose_for(site.zone(antenna.zone).kind)
        intent = profile.intents[purpose]
        power_dbm = intent.power_dbm if antenna.power_dbm is None else antenna.power_dbm
        wishes.append(Wish(antenna.port, intent, power_dbm))
    return tuple(wishes)
