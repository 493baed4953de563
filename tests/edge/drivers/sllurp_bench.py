"""A sllurp driver that runs on a simulated reader, and its process alone."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.drivers.sllurp import COMMAND, SllurpDriver, build_sllurp
from simulator.reader.persona import load_persona
from simulator.reader.server import ReaderServer
from simulator.reader.sighting import Sighting
from tests.edge.drivers.contract import Bench, rig_host, until
from tests.edge.llrp.store_reader import SITE, device
from wire.site import Device, Driver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from edge.drivers.port import What
    from simulator.reader.persona import Persona

ROOT = Path(__file__).parents[3]
R420 = "impinj-r420-like"
PACKAGES = ("edge", "wire", "gateway", "lastunit", "firmware_config", "dashboards", "simulator")


class ReaderRig:
    """What `Bench` asks of a rig."""

    gives = "reads"

    def __init__(self, driver: SllurpDriver, ports: tuple[int, ...]) -> None:
        self.driver, self.ports = driver, ports


def asked(address: str, profile: str = "", zones: Sequence[str] = ("FLOOR", "FLOOR"), **options: Any) -> Device:
    found = device(address, profile, zones=zones)
    return replace(found, driver=Driver.SLLURP, options={"keepalive_s": 0.5, **options})


class Sllurp(Bench):
    """A running driver on a simulated reader."""

    def __init__(self, reader: ReaderServer, wanted: Device) -> None:
        self.reader = reader
        driver = build_sllurp(wanted, SITE, rig_host())
        super().__init__(ReaderRig(driver, tuple(one.port for one in wanted.antennas)))  # type: ignore[arg-type]
        self.sllurp = driver

    def see(self, epc: bytes, port: int = 1, bits: int = 96, time_us: int = 0) -> None:
        self.reader.feed([Sighting(epc, bits, port, -5_500, time_us or self.reader.clock.now_us())])

    async def read(self, epc: bytes, port: int = 1, bits: int = 96) -> None:
        self.see(epc, port, bits)
        await until(lambda: self.has(epc), lambda: f"{epc.hex()}: {self.driver.health()}")

    def pid(self) -> int:
        assert self.sllurp._child is not None
        return self.sllurp._child.pid

    async def told_what(self, what: What) -> None:
        await until(lambda: self.told.times(what) > 0, lambda: f"{what}: {self.driver.health()}")


@asynccontextmanager
async def running(persona: str | Persona = R420, profile: str = "", **more: Any) -> AsyncIterator[Sllurp]:
    model = load_persona(persona) if isinstance(persona, str) else persona
    async with ReaderServer("R1", model) as reader:
        one = Sllurp(reader, asked(reader.address, profile, **more))
        one.start()
        try:
            yield one
        finally:
            await one.driver.stop()


async def started(**environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *COMMAND,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
        cwd=ROOT,
    )


async def child_says(settings: dict[str, Any], **environment: str) -> list[dict[str, Any]]:
    process = await started(**environment)
    out, _ = await asyncio.wait_for(process.communicate(json.dumps(settings).encode() + b"\n"), 60)
    return [json.loads(line) for line in out.splitlines()]
