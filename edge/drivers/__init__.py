"""The drivers by name: how an edge daemon gets a driver for a device of its site file.

A driver's module is loaded when a device first asks for it, so that a box without serial scanners needs no serial port
library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wire.site import Driver as DriverName

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edge.drivers.port import Driver, Host
    from wire.site import Device, Site


def _llrp(device: Device, site: Site, host: Host) -> Driver:
    from edge.drivers.llrp import build_llrp  # noqa: PLC0415 - loaded when first asked for

    return build_llrp(device, site, host)


_FACTORIES: Final[Mapping[str, Callable[[Device, Site, Host], Driver]]] = {
    DriverName.LLRP: _llrp,
}


class UnknownDriverError(ValueError):
    """The site file names a driver that this version does not have: a person must mend the file."""


def driver_names() -> tuple[str, ...]:
    """Return the names of the drivers that are built, sorted."""
    return tuple(sorted(_FACTORIES))


def build_driver(device: Device, site: Site, host: Host) -> Driver:
    """Return the driver for a device, not started yet.

    Raises:
        UnknownDriverError: no such driver here.
        ProfileError: the device's profile or its settings cannot be used.
    """
    factory = _FACTORIES.get(device.driver)
    if factory is None:
        raise UnknownDriverError(
            f"device {device.id}: driver {str(device.driver)!r} is planned but not built; this version has: "
            f"{', '.join(driver_names())}"
        )
    return factory(device, site, host)
