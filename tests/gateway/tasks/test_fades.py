"""Holds whose item fades while they last, on SQLite and PostgreSQL: a better one, another store, an alarm."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select

from gateway.exceptions.alarm import Kind as AlarmKind
from gateway.exceptions.store import open_alarms
from gateway.holds.life import State
from gateway.storage.commerce import reservation
from gateway.storage.engine import Database
from gateway.tasks.fades import Fades
from gateway.tasks.limits import FADE_SETTLE_S
from gateway.tasks.next_best import Lacking
from tests.gateway.holds.rig import Rig
from tests.gateway.tasks.task_rig import KIM, SITE, WEB, TaskRig, serials
from tests.gateway.tasks.test_order_tasks import EAST, East


class Floor:
    """Two stores, and the sweep of faded holds."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.east = East(rig)
        self.store = TaskRig.over(rig, self.east)
        self.fades = Fades(rig.database, rig.clock, rig.names, self.store.resourcing)

    async def alarms(self, site: str = SITE.id) -> list[dict[str, Any]]:
        async with self.rig.database.read() as connection:
            found = await open_alarms(connection, site, [AlarmKind.HOLD_FADED])
        return [{"serial": one.serial, **one.evidence} for one in found]

    async def settled(self) -> None:
        """Let an item be faded for so long that it counts."""
        await self.fades.sweep()
        self.rig.clock.advance(FADE_SETTLE_S)
        await self.fades.sweep()


@pytest.fixture
async def floor(database: Database) -> Floor:
    return Floor(await Rig(database).open(EAST))


async def ids(floor: Floor, name: str) -> list[str]:
    answer = await floor.store.holds.get(WEB, name)
    return [one.digital_link.rpartition("/")[2] for line in answer.lines for one in line.items]


async def test_a_better_item_of_the_same_store_takes_its_place(floor: Floor) -> None:
    await floor.rig.put("1", "2")
    name = await floor.store.order()
    held = await ids(floor, name)
    other = {"1": "2", "2": "1"}[held[0]]
    assert await floor.fades.sweep() == 0
    await floor.rig.put(held[0], chance=0.6)
    assert await ids(floor, name) == held, "it is not gone: nothing moves by itself"
    assert await floor.fades.sweep() == 1
    assert await ids(floor, name) == [other]
    assert floor.fades.counters()["holds_faded_moved"] == 1
    assert (await floor.rig.reasons())[-1] == "hold_moved"
    assert serials(await floor.store.one("pick")) == [other]
    assert await floor.fades.sweep() == 0
    await floor.rig.check()


async def test_an_item_that_is_picked_stays_whatever_readers_say(floor: Floor) -> None:
    await floor.rig.put("1", "2")
    name = await floor.store.order()
    await floor.store.do("pick")
    held = await ids(floor, name)
    await floor.rig.put(held[0], chance=0.6)
    assert await floor.fades.sweep() == 0
    assert await ids(floor, name) == held


async def test_what_nobody_looks_at_has_not_faded(floor: Floor) -> None:
    await floor.rig.put("1")
    await floor.store.order()
    await floor.rig.put("1", chance=0.6)
    await floor.rig.blind("FLOOR")
    assert await floor.fades.sweep() == 0


async def test_many_unsure_ones_are_as_good_as_a_sure_one(floor: Floor) -> None:
    """The channel was promised one of them, not this one."""
    await floor.rig.put("1", "2", "3", "4", chance=0.8)
    name = await floor.store.order()
    held = await ids(floor, name)
    await floor.settled()
    assert (await floor.alarms(), await ids(floor, name)) == ([], held)


async def test_an_order_to_be_sent_goes_to_the_next_store_when_it_lasts(floor: Floor) -> None:
    await floor.rig.put("1")
    await floor.rig.put("9", site=EAST)
    name = await floor.store.order(mode="ship_from_store")
    await floor.rig.put("1", chance=0.6)
    await floor.fades.sweep()
    floor.rig.clock.advance(FADE_SETTLE_S - 1)
    await floor.fades.sweep()
    assert (await floor.rig.state_of(name), floor.east.asked) == ("confirmed", []), "a shopper may have it in his hands"
    floor.rig.clock.advance(1)
    await floor.fades.sweep()
    assert await floor.rig.state_of(name) == "released"
    assert await floor.store.said(EAST) == ["pick"]
    assert serials(await floor.store.one("pick", EAST)) == ["9"]
    assert await floor.store.said() == []
    assert await floor.alarms() == []
    assert floor.fades.counters()["holds_faded_resourced"] == 1
    assert [step["step"] for step in await floor.rig.steps()][-2:] == ["re_sourced", "confirmed"]
    await floor.rig.check()


