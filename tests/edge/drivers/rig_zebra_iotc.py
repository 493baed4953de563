"""The rigs of the Zebra IoT Connector driver: an emulated FX9600 on a real Mosquitto, steered by us and by others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from edge.drivers import build_driver
from simulator.json_readers.zebra import Topics, ZebraReader
from tests.edge.drivers.contract import RigFactory, rig_host
from tests.edge.iot.json_sites import COMMANDS, SITE, zebra_device
from tests.servers.mosquitto import Mosquitto

if TYPE_CHECKING:
    from pathlib import Path

    from edge.drivers.port import Driver

TOPICS = Topics("s1/Z9/data", "s1/Z9/events", "s1/Z9/commands", "s1/Z9/answers")


class ZebraRig:
    """A reader that we set up and start."""

    gives: Literal["reads", "scans", "counts"] = "reads"
    ports = (1, 2)
    looks = True
    told_bad = True
    driver: Driver

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._broker = Mosquitto(folder)
        self._reader: ZebraReader

    async def __aenter__(self) -> Self:
        self._broker.start()
        self._reader = ZebraReader("127.0.0.1", self._broker.port, TOPICS, heartbeat_s=0.1)
        await self._reader.come_back()
        options = {"broker": self._broker.url, "keepalive_s": 0.2, **COMMANDS}
        self.driver = build_driver(zebra_device(options), SITE, rig_host())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._reader.vanish()
        self._broker.kill()

    async def present(self, epc: bytes, port: int) -> None:
        self._reader.see([epc], port)

    async def vanish(self) -> None:
        await self._reader.vanish()

    async def come_back(self) -> None:
        await self._reader.come_back()

    async def babble(self, nonsense: bytes) -> None:
        self._reader.send(nonsense + b"}")


RIGS: dict[str, RigFactory] = {"zebra_iotc": ZebraRig}
