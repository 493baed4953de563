"""What the catalogue promises is written; and figures are right where a person can say what they are."""

import re
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select, update

from gateway.series.shelf import ShelfView
from gateway.storage.commerce import binding
from gateway.storage.engine import Database
from gateway.storage.schema import gap, item
from tests.gateway.series.shop import Shop, checks_here, edge_state_of, lived_shop
from tests.gateway.small_store import SHIRT_M, SHIRT_S
from wire import measurements as m
from wire.measurement import Measurement, Tag
from wire.site import OUT

LATER = {
    "series_store": {"failures", "over_limit", "unfit", "refused", "dropped", "send_failures"},
    "series_store_server": {"waiting_points", "waiting_bytes", "waiting_s", "sent"},
}
"""Fields that need a failure, or a server: `test_series_outage.py` and `test_process.py` have them."""


@pytest.fixture
async def shop(sqlite_database: Database, sqlite_url: str) -> AsyncIterator[Shop]:
    async with lived_shop(sqlite_database, sqlite_url, checker=checks_here(sqlite_database)) as lived:
        yield lived


def values(shop: Shop, measurement: Measurement, **tags: str) -> dict[str, Any]:
    """The newest value of each field of the series with these tags."""
    found: dict[str, Any] = {}
    for point in shop.points:
        own = {key.value: value for key, value in point.series.tags}
        if point.series.measurement == measurement and all(own[name] == value for name, value in tags.items()):
            found |= point.fields
    return found


def total(shop: Shop, measurement: Measurement, name: str, **tags: str) -> Any:
    mine = [
        point
        for point in shop.points
        if point.series.measurement == measurement
        and all(point.series.tag(Tag(key)) == value for key, value in tags.items())
    ]
    return sum(point.fields.get(name, 0) for point in mine)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite_file: Path) -> AsyncIterator[Shop]:
    """A shop that has lived, for tests that only look at what was written."""
    file = tmp_path_factory.mktemp("told") / "gateway.db"
    shutil.copy(migrated_sqlite_file, file)
    database = Database(f"sqlite:///{file}")
    async with lived_shop(database, f"sqlite:///{file}", checker=checks_here(database)) as lived:
        yield lived
    await database.close()


async def test_every_measurement_and_field_is_written(database: Database, database_url: str) -> None:
    async with lived_shop(database, database_url) as shop:
        check_all_is_written(shop)


def check_all_is_written(shop: Shop) -> None:
    written: dict[str, set[str]] = defaultdict(set)
    for point in shop.points:
        written[point.series.measurement.name] |= point.fields.keys()
    later = LATER["series_store"] | LATER["series_store_server"]
    missing = {
        name: gone
        for name, one in m.CATALOGUE.items()
        if (gone := one.by_name.keys() - written[name] - (later if name == "series_store" else set()))
    }
    assert missing == {}
    assert (shop.process.figures.series_failures, shop.process.figures.series_unfit) == (0, 0)


@pytest.mark.asyncio(loop_scope="module")
async def test_the_embedded_store_holds_what_was_written(told: Shop) -> None:
    for one in m.CATALOGUE.values():
        mine = {point.series: point for point in told.points if point.series.measurement == one}
        held = {tuple(row.tags.values()): row for row in await told.part.reader.latest(one)}
        assert held.keys() == {tuple(value for _, value in series.tags) for series in mine}
        for series, point in mine.items():
            row = held[tuple(value for _, value in series.tags)]
            assert {name: row.fields[name] for name in point.fields} == point.fields


@pytest.mark.asyncio(loop_scope="module")
async def test_no_tag_names_an_item(told: Shop) -> None:
    for point in told.points:
        for key, value in point.series.tags:
            assert not re.search(r"urn:epc|[0-9A-F]{24}", value, re.IGNORECASE), (key, value)
    assert {key for point in told.points for key, _ in point.series.tags} <= set(Tag)


@pytest.mark.asyncio(loop_scope="module")
async def test_stock_is_that_of_the_rows(told: Shop) -> None:
    small = values(told, m.STOCK_SKU, gtin=SHIRT_S)
    assert (small["on_hand"], small["floor"], small["back"], small["held"], small["low"]) == (4, 3, 1, 1, 1)
    assert m.STOCK_SKU.field("shown").words[small["shown"]] == "shown"
    medium = values(told, m.STOCK_SKU, gtin=SHIRT_M)
    assert (medium["on_hand"], medium["untagged"], medium["floor"]) == (2, 2, 0)
    assert values(told, m.STOCK_ZONE, gtin=SHIRT_M, zone="BACK") == {"units": 0}
    assert values(told, m.STOCK_ZONE, gtin=SHIRT_S, zone="BACK") == {"units": 1}
    assert values(told, m.SITE)["on_hand"] == 6
    assert values(told, m.ZONE, zone="FLOOR")["units"] == 3
    assert sum(values(told, m.CONFIDENCE, band=band)["skus"] for band in m.BANDS) == 2
    assert values(told, m.PROMISE, department="Men")["on_hand"] == 6


