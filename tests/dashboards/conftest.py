"""A real InfluxDB 1.6 with figures of every measurement, once for all tests of a process."""

import time
from collections.abc import Iterator

import pytest

from gateway.series.line_protocol import encode
from tests.dashboards.seeded import seeded
from tests.servers.influxdb import InfluxDb


@pytest.fixture(scope="session")
def series(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDb]:
    with InfluxDb(tmp_path_factory.mktemp("influxdb")) as server:
        server.write(encode(seeded(time.time_ns() // 1_000)))
        yield server
