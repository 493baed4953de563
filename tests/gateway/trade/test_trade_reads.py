"""The story of an item, pages of postings and audit, references that can be erased."""

from sqlalchemy import select

from gateway.storage.commerce import reference
from gateway.trade.reads import TradeReads
from tests.gateway.trade.trade_rig import OTHER, SHIRT_S, SITE, TradeRig
from wire.site import OUT


async def test_the_story_of_an_item(rig: TradeRig) -> None:
    reads = TradeReads(rig.database)
    assert await reads.item(SHIRT_S, "1") is None
    await rig.put("1")
    await rig.reserve(rig.holds())
    story = await reads.item(SHIRT_S, "1")
    assert story is not None
    assert (story.state, story.site, story.since) == ("available", None, None)
    assert story.hold is not None
    assert (story.hold.site, story.hold.state, story.hold.picked) == (SITE.id, "held", False)
    await rig.sell("1")
    await rig.put("1", zone=OUT, chance=None)
    await rig.give_back("1", site=OTHER)
    story = await reads.item(SHIRT_S, "1")
    assert story is not None
    assert (story.state, story.site, story.hold) == ("returned_unchecked", OTHER, None)
    assert [(one.from_account, one.to_account, one.site) for one in story.postings] == [
        ("sold", "returned_unchecked", OTHER),
        ("available", "sold", SITE.id),
    ]
    assert [(move.from_zone, move.to_zone) for move in story.movements] == [("FLOOR", OUT), (OUT, "FLOOR")]
    assert [(place.site, place.zone) for place in story.places] == [(SITE.id, OUT)]


async def test_a_key_for_some_sites_sees_their_part_of_the_story(rig: TradeRig) -> None:
    reads = TradeReads(rig.database)
    await rig.put("1")
    await rig.sell("1")
    await rig.give_back("1", site=OTHER)
    story = await reads.item(SHIRT_S, "1", frozenset({SITE.id}))
    assert story is not None
    assert (story.site, [one.site for one in story.postings]) == (None, [SITE.id])
    assert await reads.item(SHIRT_S, "1", frozenset({"store-009"})) is None


async def test_pages_leave_nothing_out(rig: TradeRig) -> None:
    reads = TradeReads(rig.database)
    for number in range(7):
        await rig.sell(str(number))
    await rig.sell("7", site=OTHER)
    serials, after, pages = [], 0, 0
    while True:
        page = await reads.postings(after=after, limit=3)
        serials += [row.serial for row in page.rows]
        pages += 1
        if page.next is None:
            break
        after = page.next
    assert (serials, pages) == ([str(number) for number in range(8)], 3)
    assert [row.serial for row in (await reads.postings(site=OTHER)).rows] == ["7"]
    assert [row.serial for row in (await reads.postings(serial="3", gtin=SHIRT_S)).rows] == ["3"]
    assert len((await reads.postings(sites=frozenset({SITE.id}))).rows) == 7
    first = await reads.audit(limit=5)
    assert (len(first.rows), first.next) == (5, first.rows[-1].id)
    assert [row.site for row in (await reads.audit(after=first.next or 0, sites=frozenset({OTHER}))).rows] == [OTHER]


async def test_a_customer_is_forgotten_with_all_that_names_him(rig: TradeRig) -> None:
    for number, customer in enumerate(("cust-7", "cust-8", "cust-7")):
        references = (("customer_ref", customer), ("payment_ref", f"pay-{number}"))
        await rig.trade.sell(rig.sale(str(number)), references)
    async with rig.database.read() as connection:
        assert len((await connection.execute(select(reference))).all()) == 6
    assert await rig.trade.erase("cust-7", actor="office") == 4
    assert await rig.trade.erase("cust-7") == 0
    async with rig.database.read() as connection:
        left = {row.value for row in await connection.execute(select(reference))}
    assert left == {"cust-8", "pay-1"}
    audits = [row for row in await rig.audits() if row.action == "references.erase"]
    assert [(row.actor, bytes(row.detail)) for row in audits] == [("office", b'{"erased":4}'), ("", b'{"erased":0}')]
    assert not any(b"cust-" in bytes(row.detail) or b"pay" in bytes(row.detail) for row in await rig.audits())
