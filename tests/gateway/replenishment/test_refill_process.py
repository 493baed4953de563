"""Refill tasks from rows to rows: opened, changed, closed, opened again, with the words that people read."""

from dataclasses import replace

import pytest
from sqlalchemy import delete

from gateway.catalogue import import_catalogue
from gateway.ledger.picture import SkuKey
from gateway.replenishment.judging import Rules
from gateway.replenishment.refill import RefillRules
from gateway.site_view import SiteViews
from gateway.stock_event import zone_body
from gateway.storage.schema import change
from gateway.storage.site_register import register_site
from gateway.tasks.acts import Said
from gateway.tasks.life import State
from tests.gateway.holds.rig import WEB
from tests.gateway.replenishment.refill_rig import (
    CATALOGUE,
    HEADER,
    MINUTE,
    SETTLED,
    SHIRT_M,
    SHIRT_S,
    SITE,
    Database,
    Staff,
    Store,
    detail,
)
from wire.site import OUT, ZoneKind

SHIRT_L = "09506000134376"


@pytest.fixture
async def store(sqlite_database: Database) -> Store:
    return await Store(sqlite_database).stock_up()


@pytest.fixture
async def any_store(database: Database) -> Store:
    """A store of each kind of database: for what is read and written."""
    return await Store(database).stock_up()


async def asked_for(store: Store, *serials: str, floor: int = 0) -> Staff:
    """A staff with one open task: these items lie in the back room."""
    await store.put(*(serials or ("1", "2", "3")), zone="BACK", chance=0.98)
    if floor:
        await store.put(*(f"f{number}" for number in range(floor)), zone="FLOOR", chance=0.98)
    staff = Staff(store)
    await staff.work()
    await staff.after(SETTLED)
    return staff


async def test_a_size_that_lies_in_the_back_room_only_is_asked_for(any_store: Store) -> None:
    store = any_store
    await store.put("1", "2", "3", zone="BACK", chance=0.98)
    staff = Staff(store)
    await staff.work()
    assert await store.tasks() == []
    assert staff.said() == {SHIRT_S: "settling", SHIRT_M: "empty"}
    await staff.after(SETTLED)
    task = await store.one()
    assert (task.kind.value, task.state.value, task.dedup) == ("refill", "open", f"refill/{SHIRT_S}")
    assert (task.quantity, task.serials, task.from_zone, task.to_zone) == (2, ("1", "2"), "BACK", "FLOOR")
    assert (task.department, task.urgency, task.due_us) == ("Men", 0, store.clock() + 15 * 60_000_000)
    words = "0 on the floor, 1 to 2 belong there; 3 in the back room with probability 0.9 or more; a core size"
    assert task.reason == words
    assert detail(task) == {
        "from_zones": ["BACK"],
        "to_zones": ["FLOOR"],
        "unread": 0,
        "reasons": words.split("; "),
        "last": False,
    }
    await staff.after(MINUTE)
    assert await store.tasks() == [task]  # nothing new, nothing written
    assert staff.counters["refill_tasks_opened"] == 1


@pytest.mark.parametrize("claimed", [False, True])
async def test_moves_to_the_floor_close_it_whoever_has_it(any_store: Store, claimed: bool) -> None:
    store = any_store
    staff = await asked_for(store)
    task = await store.one()
    if claimed:
        await store.desk().claim(WEB, task.id, "Kim")
    await store.later(MINUTE)
    await store.put("3", zone="FLOOR", chance=0.95)  # any other of the size will do
    await staff.work()
    await staff.after(MINUTE)
    half = await store.one()
    assert (detail(half)["moved"], half.state.value) == (1, "claimed" if claimed else "open")
    await store.put("1", zone="FLOOR", chance=0.95)
    await staff.work()
    assert not (await store.one()).over  # it may still go back
    await staff.after(31)
    over = await store.one(over=True)
    assert (over.state.value, over.reason, detail(over)["by"]) == ("closed", "the reads show 2 of 2", "reads")
    assert staff.counters["refill_tasks_closed_by_reads"] == 1
    assert SHIRT_S not in staff.said()


