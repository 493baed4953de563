"""The rig of the folder driver: a folder on the disk, and a handheld that puts its exports there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from edge.drivers import build_driver
from tests.edge.drivers.contract import RigFactory, rig_host
from tests.edge.llrp.store_reader import SITE
from wire.site import Device, Driver

if TYPE_CHECKING:
    from pathlib import Path

    from edge.drivers.port import Driver as DriverPort


class FileRig:
    """A folder whose files settle at once; each EPC comes in a file of its own."""

    gives: Literal["counts"] = "counts"
    ports = ()
    looks = False
    told_bad = True
    driver: DriverPort

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "counts"
        self._away = folder / "unmounted"
        self._number = 0

    async def __aenter__(self) -> Self:
        self._folder.mkdir(parents=True)
        device = Device("H1", Driver.FILE, str(self._folder), "edge-1", zone="FLOOR", options={"settle_s": 0.02})
        self.driver = build_driver(device, SITE, rig_host())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing runs here."""

    async def present(self, epc: bytes, port: int) -> None:  # noqa: ARG002 - a folder has none
        if self._folder.is_dir():
            self._put(b"EPC,COUNT\n%s,3\n" % epc.hex().encode())

    async def vanish(self) -> None:
        self._number += 1
        self._folder.rename(self._away.with_suffix(f".{self._number}"))

    async def come_back(self) -> None:
        self._folder.mkdir()

    async def babble(self, nonsense: bytes) -> None:
        self._put(nonsense)

    def _put(self, data: bytes) -> None:
        """Write under a name that is not looked at, then move it: as a program does that knows of watched folders."""
        self._number += 1
        making = self._folder / f".{self._number}"
        making.write_bytes(data)
        making.rename(self._folder / f"{self._number}.csv")


RIGS: dict[str, RigFactory] = {"file": FileRig}
