"""From an empty directory to a device that publishes, in three commands; and out again by one.

Everything as an operator runs it: the commands, the gateway and the edge as processes, Mosquitto on the files that were
written, a reader that speaks LLRP. The only thing that the test does in a systemd unit's place is the SIGHUP after the
gateway wrote a new ACL (`deploy/systemd`).
"""

import asyncio
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest_asyncio
import yaml

from simulator.reader.live_store import LiveStore
from simulator.store import Store
from tests.servers.mosquitto import BINARY, free_port
from wire.site_file import parse_site

WAIT_S: Final = 90.0
REPOSITORY: Final = Path(__file__).parents[2]
SITE_YAML: Final = """
site: store-1
zones: [{id: BACK, kind: back_room}, {id: FLOOR, kind: sales_floor}]
passages: [[BACK, FLOOR]]
devices:
  - id: R1
    driver: llrp
    address: "127.0.0.1:5084"
    edge: box-1
    antennas: [{port: 1, zone: BACK}, {port: 2, zone: FLOOR}]
"""
ENV: Final = os.environ | {"PYTHONPATH": str(REPOSITORY)}


def run(folder: Path, *words: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "lastunit", *words]
    done = subprocess.run(command, cwd=folder, env=ENV, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def until(done: Callable[[], bool], what: Callable[[], str]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not done():
        assert time.monotonic() < deadline, what()
        time.sleep(0.05)


@contextmanager
def process(folder: Path, log: str, *command: str) -> Iterator["subprocess.Popen[bytes]"]:
    with (folder / log).open("ab") as file:
        running = subprocess.Popen(command, cwd=folder, env=ENV, stdout=file, stderr=file)
    try:
        yield running
    finally:
        running.kill()
        running.wait(10)


class Shop:
    """A gateway's machine in one directory, a box in another."""

    def __init__(self, folder: Path, site_yaml: str) -> None:
        self.office, self.box = folder / "office", folder / "box"
        self.office.mkdir()
        self.box.mkdir()
        self.port, self.http_port = free_port(), free_port()
        for place in (self.office, self.box):
            (place / "store-1.yaml").write_text(site_yaml)
        (self.office / "data").mkdir()
        (self.office / "gateway.yaml").write_text(
            f"sites: [store-1.yaml]\ndatabase_url: sqlite:///{self.office}/lastunit.db\n"
            f"http_port: {self.http_port}\nkeep_log: true\n"
            f"broker_url: mqtts://localhost:{self.port}\nbroker_public_url: mqtts://localhost:{self.port}\n"
            "broker_ca_file: ca/ca.pem\nbroker_cert_file: ca/gateway/main.pem\n"
            "ca_dir: ca\nbroker_files_dir: broker\n"
        )

    def set_up(self) -> None:
        run(self.office, "ca", "init", "ca", "--broker-name", "localhost")
        run(self.office, "gateway", "migrate", "--config", "gateway.yaml")
        place = ("--address", "127.0.0.1", "--port", str(self.port), "--user", "root")
        files = ("ca", "broker", "ca", "--out", "broker", "--data", str(self.office / "data"))
        run(self.office, *files, *place, "--config", "gateway.yaml")

    def said(self, log: str) -> str:
        path = (self.box if log == "edge.log" else self.office) / log
        return path.read_text(errors="replace")[-4_000:] if path.exists() else ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    def new_code(self) -> str:
        words = ("ca", "code", "--site", "store-1", "--edge", "box-1", "--config", "gateway.yaml")
        return run(self.office, *words).stdout.strip()

    def batches(self) -> int:
        with sqlite3.connect(f"file:{self.office}/lastunit.db?mode=ro", uri=True) as database:
            return int(database.execute("SELECT count(*) FROM site_input WHERE kind = 'data'").fetchone()[0])

    def certificates(self) -> list[dict[str, Any]]:
        words = ("ca", "list", "--all", "--json", "--config", "gateway.yaml")
        return [json.loads(line) for line in run(self.office, *words).stdout.splitlines()]

    @contextmanager
    def broker(self) -> Iterator["subprocess.Popen[bytes]"]:
        with process(self.office, "mosquitto.log", BINARY, "-c", "broker/mosquitto.conf") as running:
            until(lambda: " running" in self.said("mosquitto.log"), lambda: self.said("mosquitto.log"))
            yield running

    @contextmanager
    def gateway(self) -> Iterator[None]:
        command = (sys.executable, "-m", "lastunit", "gateway", "--config", "gateway.yaml")
        with process(self.office, "gateway.log", *command):
            until(lambda: "broker_connected" in self.said("gateway.log"), lambda: self.said("gateway.log"))
            until(self._answers, lambda: self.said("gateway.log"))
            yield

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.http_port)) == 0


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """A shop whose reader lives while the test runs in a thread."""
    site = parse_site(SITE_YAML, "store-1.yaml")
    async with LiveStore(site, Store(site, "easy", seed=3, busy=2, haste=4)) as live:
        told = yaml.safe_load(SITE_YAML)
        for device in told["devices"]:
            device["address"] = next(one.address for one in live.site.devices if one.id == device["id"])
        living = asyncio.create_task(live.run())
        yield Shop(tmp_path, yaml.safe_dump(told))
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)


