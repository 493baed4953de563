"""The process of the time series: what fails is written later, once; two processes; bounds; restarts."""

from collections.abc import AsyncIterator, Sequence

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.exceptions.alarm import Kind as AlarmKind
from gateway.series.cardinality import Cardinality
from gateway.series.embedded import Embedded
from gateway.series.look import Cursor, Draft, Memory, SeriesCache, write_moves
from gateway.series.part import SeriesConfig, SeriesPart
from gateway.series.point import Point, point_of, series_of
from gateway.series.process import SeriesProcess
from gateway.series.rollup import BUCKET_US
from gateway.storage.engine import Database
from gateway.storage.errors import FencedError
from gateway.storage.series import series_cursor, series_name, series_rollup
from tests.gateway.series.shop import Recorder, Shop, checks_here, live, open_shop
from tests.gateway.small_store import SITE, T0_US, ManualClock
from wire import measurements as m
from wire.measurement import Tag


@pytest.fixture
async def shop(sqlite_database: Database, sqlite_url: str) -> AsyncIterator[Shop]:
    async with open_shop(sqlite_database, sqlite_url, checker=checks_here(sqlite_database)) as opened:
        yield opened


class Broken(Recorder):
    """A sink that fails `times` times."""

    times = 1

    async def write(self, connection: AsyncConnection, points: Sequence[Point], *, again: bool = False) -> int:
        if any(point.series.measurement in {m.MOVEMENTS, m.STOCK_SKU, m.API} for point in points) and self.times:
            self.times -= 1
            raise OSError("no room")
        return await super().write(connection, points, again=again)


def floor(at_us: int, department: str = "Men", **fields: int) -> Point:
    point = point_of(series_of(m.FLOOR, {Tag.SITE: SITE.id, Tag.DEPARTMENT: department}), at_us, fields)
    assert point is not None
    return point


async def test_what_could_not_be_written_is_written_with_the_next_look(shop: Shop) -> None:
    await shop.passes(0)
    await shop.rig.put("1", "2", "3")
    shop.part.requests.add("/v1/availability", "GET", 200, 3.5)
    broken = Broken()
    broken.times = 3
    shop.process.sinks += (broken,)
    shop.recorder.points.clear()
    for seconds in (11, 11, 11):
        await shop.passes(seconds)
    assert broken.times == 0
    assert shop.process.figures.series_failures == 2  # together they failed, and then each of two on its own
    moved = [point for point in broken.points if point.series.measurement == m.MOVEMENTS]
    assert sum(int(point.fields["units"]) for point in moved) == 3
    assert any(point.series.measurement == m.STOCK_SKU for point in broken.points)
    (asked,) = [point for point in broken.points if point.series.measurement == m.API]
    assert asked.fields["requests"] == 1
    rows = await shop.part.reader.history(m.MOVEMENTS, {}, 0, 2**62)
    assert sum(row.fields["units"].total for row in rows) == 3  # nor twice


async def test_another_process_goes_on_where_one_was_killed(shop: Shop, sqlite_url: str) -> None:
    await shop.passes(0)
    await shop.rig.put("1", "2")
    await shop.passes(11)
    await shop.rig.put("3")
    shop.clock.advance(4_000)  # the lease of the first is over
    successor = Recorder()
    part = SeriesPart(
        shop.rig.database, sqlite_url, "another", shop.clock, config=SeriesConfig(), counters=dict, ttl_s=3_600
    )
    part.process.sinks += (successor,)
    await part.process.turn()
    moved = [point for point in successor.points if point.series.measurement == m.MOVEMENTS]
    assert [point.fields["units"] for point in moved] == [1]
    await shop.rig.put("4")
    await shop.passes(11)  # the first lives after all: it has lost the lease, and writes of itself only
    assert not shop.process.alone
    late = {point.series.measurement.name for point in shop.recorder.points if point.at_us >= shop.clock()}
    assert late == {"pipeline", "series_store"}


async def test_a_cursor_that_another_moved_stops_the_write(sqlite_database: Database) -> None:
    draft = Draft(T0_US, SeriesCache())
    async with sqlite_database.read() as connection:
        memory = Memory(connection, draft)
        memory.move("tasks", await memory.read("tasks"), 5, {"a": 1})
        memory.move("tasks", Cursor(5), 5)  # not further: nothing to write
    async with sqlite_database.write() as connection:
        await write_moves(connection, draft.moves)
    with pytest.raises(FencedError, match="series cursor tasks"):
        async with sqlite_database.write() as connection:
            await write_moves(connection, draft.moves)
    async with sqlite_database.read() as connection:
        assert await Memory(connection, draft).read("tasks") == Cursor(5, {"a": 1})
        assert await connection.scalar(select(func.count()).select_from(series_cursor)) == 1