@pytest.mark.asyncio(loop_scope="module")
async def test_deltas_add_up_to_what_happened(told: Shop) -> None:
    assert total(told, m.MOVEMENTS, "units", came_from="OUT", went_to="sales_floor") == 0  # before the first look
    assert total(told, m.MOVEMENTS, "units", came_from="back_room", went_to="sales_floor") == 1
    assert total(told, m.MOVEMENTS, "units", went_to="OUT") == 1
    assert total(told, m.MOVEMENTS, "delay_s") == 2.0
    assert total(told, m.POSTINGS, "units", cause="fulfil") == 2
    assert total(told, m.POSTINGS, "units", cause="pick_miss", came_from="available", went_to="missing") == 1
    assert values(told, m.DISPOSITION, state="missing") == {"units": 1}
    flow = {name: total(told, m.TASK_FLOW, name) for name in m.TASK_FLOW.by_name}
    ended = total(told, m.TASK_FLOW, "opened", task="check"), flow["done"], flow["cannot"], flow["closed"]
    assert (ended, flow["reopened"], flow["took_s"]) == ((3, 1, 1, 1), 1, 1.0)
    steps = {step: total(told, m.RESERVATION_FLOW, "holds", step=step) for step in ("held", "fulfilled", "released")}
    assert steps == {"held": 3, "fulfilled": 1, "released": 1}
    assert total(told, m.EXCEPTIONS, "raised") == 1
    assert (total(told, m.GAPS, "observations"), total(told, m.GAPS, "lost_s")) == (40, 2.0)
    assert total(told, m.FOLD, "quarantined") == 1
    assert total(told, m.FOLD, "observations") == 1_000  # 2,000 now, and 1,000 were there before the first look
    assert total(told, m.EDGE, "evicted") == total(told, m.DEVICE, "reads") == 150
    assert (total(told, m.API, "requests", status="2xx"), total(told, m.PIPELINE, "appended")) == (1, 5)
    kinds = {point.series.tag(Tag.KIND) for point in told.points if point.series.measurement == m.EVENT}
    assert kinds == {"delivery", "count", "deployment", "outage"}


@pytest.mark.asyncio(loop_scope="module")
async def test_promises_are_held_against_what_was_found(told: Shop) -> None:
    sure = {name: total(told, m.CALIBRATION, name, band="from_0.99") for name in m.CALIBRATION.by_name}
    assert sure == {"asked": 2, "found": 1, "expected": 2.0}
    said_nothing = total(told, m.CALIBRATION, "asked", band="unknown")  # the one that came in for the lost one
    assert said_nothing == 1


async def test_what_is_gone_goes_to_zero_once(shop: Shop) -> None:
    shop.shelf = ShelfView({}, (), complete=True)
    new = await shop.passes(61)
    gone = {point.series.measurement.name: point.fields for point in new}
    assert (gone["size_gap"]["runs"], gone["size_gap_run"]["open"], gone["floor"]["carried"]) == (0, False, 0)
    again = {point.series.measurement.name for point in await shop.passes(61)}
    assert not again & {"size_gap_run", "floor"}


async def test_an_edge_that_is_gone_is_an_outage_and_comes_back(shop: Shop) -> None:
    def events(points: list[Any]) -> list[str]:
        return [str(point.fields["title"]) for point in points if point.series.measurement == m.EVENT]

    words = m.EDGE.field("online").words
    assert words[values(shop, m.EDGE)["online"]] == "silent"
    await shop.edge_says(edge_state_of(shop, reads=300))
    assert events(await shop.passes(11)) == ["Edge box-1 is online"]
    await shop.edge_says(edge_state_of(shop, reads=0, what="death"))
    assert events(await shop.passes(11)) == ["Edge box-1 is offline"]
    before = total(shop, m.EDGE, "observations")
    await shop.edge_says(edge_state_of(shop, reads=320))
    await shop.passes(11)
    assert total(shop, m.EDGE, "observations") == before + 20


async def test_rows_that_are_too_young_are_left_to_the_next_look(shop: Shop) -> None:
    lost = {"cause": "queue_full", "from_seq": 1, "to_seq": 2, "detail": "", "recorded_us": shop.clock()}
    await shop.insert(gap, site="store-001", edge="box-1", **lost)
    shop.process._due_us = [0] * len(shop.process.looks)
    await shop.passes(1)
    assert total(shop, m.GAPS, "gaps", cause="queue_full") == 0
    await shop.passes(11)
    await shop.passes(11)
    assert total(shop, m.GAPS, "gaps", cause="queue_full") == 1


async def test_nothing_oversold_until_something_is(shop: Shop) -> None:
    assert values(shop, m.BOOKS)["oversold"] == 0
    async with shop.rig.database.write() as connection:
        held = (await connection.execute(select(binding))).one()
        place = {"zone": OUT}
        mine = (item.c.gtin == held.gtin) & (item.c.serial == held.serial)
        await connection.execute(update(item).where(mine).values(place))
    await shop.passes(61)
    assert values(shop, m.BOOKS)["oversold"] == 1
