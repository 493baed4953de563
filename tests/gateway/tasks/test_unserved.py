"""Lines that nobody serves, on SQLite and PostgreSQL: sold at the till, cut short, nobody has them, two gateways."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import msgspec
import pytest
from sqlalchemy import select, update

from gateway.holds.sweeper import Sweeper
from gateway.sourcing.orders import Orders
from gateway.sourcing.quotes import Quotes
from gateway.storage.commerce import reservation, reservation_line
from gateway.storage.engine import Database
from gateway.tasks.elsewhere import Sourced
from gateway.tasks.limits import FADE_SETTLE_S, TURN_S, UNSERVED_AGAIN_S
from gateway.tasks.next_best import Lacking
from gateway.tasks.resourcing import Resourcing
from gateway.tasks.unserved import Unserved
from tests.gateway.holds.rig import Rig
from tests.gateway.small_store import SHIRT_M
from tests.gateway.tasks.task_rig import KEY, SHIRT_S, SITE, WEB, TaskRig, serials
from tests.gateway.tasks.test_order_tasks import EAST, SHIRTS_M
from wire.site import OUT

SENT = "ship_from_store"


class Shop:
    """A gateway over a rig's stores: a till of the rig sells, and what is lacking is asked for by sourcing."""

    def __init__(self, rig: Rig, database: Database) -> None:
        self.rig = rig
        self.quotes = Quotes(database, rig.clock)
        self.holds = rig.holds(database)
        self.next_best = Sourced(database, rig.clock, Orders(self.quotes, self.holds))
        self.store = TaskRig.over(rig)
        self.resourcing = Resourcing(database, rig.clock, self.store.follow_up, self.next_best)
        self.unserved = Unserved(database, rig.clock, self.resourcing)

    @property
    def figures(self) -> tuple[int, int]:
        """Attempts, and how many of them were good."""
        return self.unserved.figures.unserved_asked, self.unserved.figures.unserved_resourced

    async def sold(self, *names: str) -> None:
        """Let items be sold at the till, and the order's tasks follow."""
        for serial in names:
            await self.rig.state(serial, "sold")
        await self.store.sweeper.sweep()

    async def taken(self) -> list[tuple[str, str]]:
        """Each reservation that was ever made in the other store: its id and state."""
        async with self.rig.database.read() as connection:
            query = (
                select(reservation.c.id, reservation.c.state)
                .join(reservation_line, reservation_line.c.reservation == reservation.c.id)
                .where(reservation_line.c.site == EAST)
            )
            return [(row.id, row.state) for row in await connection.execute(query)]

    async def steps(self) -> list[tuple[str, str]]:
        return [(step["site"], step["step"]) for step in await self.rig.steps()]

    async def close(self) -> None:
        await self.quotes.close()
        await self.holds.close()


@pytest.fixture
async def shop(database: Database) -> AsyncIterator[Shop]:
    opened = Shop(await Rig(database).open(EAST), database)
    yield opened
    await opened.close()


async def hold_and_die(shop: Shop, name: str) -> None:
    """Hold the units elsewhere, and do nothing more."""
    lacking = await shop.resourcing.lacking(name, SITE.id)
    assert lacking is not None
    assert await shop.next_best.hold(lacking), "nobody has it"


async def test_what_the_till_sold_is_served_by_the_next_store(shop: Shop) -> None:
    await shop.rig.put("1")
    await shop.rig.put("2", site=EAST)
    name = await shop.store.order(mode=SENT)
    assert await shop.unserved.sweep() == 0
    await shop.rig.state("1", "sold")
    assert (await shop.unserved.sweep(), shop.figures) == (0, (0, 0)), "its channel was not told yet"
    await shop.store.sweeper.sweep()
    assert (await shop.unserved.sweep(), shop.figures) == (1, (1, 1))
    assert await shop.rig.state_of(name) == "released"
    assert (await shop.store.said(), await shop.store.said(EAST)) == ([], ["pick"])
    assert serials(await shop.store.one("pick", EAST)) == ["2"]
    assert await shop.steps() == [
        (SITE.id, "confirmed"),
        (SITE.id, "changed"),
        (SITE.id, "re_sourced"),
        (EAST, "confirmed"),
    ]
    assert (await shop.unserved.sweep(), shop.figures) == (0, (1, 1))
    assert shop.unserved.counters()["orders_unserved"] == 0
    await shop.rig.check()


