"""Orders of several reservations, confirmed and released as one, on SQLite and PostgreSQL."""

import asyncio
from dataclasses import replace

import msgspec
import pytest
from sqlalchemy import update

from gateway.availability import Policy
from gateway.holds.asked import Who
from gateway.holds.errors import ExpiredError, UnknownOrderError, WrongStateError
from gateway.holds.orders import HeldOrders
from gateway.http.reservation_rows import Order
from gateway.ledger.picture import SkuKey
from gateway.storage.commerce import reservation
from gateway.storage.engine import Database
from tests.gateway.holds.rig import KEY, WEB, Rig
from tests.gateway.small_store import SHIRT_M, SHIRT_S, SITE

EAST = "store-002"
THERE = SkuKey(EAST, SHIRT_S)


class Shop:
    """Two stores, and an order over both."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.holds = rig.holds()
        self.orders = HeldOrders(rig.database, rig.clock, rig.names)

    async def made(self, ttl_s: int = 900, who: Who = WEB) -> Order:
        """An order of one shirt at each of the two stores."""
        await self.rig.put("1", "2")
        await self.rig.put("8", "9", site=EAST)
        asked = self.rig.asked({KEY: 1, THERE: 1}, ttl_s=ttl_s, who=who)
        made = await self.holds.reserve(replace(asked, by_site=True))
        return msgspec.json.decode(made.body, type=Order)


@pytest.fixture
async def shop(database: Database) -> Shop:
    return Shop(await Rig(database).open(EAST))


def states(order: Order) -> list[str]:
    return [part.state for part in order.parts]


async def test_both_parts_are_confirmed_at_once_and_released_at_once(shop: Shop) -> None:
    made = await shop.made()
    shown = await shop.orders.get(WEB, made.order_id)
    assert (shown.order_id, states(shown), shown.expires_at) == (made.order_id, ["held", "held"], made.expires_at)
    done, replayed = await shop.orders.confirm(WEB, made.order_id, collect_s=60)
    assert (states(done), done.expires_at, replayed) == (["confirmed", "confirmed"], None, False)
    assert {part.collect_by for part in done.parts} == {"2026-11-18T11:07:40.000Z"}
    assert (await shop.orders.confirm(WEB, made.order_id))[1]
    assert await shop.rig.atp() == await shop.rig.atp(THERE) == 1
    done, replayed = await shop.orders.release(WEB, made.order_id)
    assert (states(done), replayed) == (["released", "released"], False)
    assert await shop.rig.atp() == await shop.rig.atp(THERE) == 2
    assert (await shop.orders.release(WEB, made.order_id))[1]
    assert (await shop.rig.reasons())[-2:] == ["released", "released"]
    await shop.rig.check()


async def test_a_reservation_of_its_own_is_an_order(shop: Shop) -> None:
    await shop.rig.put("1")
    made = await shop.rig.reserve(shop.holds, 1)
    done, _ = await shop.orders.confirm(WEB, made["id"])
    assert (done.order_id, [part.id for part in done.parts], states(done)) == (made["id"], [made["id"]], ["confirmed"])


async def test_an_order_goes_by_the_name_of_any_of_its_parts(shop: Shop) -> None:
    made = await shop.made()
    for part in made.parts:
        found = await shop.orders.get(WEB, part.id)
        assert (found.order_id, [one.id for one in found.parts]) == (made.order_id, [one.id for one in made.parts])


async def test_when_one_part_has_expired_none_is_confirmed(shop: Shop) -> None:
    made = await shop.made()
    async with shop.rig.database.write() as connection:
        late = update(reservation).where(reservation.c.id == made.parts[1].id)
        await connection.execute(late.values(expires_us=shop.rig.clock() - 1))
    with pytest.raises(ExpiredError):
        await shop.orders.confirm(WEB, made.order_id)
    assert states(await shop.orders.get(WEB, made.order_id)) == ["held", "expired"]
    done, replayed = await shop.orders.release(WEB, made.order_id)
    assert (states(done), replayed) == (["released", "expired"], False)
    await shop.rig.check()


async def test_what_is_over_is_passed_over(shop: Shop) -> None:
    made = await shop.made()
    first, second = (part.id for part in made.parts)
    await shop.holds.release(WEB, first)
    done, _ = await shop.orders.confirm(WEB, made.order_id)
    assert states(done) == ["released", "confirmed"]
    await shop.holds.fulfil(WEB, second)
    assert (await shop.orders.release(WEB, made.order_id))[1], "nothing is left to be given back"
    assert await shop.rig.sold() != []
    with_nothing = await shop.rig.reserve(shop.holds, 1)
    await shop.holds.release(WEB, with_nothing["id"])
    with pytest.raises(WrongStateError):
        await shop.orders.confirm(WEB, with_nothing["id"])
    handed = await shop.rig.reserve(shop.holds, 1)
    await shop.holds.confirm(WEB, handed["id"])
    await shop.holds.fulfil(WEB, handed["id"])
    with pytest.raises(WrongStateError):
        await shop.orders.release(WEB, handed["id"])
    await shop.rig.check()


async def test_who_sees_an_order(shop: Shop) -> None:
    made = await shop.made()
    staff = Who("tablet", Policy("shop"), frozenset({SITE.id}), staff=True)
    everywhere = Who("office", Policy("shop"), None, staff=True)
    stranger = Who("other", Policy("web"))
    assert [part.lines[0].site for part in (await shop.orders.get(staff, made.order_id)).parts] == [SITE.id]
    for who in (staff, stranger):
        with pytest.raises(UnknownOrderError, match="no order"):
            await shop.orders.confirm(who, made.order_id)
    with pytest.raises(UnknownOrderError):
        await shop.orders.get(stranger, made.order_id)
    with pytest.raises(UnknownOrderError):
        await shop.orders.get(WEB, "nothing\0")
    assert states((await shop.orders.confirm(everywhere, made.order_id))[0]) == ["confirmed", "confirmed"]


async def test_two_at_once_and_a_part_on_its_own(shop: Shop) -> None:
    """Whoever comes first: the order is confirmed once, and nobody waits for nobody in a circle."""
    made = await shop.made()
    again = HeldOrders(shop.rig.database, shop.rig.clock, shop.rig.names)
    outcomes = await asyncio.gather(
        shop.orders.confirm(WEB, made.order_id),
        again.confirm(WEB, made.order_id),
        *(shop.holds.confirm(WEB, part.id) for part in reversed(made.parts)),
    )
    assert states(await shop.orders.get(WEB, made.order_id)) == ["confirmed", "confirmed"]
    assert any(not replayed for _, replayed in outcomes)
    assert all(part.version == 2 for part in (await shop.orders.get(WEB, made.order_id)).parts)
    await shop.rig.check()


async def test_lines_of_several_skus_at_one_site(shop: Shop) -> None:
    await shop.rig.put("1")
    await shop.rig.put("7", gtin=SHIRT_M)
    made = await shop.rig.reserve(shop.holds, {KEY: 1, SkuKey(SITE.id, SHIRT_M): 1})
    done, _ = await shop.orders.confirm(WEB, made["id"])
    assert len(done.parts[0].lines) == 2
    await shop.orders.release(WEB, made["id"])
    await shop.rig.check()
