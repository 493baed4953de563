"""An end at any step, two gateways, an act in between: one task for a size, and what was written stays."""

import asyncio
import random

import pytest

from gateway.ledger.picture import SkuKey
from gateway.replenishment.judging import Rules, judge_run
from gateway.replenishment.learning import products_of
from gateway.replenishment.process import Replenishment
from gateway.replenishment.reader import read_page, refill_tasks
from gateway.replenishment.refill import RefillRules
from gateway.replenishment.writer import Change, changes_of, write_changes
from gateway.site_view import SiteViews
from gateway.tasks.acts import Said
from gateway.tasks.errors import TaskError
from gateway.tasks.life import State
from tests.gateway.holds.rig import WEB
from tests.gateway.replenishment.refill_rig import (
    MINUTE,
    SETTLED,
    SHIRT_M,
    SHIRT_S,
    SITE,
    Database,
    Staff,
    Store,
    detail,
    running,
    until,
)
from wire.site import OUT


class EndError(BaseException):
    """The process ends here; nothing may catch it."""


@pytest.fixture
async def store(database: Database) -> Store:
    return await Store(database).stock_up()


@pytest.fixture
async def file_store(sqlite_database: Database) -> Store:
    return await Store(sqlite_database).stock_up()


@pytest.mark.parametrize("step", ["refill.judged", "refill.written", "refill.committed"])
@pytest.mark.parametrize("time", [1, 3])
async def test_an_end_at_any_step_is_made_good_by_the_next_start(file_store: Store, step: str, time: int) -> None:
    """A task is opened, half done, closed; alarms come and go: whoever dies where, the end is the same."""
    store = file_store
    seen = 0

    def end(name: str) -> None:
        nonlocal seen
        seen += name == step
        if name == step and seen == time:
            raise EndError

    staff = Staff(store, step=end)

    async def work(seconds: float) -> None:
        nonlocal staff
        await store.later(seconds)
        try:
            await staff.work()
        except EndError:
            await store.later(60)  # its lease ends by itself
            staff = Staff(store, holder=f"next-{seen}", step=end)
            await staff.work()

    await store.put("1", "2", "3", zone="BACK", chance=0.98)
    for _ in range(3):
        await work(SETTLED)
    task = await store.one()
    await store.put("1", zone="FLOOR", chance=0.97)
    await work(31)
    await work(31)
    assert detail(await store.one())["moved"] == 1
    await store.put("2", zone="FLOOR", chance=0.97)
    await work(1)
    await work(11 * MINUTE)
    over = await store.one(over=True)
    assert (over.id, over.state.value, over.reason) == (task.id, "closed", "the reads show 2 of 2")
    for _ in range(2):
        await work(11 * MINUTE)
    assert [alarm.evidence["gap"] for alarm in await store.alarms()] == []
    assert seen >= time


async def test_of_two_gateways_one_decides_and_the_other_takes_over(store: Store) -> None:
    await store.put("1", zone="BACK", chance=0.98)
    one, two = Staff(store, holder="one"), Staff(store, holder="two")
    for staff in (one, two):
        await staff.work()
    await one.after(SETTLED / 2)  # it renews its lease
    assert (sorted(one.process.works), sorted(two.process.works)) == ([SITE.id], [])
    await two.after(1)
    assert two.process.figures() == {}
    await two.after(20)  # now it has not
    assert sorted(two.process.works) == [SITE.id]
    await two.after(SETTLED)
    task = await store.one()
    await store.put("1", zone=OUT)
    one.process._held_us = store.clock()  # it slept, and believes that the site is its own
    await one.process._listen()
    for _ in range(9):
        await one.process._turns()
    assert (one.counters["refill_fenced"], sorted(one.process.works)) == (1, [])
    assert await store.one() == task
    await two.work()
    assert (await store.one(over=True)).state is State.CLOSED


