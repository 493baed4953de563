"""A web order in the hands of a store, on SQLite and PostgreSQL: picked, missed, packed, handed over, not collected."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest
from sqlalchemy import select

from gateway.holds.errors import WrongStateError
from gateway.holds.limits import COLLECT_S
from gateway.ledger.picture import SkuKey
from gateway.storage.commerce import disposition, reservation, untagged
from gateway.storage.engine import Database
from gateway.tasks.acts import Said
from gateway.tasks.errors import (
    ClaimedError,
    ForeignTaskItemError,
    ItemNeededError,
    TaskChangedError,
    TaskStateError,
    UnknownTaskError,
    VersionNeededError,
)
from gateway.tasks.next_best import Lacking
from tests.gateway.holds.rig import Rig
from tests.gateway.small_store import SHIRT_M
from tests.gateway.tasks.task_rig import KEY, KIM, SHIRT_S, SITE, WEB, TaskRig, serials

SHIRTS_M = SkuKey(SITE.id, SHIRT_M)
EAST = "store-002"
HOUR_S = 3_600


@pytest.fixture
async def store(database: Database) -> TaskRig:
    return await TaskRig.open(database)


async def test_web_order_to_the_hands_over_a_miss(store: TaskRig) -> None:
    """Web order -> confirm -> pick -> miss -> the next item -> picked -> handed over."""
    rig = store.rig
    await rig.put("1", zone="FLOOR")
    await rig.put("2", zone="BACK", chance=0.98)
    made = await rig.reserve(store.holds, 1)
    assert await store.said() == [], "who only holds gives nobody work"
    await store.holds.confirm(WEB, made["id"])
    pick = await store.one("pick")
    assert (pick.state, pick.reservation, pick.mode, pick.quantity) == ("open", made["id"], "pickup", 1)
    (line,) = pick.lines
    assert (serials(pick), line.items[0].zone, line.items[0].confidence) == (["1"], "FLOOR", 1.0)
    assert pick.due_at == "2026-11-18T11:36:40.000Z", "half an hour of handling: the site is always open"
    mine, _ = await store.tasks.claim(KIM, pick.id, "Kim")
    assert (mine.state, mine.claimed_by, mine.claim_ends_at) == ("claimed", "Kim", "2026-11-18T11:21:40.000Z")
    missed, replayed = await store.tasks.cannot(KIM, pick.id, Said("Kim", ((SHIRT_S, "1"),), reason="not_found"))
    assert (missed.state, missed.claimed_by, serials(missed), replayed) == ("claimed", "Kim", ["2"], False)
    assert missed.lines[0].items[0].zone == "BACK"
    again, replayed = await store.tasks.cannot(KIM, pick.id, Said("Kim", ((SHIRT_S, "1"),), reason="not_found"))
    assert (again, replayed) == (missed, True)
    assert await rig.atp() == 0
    picked, _ = await store.tasks.done(KIM, pick.id, Said("Kim"))
    assert (picked.state, picked.lines[0].items[0].picked) == ("done", True)
    assert await rig.state_of(made["id"]) == "picked"
    assert await store.said() == ["hand_over"]
    assert (await store.one("hand_over")).due_at == "2026-11-21T11:06:40.000Z"
    await rig.check()
    await store.do("hand_over")
    assert await rig.state_of(made["id"]) == "fulfilled"
    assert await rig.sold() == ["2"]
    assert await store.states() == {"pick": "done", "hand_over": "done"}
    await rig.check()
    reasons = [reason for reason in await rig.reasons() if reason != "moved"]
    assert reasons[0] == "held"
    assert reasons[-1] == "fulfilled"


async def test_a_pickup_that_nobody_collects_is_for_sale_again_and_goes_back(store: TaskRig) -> None:
    rig = store.rig
    await rig.put("1", zone="BACK")
    name = await store.order()
    answer = await store.holds.get(WEB, name)
    assert (answer.collect_by, answer.expires_at) == ("2026-11-21T11:06:40.000Z", None)
    await store.do("pick")
    rig.clock.advance(COLLECT_S - 1)
    assert await store.sweeper.sweep() == 0
    assert await store.sweeper._on(name, store.sweeper._release) == 0, "looked at again under the lock"
    assert await rig.atp() == 0
    rig.clock.advance(1)
    assert await store.sweeper.sweep() == 1
    assert await rig.state_of(name) == "released"
    assert await rig.atp() == 1
    assert (await rig.reasons())[-1] == "no_show"
    (back,) = await store.waiting()
    assert (back.kind, serials(back), back.to_zone, back.reason) == ("put_back", ["1"], "BACK", "no_show")
    assert (await store.holds.get(WEB, name)).collect_by is None
    assert await store.sweeper.sweep() == 0
    await store.do("put_back")
    assert await store.said() == []
    await rig.check()
    assert store.sweeper.figures.pickups_not_collected == 1


async def test_a_shop_may_say_how_long_it_waits_and_a_parcel_has_no_collector(store: TaskRig) -> None:
    await store.rig.put("1", "2")
    short = await store.order(collect_s=HOUR_S)
    sent = await store.order(mode="ship_from_store")
    assert (await store.holds.get(WEB, short)).collect_by == "2026-11-18T12:06:40.000Z"
    assert (await store.holds.get(WEB, sent)).collect_by is None
    store.rig.clock.advance(HOUR_S)
    await store.sweeper.sweep()
    assert [await store.rig.state_of(name) for name in (short, sent)] == ["released", "confirmed"]
    assert await store.said() == ["pick"], "what nobody picked need not go back"


async def test_said_at_the_counter_that_nobody_came(store: TaskRig) -> None:
    await store.rig.put("1")
    name = await store.order()
    await store.do("pick")
    hand = await store.one("hand_over")
    said = Said(reason="not_collected")
    assert (await store.tasks.cannot(WEB, hand.id, said))[0].state == "cannot"
    assert (await store.tasks.cannot(WEB, hand.id, said))[1], "a repeat"
    assert await store.rig.state_of(name) == "released"
    assert await store.said() == ["put_back"]
    await store.rig.check()


async def test_what_is_sent_is_packed(store: TaskRig) -> None:
    await store.rig.put("1", "2")
    await store.rig.put("7", gtin=SHIRT_M, zone="BACK")
    name = await store.order({KEY: 2, SHIRTS_M: 1}, mode="ship_from_store")
    assert [(row.kind, serials(row)) for row in await store.waiting()] == [("pick", ["7"]), ("pick", ["1", "2"])]
    shirts = (await store.waiting())[1]
    half, _ = await store.tasks.done(WEB, shirts.id, Said(items=((SHIRT_S, "1"),)))
    assert (half.state, [one.picked for one in half.lines[0].items]) == ("open", [True, False])
    await store.tasks.done(WEB, shirts.id, Said())
    assert await store.said() == ["pick"]
    await store.do("pick")
    pack = await store.one("pack")
    assert (pack.quantity, serials(pack)) == (3, ["1", "2", "7"])
    await store.do("pack")
    assert await store.said() == ["hand_over"]
    await store.do("hand_over")
    assert await store.rig.state_of(name) == "fulfilled"
    assert await store.rig.sold() == ["1", "2", "7"]


async def test_a_torn_one_at_the_packing_table(store: TaskRig) -> None:
    """What is damaged there is no longer for sale; the next best one is picked, and packing begins anew."""
    await store.rig.put("1", "2")
    await store.order(mode="ship_from_store")
    await store.do("pick")
    with pytest.raises(ItemNeededError):
        await store.cannot("pack")
    with pytest.raises(ForeignTaskItemError):
        await store.cannot("pack", "9")
    pack = await store.one("pack")
    assert (await store.cannot("pack", "1", reason="damaged")).state == "closed"
    repeat = await store.tasks.cannot(WEB, pack.id, Said(items=((SHIRT_S, "1"),), reason="damaged"))
    assert repeat[1], "a repeat, of a task that is over"
    assert [(row.kind, serials(row), row.reopened) for row in await store.waiting()] == [("pick", ["2"], 1)]
    async with store.rig.database.read() as connection:
        assert [row.state for row in await connection.execute(select(disposition))] == ["damaged"]
    await store.do("pick")
    await store.do("pack")
    await store.do("hand_over")
    assert await store.rig.sold() == ["2"]


async def test_a_unit_that_comes_back_is_picked_after_all(store: TaskRig) -> None:
    await store.rig.put("1")
    await store.order()
    gone = await store.cannot("pick", "1")
    assert (gone.state, gone.reason, gone.lines[0].substitution_needed) == ("cannot", "substitution_needed", 1)
    assert await store.said() == []
    assert await store.sweeper.sweep() == 0
    await store.rig.put("2", zone="BACK")
    assert await store.sweeper.sweep() == 1
    again = await store.one("pick")
    assert (serials(again), again.reopened) == (["2"], 1)
    await store.rig.put("2", zone="OUT", chance=0.0)
    assert await store.sweeper.sweep() == 1
    assert await store.said() == []
    assert store.sweeper.figures.orders_followed_up == 2


async def test_units_without_tags(store: TaskRig) -> None:
    """They have no name: a miss is of a version that was seen, so that a repeat is no second miss."""
    await store.rig.book(2)
    name = await store.order(2)
    pick = await store.one("pick")
    assert (serials(pick), pick.lines[0].untagged) == ([], 2)
    with pytest.raises(VersionNeededError):
        await store.cannot("pick")
    with pytest.raises(TaskChangedError):
        await store.cannot("pick", version=pick.version + 1)
    await store.rig.put("5", "6")
    missed = await store.cannot("pick", version=pick.version)
    assert (serials(missed), missed.lines[0].untagged) == (["5", "6"], 0)
    with pytest.raises(ItemNeededError):
        await store.cannot("pick", version=missed.version)
    async with store.rig.database.read() as connection:
        states = {row.state: row.quantity for row in await connection.execute(select(untagged))}
    assert states == {"available": 0, "missing": 2}
    await store.do("pick")
    await store.do("hand_over")
    assert await store.rig.state_of(name) == "fulfilled"
    await store.rig.check()


async def test_units_without_tags_are_taken_by_word_and_go_back_by_number(store: TaskRig) -> None:
    await store.rig.book(2)
    name = await store.order(2)
    assert (await store.do("pick")).state == "done"
    assert await store.said() == ["hand_over"]
    await store.holds.release(WEB, name)
    back = await store.one("put_back")
    assert (back.quantity, back.lines[0].gtin, serials(back)) == (2, SHIRT_S, [])


async def test_another_one_of_the_rail_will_do(store: TaskRig) -> None:
    await store.rig.put("1", "2")
    await store.order()
    with pytest.raises(ForeignTaskItemError):
        await store.do("pick", (SHIRT_M, "2"))
    task = await store.do("pick", (SHIRT_S, "2"))
    assert (task.state, serials(task)) == ("done", ["2"])
    await store.rig.check()


async def test_the_verbs_of_reservations_do_the_same(store: TaskRig) -> None:
    """Who works by reservations and not by tasks leaves no task behind."""
    await store.rig.put("1", "2", "3")
    await store.rig.book(1)
    name = await store.order(4)
    await store.holds.pick(WEB, name)
    assert await store.states() == {"pick": "done", "hand_over": "open"}
    await store.holds.pick_miss(WEB, name, (SHIRT_S, "1"))
    assert await store.states() == {"pick": "done", "hand_over": "open"}, "three are in hand: they go over"
    await store.holds.fulfil(WEB, name)
    assert await store.states() == {"pick": "done", "hand_over": "closed"}
    await store.rig.check()


async def test_a_warehouse_is_given_no_tasks(store: TaskRig) -> None:
    await store.rig.put("1")
    name = await store.order(mode="ship")
    await store.holds.pick(WEB, name)
    await store.holds.fulfil(WEB, name)
    assert await store.states() == {}


async def test_a_task_of_an_order_that_is_over(store: TaskRig) -> None:
    await store.rig.put("1")
    name = await store.order()
    pick = await store.one("pick")
    await store.holds.release(WEB, name)
    with pytest.raises(TaskStateError, match=r"closed \(released\)"):
        await store.tasks.done(WEB, pick.id, Said())
    with pytest.raises(UnknownTaskError):
        await store.tasks.done(replace(KIM, sites=frozenset({EAST})), pick.id, Said())
    with pytest.raises(UnknownTaskError):
        await store.tasks.claim(WEB, "nothing")


async def test_two_pickers_of_one_task_and_a_release_at_once(database: Database) -> None:
    store = await TaskRig.open(database)
    await store.rig.put(*"123456")
    for turn in range(6):
        name = await store.order(name=f"o{turn}")
        pick = await store.one("pick")
        said = Said()
        outcomes = await asyncio.gather(
            store.tasks.done(WEB, pick.id, said),
            store.tasks.done(WEB, pick.id, said),
            store.holds.release(WEB, name),
            store.tasks.claim(KIM, pick.id),
            return_exceptions=True,
        )
        assert all(isinstance(one, (tuple, ClaimedError, TaskStateError, WrongStateError)) for one in outcomes), (
            outcomes
        )
        assert await store.rig.state_of(name) == "released"
        assert await store.said() in ([], ["put_back"])
        if await store.said():
            await store.do("put_back")
        await store.rig.check()


async def test_sites_hand_over_one_by_one(database: Database) -> None:
    """Of one reservation over two sites each hands over its own; the last ends it."""
    store = await TaskRig.open(database, EAST)
    await store.rig.put("1")
    await store.rig.put("2", site=EAST)
    name = await store.order({KEY: 1, SkuKey(EAST, SHIRT_S): 1}, mode="ship_from_store")
    for kind in ("pick", "pack", "hand_over"):
        await store.do(kind)
    assert await store.rig.sold() == ["1"]
    assert await store.rig.state_of(name) == "confirmed"
    assert await store.states() == {"pick": "done", "pack": "done", "hand_over": "done"}, "it did its part"
    assert await store.said(EAST) == ["pick"]
    await store.rig.check()
    for kind in ("pick", "pack", "hand_over"):
        await store.do(kind, site=EAST)
    assert await store.rig.state_of(name) == "fulfilled"
    assert await store.rig.sold() == ["1", "2"]
    await store.rig.check()


class East:
    """Holds whatever is asked for in the other store, if that has it."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.holds = rig.holds()
        self.asked: list[Lacking] = []

    async def hold(self, lacking: Lacking) -> Sequence[str]:
        self.asked.append(lacking)
        wishes = {SkuKey(EAST, gtin): units for gtin, units in lacking.lines}
        asked = replace(self.rig.asked(wishes, name=f"e{len(self.asked)}"), mode=lacking.mode)
        made = await self.holds.reserve(asked)
        return [msgspec.json.decode(made.body)["id"]]


