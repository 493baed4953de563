"""The edge as a service: from options to a running daemon, until a signal ends it.

Beside the daemon run what watches it: the service manager's watchdog and status (`edge.watchdog`), and the metrics
(`edge.metrics`). The first signal stops politely; a second one does not wait (`watch_signals`).
"""

import asyncio
import random
import signal
import time
from typing import TYPE_CHECKING, Final

from edge.config import EdgeConfig, SiteOfEdge, read_site
from edge.daemon import EdgeDaemon
from edge.drivers import build_driver
from edge.drivers.port import Driver, Host
from edge.errors import ConfigError
from edge.limits import STATUS_S
from edge.log import configure_json_logs, get_log
from edge.state import one_line
from edge.uplink.broker_url import check_not_open, parse_broker_url
from edge.uplink.mqtt import MqttUplink
from edge.watchdog import ServiceManager, keep_watchdog, service_manager

if TYPE_CHECKING:
    from edge.metrics import MetricsServer

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
    try:
        is_the_site_file = config.outbox.exists() and config.outbox.samefile(config.site_file)
    except OSError as error:
        raise ConfigError(f"--outbox {config.outbox}: {error.strerror}") from error
    if is_the_site_file:
        raise ConfigError(f"--outbox {config.outbox} is the site file itself: choose another path")
    broker = parse_broker_url(config.broker)
    log = get_log()
    if config.insecure_dev:
        log.warning("insecure_dev", says="open brokers and well-known passwords are taken: never in a store")
    elif warning := check_not_open(broker, config.credentials):
        log.warning("broker_not_safe", broker=str(broker), says=warning, mend="docs/identity.md: mutual TLS")
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
        version=config.version,
        say_lost_outbox=True,
    )


async def serve(daemon: EdgeDaemon, *, metrics_port: int | None = None, manager: ServiceManager | None = None) -> None:
    """Run a daemon until SIGTERM or SIGINT.

    Raises the error that ended it otherwise; `ConfigError` when the metrics' port cannot be had.
    """
    manager = manager or ServiceManager()
    stopping = watch_signals()
    metrics: MetricsServer | None = None
    beside: list[asyncio.Task[None]] = []
    try:
        await daemon.start()
        metrics = _open_metrics(metrics_port, daemon)
        manager.ready()
        beside += [
            asyncio.create_task(keep_watchdog(manager, daemon.works), name="watchdog"),
            asyncio.create_task(_tell_status(manager, daemon), name="status"),
        ]
        waiting = asyncio.create_task(daemon.wait())
        signalled = asyncio.create_task(stopping.wait())
        beside += [waiting, signalled]  # type: ignore[list-item]  # only to be cancelled
        done, _ = await asyncio.wait({waiting, signalled}, return_when=asyncio.FIRST_COMPLETED)
        if waiting in done:
            waiting.result()
    finally:
        manager.stopping()
        if metrics is not None:
            await metrics.stop()
        await daemon.stop()
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)  # the daemon's error was raised above


def _open_metrics(port: int | None, daemon: EdgeDaemon) -> "MetricsServer | None":
    if port is None:
        return None
    from edge.metrics import MetricsServer  # noqa: PLC0415 - Prometheus' client costs memory that few need

    server = MetricsServer(port, daemon.stats)
    get_log().info("metrics", url=f"http://127.0.0.1:{server.port}/metrics")
    return server


async def _tell_status(manager: ServiceManager, daemon: EdgeDaemon) -> None:
    """Keep the line of `systemctl status` true, until cancelled."""
    while manager.address:
        manager.status(one_line(daemon.stats()))
        await asyncio.sleep(STATUS_S)


def watch_signals() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set. A second signal ends the process at once. Needs a running loop.

    That is safe: what was accepted is on the disk, and a kill loses nothing of it.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        stopping.set()
        for number in SIGNALS:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in SIGNALS:
        loop.add_signal_handler(number, stop)
    return stopping


def run_edge(config: EdgeConfig) -> None:
    """Run `lastunit edge` until a signal ends it.

    Raises:
        ConfigError, SiteFileError: an option or a file must be mended.
        OutboxError: the outbox cannot be used.
    """
    configure_json_logs(config.log_level)
    daemon = build_daemon(config, system_host())
    asyncio.run(serve(daemon, metrics_port=config.metrics_port, manager=service_manager()))
