"""Holds end by their time, for everybody at once, and somebody sweeps up; on SQLite and PostgreSQL."""

import asyncio

import pytest
from sqlalchemy import select

from gateway.holds.desk import Holds
from gateway.holds.errors import (
    ExpiredError,
    InsufficientError,
    UnknownHoldError,
)
from gateway.holds.limits import KEPT_S
from gateway.holds.sweeper import Sweeper
from gateway.ledger.picture import SkuKey
from gateway.storage.commerce import reference
from gateway.storage.engine import Database
from tests.gateway.holds.rig import KEY, WEB, Rig, serials
from tests.gateway.small_store import SHIRT_M, SITE, ManualClock


@pytest.fixture
async def rig(database: Database) -> Rig:
    return await Rig(database).open()


async def test_a_hold_is_gone_when_its_time_is_over_swept_or_not(rig: Rig) -> None:
    await rig.put("1")
    holds = rig.holds()
    made = await rig.reserve(holds, 1, ttl_s=10)
    rig.clock.advance(9.999999)
    assert (await holds.get(WEB, made["id"])).state == "held"
    rig.clock.advance(0.000001)
    shown = await holds.get(WEB, made["id"])
    assert (shown.state, shown.lines[0].items) == ("expired", [])
    with pytest.raises(ExpiredError):
        await holds.confirm(WEB, made["id"])
    assert await rig.state_of(made["id"]) == "held"  # nobody swept
    second = await rig.reserve(holds, 1, ttl_s=10)
    assert serials(second["lines"][0]) == ["1"]
    assert (await holds.release(WEB, made["id"]))[0].state == "expired"
    await rig.check()


async def test_a_gateway_whose_clock_is_behind_confirms_nothing_that_was_taken(rig: Rig) -> None:
    await rig.put("1")
    await rig.book(1)
    behind = Holds(rig.database, ManualClock(rig.clock()), rig.names)
    made = [await rig.reserve(behind, 1, ttl_s=10) for _ in range(2)]  # an item, and a unit without a tag
    rig.clock.advance(11)
    second = [await rig.reserve(rig.holds(), 1) for _ in range(2)]
    assert [line["untagged"] for each in second for line in each["lines"]] == [0, 1]
    for each in made:
        with pytest.raises(ExpiredError):
            await behind.confirm(WEB, each["id"])
        with pytest.raises(InsufficientError):
            await behind.renew(WEB, each["id"])
    await rig.check()


async def test_the_sweeper_ends_holds_and_says_so(rig: Rig) -> None:
    await rig.put("1", "2", "3")
    holds, sweeper = rig.holds(), Sweeper(rig.database, rig.clock, at_once=2)
    made = [await rig.reserve(holds, 1, ttl_s=10 + number) for number in range(3)]
    assert await rig.atp() == 0
    assert await sweeper.sweep() == 0
    rig.clock.advance(60)
    assert [await sweeper.sweep(), await sweeper.sweep(), await sweeper.sweep()] == [2, 1, 0]
    assert await rig.atp() == 3
    assert [await rig.state_of(each["id"]) for each in made] == ["expired"] * 3
    assert (await rig.reasons())[-1] == "expired"
    assert sweeper.counters()["holds_expired"] == 3
    await rig.check()


async def test_sweepers_side_by_side_end_each_hold_once(rig: Rig) -> None:
    await rig.put(*(str(number) for number in range(12)))
    holds = rig.holds()
    for _ in range(12):
        await rig.reserve(holds, 1, ttl_s=10)
    rig.clock.advance(11)
    sweepers = [Sweeper(rig.database, rig.clock, at_once=5) for _ in range(3)]
    await asyncio.gather(*(sweeper.sweep() for sweeper in sweepers * 3))
    while await sweepers[0].sweep():
        pass
    assert sum(sweeper.figures.holds_expired for sweeper in sweepers) == 12
    assert await rig.atp() == 12
    await rig.check()


async def test_what_was_over_long_ago_is_forgotten(rig: Rig) -> None:
    await rig.put("1", "2")
    holds, sweeper = rig.holds(), Sweeper(rig.database, rig.clock)
    over = await rig.reserve(holds, 1, name="k", references=[("cart_ref", "c")])
    kept = await rig.reserve(holds, 1)
    await holds.release(WEB, over["id"])
    await holds.confirm(WEB, kept["id"])
    rig.clock.advance(KEPT_S - 1)
    assert await sweeper.prune() == 0
    rig.clock.advance(2)
    assert [await sweeper.prune(), await sweeper.prune()] == [1, 0]
    with pytest.raises(UnknownHoldError):
        await holds.get(WEB, over["id"])
    assert (await holds.get(WEB, kept["id"])).state == "confirmed"
    async with rig.database.read() as connection:
        assert (await connection.execute(select(reference))).all() == []
    assert not (await holds.reserve(rig.asked(1, name="k", references=[("cart_ref", "c")]))).replayed
    await rig.check()


async def test_the_sweeper_runs_until_it_is_stopped(rig: Rig) -> None:
    await rig.put("1")
    swept = asyncio.Event()
    sweeper = Sweeper(rig.database, rig.clock, every_s=0.01, committed=swept.set)
    running = asyncio.create_task(sweeper.run())
    await rig.reserve(rig.holds(), 1, ttl_s=10)
    rig.clock.advance(11)
    await asyncio.wait_for(swept.wait(), 30)
    sweeper.stop()
    await asyncio.wait_for(running, 30)
    assert await rig.atp() == 1


async def test_an_expired_hold_over_two_skus_gives_back_what_nobody_took(rig: Rig) -> None:
    other = SkuKey(SITE.id, SHIRT_M)
    await rig.put("1")
    await rig.put("2", gtin=SHIRT_M)
    holds = rig.holds()
    await rig.reserve(holds, {KEY: 1, other: 1}, ttl_s=10)
    rig.clock.advance(11)
    await rig.reserve(holds, 1)  # takes one of its two items
    await rig.check()
    assert await Sweeper(rig.database, rig.clock).sweep() == 1
    assert (await rig.atp(KEY), await rig.atp(other)) == (0, 1)
    await rig.check()


async def test_renewing_gives_more_time_and_after_the_end_asks_anew(rig: Rig) -> None:
    await rig.put("1")
    holds = rig.holds()
    made = await rig.reserve(holds, 1, ttl_s=60)
    answer, _ = await holds.renew(WEB, made["id"], 30)
    assert answer.expires_at == made["expires_at"]  # never less
    answer, _ = await holds.renew(WEB, made["id"], 120)
    assert str(answer.expires_at) > made["expires_at"]
    rig.clock.advance(121)
    answer, _ = await holds.renew(WEB, made["id"], 60)  # nobody took its item
    assert (answer.state, serials(answer.lines[0])) == ("held", ["1"])
    await rig.check()
    rig.clock.advance(61)
    await Sweeper(rig.database, rig.clock).sweep()
    second = await rig.reserve(holds, 1, ttl_s=60)
    with pytest.raises(InsufficientError):
        await holds.renew(WEB, made["id"], 60)
    await holds.release(WEB, second["id"])
    assert (await holds.renew(WEB, made["id"], 60))[0].state == "held"
    await holds.confirm(WEB, made["id"])
    assert (await holds.renew(WEB, made["id"], 60))[1]
    await rig.check()
