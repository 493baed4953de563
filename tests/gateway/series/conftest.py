"""Stores of time series for the tests: the embedded one on both databases, and InfluxDB behind its outbox."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from gateway.series.embedded import Embedded
from gateway.series.influx import Sending
from gateway.series.influx_http import V1Sender
from gateway.series.influxql import InfluxQl
from gateway.series.outbox import Outbox
from gateway.series.point import Point
from gateway.series.port import Reader, Sink
from gateway.storage.engine import Database
from tests.servers.influxdb import InfluxDb
from tests.servers.victoria import Victoria

NOW_US = 1_763_800_000_000_000


def clock() -> int:
    return NOW_US


@pytest.fixture(scope="session")
def influx_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDb]:
    with InfluxDb(tmp_path_factory.mktemp("influx")) as server:
        yield server


@pytest.fixture
def influx(influx_server: InfluxDb) -> Iterator[InfluxDb]:
    """An InfluxDB with an empty database."""
    yield influx_server
    influx_server.query(f'DROP DATABASE "{influx_server.name}"')
    influx_server.query(f'CREATE DATABASE "{influx_server.name}"')


@pytest.fixture(scope="session")
def victoria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victoria]:
    with Victoria(tmp_path_factory.mktemp("victoria")) as server:
        yield server


@dataclass(frozen=True, slots=True)
class Store:
    """A store of time series: points in, figures out."""

    database: Database
    sink: Sink
    reader: Reader
    sending: Sending | None = None

    async def write(self, points: Sequence[Point], *, again: bool = False) -> None:
        """Write points in a transaction, and see them leave for the server if there is one."""
        async with self.database.write() as connection:
            await self.sink.write(connection, points, again=again)
        if self.sending is not None:
            while await self.sending.send_some():
                pass


@pytest.fixture(params=["sqlite", "postgresql", "influxdb"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """A store of each kind in turn."""
    kind = "sqlite_url" if request.param != "postgresql" else "postgres_url"
    database = Database(str(request.getfixturevalue(kind)))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        if request.param == "influxdb":
            server: InfluxDb = request.getfixturevalue("influx")
            reader = InfluxQl(server.url, server.name)
            stack.push_async_callback(reader.close)
            sender = V1Sender(server.url, server.name)
            stack.push_async_callback(sender.close)
            yield Store(database, Outbox(clock), reader, Sending(database, sender, clock, chance=lambda: 0.0))
        else:
            embedded = Embedded(database)
            yield Store(database, embedded, embedded)
