"""Sales of which nobody said the item, in the ledger of both databases: what waits, and what it meets."""

from collections.abc import Iterable
from typing import Any

import pytest
from sqlalchemy import func, select, update

from gateway.fold.outputs import Facts
from gateway.fold.witness import BookLine
from gateway.ledger.accounts import OUTSIDE, OWN, UNPLACED, Because, post_untagged
from gateway.ledger.movement import Movement
from gateway.ledger.picture import AVAILABLE, LEFT_UNSOLD, RETURNED, SOLD, SkuKey
from gateway.ledger.post import LATE_SALE_US, Posting, post
from gateway.ledger.retell import lock_skus, pictures_of, retell, shelf_of
from gateway.presence.tracker import EvidenceKind
from gateway.site_view import SiteViews
from gateway.storage.commerce import disposition, posting, untagged
from gateway.storage.engine import Database
from gateway.storage.schema import movement, site_fold, stock
from tests.gateway.holds.rig import KEY, Rig
from tests.gateway.small_store import SHIRT_S, SITE, T0_US
from wire.site import OUT


def sale(units: int, gtin: str = SHIRT_S, at_us: int = T0_US) -> BookLine:
    return BookLine("till/1", EvidenceKind.SALE, at_us, gtin, -units)


class Shop(Rig):
    """A site whose fold a test plays."""

    async def commit(self, *lines: BookLine, leave: Iterable[str] = (), cause: str = "left") -> None:
        """One commit: evidence, and items that leave the floor."""
        async with self.database.write() as connection:
            newest = int(await connection.scalar(select(func.max(movement.c.m))) or 0)
            at_us = self.clock()
            moves = [
                Movement(newest + i, newest + i, SHIRT_S, serial, "FLOOR", OUT, at_us, at_us, at_us, cause, None)
                for i, serial in enumerate(leave, 1)
            ]
            figures = b'{"movements":%d}' % (newest + len(moves))
            await connection.execute(update(site_fold).where(site_fold.c.site == SITE.id).values(figures=figures))
            view = await SiteViews(self.clock).one(connection, SITE.id)
            await post(connection, Posting(SITE.id, shelf_of(view), at_us), Facts(moves, lines=lines))

    async def come_back(self, serial: str) -> None:
        """An item that had left is read on the floor again."""
        await self.put(serial, chance=1.0)

    async def give_back(self, units: int) -> None:
        """Units come back without a tag: as the desk posts a return."""
        async with self.database.write() as connection:
            locked = await lock_skus(connection, [KEY], self.clock())
            because = Because("return")
            await post_untagged(connection, KEY, units, (SOLD, RETURNED), because=because, now_us=self.clock())
            await self._tell(connection, locked, SITE.id)

    async def states(self) -> dict[str, str]:
        async with self.database.read() as connection:
            return {row.serial: row.state for row in await connection.execute(select(disposition))}

    async def owed(self) -> int:
        async with self.database.read() as connection:
            return int(await connection.scalar(select(stock.c.unplaced).where(stock.c.gtin == SHIRT_S)) or 0)

    async def loose(self) -> dict[str, int]:
        async with self.database.read() as connection:
            query = select(untagged.c.state, func.sum(untagged.c.quantity).label("units")).group_by(untagged.c.state)
            return {row.state: int(row.units) for row in await connection.execute(query) if row.units}

    async def balance(self, account: str) -> int:
        """What an account holds of units without a name, by its postings."""
        async with self.database.read() as connection:
            rows = (await connection.execute(select(posting).where(posting.c.serial == ""))).all()
        return sum(row.quantity * ((row.debit == account) - (row.credit == account)) for row in rows)

    async def agrees(self) -> None:
        """Rows are what the postings say, and nothing is owed that was paid."""
        assert await self.owed() == -await self.balance(UNPLACED)
        assert await self.owed() >= 0
        held = await self.loose()
        for state in (AVAILABLE, SOLD, RETURNED):
            assert held.get(state, 0) == await self.balance(state), state
        await self.check()


@pytest.fixture
async def shop(database: Database) -> Shop:
    found = Shop(database)
    await found.open()
    return found


async def test_a_sale_by_sku_lowers_what_can_be_promised_at_once(shop: Shop) -> None:
    await shop.put("1", "2")
    await shop.commit(sale(1))
    assert (await shop.atp(), await shop.owed(), await shop.states()) == (1, 1, {})
    await shop.commit(leave=["2"])
    assert (await shop.atp(), await shop.owed(), await shop.states()) == (1, 0, {"2": SOLD})
    await shop.commit(leave=["1"])
    assert (await shop.atp(), await shop.states()) == (0, {"1": LEFT_UNSOLD, "2": SOLD})
    await shop.agrees()


async def test_units_without_tags_are_sold_first_and_owe_no_item(shop: Shop) -> None:
    """In one commit with an item that leaves: it was not sold, and nothing is owed less than nothing."""
    await shop.put("1", "2")
    await shop.book(1)
    await shop.commit(sale(1), leave=["1"])
    assert (await shop.owed(), await shop.states()) == (0, {"1": LEFT_UNSOLD})
    assert await shop.loose() == {SOLD: 1}
    assert await shop.atp() == 1
    await shop.agrees()


async def test_a_sale_of_more_than_has_no_tags_waits_for_the_rest(shop: Shop) -> None:
    await shop.put("1", "2", "3")
    await shop.book(1)
    await shop.book(1, owner="a concession")
    await shop.commit(sale(3), leave=["1", "2"])
    assert (await shop.owed(), await shop.states()) == (0, {"1": SOLD, "2": LEFT_UNSOLD})
    await shop.agrees()


