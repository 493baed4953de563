"""Guesses of the tracker that meet a person's word, or each other, on both databases."""

from collections.abc import Iterable

import pytest

from gateway.fold.witness import BookLine
from gateway.ledger.picture import SOLD
from gateway.presence.tracker import EvidenceKind
from gateway.storage.engine import Database
from tests.gateway.ledger.test_sales_by_sku import Shop, sale
from tests.gateway.small_store import SHIRT_S


@pytest.fixture
async def shop(database: Database) -> Shop:
    found = Shop(database)
    await found.open()
    return found


def named(*serials: str, at_us: int) -> BookLine:
    return BookLine("till/2", EvidenceKind.SALE, at_us, SHIRT_S, -len(serials), serials)


async def put(shop: Shop, serials: Iterable[str]) -> None:
    for serial in serials:
        await shop.come_back(serial)


async def test_an_item_that_is_sold_by_name_was_not_the_guessed_one(shop: Shop) -> None:
    """Two sales and two items: nothing is left, and the one that a person named stays sold where it is seen."""
    await shop.put("1", "2")
    await shop.commit(sale(1))
    await shop.commit(leave=["1"], cause="sold")
    assert (await shop.states(), await shop.owed(), await shop.atp()) == ({"1": SOLD}, 0, 1)
    await shop.commit(named("1", at_us=shop.clock()))
    assert (await shop.states(), await shop.owed(), await shop.atp()) == ({"1": SOLD}, 1, 0)
    await shop.come_back("1")
    assert (await shop.states(), await shop.owed(), await shop.atp()) == ({"1": SOLD}, 1, 0)
    await shop.agrees()


async def test_of_two_guesses_of_one_instant_one_was_owed(shop: Shop) -> None:
    """A unit without a tag paid for the other one: when both come back, one sale waits for its item again."""
    await shop.put("1", "2")
    await shop.book(1)
    await shop.commit(sale(2))
    await shop.commit(leave=["1", "2"], cause="sold")
    assert (await shop.states(), await shop.owed()) == ({"1": SOLD, "2": SOLD}, 0)
    await put(shop, "12")
    assert (await shop.owed(), await shop.atp()) == (1, 1)
    await shop.agrees()
