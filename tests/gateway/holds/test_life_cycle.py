"""A reservation from the cart to the shopper's hands, on SQLite and PostgreSQL."""

import asyncio

import msgspec
import pytest
from sqlalchemy import select

from gateway.availability import Policy
from gateway.fold.evidence import decode_evidence
from gateway.holds.asked import Who
from gateway.holds.errors import (
    InsufficientError,
    ItemNotHeldError,
    KeyReusedError,
    NothingHeldError,
    UnknownHoldSiteError,
    WrongStateError,
)
from gateway.ledger.picture import SkuKey
from gateway.storage.commerce import disposition, reference, reservation
from gateway.storage.engine import Database
from gateway.storage.schema import site_input, stock
from tests.gateway.holds.rig import KEY, WEB, Rig, serials
from tests.gateway.small_store import FOREIGN, SHIRT_M, SHIRT_S, SITE
from wire.site import OUT

STAFF = Who("picker", Policy("shop"), staff=True)
EAST = SkuKey("store-002", SHIRT_S)


@pytest.fixture
async def rig(database: Database) -> Rig:
    return await Rig(database).open()


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


async def test_blind_zones_give_no_confident_number(rig: Rig) -> None:
    await rig.put("1", "2")
    await rig.blind("FLOOR")
    holds = rig.holds()
    with pytest.raises(InsufficientError):
        await rig.reserve(holds, 1, who=Who("z", Policy("z", when_blind="zero")))
    made = await rig.reserve(holds, 1)
    assert made["lines"][0]["items"][0]["confidence"] is None
    assert (await holds.get(WEB, made["id"])).lines[0].items[0].confidence is None