async def test_what_was_brought_back_before_its_item_left_does_not_stop_the_fold(shop: Shop) -> None:
    """Sold and returned by GTIN: nobody can say that the item that leaves then was another one."""
    await shop.put("1", "2")
    await shop.commit(sale(1))
    await shop.give_back(1)
    assert await shop.loose() == {RETURNED: 1}
    await shop.commit(leave=["1"])
    assert (await shop.owed(), await shop.states()) == (0, {"1": SOLD})
    assert await shop.balance(OUTSIDE) == -1
    await shop.agrees()


async def test_a_late_sale_is_of_the_item_that_left_last(shop: Shop) -> None:
    await shop.put("1", "2", "3")
    for serial in ("2", "3"):
        await shop.commit(leave=[serial])
        shop.clock.advance(60)
    await shop.commit(sale(1, at_us=shop.clock()))
    assert (await shop.owed(), await shop.states()) == (0, {"2": LEFT_UNSOLD, "3": SOLD})
    await shop.agrees()


@pytest.mark.parametrize(("seconds", "owed"), [(LATE_SALE_US // 1_000_000, 0), (LATE_SALE_US // 1_000_000 + 1, 1)])
async def test_a_sale_is_late_for_a_day(shop: Shop, seconds: int, owed: int) -> None:
    await shop.put("1", "2")
    await shop.commit(leave=["1"])
    shop.clock.advance(seconds)
    await shop.commit(sale(1, at_us=shop.clock()))
    assert await shop.owed() == owed
    assert await shop.states() == {"1": LEFT_UNSOLD if owed else SOLD}


async def test_each_of_many_late_sales_meets_its_item(shop: Shop) -> None:
    """More SKUs in one commit than one statement takes."""
    gtins = [f"{number:014d}" for number in range(1, 521)]
    async with shop.database.write() as connection:
        view = await SiteViews(shop.clock).one(connection, SITE.id)
        at = Posting(SITE.id, shelf_of(view), T0_US)
        pairs = [(OUT, "FLOOR"), ("FLOOR", OUT)]
        moves = [
            Movement(m, m, gtin, "1", credit, debit, T0_US, T0_US, T0_US, "left", None)
            for m, (gtin, (credit, debit)) in enumerate(((g, pair) for g in gtins for pair in pairs), 1)
        ]
        await post(connection, at, Facts(moves))
        await post(connection, at, Facts(lines=[sale(1, gtin) for gtin in gtins]))
        sold = select(func.count()).where(disposition.c.state == SOLD)
        assert await connection.scalar(sold) == len(gtins)
        assert await connection.scalar(select(func.sum(stock.c.unplaced))) == 0


async def test_a_sale_takes_from_each_owner_in_turn(shop: Shop) -> None:
    await shop.book(2)
    await shop.book(2, owner="a concession")
    await shop.commit(sale(3))
    async with shop.database.read() as connection:
        rows = (await connection.execute(select(untagged).where(untagged.c.quantity > 0))).all()
    assert {(row.owner, row.state, row.quantity) for row in rows} == {
        ("a concession", SOLD, 2),
        (OWN, SOLD, 1),
        (OWN, AVAILABLE, 1),
    }
    await shop.agrees()


async def test_what_is_owed_stays_owed_when_the_row_is_told_again(shop: Shop) -> None:
    await shop.put("1", "2")
    await shop.commit(sale(1))
    async with shop.database.write() as connection:
        view = await SiteViews(shop.clock).one(connection, SITE.id)
        shelves = {SITE.id: shelf_of(view)}
        locked = await lock_skus(connection, [KEY], shop.clock())
        told = await retell(connection, locked, shelves, "test", shop.clock())
        assert (told.pictures[KEY].unplaced, told.events) == (1, 0)
        found: dict[SkuKey, Any] = dict(
            await pictures_of(connection, [KEY], {SITE.id: shelves[SITE.id].sellable}, shop.clock())
        )
    assert found[KEY].unplaced == await shop.owed() == 1


async def test_a_guess_that_comes_back_is_for_sale_and_its_sale_waits_again(shop: Shop) -> None:
    await shop.put("1", "2")
    await shop.commit(sale(1))
    await shop.commit(leave=["2"])
    assert (await shop.atp(), await shop.owed(), await shop.states()) == (1, 0, {"2": SOLD})
    await shop.come_back("2")
    assert (await shop.atp(), await shop.owed(), await shop.states()) == (1, 1, {"2": AVAILABLE})
    await shop.agrees()
    await shop.commit(leave=["1"])
    assert (await shop.atp(), await shop.owed()) == (1, 0)
    assert await shop.states() == {"1": SOLD, "2": AVAILABLE}
    await shop.agrees()


async def test_a_guess_that_units_without_tags_had_paid_for_owes_nothing_when_it_comes_back(shop: Shop) -> None:
    await shop.put("1")
    await shop.book(1)
    await shop.commit(sale(1), leave=["1"], cause="sold")
    assert (await shop.atp(), await shop.owed(), await shop.states()) == (0, 0, {"1": SOLD})
    await shop.come_back("1")
    assert (await shop.atp(), await shop.owed(), await shop.states()) == (1, 0, {"1": AVAILABLE})
    await shop.agrees()


async def test_an_item_whose_sale_named_it_stays_sold_when_it_comes_back(shop: Shop) -> None:
    await shop.put("1")
    await shop.commit(BookLine("till/1", EvidenceKind.SALE, T0_US, SHIRT_S, -1, ("1",)), leave=["1"], cause="sold")
    await shop.come_back("1")
    assert (await shop.atp(), await shop.owed(), await shop.states()) == (0, 0, {"1": SOLD})
    await shop.agrees()
