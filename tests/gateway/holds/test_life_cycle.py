"""A reservation from the cart to the shopper's hands, on SQLite and PostgreSQL."""

import asyncio
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from gateway.availability import Policy
from gateway.fold.evidence import decode_evidence
from gateway.holds.asked import Who
from gateway.holds.desk import Holds
from gateway.holds.errors import (
    ExpiredError,
    InsufficientError,
    ItemNotHeldError,
    KeyReusedError,
    NothingHeldError,
    TooManyHoldsError,
    UnknownHoldError,
    UnknownHoldSiteError,
    UnknownKeyError,
    WrongStateError,
)
from gateway.holds.limits import KEPT_S
from gateway.holds.sweeper import Sweeper
from gateway.ledger.picture import SkuKey
from gateway.storage.commerce import api_key, disposition, reference, reservation
from gateway.storage.engine import Database
from gateway.storage.schema import site_input, stock
from tests.gateway.holds.rig import KEY, WEB, Rig
from tests.gateway.small_store import FOREIGN, SHIRT_M, SHIRT_S, SITE, ManualClock
from wire.site import OUT

STAFF = Who("picker", Policy("shop"), staff=True)
EAST = SkuKey("store-002", SHIRT_S)


@pytest.fixture
async def rig(database: Database) -> Rig:
    return await Rig(database).open()


def serials(line: dict[str, Any] | Any) -> list[str]:
    items = line["items"] if isinstance(line, dict) else [msgspec.to_builtins(item) for item in line.items]
    return [item["digital_link"].rpartition("/")[2] for item in items]


async def test_from_the_cart_to_the_hands(rig: Rig) -> None:
    await rig.put("1", "2", "3")
    await rig.put("4", zone="BACK", chance=0.6)
    holds = rig.holds()
    made = await rig.reserve(holds, 2, references=[("cart_ref", "c1"), ("customer_ref", "u1")])
    assert (made["state"], made["created_at"][:16], made["expires_at"][11:19]) == (
        "held",
        "2026-11-18T11:06",
        "11:21:40",
    )
    assert serials(made["lines"][0]) == ["1", "2"]
    assert [(item["zone"], item["confidence"]) for item in made["lines"][0]["items"]] == [("FLOOR", 1.0)] * 2
    assert await rig.atp() == 1
    assert msgspec.to_builtins(await holds.get(WEB, made["id"])) == made
    await rig.check()
    with pytest.raises(InsufficientError) as refused:
        await rig.reserve(holds, 2)
    assert refused.value.shortages[0].atp == 1
    name = made["id"]
    answer, replayed = await holds.confirm(WEB, name)
    assert (answer.state, answer.expires_at, answer.version, replayed) == ("confirmed", None, 2, False)
    rig.clock.advance(1e5)  # a confirmed order does not expire
    answer, replayed = await holds.confirm(WEB, name)
    assert (answer.state, answer.version, replayed) == ("confirmed", 2, True)
    answer, _ = await holds.pick(WEB, name)
    assert (answer.state, [item.picked for item in answer.lines[0].items]) == ("picked", [True, True])
    await rig.check()
    answer, _ = await holds.fulfil(STAFF, name)
    assert answer.state == "fulfilled"
    assert (await holds.fulfil(WEB, name))[1]
    assert await rig.sold() == ["1", "2"]
    async with rig.database.read() as connection:
        bodies = await connection.scalars(select(site_input.c.body).where(site_input.c.kind == "evidence"))
        said = [decode_evidence(body) for body in bodies]
        named = {row.name: row.value for row in await connection.execute(select(reference))}
    assert [(entry.kind, entry.items, entry.posted) for entry in said] == [
        ("sale", ((SHIRT_S, "1"), (SHIRT_S, "2")), True)
    ]
    assert named == {"cart_ref": "c1", "customer_ref": "u1"}
    with pytest.raises(WrongStateError):
        await holds.release(WEB, name)
    await rig.check()
    assert [reason for reason in await rig.reasons() if reason != "moved"] == ["held", "fulfilled"]


