"""Refill: what was looked for in vain in two places, and a clock that goes back."""

from dataclasses import replace

import pytest

from gateway.catalogue import import_catalogue
from gateway.replenishment.limits import CATALOGUE_S
from gateway.storage.engine import Database
from gateway.storage.site_register import register_site
from gateway.tasks.acts import Said
from tests.gateway.holds.rig import WEB
from tests.gateway.replenishment.refill_rig import CATALOGUE, MINUTE, SETTLED, SHIRT_S, SITE, Staff, Store
from wire.site import ZoneKind

TWO_BACK_ROOMS = replace(
    SITE, zones=tuple(replace(zone, kind=ZoneKind.BACK_ROOM) if zone.id == "FIT" else zone for zone in SITE.zones)
)


async def looked_for(store: Store, staff: Staff) -> str | None:
    """Say of the task that there is that nothing was found; return where it led to."""
    task = await store.one()
    await store.desk().cannot(WEB, task.id, Said("Kim", reason="not_found"))
    await staff.after(MINUTE)
    await staff.after(SETTLED)
    return task.from_zone


async def test_nobody_is_sent_to_and_fro_between_two_back_rooms(sqlite_database: Database) -> None:
    store = await Store(sqlite_database).stock_up()
    async with store.database.write() as connection:
        await register_site(connection, TWO_BACK_ROOMS, store.clock())
    await store.put("1", "2", zone="BACK", chance=0.99)
    await store.put("3", "4", zone="FIT", chance=0.98)
    staff = Staff(store)
    await staff.work()
    await staff.after(SETTLED)
    assert {await looked_for(store, staff), await looked_for(store, staff)} == {"BACK", "FIT"}
    assert [task.from_zone for task in await store.tasks()] == []
    assert staff.said()[SHIRT_S] == "refused"
    await staff.after(4 * 60 * MINUTE + SETTLED)
    assert len(await store.tasks()) == 1, "after some hours they are looked for again"


@pytest.mark.parametrize("back_s", [3_600, 365 * 86_400])
async def test_a_clock_that_goes_back_stops_no_refill_and_no_alarm(sqlite_database: Database, back_s: int) -> None:
    store = await Store(sqlite_database).stock_up()
    staff = Staff(store)
    await staff.work()
    await staff.after(SETTLED)
    await store.later(-back_s)
    for zone in ("BACK", "FLOOR"):
        await store.look(zone, live=True)
    await store.put("1", "2", zone="BACK", chance=0.98)
    await staff.after(MINUTE + 1)
    await staff.after(SETTLED)
    assert (await store.one()).gtin == SHIRT_S
    passes = staff.counters["refill_passes"]
    await staff.after(11 * MINUTE)
    assert staff.counters["refill_passes"] > passes
    assert [one.kind.value for one in await store.alarms()] == ["size_gap"]


async def test_a_catalogue_of_an_earlier_clock_is_heard_of(database: Database) -> None:
    """Of two imports at once the one that began first may end last; and a clock may have been put back."""
    store = await Store(database).stock_up()
    await store.put("1", zone="BACK")
    staff = Staff(store)
    await staff.work()
    changed = CATALOGUE.replace("Men,1,2,49.90", "Men,3,5,49.90")
    await import_catalogue(database, changed, store.clock() - 3_600_000_000)
    await staff.after(CATALOGUE_S + 1)
    sized = staff.process.works[SITE.id].assortment.runs.values()
    assert [one.target.low for run in sized for one in run if one.product.gtin == SHIRT_S] == [3]
