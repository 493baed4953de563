"""Sending to real servers: v1 to InfluxDB, v2 to VictoriaMetrics; bad lines, bounds, pauses."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, insert, select

from gateway.series import outbox
from gateway.series.influx import Sending, _LaterError
from gateway.series.influx_http import ServerError, V1Sender, V2Sender, check_url, read_token, v1_headers
from gateway.series.limits import REQUESTS_PER_BATCH, RETRY_AFTER_MAX_S, RETRY_CAP_S
from gateway.series.line_protocol import encode
from gateway.series.outbox import Outbox
from gateway.series.point import Point, point_of, series_of
from gateway.series.sending import Answer, Verdict, pause_s, verdict_of
from gateway.storage.engine import Database
from gateway.storage.series import series_outbox
from tests.gateway.series.conftest import NOW_US, clock
from tests.gateway.wait import until
from tests.servers.influxdb import InfluxDb
from tests.servers.mosquitto import free_port
from tests.servers.victoria import Victoria
from wire.measurement import Tag
from wire.measurements import EVENT, FLOOR


def floors(count: int, apart_us: int = 1) -> list[Point]:
    series = series_of(FLOOR, {Tag.SITE: "store-001", Tag.DEPARTMENT: "Men"})
    points = [point_of(series, NOW_US + number * apart_us, {"shown": number}) for number in range(count)]
    return [point for point in points if point is not None]


async def put(database: Database, lines: bytes) -> None:
    row = {"created_us": NOW_US, "points": lines.count(b"\n") + 1, "size_bytes": 9, "body": gzip.compress(lines)}
    async with database.write() as connection:
        await connection.execute(insert(series_outbox), row)


async def queued(database: Database, points: list[Point], **more: Any) -> Outbox:
    box = Outbox(clock, **more)
    for low in range(0, len(points), 100):
        async with database.write() as connection:
            await box.write(connection, points[low : low + 100])
    return box


async def left(database: Database) -> int:
    async with database.read() as connection:
        return (await outbox.waiting(connection)).points


@pytest.fixture
async def sending(sqlite_database: Database, influx: InfluxDb) -> AsyncIterator[Sending]:
    sender = V1Sender(influx.url, influx.name)
    yield Sending(sqlite_database, sender, clock, chance=lambda: 0.0)
    await sender.close()


async def test_v1_writes_to_influxdb(sqlite_database: Database, influx: InfluxDb, sending: Sending) -> None:
    await queued(sqlite_database, floors(12_345))
    while await sending.send_some():
        pass
    (table,) = influx.query('SELECT count("shown"), sum("shown") FROM "floor"')
    assert table["values"][0][1:] == [12_345, 12_345 * 12_344 // 2]
    assert (sending.figures.series_sent, sending.figures.series_requests) == (12_345, 3)
    assert await left(sqlite_database) == 0


async def test_v2_writes_to_victoriametrics(sqlite_database: Database, victoria: Victoria) -> None:
    await queued(sqlite_database, floors(250, 1_000))  # its own times are milliseconds
    sender = V2Sender(victoria.url, "lastunit", "org", "token")
    sending = Sending(sqlite_database, sender, clock, chance=lambda: 0.0)
    while await sending.send_some():
        pass
    await sender.close()
    match = '{__name__="floor_shown",site="store-001",department="Men"}'
    await until(lambda: sum(len(series["values"]) for series in victoria.exported(match)) == 250, 60)
    (series,) = victoria.exported(match)
    assert series["metric"] == {"__name__": "floor_shown", "site": "store-001", "department": "Men"}
    assert series["values"] == list(range(250))
    assert sending.figures.series_sent == 250


async def test_bad_lines_are_found_counted_and_shown(
    sqlite_database: Database, influx: InfluxDb, sending: Sending
) -> None:
    influx.write("floor,site=x,department=y shown=1i 1")
    good = encode(floors(300)).split(b"\n")
    wrong_type = b"floor,site=store-001,department=Men shown=1.5 1763800000000000"
    bad = [wrong_type, b"no line at all", b"floor,site= shown=2i"]
    lines = [*good[:77], bad[0], *good[77:200], bad[1], *good[200:], bad[2]]
    await put(sqlite_database, b"\n".join(lines))
    await sending.send_some()
    assert (sending.figures.series_sent, sending.figures.series_refused) == (300, 3)
    assert sending.figures.series_requests < 80  # by halves, not one by one
    (table,) = influx.query('SELECT count("shown") FROM "floor" WHERE site = \'store-001\'')
    assert table["values"][0][1] == 300
    assert any(line.decode()[:20] in sending.last_refused for line in bad)
    assert await left(sqlite_database) == 0


async def test_a_batch_of_bad_lines_ends(sqlite_database: Database, influx: InfluxDb, sending: Sending) -> None:
    influx.write("floor,site=x,department=y shown=1i 1")
    lines = [b"floor,site=s,department=d shown=1.5 %d" % number for number in range(2_000)]
    await put(sqlite_database, b"\n".join(lines))
    await sending.send_some()
    assert sending.figures.series_refused == 2_000
    assert sending.figures.series_requests <= 2 * REQUESTS_PER_BATCH
    assert await left(sqlite_database) == 0


async def test_nothing_is_lost_to_a_database_that_is_not_there_yet(sqlite_database: Database, influx: InfluxDb) -> None:
    sender = V1Sender(influx.url, "later")
    sending = Sending(sqlite_database, sender, clock, chance=lambda: 0.0)
    await queued(sqlite_database, floors(10))
    with pytest.raises(_LaterError, match="404"):
        await sending.send_some()
    assert await left(sqlite_database) == 10
    influx.query('CREATE DATABASE "later"')
    assert await sending.send_some() == 10
    assert influx.query('SELECT count("shown") FROM "later".."floor"')[0]["values"][0][1] == 10
    await sender.close()


@pytest.mark.parametrize("api", ["v1", "v2"])
async def test_nobody_there_is_later(api: str) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    sender = V1Sender(url, "x") if api == "v1" else V2Sender(url, "x", "o")
    answer = await sender.send(b"floor shown=1i 1")
    await sender.close()
    assert (answer.status, verdict_of(answer, 1)) == (0, Verdict.LATER)


async def test_beyond_its_bound_the_oldest_go_and_are_counted(database: Database) -> None:
    points = floors(2_000)
    sizes = len(gzip.compress(encode(points[:100]), 1))
    box = await queued(database, points, max_bytes=5 * sizes)
    async with database.read() as connection:
        held = await box.recount(connection)
        batches = await outbox.oldest(connection, 10_000)
    assert held.size_bytes <= 5 * sizes + 200
    assert box.figures.series_dropped == 2_000 - held.points > 1_000
    lines = b"\n".join(batch.lines for batch in batches)
    assert lines == encode(points[-held.points :])  # those that are left are the newest, in order
    assert held.oldest_us == NOW_US


async def test_several_small_batches_are_one_request_and_a_large_one_is_alone(database: Database) -> None:
    await queued(database, floors(700))
    async with database.read() as connection:
        assert [batch.points for batch in await outbox.oldest(connection, 250)] == [100, 100]
        assert [batch.points for batch in await outbox.oldest(connection, 10)] == [100]
        rows = await connection.scalar(select(func.count()).select_from(series_outbox))
    assert rows == 7


@pytest.mark.parametrize(
    ("status", "text", "lines", "verdict"),
    [
        (204, "", 5, Verdict.TAKEN),
        (200, "<html>", 5, Verdict.LATER),
        (400, '{"error":"partial write: field type conflict: ... dropped=1"}', 5, Verdict.SPLIT),
        (400, '{"error":"partial write: field type conflict: ... dropped=1"}', 1, Verdict.REFUSED),
        (
            422,
            '{"code":"unprocessable entity","message":"failure writing: partial write: ..."}',
            5,
            Verdict.SPLIT,
        ),
        (400, '{"code":"invalid","message":"unable to parse \'x\': missing fields"}', 1, Verdict.REFUSED),
        (400, '{"error":"partial write of line protocol occurred"}', 2, Verdict.SPLIT),
        (400, "database is required", 5, Verdict.LATER),
        (413, "", 5, Verdict.SPLIT),
        (413, "", 1, Verdict.REFUSED),
        (401, "unauthorized access", 1, Verdict.LATER),
        (404, "database not found", 1, Verdict.LATER),
        (429, "", 5, Verdict.LATER),
        (503, "", 5, Verdict.LATER),
        (0, "ConnectError", 5, Verdict.LATER),
    ],
)
def test_what_an_answer_means(status: int, text: str, lines: int, verdict: Verdict) -> None:
    assert verdict_of(Answer(status, text), lines) is verdict


@given(st.integers(1, 10_000), st.floats(0, 0.999999))
def test_pauses_grow_and_stay_below_the_cap(failures: int, chance: float) -> None:
    assert 0.25 <= pause_s(failures, Answer(503), chance) <= RETRY_CAP_S
    assert pause_s(failures + 1, Answer(503), chance) >= pause_s(failures, Answer(503), chance)


def test_a_server_may_ask_for_a_pause_but_not_for_a_day() -> None:
    assert pause_s(1, Answer(429, "", 7.0), 0.0) == 7.0
    assert pause_s(1, Answer(429, "", 86_400.0), 0.0) == RETRY_AFTER_MAX_S
    assert pause_s(1, Answer(429, "", -5.0), 0.0) == 0.25


def test_what_a_person_must_mend_is_told(tmp_path: Path) -> None:
    for url in ("", "influx:8086", "ftp://x", "http://", "http://user:pw@host", "http://h/?db=x", "http://h:99999"):
        with pytest.raises(ServerError, match="series_url: expected http"):
            check_url(url)
    assert check_url("https://h:8086/base/") == "https://h:8086/base"
    with pytest.raises(ServerError, match=r"series_token_file .*missing"):
        read_token(tmp_path / "missing")
    (tmp_path / "token").write_text("\n")
    with pytest.raises(ServerError, match="expected one line"):
        read_token(tmp_path / "token")
    (tmp_path / "token").write_text("secret==\n")
    assert read_token(tmp_path / "token") == "secret=="
    assert v1_headers("secret==") == {"Authorization": "Token secret=="}
    assert v1_headers("me:pw") == {"Authorization": "Basic bWU6cHc="}


def test_the_event_is_text_and_leaves_nothing_behind_in_a_store_without_text() -> None:
    point = point_of(series_of(EVENT, {Tag.SITE: "s", Tag.KIND: "count"}), NOW_US, {"title": "x", "events": 1})
    assert point is not None
    assert encode([point]).startswith(b'event,site=s,kind=count title="x",events=1i ')
