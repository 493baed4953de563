"""Roll-outs from end to end: the command line -> gateway -> real Mosquitto -> a whole edge -> real LLRP -> readers.

The readers are simulated, and what they read depends on their power: a profile whose power is far down halves the
reads, is noticed by its canary, and taken back. What a reader runs is read out of the reader itself.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import SecretStr
from typer.testing import CliRunner

from edge.daemon import EdgeDaemon
from edge.drivers import build_driver
from edge.uplink.broker_url import parse_broker_url
from edge.uplink.mqtt import MqttUplink
from gateway.app import Gateway
from gateway.config import GatewayConfig
from gateway.fleet.device import DeviceName
from gateway.http.app import create_app
from lastunit.cli import app
from simulator.reader.live_store import LiveStore
from simulator.sites import read_demo_site
from simulator.store import Store
from tests.edge.uplink_sides import system_host
from tests.gateway.wait import until
from tests.servers.mosquitto import Mosquitto
from wire.site import Site

LOG = structlog.get_logger("edge")
READERS = ("R2", "R3")
QUICK = ("--watch-s", "1", "--settle-s", "1", "--apply-s", "40", "--canary", "1", "--by", "Kim", "--follow")
GOOD = 'extends = "generic-llrp-stock"\ntitle = "a little less"\n[stock]\npower_dbm = 29.0\n'
DEAF = 'extends = "generic-llrp-stock"\ntitle = "far too little"\n[stock]\npower_dbm = 11.0\n'


def small_site() -> Site:
    """Two readers of the demo's first store."""
    site = read_demo_site("main-street")
    return replace(site, devices=tuple(device for device in site.devices if device.id in READERS))


def new_edge(site: Site, broker: Mosquitto, folder: Path) -> EdgeDaemon:
    host = system_host()
    address = parse_broker_url(broker.url)
    return EdgeDaemon(
        site,
        site.edges()[0],
        drivers={device.id: build_driver(device, site, host) for device in site.devices},
        uplink=lambda name, edge: MqttUplink(address, name, edge, host, log=LOG),
        outbox_path=folder / "outbox.db",
        host=host,
        log=LOG,
    )


class Chain:
    """A store whose readers read, its edge, and the gateway; commands are asked as a person does."""

    def __init__(self, live: LiveStore, edge: EdgeDaemon, gateway: Gateway) -> None:
        self.live, self.edge, self.gateway = live, edge, gateway

    def names(self) -> list[DeviceName]:
        return [DeviceName(self.edge.site.id, self.edge.edge, reader) for reader in READERS]

    async def firmware(self, *arguments: str) -> tuple[int, str]:
        """Run `lastunit firmware ...`; return its exit code and what it printed."""
        asked = ["firmware", *arguments, "--url", str(self.gateway.http_url)]
        done = await asyncio.to_thread(CliRunner().invoke, app, asked)
        return done.exit_code, done.output

    async def devices(self) -> dict[str, Any]:
        """Return the devices as `status` tells them."""
        _, said = await self.firmware("status", "--json")
        return {one["device"]: one for one in map(json.loads, said.splitlines())}

    def power_dbm(self, reader: str) -> set[float]:
        """Return what a reader itself says that it transmits with."""
        looking = self.live.readers[reader].looking
        return set() if looking is None else {power / 100 for _, power in looking.power_cdbm}


@asynccontextmanager
async def open_chain(folder: Path, broker: Mosquitto) -> AsyncIterator[Chain]:
    site = small_site()
    url = SecretStr(f"sqlite:///{folder}/gateway.db")
    settings = GatewayConfig(database_url=url, broker_url=SecretStr(broker.url), http_port=0)
    async with (
        LiveStore(site, Store(site, "realistic", seed=3)) as live,
        Gateway(settings, sites=[site], http=create_app) as gateway,
    ):
        edge = new_edge(live.site, broker, folder)
        await edge.start()
        living = asyncio.create_task(live.run())
        try:
            yield Chain(live, edge, gateway)
        finally:
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)
            await edge.stop(drain_s=1.0)


async def test_canaries_a_stop_and_the_way_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.daemon.HEALTH_S", 1.0)  # a rate needs three healths: minutes otherwise
    good, deaf = tmp_path / "little-less.toml", tmp_path / "deaf.toml"
    good.write_text(GOOD)
    deaf.write_text(DEAF)
    with Mosquitto(tmp_path) as broker:
        async with open_chain(tmp_path, broker) as chain:
            heard = chain.gateway.fleet.process.heard
            await until(lambda: all(heard.rates.between(name, 0, 2**62).samples >= 3 for name in chain.names()), 40)
            assert {name: one["standing"] for name, one in (await chain.devices()).items()} == {
                "R2": "site_file",
                "R3": "site_file",
            }
            before = {reader: chain.power_dbm(reader) for reader in READERS}
            code, said = await chain.firmware("apply", str(good), *QUICK, "--dry-run")
            assert (code, "wave 2: store-001/" in said) == (0, True), said

            code, said = await chain.firmware("apply", str(good), *QUICK)
            assert code == 0, said
            assert "done, wave 2 of 2 (2 good)" in said
            assert {reader: chain.power_dbm(reader) for reader in READERS} == {reader: {29.0} for reader in READERS}

            code, said = await chain.firmware("apply", str(deaf), *QUICK)
            assert code == 1, said
            assert "a minute, to less than 50%" in said
            assert "asked for little-less" in said
            assert "rolled_back, wave 1 of 2 (1 back, 1 left)" in said
            assert {reader: chain.power_dbm(reader) for reader in READERS} == {reader: {29.0} for reader in READERS}
            found = await chain.devices()
            assert {one["standing"] for one in found.values()} == {"as_asked"}
            assert {one["runs"]["profile"] for one in found.values()} == {"little-less"}
            assert {one["inventory"]["vendor"] for one in found.values()} == {"Impinj"}

            code, said = await chain.firmware("rollback", "--follow")
            assert (code, "no device has it any more" in said) == (0, True), said
            await until(lambda: {reader: chain.power_dbm(reader) for reader in READERS} == before)
            assert {one["source"] for one in (await chain.devices()).values()} == {"site_file"}
            assert (await chain.firmware("diff"))[0] == 0