async def test_only_what_is_lacking_goes(shop: Shop) -> None:
    await shop.rig.put("1", "2")
    await shop.rig.put("3", gtin=SHIRT_M)
    await shop.rig.put("8", "9", site=EAST)
    name = await shop.store.order({KEY: 2, SHIRTS_M: 1}, mode=SENT)
    await shop.rig.put("1", zone=OUT)  # it left
    await shop.store.sweeper.sweep()
    assert await shop.unserved.sweep() == 1
    left = (await shop.store.holds.get(WEB, name)).lines
    assert [(line.gtin, line.quantity, line.substitution_needed) for line in left] == [(SHIRT_S, 1, 0), (SHIRT_M, 1, 0)]
    assert len(await shop.taken()) == 1
    await shop.rig.check()


async def test_who_comes_for_it_comes_to_this_store_and_who_did_not_pay_waits(shop: Shop) -> None:
    await shop.rig.put("1", "2")
    await shop.rig.put("8", "9", site=EAST)
    collected = await shop.store.order()
    made = await shop.rig.reserve(shop.store.holds, 1)
    await shop.sold("1", "2")
    assert (await shop.unserved.sweep(), shop.figures) == (0, (0, 0))
    assert shop.unserved.counters()["orders_unserved"] == 0
    assert (await shop.rig.state_of(collected), await shop.rig.state_of(made["id"])) == ("confirmed", "held")
    assert await shop.taken() == []


async def test_a_hold_that_lost_its_item_before_it_was_confirmed(shop: Shop) -> None:
    await shop.rig.put("1")
    await shop.rig.put("2", site=EAST)
    made = await shop.store.holds.reserve(replace(shop.rig.asked(1), mode=SENT))
    await shop.rig.state("1", "sold")
    assert await shop.unserved.sweep() == 0
    await shop.store.holds.confirm(WEB, msgspec.json.decode(made.body)["id"])
    assert await shop.unserved.sweep() == 1
    assert await shop.store.said(EAST) == ["pick"]


async def test_a_gateway_that_died_between_a_miss_and_its_re_sourcing(shop: Shop) -> None:
    """Nobody was asked: `store` has no other site to ask."""
    await shop.rig.put("1")
    await shop.rig.put("2", site=EAST)
    await shop.store.order(mode=SENT)
    await shop.store.cannot("pick", "1")
    assert await shop.taken() == []
    assert await shop.unserved.sweep() == 1
    assert [step for _, step in await shop.steps()] == ["confirmed", "pick_missed", "re_sourced", "confirmed"]
    assert await shop.store.said(EAST) == ["pick"]
    await shop.rig.check()


async def test_a_gateway_that_died_with_units_held_elsewhere(shop: Shop) -> None:
    """Another one takes that hold in the same minute; later it is over, and is asked for anew."""
    await shop.rig.put("1", "2")
    await shop.rig.put("8", site=EAST)
    first, second = [await shop.store.order(mode=SENT) for _ in range(2)]
    await shop.sold("1")
    await hold_and_die(shop, first)
    shop.rig.clock.advance(1)
    assert await shop.unserved.sweep() == 1
    assert [state for _, state in await shop.taken()] == ["confirmed"]
    await shop.rig.put("9", site=EAST)
    await shop.sold("2")
    await hold_and_die(shop, second)
    shop.rig.clock.advance(TURN_S)
    await Sweeper(shop.rig.database, shop.rig.clock).sweep()
    assert await shop.unserved.sweep() == 1
    assert sorted(state for _, state in await shop.taken()) == ["confirmed", "confirmed", "expired"]
    assert len(await shop.store.said(EAST)) == 2
    await shop.rig.check()


async def test_units_held_elsewhere_that_are_no_longer_all_that_it_lacks(shop: Shop) -> None:
    await shop.rig.put("1", "2")
    await shop.rig.put("7", "8", "9", site=EAST)
    name = await shop.store.order(2, mode=SENT)
    await shop.sold("1")
    await hold_and_die(shop, name)
    await shop.sold("2")
    assert await shop.unserved.sweep() == 1
    assert sorted(state for _, state in await shop.taken()) == ["confirmed", "held"]
    assert await shop.rig.state_of(name) == "released"
    await shop.rig.check()


