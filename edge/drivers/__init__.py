"""The drivers by name: how an edge daemon gets a driver for a device of its site file.

A driver's module is loaded when a device first asks for it, so that a box without serial scanners needs no serial port
library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge.drivers.profiles import a_readers, a_scanners, check_fits
from wire.site import Driver as DriverName

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edge.drivers.port import Driver, Host
    from firmware_config.profile import AnyProfile
    from wire.site import Device, Site

    Factory = Callable[[Device, Site, Host, AnyProfile | None], Driver]


def _llrp(device: Device, site: Site, host: Host, profile: AnyProfile | None) -> Driver:
    from edge.drivers.llrp import build_llrp  # noqa: PLC0415 - loaded when first asked for

    return build_llrp(device, site, host, a_readers(profile))


def _barcode_serial(device: Device, site: Site, host: Host, profile: AnyProfile | None) -> Driver:
    from edge.drivers.barcode_serial import build_barcode_serial  # noqa: PLC0415 - loaded when first asked for

    return build_barcode_serial(device, site, host, a_scanners(profile))


def _file(device: Device, site: Site, host: Host, profile: AnyProfile | None) -> Driver:  # noqa: ARG001 - a folder has none
    from edge.drivers.file import build_file  # noqa: PLC0415 - loaded when first asked for

    return build_file(device, site, host)


def _impinj_iot(device: Device, site: Site, host: Host, profile: AnyProfile | None) -> Driver:
    from edge.drivers.impinj_iot import build_impinj_iot  # noqa: PLC0415

    return build_impinj_iot(device, site, host, a_readers(profile))


def _zebra_iotc(device: Device, site: Site, host: Host, profile: AnyProfile | None) -> Driver:
    from edge.drivers.zebra_iotc import build_zebra_iotc  # noqa: PLC0415

    return build_zebra_iotc(device, site, host, a_readers(profile))


def _uhf_serial(device: Device, site: Site, host: Host, profile: AnyProfile | None) -> Driver:
    from edge.drivers.uhf_serial import build_uhf_serial  # noqa: PLC0415 - loaded when first asked for

    return build_uhf_serial(device, site, host, a_readers(profile))


def _sllurp(device: Device, site: Site, host: Host, profile: AnyProfile | None) -> Driver:
    from edge.drivers.sllurp import build_sllurp  # noqa: PLC0415 - loaded when first asked for

    return build_sllurp(device, site, host, a_readers(profile))


_FACTORIES: Final[Mapping[str, Factory]] = {
    DriverName.LLRP: _llrp,
    DriverName.IMPINJ_IOT: _impinj_iot,
    DriverName.ZEBRA_IOTC: _zebra_iotc,
    DriverName.FILE: _file,
    DriverName.SLLURP: _sllurp,
    DriverName.BARCODE_SERIAL: _barcode_serial,
    DriverName.UHF_SERIAL: _uhf_serial,
}


class UnknownDriverError(ValueError):
    """The site file names a driver that this version does not have: a person must mend the file."""


def driver_names() -> tuple[str, ...]:
    """Return the names of the drivers that are built, sorted."""
    return tuple(sorted(_FACTORIES))


def build_driver(device: Device, site: Site, host: Host, profile: AnyProfile | None = None) -> Driver:
    """Return the driver for a device, not started yet.

    `profile`: what the device shall be, by value; None: what the site file names, or the driver's own choice.

    Raises:
        UnknownDriverError: no such driver here.
        ProfileError: the device's profile or its settings cannot be used.
    """
    factory = _FACTORIES.get(device.driver)
    if factory is None:
        raise UnknownDriverError(
            f"device {device.id}: driver {str(device.driver)!r} is not known; there are: {', '.join(driver_names())}"
        )
    if profile is not None:
        check_fits(device, profile)
    return factory(device, site, host, profile)
