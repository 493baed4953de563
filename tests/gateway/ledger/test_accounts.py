"""Postings: debits equal credits item by item, nothing leaves an account that is not in it."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from gateway.ledger.accounts import (
    OUTSIDE,
    OWN,
    UNPLACED,
    Because,
    ShortError,
    StateChange,
    StateRow,
    post_untagged,
    set_states,
    states_of,
)
from gateway.ledger.picture import AVAILABLE, DAMAGED, IN_TRANSIT, MISSING, RETURNED, SOLD
from gateway.ledger.retell import lock_skus
from gateway.storage.commerce import disposition, posting, untagged
from gateway.storage.engine import Database
from gateway.storage.schema import stock
from tests.gateway.small_store import SHIRT_M, SHIRT_S, SITE, T0_US

KEY = (SITE.id, SHIRT_S)
BECAUSE = Because("test", "till/1", "k1", T0_US - 7)


async def rows(database: Database, table: Any, *order: Any) -> list[Any]:
    async with database.read() as connection:
        return list((await connection.execute(select(table).order_by(*order))).all())


async def let(
    database: Database, *changes: tuple[str, str], site: str = SITE.id, owner: str | None = None
) -> list[str]:
    """Let shirts S be in states, each change in its own transaction; return the serials that changed."""
    done = []
    for serial, state in changes:
        async with database.write() as connection:
            change = StateChange(SHIRT_S, serial, state, BECAUSE, owner)
            done += [found.serial for found in await set_states(connection, site, [change], T0_US)]
    return done


async def post(database: Database, units: int, accounts: tuple[str, str], owner: str = OWN) -> None:
    async with database.write() as connection:
        await lock_skus(connection, [KEY], T0_US)
        await post_untagged(connection, KEY, units, accounts, because=BECAUSE, now_us=T0_US, owner=owner)


async def held(database: Database) -> dict[tuple[str, str], int]:
    return {(row.owner, row.state): row.quantity for row in await rows(database, untagged) if row.quantity}


def balances(postings: Sequence[Any]) -> dict[tuple[str, str], Counter[str]]:
    """What each item's accounts hold after all its postings."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for row in postings:
        accounts = found.setdefault((row.gtin, row.serial), Counter())
        accounts[row.credit] -= row.quantity
        accounts[row.debit] += row.quantity
    return found


async def test_an_item_leaves_the_state_that_it_is_in(database: Database) -> None:
    walk = [("1", SOLD), ("2", DAMAGED), ("1", RETURNED), ("1", AVAILABLE), ("2", MISSING), ("1", IN_TRANSIT)]
    assert await let(database, *walk) == [serial for serial, _ in walk]
    postings = await rows(database, posting, posting.c.id)
    assert [(row.serial, row.credit, row.debit) for row in postings] == [
        ("1", AVAILABLE, SOLD),
        ("2", AVAILABLE, DAMAGED),
        ("1", SOLD, RETURNED),
        ("1", RETURNED, AVAILABLE),
        ("2", DAMAGED, MISSING),
        ("1", AVAILABLE, IN_TRANSIT),
    ]
    places: dict[str, str] = {}
    for row in postings:  # each leaves where the one before it arrived; the first leaves `available`
        assert row.credit == places.get(row.serial, AVAILABLE)
        places[row.serial] = row.debit
    for accounts in balances(postings).values():
        assert accounts.total() == 0
        assert accounts[AVAILABLE] == -1
    states = {row.serial: row.state for row in await rows(database, disposition)}
    assert states == places
    (first, *_) = postings
    assert (first.site, first.gtin, first.owner, first.quantity) == (SITE.id, SHIRT_S, OWN, 1)
    assert (first.cause, first.source, first.actor) == ("test", "till/1", "k1")
    assert (first.happened_us, first.recorded_us) == (T0_US - 7, T0_US)


async def test_a_state_that_an_item_is_in_is_posted_once(database: Database) -> None:
    assert await let(database, ("1", SOLD), ("1", SOLD)) == ["1"]
    assert await let(database, ("2", AVAILABLE)) == []  # nobody ever spoke of it: it was so all along
    assert len(await rows(database, posting)) == 1
    assert [row.serial for row in await rows(database, disposition)] == ["1"]


async def test_items_that_nobody_spoke_of_have_no_row(database: Database) -> None:
    await let(database, ("1", SOLD))
    async with database.write() as connection:
        found = await states_of(connection, [(SHIRT_S, "1"), (SHIRT_S, "2"), (SHIRT_M, "1"), (SHIRT_S, "1")])
    assert found == {(SHIRT_S, "1"): StateRow(SOLD, OWN, SITE.id, BECAUSE.happened_us)}


