"""The edge as a service: from options to a running daemon, until a signal ends it."""

import asyncio
import random
import signal
import time
from contextlib import suppress
from typing import Final

from edge.config import EdgeConfig, SiteOfEdge, read_site
from edge.daemon import EdgeDaemon
from edge.drivers import build_driver
from edge.drivers.port import Driver, Host
from edge.errors import ConfigError
from edge.log import configure_json_logs, get_log
from edge.uplink.broker_url import parse_broker_url
from edge.uplink.mqtt import MqttUplink

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def system_host() -> Host:
    """Return this machine's clocks and a seed of its own."""
    return Host(wall_us=lambda: time.time_ns() // 1_000, monotonic_s=time.monotonic, rng=random.Random())


def build_drivers(chosen: SiteOfEdge, host: Host) -> dict[str, Driver]:
    """Build the drivers of an edge's devices. Raises `ConfigError` that names the file and the device to mend."""
    drivers: dict[str, Driver] = {}
    for device in chosen.site.devices_of(chosen.edge):
        try:
            drivers[device.id] = build_driver(device, chosen.site, host)
        except ValueError as error:
            raise ConfigError(f"{chosen.file}: {error}") from error
    return drivers


def build_daemon(config: EdgeConfig, host: Host) -> EdgeDaemon:
    """Compose the daemon of the command. Raises `ConfigError`, `SiteFileError` or `OutboxError` before it runs."""
    chosen = read_site(config.site_file, config.edge)
    if config.outbox.exists() and config.outbox.samefile(config.site_file):
        raise ConfigError(f"--outbox {config.outbox} is the site file itself: choose another path")
    broker = parse_broker_url(config.broker)
    log = get_log()
    return EdgeDaemon(
        chosen.site,
        chosen.edge,
        drivers=build_drivers(chosen, host),
        uplink=lambda site, edge: MqttUplink(broker, site, edge, host, credentials=config.credentials, log=log),
        outbox_path=config.outbox,
        outbox_limits=config.outbox_limits(),
        host=host,
        log=log,
        config_hash=chosen.config_hash,
        say_lost_outbox=True,
    )


async def serve(daemon: EdgeDaemon) -> None:
    """Run a daemon until SIGTERM or SIGINT. Raises the error that ended it otherwise."""
    stopping = watch_signals()
    await daemon.start()
    waiting = asyncio.create_task(daemon.wait())
    signalled = asyncio.create_task(stopping.wait())
    try:
        done, _ = await asyncio.wait({waiting, signalled}, return_when=asyncio.FIRST_COMPLETED)
        if waiting in done:
            waiting.result()
    finally:
        signalled.cancel()
        await daemon.stop()
        waiting.cancel()
        with suppress(asyncio.CancelledError, Exception):  # its error was raised above
            await waiting


def watch_signals() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set. Needs a running loop."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stopping.set)
    return stopping


def run_edge(config: EdgeConfig) -> None:
    """Run `lastunit edge` until a signal ends it.

    Raises:
        ConfigError, SiteFileError: an option or a file must be mended.
        OutboxError: the outbox cannot be used.
    """
    configure_json_logs(config.log_level)
    daemon = build_daemon(config, system_host())
    asyncio.run(serve(daemon))
