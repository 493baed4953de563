"""The rigs of the Impinj IoT driver: an emulated R700 over HTTP, and over MQTT by a real Mosquitto."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from edge.drivers import build_driver
from simulator.json_readers.impinj import ImpinjReader
from tests.edge.drivers.contract import RigFactory, rig_host
from tests.edge.iot.json_sites import SITE, Options, impinj_device, login_files
from tests.servers.mosquitto import Mosquitto

if TYPE_CHECKING:
    from pathlib import Path

    from edge.drivers.port import Driver

_TOPIC = "s1/R7/events"


class StreamRig:
    """Over its HTTP stream."""

    gives: Literal["reads", "scans", "counts"] = "reads"
    ports = (1, 2)
    looks = True
    told_bad = True
    driver: Driver

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reader = ImpinjReader(pace=20.0)

    async def __aenter__(self) -> Self:
        await self._reader.__aenter__()
        options: Options = {"keepalive_s": 1, **login_files(self._folder)}
        self.driver = build_driver(impinj_device(self._reader.address, options), SITE, rig_host())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._reader.vanish()

    async def present(self, epc: bytes, port: int) -> None:
        if self._reader.streams:
            self._reader.see(epc, port)

    async def vanish(self) -> None:
        await self._reader.vanish()

    async def come_back(self) -> None:
        await self._reader.come_back()

    async def babble(self, nonsense: bytes) -> None:
        self._reader.send(nonsense.replace(b"\n", b"?") + b"}")


class BrokerRig(StreamRig):
    """Over a broker, with REST beside it; `with_rest` False: the broker's will is all that tells its death."""

    def __init__(self, folder: Path, *, with_rest: bool = True) -> None:
        super().__init__(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._broker = Mosquitto(folder)
        self._with_rest = with_rest

    async def __aenter__(self) -> Self:
        self._broker.start()
        await self._reader.__aenter__()
        await self._reader.publish_to("127.0.0.1", self._broker.port, _TOPIC, "s1/R7/state")
        options: Options = {"via": "mqtt", "broker": self._broker.url, "topic": _TOPIC, "keepalive_s": 0.1}
        options |= login_files(self._folder) if self._with_rest else {"management_topic": "s1/R7/state"}
        self.driver = build_driver(impinj_device(self._reader.address, options), SITE, rig_host())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._reader.vanish()
        self._broker.kill()

    async def present(self, epc: bytes, port: int) -> None:
        self._reader.see(epc, port)


RIGS: dict[str, RigFactory] = {"impinj_iot-http": StreamRig, "impinj_iot-mqtt": BrokerRig}
