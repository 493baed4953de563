"""The contract of the time series: the embedded store and InfluxDB give the same answers to the same points."""

import random
from collections.abc import Mapping

import pytest

from gateway.series.point import Point, Value, point_of, series_of
from gateway.series.port import Latest, Row
from gateway.series.rollup import BUCKET_US
from tests.gateway.series.conftest import NOW_US, Store
from wire.measurement import FieldType, Measurement, Tag
from wire.measurements import EVENT, FLOOR, PIPELINE, TASK_FLOW

START_US = NOW_US - NOW_US % BUCKET_US


def made(measurement: Measurement, at_us: int, tags: Mapping[Tag, str], **fields: Value) -> Point:
    point = point_of(series_of(measurement, tags), at_us, fields)
    assert point is not None
    return point


def floor(at_us: int, site: str = "store-001", department: str = "Men", **fields: Value) -> Point:
    return made(FLOOR, at_us, {Tag.SITE: site, Tag.DEPARTMENT: department}, **fields)


async def test_the_newest_point_of_every_series_is_known(store: Store) -> None:
    await store.write(
        [
            floor(START_US, shown=3, availability=0.5),
            floor(START_US + 7, shown=4, availability=0.75),
            floor(START_US + 3, department="Kids, small = ü\\'\"", shown=9, availability=1.0),
            floor(START_US + 5, site="store-002", shown=1, availability=0.0),
        ]
    )
    men = {Tag.SITE: "store-001", Tag.DEPARTMENT: "Men"}
    kids = {Tag.SITE: "store-001", Tag.DEPARTMENT: "Kids, small = ü\\'\""}
    assert await store.reader.latest(FLOOR, "store-001") == [
        Latest(kids, START_US + 3, {"shown": 9, "availability": 1.0}),
        Latest(men, START_US + 7, {"shown": 4, "availability": 0.75}),
    ]
    assert [one.tags[Tag.SITE] for one in await store.reader.latest(FLOOR)] == ["store-001"] * 2 + ["store-002"]
    assert await store.reader.latest(TASK_FLOW, "store-001") == []


async def test_a_field_that_a_point_lacks_keeps_its_newest_value(store: Store) -> None:
    await store.write([floor(START_US, shown=3, last=1)])
    await store.write([floor(START_US + 1, shown=4), floor(START_US + 2, behind=2)])
    (latest,) = await store.reader.latest(FLOOR, "store-001")
    assert (latest.at_us, latest.fields) == (START_US + 2, {"shown": 4, "last": 1, "behind": 2})


async def test_five_minutes_say_count_sum_lowest_highest_and_last(store: Store) -> None:
    rng = random.Random(7)
    values = [rng.randrange(100) for _ in range(60)]
    for low in range(0, 60, 7):
        points = [
            floor(START_US + (low + turn) * 30_000_000, shown=value, availability=value / 100)
            for turn, value in enumerate(values[low : low + 7])
        ]
        await store.write(points)
    rows = await store.reader.history(FLOOR, {Tag.SITE: "store-001"}, START_US, START_US + 6 * BUCKET_US)
    assert [row.bucket_us for row in rows] == [START_US + turn * BUCKET_US for turn in range(6)]
    for turn, row in enumerate(rows):
        mine = values[turn * 10 : turn * 10 + 10]
        shown, share = row.fields["shown"], row.fields["availability"]
        assert (shown.count, shown.total, shown.low, shown.high, shown.last) == (
            *(10, sum(mine), min(mine), max(mine)),
            mine[-1],
        )
        assert share.mean == pytest.approx(sum(mine) / 1_000)
        assert (type(shown.last), type(share.last)) == (int, float)


async def test_history_is_of_the_series_and_the_time_that_were_asked_for(store: Store) -> None:
    await store.write(
        [
            floor(START_US, shown=1),
            floor(START_US, department="Women", shown=2),
            floor(START_US, site="store-002", shown=3),
            floor(START_US + BUCKET_US - 1, shown=4),
            floor(START_US + BUCKET_US, shown=5),
        ]
    )

    async def asked(where: Mapping[Tag, str], from_us: int, to_us: int) -> list[Value]:
        return [row.fields["shown"].last for row in await store.reader.history(FLOOR, where, from_us, to_us)]

    later_us = START_US + BUCKET_US
    assert await asked({Tag.SITE: "store-001"}, START_US, later_us) == [4, 2]
    assert await asked({Tag.SITE: "store-001", Tag.DEPARTMENT: "Women"}, START_US, later_us * 2) == [2]
    assert await asked({}, START_US, later_us) == [4, 2, 3]
    assert await asked({Tag.SITE: "store-001"}, later_us, later_us + BUCKET_US) == [5]
    assert await asked({Tag.SITE: "store-001' OR 1=1"}, START_US, later_us) == []


async def test_a_point_that_comes_again_changes_nothing(store: Store) -> None:
    points = [floor(START_US + turn, shown=turn) for turn in range(1, 6)]
    for part in (points[:3], points[:3], points[1:], points):
        await store.write(part)
    (row,) = await store.reader.history(FLOOR, {}, START_US, START_US + BUCKET_US)
    assert (row.fields["shown"].count, row.fields["shown"].total) == (5, 15)


async def test_booleans_and_texts_keep_count_and_last(store: Store) -> None:
    tags = {Tag.SITE: "store-001", Tag.KIND: "delivery"}
    await store.write(
        [
            made(PIPELINE, START_US, {Tag.GATEWAY: "gateway"}, source_connected=True),
            made(PIPELINE, START_US + 1, {Tag.GATEWAY: "gateway"}, source_connected=False),
            made(EVENT, START_US, tags, title='12 units, "S 7"\\', detail="line\none", events=1),
            made(EVENT, START_US + 1, tags, title="ok", detail="tab\tü", events=1),
        ]
    )
    (pipeline,) = await store.reader.history(PIPELINE, {}, START_US, START_US + BUCKET_US)
    assert (pipeline.fields["source_connected"].count, pipeline.fields["source_connected"].last) == (2, False)
    (event,) = await store.reader.history(EVENT, {}, START_US, START_US + BUCKET_US)
    assert (event.fields["title"].last, event.fields["detail"].last) == ("ok", "tab ü")
    assert (event.fields["events"].count, event.fields["events"].total) == (2, 2)
    (latest,) = await store.reader.latest(EVENT, "store-001")
    assert latest == Latest(tags, START_US + 1, {"title": "ok", "detail": "tab ü", "events": 1})


async def test_what_was_written_before_a_failure_is_not_there(store: Store) -> None:
    async with store.database.writing.connect() as connection:
        await store.sink.write(connection, [floor(START_US, shown=1)])
        await connection.rollback()
    await store.write([floor(START_US + 1, shown=2)])
    (row,) = await store.reader.history(FLOOR, {}, START_US, START_US + BUCKET_US)
    assert row == Row({Tag.SITE: "store-001", Tag.DEPARTMENT: "Men"}, START_US, row.fields)
    assert row.fields["shown"].count == 1


async def test_many_series_at_once(store: Store) -> None:
    points = [floor(START_US, department=f"D{turn:04d}", shown=turn) for turn in range(1_200)]
    await store.write(points)
    latest = await store.reader.latest(FLOOR, "store-001")
    assert [one.fields["shown"] for one in latest] == list(range(1_200))


def test_every_type_of_field_is_in_the_contract() -> None:
    used = {one.type for measurement in (EVENT, FLOOR, PIPELINE) for one in measurement.fields}
    assert used == set(FieldType)
