"""The server of time series is away: no point is lost, and no acknowledgement waits for it.

A whole gateway, its edge's batches, a real InfluxDB that is killed, then frozen, and comes back. What is asserted holds
on any machine: every batch is acknowledged while the server is away, and afterwards every point is there, once. How
long acknowledgements took, with the server and without, is printed.
"""

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gateway.app import Gateway
from gateway.catalogue import import_catalogue
from gateway.config import GatewayConfig
from gateway.ingest.memory import MemoryBroker, MemorySource
from gateway.series.point import Point
from tests.gateway.series.shop import CATALOGUE, Recorder
from tests.gateway.small_store import ACK, BACK, DATA, FLOOR, SHIRT_M, SHIRT_S, SITE, ManualClock, epc, frame, reads
from tests.gateway.wait import until
from tests.servers.influxdb import InfluxDb
from wire.messages import Ack, decode_ack


class Edge:
    """Sends a batch every tenth of a second, and measures how long its acknowledgement takes."""

    def __init__(self, broker: MemoryBroker, clock: ManualClock) -> None:
        self.sent_s: dict[int, float] = {}
        self.took_ms: dict[int, float] = {}
        self._broker = broker
        self._clock = clock
        self._seq = 0
        broker.listen(ACK, lambda _topic, payload: self._acked(decode_ack(payload)))

    def _acked(self, ack: Ack) -> None:
        now_s = time.perf_counter()
        for seq in range(1, ack.upto + 1):
            self.took_ms.setdefault(seq, (now_s - self.sent_s[seq]) * 1e3)

    @property
    def waiting(self) -> int:
        return len(self.sent_s) - len(self.took_ms)

    async def send(self, seconds: float) -> list[int]:
        """Send for so long; return the numbers of the batches."""
        until_s = time.perf_counter() + seconds
        numbers = []
        while time.perf_counter() < until_s:
            self._seq += 1
            self._clock.advance(1)
            zone = BACK if self._seq % 40 < 20 else FLOOR
            seen = [(zone, epc(SHIRT_S, 1)), (BACK, epc(SHIRT_M, 1))]
            self.sent_s[self._seq] = time.perf_counter()
            self._broker.send(DATA, frame(reads(self._seq, seen), self._seq))
            numbers.append(self._seq)
            await asyncio.sleep(0.1)
        await until(lambda: self.waiting == 0)
        return numbers

    def told(self, name: str, numbers: list[int]) -> str:
        times = sorted(self.took_ms[seq] for seq in numbers)
        return f"{name}: {len(times)} acks, median {times[len(times) // 2]:.1f} ms, slowest {times[-1]:.1f} ms"


async def outage(database_url: str, server: InfluxDb, killed_s: float, frozen_s: float) -> None:
    broker, clock = MemoryBroker(), ManualClock()
    # The lease is of a clock that runs ten times as fast.
    values: dict[str, Any] = {"database_url": database_url, "lease_ttl_s": 60, "series_api": "v1"}
    values |= {"series_url": server.url, "series_bucket": server.name}
    gateway = Gateway(GatewayConfig(**values), sites=[SITE], source=MemorySource(broker, clock), clock=clock)
    recorder = Recorder()
    gateway.series.process.sinks += (recorder,)
    for look in gateway.series.process.looks:
        look.every_s = min(look.every_s, 2.0)
    edge = Edge(broker, clock)
    async with gateway:
        sending = gateway.series.sending
        assert sending is not None
        await import_catalogue(gateway.database, CATALOGUE, clock())
        await until(lambda: gateway.source.connected and gateway.fold.holds(SITE.id))
        before = await edge.send(min(5.0, killed_s / 2))
        await until(lambda: sending.figures.series_sent > 0)
        server.kill()
        sent = sending.figures.series_sent
        away = await edge.send(killed_s)
        assert sending.figures.series_sent == sent
        server.start()
        await until(lambda: sending.figures.series_sent > sent, 60)
        server.pause()
        frozen = await edge.send(frozen_s)
        server.resume()
        after = await edge.send(min(5.0, killed_s / 2))
        gateway.series.process.stop()  # no new points: what there is has to arrive
        await until(lambda: sending.figures.series_sent >= len(recorder.points), 120)
        for name, numbers in (("server there", before), ("killed", away), ("frozen", frozen), ("back", after)):
            print(edge.told(name, numbers))
        print(f"{len(recorder.points)} points, {sending.figures.series_send_failures} attempts failed")
        assert (sending.figures.series_refused, sending.figures.series_send_failures > 0) == (0, True)
        assert gateway.series.counters()["series_dropped"] == 0
    assert fields_of(server) == Counter(
        (point.series.measurement.name, name) for point in once(recorder.points) for name in point.fields
    )


def once(points: list[Point]) -> list[Point]:
    return list({(point.series, point.at_us): point for point in points}.values())


def fields_of(server: InfluxDb) -> Counter[tuple[str, str]]:
    """How many values of each field the server holds."""
    found: Counter[tuple[str, str]] = Counter()
    for (name,) in server.query("SHOW MEASUREMENTS")[0]["values"]:
        (table,) = server.query(f'SELECT count(*) FROM "{name}"')
        row = dict(zip(table["columns"], table["values"][0], strict=True))
        row.pop("time")
        found.update({(name, column.removeprefix("count_")): count for column, count in row.items()})
    return found


async def test_an_outage_loses_no_point_and_delays_no_acknowledgement(sqlite_url: str, tmp_path: Path) -> None:
    with InfluxDb(tmp_path) as server:
        await outage(sqlite_url, server, killed_s=3, frozen_s=1)


@pytest.mark.proof
@pytest.mark.timeout(1_200)
async def test_an_outage_of_ten_minutes(sqlite_url: str, tmp_path: Path) -> None:
    with InfluxDb(tmp_path) as server:
        await outage(sqlite_url, server, killed_s=600, frozen_s=60)
