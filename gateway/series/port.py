"""The port of the time series: where points go, and where figures over time come from.

Two adapters pass one contract (`tests/gateway/series/test_series_contract.py`): the embedded store in the gateway's own
database (`gateway.series.embedded`), and InfluxDB (`gateway.series.outbox`, `influx`, `influxql`). Writing is part of
the caller's transaction in both: points and the cursor that they follow from are written together or not at all. What
leaves for a server leaves later (`Sending`), and nobody waits for that.

The contract: points of one series come in the order of time; a point that comes again changes nothing; the newest point
of a series is known until the retention is over; a bucket of five minutes says count, sum, lowest, highest and last of
each number, and count and last of booleans and texts.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.series.point import Point, Value
from gateway.series.rollup import Bucket
from wire.measurement import Measurement, Tag


class Latest(NamedTuple):
    """The newest point of a series."""

    tags: Mapping[Tag, str]
    at_us: int
    fields: Mapping[str, Value]


class Row(NamedTuple):
    """One series in one bucket of five minutes."""

    tags: Mapping[Tag, str]
    bucket_us: int
    fields: Bucket


def by_tags(one: Latest | Row) -> tuple[tuple[str, ...], int]:
    """Return what answers are sorted by: the values of the tags, then time."""
    return tuple(one.tags.values()), one.at_us if isinstance(one, Latest) else one.bucket_us


class Sink(Protocol):
    """Where points go. `again`: all of them were said before, and are said again for stores that look back shortly."""

    async def write(self, connection: AsyncConnection, points: Sequence[Point], *, again: bool = False) -> int:
        """Write points in this transaction; return how many were taken."""
        ...

    async def prune(self, connection: AsyncConnection, now_us: int) -> int:
        """Forget some of what is too old, in this transaction; return how many rows that were."""
        ...


class Reader(Protocol):
    """Where figures over time come from."""

    async def latest(self, measurement: Measurement, site: str = "") -> list[Latest]:
        """Return the newest point of every series of a measurement, of one site if one is given."""
        ...

    async def history(self, measurement: Measurement, where: Mapping[Tag, str], from_us: int, to_us: int) -> list[Row]:
        """Return buckets that begin in [from_us, to_us) of series with these tags, by tags and time; bounded."""
        ...