async def with_east(database: Database) -> tuple[TaskRig, East]:
    rig = await Rig(database).open(EAST)
    east = East(rig)
    return TaskRig.over(rig, east), east


async def test_a_miss_is_served_by_the_next_store_at_once(database: Database) -> None:
    store, east = await with_east(database)
    await store.rig.put("1")
    await store.rig.put("7", gtin=SHIRT_M)
    await store.rig.put("2", site=EAST)
    name = await store.order({KEY: 1, SHIRTS_M: 1}, mode="ship_from_store")
    shirt = next(row for row in await store.waiting() if row.lines[0].gtin == SHIRT_S)
    answer, _ = await store.tasks.cannot(WEB, shirt.id, Said(items=((SHIRT_S, "1"),)))
    assert (answer.state, answer.reason) == ("closed", "line_gone")
    assert [(one.site, one.lines, one.mode) for one in east.asked] == [(SITE.id, ((SHIRT_S, 1),), "ship_from_store")]
    (there,) = await store.waiting(EAST)
    assert (there.kind, serials(there)) == ("pick", ["2"])
    async with store.rig.database.read() as connection:
        rows = {row.id: row for row in await connection.execute(select(reservation))}
    assert {row.order_id for row in rows.values()} == {name}
    assert {row.state for row in rows.values()} == {"confirmed"}
    assert [line.gtin for line in (await store.holds.get(WEB, name)).lines] == [SHIRT_M]
    await store.rig.check()
    assert store.resourcing.figures.pick_misses_resourced == 1


