"""SQLite as we open it: no lost update, a commit on the disk, readers that see one picture."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.storage.engine import Database
from gateway.storage.lease import acquire, release, renew
from gateway.storage.schema import feed, sku

BUYERS = 10
ROW: dict[str, Any] = {"name": "units", "last_seq": 1, "fence": 0}


async def buy(connection: Any) -> bool:
    """Read, check, write: what a careless piece of code does."""
    left = await connection.scalar(select(feed.c.last_seq).where(feed.c.name == "units").with_for_update())
    await asyncio.sleep(0.01)
    if left < 1:
        return False
    await connection.execute(update(feed).where(feed.c.name == "units").values(last_seq=left - 1))
    return True


async def test_of_ten_buyers_one_gets_the_last_unit(database: Database, database_url: str) -> None:
    """Each buyer has its own engines, as if it were a process of its own."""
    async with database.write() as connection:
        await connection.execute(insert(feed), ROW)

    async def buyer() -> bool:
        own = Database(database_url)
        try:
            async with own.write() as connection:
                return await buy(connection)
        finally:
            await own.close()

    assert sum(await asyncio.gather(*(buyer() for _ in range(BUYERS)))) == 1


async def test_the_control_with_the_driver_s_own_transactions_sells_more_or_fails(sqlite_url: str) -> None:
    """Without our `BEGIN IMMEDIATE`: several buyers read the same unit, and either sell it twice or break down."""
    engine = create_async_engine(sqlite_url.replace("sqlite:", "sqlite+aiosqlite:"), pool_size=BUYERS)
    async with engine.begin() as connection:
        await connection.execute(insert(feed), ROW)

    async def buyer() -> bool | str:
        try:
            async with engine.begin() as connection:
                return await buy(connection)
        except OperationalError:
            return "broke down"

    results = await asyncio.gather(*(buyer() for _ in range(BUYERS)))
    await engine.dispose()
    assert results.count(True) > 1 or results.count("broke down") > 0


async def test_sqlite_is_durable_and_readers_do_not_wait(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    async with database.write() as connection:
        assert await connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert await connection.scalar(text("PRAGMA synchronous")) == 2  # FULL
        await connection.execute(insert(feed), ROW)
        async with database.read() as reading:
            assert (await reading.execute(select(feed))).all() == []
    await database.close()


async def test_a_reading_transaction_sees_one_picture(database: Database) -> None:
    async with database.read() as reading:
        assert (await reading.execute(select(feed))).all() == []
        async with database.write() as connection:
            await connection.execute(insert(feed), ROW)
        assert (await reading.execute(select(feed))).all() == []
    async with database.read() as reading:
        assert len((await reading.execute(select(feed))).all()) == 1


async def test_an_error_undoes_the_whole_transaction(database: Database) -> None:
    row = {"style": "a", "colour": "b", "size": "c", "description": "", "department": "", "updated_us": 0}

    async def fail() -> None:
        async with database.write() as connection:
            await connection.execute(insert(sku), row | {"gtin": "1"})
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    async with database.read() as reading:
        assert (await reading.execute(select(sku))).all() == []


async def test_a_lease_has_one_holder_and_a_new_fence_for_each(database: Database) -> None:
    async with database.write() as connection:
        first = await acquire(connection, "job", "a", now_us=1_000, ttl_us=500)
        assert first is not None
        assert await acquire(connection, "job", "b", now_us=1_499, ttl_us=500) is None
        assert await renew(connection, "job", "a", first, now_us=1_400, ttl_us=500)
        assert await acquire(connection, "job", "b", now_us=1_899, ttl_us=500) is None
        second = await acquire(connection, "job", "b", now_us=1_900, ttl_us=500)
        assert second is not None
        assert second > first
        assert not await renew(connection, "job", "a", first, now_us=1_950, ttl_us=500)
        await release(connection, "job", "a", first)  # not a's any more: no effect
        assert await acquire(connection, "job", "a", now_us=2_000, ttl_us=500) is None
        await release(connection, "job", "b", second)
        third = await acquire(connection, "job", "a", now_us=2_001, ttl_us=500)
        assert third is not None
        assert third > second


async def test_many_who_want_a_lease_at_once(database: Database) -> None:
    async def want(name: str) -> int | None:
        async with database.write() as connection:
            return await acquire(connection, "job", name, now_us=1_000, ttl_us=500)

    fences = await asyncio.gather(*(want(f"holder-{i}") for i in range(8)))
    assert sum(fence is not None for fence in fences) == 1
