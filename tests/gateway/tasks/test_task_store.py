"""Tasks of whoever opens them (refill, find, check), claims that lapse, and what is forgotten: on both databases."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select, update

from gateway.holds.errors import BusyError
from gateway.storage.engine import Database
from gateway.storage.work import task as table
from gateway.tasks.acts import Said
from gateway.tasks.errors import ClaimedError, TaskStateError
from gateway.tasks.life import Kind, State
from gateway.tasks.limits import ACTS_WAITING_MAX, CLAIM_S, KEPT_S, LIVE_MAX
from gateway.tasks.store import NewTask, amend_task, close_task, live_tasks, open_task, read_task, reopen_task
from tests.gateway.small_store import SHIRT_M, SHIRT_S, SITE
from tests.gateway.tasks.task_rig import KIM, WEB, TaskRig, serials

REFILL = f"refill/{SHIRT_S}"
HALF_HOUR_US = 1_800_000_000


@pytest.fixture
async def store(database: Database) -> TaskRig:
    return await TaskRig.open(database)


def refill(store: TaskRig, gtin: str = SHIRT_S, **more: Any) -> NewTask:
    said: dict[str, Any] = {
        "due_us": store.rig.clock() + HALF_HOUR_US,
        "quantity": 2,
        "from_zone": "BACK",
        "to_zone": "FLOOR",
    }
    return NewTask(site=SITE.id, kind=Kind.REFILL, dedup=f"refill/{gtin}", gtin=gtin, **said | more)


async def opened(store: TaskRig, new: NewTask) -> str | None:
    async with store.rig.database.write() as connection:
        return await open_task(connection, new, store.rig.names, store.rig.clock())


async def test_one_task_of_a_name_until_it_is_over(store: TaskRig) -> None:
    name = await opened(store, refill(store, serials=["1", "2"], detail={"unread": 1}))
    assert name is not None
    assert await opened(store, refill(store)) is None
    assert len({await opened(store, refill(store, SHIRT_M)), name}) == 2
    await store.tasks.done(WEB, name, Said(quantity=2))
    assert await opened(store, refill(store)) is None, "done is a person's word: the reads are still to say so"
    async with store.rig.database.write() as connection:
        (first, _) = await live_tasks(connection, SITE.id, [Kind.REFILL])
        assert (first.id, first.state, first.word, first.done_us) == (name, State.DONE, 2, store.rig.clock())
        assert (first.serials, first.detail) == (("1", "2"), {"unread": 1})
        assert await reopen_task(connection, name, "the reads show none", store.rig.clock())
        assert not await reopen_task(connection, name, "again", store.rig.clock())
        again = await read_task(connection, name)
        assert again is not None
        assert (again.state, again.reopened, again.reason) == (State.OPEN, 1, "the reads show none")
        assert await close_task(connection, SITE.id, REFILL, "reads", store.rig.clock()) == name
        assert await close_task(connection, SITE.id, REFILL, "reads", store.rig.clock()) is None
        assert not await reopen_task(connection, name, "over", store.rig.clock())
    assert (await store.tasks.done(WEB, name, Said()))[1], "the reads closed it: whoever says so is right"
    assert await opened(store, refill(store)) not in {None, name}


async def test_many_that_open_the_same_at_once_open_one(store: TaskRig) -> None:
    names = await asyncio.gather(*(opened(store, refill(store)) for _ in range(8)))
    assert len([name for name in names if name is not None]) == 1


async def test_a_task_is_amended_or_withdrawn_while_nobody_has_it(store: TaskRig) -> None:
    name = await opened(store, refill(store))
    assert name is not None
    now_us = store.rig.clock()
    async with store.rig.database.write() as connection:
        assert await amend_task(connection, name, now_us, quantity=3, serials=["7"], urgency=0, detail={"a": 1})
        found = await read_task(connection, name)
        assert found is not None
        assert (found.quantity, found.serials, found.detail, found.version) == (3, ("7",), {"a": 1}, 2)
    await store.tasks.claim(KIM, name)
    async with store.rig.database.write() as connection:
        assert not await amend_task(connection, name, now_us, quantity=9)
        assert await close_task(connection, SITE.id, REFILL, "not needed", now_us, untaken=True) is None
        assert await close_task(connection, SITE.id, REFILL, "reads", now_us) == name


async def test_a_claim_is_one_persons_until_it_lapses(store: TaskRig) -> None:
    name = await opened(store, refill(store))
    assert name is not None
    mine, replayed = await store.tasks.claim(KIM, name)
    assert (mine.state, mine.claimed_by, replayed) == ("claimed", "tablet", False)
    for act in (store.tasks.claim(WEB, name), store.tasks.done(WEB, name, Said()), store.tasks.release(WEB, name)):
        with pytest.raises(ClaimedError, match="is with tablet"):
            await act
    store.rig.clock.advance(CLAIM_S - 1)
    longer, _ = await store.tasks.claim(KIM, name)
    assert longer.claim_ends_at != mine.claim_ends_at
    store.rig.clock.advance(CLAIM_S)
    (free,) = await store.waiting()
    assert (free.state, free.claimed_by, free.claim_ends_at) == ("open", None, None), "before anybody swept"
    assert (await store.tasks.listed(SITE.id, state=State.CLAIMED)) == ([], 0)
    assert await store.sweeper.sweep() == 1
    assert await store.sweeper.sweep() == 0
    (swept,) = await store.waiting()
    assert (swept.state, swept.reason, swept.version) == ("open", "claim_lapsed", free.version + 1)
    await store.tasks.claim(WEB, name)
    assert (await store.tasks.release(WEB, name))[0].state == "open"
    assert (await store.tasks.release(WEB, name))[1]


async def test_what_cannot_be_refilled_is_over_and_may_be_asked_for_again(store: TaskRig) -> None:
    name = await opened(store, refill(store))
    assert name is not None
    task, _ = await store.tasks.cannot(WEB, name, Said(reason="not_found"))
    assert (task.state, task.reason) == ("cannot", "not_found")
    assert (await store.tasks.cannot(WEB, name, Said(reason="not_found")))[1]
    with pytest.raises(TaskStateError):
        await store.tasks.done(WEB, name, Said())
    assert await opened(store, refill(store)) is not None


async def test_the_list_leads_through_the_store(store: TaskRig) -> None:
    """Items are shown where they lie now, and their task comes where one walks by."""
    await store.rig.put("1", zone="FLOOR")
    await store.rig.put("2", zone="BACK", gtin=SHIRT_M, chance=0.9)
    now_us = store.rig.clock()
    for kind, gtin, serial in ((Kind.FIND, SHIRT_S, "1"), (Kind.CHECK, SHIRT_M, "2")):
        new = NewTask(site=SITE.id, kind=kind, dedup=f"{kind}/{gtin}", gtin=gtin, serials=[serial], due_us=now_us + 60)
        await opened(store, new)
    late = NewTask(site=SITE.id, kind=Kind.CHECK, dedup="late", gtin=SHIRT_S, due_us=now_us - 1, from_zone="FIT")
    await opened(store, late)
    rows = await store.waiting()
    assert [(row.kind, row.urgency, serials(row)) for row in rows] == [
        ("check", "overdue", []),
        ("check", "now", ["2"]),
        ("find", "now", ["1"]),
    ]
    assert (rows[1].lines[0].items[0].zone, rows[1].lines[0].items[0].confidence) == ("BACK", 0.9)
    await store.rig.put("1", zone="BACK")
    await store.rig.blind("BACK")
    rows = await store.waiting()
    assert [row.lines[0].items[0].zone for row in rows[1:]] == ["BACK", "BACK"]
    assert {row.lines[0].items[0].confidence for row in rows[1:]} == {None}, "nobody looks there"
    only, total = await store.tasks.listed(SITE.id, kind=Kind.CHECK, limit=1)
    assert ([row.urgency for row in only], total) == (["overdue"], 2)


async def test_a_list_is_bounded(store: TaskRig) -> None:
    async with store.rig.database.write() as connection:
        for number in range(LIVE_MAX // 100):
            new = refill(store, due_us=store.rig.clock() + number, serials=[])
            await open_task(connection, new, store.rig.names, store.rig.clock())
            row = (await connection.execute(select(table).where(table.c.dedup == REFILL))).one()
            copies = [dict(row._mapping) | {"id": f"{number}-{i}", "dedup": f"{number}-{i}"} for i in range(100)]
            await connection.execute(table.insert(), copies)
            await close_task(connection, SITE.id, REFILL, "test", store.rig.clock())
        await open_task(connection, refill(store, due_us=0), store.rig.names, store.rig.clock())
    rows, total = await store.tasks.listed(SITE.id, limit=3)
    assert (len(rows), total) == (3, LIVE_MAX)
    assert rows[0].due_at == "1970-01-01T00:00:00.000Z"


async def test_tasks_that_are_over_are_forgotten_after_a_quarter(store: TaskRig) -> None:
    done, waits = await opened(store, refill(store)), await opened(store, refill(store, SHIRT_M))
    assert done is not None
    await store.tasks.cannot(WEB, done, Said())
    store.rig.clock.advance(KEPT_S - 1)
    assert await store.sweeper.prune() == 0
    store.rig.clock.advance(2)
    assert await store.sweeper.prune() == 1
    async with store.rig.database.read() as connection:
        assert list(await connection.scalars(select(table.c.id))) == [waits]


async def test_a_sale_of_the_order_at_the_till_closes_its_tasks(store: TaskRig) -> None:
    """As `POST /v1/sales` with `reservation` does, in its transaction."""
    from gateway.ledger.retell import lock_skus
    from gateway.trade.collect import HeldUnits

    await store.rig.put("1", "2")
    name = await store.order(2)
    for units in (1, 1):
        async with store.rig.database.write() as connection:
            await lock_skus(connection, [(SITE.id, SHIRT_S)], store.rig.clock())
            till = HeldUnits(store.follow_up)
            await till.collect(connection, name, SITE.id, [], {SHIRT_S: units}, now_us=store.rig.clock())
        rows = await store.waiting()
        assert [(row.kind, row.quantity) for row in rows] in ([("pick", 1)], [])
    assert await store.rig.state_of(name) == "fulfilled"
    assert await store.states() == {"pick": "closed"}


async def test_a_task_left_behind_by_an_order_that_is_over_is_swept(store: TaskRig) -> None:
    """Whatever path forgot it (an older gateway beside this one)."""
    await store.rig.put("1")
    name = await store.order()
    plain = store.rig.holds()
    await plain.release(WEB, name)
    pick = await store.one("pick")
    with pytest.raises(TaskStateError, match="of an order that is not over"):
        await store.tasks.done(WEB, pick.id, Said())
    assert await store.sweeper.sweep() == 1
    assert await store.states() == {"pick": "closed"}


async def test_too_many_at_once_are_told_to_come_back(store: TaskRig) -> None:
    name = await opened(store, refill(store))
    assert name is not None
    store.tasks._turns.waiting = ACTS_WAITING_MAX
    with pytest.raises(BusyError, match="512 changes of tasks wait already"):
        await store.tasks.claim(WEB, name)
    store.tasks._turns.waiting = 0
    assert (await store.tasks.claim(WEB, name))[0].state == "claimed"
    assert store.tasks.counters()["task_acts_waiting"] == 0


async def test_versions_only_grow(store: TaskRig) -> None:
    name = await opened(store, refill(store))
    assert name is not None
    acts = (store.tasks.claim, store.tasks.release, store.tasks.claim)
    assert [(await act(WEB, name))[0].version for act in acts] == [2, 3, 4]
    async with store.rig.database.write() as connection:
        await connection.execute(update(table).values(claimed_us=0))
        assert await connection.scalar(select(func.count()).select_from(table)) == 1
    assert await store.sweeper.sweep() == 1