async def test_an_order_of_which_nothing_is_left_here(database: Database) -> None:
    store, _ = await with_east(database)
    await store.rig.put("1")
    await store.rig.put("2", site=EAST)
    name = await store.order(mode="ship_from_store")
    answer = await store.cannot("pick", "1")
    assert answer.state == "cannot"
    assert await store.rig.state_of(name) == "released"
    assert (await store.holds.get(WEB, name)).state == "released"
    assert await store.said(EAST) == ["pick"]
    await store.rig.check()


async def test_nobody_else_has_it_or_the_buyer_comes_here(database: Database) -> None:
    store, east = await with_east(database)
    await store.rig.put("1", "3")
    sent = await store.order(mode="ship_from_store")
    assert (await store.cannot("pick", "1")).lines[0].substitution_needed == 0, "the next one here comes first"
    assert east.asked == []
    await store.rig.put("2", site=EAST)
    other = await store.rig.reserve(store.holds, {SkuKey(EAST, SHIRT_S): 1})
    left = await store.cannot("pick", "3")
    assert (left.state, left.lines[0].substitution_needed) == ("cannot", 1)
    assert store.resourcing.figures.pick_miss_resource_failures == 1
    assert await store.rig.state_of(sent) == "confirmed"
    await store.holds.release(WEB, other["id"])
    await store.holds.release(WEB, sent)
    await store.rig.put("4")
    await store.order()
    left = await store.cannot("pick", "4")
    assert (left.state, left.lines[0].substitution_needed, len(east.asked)) == ("cannot", 1, 1)
    await store.rig.check()