async def test_what_is_kept_is_only_the_surest_and_a_refusal_names_other_sites(rig: Rig) -> None:
    await rig.open(EAST.site)
    await rig.put("1", chance=0.96)
    await rig.put("2", chance=0.97)
    await rig.put("7", "8", "9", site=EAST.site)
    holds = rig.holds()
    made = await rig.reserve(holds, 1)
    assert [(item["confidence"], item["zone"]) for item in made["lines"][0]["items"]] == [(0.97, "FLOOR")]
    with pytest.raises(InsufficientError) as refused:
        await rig.reserve(holds, {KEY: 2})
    short = refused.value.shortages[0]
    assert (short.gtin, short.site, short.requested, short.atp) == (SHIRT_S, SITE.id, 2, 1)
    assert [(other.site, other.atp, other.confidence) for other in short.alternatives] == [("store-002", 3, 1.0)]
    with pytest.raises(InsufficientError) as refused:
        await rig.reserve(holds, {KEY: 2}, who=Who("web", WEB.policy, frozenset({SITE.id})))
    assert refused.value.shortages[0].alternatives == ()
    made = await rig.reserve(holds, {KEY: 2, EAST: 2}, partial=True)
    assert [(line["site"], line["quantity"]) for line in made["lines"]] == [(SITE.id, 1), ("store-002", 2)]
    assert made["short"] == [{"gtin": SHIRT_S, "site": SITE.id, "requested": 2, "quantity": 1}]
    await rig.check()


async def test_what_nobody_has_is_refused_and_leaves_no_row(rig: Rig) -> None:
    holds = rig.holds()
    for key in (SkuKey(SITE.id, SHIRT_M), SkuKey(SITE.id, FOREIGN)):
        with pytest.raises(InsufficientError) as refused:
            await rig.reserve(holds, {key: 1})
        assert refused.value.shortages[0].atp == 0
    with pytest.raises(UnknownHoldSiteError, match=r"no site 'nowhere' here; there are store-001"):
        await rig.reserve(holds, {SkuKey("nowhere", SHIRT_S): 1})
    async with rig.database.read() as connection:
        assert (await connection.execute(select(stock))).all() == []
        assert (await connection.execute(select(reservation))).all() == []


async def test_the_same_request_has_the_same_answer_and_another_none(rig: Rig) -> None:
    await rig.put("1", "2", "3")
    holds = rig.holds()
    first = await holds.reserve(rig.asked(1, name="k"))
    others = rig.holds()  # another process
    answers = await asyncio.gather(*(each.reserve(rig.asked(1, name="k")) for each in (holds, others, holds)))
    assert {(made.body, made.replayed) for made in answers} == {(first.body, True)}
    with pytest.raises(KeyReusedError):
        await holds.reserve(rig.asked(2, name="k"))
    assert not (await holds.reserve(rig.asked(1, name="k", who=Who("pos", Policy("pos"))))).replayed
    with pytest.raises(InsufficientError):
        await holds.reserve(rig.asked(2, name="late"))
    await holds.release(WEB, msgspec.json.decode(first.body)["id"])
    assert not (await holds.reserve(rig.asked(2, name="late"))).replayed  # a refusal is not remembered
    assert (await holds.reserve(rig.asked(1, name="k"))).body == first.body  # released or not
    await rig.check()


async def test_many_of_the_same_request_at_once_hold_once(rig: Rig) -> None:
    await rig.put(*(str(number) for number in range(9)))
    desks = [rig.holds(), rig.holds()]
    made = await asyncio.gather(*(desks[number % 2].reserve(rig.asked(1, name="k")) for number in range(40)))
    assert len({each.body for each in made}) == 1
    assert sum(not each.replayed for each in made) == 1
    assert await rig.atp() == 8


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


async def test_a_held_item_that_goes_moves_its_hold_or_says_so(rig: Rig) -> None:
    await rig.put("1", "2")
    holds = rig.holds()
    made = await rig.reserve(holds, 1)
    await rig.state("1", "sold")  # at the till
    assert serials((await holds.get(WEB, made["id"])).lines[0]) == ["2"]
    await rig.check()
    await rig.put("2", zone=OUT)  # by the exit
    line = (await holds.get(WEB, made["id"])).lines[0]
    assert (line.items, line.substitution_needed) == ([], 1)
    assert await rig.atp() == 0
    await rig.check()
    await holds.confirm(WEB, made["id"])  # who holds is not asked again
    with pytest.raises(NothingHeldError):
        await holds.pick(WEB, made["id"])
    with pytest.raises(NothingHeldError):
        await holds.fulfil(WEB, made["id"])
    await rig.put("3")
    line = (await holds.get(WEB, made["id"])).lines[0]
    assert (serials(line), line.substitution_needed) == (["3"], 0)
    assert await rig.atp() == 0
    await rig.check()