async def test_a_word_that_the_reads_contradict_opens_it_again_then_is_disputed(store: Store) -> None:
    staff = await asked_for(store)
    task = await store.one()
    for again in (1, 2):
        await store.done(task.id, 2)
        await staff.work()
        await staff.after(4 * MINUTE)
        assert (await store.one()).state is State.DONE
        await staff.after(MINUTE + 1)
        if again == 1:
            opened = await store.one()
            assert (opened.state.value, opened.done_us, opened.word, opened.reopened) == ("open", None, None, 1)
            assert opened.reason == "a person said 2, the reads show none on the floor"
    over = await store.one(over=True)
    assert (over.state.value, detail(over)["outcome"]) == ("closed", "dispute")
    assert over.reason.startswith("disputed: a person said 2, the reads show none on the floor, 2 times")
    counted = staff.counters
    assert (counted["refill_tasks_reopened"], counted["refill_tasks_disputed"]) == (1, 1)
    await staff.after(10 * MINUTE)
    assert staff.said()[SHIRT_S] == "refused"  # the third one too: any of them would have done
    assert await store.tasks() == []
    await store.put("3", zone="FLOOR", chance=0.98)
    await store.put("3", zone="BACK", chance=0.98)  # it was in somebody's hands since: it can be found
    await staff.work()
    await staff.after(SETTLED)
    assert (await store.one()).serials == ("3",)


async def test_what_could_not_be_found_is_left_alone_for_hours(any_store: Store) -> None:
    store = any_store
    staff = await asked_for(store, "1", "2")
    task = await store.one()
    await store.desk().cannot(WEB, task.id, Said("Kim", reason="not_found"))
    await staff.work()
    assert staff.said()[SHIRT_S] == "refused"
    fresh = Staff(store, holder="two")  # it stands in the database, not in somebody's memory
    staff.process._fences.clear()
    await store.later(MINUTE)
    await fresh.work()
    assert (await store.tasks(), fresh.said()) == ([], {SHIRT_S: "refused", SHIRT_M: "empty"})
    await fresh.after(4 * 60 * MINUTE)
    await fresh.after(SETTLED)
    assert (await store.one()).serials == ("1", "2")


async def test_a_damaged_item_is_left_alone_and_no_other(store: Store) -> None:
    staff = await asked_for(store, "1", "2", "3")
    await store.desk().cannot(WEB, (await store.one()).id, Said("Kim", reason="damaged"))
    await staff.work()
    await staff.after(SETTLED)
    assert (await store.one()).serials == ("3",)


async def test_where_nobody_looks_a_persons_word_counts(store: Store) -> None:
    staff = await asked_for(store)
    task = await store.one()
    await store.desk().claim(WEB, task.id, "Kim")
    await staff.work()
    await store.look("FLOOR", live=False)
    await staff.after(11 * MINUTE)  # nothing told of it here: the pass over all finds it
    asked = await store.one()
    assert (asked.state.value, asked.reason, detail(asked)["ask"]) == ("claimed", "nobody looks at FLOOR", True)
    await store.look("FLOOR", live=True)
    await staff.after(11 * MINUTE)
    assert ((await store.one()).reason, "ask" in detail(await store.one())) == ("", False)
    await store.look("FLOOR", live=False)
    await store.desk().done(WEB, task.id, Said("Kim", quantity=2))
    await staff.work()
    await staff.after(5 * MINUTE + 1)
    over = await store.one(over=True)
    assert (over.reason, detail(over)["moved"], detail(over)["by"]) == ("nobody looks at FLOOR", 2, "word")
    assert staff.counters["refill_tasks_closed_by_word"] == 1


async def test_a_task_that_nobody_took_follows_the_stock(any_store: Store) -> None:
    store = any_store
    staff = await asked_for(store, "1")
    assert (await store.one()).quantity == 1
    await store.put("2", zone="BACK", chance=0.97)
    await staff.work()
    more = await store.one()
    assert (more.quantity, more.serials, more.version) == (2, ("1", "2"), 2)
    assert staff.counters["refill_tasks_amended"] == 1
    await store.put("1", "2", zone=OUT)
    await staff.work()
    over = await store.one(over=True)
    assert (over.state.value, detail(over)["outcome"]) == ("closed", "withdrawn")
    assert over.reason == "0 on the floor, 1 to 2 belong there; the back room has none"


async def test_a_task_that_somebody_took_stays(store: Store) -> None:
    staff = await asked_for(store, "1")
    task = await store.one()
    await store.desk().claim(WEB, task.id, "Kim")
    await store.put("1", zone=OUT)
    await staff.after(MINUTE)
    assert (await store.one()).state is State.CLAIMED
    await staff.after(15 * MINUTE)  # the claim is over: it is open, and follows the stock
    assert (await store.one(over=True)).state is State.CLOSED


