"""Misses that are said again, cut short or said at once, and what other stores hold for them, on both databases."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from gateway.availability import Policy
from gateway.holds.asked import Who
from gateway.holds.errors import BusyError, UnknownHoldError, WrongStateError
from gateway.holds.follow_up import nothing_follows
from gateway.holds.sweeper import Sweeper
from gateway.ledger.picture import SkuKey
from gateway.sourcing.orders import Orders
from gateway.sourcing.quotes import Quotes
from gateway.storage.engine import Database
from gateway.tasks.acts import Said
from gateway.tasks.elsewhere import TTL_S, Sourced
from gateway.tasks.next_best import Lacking
from gateway.tasks.resourcing import Resourcing
from tests.gateway.tasks.task_rig import SHIRT_S, WEB
from tests.gateway.tasks.test_order_tasks import EAST, East, with_east

THERE = SkuKey(EAST, SHIRT_S)


class Fails(East):
    """A gateway that dies between the hold elsewhere and its handing on: as often as `times` says."""

    times = 1

    async def hold(self, lacking: Lacking) -> Sequence[str]:
        if len(self.asked) < self.times:
            self.asked.append(lacking)
            raise BusyError("cut short")
        return await super().hold(lacking)


async def test_a_miss_that_is_said_again_after_all_was_served_elsewhere_is_a_repeat(database: Database) -> None:
    store, east = await with_east(database)
    await store.rig.put("1")
    await store.rig.put("2", site=EAST)
    name = await store.order(mode="ship_from_store")
    first, _ = await store.holds.pick_miss(WEB, name, (SHIRT_S, "1"))
    assert first.state == "released"
    assert await store.holds.pick_miss(WEB, name, (SHIRT_S, "1")) == (first, True)
    assert len(east.asked) == 1
    with pytest.raises(WrongStateError):
        await store.holds.pick_miss(WEB, name, (SHIRT_S, "2"))
    with pytest.raises(UnknownHoldError):
        await store.holds.pick_miss(Who("other", Policy("web")), name, (SHIRT_S, "1"))


async def test_what_is_only_held_is_not_asked_for_elsewhere(database: Database) -> None:
    """Nothing can be handed on before it is confirmed: other stores would keep units back for nobody."""
    store, east = await with_east(database)
    await store.rig.put("1")
    await store.rig.put("2", site=EAST)
    made = await store.holds.reserve(replace(store.rig.asked(1), mode="ship_from_store"))
    name = msgspec.json.decode(made.body)["id"]
    answer, _ = await store.holds.pick_miss(WEB, name, (SHIRT_S, "1"))
    assert (answer.state, answer.lines[0].substitution_needed) == ("held", 1)
    assert (east.asked, await store.rig.atp(THERE)) == ([], 1)


async def test_a_step_that_is_said_again_after_it_was_cut_short_is_served(database: Database) -> None:
    store, _ = await with_east(database)
    store.resourcing.next_best = Fails(store.rig)
    await store.rig.put("1")
    await store.rig.put("2", site=EAST)
    name = await store.order(mode="ship_from_store")
    pick = await store.one("pick")
    said = Said(items=((SHIRT_S, "1"),))
    await store.tasks.cannot(WEB, pick.id, said)
    assert await store.rig.state_of(name) == "confirmed"
    _, replayed = await store.tasks.cannot(WEB, pick.id, said)
    assert (replayed, await store.rig.state_of(name), await store.said(EAST)) == (True, "released", ["pick"])
    await store.rig.check()


async def test_what_was_held_for_a_miss_and_ran_out_is_held_anew(database: Database) -> None:
    """The gateway died before it handed on: a minute later the same miss must not get the hold that is over."""
    store, _ = await with_east(database)
    await store.rig.put("1")
    await store.rig.put("2", site=EAST)
    name = await store.order(mode="ship_from_store")
    sourced = Sourced(database, store.rig.clock, Orders(Quotes(database, store.rig.clock), store.rig.holds()))

    class Dies(East):
        async def hold(self, lacking: Lacking) -> Sequence[str]:
            assert await sourced.hold(lacking)
            raise BusyError("cut short")

    store.resourcing.next_best = Dies(store.rig)
    await store.holds.pick_miss(WEB, name, (SHIRT_S, "1"))
    assert await store.rig.atp(THERE) == 0
    store.rig.clock.advance(TTL_S + 1)
    await Sweeper(database, store.rig.clock).sweep()
    store.resourcing.next_best = sourced
    answer, replayed = await store.holds.pick_miss(WEB, name, (SHIRT_S, "1"))
    assert (answer.state, replayed, await store.said(EAST)) == ("released", True, ["pick"])
    await store.rig.check()


async def test_two_misses_at_once_are_both_served(database: Database) -> None:
    """The hold for the first is of too few units by then: it is given back, and both are asked for."""
    store, _ = await with_east(database)
    await store.rig.put("1", "2")
    await store.rig.put("8", "9", site=EAST)
    name = await store.order(2, mode="ship_from_store")

    class Meanwhile(East):
        async def hold(self, lacking: Lacking) -> Sequence[str]:
            found = await super().hold(lacking)
            if len(self.asked) == 1:
                await store.holds.pick_miss(WEB, name, (SHIRT_S, "2"))
            return found

    store.resourcing.next_best = Meanwhile(store.rig)
    await store.holds.pick_miss(WEB, name, (SHIRT_S, "1"))
    assert await store.rig.state_of(name) == "released"
    (pick,) = await store.waiting(EAST)
    assert (pick.quantity, await store.rig.atp(THERE)) == (2, 0)
    await store.rig.check()


async def test_who_asks_elsewhere_never_fails(tmp_path: Path) -> None:
    """The miss is committed: that the next look at the database fails is no refusal of it."""
    nowhere = Database(f"sqlite:///{tmp_path}/empty.db")
    asks = Resourcing(nowhere, lambda: 0, nothing_follows)
    await asks.serve("r", "s")
    assert asks.counters()["pick_miss_resource_failures"] == 1
    await nowhere.close()
