"""Looks: nothing to tell, clocks that step back, programs that begin anew, checks that fail."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from sqlalchemy import update

from gateway.replenishment.gaps import SizeState
from gateway.series.looks_truth import Truth
from gateway.series.outbox import Outbox
from gateway.series.point import Point, point_of, series_of
from gateway.series.process import SeriesProcess
from gateway.series.shelf import ShelfView, Shelved
from gateway.storage.engine import Database
from gateway.storage.schema import site_fold
from tests.gateway.series.shop import Recorder, Shop, checks_here, edge_state_of, open_shop
from tests.gateway.small_store import SHIRT_S, SITE, T0_US, ManualClock
from wire import measurements as m
from wire.measurement import Measurement, Tag


@pytest.fixture
async def shop(sqlite_database: Database, sqlite_url: str) -> AsyncIterator[Shop]:
    async with open_shop(sqlite_database, sqlite_url, checker=checks_here(sqlite_database)) as opened:
        yield opened


def of(points: list[Point], measurement: Measurement) -> list[Point]:
    return [point for point in points if point.series.measurement == measurement]


async def test_a_clock_that_steps_back_does_not_end_the_looks(shop: Shop) -> None:
    await shop.passes(0)
    shop.clock.advance(-3_600)
    assert of(await shop.passes(0), m.FOLD)
    assert not of(await shop.passes(1), m.FOLD)
    assert of(await shop.passes(11), m.FOLD)


async def test_nothing_to_tell_is_told_again_and_again(shop: Shop) -> None:
    """A board cannot tell a 0 that nobody writes from a gateway that is gone."""
    shop.shelf = ShelfView({SHIRT_S: Shelved(SHIRT_S, "Men", 1, SizeState.SHOWN)}, (), complete=True)
    await shop.passes(0)
    for _ in range(3):
        new = await shop.passes(61)
        for measurement, name in (
            (m.BACKLOG, "overdue"),
            (m.EXCEPTIONS, "open"),
            (m.SIZE_GAP, "runs"),
            (m.RESERVATIONS, "wanting"),
            (m.DISPOSITION, "units"),
        ):
            found = of(new, measurement)
            assert found, measurement.name
            assert all(point.fields[name] == 0 for point in found), measurement.name
            assert {point.series.site for point in found} == {SITE.id}
        assert {point.series.tag(Tag.TASK) for point in of(new, m.BACKLOG)} == {
            *("refill", "find", "pick", "pack", "hand_over", "put_back", "check")
        }


def test_what_is_divided_by_its_sums_has_all_of_them() -> None:
    """InfluxQL: something that is missing makes a whole quotient unknown: 4 done and nothing failed is 0 % failed."""
    flow = series_of(m.TASK_FLOW, {Tag.SITE: "s", Tag.TASK: "pick"})
    point = point_of(flow, T0_US, {"done": 4, "took_s": 8.0})
    assert point is not None
    assert point.fields == {
        "opened": 0,
        "done": 4,
        "closed": 0,
        "cannot": 0,
        "reopened": 0,
        "took_s": 8.0,
    }
    assert point_of(flow, T0_US, {"done": 0}) is None


async def test_an_edge_that_began_anew_is_counted_from_its_beginning(shop: Shop) -> None:
    first = edge_state_of(shop, reads=100)
    await shop.edge_says(first)
    await shop.passes(0)
    shop.clock.advance(600)
    anew = msgspec.structs.replace(edge_state_of(shop, reads=130), started_us=shop.clock() - 300_000_000, evicted=101)
    await shop.edge_says(anew)
    new = await shop.passes(0)
    (edge,) = of(new, m.EDGE)
    assert edge.fields["observations"] == edge.fields["gaps"] == 130
    assert edge.fields["evicted"] == 1  # of the outbox's file, which is still the same
    (device,) = of(new, m.DEVICE)
    assert device.fields["reads"] == 130


async def test_a_zone_is_blind_since_the_fold_stopped_and_not_since_it_was_first_seen(shop: Shop) -> None:
    await shop.passes(0)
    shop.clock.advance(36_000)
    dead_us = shop.clock() - 120_000_000
    async with shop.rig.database.write() as connection:
        await connection.execute(update(site_fold).values(now_us=dead_us))
    zones = of(await shop.passes(0), m.ZONE)
    assert zones
    assert all(point.fields["looked"] == 0 for point in zones)
    assert all(point.fields["state_age_s"] == pytest.approx(120.0, abs=0.01) for point in zones)


async def test_one_site_that_cannot_be_checked_does_not_hide_the_others(sqlite_database: Database) -> None:
    asked: list[str] = []

    async def checker(site: str) -> Truth:
        asked.append(site)
        if site == SITE.id:
            raise OSError("its tables are broken")
        return Truth(drift=3)

    async with open_shop(sqlite_database, "", checker=checker) as shop:
        await shop.rig.open("store-002")
        for _ in range(8):
            books = of(await shop.passes(61), m.BOOKS)
            assert {point.series.site for point in books} == {SITE.id, "store-002"}  # `oversold` is known all the time
        assert asked[:2] == [SITE.id, "store-002"]
        assert [point.fields.get("drift") for point in books] == [None, 3]
        assert shop.part.counters()["series_failures"] == asked.count(SITE.id)
        assert asked.count("store-002") == 1


async def test_figures_of_the_shelf_are_not_asked_for_when_nothing_changed(shop: Shop) -> None:
    """A view of the shelves walks through all SKUs of all sites, and this look is taken every two seconds."""
    from gateway.series.look import Draft, SeriesCache
    from gateway.series.looks_stock import StockLook

    asked = []

    def shelves() -> Any:
        asked.append(1)
        return {}

    look = StockLook(shop.clock, shelves)
    for _ in range(3):
        async with shop.rig.database.read() as connection:
            await look.look(connection, Draft(shop.clock(), SeriesCache()))
        shop.clock.advance(2)
    assert len(asked) == 1


async def test_what_is_old_is_forgotten_as_fast_as_it_comes(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, left = ManualClock(), [25]

    class Old(Recorder):
        async def prune(self, connection: Any, now_us: int) -> int:
            del connection, now_us
            gone = min(10, left[0])
            left[0] -= gone
            return gone

    monkeypatch.setattr("gateway.series.process.PRUNE_ROWS", 10, raising=False)
    process = SeriesProcess(sqlite_database, [], [Outbox(clock), Old()], "test", clock, ttl_s=3_600)
    for _ in range(3):
        await process.turn()
        clock.advance(0.5)
    assert left == [0]


async def test_stock_that_does_not_change_is_not_forgotten(shop: Shop) -> None:
    """The embedded store keeps stock for 30 days, and what is said again is not written: only news are."""
    await shop.rig.put("1", "2")
    await shop.passes(0)
    for _ in range(33):
        await shop.passes(86_400 + 301)
        shop.process._pruned_us = 0
    held = {row.tags[Tag.GTIN]: row.fields["on_hand"] for row in await shop.part.reader.latest(m.STOCK_SKU)}
    assert held == {SHIRT_S: 2}
    assert m.STOCK_SKU.keep_days == 30
