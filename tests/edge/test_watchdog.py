"""What the service manager hears: over a real notification socket, as systemd opens it."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge.watchdog import STATUS_MAX_CHARS, ServiceManager, keep_watchdog
from tests.edge.uplink_sides import until

ROOT = Path(__file__).parents[2]
SITE_YAML = """
site: store-1
zones: [{id: FLOOR, kind: sales_floor}]
devices:
  - {id: R1, driver: llrp, address: "127.0.0.1:9", edge: edge-1, antennas: [{port: 1, zone: FLOOR}]}
"""


class Ear:
    """Systemd's end of the socket."""

    def __init__(self, address: str) -> None:
        self.heard: list[str] = []
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._sock.bind("\0" + address[1:] if address.startswith("@") else address)

    def listen(self) -> list[str]:
        """Return all that came so far."""
        while True:
            try:
                self.heard.append(self._sock.recv(4_096).decode())
            except BlockingIOError:
                return self.heard

    def close(self) -> None:
        self._sock.close()


@asynccontextmanager
async def ear_at(address: str) -> AsyncIterator[Ear]:
    ear = Ear(address)
    try:
        yield ear
    finally:
        ear.close()


@pytest.mark.parametrize("kind", ["file", "abstract"])
async def test_each_word_is_one_datagram(tmp_path: Path, kind: str) -> None:
    address = str(tmp_path / "notify") if kind == "file" else f"@lastunit-test-{os.getpid()}"
    async with ear_at(address) as ear:
        manager = ServiceManager.of({"NOTIFY_SOCKET": address}, 1)
        manager.ready()
        manager.alive()
        manager.status("two lines\nbecome one\nREADY=1")
        manager.status("x" * 1_000)
        manager.stopping()
        assert ear.listen() == [
            "READY=1",
            "WATCHDOG=1",
            "STATUS=two lines become one READY=1",
            "STATUS=" + "x" * STATUS_MAX_CHARS,
            "STOPPING=1",
        ]


def test_what_the_environment_says() -> None:
    assert ServiceManager.of({}, 7) == ServiceManager()
    told = {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "30000000"}
    assert ServiceManager.of(told, 7) == ServiceManager("/run/notify", 30.0)
    assert ServiceManager.of({**told, "WATCHDOG_PID": "7"}, 7).period_s == 12.0
    assert ServiceManager.of({**told, "WATCHDOG_PID": "8"}, 7).period_s is None, "meant for another process"
    for usec in ("", "0", "-5", "soon", "٣"):
        assert ServiceManager.of({**told, "WATCHDOG_USEC": usec}, 7).watchdog_s is None
    assert ServiceManager.of({**told, "NOTIFY_SOCKET": "vsock:2:1"}, 7) == ServiceManager()


def test_nobody_there_is_no_failure(tmp_path: Path) -> None:
    ServiceManager().ready()
    ServiceManager(str(tmp_path / "gone")).ready()


async def test_the_watchdog_is_fed_only_while_the_work_is_done(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    async with ear_at(address) as ear:
        works = True
        feeding = asyncio.create_task(keep_watchdog(ServiceManager(address, 0.05), lambda: works))
        await until(lambda: len(ear.listen()) >= 3, "three meals")
        works = False
        await asyncio.sleep(0)
        fed = len(ear.listen())
        await asyncio.sleep(0.25)
        assert len(ear.listen()) == fed
        works = True
        await until(lambda: len(ear.listen()) > fed, "another meal")
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        await asyncio.wait_for(keep_watchdog(ServiceManager(address), lambda: True), 5)  # no watchdog: ends at once


CHILD = """
import sys
from pathlib import Path
from edge.config import EdgeConfig
from edge.service import run_edge
run_edge(EdgeConfig(Path(sys.argv[1]), broker=sys.argv[2], outbox=Path(sys.argv[3])))
"""


async def test_a_service_says_ready_alive_and_stopping_also_when_its_broker_never_answers(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE_YAML)
    address = str(tmp_path / "notify")
    listener = socket.create_server(("127.0.0.1", 0))  # accepts by the kernel, and never says a word
    async with ear_at(address) as ear:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", CHILD, str(tmp_path / "site.yaml")),
            *(f"mqtt://127.0.0.1:{listener.getsockname()[1]}", str(tmp_path / "outbox.db")),
            stderr=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "NOTIFY_SOCKET": address, "WATCHDOG_USEC": "500000"},
        )
        try:
            await until(lambda: ear.listen().count("WATCHDOG=1") >= 3, "meals", 60)
            assert ear.heard[0] == "READY=1"
            assert any(word.startswith("STATUS=0 of 1 devices up, no broker, ") for word in ear.heard)
            process.send_signal(signal.SIGINT)
            _, errors = await asyncio.wait_for(process.communicate(), 30)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, errors.decode()
        assert "STOPPING=1" in ear.listen()
        assert b"Traceback" not in errors
    listener.close()
