"""What the service manager hears of a gateway: over a real notification socket, as systemd opens it."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.service_manager import STATUS_MAX_CHARS, ServiceManager, answers, keep_status, keep_watchdog
from gateway.storage.engine import Database
from tests.gateway.small_store import SITE_FILE
from tests.gateway.wait import until
from tests.servers.mosquitto import Mosquitto

ROOT = Path(__file__).parents[2]


class Ear:
    """Systemd's end of the socket."""

    def __init__(self, address: Path) -> None:
        self.heard: list[str] = []
        self.address = str(address)
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._sock.bind(self.address)

    def listen(self) -> list[str]:
        """Return all that came so far."""
        while True:
            try:
                self.heard.append(self._sock.recv(4_096).decode())
            except BlockingIOError:
                return self.heard

    def close(self) -> None:
        self._sock.close()


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    made = Ear(tmp_path / "notify")
    yield made
    made.close()


def test_what_the_environment_says() -> None:
    assert ServiceManager.of({}, 7) == ServiceManager()
    told = {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "30000000"}
    assert ServiceManager.of(told, 7) == ServiceManager("/run/notify", 30.0)
    assert ServiceManager.of({**told, "WATCHDOG_PID": "7"}, 7).period_s == 12.0
    assert ServiceManager.of({**told, "WATCHDOG_PID": "8"}, 7).period_s is None, "meant for another process"
    for usec in ("", "0", "-5", "soon", "٣"):
        assert ServiceManager.of({**told, "WATCHDOG_USEC": usec}, 7).watchdog_s is None
    assert ServiceManager.of({**told, "NOTIFY_SOCKET": "vsock:2:1"}, 7) == ServiceManager()


async def test_each_word_is_one_datagram_and_nobody_there_is_no_failure(ear: Ear, tmp_path: Path) -> None:
    manager = ServiceManager(ear.address)
    manager.say("READY=1")
    manager.status("two lines\nbecome one\nREADY=1")
    manager.status("x" * 1_000)
    assert ear.listen() == ["READY=1", "STATUS=two lines become one READY=1", "STATUS=" + "x" * STATUS_MAX_CHARS]
    ServiceManager().say("READY=1")
    ServiceManager(str(tmp_path / "gone")).say("READY=1")
    async with asyncio.timeout(5):  # nobody listens, nobody watches: both end at once
        await keep_status(ServiceManager(), lambda: "well")
        await keep_watchdog(ServiceManager(ear.address), lambda _: asyncio.sleep(0, True))


async def test_a_writer_that_hangs_starves_the_watchdog_and_an_error_does_not(ear: Ear, database: Database) -> None:
    assert await answers(database, 20)
    if database.is_sqlite:  # one writer at a time: a transaction that never ends is all that it takes
        async with database.write() as connection:
            await connection.execute(text("SELECT 1"))
            feeding = asyncio.create_task(
                keep_watchdog(ServiceManager(ear.address, 0.125), lambda within_s: answers(database, within_s))
            )
            await asyncio.sleep(0.5)
            assert ear.listen() == []
        await until(lambda: len(ear.listen()) >= 2)
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    assert await answers(away, 20)
    await away.close()


def started(command: list[str], folder: Path, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)


async def test_a_gateway_says_ready_how_it_is_alive_and_stopping(ear: Ear, tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE_FILE)
    with Mosquitto(tmp_path) as broker:
        command = [sys.executable, "-m", "lastunit", "gateway", "--site", "site.yaml", "--port", "0"]
        environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "NOTIFY_SOCKET": ear.address,
            "WATCHDOG_USEC": "1000000",
            "LASTUNIT_GATEWAY_BROKER_URL": broker.url,
        }
        process = started(command, tmp_path, environment)
        try:
            await until(lambda: "WATCHDOG=1" in ear.listen() or process.poll() is not None, 60)
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert ear.heard[0] == "READY=1"
            assert [word for word in ear.heard if word.startswith("STATUS=1 sites, ")]
        finally:
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 60) == 0
        assert ear.listen()[-1] == "STOPPING=1"
        assert "WATCHDOG_USEC" not in (tmp_path / "log").read_text()
