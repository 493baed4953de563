"""The ledger's checks find each kind of harm, and a rebuild mends what can be derived."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.availability import Look
from gateway.fold.outputs import Facts
from gateway.ledger.errors import LedgerError
from gateway.ledger.movement import Movement
from gateway.ledger.post import Posting, post, resell
from gateway.ledger.retell import Shelf
from gateway.ledger.verify import FAULTS_SHOWN, rebuild_counts, verify
from gateway.storage.engine import Database
from gateway.storage.schema import change, item, movement, site_fold, stock, stock_count
from tests.gateway.log_rig import LogRig, fold_all
from tests.gateway.shop_day import day
from tests.gateway.small_store import SHIRT_M, SHIRT_S, SITE, T0_US
from wire.site import OUT

SHELF = Shelf(frozenset({"FLOOR", "BACK"}), {"FLOOR": Look(live=True, as_of_us=T0_US)}, T0_US)
AT = Posting(SITE.id, SHELF, T0_US)


def moved(m: int, serial: str, credit: str, debit: str, gtin: str = SHIRT_S) -> Movement:
    return Movement(m, m, gtin, serial, credit, debit, T0_US + m, T0_US + m, T0_US + m, "moved", None)


@pytest.fixture
async def folded(database: Database) -> Database:
    """A site after a good part of a day."""
    rig = await LogRig(database).open()
    await rig.log(day(5, 150))
    await fold_all(await rig.fold())
    assert (await verify(database, SITE.id)).good
    return database


ADDED: dict[str, Any] = {
    "site": SITE.id,
    "m": 10_000,
    "n": 1,
    "gtin": SHIRT_S,
    "serial": "new",
    "credit": OUT,
    "debit": "FIT",
}
ADDED |= {"quantity": 1, "happened_us": 0, "first_read_us": 0, "decided_us": 0, "cause": "x"}
HARMS: dict[str, tuple[Any, str]] = {
    "a movement is gone": (delete(movement).where(movement.c.m == 4), "movement 5 follows 3"),
    "a movement was changed": (update(movement).where(movement.c.m == 3).values(debit="FIT"), "leaves"),
    "a movement was added": (
        insert(movement).values(**ADDED),
        "the fold made",
    ),
    "an item was moved": (update(item).values(zone="FIT", m=1), "the ledger says"),
    "an item is gone": (delete(item), "0 items: the ledger knows"),
    "a count was changed": (update(stock_count).values(quantity=stock_count.c.quantity + 1), "counts, from the ledger"),
    "a count is gone": (delete(stock_count), "counts, from the ledger"),
    "stock was changed": (update(stock).values(on_hand=99), "stock of"),
    "what can be sold was changed": (update(stock).values(sellable=99), "stock of"),
}


@pytest.mark.parametrize("harm", HARMS)
async def test_every_harm_is_found(folded: Database, harm: str) -> None:
    statement, text = HARMS[harm]
    async with folded.write() as connection:
        await connection.execute(statement)
    verdict = await verify(folded, SITE.id)
    assert not verdict.good
    assert any(text in fault for fault in verdict.shown), verdict.shown[:5]
    assert len(verdict.shown) <= FAULTS_SHOWN


@pytest.mark.parametrize(
    "harm", ["an item was moved", "an item is gone", "a count was changed", "a count is gone", "stock was changed"]
)
async def test_a_rebuild_mends_what_follows_from_the_ledger(folded: Database, harm: str) -> None:
    async with folded.write() as connection:
        await connection.execute(HARMS[harm][0])
    wrong = await rebuild_counts(folded, SITE.id)
    assert (wrong > 0) == ("count" in harm)
    assert (await verify(folded, SITE.id)).shown == []


async def test_a_rebuild_of_what_is_right_changes_nothing(folded: Database) -> None:
    async def everything() -> list[Any]:
        async with folded.read() as connection:
            counts = select(stock_count).where(stock_count.c.quantity != 0)
            return [set((await connection.execute(query)).all()) for query in (select(item), select(stock), counts)]

    before = await everything()
    assert await rebuild_counts(folded, SITE.id) == 0
    assert await everything() == before


async def test_an_empty_site_is_in_order(database: Database) -> None:
    await LogRig(database).open()
    assert (await verify(database, SITE.id)).good
    assert await rebuild_counts(database, SITE.id) == 0


@pytest.fixture
async def post_all(database: Database) -> Callable[..., Awaitable[int]]:
    await LogRig(database).open()

    async def run(*movements: Movement) -> int:
        async with database.write() as connection:
            await connection.execute(update(site_fold).values(figures=b'{"movements":%d}' % movements[-1].m))
            return await post(connection, AT, Facts(movements))

    return run


async def test_posting_counts_and_tells(database: Database, post_all: Callable[..., Awaitable[int]]) -> None:
    assert await post_all(moved(1, "1", OUT, "BACK"), moved(2, "2", OUT, "BACK"), moved(3, "1", "BACK", "FLOOR")) == 1
    assert await post_all(moved(4, "3", OUT, "FIT", SHIRT_M), moved(5, "2", "BACK", OUT)) == 2
    verdict = await verify(database, SITE.id)
    assert (verdict.shown, verdict.movements, verdict.items, verdict.items_present) == ([], 5, 3, 2)
    async with database.read() as connection:
        rows = (await connection.execute(select(stock).order_by(stock.c.gtin))).all()
        counts = {(row.gtin, row.zone): row.quantity for row in await connection.execute(select(stock_count))}
        events = [(row.gtin, bytes(row.body)) for row in await connection.execute(select(change).order_by(change.c.id))]
    assert [(row.gtin, row.version, row.on_hand, row.sellable) for row in rows] == [
        (SHIRT_S, 2, 1, 1),
        (SHIRT_M, 1, 1, 0),
    ]
    assert counts == {(SHIRT_S, "BACK"): 0, (SHIRT_S, "FLOOR"): 1, (SHIRT_M, "FIT"): 1}
    assert [gtin for gtin, _ in events] == [SHIRT_S, SHIRT_S, SHIRT_M]
    assert b'"version":1' in events[0][1]
    assert b'"zones":{"BACK":1,"FLOOR":1}' in events[0][1]


async def test_a_zone_that_is_no_longer_sellable_is_told_to_channels(
    database: Database, post_all: Callable[..., Awaitable[int]]
) -> None:
    await post_all(moved(1, "1", OUT, "BACK"), moved(2, "2", OUT, "FLOOR"), moved(3, "3", OUT, "FLOOR", SHIRT_M))
    floor_only = replace(AT, shelf=replace(SHELF, sellable=frozenset({"FLOOR"})))
    async with database.write() as connection:
        assert await resell(connection, floor_only) == 1
        assert await resell(connection, floor_only) == 0
    async with database.read() as connection:
        rows = (await connection.execute(select(stock).order_by(stock.c.gtin))).all()
        newest = await connection.scalar(select(change.c.body).order_by(change.c.id.desc()).limit(1))
    assert [(row.gtin, row.version, row.sellable) for row in rows] == [(SHIRT_S, 2, 1), (SHIRT_M, 1, 1)]
    assert newest is not None
    assert b'"atp":1,"on_hand":2' in bytes(newest)
    assert b'"reason":"site_changed"' in bytes(newest)


@pytest.mark.parametrize(
    "bad",
    [
        (moved(2, "1", OUT, "FLOOR"),),  # is inside already
        (moved(2, "1", "FLOOR", "FIT"),),  # is not there
        (moved(2, "9", "BACK", "FIT"),),  # was never heard of
        (moved(2, "1", "BACK", "FIT"), moved(3, "1", "BACK", "FLOOR")),  # leaves a place that it left
    ],
)
async def test_a_movement_that_contradicts_the_ledger_undoes_its_commit(
    database: Database, post_all: Callable[..., Awaitable[int]], bad: tuple[Movement, ...]
) -> None:
    await post_all(moved(1, "1", OUT, "BACK"))
    with pytest.raises(LedgerError):
        await post_all(moved(100, "fine", OUT, "BACK"), *bad)
    assert (await verify(database, SITE.id)).shown == []


async def test_a_movement_number_is_used_once(post_all: Callable[..., Awaitable[int]]) -> None:
    await post_all(moved(1, "1", OUT, "BACK"))
    with pytest.raises(IntegrityError):
        await post_all(moved(1, "2", OUT, "BACK"))


async def test_an_item_that_comes_and_goes_in_one_commit(
    database: Database, post_all: Callable[..., Awaitable[int]]
) -> None:
    await post_all(moved(1, "1", OUT, "BACK"), moved(2, "1", "BACK", OUT))
    await post_all(moved(3, "1", OUT, "FLOOR"))
    verdict = await verify(database, SITE.id)
    assert (verdict.shown, verdict.items_present) == ([], 1)


async def test_more_skus_than_one_statement_takes(database: Database, post_all: Callable[..., Awaitable[int]]) -> None:
    many = [moved(m, "1", OUT, "BACK", gtin=f"{m:014d}") for m in range(1, 1_301)]
    assert await post_all(*many) == 1_300
    verdict = await verify(database, SITE.id)
    assert (verdict.shown, verdict.items_present) == ([], 1_300)


def test_a_movement_goes_somewhere() -> None:
    with pytest.raises(AssertionError):
        moved(1, "1", "BACK", "BACK")
