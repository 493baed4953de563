"""What the site file asks of a reader that speaks JSON: the purpose of each antenna, and so how to look. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from firmware_config.profile import Intent, Purpose

if TYPE_CHECKING:
    from firmware_config.profile import Profile
    from wire.site import Device, Site


class IotError(ValueError):
    """A setting of a device that cannot be used: a person must mend the site file."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What one port shall do. `power_dbm` None: as the reader would by itself."""

    port: int
    intent: Intent
    power_dbm: float | None
    purpose: Purpose = Purpose.STOCK


def wishes_of(device: Device, site: Site, profile: Profile) -> tuple[Wish, ...]:
    """Return what the antennas of a device shall do, in the site file's order.

    Raises:
        IotError: no antennas.
    """
    if not device.antennas:
        raise IotError(f"device {device.id}: antennas: a reader needs at least one")
    wishes = []
    for antenna in device.antennas:
        purpose = profile.purpose_for(site.zone(antenna.zone).kind, device.purpose)
        intent = profile.intents[purpose]
        power_dbm = intent.power_dbm if antenna.power_dbm is None else antenna.power_dbm
        wishes.append(Wish(antenna.port, intent, power_dbm, purpose))
    return tuple(wishes)
