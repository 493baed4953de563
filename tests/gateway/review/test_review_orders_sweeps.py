"""Sweeps of faded holds and of tasks that run twice, meet others or see too much; and where a step is told of."""

import asyncio

import pytest
from sqlalchemy import text

from gateway.ledger.picture import SkuKey
from gateway.storage.commerce import binding
from gateway.storage.engine import Database
from gateway.tasks import fades
from gateway.tasks.fades import Fades
from tests.gateway.holds.rig import Rig
from tests.gateway.small_store import SHIRT_M
from tests.gateway.tasks.task_rig import KEY, SHIRT_S, TaskRig
from tests.gateway.tasks.test_fades import Floor
from tests.gateway.tasks.test_order_tasks import EAST, SHIRTS_M
from tests.gateway.wait import until


async def test_two_sweepers_tell_of_a_change_once(database: Database) -> None:
    store = await TaskRig.open(database)
    await store.rig.put("1")
    await store.rig.put("7", gtin=SHIRT_M)
    name = await store.order({KEY: 1, SHIRTS_M: 1})
    await store.rig.state("1", "damaged")
    await store.sweeper.sweep()
    assert await store.sweeper._on(name, store.sweeper._follow) == 0, "looked at again under the lock"
    assert [step["step"] for step in await store.rig.steps()] == ["confirmed", "changed"]


async def test_a_step_in_one_store_is_not_told_of_in_another(database: Database) -> None:
    store = await TaskRig.open(database, EAST)
    await store.rig.put("1")
    await store.rig.put("2", "3", site=EAST)
    await store.order({KEY: 1, SkuKey(EAST, SHIRT_S): 1}, mode="ship_from_store")
    await store.cannot("pick", "2", site=EAST)
    await store.do("pick", site=EAST)
    await store.do("pack", site=EAST)
    told = [(step["step"], step["site"]) for step in await store.rig.steps()]
    assert told[2:] == [("pick_missed", EAST), ("picked", EAST), ("packed", EAST)]


async def test_what_a_sweep_has_no_room_for_keeps_its_alarm(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor = Floor(await Rig(database).open(EAST))
    await floor.rig.put("1")
    await floor.rig.put("7", gtin=SHIRT_M)
    await floor.store.order({KEY: 1, SHIRTS_M: 1})
    await floor.rig.put("1", chance=0.6)
    await floor.rig.put("7", chance=0.6, gtin=SHIRT_M)
    await floor.settled()
    assert len(await floor.alarms()) == 2
    monkeypatch.setattr(fades, "FADE_MAX", 1)
    await floor.fades.sweep()
    assert len(await floor.alarms()) == 2
    assert floor.fades.counters()["holds_faded_left_out"] == 1


async def test_a_better_item_that_another_store_binds_at_this_moment(postgres_url: str) -> None:
    """It stands in both: the sweep loses the race, counts that, and goes on."""
    one, two = Database(postgres_url), Database(postgres_url)
    floor = Floor(await Rig(one).open(EAST))
    await floor.rig.put("1")
    await floor.store.order()
    await floor.rig.put("2")
    await floor.rig.put("3", site=EAST)
    theirs = await floor.rig.reserve(floor.store.holds, {SkuKey(EAST, SHIRT_S): 1})
    await floor.rig.put("1", chance=0.6)
    await floor.rig.put("2", site=EAST)
    sweep = Fades(two, floor.rig.clock, floor.rig.names, floor.store.resourcing, every_s=0.01)
    async with one.write() as connection:
        row = {"gtin": SHIRT_S, "serial": "2", "site": EAST, "reservation": theirs["id"], "line": 0, "picked": False}
        await connection.execute(binding.insert(), row | {"bound_us": 0})
        running = asyncio.create_task(sweep.run())
        async with asyncio.timeout(20):
            while not await _waits(one):  # noqa: ASYNC110 - what is waited for is another connection
                await asyncio.sleep(0.01)
    await until(lambda: running.done() or sweep.figures.hold_fade_sweeps >= 2)
    sweep.stop()
    await running
    assert sweep.figures.hold_fade_failures == 1
    await one.close()
    await two.close()


async def _waits(database: Database) -> bool:
    async with database.read() as connection:
        return bool(await connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))
