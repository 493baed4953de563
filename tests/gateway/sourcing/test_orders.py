"""Orders whose sites the gateway chooses: one hold or several, all or none, once; on both databases."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import select

from gateway.availability import Policy
from gateway.holds.asked import Asked, Made, Who
from gateway.holds.desk import Holds
from gateway.holds.errors import InsufficientError, KeyReusedError, Shortage, TooManyHoldsError
from gateway.holds.sweeper import Sweeper
from gateway.ledger.picture import SkuKey
from gateway.sourcing.errors import NoPlanError
from gateway.sourcing.limits import ATTEMPTS
from gateway.sourcing.orders import Orders
from gateway.sourcing.plan import LeftOut
from gateway.storage.commerce import reference, reservation
from gateway.storage.engine import Database
from tests.gateway.small_store import SHIRT_M, SHIRT_S
from tests.gateway.sourcing.chain import WEB, Chain, asked, decoded, order

TWO = order((SHIRT_S, 2))


@pytest.fixture
async def chain(database: Database) -> Chain:
    return Chain(database)


def orders(chain: Chain, holds: Any = None) -> Orders:
    return Orders(chain.quotes, holds or chain.rig.holds())


async def rows(chain: Chain) -> list[Any]:
    async with chain.database.read() as connection:
        return list(await connection.execute(select(reservation).order_by(reservation.c.id)))


@dataclass
class Rivals:
    """Reservations before which others are faster: at each of the first tries they take what the best site has."""

    holds: Holds
    chain: Chain
    tries: int
    seen: list[tuple[str, ...]] = field(default_factory=list)

    async def answered(self, who: Who, name: str, sha256: bytes) -> Made | None:
        return await self.holds.answered(who, name, sha256)

    async def reserve(self, one: Asked) -> Made:
        self.seen.append(tuple(sorted({wish.key.site for wish in one.wishes})))
        if len(self.seen) <= self.tries:
            first = one.wishes[0].key
            units = await self.chain.rig.atp(first)
            await self.chain.rig.reserve(self.holds, {first: units}, who=Who("rival", Policy("rival")))
        return await self.holds.reserve(one)


async def test_one_site_is_one_hold_as_ever(chain: Chain) -> None:
    await chain.stores(a=1, b=2)
    made = await orders(chain).reserve(asked("k", references=(("cart_ref", "c-1"),)), TWO)
    found = decoded(made.body)
    assert [(line["site"], line["quantity"]) for line in found["lines"]] == [("b", 2)]
    assert (found["order_id"], found["state"], made.replayed) == (None, "held", False)
    assert [(row.id, row.order_id, row.idempotency_key) for row in await rows(chain)] == [(found["id"], None, "k")]
    assert (await chain.rig.holds().get(WEB, found["id"])).order_id is None
    await chain.rig.check()


async def test_several_sites_are_several_holds_of_one_order(chain: Chain) -> None:
    await chain.stores(a=1, b=1)
    holds = chain.rig.holds()
    mine = orders(chain, holds)
    made = await mine.reserve(asked("k", references=(("cart_ref", "c-1"),)), TWO)
    found = decoded(made.body)
    parts = found["parts"]
    assert [[(line["site"], line["quantity"]) for line in part["lines"]] for part in parts] == [[("a", 1)], [("b", 1)]]
    assert {part["order_id"] for part in parts} == {found["order_id"]}
    assert {part["expires_at"] for part in parts} == {found["expires_at"]}
    assert len({found["order_id"], *(part["id"] for part in parts)}) == 3
    async with chain.database.read() as connection:
        named = set(await connection.scalars(select(reference.c.id).where(reference.c.value == "c-1")))
    assert named == {part["id"] for part in parts}, "each part can be found, and forgotten, by the cart"
    await chain.rig.check()
    await holds.confirm(WEB, parts[0]["id"])
    await holds.release(WEB, parts[1]["id"])
    assert [row.state for row in await rows(chain)] == ["confirmed", "released"], "parts live on their own"
    assert (await holds.get(WEB, parts[0]["id"])).order_id == found["order_id"]
    assert mine.counters() == {"orders_made": 1, "orders_split": 1, "orders_quoted_again": 0}
    await chain.rig.check()


async def test_the_same_request_gets_the_same_answer_whatever_is_best_now(chain: Chain) -> None:
    await chain.stores(a=1, b=1)
    first = await orders(chain).reserve(asked("k"), TWO)
    again = await orders(chain).reserve(asked("k"), TWO)
    assert (again.body, again.replayed) == (first.body, True), "nothing is left, and nothing was asked for"
    await chain.rig.put("c1", "c2", site="a")
    assert (await orders(chain).reserve(asked("k"), TWO)).body == first.body
    assert len(await rows(chain)) == 2
    with pytest.raises(KeyReusedError):
        await orders(chain).reserve(asked("k", sha256=b"other".ljust(32)), TWO)
    other = await orders(chain).reserve(asked("k", Who("pos", Policy("pos"))), TWO)
    assert not other.replayed, "another key has names of its own"
    await chain.rig.check()


async def test_the_same_request_twice_at_once_is_one_order(chain: Chain) -> None:
    await chain.stores(a=1, b=1, c=2)
    both = await asyncio.gather(*(orders(chain).reserve(asked("k"), TWO) for _ in range(6)))
    assert len({made.body for made in both}) == 1
    assert sum(not made.replayed for made in both) == 1
    assert len(await rows(chain)) == 1
    await chain.rig.check()


async def test_what_was_taken_meanwhile_is_looked_for_elsewhere(chain: Chain) -> None:
    await chain.stores(a=2, b=1, c=1, d=1)
    rivals = Rivals(chain.rig.holds(), chain, tries=2)
    mine = orders(chain, rivals)
    found = decoded((await mine.reserve(asked("k"), TWO)).body)
    assert rivals.seen == [("a",), ("b", "c"), ("c", "d")]
    assert [part["lines"][0]["site"] for part in found["parts"]] == ["c", "d"]
    assert [(row.key, row.state) for row in await rows(chain)].count(("web", "held")) == 2
    assert len(await rows(chain)) == 4, "two of the rivals, two parts: nothing of the plans that failed"
    assert mine.counters()["orders_quoted_again"] == 2
    await chain.rig.check()


async def test_a_site_that_was_short_is_not_asked_again(chain: Chain) -> None:
    """Whatever its row promises: a picture may be older than the refusal."""
    await chain.stores(a=1, b=1)

    class Short(Rivals):
        async def reserve(self, one: Asked) -> Made:
            self.seen.append(tuple(wish.key.site for wish in one.wishes))
            if self.seen[-1] == ("a",):
                raise InsufficientError([Shortage(SHIRT_S, "a", 1, 0)])
            return await self.holds.reserve(one)

    short = Short(chain.rig.holds(), chain, tries=0)
    found = decoded((await orders(chain, short).reserve(asked("k"), order())).body)
    assert (short.seen, found["lines"][0]["site"]) == ([("a",), ("b",)], "b")


async def test_it_is_not_looked_for_for_ever(chain: Chain) -> None:
    await chain.stores(**{f"s{number}": 1 for number in range(ATTEMPTS + 2)})
    rivals = Rivals(chain.rig.holds(), chain, tries=ATTEMPTS)
    with pytest.raises(NoPlanError, match=f"{ATTEMPTS} plans were tried"):
        await orders(chain, rivals).reserve(asked("k"), order())
    assert len(rivals.seen) == ATTEMPTS
    assert {row.key for row in await rows(chain)} == {"rival"}
    later = await orders(chain).reserve(asked("k"), order())
    assert not later.replayed, "a refusal is not remembered"
    await chain.rig.check()


async def test_an_order_that_nobody_can_serve_keeps_nothing(chain: Chain) -> None:
    await chain.stores(a=1, b=1, c=1)
    await chain.store("c", km=30, ship=False)
    with pytest.raises(NoPlanError) as caught:
        await orders(chain).reserve(asked("k"), order((SHIRT_S, 3)))
    assert (caught.value.considered, caught.value.left_out) == (3, {LeftOut.DOES_NOT: 1})
    assert str(caught.value) == "of 3 sites none, and no few together, can serve all of it (left out: does_not 1)"
    with pytest.raises(NoPlanError, match="nothing 2"):
        await orders(chain).reserve(asked("k"), order((SHIRT_M, 1)))
    assert await rows(chain) == []


async def test_a_plan_asks_its_own_sites_only(chain: Chain) -> None:
    await chain.stores(a=2, b=1, c=1)
    planned = replace(TWO, only=frozenset({"b", "c"}), ship_to=None)
    found = decoded((await orders(chain).reserve(asked("k"), planned)).body)
    assert [part["lines"][0]["site"] for part in found["parts"]] == ["b", "c"]
    with pytest.raises(NoPlanError):
        await orders(chain).reserve(asked("l"), planned)
    await chain.rig.check()


async def test_a_process_that_dies_leaves_nothing_half_done(chain: Chain) -> None:
    """Killed before the commit nothing is there; after it all is, and the same request finds it."""
    await chain.stores(a=1, b=1)

    class KilledError(Exception):
        pass

    for where, kept in (("holds.written", 0), ("holds.committed", 2)):

        def step(name: str, where: str = where) -> None:
            if name == where:
                raise KilledError

        with pytest.raises(KilledError):
            await orders(chain, chain.rig.holds(step=step)).reserve(asked("k"), TWO)
        assert len(await rows(chain)) == kept
        await chain.rig.check()
    again = await orders(chain).reserve(asked("k"), TWO)
    assert again.replayed
    assert len(decoded(again.body)["parts"]) == 2
    assert await chain.rig.atp(SkuKey("a", SHIRT_S)) == 0


async def test_parts_that_are_not_confirmed_expire_by_themselves(chain: Chain) -> None:
    await chain.stores(a=1, b=1)
    await orders(chain).reserve(asked("k", ttl_s=60), TWO)
    with pytest.raises(NoPlanError):
        await orders(chain).reserve(asked("l"), order())
    chain.rig.clock.advance(60)
    await Sweeper(chain.database, chain.rig.clock).sweep()
    assert [row.state for row in await rows(chain)] == ["expired", "expired"]
    assert not (await orders(chain).reserve(asked("l"), TWO)).replayed
    await chain.rig.check()


async def test_a_key_with_too_many_holds_is_refused_as_ever(chain: Chain) -> None:
    await chain.stores(a=9)
    few = Who("web", Policy("web", holds_max=1))
    await orders(chain).reserve(asked("k", few), order())
    with pytest.raises(TooManyHoldsError):
        await orders(chain).reserve(asked("l", few), order())


async def test_a_site_is_full_at_once_by_what_was_just_held(chain: Chain) -> None:
    await chain.stores(a=9, b=9)
    await chain.store("a", km=10, capacity_per_day=2)
    mine = orders(chain)
    served = [decoded((await mine.reserve(asked(f"k{n}"), order())).body)["lines"][0]["site"] for n in range(4)]
    assert served == ["a", "a", "b", "b"]


async def test_a_run_on_few_units_is_served_to_the_last_and_no_further(chain: Chain) -> None:
    await chain.stores(a=3, b=2, c=3)
    mine = orders(chain)
    outcomes = await asyncio.gather(
        *(mine.reserve(asked(f"k{number}"), TWO) for number in range(12)), return_exceptions=True
    )
    made = [one for one in outcomes if isinstance(one, Made)]
    assert all(isinstance(one, Made | NoPlanError) for one in outcomes), outcomes
    assert 1 <= len(made) <= 4, "eight units are four orders at most"
    for number in range(12, 20):  # nobody asks beside them now
        try:
            made.append(await mine.reserve(asked(f"k{number}"), TWO))
        except NoPlanError:
            break
    assert len(made) == 4
    await chain.rig.check()
