"""The last unit goes to exactly one buyer, however many ask at once, in however many processes. And what fails without
the guards: each control takes one away and must oversell.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import Any, NoReturn

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.availability import Policy
from gateway.holds import hot
from gateway.holds.asked import Who
from gateway.holds.desk import Holds
from gateway.holds.errors import InsufficientError
from gateway.ledger.picture import SkuKey
from gateway.ledger.retell import Locked
from gateway.storage.engine import Database
from gateway.storage.schema import stock
from tests.gateway.holds.rig import KEY, Rig

CROWD = Who("web", Policy("web", holds_max=10_000))


@pytest.fixture
async def rig(database: Database) -> Rig:
    return await Rig(database).open()


@pytest.fixture
async def postgres_rigs(postgres_url: str) -> AsyncIterator[tuple[Rig, Database]]:
    """A rig on PostgreSQL, and the same database as another process has it."""
    first, second = Database(postgres_url), Database(postgres_url)
    yield await Rig(first).open(), second
    await first.close()
    await second.close()


async def ask(rig: Rig, desks: list[Holds], times: int, units: int = 1) -> tuple[int, int]:
    """Let many ask at once; return how many got something, and how many were refused for want of it."""

    async def one(number: int) -> bool:
        try:
            await desks[number % len(desks)].reserve(rig.asked(units, who=CROWD))
        except InsufficientError:
            return False
        return True

    found = await asyncio.gather(*(one(number) for number in range(times)))
    return sum(found), times - sum(found)


async def test_one_unit_for_many_in_one_process(rig: Rig) -> None:
    await rig.put("1")
    assert await ask(rig, [rig.holds()], 200) == (1, 199)
    await rig.check()


async def test_one_unit_for_many_in_two_processes(postgres_rigs: tuple[Rig, Database]) -> None:
    rig, other = postgres_rigs
    await rig.put("1")
    desks = [rig.holds(batch_max=8), rig.holds(other, batch_max=8)]
    assert await ask(rig, desks, 200) == (1, 199)
    await rig.check()


async def test_a_hundred_units_for_many_in_two_processes(postgres_rigs: tuple[Rig, Database]) -> None:
    rig, other = postgres_rigs
    await rig.put(*(str(number) for number in range(60)))
    await rig.book(40)
    desks = [rig.holds(batch_max=8), rig.holds(other, batch_max=8)]
    assert await ask(rig, desks, 200) == (100, 100)
    assert await rig.atp() == 0
    await rig.check()


async def test_processes_that_take_turns_see_what_the_other_did(postgres_rigs: tuple[Rig, Database]) -> None:
    """What a process remembers of a hot SKU is void as soon as anybody else wrote its row."""
    rig, other = postgres_rigs
    await rig.put(*(str(number) for number in range(12)))
    desks = [rig.holds(), rig.holds(other)]
    for number in range(4):
        assert await ask(rig, [desks[number % 2]], 2) == (2, 0)
        await rig.check()
    await rig.state("9", "sold")
    assert await ask(rig, desks, 4, units=3) == (1, 3)
    await rig.check()


async def test_what_another_process_granted_is_added_to_what_is_remembered(
    postgres_rigs: tuple[Rig, Database],
) -> None:
    rig, other = postgres_rigs
    await rig.put(*(str(number) for number in range(12)))
    await rig.book(3)
    desks = [rig.holds(), rig.holds(other)]
    for number in range(8):
        assert await ask(rig, [desks[number % 2]], 1) == (1, 0)
    assert [desk.counters()["hold_memory_misses"] for desk in desks] == [1, 1]
    await rig.check()
    assert await ask(rig, [desks[0]], 1) == (1, 0)
    await rig.state("9", "sold")  # between two grants: the sum does not come out any more
    assert await ask(rig, [desks[0]], 1) == (1, 0)
    assert await ask(rig, [desks[1]], 1, units=5) == (0, 1)
    assert await ask(rig, [desks[1]], 4) == (4, 0)
    assert await ask(rig, desks, 2) == (0, 2)
    await rig.check()


async def test_a_locked_row_says_who_wrote_it_last(postgres_rigs: tuple[Rig, Database]) -> None:
    """The ground that memory stands on: who waited for a row sees the transaction that he waited for."""
    rig, other = postgres_rigs
    await rig.put("1")
    memory = hot.Memory()
    async with rig.database.write() as first:
        before = (await memory.lock(first, [KEY], 0))[KEY]

        async def wait() -> Any:
            async with other.write() as second:
                return (await memory.lock(second, [KEY], 0))[KEY]

        waiting = asyncio.create_task(wait())
        while True:  # until it waits in the server
            async with rig.database.read() as third:
                query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                if await third.scalar(text(query)):
                    break
        await first.execute(stock.update().values(version=stock.c.version + 1))
        mine = (await hot.marks_of(first, [KEY]))[KEY]
    after = await waiting
    assert after.version == mine.version == before.version + 1
    assert after.xmin_ == mine.xmin != before.xmin_


async def test_memory_is_used(postgres_rigs: tuple[Rig, Database]) -> None:
    rig, _ = postgres_rigs
    await rig.book(50)
    holds = rig.holds()
    for _ in range(3):
        await ask(rig, [holds], 5)
    counters = holds.counters()
    assert (counters["hold_memory_misses"], counters["hold_memory_hits"]) == (1, counters["hold_batches"] - 1)
    await rig.check()


# -- controls


async def test_control_without_the_lock_it_is_sold_twice(postgres_rigs: tuple[Rig, Database]) -> None:
    rig, other = postgres_rigs
    await rig.book(1)
    together = asyncio.Barrier(2)

    async def unlocked(connection: AsyncConnection, keys: Collection[tuple[str, str]], _: int) -> Locked:
        rows = await connection.execute(select(stock))
        await together.wait()
        return {SkuKey(row.site, row.gtin): row for row in rows if (row.site, row.gtin) in keys}

    desks = [rig.holds(lock=unlocked), rig.holds(other, lock=unlocked)]
    assert await ask(rig, desks, 2) == (2, 0)


async def test_control_with_a_memory_that_believes_itself_it_is_sold_twice(
    postgres_rigs: tuple[Rig, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, other = postgres_rigs
    await rig.book(2)
    desks = [rig.holds(), rig.holds(other)]

    class Stubborn(str):
        """A mark that equals every other."""

        __slots__ = ()

        def __eq__(self, _: object) -> bool:
            return True

        __hash__ = str.__hash__

    monkeypatch.setattr(hot, "mark_of", lambda _: hot.Mark(Stubborn("x"), 0))
    assert await ask(rig, [desks[0]], 1) == (1, 0)
    assert await ask(rig, [desks[1]], 1) == (1, 0)
    assert await ask(rig, [desks[0]], 1) == (1, 0)


async def test_an_item_that_another_site_bound_meanwhile_is_passed_over(postgres_rigs: tuple[Rig, Database]) -> None:
    """A clone, or an item whose way from there nobody told: the key of `binding` stands in between."""
    rig, other = postgres_rigs
    await rig.open("store-002")
    await rig.put("2", site="store-002")
    await rig.put("1", "2", "3")
    here, there = rig.holds(), rig.holds(other)
    assert (await rig.reserve(here, 1))["lines"][0]["items"][0]["digital_link"].endswith("/1")
    await rig.reserve(there, {SkuKey("store-002", KEY.gtin): 1})
    assert (await rig.reserve(here, 1))["lines"][0]["items"][0]["digital_link"].endswith("/3")
    assert here.counters()["hold_retries"] == 1
    with pytest.raises(InsufficientError):
        await rig.reserve(here, 1)
    await rig.check()


async def test_what_was_undone_is_not_remembered(
    postgres_rigs: tuple[Rig, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, _ = postgres_rigs
    await rig.book(3)
    holds = rig.holds()
    assert await ask(rig, [holds], 1) == (1, 0)

    async def broken(*_: object) -> NoReturn:
        raise RuntimeError("after the rows, before the commit")

    with monkeypatch.context() as patch:
        patch.setattr("gateway.holds.batch.marks_of", broken)
        with pytest.raises(RuntimeError):
            await rig.reserve(holds, 1)
    assert await ask(rig, [holds], 3) == (2, 1)
    await rig.check()


async def test_one_request_many_times_in_one_batch_needs_no_second_try(rig: Rig) -> None:
    await rig.put("1", "2")
    holds = rig.holds()
    made = await asyncio.gather(*(holds.reserve(rig.asked(1, name="k")) for _ in range(10)))
    assert sorted(each.replayed for each in made) == [False] + [True] * 9
    assert holds.counters()["hold_retries"] == 0