async def test_an_item_that_is_not_found_is_missing_and_the_next_one_is_named(rig: Rig) -> None:
    await rig.put("1", "2")
    holds = rig.holds()
    made = await rig.reserve(holds, 1)
    await holds.confirm(WEB, made["id"])
    await holds.pick(WEB, made["id"])
    answer, replayed = await holds.pick_miss(STAFF, made["id"], (SHIRT_S, "1"))
    assert (answer.state, serials(answer.lines[0]), replayed) == ("confirmed", ["2"], False)
    answer, replayed = await holds.pick_miss(STAFF, made["id"], (SHIRT_S, "1"))
    assert (serials(answer.lines[0]), replayed) == (["2"], True)
    with pytest.raises(ItemNotHeldError):
        await holds.pick_miss(STAFF, made["id"], (SHIRT_S, "77"))
    async with rig.database.read() as connection:
        states = {row.serial: row.state for row in await connection.execute(select(disposition))}
    assert states == {"1": "missing"}
    assert await rig.atp() == 0
    answer, _ = await holds.pick_miss(STAFF, made["id"], (SHIRT_S, "2"))
    assert answer.lines[0].substitution_needed == 1
    await rig.check()


async def test_another_item_of_the_rail_may_stand_in(rig: Rig) -> None:
    await rig.put("1", "2", "3", "4")
    await rig.book(1)
    holds = rig.holds()
    made = await rig.reserve(holds, 2)
    other = await rig.reserve(holds, 1)
    await holds.confirm(WEB, made["id"])
    with pytest.raises(ItemNotHeldError):
        await holds.pick(STAFF, made["id"], [(SHIRT_S, serials(other["lines"][0])[0])])
    with pytest.raises(ItemNotHeldError):
        await holds.pick(STAFF, made["id"], [(SHIRT_M, "1")])
    answer, _ = await holds.pick(STAFF, made["id"], [(SHIRT_S, "4")])
    assert (answer.state, sorted(serials(answer.lines[0]))) == ("confirmed", ["2", "4"])
    answer, _ = await holds.pick(STAFF, made["id"], [(SHIRT_S, "2")])
    assert answer.state == "picked"
    await holds.fulfil(STAFF, made["id"])
    assert sorted(await rig.sold()) == ["2", "4"]
    assert await rig.atp() == 2
    await rig.check()


async def test_units_without_tags_are_held_and_sold_too(rig: Rig) -> None:
    await rig.book(3)
    await rig.book(2, owner="brand")
    holds = rig.holds()
    made = await rig.reserve(holds, 4)
    assert (made["lines"][0]["items"], made["lines"][0]["untagged"]) == ([], 4)
    assert await rig.atp() == 1
    await holds.confirm(WEB, made["id"])
    await rig.book(-2)  # somebody counted
    line = (await holds.get(WEB, made["id"])).lines[0]
    assert (line.untagged, line.substitution_needed) == (3, 1)
    await holds.fulfil(WEB, made["id"])
    assert await rig.sold() == ["", ""]
    assert await rig.atp() == 0
    async with rig.database.read() as connection:
        bodies = await connection.scalars(select(site_input.c.body).where(site_input.c.kind == "evidence"))
        said = [decode_evidence(body) for body in bodies]
    assert [(entry.gtin, entry.quantity, entry.untagged, entry.posted) for entry in said] == [(SHIRT_S, 3, 3, True)]
    await rig.check()


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


async def test_blind_zones_give_no_confident_number(rig: Rig) -> None:
    await rig.put("1", "2")
    await rig.blind("FLOOR")
    holds = rig.holds()
    with pytest.raises(InsufficientError):
        await rig.reserve(holds, 1, who=Who("z", Policy("z", when_blind="zero")))
    made = await rig.reserve(holds, 1)
    assert made["lines"][0]["items"][0]["confidence"] is None
    assert (await holds.get(WEB, made["id"])).lines[0].items[0].confidence is None


async def test_a_full_queue_says_so(rig: Rig) -> None:
    from gateway.holds.errors import BusyError

    await rig.put("1")
    holds: Holds = rig.holds(queue_max=3)
    tasks = [asyncio.create_task(holds.reserve(rig.asked(1))) for _ in range(6)]
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each).__name__ for each in found].count(BusyError.__name__) == 3
    assert holds.counters()["holds_turned_away"] == 3
    await holds.close()