async def test_while_somebody_is_at_its_pick_an_order_stays_where_it_is(floor: Floor) -> None:
    await floor.rig.put("1")
    await floor.rig.put("9", site=EAST)
    name = await floor.store.order(mode="ship_from_store")
    await floor.store.tasks.claim(KIM, (await floor.store.one("pick")).id, "Kim")
    await floor.rig.put("1", chance=0.6)
    await floor.settled()
    assert (await floor.rig.state_of(name), floor.east.asked) == ("confirmed", [])


async def test_what_somebody_picks_meanwhile_stays(floor: Floor) -> None:
    """He found it while the other store was asked: nothing is handed on, and nothing is served twice."""
    await floor.rig.put("1")
    await floor.rig.put("9", site=EAST)
    name = await floor.store.order(mode="ship_from_store")
    await floor.rig.put("1", chance=0.6)

    class Found(East):
        async def hold(self, lacking: Lacking) -> Sequence[str]:
            found = await super().hold(lacking)
            await floor.store.do("pick")
            return found

    floor.store.resourcing.next_best = Found(floor.rig)
    await floor.settled()
    assert (await floor.rig.state_of(name), await ids(floor, name)) == ("picked", ["1"])
    assert await floor.store.said(EAST) == []
    assert floor.fades.counters()["holds_faded_resourced"] == 0
    await floor.rig.check()


async def test_what_nobody_has_is_an_alarm_until_it_is_sure_again(floor: Floor) -> None:
    await floor.rig.put("1")
    name = await floor.store.order(mode="ship_from_store")
    await floor.rig.put("1", chance=0.6)
    await floor.settled()
    (found,) = await floor.alarms()
    assert (found["serial"], found["reservation"], found["probability"], found["zone"]) == ("1", name, 0.6, "FLOOR")
    assert floor.fades.counters()["holds_faded_alarms"] == 1
    assert floor.fades.counters()["hold_fade_failures"] == 1, "the other store has none: it said so"
    assert await floor.rig.state_of(name) == "confirmed"
    await floor.fades.sweep()
    assert (len(await floor.alarms()), floor.fades.counters()["holds_faded_alarms"]) == (1, 1)
    await floor.rig.put("1", chance=0.99)
    await floor.fades.sweep()
    assert await floor.alarms() == []
    await floor.rig.check()


async def test_a_pickup_does_not_leave_its_store_and_an_alarm_ends_with_the_order(floor: Floor) -> None:
    await floor.rig.put("1")
    await floor.rig.put("9", site=EAST)
    name = await floor.store.order()
    await floor.rig.put("1", chance=0.6)
    await floor.settled()
    assert (len(await floor.alarms()), floor.east.asked) == (1, [])
    other = Fades(floor.rig.database, floor.rig.clock, floor.rig.names, floor.store.resourcing)
    await other.sweep()
    assert len(await floor.alarms()) == 1, "a gateway that has just begun does not clear what another one raised"
    await floor.store.holds.release(WEB, name)
    await other.sweep()
    assert await floor.alarms() == []


async def test_a_hold_that_nobody_confirmed_is_moved_but_is_no_alarm(floor: Floor) -> None:
    await floor.rig.put("1")
    made = await floor.rig.reserve(floor.store.holds, 1, ttl_s=900)
    await floor.rig.put("1", chance=0.6)
    await floor.settled()
    assert (await floor.alarms(), await floor.rig.state_of(made["id"])) == ([], State.HELD.value)
    await floor.rig.put("2")
    await floor.fades.sweep()
    assert await ids(floor, made["id"]) == ["2"]


async def test_an_item_of_a_hold_that_is_over_may_take_the_place(floor: Floor) -> None:
    """Then the old hold is not whole any more: nobody can confirm it on a gateway whose clock is behind."""
    await floor.rig.put("1", "2")
    old = await floor.rig.reserve(floor.store.holds, 1, ttl_s=5)
    name = await floor.store.order()
    (held,) = await ids(floor, name)
    floor.rig.clock.advance(6)
    await floor.rig.put(held, chance=0.6)
    await floor.fades.sweep()
    assert await ids(floor, name) != [held]
    async with floor.rig.database.read() as connection:
        states = {row.id: row.state for row in await connection.execute(select(reservation))}
    assert states[old["id"]] == "held"
    await floor.rig.check()
