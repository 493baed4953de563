"""`lastunit edge` as a store runs it: how much of a core it takes, and how much memory, at 1,000 tag reads a second.

The command in a process of its own, four simulated readers of four antennas (real LLRP, 250 tag reads a second each,
2,000 tags in the store), a real Mosquitto, and a gateway that acknowledges every batch. Measured over `SECONDS` after
the start, from /proc: CPU time of all its threads, and its resident memory at the peak. Every tag read must arrive. The
peer is sllurp 3.0.5 in a process of its own at the same readers: it decodes and counts, nothing more.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from bench._llrp_feeder import EPC_HEAD
from simulator.reader.persona import load_persona
from simulator.reader.server import ReaderServer
from simulator.reader.sighting import Sighting
from tests.edge.gateway_half import GatewayHalf
from tests.servers.mosquitto import BINARY, Mosquitto
from wire.messages import ReadBatch, decode_durable, encode_json
from wire.topics import Leaf, edge_topic

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

READERS: Final = 4
PORTS: Final = 4
READS_PER_S: Final = 1_000
TAGS: Final = 2_000
BEAT_S: Final = 0.02
WARM_UP_S: Final = 5.0
SECONDS: Final = 20.0
_START_S: Final = 60.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_SITE: Final = """
site: store-1
name: Main Street
timezone: Europe/Berlin
company_prefixes: ["0614141"]
zones: [{id: FLOOR, kind: sales_floor}]
devices:
"""


class _Gateway:
    """Acknowledges what it hears."""

    def __init__(self, port: int) -> None:
        self.half = GatewayHalf()
        self._ack = edge_topic("store-1", "edge-1", Leaf.ACK)
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe(edge_topic("store-1", "edge-1", Leaf.DATA), 1)
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port, 10)
        self._client.loop_start()

    def _take(self, client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        client.publish(self._ack, encode_json(self.half.receive(bytes(message.payload))), qos=1)

    def reads(self) -> int:
        """Tag reads that arrived."""
        found = (decode_durable(body) for body in list(self.half.working.log))
        return sum(int(one.observations().count.sum()) for one in found if isinstance(one, ReadBatch))

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class _Store:
    """The readers, and tags that they see in turn at an even pace."""

    def __init__(self, readers: list[ReaderServer]) -> None:
        self._readers = readers
        self._rng = random.Random(1)
        self._epcs = [EPC_HEAD + serial.to_bytes(4) for serial in range(TAGS)]
        self.fed = 0

    async def live(self) -> None:
        next_s = time.monotonic()
        while True:
            for reader in self._readers:
                seen = [self._sighting(reader) for _ in range(round(READS_PER_S * BEAT_S / READERS))]
                reader.feed(seen)
                self.fed += len(seen)
            next_s += BEAT_S
            await asyncio.sleep(max(0.0, next_s - time.monotonic()))

    def _sighting(self, reader: ReaderServer) -> Sighting:
        rng = self._rng
        return Sighting(rng.choice(self._epcs), 96, rng.randint(1, PORTS), -4_000 - rng.randrange(3_000), _now(reader))


def _now(reader: ReaderServer) -> int:
    return reader.clock.now_us()


def _site_file(folder: Path, readers: list[ReaderServer]) -> Path:
    antennas = ", ".join(f"{{port: {port}, zone: FLOOR}}" for port in range(1, PORTS + 1))
    devices = "".join(
        f"  - {{id: R{number}, driver: llrp, address: '{reader.address}', edge: edge-1, antennas: [{antennas}]}}\n"
        for number, reader in enumerate(readers, 1)
    )
    path = folder / "site.yaml"
    path.write_text(_SITE + devices)
    return path


def _cpu_s(pid: int) -> float:
    """CPU seconds of a process and all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _memory_mb(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1_024
    raise RuntimeError(f"/proc/{pid}/status has no {name}")


@asynccontextmanager
async def _process(command: list[str]) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def _measure(process: Process, readers: list[ReaderServer], store: _Store) -> dict[str, float]:
    """Let the store live once all readers are inventoried; return share of a core, peak memory, reads fed."""
    for reader in readers:
        await reader.until(lambda reader=reader: reader.looking is not None, timeout_s=_START_S)  # type: ignore[misc]
    living = asyncio.create_task(store.live())
    try:
        await asyncio.sleep(WARM_UP_S)
        start_s, cpu_s, fed = time.monotonic(), _cpu_s(process.pid), store.fed
        await asyncio.sleep(SECONDS)
        wall_s, cpu_s, fed = time.monotonic() - start_s, _cpu_s(process.pid) - cpu_s, store.fed - fed
    finally:
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
    return {"core_percent": 100 * cpu_s / wall_s, "rss_peak_mb": _memory_mb(process.pid, "VmHWM"), "rate": fed / wall_s}


async def _readers(stack: AsyncExitStack, answer_delay_s: float = 0.0) -> list[ReaderServer]:
    readers = []
    for number in range(READERS):
        reader = await stack.enter_async_context(ReaderServer(f"R{number}", load_persona("impinj-r420-like")))
        reader.faults.answer_delay_s = answer_delay_s
        readers.append(reader)
    return readers


async def _ours(folder: Path) -> dict[str, float]:
    async with AsyncExitStack() as stack:
        readers = await _readers(stack)
        broker = stack.enter_context(Mosquitto(folder, options=("persistence false",)))
        gateway = _Gateway(broker.port)
        stack.callback(gateway.close)
        arguments = ["--site", str(_site_file(folder, readers)), "--outbox", str(folder / "outbox.db")]
        command = ["-m", "lastunit", "edge", *arguments, "--broker", broker.url]
        process = await stack.enter_async_context(_process(command))
        store = _Store(readers)
        figures = await _measure(process, readers, store)
        await asyncio.sleep(3.0)
        reached, arrived = store.fed, gateway.reads()
        if arrived != reached:
            raise RuntimeError(f"{arrived} tag reads arrived at the gateway, the readers saw {reached}")
        return figures | {"arrived": arrived}


async def _sllurp() -> dict[str, float]:
    async with AsyncExitStack() as stack:
        readers = await _readers(stack, answer_delay_s=0.03)
        ports = [str(reader.port) for reader in readers]
        process = await stack.enter_async_context(_process(["-W", "ignore", "-m", "bench._sllurp_client", *ports]))
        store = _Store(readers)
        figures = await _measure(process, readers, store)
        await asyncio.sleep(1.0)
        said, _ = await process.communicate(b"")
        if int(said.split()[-1]) != store.fed:
            raise RuntimeError(f"sllurp said {said.decode()!r}, the readers saw {store.fed}")
        return figures


def run() -> dict[str, float | None]:
    """Measure, and return percent of a core and MB."""
    if not BINARY:
        return {"core_percent": None}
    with tempfile.TemporaryDirectory() as folder:
        ours = asyncio.run(_ours(Path(folder)))
    peer = asyncio.run(_sllurp()) if find_spec("sllurp") is not None else {}
    return {
        "tag_reads_per_s": round(ours["rate"]),
        "core_percent": round(ours["core_percent"], 1),
        "rss_peak_mb": round(ours["rss_peak_mb"], 1),
        "sllurp_core_percent": round(peer["core_percent"], 1) if peer else None,
        "sllurp_rss_peak_mb": round(peer["rss_peak_mb"], 1) if peer else None,
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