async def test_goods_of_an_order_are_not_on_the_floor_any_more(any_store: Store) -> None:
    """A confirmation changes no stock that a channel sees: its pick says so."""
    store = any_store
    await store.put("f1", zone="FLOOR", chance=0.98)
    await store.put("1", zone="BACK", chance=0.97)
    staff = Staff(store)
    desk = store.desk()
    reserved = await store.reserve(desk._holds)
    await staff.work()
    assert SHIRT_S not in staff.said()  # in a cart: most of these come back
    await desk._holds.confirm(WEB, reserved["id"])
    await staff.work()
    assert staff.said()[SHIRT_S] == "settling"
    await staff.after(SETTLED)
    assert (await store.one()).serials == ("1",)


async def test_a_blind_floor_sends_nobody_until_it_is_looked_at(store: Store) -> None:
    await store.put("1", zone="BACK", chance=0.97)
    await store.look("FLOOR", live=False)
    staff = Staff(store)
    await staff.work()
    assert staff.said()[SHIRT_S] == "blind_floor"
    await staff.after(SETTLED)
    assert await store.tasks() == []
    await store.look("FLOOR", live=True)
    await store.tell(zone_body(SITE.id, "FLOOR", live=True, as_of_us=store.clock()))
    judged = staff.counters["refill_skus_judged"]
    await staff.work()
    assert staff.counters["refill_skus_judged"] > judged
    assert staff.said()[SHIRT_S] == "blind_floor"  # its first minute says little
    await staff.after(MINUTE + 1)
    await staff.after(SETTLED)
    assert (await store.one()).gtin == SHIRT_S


async def test_what_is_told_of_orders_wakes_nobody(store: Store) -> None:
    staff = await asked_for(store)
    judged = staff.counters["refill_skus_judged"]
    await store.tell(b'{"kind":"order","step":"packed"}')
    await staff.work()
    assert staff.counters["refill_skus_judged"] == judged


async def test_the_most_urgent_come_first_and_the_next_when_one_is_over(store: Store) -> None:
    few = Rules(RefillRules(settle_us=0, open_max=1))
    await store.put("1", "2", zone="BACK", chance=0.97)
    await store.put("f1", gtin=SHIRT_M, zone="FLOOR", chance=0.97)
    await store.put("m1", "m2", "m3", gtin=SHIRT_M, zone="BACK", chance=0.97)
    await import_catalogue(store.database, f"{HEADER}{SHIRT_M},Oxford,blue,M,Shirt,Men,2,3,49.90\n", store.clock())
    staff = Staff(store, rules=few)
    await staff.work()
    task = await store.one()
    assert (task.gtin, staff.said()) == (SHIRT_S, {SHIRT_M: "full"})
    await store.desk().cannot(WEB, task.id, Said("Kim"))
    await staff.work()
    assert ((await store.one()).gtin, staff.said()) == (SHIRT_M, {SHIRT_S: "refused"})


async def test_the_last_unit_of_the_store_says_so(store: Store) -> None:
    await asked_for(store, "1")
    task = await store.one()
    assert detail(task)["last"] is True
    assert task.reason.endswith("the last unit of the store")


async def test_units_without_tags_that_may_be_on_the_floor_are_no_gap(store: Store) -> None:
    await store.put("1", zone="BACK", chance=0.97)
    await store.book(2)
    staff = Staff(store)
    await staff.after(SETTLED)
    assert staff.said()[SHIRT_S] == "untagged"
    desk = store.desk()
    await store.reserve(desk._holds, 3)  # both of them, and the tagged one
    await staff.work()
    assert staff.said()[SHIRT_S] == "held"


async def test_a_changed_catalogue_is_heard_of(any_store: Store) -> None:
    store = any_store
    staff = await asked_for(store)
    never = CATALOGUE.replace("Men,1,2,", "Men,0,0,")
    await store.later(20)
    await import_catalogue(store.database, never, store.clock())
    await staff.after(20)
    over = await store.one(over=True)
    assert (over.state.value, over.reason) == ("closed", "the floor has 0")


async def test_a_size_that_comes_to_the_store_for_the_first_time_is_learned(store: Store) -> None:
    await import_catalogue(store.database, f"{HEADER}{SHIRT_L},Parka,red,L,Coat,Men,,,99.90\n", store.clock())
    staff = Staff(store)
    await store.put("1", zone="BACK")
    await staff.work()
    work = staff.process.works[SITE.id]
    assert sorted(work.assortment.run_of) == [SHIRT_S, SHIRT_M]
    await store.put("x", gtin=SHIRT_L, zone="BACK", chance=0.98)
    await store.put("x", gtin="04012345123456", zone="BACK", chance=0.98)  # no catalogue names it
    await staff.work()
    assert sorted(work.assortment.run_of) == [SHIRT_S, SHIRT_M, SHIRT_L]
    await staff.after(SETTLED)
    assert [task.gtin for task in await store.tasks()] == [SHIRT_S, SHIRT_L]