async def test_an_item_that_turns_up_in_another_store_is_served_from_there(shop: Shop) -> None:
    await shop.rig.put("1")
    await shop.store.order(mode=SENT)
    await shop.rig.put("1", zone=OUT)
    await shop.rig.put("1", site=EAST)
    await shop.store.sweeper.sweep()
    assert await shop.unserved.sweep() == 1
    assert serials(await shop.store.one("pick", EAST)) == ["1"]
    await shop.rig.check()


async def test_nobody_has_it_until_stock_comes(shop: Shop) -> None:
    await shop.rig.put("1")
    name = await shop.store.order(mode=SENT)
    await shop.sold("1")
    tries = 0
    for wait_s in (*UNSERVED_AGAIN_S, UNSERVED_AGAIN_S[-1]):
        tries += 1
        assert (await shop.unserved.sweep(), shop.figures) == (0, (tries, 0))
        shop.rig.clock.advance(wait_s - 1)
        assert (await shop.unserved.sweep(), shop.figures) == (0, (tries, 0)), wait_s
        shop.rig.clock.advance(1)
    assert await shop.rig.state_of(name) == "confirmed"
    assert shop.unserved.counters()["orders_unserved"] == 1
    await shop.rig.put("2", site=EAST)
    assert (await shop.unserved.sweep(), shop.figures) == (1, (tries + 1, 1))
    assert await shop.store.said(EAST) == ["pick"]
    await shop.rig.check()


async def test_what_else_it_comes_to_lack_is_asked_for_at_once(shop: Shop) -> None:
    await shop.rig.put("1", "2")
    await shop.store.order(2, mode=SENT)
    await shop.sold("1")
    await shop.unserved.sweep()
    await shop.unserved.sweep()
    assert shop.figures == (1, 0)
    await shop.sold("2")
    await shop.unserved.sweep()
    assert shop.figures == (2, 0)


async def test_an_order_that_is_over_is_not_asked_about_any_more(shop: Shop) -> None:
    await shop.rig.put("1")
    name = await shop.store.order(mode=SENT)
    await shop.sold("1")
    await shop.unserved.sweep()
    await shop.store.holds.release(WEB, name)
    await shop.rig.put("2", site=EAST)
    shop.rig.clock.advance(UNSERVED_AGAIN_S[0])
    assert (await shop.unserved.sweep(), shop.figures) == (0, (1, 0))
    assert shop.unserved.counters()["orders_unserved"] == 0


async def test_an_order_that_is_over_before_its_tasks_are(shop: Shop) -> None:
    await shop.rig.put("1")
    await shop.rig.put("2", site=EAST)
    name = await shop.store.order(mode=SENT)
    await shop.sold("1")
    async with shop.rig.database.write() as connection:
        await connection.execute(update(reservation).where(reservation.c.id == name).values(state="released"))
    assert (await shop.unserved.sweep(), shop.figures) == (0, (0, 0))


async def test_an_item_that_is_only_out_of_sight_may_come_back(shop: Shop) -> None:
    """A shopper has it in a fitting room: the order does not jump to another store for that."""
    await shop.rig.put("1")
    await shop.rig.put("2", site=EAST)
    name = await shop.store.order(mode=SENT)
    await shop.rig.put("1", zone="FIT", chance=0.1)
    await shop.store.sweeper.sweep()
    await shop.unserved.sweep()
    shop.rig.clock.advance(FADE_SETTLE_S - 1)
    assert (await shop.unserved.sweep(), shop.figures) == (0, (0, 0))
    await shop.rig.put("1", zone="FLOOR")
    await shop.store.sweeper.sweep()
    shop.rig.clock.advance(1)
    assert (await shop.unserved.sweep(), await shop.rig.state_of(name)) == (0, "confirmed")
    assert serials(await shop.store.one("pick")) == ["1"]
    await shop.rig.put("1", zone="FIT", chance=0.1)
    await shop.store.sweeper.sweep()
    assert await shop.unserved.sweep() == 0
    shop.rig.clock.advance(FADE_SETTLE_S)
    assert await shop.unserved.sweep() == 1, "it lasts"
    assert await shop.store.said(EAST) == ["pick"]