@pytest.mark.parametrize("error", [OSError("gone"), KeyError("ours")])
async def test_a_broken_look_leaves_the_others_alone(sqlite_database: Database, error: Exception) -> None:
    clock, recorder = ManualClock(), Recorder()

    class Fails:
        every_s, alone = 1.0, True

        async def look(self, connection: AsyncConnection, draft: Draft) -> None:
            del connection, draft
            raise error

    class Good:
        every_s, alone = 1.0, True

        async def look(self, connection: AsyncConnection, draft: Draft) -> None:
            del connection
            draft.add(m.FLOOR, {"shown": 1}, SITE.id, "Men")
            draft.add(m.FLOOR, {"shown": 1}, SITE.id, "30343410FC000000000000AB")  # an EPC as a department

    process = SeriesProcess(sqlite_database, [Fails(), Good()], [recorder], "test", clock)
    assert await process.turn() == 1
    assert (process.figures.series_failures, process.figures.series_unfit) == (1, 1)
    assert [point.fields for point in recorder.points] == [{"shown": 1}]


async def test_instants_only_go_up(shop: Shop) -> None:
    await live(shop)
    newest_us = max(point.at_us for point in shop.points)
    shop.clock.advance(-30)
    shop.process._due_us = [0] * len(shop.process.looks)
    shop.clock.advance(0)
    assert all(point.at_us > newest_us for point in await shop.passes(0))


# -- bounds


def test_more_series_than_a_measurement_may_have_are_left_out() -> None:
    cardinality = Cardinality()
    points = [floor(T0_US, f"D{number}", shown=1) for number in range(m.FLOOR.series_max + 5)]
    assert len(cardinality.admitted(points)) == m.FLOOR.series_max
    assert cardinality.over_limit == 5
    assert len(cardinality.admitted(points[:3])) == 3


async def test_series_beyond_the_bound_of_the_embedded_store_are_counted(database: Database) -> None:
    embedded = Embedded(database, names_max=3)
    async with database.write() as connection:
        assert await embedded.write(connection, [floor(T0_US, f"D{number}", shown=1) for number in range(5)]) == 3
        assert await embedded.write(connection, [floor(T0_US + 1, f"D{number}", shown=2) for number in range(5)]) == 3
    assert embedded.figures.series_names_refused == 4
    assert len(await embedded.latest(m.FLOOR)) == 3


async def test_what_is_old_is_forgotten_a_little_at_a_time(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.series.embedded.PRUNE_ROWS", 7)
    embedded = Embedded(database, days=90)
    day_us = 86_400_000_000
    stock = {Tag.SITE: SITE.id, Tag.ZONE: "FLOOR", Tag.ZONE_KIND: "sales_floor", Tag.DEPARTMENT: "Men", Tag.STYLE: "S"}
    points = []
    for day in range(100):
        points.append(floor(T0_US + day * day_us, shown=day))
        point = point_of(series_of(m.STOCK_ZONE, stock | {Tag.GTIN: "0" * 14}), T0_US + day * day_us, {"units": day})
        assert point is not None
        points.append(point)
    points.append(floor(T0_US, "Gone", shown=1))
    async with database.write() as connection:
        await embedded.write(connection, points)
    gone = 0
    while True:
        async with database.write() as connection:
            pruned = await embedded.prune(connection, T0_US + 100 * day_us)
        assert pruned <= 7 + 7
        gone += pruned
        if not pruned:
            break
    kept = await embedded.history(m.FLOOR, {}, 0, 2**62)
    assert [row.bucket_us for row in kept] == [T0_US + day * day_us - T0_US % BUCKET_US for day in range(10, 100)]
    assert len(await embedded.history(m.STOCK_ZONE, {}, 0, 2**62)) == m.STOCK_ZONE.keep_days
    async with database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(series_rollup)) == 201 - gone
        assert await connection.scalar(select(func.count()).select_from(series_name)) == 2


async def test_what_is_said_again_writes_nothing_here(database: Database) -> None:
    embedded = Embedded(database)
    tags = {Tag.SITE: SITE.id, Tag.ZONE: "FLOOR", Tag.ZONE_KIND: "sales_floor", Tag.DEPARTMENT: "-", Tag.STYLE: "-"}
    series = series_of(m.STOCK_ZONE, tags | {Tag.GTIN: "0" * 14})
    points = [point_of(series, T0_US + turn, {"units": units}) for turn, units in enumerate((3, 3, 4, 4))]
    async with database.write() as connection:
        taken = [await embedded.write(connection, [point]) for point in points if point]
        assert await embedded.write(connection, [point for point in points if point], again=True) == 0
    assert taken == [1, 0, 1, 0]  # stock is written when it changes


def test_kinds_of_alarms_fit_their_bound() -> None:
    assert len(AlarmKind) * 2 <= m.EXCEPTIONS.series_max
