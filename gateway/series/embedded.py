"""The embedded store: figures over time in the gateway's own database, five minutes a row, without any server.

A point goes into the row of its series and its five minutes, and becomes the newest of its series; single points are
not kept. What is said again (`again`) is passed over; once a day it is said as news, so that nothing that is still
there is forgotten. Reckoned, not
measured: a site of 2,000 SKUs writes some 50,000 rows a day, most of them stock, which is kept for 30 days; everything
else for 90.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.series.limits import HISTORY_MAX_ROWS, NAMES_MAX, PRUNE_ROWS, RETENTION_DAYS
from gateway.series.point import Point, Series, Value
from gateway.series.port import Latest, Row, by_tags
from gateway.series.rollup import BUCKET_US, Bucket, bucket_of, decode, encode, merged
from gateway.storage.engine import Database
from gateway.storage.series import series_name, series_rollup
from gateway.storage.statement import MANY, has_key, insert_into, storable, upsert_into
from wire.measurement import Cadence, Measurement, Tag
from wire.measurements import CATALOGUE

DAY_US: Final = 86_400_000_000
_ROW: Final = (series_rollup.c.series, series_rollup.c.bucket_us)

_fields_of: Final = msgspec.json.Decoder(dict[str, Value])
_tags_of: Final = msgspec.json.Decoder(dict[Tag, str])


@dataclass(slots=True)
class EmbeddedFigures:
    """What the embedded store of this process counted."""

    series_rows_written: int = 0
    series_points_repeated: int = 0
    series_names_refused: int = 0
    series_rows_pruned: int = 0


@dataclass(slots=True)
class _Name:
    """A series as its row says, and what newer points say."""

    id: int
    last_us: int
    last: dict[str, Value]
    newer: dict[str, Value] = field(default_factory=dict)


class Embedded:
    """Writes points into the caller's transaction, and reads them in its own. `names_max` bounds the series."""

    def __init__(self, database: Database, *, names_max: int = NAMES_MAX, days: int = RETENTION_DAYS) -> None:
        self.figures = EmbeddedFigures()
        self._database = database
        self._names_max = names_max
        self._days = days

    async def write(self, connection: AsyncConnection, points: Sequence[Point], *, again: bool = False) -> int:
        """Write points in this transaction; return how many were new. See `gateway.series.port`."""
        if again or not points:
            return 0
        by_series: dict[Series, list[Point]] = defaultdict(list)
        for point in points:
            by_series[point.series].append(point)
        names = await self._names(connection, list(by_series))
        new: dict[tuple[int, int], list[Point]] = defaultdict(list)
        taken = 0
        for series, mine in by_series.items():
            name = names.get(series.digest)
            if name is None:
                continue
            for point in mine:
                if point.at_us <= name.last_us or _is_no_news(name, point):
                    self.figures.series_points_repeated += 1
                    continue
                name.last_us = point.at_us
                name.newer.update(point.fields)
                new[name.id, bucket_of(point.at_us)].append(point)
                taken += 1
        await self._roll_up(connection, new)
        await _remember(connection, [name for name in names.values() if name.newer])
        return taken

    async def _names(self, connection: AsyncConnection, series: Sequence[Series]) -> dict[bytes, _Name]:
        """Return the rows of series, new ones written; of those that are too many none."""
        found = await _known(connection, [one.digest for one in series])
        new = [one for one in series if one.digest not in found]
        if new:
            held = int(await connection.scalar(select(func.count()).select_from(series_name)) or 0)
            room = max(0, self._names_max - held)
            self.figures.series_names_refused += len(new[room:])
            rows = [_row(one) for one in new[:room]]
            if rows:
                await connection.execute(insert_into(connection, series_name).on_conflict_do_nothing(), rows)
                found |= await _known(connection, [one.digest for one in new[:room]])
        return found

    async def _roll_up(self, connection: AsyncConnection, new: Mapping[tuple[int, int], Sequence[Point]]) -> None:
        keys = sorted(new)
        held: dict[tuple[int, int], Bucket] = {}
        for low in range(0, len(keys), MANY // 2):
            some = has_key(_ROW, keys[low : low + MANY // 2], lead=2)
            for row in await connection.execute(select(series_rollup).where(some)):
                held[row.series, row.bucket_us] = decode(row.body)
        rows = []
        for key in keys:
            bucket = held.get(key, {})
            for point in new[key]:
                bucket = merged(bucket, point.fields)
            rows.append({"series": key[0], "bucket_us": key[1], "body": encode(bucket)})
        if rows:
            await connection.execute(upsert_into(connection, series_rollup), rows)
        self.figures.series_rows_written += len(rows)

    # -- reading

    async def latest(self, measurement: Measurement, site: str = "") -> list[Latest]:
        """Return the newest point of every series; see `gateway.series.port`."""
        query = select(series_name).where(series_name.c.measurement == measurement.name)
        if site:
            query = query.where(series_name.c.site == storable(site))
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        found = (Latest(_tags_of.decode(row.tags), row.last_us, _fields_of.decode(row.last)) for row in rows)
        return sorted(found, key=by_tags)

    async def history(self, measurement: Measurement, where: Mapping[Tag, str], from_us: int, to_us: int) -> list[Row]:
        """Return buckets, the oldest `HISTORY_MAX_ROWS` at most; see `gateway.series.port`."""
        query = (
            select(series_name.c.tags, series_rollup.c.bucket_us, series_rollup.c.body)
            .join(series_rollup, series_rollup.c.series == series_name.c.id)
            .where(
                series_name.c.measurement == measurement.name,
                series_rollup.c.bucket_us >= from_us,
                series_rollup.c.bucket_us < to_us,
            )
            .order_by(series_rollup.c.bucket_us)
        )
        if Tag.SITE in where:
            query = query.where(series_name.c.site == storable(where[Tag.SITE]))
        found = []
        async with self._database.read() as connection, connection.stream(query) as rows:
            async for row in rows:
                tags = _tags_of.decode(row.tags)
                if all(tags.get(key) == value for key, value in where.items()):
                    found.append(Row(tags, row.bucket_us, decode(row.body)))
                    if len(found) >= HISTORY_MAX_ROWS:
                        break
        return sorted(found, key=by_tags)

    # -- forgetting

    async def prune(self, connection: AsyncConnection, now_us: int) -> int:
        """Forget up to `PRUNE_ROWS` rows whose time is over, and series that have none left; return how many rows."""
        gone = await self._prune_older(connection, now_us - self._days * DAY_US, None)
        for measurement in CATALOGUE.values():
            if measurement.keep_days is not None and measurement.keep_days < self._days and gone < PRUNE_ROWS:
                gone += await self._prune_older(connection, now_us - measurement.keep_days * DAY_US, measurement.name)
        self.figures.series_rows_pruned += gone
        return gone

    async def _prune_older(self, connection: AsyncConnection, before_us: int, measurement: str | None) -> int:
        old = select(series_rollup.c.series, series_rollup.c.bucket_us).where(
            series_rollup.c.bucket_us < before_us - BUCKET_US
        )
        dead = select(series_name.c.id).where(series_name.c.last_us < before_us - BUCKET_US)
        if measurement is not None:
            own = select(series_name.c.id).where(series_name.c.measurement == measurement)
            old = old.where(series_rollup.c.series.in_(own))
            dead = dead.where(series_name.c.measurement == measurement)
        keys = [(row.series, row.bucket_us) for row in await connection.execute(old.limit(PRUNE_ROWS))]
        for low in range(0, len(keys), MANY // 2):
            await connection.execute(delete(series_rollup).where(has_key(_ROW, keys[low : low + MANY // 2], lead=2)))
        if len(keys) < PRUNE_ROWS:  # only then no rows of theirs are left
            names = list(await connection.scalars(dead.limit(MANY)))
            await connection.execute(delete(series_name).where(series_name.c.id.in_(names)))
        return len(keys)

    def counters(self) -> dict[str, int]:
        """Return all counters."""
        return {name: getattr(self.figures, name) for name in EmbeddedFigures.__slots__}


async def _known(connection: AsyncConnection, digests: Sequence[bytes]) -> dict[bytes, _Name]:
    found = {}
    for low in range(0, len(digests), MANY):
        query = select(series_name).where(series_name.c.digest.in_(digests[low : low + MANY]))
        for row in await connection.execute(query):
            found[bytes(row.digest)] = _Name(row.id, row.last_us, _fields_of.decode(row.last))
    return found


def _row(series: Series) -> dict[str, Any]:
    return {
        "digest": series.digest,
        "measurement": series.measurement.name,
        "site": series.site,
        "tags": msgspec.json.encode(dict(series.tags)).decode(),
        "last_us": -1,
        "last": b"{}",
    }


def _is_no_news(name: _Name, point: Point) -> bool:
    """Whether a point of what is written when it changes says what was said: so does the first look of a process."""
    if point.series.measurement.cadence is not Cadence.ON_CHANGE or point.at_us - name.last_us >= DAY_US:
        return False
    held = name.last | name.newer
    return all(field in held and held[field] == value for field, value in point.fields.items())


async def _remember(connection: AsyncConnection, names: Sequence[_Name]) -> None:
    """Write the newest points of series. A point need not have all fields: the others keep their newest value."""
    if not names:
        return
    rows = [
        {"of": name.id, "at": name.last_us, "fields": msgspec.json.encode(name.last | name.newer)} for name in names
    ]
    write = (
        update(series_name)
        .where(series_name.c.id == bindparam("of"))
        .values(last_us=bindparam("at"), last=bindparam("fields"))
    )
    await connection.execute(write, rows)