async def test_more_items_than_one_statement_takes(database: Database) -> None:
    changes = [StateChange(SHIRT_S, str(serial), SOLD, BECAUSE) for serial in range(1_201)]
    async with database.write() as connection:
        assert await set_states(connection, SITE.id, changes, T0_US) == changes
        assert await set_states(connection, SITE.id, changes, T0_US) == []
    async with database.write() as connection:
        found = await states_of(connection, ((SHIRT_S, str(serial)) for serial in range(1_300)))
    assert len(found) == 1_201


async def test_an_item_goes_to_another_site_or_owner_without_a_change_of_state(database: Database) -> None:
    await let(database, ("1", DAMAGED), owner="a supplier")
    await let(database, ("1", DAMAGED), site="store-002")  # the owner as before
    (row,) = await rows(database, disposition)
    assert (row.site, row.owner, row.state) == ("store-002", "a supplier", DAMAGED)
    await let(database, ("1", SOLD), site="store-002")
    assert [(row.owner, row.credit, row.debit) for row in await rows(database, posting, posting.c.id)] == [
        ("a supplier", AVAILABLE, DAMAGED),
        ("a supplier", DAMAGED, SOLD),
    ]


async def test_a_state_that_nobody_knows_is_refused(database: Database) -> None:
    with pytest.raises(IntegrityError):
        await let(database, ("1", "borrowed"))
    assert await rows(database, posting) == []


# -- units without tags


async def test_units_without_tags_move_between_accounts(database: Database) -> None:
    await post(database, 5, (OUTSIDE, AVAILABLE))
    await post(database, 2, (AVAILABLE, SOLD))
    await post(database, 1, (SOLD, RETURNED))
    await post(database, 3, (OUTSIDE, AVAILABLE), owner="a concession")
    await post(database, 1, (AVAILABLE, OUTSIDE))
    assert await held(database) == {
        (OWN, AVAILABLE): 2,
        (OWN, SOLD): 1,
        (OWN, RETURNED): 1,
        ("a concession", AVAILABLE): 3,
    }
    postings = await rows(database, posting, posting.c.id)
    (accounts,) = balances(postings).values()
    assert accounts == {OUTSIDE: -7, AVAILABLE: 5, SOLD: 1, RETURNED: 1}
    assert accounts.total() == 0
    assert [row.serial for row in postings] == [""] * 5


@pytest.mark.parametrize(("credit", "found"), [(AVAILABLE, 2), (SOLD, 0)])
async def test_more_than_there_are_leave_nothing(database: Database, credit: str, found: int) -> None:
    await post(database, 2, (OUTSIDE, AVAILABLE))
    await post(database, 9, (OUTSIDE, AVAILABLE), owner="a concession")  # not ours to take
    with pytest.raises(ShortError) as error:
        await post(database, 3, (credit, DAMAGED))
    assert (error.value.account, error.value.found, error.value.wanted) == (credit, found, 3)
    assert str(error.value) == f"{found} untagged units of {SHIRT_S} are {credit} in {SITE.id}, 3 should leave"
    assert await held(database) == {(OWN, AVAILABLE): 2, ("a concession", AVAILABLE): 9}
    assert len(await rows(database, posting)) == 2


async def test_a_short_account_writes_nothing_even_if_the_transaction_goes_on(database: Database) -> None:
    async with database.write() as connection:
        await lock_skus(connection, [KEY], T0_US)
        with pytest.raises(ShortError):
            await post_untagged(connection, KEY, 1, (AVAILABLE, SOLD), because=BECAUSE, now_us=T0_US)
    assert (await held(database), await rows(database, posting)) == ({}, [])


@pytest.mark.parametrize("units", [0, -1])
async def test_no_units_are_no_posting(database: Database, units: int) -> None:
    with pytest.raises(IntegrityError):
        await post(database, units, (OUTSIDE, AVAILABLE))
    assert await held(database) == {}


async def test_units_that_are_owed_wait_in_the_row_of_stock_until_their_item_is_known(database: Database) -> None:
    async def waiting() -> int:
        (row,) = await rows(database, stock)
        return int(row.unplaced)

    await post(database, 3, (UNPLACED, SOLD))
    assert (await waiting(), await held(database)) == (3, {(OWN, SOLD): 3})
    await post(database, 1, (SOLD, UNPLACED))
    assert (await waiting(), await held(database)) == (2, {(OWN, SOLD): 2})
    with pytest.raises(ShortError):
        await post(database, 3, (SOLD, UNPLACED))
    assert (await waiting(), await held(database)) == (2, {(OWN, SOLD): 2})
    (accounts,) = balances(await rows(database, posting)).values()
    assert accounts[UNPLACED] == -await waiting()  # its balance is what is owed
    assert accounts.total() == 0
