"""The rigs of the barcode scanner: a scanner on a pseudo terminal, selling and counting."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal, Self

from edge.drivers import build_driver
from simulator.scanners.scanner import Scanner
from tests.edge.drivers.contract import RigFactory, rig_host
from wire.site import Device, DevicePurpose, Driver, Site, Zone, ZoneKind

if TYPE_CHECKING:
    from pathlib import Path

    from edge.drivers.port import Driver as DriverPort

SITE = Site("store-1", "Main Street", "UTC", (Zone("POS", ZoneKind.CHECKOUT, False, "POS"),), (), ())


class ScannerRig:
    """A scanner whose labels are EPCs in hexadecimal, as printers of RFID labels put them on."""

    ports: tuple[int, ...] = ()
    looks = False
    told_bad = True
    driver: DriverPort

    def __init__(self, purpose: DevicePurpose, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.gives: Literal["reads", "scans", "counts"] = "counts" if purpose is DevicePurpose.COUNT else "scans"
        self._purpose = purpose
        self._scanner = Scanner(folder)

    async def __aenter__(self) -> Self:
        self._scanner.plug_in()
        device = Device(
            "S1", Driver.BARCODE_SERIAL, str(self._scanner.path), "edge-1", zone="POS", purpose=self._purpose
        )
        self.driver = build_driver(device, SITE, rig_host())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._scanner.unplug()

    async def present(self, epc: bytes, port: int) -> None:  # noqa: ARG002 - a scanner has none
        await self._scanner.scan(epc.hex().upper().encode())

    async def vanish(self) -> None:
        self._scanner.unplug()

    async def come_back(self) -> None:
        self._scanner.plug_in()

    async def babble(self, nonsense: bytes) -> None:
        await self._scanner.scan(nonsense)


RIGS: dict[str, RigFactory] = {
    "barcode_serial-sale": partial(ScannerRig, DevicePurpose.SALE),
    "barcode_serial-count": partial(ScannerRig, DevicePurpose.COUNT),
}
