"""The rigs of the LLRP driver: the simulator's reader over TCP and TLS, called by the driver and calling it."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Self

from edge.drivers import build_driver
from simulator.reader.caller import Caller
from simulator.reader.persona import load_persona
from simulator.reader.server import ReaderServer
from simulator.reader.sighting import Sighting
from tests.edge.drivers.contract import RigFactory, rig_host
from tests.edge.llrp.certificates import certificates
from tests.edge.llrp.store_reader import SITE, device

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from edge.drivers.port import Driver

_ZONES = ("FLOOR", "FIT")
_HOST = "127.0.0.1"


class LlrpRig:
    """A reader like an Impinj R420 with two antennas."""

    gives: Literal["reads", "scans", "counts"] = "reads"
    ports = (1, 2)
    looks = True
    told_bad = True
    driver: Driver
    version = 1

    def __init__(self, _folder: Path) -> None:
        self._reader = ReaderServer("R1", load_persona("impinj-r420-like"), version=self.version, tls=self.tls())

    def tls(self) -> ssl.SSLContext | None:
        """What the listening reader speaks."""
        return None

    def settings(self) -> dict[str, str | int | float | bool]:
        """What the site file says besides."""
        return {}

    async def __aenter__(self) -> Self:
        await self._reader.start()
        asked = replace(device(self.address(), zones=_ZONES), options={"keepalive_s": 0.5, **self.settings()})
        self.driver = build_driver(asked, SITE, rig_host())
        return self

    def address(self) -> str:
        """Where the site file looks for the reader."""
        return self._reader.address

    async def __aexit__(self, *_: object) -> None:
        await self._reader.stop()

    async def present(self, epc: bytes, port: int) -> None:
        self._reader.feed([Sighting(epc, 96, port, -5_550, self._reader.clock.now_us())])

    async def vanish(self) -> None:
        await self._reader.unplug()

    async def come_back(self) -> None:
        await self._reader.reboot()

    async def babble(self, nonsense: bytes) -> None:
        self._reader.faults.bodies(nonsense, "RO_ACCESS_REPORT")
        await self.present(b"\x30" + bytes(11), 1)


class NewerRig(LlrpRig):
    """It speaks LLRP 1.1, and is asked to."""

    version = 2

    def settings(self) -> dict[str, str | int | float | bool]:
        return {"llrp_version": "1.1"}


class TlsRig(LlrpRig):
    """It speaks TLS and wants our certificate."""

    def tls(self) -> ssl.SSLContext | None:
        made = certificates()
        return made.reader.server(believes=made.ca)

    def settings(self) -> dict[str, str | int | float | bool]:
        made = certificates()
        return {
            "tls": True,
            "ca_file": str(made.ca),
            "cert_file": str(made.edge.cert),
            "key_file": str(made.edge.key),
        }


class CallingRig(LlrpRig):
    """It calls us."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        with socket.create_server(("", 0)) as probe:
            self._port = int(probe.getsockname()[1])
        self._caller = Caller(self._reader, _HOST, self._port, tls=self.calling_tls(), every_s=0.05)

    def calling_tls(self) -> ssl.SSLContext | None:
        """What the calling reader speaks."""
        return None

    def address(self) -> str:
        return _HOST

    def settings(self) -> dict[str, str | int | float | bool]:
        return {"listen": self._port}

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._caller.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._caller.stop()
        await super().__aexit__()

    async def vanish(self) -> None:
        await self._caller.stop()
        await super().vanish()

    async def come_back(self) -> None:
        await super().come_back()
        self._caller.start()


class CallingTlsRig(CallingRig):
    """It calls us, and both sides show a certificate."""

    def calling_tls(self) -> ssl.SSLContext | None:
        made = certificates()
        return made.reader.client(made.ca)

    def settings(self) -> dict[str, str | int | float | bool]:
        made = certificates()
        return super().settings() | {
            "tls": True,
            "ca_file": str(made.ca),
            "cert_file": str(made.edge.cert),
            "key_file": str(made.edge.key),
        }


RIGS: dict[str, RigFactory] = {
    "llrp": LlrpRig,
    "llrp-1.1": NewerRig,
    "llrp-calling": CallingRig,
    "llrp-calling-tls": CallingTlsRig,
    "llrp-tls": TlsRig,
}