async def test_without_leases_a_tasks_name_still_keeps_it_single(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second line: both believe to be alone, and open at once."""

    async def always(*_: object) -> bool:
        return True

    monkeypatch.setattr(Replenishment, "_renew", always)
    rules = Rules(RefillRules(settle_us=0))
    await store.put("1", "2", zone="BACK", chance=0.98)
    staffs = [Staff(store, holder=name, rules=rules) for name in ("one", "two")]
    for staff in staffs:
        await store.later(60)
        await staff.process._hold()
    assert [sorted(staff.process.works) for staff in staffs] == [[SITE.id]] * 2
    await asyncio.gather(*(staff.turns() for staff in staffs))
    assert [task.gtin for task in await store.tasks(over=True)] == [SHIRT_S]


async def test_the_lease_given_back_at_the_stop_is_taken_at_once(store: Store) -> None:
    one, two = Staff(store, holder="one"), Staff(store, holder="two")
    await store.put("1", zone="BACK", chance=0.98)
    async with running(one) as process:
        await until(lambda: process.works and process.works[SITE.id].complete)
        await store.later(SETTLED)
        process.wake()
        await until(lambda: process.counted.refill_tasks_opened == 1)
    assert process.works == {}
    async with running(two) as process:  # the clock stands still: no lease can end by itself
        await until(lambda: process.works and process.works[SITE.id].complete)
        await store.put("1", zone=OUT)
        two.relay.wake()
        await until(lambda: process.counted.refill_tasks_withdrawn == 1)
    assert process.counted.refill_failures == 0


async def test_an_act_between_judging_and_writing_wins(store: Store) -> None:
    await store.put("1", zone="BACK", chance=0.98)
    staff = Staff(store)
    await staff.work()
    await staff.after(SETTLED)
    judged = await store.one()
    await store.desk().claim(WEB, judged.id, "Kim")
    change = Change(judged, {"reason": "gone"}, dict(judged.detail), State.CLOSED)
    async with store.database.write() as connection:
        assert await write_changes(connection, [change], store.clock()) == []
    await staff.process.works[SITE.id]._write([change], store.clock())
    assert (await store.one()).claimed_by == "Kim"
    assert staff.counters["refill_conflicts"] == 1


async def test_a_site_that_fails_is_begun_anew_and_stops_no_other(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.replenishment.site_work import SiteWork

    turn = SiteWork.turn
    failures = 0

    async def failing(self: SiteWork) -> bool:
        nonlocal failures
        if self.site == SITE.id and failures < 2:
            failures += 1
            raise ValueError("a defect")
        return await turn(self)

    monkeypatch.setattr(SiteWork, "turn", failing)
    await store.open("store-002")
    for site in (SITE.id, "store-002"):
        await store.put("1" if site == SITE.id else "2", zone="BACK", chance=0.98, site=site)
    await store.later(2 * MINUTE)
    staff = Staff(store, SITE.id, "store-002", rules=Rules(RefillRules(settle_us=0)))
    await staff.work()
    assert [len(await store.tasks(site)) for site in (SITE.id, "store-002")] == [0, 1]
    await staff.after(6)
    await staff.after(6)
    assert [len(await store.tasks(site)) for site in (SITE.id, "store-002")] == [1, 1]
    assert staff.counters["refill_failures"] == 2


ZONES = ("BACK", "BACK", "FLOOR", "FLOOR", "FIT", OUT)


@pytest.mark.parametrize("seed", range(2))
async def test_what_changes_tell_leads_to_what_a_look_at_everything_finds(file_store: Store, seed: int) -> None:
    """Random days: after each step nothing is left to be decided that anybody who reads all of it would decide."""
    store = file_store
    rng = random.Random(seed)
    rules = Rules(RefillRules(settle_us=0))
    staff = Staff(store, rules=rules)
    names = [(gtin, str(number)) for gtin in (SHIRT_S, SHIRT_M) for number in range(8)]
    for gtin, serial in names:
        await store.put(serial, gtin=gtin, zone="BACK", chance=0.98)
    for _ in range(25):
        await _step(store, rng, names)
        await staff.after(rng.choice([1, 20, 40, 400, 15_000]))
        await staff.work()
        left = await _undecided(store, rules, staff)
        assert left == []
    assert staff.counters["refill_tasks_opened"]


async def _step(store: Store, rng: random.Random, names: list[tuple[str, str]]) -> None:
    gtin, serial = rng.choice(names)
    tasks = await store.tasks()
    desk = store.desk()
    match rng.randrange(8):
        case 0 | 1 | 2 | 3:
            await store.put(serial, gtin=gtin, zone=rng.choice(ZONES), chance=rng.choice([0.98, 0.95, 0.6]))
        case 4 if serial < "2":
            await store.reserve(desk._holds, {SkuKey(SITE.id, gtin): 1}, ttl_s=60, partial=True)
        case 5 if (gtin, serial) == (SHIRT_M, "0"):
            await store.book(1, gtin=gtin)
        case _ if tasks:
            task = rng.choice(tasks)
            try:
                act = rng.choice([desk.claim, desk.done, desk.cannot])
                await act(WEB, task.id, "Kim" if act == desk.claim else Said("Kim"))  # type: ignore[operator]
            except TaskError:
                return


async def _undecided(store: Store, rules: Rules, staff: Staff) -> list[str]:
    """Judge all from the rows alone; return what that would change, and reasons that are others."""
    work, now_us = staff.process.works[SITE.id], store.clock()
    async with store.database.read() as connection:
        view = await SiteViews(store.clock).one(connection, SITE.id)
        assert view is not None
        products = await products_of(connection, SITE.id)
        gtins = [product.gtin for product in products]
        page = await read_page(connection, view, gtins, now_us=now_us, rest_us=rules.refill.rest_us)
        assert {task.id for task in await refill_tasks(connection, SITE.id)} == set(page.rows)
    assert sorted(work.assortment.run_of) == sorted(gtins)
    found: list[str] = []
    reasons: dict[str, str] = {}
    for run, sized in work.assortment.runs.items():
        judged = judge_run(
            run, sized, page.facts, page.standing, page.places, rules=rules, now_us=now_us, short_since_us={}
        )
        changes = changes_of(page.rows, judged.verdicts, [judged.decisions], now_us)
        found += [f"{change.row} {change.state}" for change in changes]
        found += [wanted.gtin for wanted in judged.decisions.opened]
        reasons |= {one.gtin: one.says for one in judged.decisions.not_now}
    remembered = {gtin: one.says for gtin, one in work.not_now.items()}
    return found + ([] if reasons == remembered else [f"{reasons} {remembered}"])