async def test_targets_are_learned_from_what_was_sold(any_store: Store) -> None:
    store = any_store
    await store.put("f", gtin=SHIRT_M, zone="FLOOR", chance=0.98)
    await store.put("m1", "m2", "m3", "m4", gtin=SHIRT_M, zone="BACK", chance=0.98)
    await store.later(28 * 24 * 60 * MINUTE)
    for day in range(1, 28):
        await store.sold_before(SHIRT_M, day, 2)
    staff = Staff(store)
    await staff.work()
    await staff.after(SETTLED)
    (task,) = [one for one in await store.tasks() if one.gtin == SHIRT_M]
    assert (task.quantity, task.reason.partition(";")[0]) == (3, "1 on the floor, 2 to 4 belong there")


async def test_changes_that_were_pruned_before_they_were_read_cost_a_pass_and_nothing_else(store: Store) -> None:
    staff = await asked_for(store, "1")
    await store.put("1", zone=OUT)
    await staff.relay._once()
    async with store.database.write() as connection:
        await connection.execute(delete(change))
    await store.put("9", gtin=SHIRT_M, zone="FLOOR")
    await staff.work()
    assert (await store.one(over=True)).state is State.CLOSED
    assert staff.counters["refill_changes_missed"] == 1


async def test_a_shortage_settles_anew_for_who_begins_anew(store: Store) -> None:
    await store.put("1", zone="BACK", chance=0.98)
    staff = Staff(store)
    await staff.work()
    await store.later(SETTLED)
    await staff.process._release()
    other = Staff(store, holder="two")
    await other.work()
    assert (await store.tasks(), other.said()[SHIRT_S]) == ([], "settling")
    await other.after(SETTLED)
    assert (await store.one()).gtin == SHIRT_S


async def test_figures_of_a_site(store: Store) -> None:
    staff = await asked_for(store)
    figures = staff.process.figures()[SITE.id]
    assert (figures.tasks_open, figures.oldest_us, figures.complete) == (1, (await store.one()).created_us, True)
    assert (figures.sizes, figures.shown, figures.behind, figures.absent) == (2, 0, 1, 1)
    assert (figures.floor_availability, figures.gaps, figures.not_now) == (0.0, {"not_shown": 1}, {"empty": 1})
    await store.put("1", zone="FLOOR", chance=0.98)
    await store.look("BACK", live=False)
    await staff.work()
    moved = staff.process.figures()[SITE.id]
    assert (moved.shown, moved.floor_availability) == (1, 0.5)
    assert replace(moved, sizes=0).floor_availability is None


async def test_a_warehouse_has_no_floor_and_no_gaps(database: Database) -> None:
    store = Store(database)
    kinds = dict.fromkeys(("FLOOR", "EXIT"), ZoneKind.BACK_ROOM)
    zones = tuple(replace(zone, kind=kinds.get(zone.id, zone.kind)) for zone in SITE.zones)
    async with database.write() as connection:
        await register_site(connection, replace(SITE, zones=zones), store.clock())
    async with database.read() as connection:
        view = await SiteViews(store.clock).one(connection, SITE.id)
        assert view is not None
    await import_catalogue(database, CATALOGUE, store.clock())
    await store.put("1", "2", zone="BACK", chance=0.98)
    staff = Staff(store)
    await staff.work()
    await staff.after(30 * MINUTE)
    assert (await store.tasks(), await store.alarms()) == ([], [])
    assert staff.process.figures()[SITE.id].sizes == 0


async def test_a_task_of_a_sku_that_the_catalogue_lost_is_withdrawn(store: Store) -> None:
    from gateway.replenishment.task import Urgency, Wanted
    from gateway.replenishment.writer import open_wanted

    lost = Wanted("refill/x", "04012345123456", "", 1, 0, (), (), (), Urgency.GAP, 0, False, ())
    async with store.database.write() as connection:
        assert len(await open_wanted(connection, SITE.id, [lost], store.names, store.clock())) == 1
    staff = Staff(store)
    await staff.work()
    over = await store.one(over=True)
    assert (over.state.value, over.reason) == ("closed", "the catalogue, or the site, has it no more")
    assert SkuKey(SITE.id, over.gtin).gtin == over.gtin
