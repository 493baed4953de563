"""Alarms: names that must not collide, boards that must not fill up for good, a clock that goes back."""

from typing import Any

import numpy as np
from sqlalchemy import insert, select

from gateway.exceptions import reader
from gateway.exceptions.alarm import Kind, name_of
from gateway.exceptions.detect import never_read
from gateway.exceptions.facts import Look, Silence
from gateway.exceptions.last_reads import SiteReads
from gateway.exceptions.limits import FOUND_MAX, GRACE_US, LIVE_MAX, UNREAD_US
from gateway.fold.state import ItemKey
from gateway.replenishment.assortment import RunKey
from gateway.replenishment.size_alarms import SizeAlarms
from gateway.storage.commerce import disposition
from gateway.storage.engine import Database
from gateway.storage.schema import item
from tests.gateway.exceptions.test_exceptions_process import Shop
from tests.gateway.small_store import SHIRT_S, SITE


def test_two_things_have_two_names() -> None:
    alarms = SizeAlarms(SITE.id)
    assert alarms.name(RunKey("Polo/navy", "white")) != alarms.name(RunKey("Polo", "navy/white"))
    assert name_of(Kind.DOUBLE_TAG, SHIRT_S, "A/B", "C") != name_of(Kind.DOUBLE_TAG, SHIRT_S, "A", "B/C")
    assert name_of(Kind.CLONE, SHIRT_S, "A/jumps") != name_of(Kind.CLONE, SHIRT_S, "A", "jumps")
    assert name_of(Kind.CLONE, "a%2Fb") != name_of(Kind.CLONE, "a/b")
    assert name_of(Kind.SIZE_GAP, "Oxford", "navy") == "size_gap/Oxford/navy"


async def gone(shop: Shop, count: int, *, first: int = 0) -> None:
    """Let so many items have left unsold."""
    at_us = shop.rig.clock()
    row: dict[str, Any] = {"gtin": SHIRT_S, "owner": "own", "site": SITE.id, "state": "left_unsold", "since_us": at_us}
    rows = [row | {"serial": f"n{number:05d}"} for number in range(first, first + count)]
    async with shop.rig.database.write() as connection:
        await connection.execute(insert(disposition), rows)


async def test_a_flood_of_losses_does_not_fill_the_board_for_good(sqlite_database: Database) -> None:
    shop = await Shop.open(sqlite_database)
    await shop.till()
    await gone(shop, FOUND_MAX)
    await shop.wait(GRACE_US)
    await shop.look()
    live = await shop.live(Kind.LEFT_UNSOLD)
    assert len(live) == LIVE_MAX
    for one in live[:3]:
        await shop.rig.state(one.serial, "sold")
    await gone(shop, FOUND_MAX, first=FOUND_MAX)
    await shop.wait(GRACE_US)
    await shop.look()
    after = {one.serial for one in await shop.live(Kind.LEFT_UNSOLD)}
    assert after.isdisjoint(one.serial for one in live[:3]), "paid for: over, however many others there are"
    assert {one.serial for one in live[3:]} <= after, "still gone: not over because newer ones came"
    assert len(after) == LIVE_MAX, "and there is room for new ones"


async def test_items_that_three_sites_have_are_all_or_not_said_to_be_all(sqlite_database: Database) -> None:
    await Shop.open(sqlite_database, "store-002", "store-003")
    rows = [
        {"site": site, "gtin": SHIRT_S, "serial": f"n{n:05d}", "zone": "FLOOR", "since_us": 1, "m": 1}
        for site in (SITE.id, "store-002", "store-003")
        for n in range(FOUND_MAX // 2 + 5)
    ]
    async with sqlite_database.write() as connection:
        await connection.execute(insert(item), rows)
    async with sqlite_database.read() as connection:
        found, complete = await reader.twofold(connection, SITE.id)
        there = len((await connection.execute(select(item).where(item.c.site == SITE.id))).all())
    assert complete == (len(found) == there)


async def test_a_clock_that_goes_back_stops_no_look(sqlite_database: Database) -> None:
    shop = await Shop.open(sqlite_database)
    await shop.process.look()
    for micros in (0, -365 * 86_400_000_000):
        await shop.wait(micros)
        await shop.process.look()
    assert shop.process.figures.alarm_full_passes == 2


def silence_of(unread: dict[str, int], read: dict[str, int]) -> Silence:
    """Return the silence of a site with so many items by zone that were not read for long, and that are read now."""
    reads = SiteReads.__new__(SiteReads)
    reads.now_us = 10 * UNREAD_US
    zones = [zone for said in (unread, read) for zone, count in said.items() for _ in range(count)]
    reads._items = [ItemKey(SHIRT_S, str(number)) for number in range(len(zones))]
    reads._places = zones
    reads._read = np.array([1 + number for number in range(sum(unread.values()))] + [reads.now_us] * sum(read.values()))
    reads._told = np.zeros(len(zones), np.int64)
    return reads.silence()


def test_a_room_that_nobody_reads_hides_no_silent_item_elsewhere() -> None:
    found = silence_of({"BACK": FOUND_MAX + 5, "FLOOR": 2}, {"FLOOR": 8})
    alarms, unsaid = never_read(SITE.id, found, {"FLOOR": Look(live=True, since_us=0)}, {})
    assert ([alarm.zone for alarm in alarms], unsaid) == (["FLOOR"], frozenset({"BACK"}))
    assert found.whole, "of zones that are read all are named"
    assert not silence_of({"FLOOR": FOUND_MAX + 1}, {"FLOOR": FOUND_MAX + 1}).whole
