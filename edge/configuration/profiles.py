"""The profiles that the devices of an edge have by their site file. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.drivers.profiles import unsaid
from firmware_config.profile import ProfileError, load_any, profile_hash

if TYPE_CHECKING:
    from edge.drivers.port import Readback
    from firmware_config.profile import AnyProfile
    from wire.site import Device, Site


class OwnProfiles:
    """What devices are where no desired configuration names them; each profile is hashed once."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._unsaid: dict[str, tuple[AnyProfile, tuple[str, ...]]] = {}
        self._of_site: dict[str, tuple[str, str]] = {}
        self._hashes: dict[str, str] = {}

    def of_site_file(self, device: Device) -> tuple[str, str]:
        """Return name and hash of the profile that the site file names; empty where it names none."""
        if device.id not in self._of_site:
            try:
                found = (device.profile, profile_hash(load_any(device.profile))) if device.profile else ("", "")
            except ProfileError:  # such a device has no driver, or one that does not care
                found = (device.profile, "")
            self._of_site[device.id] = found
        return self._of_site[device.id]

    def unsaid(self, device: Device, found: Readback | None) -> tuple[str, ...]:
        """Return what of the profile that a device runs its driver cannot be told; computed once for each."""
        if found is None or found.profile is None:
            return ()
        known = self._unsaid.get(device.id)
        if known is None or known[0] is not found.profile:
            known = self._unsaid[device.id] = (found.profile, unsaid(device, self._site, found.profile))
        return known[1]

    def own(self, device: Device, found: Readback | None) -> tuple[str, str]:
        """Return name and hash of what a device has by its site file: a driver may choose when it knows the maker."""
        if found is None or found.profile is None:
            return self.of_site_file(device)
        name = found.profile.name
        if name not in self._hashes:
            self._hashes[name] = profile_hash(found.profile)
        return name, self._hashes[name]