async def test_what_came_back_meanwhile_is_not_served_twice(database: Database) -> None:
    store, east = await with_east(database)
    await store.rig.put("1")
    await store.rig.put("2", site=EAST)

    class Slow(East):
        async def hold(self, lacking: Lacking) -> Sequence[str]:
            found = await super().hold(lacking)
            await self.rig.put("3", zone="BACK")  # the fold sees another one before we are done
            return found

    store.resourcing.next_best = Slow(store.rig)
    name = await store.order(mode="ship_from_store")
    answer = await store.cannot("pick", "1")
    assert serials(answer) == ["3"]
    await store.sweeper.sweep()
    assert await store.said() == ["pick"]
    assert await store.said(EAST) == []
    assert await store.rig.state_of(name) == "confirmed"
    assert store.resourcing.figures.pick_misses_unserved == 1
    assert east.asked == []
    assert await store.rig.atp(SkuKey(EAST, SHIRT_S)) == 1, "what was held there for it is given back"
    await store.rig.check()


async def test_the_last_one_is_lost_at_the_counter(store: TaskRig) -> None:
    await store.rig.put("1")
    await store.order()
    await store.do("pick")
    hand = await store.cannot("hand_over", "1")
    assert (hand.state, hand.reason) == ("closed", "picked_anew")
    assert await store.said() == []
    assert (await store.states())["pick"] == "cannot"
    await store.rig.check()
