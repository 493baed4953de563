"""The relay never lets a reader skip a change, whoever commits when; and only one process relays."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from gateway.http.ports import CursorAhead, CursorGone
from gateway.queries import Queries
from gateway.relay import ChangeFeed, Relay, prune_changes, relay, take_feed
from gateway.storage.engine import Database
from gateway.storage.errors import FencedError
from gateway.storage.schema import change
from tests.gateway.small_store import SITE, T0_US, ManualClock

TTL_US = 3_000_000


def row(gtin: str) -> dict[str, Any]:
    return {"site": SITE.id, "gtin": gtin, "created_us": T0_US, "body": b'{"gtin":"%s"}' % gtin.encode()}


async def write(database: Database, *gtins: str) -> None:
    async with database.write() as connection:
        await connection.execute(insert(change), [row(gtin) for gtin in gtins])


async def fence(database: Database, holder: str = "me", now_us: int = T0_US) -> int:
    async with database.write() as connection:
        taken = await take_feed(connection, holder, now_us, TTL_US)
    assert taken is not None
    return taken


async def relay_once(database: Database, mine: int, limit: int = 1_000) -> tuple[int, int]:
    async with database.write() as connection:
        return await relay(connection, mine, limit)


def queries(database: Database) -> Queries:
    return Queries(database, ManualClock())


async def test_changes_are_numbered_in_order_and_ready_to_send(database: Database) -> None:
    mine = await fence(database)
    await write(database, "a", "b", "c")
    assert await relay_once(database, mine, 2) == (2, 2)
    assert await relay_once(database, mine) == (1, 3)
    assert await relay_once(database, mine) == (0, 3)
    page = await queries(database).changes(0)
    assert [(found.seq, found.gtin, found.body) for found in page.rows] == [
        (seq, gtin, b'{"seq":%d,"gtin":"%s"}' % (seq, gtin.encode())) for seq, gtin in enumerate("abc", 1)
    ]
    assert (page.last_seq, page.first_kept) == (3, 1)


async def test_a_commit_that_comes_late_is_not_skipped(postgres_url: str) -> None:
    """PostgreSQL lets the later row commit first; the reader by `seq` gets both, the control by `id` misses one."""
    database = Database(postgres_url)
    mine = await fence(database)
    by_seq: list[str] = []
    by_id: list[str] = []
    seq_cursor = id_cursor = 0

    async def read() -> None:
        nonlocal seq_cursor, id_cursor
        await relay_once(database, mine)
        page = await queries(database).changes(seq_cursor)
        by_seq.extend(found.gtin for found in page.rows)
        seq_cursor = page.last_seq
        async with database.read() as connection:
            found = (
                await connection.execute(select(change).where(change.c.id > id_cursor).order_by(change.c.id))
            ).all()
        by_id.extend(one.gtin for one in found)
        id_cursor = max([id_cursor, *(one.id for one in found)])

    async with database.writing.connect() as slow:
        await slow.execute(insert(change), [row("slow")])  # takes its id and does not commit yet
        await write(database, "quick")
        await read()
        await slow.commit()
    await read()
    assert by_id == ["quick"]
    assert by_seq == ["quick", "slow"]
    await database.close()


async def test_many_writers_and_a_reader_that_follows(database: Database) -> None:
    clock = ManualClock()
    feed = ChangeFeed()
    running = Relay(database, feed, "me", clock, poll_s=0.01)
    task = asyncio.create_task(running.run())

    async def writer(name: int) -> None:
        for i in range(15):
            await write(database, f"{name}-{i}")
            running.wake()

    read: list[str] = []
    seqs: list[int] = []

    async def reader() -> None:
        cursor = 0
        while len(read) < 90:
            await feed.wait(cursor, 5)
            page = await queries(database).changes(cursor, limit=7)
            read.extend(found.gtin for found in page.rows)
            seqs.extend(found.seq for found in page.rows)
            cursor = page.rows[-1].seq if page.rows else cursor

    async with asyncio.timeout(60):
        await asyncio.gather(reader(), *(writer(name) for name in range(6)))
    running.stop()
    await task
    assert seqs == list(range(1, 91))
    assert sorted(read) == sorted(f"{name}-{i}" for name in range(6) for i in range(15))
    for name in range(6):  # one writer's changes keep their order
        assert [gtin for gtin in read if gtin.startswith(f"{name}-")] == [f"{name}-{i}" for i in range(15)]


async def test_of_two_relays_one_is_fenced(database: Database) -> None:
    old = await fence(database, "old")
    await write(database, "a")
    new = await fence(database, "new", T0_US + TTL_US)
    assert await relay_once(database, new) == (1, 1)
    await write(database, "b")
    with pytest.raises(FencedError):
        await relay_once(database, old)
    assert [found.gtin for found in (await queries(database).changes(0)).rows] == ["a"]
    assert await relay_once(database, new) == (1, 2)


async def test_a_fence_is_not_given_while_the_lease_is_held(database: Database) -> None:
    await fence(database, "old")
    async with database.write() as connection:
        assert await take_feed(connection, "new", T0_US + TTL_US - 1, TTL_US) is None


async def test_a_second_process_hears_of_what_the_first_relays(database: Database) -> None:
    clock = ManualClock()
    feeds = [ChangeFeed(), ChangeFeed()]
    relays = [Relay(database, feed, f"r{i}", clock, poll_s=0.01) for i, feed in enumerate(feeds)]
    tasks = [asyncio.create_task(one.run()) for one in relays]
    await write(database, "a", "b")
    async with asyncio.timeout(10):
        for feed in feeds:
            while await feed.wait(1, 0.5) < 2:
                pass
    assert sum(one.figures.relayed for one in relays) == 2
    assert [one.figures.relayed for one in relays].count(0) == 1
    for one in relays:
        one.stop()
    await asyncio.gather(*tasks)


async def test_what_was_committed_before_the_stop_is_relayed(database: Database) -> None:
    feed = ChangeFeed()
    running = Relay(database, feed, "me", ManualClock(), poll_s=60)
    task = asyncio.create_task(running.run())
    await asyncio.sleep(0.05)
    await write(database, "a")
    running.stop()
    await asyncio.wait_for(task, 10)
    assert feed.last_seq == 1
    assert await fence(database, "next") > 0  # the lease was given back: no wait


async def test_waiting_ends_with_news_or_with_the_timeout() -> None:
    feed = ChangeFeed()
    assert await feed.wait(0, 0.01) == 0
    waiting = [asyncio.create_task(feed.wait(0, 5)) for _ in range(3)]
    await asyncio.sleep(0)
    feed.announce(4)
    feed.announce(2)  # an older figure changes nothing
    assert await asyncio.gather(*waiting) == [4, 4, 4]
    assert await feed.wait(3, 5) == 4


async def test_old_changes_go_and_their_cursors_are_told(database: Database) -> None:
    mine = await fence(database)
    await write(database, *(f"{i}" for i in range(10)))
    await relay_once(database, mine)
    async with database.write() as connection:
        assert await prune_changes(connection, kept=4, limit=5) == 5
        assert await prune_changes(connection, kept=4, limit=5) == 1
        assert await prune_changes(connection, kept=4, limit=5) == 0
    answers = queries(database)
    with pytest.raises(CursorGone) as gone:
        await answers.changes(5)
    assert gone.value.first_kept == 7
    assert [found.seq for found in (await answers.changes(6)).rows] == [7, 8, 9, 10]
    with pytest.raises(CursorAhead):
        await answers.changes(11)
    async with database.write() as connection:
        assert await prune_changes(connection, kept=0) == 4
    assert (await answers.changes(10)).first_kept == 11
    with pytest.raises(CursorGone):
        await answers.changes(9)


async def test_waiting_rows_are_never_pruned(database: Database) -> None:
    await write(database, "a")
    async with database.write() as connection:
        assert await prune_changes(connection, kept=0) == 0
        await connection.execute(update(change).values(seq=None))
    assert (await queries(database).changes(0)).rows == []