async def test_three_commands_from_an_empty_directory_to_a_device_that_publishes(shop: Shop) -> None:
    await asyncio.to_thread(_in_and_out, shop)


def _in_and_out(shop: Shop) -> None:
    shop.set_up()
    acl = shop.office / "broker" / "acl"
    assert "store-1/box-1" not in acl.read_text()
    with shop.broker() as broker, shop.gateway():
        code = shop.new_code()  # 1: at the gateway
        run(shop.box, "enroll", shop.url, "--code", code, "--out", "identity")  # 2: at the box
        until(lambda: "store-1/box-1" in acl.read_text(), lambda: shop.said("gateway.log"))
        broker.send_signal(signal.SIGHUP)
        command = (sys.executable, "-m", "lastunit", "edge", "--site", "store-1.yaml", "--identity", "identity")
        with process(shop.box, "edge.log", *command):  # 3: at the box
            until(lambda: shop.batches() > 0, lambda: shop.said("edge.log") + shop.said("mosquitto.log"))

            refused = run(shop.box, "enroll", shop.url, "--code", code, "--out", "thief", code=2)
            assert "this code does not enrol" in refused.stderr
            assert not (shop.box / "thief" / "edge.pem").exists()
            before = (shop.box / "identity" / "edge.pem").read_bytes()
            assert run(shop.box, "enroll", shop.url, "--renew", "--out", "identity").stdout == ""  # not due yet
            run(shop.box, "enroll", shop.url, "--renew", "--now", "--out", "identity")
            assert (shop.box / "identity" / "edge.pem").read_bytes() != before
            mine = [one for one in shop.certificates() if one["kind"] == "edge"]
            assert [one["state"] for one in mine] == ["good", "replaced"]

            run(shop.office, "ca", "revoke", "--edge", "store-1/box-1", "--config", "gateway.yaml")
            until(lambda: "store-1/box-1" not in acl.read_text(), lambda: shop.said("gateway.log"))
            broker.send_signal(signal.SIGHUP)
            until(lambda: "Not authorized" in shop.said("edge.log"), lambda: shop.said("edge.log"))
        refused = run(shop.box, "enroll", shop.url, "--renew", "--now", "--out", "identity", code=2)
        assert "revoked" in refused.stderr
        assert {one["state"] for one in shop.certificates() if one["kind"] == "edge"} == {"revoked"}
        everything = "".join(shop.said(log) for log in ("gateway.log", "edge.log", "mosquitto.log"))
        everything += (shop.office / "gateway.log").read_text() + (shop.box / "edge.log").read_text()
        assert code[10:] not in everything
        assert "PRIVATE KEY" not in everything
