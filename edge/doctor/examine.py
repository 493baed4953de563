"""The whole examination: the box, the broker, every device, side by side."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from edge.config import EdgeConfig, SiteOfEdge
from edge.doctor.box import check_clock, check_outbox, is_held
from edge.doctor.broker import check_broker
from edge.doctor.devices import check_device
from edge.doctor.finding import Finding, bad, well
from edge.drivers import build_driver
from edge.drivers.port import Host
from edge.uplink.broker_url import parse_broker_url
from wire.site import Device
from wire.topics import Leaf, edge_topic

AT_ONCE: Final = 16
"""Devices that are looked at side by side: a store's readers in one go, without a thousand sockets."""
DEVICE_S: Final = 45.0
"""No device takes longer than all its checks at their own limits; one that does is a finding."""


async def examine(
    chosen: SiteOfEdge, config: EdgeConfig, host: Host, progress: Callable[[str], None] = lambda _subject: None
) -> list[Finding]:
    """Return all findings: the box first, then the broker, then the devices in the site file's order.

    `progress` hears each subject when it is done. Raises `ConfigError` for a broker URL that is none.
    """
    broker = parse_broker_url(config.broker)
    runs = await asyncio.to_thread(is_held, config.outbox)
    findings = [check_clock(host.wall_us() / 1e6)]
    findings += await asyncio.to_thread(check_outbox, config.outbox, config.outbox_max_bytes)
    progress("box")
    topics = [edge_topic(chosen.site.id, chosen.edge, leaf) for leaf in (Leaf.ACK, Leaf.CMD)]
    client_id = f"lastunit-{chosen.site.id}-{chosen.edge}"
    if runs and broker.tls and config.credentials.cert_file is not None:
        # A broker that takes the certificate for the client would end the daemon's connection for ours.
        findings.append(
            well(
                "broker",
                "mqtt",
                f"not asked: the daemon runs, and holds the connection to {broker} by this certificate",
            )
        )
    else:
        findings += await check_broker("broker", broker, config.credentials, client_id, topics)
    progress("broker")
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(device: Device) -> list[Finding]:
        async with turns:
            found = await _device(device, chosen, host, daemon_runs=runs)
        progress(device.id)
        return found

    for found in await asyncio.gather(*(one(device) for device in chosen.site.devices_of(chosen.edge))):
        findings += found
    return findings


async def _device(device: Device, chosen: SiteOfEdge, host: Host, *, daemon_runs: bool) -> list[Finding]:
    began_s = time.monotonic()
    try:
        build_driver(device, chosen.site, host)
    except ValueError as error:
        return [bad(device.id, "settings", str(error), f"mend {chosen.file}")]
    try:
        async with asyncio.timeout(DEVICE_S):
            return await check_device(device, chosen.site, daemon_runs=daemon_runs)
    except TimeoutError:
        text = f"not done after {time.monotonic() - began_s:.0f} s"
        return [bad(device.id, "time", text, "it answers too slowly: is it overloaded, is the network?")]
    except Exception as error:  # noqa: BLE001 - what it stumbles over must not hide the other devices
        text = f"the look at it failed: {type(error).__name__}: {error}"
        return [bad(device.id, "look", text, f"check this device's settings in {chosen.file}")]