async def test_an_item_out_of_sight_that_is_gone_for_good(shop: Shop) -> None:
    await shop.rig.put("1")
    await shop.rig.put("2", site=EAST)
    await shop.store.order(mode=SENT)
    await shop.rig.put("1", zone="FIT", chance=0.1)
    await shop.store.sweeper.sweep()
    assert await shop.unserved.sweep() == 0
    await shop.sold("1")
    assert await shop.unserved.sweep() == 1


async def test_while_a_request_is_at_it_the_sweep_is_not(shop: Shop) -> None:
    await shop.rig.put("1")
    await shop.rig.put("2", site=EAST)
    name = await shop.store.order(mode=SENT)
    await shop.store.cannot("pick", "1")
    meanwhile: list[int] = []

    class Slow:
        async def hold(self, lacking: Lacking) -> Sequence[str]:
            meanwhile.append(await shop.unserved.sweep())
            return await shop.next_best.hold(lacking)

    shop.resourcing.next_best = Slow()
    assert await shop.resourcing.serve(name, SITE.id)
    assert (meanwhile, shop.figures, shop.resourcing.figures.pick_misses_resourced) == ([0], (0, 0), 1)
    assert await shop.unserved.sweep() == 0


async def test_two_gateways_hold_the_same_units_and_hand_them_on_once(shop: Shop, database_url: str) -> None:
    """Both have asked before the first hands on: the other store has two, and keeps one of them."""
    await shop.rig.put("1")
    await shop.rig.put("8", "9", site=EAST)
    await shop.store.order(mode=SENT)
    await shop.sold("1")
    another = Database(database_url)
    other = Shop(shop.rig, another)
    both = asyncio.Barrier(2)
    held: list[Sequence[str]] = []

    class Together:
        def __init__(self, next_best: Sourced) -> None:
            self.next_best = next_best

        async def hold(self, lacking: Lacking) -> Sequence[str]:
            held.append(await self.next_best.hold(lacking))
            await both.wait()
            return held[-1]

    for one in (shop, other):
        one.resourcing.next_best = Together(one.next_best)
    try:
        served = await asyncio.gather(shop.unserved.sweep(), other.unserved.sweep())
        assert (sorted(served), shop.figures[0], other.figures[0]) == ([0, 1], 1, 1)
        assert held[0] == held[1]
        assert [state for _, state in await shop.taken()] == ["confirmed"]
        assert await shop.store.said(EAST) == ["pick"]
        assert [step for _, step in await shop.steps()][-2:] == ["re_sourced", "confirmed"]
        assert (await shop.unserved.sweep(), await other.unserved.sweep()) == (0, 0)
        assert (shop.figures[0], other.figures[0]) == (1, 1)
        await shop.rig.check()
    finally:
        await other.close()
        await another.close()


async def test_a_bounded_number_is_asked_about_new_ones_first(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.tasks.unserved.UNSERVED_ASKS_MAX", 1)
    await shop.rig.put("1", "2")
    old = await shop.store.order(mode=SENT)
    await shop.sold("1", "2")
    await shop.unserved.sweep()
    shop.rig.clock.advance(UNSERVED_AGAIN_S[0])
    await shop.rig.put("3", "4")
    new = await shop.store.order(mode=SENT)
    assert [await shop.rig.state_of(name) for name in (old, new)] == ["confirmed"] * 2
    await shop.sold("3", "4")
    await shop.rig.put("8", "9", site=EAST)
    assert await shop.unserved.sweep() == 1
    assert [await shop.rig.state_of(name) for name in (old, new)] == ["confirmed", "released"]
    assert await shop.unserved.sweep() == 1
    assert await shop.rig.state_of(old) == "released"
    monkeypatch.setattr("gateway.tasks.unserved.UNSERVED_MAX", 0)
    await shop.rig.put("5")
    await shop.store.order(mode=SENT)
    await shop.sold("5")
    assert (await shop.unserved.sweep(), shop.figures, shop.unserved.figures.unserved_left_out) == (0, (3, 2), 1)
