"""Every harm that is done to the books of commerce is found, and what follows from the postings can be made again."""

from typing import Any

import pytest
from sqlalchemy import delete, insert, text, update

from gateway.ledger.verify import rebuild_counts, verify, verify_within
from gateway.storage.commerce import binding, disposition, posting, reservation, reservation_line, untagged
from gateway.storage.engine import Database
from gateway.storage.schema import stock
from tests.gateway.trade.trade_rig import OTHER, SHIRT_S, SITE, TradeRig, goods
from wire.site import OUT


@pytest.fixture
async def traded(rig: TradeRig) -> TradeRig:
    """Two sites after some trade: sold, sent, returned elsewhere, held, unplaced."""
    await rig.put("1", "2", "3", "4", "5", chance=0.97)
    await rig.book(4)
    await rig.sell("1")
    await rig.send("T-1", goods("2", S=1))
    await rig.put("1", "2", zone=OUT, chance=None)
    await rig.receive(goods("2", S=1), shipment="T-1", site=OTHER)
    await rig.give_back("1", site=OTHER)
    await rig.put("1", "2", site=OTHER)
    await rig.reserve(rig.holds(), 2)
    await rig.reserve(rig.holds(), 2)
    await rig.sell(units=2)
    await rig.sell(units=1)
    for site in (SITE.id, OTHER):
        verdict = await verify(rig.database, site)
        assert verdict.good, verdict.shown
        assert verdict.postings > 0
    return rig


LAST = "(SELECT max(id) FROM posting WHERE serial <> '')"
POSTED = {"site": SITE.id, "gtin": SHIRT_S, "owner": "own", "quantity": 1, "cause": "x", "source": "", "actor": ""}
POSTED |= {"happened_us": 0, "recorded_us": 0}

HARMS: dict[str, tuple[Any, str]] = {
    "a posting was added": (
        insert(posting).values(**POSTED, serial="1", credit="available", debit="sold"),
        "the item was returned_unchecked",
    ),
    "a posting of two units": (
        insert(posting).values(**(POSTED | {"quantity": 2}), serial="77", credit="available", debit="sold"),
        "an item is one",
    ),
    "an untagged posting was added": (
        insert(posting).values(**POSTED, serial="", credit="outside", debit="available"),
        "the postings say",
    ),
    "a state was changed": (
        update(disposition).where(disposition.c.serial == "1").values(state="sold"),
        "its postings say returned_unchecked",
    ),
    "a state is gone": (delete(disposition).where(disposition.c.serial == "1"), "has no state"),
    "a state came from nowhere": (
        insert(disposition).values(gtin=SHIRT_S, serial="99", site=SITE.id, state="damaged", owner="own", since_us=0),
        "is damaged: its postings say available",
    ),
    "untagged units were changed": (update(untagged).values(quantity=untagged.c.quantity + 1), "untagged units of"),
    "unplaced units were changed": (update(stock).values(unplaced=stock.c.unplaced + 1), "are not placed"),
    "held was changed": (update(stock).values(held=stock.c.held + 1), "held"),
    "the ladder was changed": (update(stock).values(ladder=b"\0\0\x80\x3f" * 9), "offers [1.0000"),
    "a line has one unit more": (
        update(reservation_line).values(quantity=reservation_line.c.quantity + 1),
        "is of 3 units",
    ),
    "a binding is gone": (delete(binding), "is of 2 units: it has 0 items"),
    "a binding of no hold": (
        insert(binding).values(
            gtin=SHIRT_S, serial="1", site=SITE.id, reservation="none", line=0, picked=False, bound_us=0
        ),
        "there is none",
    ),
    "a hold was released and kept its items": (
        update(reservation).values(state="released", swept=True),
        "its units were given back",
    ),
    "a bound item is sold": (
        text(
            "INSERT INTO disposition (gtin, serial, site, state, owner, since_us)"
            f" SELECT gtin, serial, site, 'sold', 'own', 0 FROM binding WHERE site = '{SITE.id}'"
        ),
        "is bound to reservation",
    ),
}
MENDED = (
    "a state was changed",
    "a state is gone",
    "untagged units were changed",
    "unplaced units were changed",
    "held was changed",
    "the ladder was changed",
)


async def faults(database: Database) -> list[str]:
    return [fault for site in (SITE.id, OTHER) for fault in (await verify(database, site)).shown]


async def test_every_harm_is_found(traded: TradeRig) -> None:
    for harm, (statement, expected) in HARMS.items():
        async with traded.database.writing.connect() as connection:
            await connection.execute(statement)
            found = [fault for site in (SITE.id, OTHER) for fault in (await verify_within(connection, site)).shown]
            await connection.rollback()
        assert any(expected in fault for fault in found), (harm, found[:5])
    assert await faults(traded.database) == []


async def test_a_rebuild_mends_what_follows_from_the_postings(traded: TradeRig) -> None:
    for harm in MENDED:
        async with traded.database.write() as connection:
            await connection.execute(HARMS[harm][0])
        assert await faults(traded.database) != [], harm
        for site in (SITE.id, OTHER):
            await rebuild_counts(traded.database, site, traded.clock)
        assert await faults(traded.database) == [], harm


async def test_a_rebuild_of_what_is_right_changes_nothing(traded: TradeRig) -> None:
    before = [(await traded.row(site), await traded.loose(site), await traded.states()) for site in (SITE.id, OTHER)]
    assert [await rebuild_counts(traded.database, site, traded.clock) for site in (SITE.id, OTHER)] == [0, 0]
    after = [(await traded.row(site), await traded.loose(site), await traded.states()) for site in (SITE.id, OTHER)]
    assert after == before


async def test_a_hold_whose_time_went_by_is_no_fault(traded: TradeRig) -> None:
    traded.later(10_000)
    assert await faults(traded.database) == []
    await traded.sell("3")  # whoever holds it, holds it no more
    assert await faults(traded.database) == []
