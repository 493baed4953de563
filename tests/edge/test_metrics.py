"""The metrics, scraped from a running daemon over HTTP."""

import asyncio
import socket
import threading
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from edge.errors import ConfigError
from edge.metrics import MetricsServer
from tests.edge.fake_driver import tag_read
from tests.edge.test_daemon import open_shop
from tests.edge.uplink_sides import until

DOC = (Path(__file__).parents[2] / "docs" / "edge.md").read_text(encoding="utf-8")
Sample = tuple[str, tuple[tuple[str, str], ...]]


def _scraped(port: int) -> tuple[str, dict[Sample, float]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        text = answer.read().decode()
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    return text, samples


async def scrape(server: MetricsServer) -> tuple[str, dict[Sample, float]]:
    return await asyncio.to_thread(_scraped, server.port)


async def test_a_scrape_shows_the_counters_of_the_daemon(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        daemon = shop.daemon()
        await daemon.start()
        server = MetricsServer(0, daemon.stats)
        shop.read(count=30)
        await until(lambda: shop.gateway.observations() == 30, "all observations")
        _, samples = await scrape(server)
        assert samples["lastunit_edge_pipeline_reads_total", ()] == 30
        assert samples["lastunit_edge_outbox_accepted_observations_total", ()] == 30
        assert samples["lastunit_edge_broker_connected", ()] == 1
        labels = (("device", "R1"), ("driver", "llrp"), ("state", "up"))
        assert samples["lastunit_edge_device_state", labels] == 1
        info = (("config_hash", "abc"), ("edge", "edge-1"), ("site", "store-1"), ("version", ""))
        assert samples["lastunit_edge_info", info] == 1
        assert samples["process_resident_memory_bytes", ()] > 1e6
        await server.stop()
        await daemon.stop()


async def test_it_names_no_tag_and_grows_with_no_tag_port_or_stranger(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        daemon = shop.daemon()
        await daemon.start()
        server = MetricsServer(0, daemon.stats)
        _, before = await scrape(server)
        now_us = daemon._host.wall_us()
        for number in range(1, 300):
            epc = bytes.fromhex("3034257BF7194E40") + number.to_bytes(4)
            shop.drivers["R1"].push(tag_read(epc, port=number, at_us=now_us))
        daemon._pipeline.close()
        await until(lambda: shop.gateway.observations() >= 299, "all observations")
        text, after = await scrape(server)
        assert set(after) == set(before)
        assert "3034257bf7194e40" not in text.lower()
        await server.stop()
        await daemon.stop()


async def test_only_this_machine_may_ask_and_nothing_stays_after_the_stop(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        daemon = shop.daemon()
        await daemon.start()
        threads = set(threading.enumerate())
        server = MetricsServer(0, daemon.stats)
        with pytest.raises(ConfigError, match=f"metrics port {server.port}: Address already in use: choose another"):
            MetricsServer(server.port, daemon.stats)
        with pytest.raises(ConnectionRefusedError):  # loopback too, but not the address that it binds
            socket.create_connection(("127.0.0.2", server.port), timeout=5)
        await scrape(server)
        await server.stop()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port), timeout=5)
        await until(
            lambda: all(thread.name.startswith("asyncio_") for thread in set(threading.enumerate()) - threads),
            "its threads to end",
        )
        await daemon.stop()


async def test_every_metric_is_documented(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        daemon = shop.daemon()
        await daemon.start()
        server = MetricsServer(0, daemon.stats)
        text, _ = await scrape(server)
        await server.stop()
        await daemon.stop()
    families = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE lastunit_edge")}
    assert len(families) > 40
    assert [name for name in sorted(families) if f"`{name}`" not in DOC] == []
