"""The whole way of a tag read through an edge: LLRP bytes from a socket in, committed rows of the outbox out.

The real driver and daemon, a real socket, a real file synchronised at each commit; the uplink is away, so that nothing
else is measured. The reader is a process of its own. Counted is the CPU time of this process with all its threads, from
the first byte to the last commit; best of `ROUNDS`. `merged`: 500 tags at four antennas, so that a window holds many
reads of each. `distinct`: 20,000 tags, so that nearly every read is an observation of its own, the most work there is.
Company prefixes are filtered as in a store. The peer is sllurp 3.0.5 fed with the same bytes by the same reader: it
only decodes them and calls back; without it its figures are None.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from contextlib import asynccontextmanager, contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import structlog

from edge.daemon import EdgeDaemon
from edge.drivers import build_driver
from edge.service import system_host
from edge.uplink.memory import MemoryBroker, MemoryUplink
from wire.site import Antenna, Device, Driver, Site, Zone, ZoneKind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

READS: Final = 300_000
WARM_UP: Final = 20_000
ROUNDS: Final = 3
MERGED_TAGS, DISTINCT_TAGS = 500, 20_000
_PATIENCE_S: Final = 60.0


class _Reader:
    """The feeding process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in: IO[str] = process.stdin
        self._out: IO[str] = process.stdout
        self.port = int(self._out.readline())

    def burst(self, reads: int, tags: int) -> None:
        self._in.write(f"{reads} {tags}\n")
        self._in.flush()

    def sent(self) -> int:
        """Wait until a burst was made; return its bytes."""
        return int(self._out.readline())


@contextmanager
def _reader() -> Iterator[_Reader]:
    command = [sys.executable, "-m", "bench._llrp_feeder"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield _Reader(process)
        finally:
            process.kill()


def _site(port: int) -> Site:
    antennas = tuple(Antenna(number, "FLOOR") for number in range(1, 5))
    device = Device("R1", Driver.LLRP, f"127.0.0.1:{port}", "edge-1", "impinj-r420-stock", antennas=antennas)
    zones = (Zone("FLOOR", ZoneKind.SALES_FLOOR, True, "FLOOR"),)
    return Site("store-1", "Main Street", "UTC", zones, (), (device,), company_prefixes=("0614141",))


@asynccontextmanager
async def _edge(port: int, folder: Path) -> AsyncIterator[EdgeDaemon]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    host, site, broker = system_host(), _site(port), MemoryBroker()
    broker.crash()
    daemon = EdgeDaemon(
        site,
        "edge-1",
        drivers={"R1": build_driver(site.devices[0], site, host)},
        uplink=lambda name, edge: MemoryUplink(broker, name, edge, retry_s=_PATIENCE_S),
        outbox_path=folder / "outbox.db",
        host=host,
        log=structlog.get_logger(),
    )
    await daemon.start()
    try:
        yield daemon
    finally:
        await daemon.stop(drain_s=0.0)


async def _until_committed(daemon: EdgeDaemon, reads: int) -> None:
    """Wait until so many reads came in and no observation of them is outside the outbox's file."""
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            await asyncio.sleep(0.02)
            stats = daemon.stats()
            if stats.pipeline.reads < reads:
                continue
            await asyncio.sleep(1.1)  # the last window closes within a second
            stats = daemon.stats()
            if stats.outbox.accepted_observations == stats.pipeline.observations and not stats.intake.dropped_rows:
                return


async def _measure(reader: _Reader, tags: int) -> tuple[float, float]:
    """Return reads per second of CPU time, and reads for each observation."""
    best_s = float("inf")
    with tempfile.TemporaryDirectory() as folder:
        async with _edge(reader.port, Path(folder)) as daemon:
            await _one_burst(reader, daemon, WARM_UP, tags)
            before = daemon.stats().pipeline.observations
            for _ in range(ROUNDS):
                best_s = min(best_s, await _one_burst(reader, daemon, READS, tags))
            observations = daemon.stats().pipeline.observations - before
    return READS / best_s, ROUNDS * READS / observations


async def _one_burst(reader: _Reader, daemon: EdgeDaemon, reads: int, tags: int) -> float:
    """Return the CPU seconds of a burst."""
    wanted = daemon.stats().pipeline.reads + reads
    reader.burst(reads, tags)
    start_s = time.process_time()
    await asyncio.to_thread(reader.sent)
    await _until_committed(daemon, wanted)
    spent_s = time.process_time() - start_s
    if daemon.stats().pipeline.reads != wanted:
        raise RuntimeError(f"{daemon.stats().pipeline.reads} reads came, {wanted} were sent")
    return spent_s


def _sllurp(reader: _Reader) -> float | None:
    """Return reads per second of CPU time from sllurp's socket to its callback."""
    if find_spec("sllurp") is None:
        return None
    warnings.simplefilter("ignore", DeprecationWarning)
    peer: Any = import_module("sllurp.llrp")
    taken, wanted, done = 0, 0, threading.Event()

    def on_tags(_reader: object, tags: list[object]) -> None:
        nonlocal taken
        taken += len(tags)
        if taken >= wanted:
            done.set()

    settings = {"report_every_n_tags": 100, "antennas": [1, 2, 3, 4]}
    client = peer.LLRPReaderClient("127.0.0.1", reader.port, peer.LLRPReaderConfig(settings))
    client.add_tag_report_callback(on_tags)
    client.connect()
    best_s = float("inf")
    try:
        for reads in (WARM_UP, READS // 3, READS // 3):
            wanted, taken = reads, 0
            done.clear()
            reader.burst(reads, DISTINCT_TAGS)
            reader.sent()
            start_s = time.process_time()
            if not done.wait(_PATIENCE_S):
                raise RuntimeError(f"sllurp gave {taken} of {reads} reads")
            if reads != WARM_UP:
                best_s = min(best_s, time.process_time() - start_s)
    finally:
        client.disconnect(timeout=5)
        client.join(5)
    return READS // 3 / best_s


def run() -> dict[str, float | None]:
    """Measure, and return tag reads per second of CPU time."""
    with _reader() as reader:
        merged, merged_by = asyncio.run(_measure(reader, MERGED_TAGS))
    with _reader() as reader:
        distinct, distinct_by = asyncio.run(_measure(reader, DISTINCT_TAGS))
    with _reader() as reader:
        peer = _sllurp(reader)
    return {
        "merged_reads_per_s": round(merged),
        "merged_reads_per_observation": round(merged_by, 1),
        "distinct_reads_per_s": round(distinct),
        "distinct_reads_per_observation": round(distinct_by, 2),
        "sllurp_socket_to_callback_reads_per_s": None if peer is None else round(peer),
        "distinct_times_sllurp": None if peer is None else round(distinct / peer, 1),
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
