"""Who holds what: keys, caps, handing on, and what happens when too many ask; on SQLite and PostgreSQL."""

import asyncio
from collections.abc import Collection
from typing import Any

import msgspec
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.availability import Policy
from gateway.holds import desk
from gateway.holds.asked import Who
from gateway.holds.errors import (
    BusyError,
    InsufficientError,
    TooManyHoldsError,
    UnknownHoldError,
    UnknownKeyError,
)
from gateway.holds.limits import ATTEMPTS
from gateway.ledger.retell import Locked, lock_skus
from gateway.storage.commerce import api_key, reference, reservation
from gateway.storage.engine import Database
from tests.gateway.holds.rig import WEB, Rig

STAFF = Who("picker", Policy("shop"), staff=True)


@pytest.fixture
async def rig(database: Database) -> Rig:
    return await Rig(database).open()


async def test_only_its_key_and_staff_of_its_sites_see_a_reservation(rig: Rig) -> None:
    await rig.put("1")
    holds = rig.holds()
    name = (await rig.reserve(holds, 1))["id"]
    assert (await holds.get(STAFF, name)).id == name
    abroad = Who("far", Policy("shop"), frozenset({"store-002"}), staff=True)
    for who in (Who("pos", Policy("pos")), abroad):
        with pytest.raises(UnknownHoldError):
            await holds.get(who, name)
        with pytest.raises(UnknownHoldError):
            await holds.release(who, name)
    with pytest.raises(UnknownHoldError):
        await holds.get(WEB, "00000000-0000-7000-8000-000000000000")
    async with rig.database.read() as connection:
        assert await holds.may_exclude(connection, WEB, name)
        assert not await holds.may_exclude(connection, STAFF, name)
        assert not await holds.may_exclude(connection, WEB, "nothing")


async def test_open_holds_of_a_key_are_capped(rig: Rig) -> None:
    await rig.put(*(str(number) for number in range(9)))
    few = Who("few", Policy("few", holds_max=3))
    desks = [rig.holds(), rig.holds()]

    async def one(number: int) -> bool:
        try:
            await rig.reserve(desks[0], 1, who=few, name=f"f{number}")
        except TooManyHoldsError as error:
            assert (error.held, error.allowed) == (3, 3)
            return False
        return True

    assert await one(0)
    assert sum(await asyncio.gather(*(one(number) for number in range(1, 9)))) == 2
    assert not await one(9)
    with pytest.raises(TooManyHoldsError):
        await rig.reserve(desks[1], 1, who=few)
    await rig.reserve(desks[1], 1)  # another key
    async with rig.database.read() as connection:
        mine = select(reservation.c.id).where(reservation.c.key == "few").order_by(reservation.c.id)
        names = (await connection.scalars(mine)).all()
    await desks[1].confirm(few, names[0])  # an order is no open cart
    assert await one(10)
    assert not await one(11)
    rig.clock.advance(901)
    with pytest.raises(InsufficientError):  # what cannot be had anyway is not refused for the cap
        await rig.reserve(desks[0], 100, who=few)
    assert await one(12)


async def test_a_hold_is_handed_to_another_cart_and_key(rig: Rig) -> None:
    await rig.put("1", "2")
    holds = rig.holds()
    made = await holds.reserve(rig.asked(1, name="k", references=[("cart_ref", "guest")]))
    name = msgspec.json.decode(made.body)["id"]
    await holds.transfer(WEB, name, [("cart_ref", "mine"), ("customer_ref", "u7")])
    async with rig.database.read() as connection:
        named = {row.name: row.value for row in await connection.execute(select(reference))}
    assert named == {"cart_ref": "mine", "customer_ref": "u7"}
    keys = {"pos": "stock:read hold:write", "reader": "stock:read"}
    async with rig.database.write() as connection:
        for number, (key, scopes) in enumerate(keys.items()):
            row: dict[str, Any] = {"id": key, "sha256": bytes([number]) * 32, "channel": "shop", "name": key}
            row |= {"scopes": scopes, "rate_per_s": 1.0, "burst": 1, "created_us": 0}
            await connection.execute(api_key.insert(), row)
    for key in ("nobody", "reader"):
        with pytest.raises(UnknownKeyError):
            await holds.transfer(WEB, name, to_key=key)
    pos = Who("pos", Policy("shop"))
    assert (await holds.transfer(WEB, name, to_key="pos"))[0].id == name
    with pytest.raises(UnknownHoldError):
        await holds.get(WEB, name)
    assert (await holds.confirm(pos, name))[0].state == "confirmed"
    again = await holds.reserve(rig.asked(1, name="k", references=[("cart_ref", "guest")]))
    assert (again.body, again.replayed) == (made.body, True)  # no second hold
    async with rig.database.read() as connection:
        kept_names = (await connection.scalars(select(reservation.c.id).where(reservation.c.key == "web"))).all()
    assert len(kept_names) == 1
    with pytest.raises(UnknownHoldError):  # what keeps the idempotency key is no reservation
        await holds.get(WEB, kept_names[0])
    assert await rig.atp() == 1
    await rig.check()


async def test_a_database_that_fails_is_tried_again_and_then_said_to_be_busy(rig: Rig) -> None:
    await rig.put("1", "2")
    failures = [OSError("gone")] * 2

    async def failing(connection: AsyncConnection, keys: Collection[tuple[str, str]], now_us: int) -> Locked:
        if failures:
            raise failures.pop()
        return await lock_skus(connection, keys, now_us)

    holds = rig.holds(lock=failing)
    made = await asyncio.gather(*(rig.reserve(holds, 1) for _ in range(2)))
    assert len({each["id"] for each in made}) == 2
    failures += [OSError("gone")] * ATTEMPTS
    with pytest.raises(BusyError, match="Idempotency-Key"):
        await rig.reserve(holds, 1)
    assert holds.counters()["hold_failures"] == 1
    failures += [OSError("gone")]
    assert (await holds.confirm(WEB, made[0]["id"]))[0].state == "confirmed"
    failures += [OSError("gone")] * ATTEMPTS
    with pytest.raises(BusyError, match="did not take release"):
        await holds.release(WEB, made[0]["id"])
    await rig.check()


async def test_changes_that_wait_are_bounded(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.put("1")
    holds = rig.holds()
    made = await rig.reserve(holds, 1)
    monkeypatch.setattr(desk, "VERBS_WAITING_MAX", 0)
    with pytest.raises(BusyError, match="wait already"):
        await holds.confirm(WEB, made["id"])


async def test_a_full_queue_says_so(rig: Rig) -> None:
    await rig.put("1")
    holds = rig.holds(queue_max=3)
    tasks = [asyncio.create_task(holds.reserve(rig.asked(1))) for _ in range(6)]
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each).__name__ for each in found].count(BusyError.__name__) == 3
    assert holds.counters()["holds_turned_away"] == 3
    await holds.close()
