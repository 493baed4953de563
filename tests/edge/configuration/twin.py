"""The gateway's half of the device twin on a real broker, and readers of the simulator behind a real edge daemon."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

import msgspec
import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge.daemon import EdgeDaemon
from edge.drivers import build_driver
from edge.uplink.broker_url import parse_broker_url
from edge.uplink.mqtt import MqttUplink
from firmware_config.profile import load_any, parse_any, profile_hash, profile_table
from simulator.reader.persona import load_persona
from simulator.reader.server import ReaderServer
from tests.edge.drivers.contract import rig_host
from wire.configuration import DesiredDevice, decode_reported, desired_config, encode_desired
from wire.site import Antenna, Device, Driver, Site, Zone, ZoneKind
from wire.topics import Leaf, edge_topic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from firmware_config.profile import AnyProfile
    from wire.configuration import DesiredConfig, ReportedConfig, ReportedDevice

LOG = structlog.get_logger("test")
SITE_ID, EDGE = "store-1", "edge-1"
PATIENCE_S = 20.0
"""Ends a test that has failed already."""

SHELF = """
extends = "impinj-r420-stock"
title = "Ours"
[stock]
power_dbm = 21.5
session = 1
search = "single"
mode_ids = [2]
population = 40
"""


def site_of(devices: Mapping[str, str], ports: int = 2) -> Site:
    """Return a site with an LLRP reader at each address; the second antenna covers a fitting room."""
    antennas = tuple(Antenna(port, "FIT" if port == 2 else "FLOOR") for port in range(1, ports + 1))
    return Site(
        id=SITE_ID,
        name="Main Street",
        timezone="UTC",
        zones=(Zone("FLOOR", ZoneKind.SALES_FLOOR, True, "FLOOR"), Zone("FIT", ZoneKind.FITTING_ROOM, False, "FIT")),
        passages=(),
        devices=tuple(
            Device(device, Driver.LLRP, address, EDGE, antennas=antennas, options={"keepalive_s": 0.5})
            for device, address in devices.items()
        ),
    )


@asynccontextmanager
async def readers(**personas: str) -> AsyncIterator[dict[str, ReaderServer]]:
    """Listen as these readers, by device id."""
    servers = {device: ReaderServer(device, load_persona(persona)) for device, persona in personas.items()}
    try:
        for server in servers.values():
            await server.start()
        yield servers
    finally:
        for server in servers.values():
            await server.stop()


def daemon_of(site: Site, broker: str, outbox: Path) -> EdgeDaemon:
    """Return an edge as the command builds it, not started."""
    host = rig_host()
    return EdgeDaemon(
        site,
        EDGE,
        drivers={device.id: build_driver(device, site, host) for device in site.devices},
        uplink=lambda name, edge: MqttUplink(parse_broker_url(broker), name, edge, host, log=LOG),
        outbox_path=outbox,
        host=host,
        log=LOG,
    )


@asynccontextmanager
async def running(daemon: EdgeDaemon) -> AsyncIterator[EdgeDaemon]:
    await daemon.start()
    try:
        yield daemon
    finally:
        await daemon.stop(0.0)


def own_profile(text: str = SHELF, name: str = "ours") -> AnyProfile:
    return parse_any(text, name, f"{name}.toml")


def desired(version: int, profiles: Mapping[str, AnyProfile | str], **changes: Any) -> DesiredConfig:
    """Return a desired configuration: a profile, or the name of one of the package's, for each device.

    `changes` are made after the hash was, so they break it.
    """
    chosen = {device: load_any(one) if isinstance(one, str) else one for device, one in profiles.items()}
    made = desired_config(
        site=SITE_ID,
        edge=EDGE,
        version=version,
        at_us=time.time_ns() // 1_000,
        devices=[
            DesiredDevice(device=device, profile=profile.name, profile_hash=profile_hash(profile))
            for device, profile in chosen.items()
        ],
        profiles={profile_hash(profile): profile_table(profile) for profile in chosen.values()},
    )
    return made if not changes else replace_struct(made, **changes)


def replace_struct(made: DesiredConfig, **changes: Any) -> DesiredConfig:

    return msgspec.structs.replace(made, **changes)


class Centre:
    """A gateway that only configures: retained `config/desired` out, every `config/reported` in."""

    def __init__(self, broker: str) -> None:
        self.reports: list[ReportedConfig] = []
        self._url = parse_broker_url(broker)
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)

    async def __aenter__(self) -> Self:
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()
        reported = edge_topic(SITE_ID, EDGE, Leaf.CONFIG_REPORTED)
        self._client.on_connect = lambda client, *_: client.subscribe(reported, 1)

        def on_subscribe(*_: object) -> None:
            loop.call_soon_threadsafe(ready.set_result, None)

        def on_message(_client: object, _data: object, message: paho.MQTTMessage) -> None:
            loop.call_soon_threadsafe(self.reports.append, decode_reported(bytes(message.payload)))

        self._client.on_subscribe = on_subscribe
        self._client.on_message = on_message
        self._client.connect(self._url.host, self._url.port, 10)
        self._client.loop_start()
        async with asyncio.timeout(PATIENCE_S):
            await ready
        return self

    async def __aexit__(self, *_: object) -> None:
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    def ask(self, asked: DesiredConfig | bytes) -> None:
        """Say what the devices should be."""
        payload = asked if isinstance(asked, bytes) else encode_desired(asked)
        self._client.publish(edge_topic(SITE_ID, EDGE, Leaf.CONFIG_DESIRED), payload, qos=1, retain=True)

    async def hears(self, condition: Callable[[ReportedConfig], bool]) -> ReportedConfig:
        """Wait for a report that fulfils the condition, and return it."""
        return await until_report(lambda: next((one for one in reversed(self.reports) if condition(one)), None))


async def until_report(find: Callable[[], ReportedConfig | None]) -> ReportedConfig:
    async with asyncio.timeout(PATIENCE_S):
        while (found := find()) is None:  # noqa: ASYNC110 - a condition, not an event
            await asyncio.sleep(0.01)
    return found


def row(report: ReportedConfig, device: str) -> ReportedDevice:
    return next(one for one in report.devices if one.device == device)


def states(report: ReportedConfig) -> dict[str, str]:
    return {one.device: one.state for one in report.devices}


def settled(report: ReportedConfig, version: int) -> bool:
    """Whether this version is in force and no device is on its way any more."""
    return report.version == version and all(one.state != "waiting" for one in report.devices)
