"""The rigs of the UHF modules: the simulator's modules on a pseudo-terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from edge.drivers import build_driver
from simulator.modules.chafon import ChafonModule
from simulator.modules.port import InField
from simulator.modules.pty_line import ModuleOnPty
from simulator.modules.thingmagic import ThingMagicModule
from tests.edge.drivers.contract import RigFactory, rig_host
from wire.site import Antenna, Device, Driver, Site, Zone, ZoneKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge.drivers import port
    from simulator.modules.port import Module

SITE = Site(
    id="store-1",
    name="Main Street",
    timezone="Europe/Berlin",
    zones=(
        Zone("FLOOR", ZoneKind.SALES_FLOOR, True, "FLOOR"),
        Zone("FIT", ZoneKind.FITTING_ROOM, False, "FIT"),
        Zone("EXIT", ZoneKind.EXIT, False, "FLOOR"),
    ),
    passages=(),
    devices=(),
)
OPTIONS: dict[str, dict[str, str | int | float | bool]] = {
    "thingmagic": {"family": "thingmagic", "region": "EU", "keepalive_s": 0.2},
    "chafon": {"family": "chafon", "region": "EU", "keepalive_s": 0.3},
}


def module_device(
    path: Path, family: str, zones: tuple[str, ...] = ("FLOOR", "FIT"), **options: str | float | bool
) -> Device:
    """A module of a site file, with one antenna for each of the zones."""
    return Device(
        "M1",
        Driver.UHF_SERIAL,
        str(path),
        "edge-1",
        antennas=tuple(Antenna(port, zone) for port, zone in enumerate(zones, 1)),
        options=OPTIONS[family] | options,
    )


class UhfRig:
    """A module with antennas; `family` as the site file names it."""

    gives: Literal["reads", "scans", "counts"] = "reads"
    looks = True
    told_bad = True
    driver: port.Driver

    def __init__(self, folder: Path, family: str, power_on: Callable[[], Module], ports: int = 2) -> None:
        self.family = family
        self.ports = tuple(range(1, ports + 1))
        folder.mkdir(parents=True, exist_ok=True)
        self.line = ModuleOnPty(folder, power_on)

    async def __aenter__(self) -> Self:
        self.line.plug_in()
        asked = module_device(self.line.path, self.family, ("FLOOR", "FIT", "EXIT")[: len(self.ports)])
        self.driver = build_driver(asked, SITE, rig_host())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.line.unplug()

    async def present(self, epc: bytes, port: int) -> None:
        self.line.present(port, InField(epc, -55))

    async def vanish(self) -> None:
        self.line.unplug()

    async def come_back(self) -> None:
        self.line.plug_in()

    async def babble(self, nonsense: bytes) -> None:
        """A frame that is whole but for its checksum."""
        if self.family == "thingmagic":
            self.line.say(bytes((0xFF, len(nonsense), 0x22, 0, 0)) + nonsense + b"\x12\x34")
        else:
            self.line.say(bytes((len(nonsense) + 5, 0, 0x01, 0x01)) + nonsense + b"\x12\x34")


RIGS: dict[str, RigFactory] = {
    "uhf_serial-thingmagic": lambda folder: UhfRig(folder, "thingmagic", ThingMagicModule),
    "uhf_serial-chafon288": lambda folder: UhfRig(folder, "chafon", ChafonModule),
}
