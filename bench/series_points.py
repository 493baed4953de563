"""Time series: points to line protocol and to a server, beside influxdb-client's own Point objects.

Points of 2,000 series with two fields each, in batches of 5,000. `encode`: from values to bytes, in CPU time. `write`:
the same and into a real server, one request for each batch, by the clock: InfluxDB 1.6 by `/write`, VictoriaMetrics by
the v2 API with influxdb-client as the HTTP client for both. `embedded`: into the embedded store (SQLite, five-minute
rows, 250 points a transaction). Best of `ROUNDS`. Servers that are not installed give None.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from gateway.series.embedded import Embedded
from gateway.series.influx_http import V1Sender, V2Sender
from gateway.series.line_protocol import encode
from gateway.series.point import Point, Series, point_of, series_of
from gateway.storage.engine import Database
from gateway.storage.migrate import migrate
from tests.servers import influxdb, victoria
from wire.measurement import Tag
from wire.measurements import FLOOR

POINTS: Final = 100_000
BATCH: Final = 5_000
ROUNDS: Final = 3
SERIES: Final = 2_000
AT_US: Final = 1_763_800_000_000_000


def _names() -> list[tuple[str, str]]:
    return [(f"store-{number % 20:03d}", f"Department {number // 20}") for number in range(SERIES)]


def _ours(series: list[Series], low: int) -> bytes:
    """Make `BATCH` points and their lines."""
    points: list[Point] = []
    for number in range(low, low + BATCH):
        point = point_of(series[number % SERIES], AT_US + number, {"shown": number, "availability": number / POINTS})
        assert point is not None
        points.append(point)
    return encode(points)


def _theirs(names: list[tuple[str, str]], low: int) -> list[Any]:
    """Make `BATCH` of the client's points."""
    client: Any = import_module("influxdb_client.client.write.point")
    made = []
    for number in range(low, low + BATCH):
        site, department = names[number % SERIES]
        point = client.Point("floor").tag("site", site).tag("department", department)
        point = point.field("shown", number).field("availability", number / POINTS)
        made.append(point.time(AT_US + number, "us"))
    return made


def _rate(batch: Callable[[int], object], now_s: Callable[[], float] = time.perf_counter) -> float:
    """Return points a second, the best of some rounds."""
    best = 0.0
    for _ in range(ROUNDS):
        began = now_s()
        for low in range(0, POINTS, BATCH):
            batch(low)
        best = max(best, POINTS / (now_s() - began))
    return best


def _embedded(series: list[Series]) -> float:
    async def write(folder: str) -> float:
        url = f"sqlite:///{folder}/series.db"
        await asyncio.to_thread(migrate, url)
        database = Database(url)
        store = Embedded(database)
        began, count = time.perf_counter(), 20_000
        for low in range(0, count, 250):
            made = [point_of(series[n % SERIES], AT_US + n, {"shown": n}) for n in range(low, low + 250)]
            async with database.write() as connection:
                await store.write(connection, [point for point in made if point])
        rate = count / (time.perf_counter() - began)
        await database.close()
        return rate

    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(write(folder))


def _to_influxdb(series: list[Series], folder: Path) -> float | None:
    if not influxdb.BINARY:
        return None
    with influxdb.InfluxDb(folder) as server, asyncio.Runner() as runner:

        async def opened() -> V1Sender:
            return V1Sender(server.url, server.name)

        sender = runner.run(opened())

        def batch(low: int) -> None:
            answer = runner.run(sender.send(_ours(series, low)))
            assert answer.status == 204, answer

        rate = _rate(batch)
        runner.run(sender.close())
        return rate


def _to_victoria(series: list[Series], names: list[tuple[str, str]], folder: Path) -> dict[str, float | None]:
    if not victoria.BINARY:
        return {"write, VictoriaMetrics v2, ours": None, "write, VictoriaMetrics v2, Point objects": None}
    with victoria.Victoria(folder) as server:
        sender = V2Sender(server.url, "bench", "bench")

        def ours(low: int) -> None:
            answer = sender._send(_ours(series, low))  # noqa: SLF001 - without the thread between
            assert answer.status == 204, answer

        def theirs(low: int) -> None:
            sender._write.write("bench", "bench", record=_theirs(names, low), write_precision="us")  # noqa: SLF001

        rates: dict[str, float | None] = {
            "write, VictoriaMetrics v2, ours": _rate(ours),
            "write, VictoriaMetrics v2, Point objects": _rate(theirs),
        }
        asyncio.run(sender.close())
        return rates


def run() -> dict[str, float | None]:
    """Return points a second."""
    names = _names()
    series = [series_of(FLOOR, {Tag.SITE: site, Tag.DEPARTMENT: department}) for site, department in names]
    theirs = "\n".join(point.to_line_protocol() for point in _theirs(names, 0)).encode()
    assert min(map(len, theirs.split(b"\n"))) > 40
    figures: dict[str, float | None] = {
        "encode, ours": _rate(lambda low: _ours(series, low), time.process_time),
        "encode, Point objects": _rate(
            lambda low: "\n".join(point.to_line_protocol() for point in _theirs(names, low)).encode(),
            time.process_time,
        ),
    }
    with tempfile.TemporaryDirectory() as folder:
        figures["write, InfluxDB 1.6 v1, ours"] = _to_influxdb(series, Path(folder))
        figures |= _to_victoria(series, names, Path(folder))
    figures["embedded store, SQLite"] = _embedded(series)
    return figures
