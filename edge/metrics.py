"""The edge's figures for Prometheus, on this machine only.

A scrape shows the counters that the daemon keeps anyway (`EdgeStats`); nothing is counted here. Labels are bounded by
the site file: devices, their antennas, and the few words for a state. No EPC is ever a label or a value.

The server's thread asks the event loop for one consistent copy, so that no figure is read while it changes. It binds
127.0.0.1: the figures tell how much a store sells. Who wants them elsewhere scrapes from the box.
"""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError
from dataclasses import asdict
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from edge.errors import ConfigError
from edge.state import EdgeStats

ADDRESS: Final = "127.0.0.1"
PREFIX: Final = "lastunit_edge"
SCRAPE_S: Final = 5.0
"""A loop that does not answer in this time is not well; the scrape fails, and that shows."""

_GAUGES_OF_OUTBOX: Final = frozenset({"rows", "size_bytes"})
_ENDS: Final = "certificate_not_after_us"
_MEANING: Final = {
    "pipeline": "since the start",
    "intake": "between window and outbox, since the start",
    "outbox": "since the outbox's file began",
    "delivery": "since the start",
    "uplink": "since the start",
}


class EdgeCollector(Collector):
    """Makes metrics of one `EdgeStats` at each scrape."""

    def __init__(self, stats: Callable[[], EdgeStats]) -> None:
        self._stats = stats

    def describe(self) -> Iterable[Metric]:
        """Nothing before the first scrape: registering must not ask the event loop."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Return every metric."""
        stats = self._stats()
        yield InfoMetricFamily(
            PREFIX,
            "Which edge this is.",
            {
                "site": stats.site,
                "edge": stats.edge,
                "version": stats.version,
                "config_hash": stats.config_hash,
            },
        )
        yield from _gauges(stats)
        for part, figures in (
            ("pipeline", stats.pipeline),
            ("intake", stats.intake),
            ("outbox", stats.outbox),
            ("delivery", stats.delivery),
            ("uplink", stats.uplink),
        ):
            for name, value in asdict(figures).items():
                if name == _ENDS or (part == "outbox" and name in _GAUGES_OF_OUTBOX):
                    continue
                title = f"{name.replace('_', ' ').capitalize()} of the {part}, {_MEANING[part]}."
                yield CounterMetricFamily(f"{PREFIX}_{part}_{name}", title, value=value)
        yield from _device_metrics(stats)


def _gauges(stats: EdgeStats) -> Iterable[Metric]:
    for name, text, value in (
        ("started_timestamp_seconds", "When the daemon started, Unix time.", stats.started_us / 1e6),
        ("broker_connected", "Whether the broker accepted us and our subscriptions.", float(stats.connected)),
        (
            "waiting_rows",
            "Rows that the gateway has not acknowledged, those before the disk included.",
            stats.waiting_rows,
        ),
        ("outbox_rows", "Rows in the outbox.", stats.outbox.rows),
        ("outbox_size_bytes", "Bytes in the outbox, as its cap counts them.", stats.outbox.size_bytes),
        ("outbox_oldest_seconds", "Age of the oldest row.", stats.outbox_oldest_s),
        ("disk_refuses", "Whether the disk took no rows at the last try.", float(stats.disk != "ok")),
    ):
        yield GaugeMetricFamily(f"{PREFIX}_{name}", text, value=value)
    ends_us = stats.uplink.certificate_not_after_us
    if ends_us is not None:
        text = "When our certificate at the broker ends, Unix time."
        yield GaugeMetricFamily(f"{PREFIX}_certificate_not_after_timestamp_seconds", text, value=ends_us / 1e6)


def _device_metrics(stats: EdgeStats) -> Iterable[Metric]:
    device = ("device",)
    state = GaugeMetricFamily(
        f"{PREFIX}_device_state", "1 for the state that it is in.", labels=("device", "driver", "state")
    )
    since = GaugeMetricFamily(f"{PREFIX}_device_since_timestamp_seconds", "Since when, Unix time.", labels=device)
    reads = CounterMetricFamily(f"{PREFIX}_device_reads", "Tag reads or scans that it gave.", labels=device)
    errors = CounterMetricFamily(f"{PREFIX}_device_errors", "Failures, and messages that made no sense.", labels=device)
    heat = GaugeMetricFamily(f"{PREFIX}_device_temperature_celsius", "Where it tells it.", labels=device)
    offset = GaugeMetricFamily(f"{PREFIX}_device_clock_offset_seconds", "Added to its times.", labels=device)
    antenna = GaugeMetricFamily(
        f"{PREFIX}_antenna_state", "1 for the state that it is in.", labels=("device", "port", "state")
    )
    rate = GaugeMetricFamily(
        f"{PREFIX}_antenna_reads_per_minute", "Tag reads in a minute of inventory.", labels=("device", "port")
    )
    for one in stats.devices:
        state.add_metric((one.device, one.driver, one.state), 1)
        since.add_metric((one.device,), one.since_us / 1e6)
        reads.add_metric((one.device,), one.reads)
        errors.add_metric((one.device,), one.errors)
        if one.temperature_c is not None:
            heat.add_metric((one.device,), one.temperature_c)
        if one.clock_offset_ms is not None:
            offset.add_metric((one.device,), one.clock_offset_ms / 1e3)
        for own in one.antennas:
            antenna.add_metric((one.device, str(own.port), own.state), 1)
            rate.add_metric((one.device, str(own.port)), own.reads_per_min)
    return state, since, reads, errors, heat, offset, antenna, rate


class MetricsServer:
    """`http://127.0.0.1:PORT/metrics`. Raises `ConfigError` when the port cannot be had. Needs a running loop."""

    def __init__(self, port: int, stats: Callable[[], EdgeStats]) -> None:
        registry = CollectorRegistry()
        registry.register(EdgeCollector(_from_loop(asyncio.get_running_loop(), stats)))
        ProcessCollector(registry=registry)
        try:
            self._server, self._thread = start_http_server(port, ADDRESS, registry)
        except OSError as error:
            raise ConfigError(f"metrics port {port}: {error.strerror}: choose another one (--metrics-port)") from error
        self.port: int = self._server.server_port

    async def stop(self) -> None:
        """End the server and its thread; a scrape that runs is still answered by the loop."""
        await asyncio.to_thread(self._server.shutdown)
        self._server.server_close()
        await asyncio.to_thread(self._thread.join)


def _from_loop(loop: asyncio.AbstractEventLoop, stats: Callable[[], EdgeStats]) -> Callable[[], EdgeStats]:
    """Return a function for another thread that gets the figures from the loop's. Raises `TimeoutError`."""

    async def taken() -> EdgeStats:
        return stats()

    def ask() -> EdgeStats:
        future = asyncio.run_coroutine_threadsafe(taken(), loop)
        try:
            return future.result(SCRAPE_S)
        except CancelledError as error:
            raise TimeoutError("the daemon is stopping") from error

    return ask
