"""The ingest at both databases: what is acked is committed, once, in order; what is bad is kept apart and counted."""

import asyncio
import secrets
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, text, update

from gateway.ingest.admit import prune_quarantine
from gateway.ingest.memory import MemoryBroker, MemorySource
from gateway.ingest.port import Delivery
from gateway.ingest.service import Ingest
from gateway.limits import QUARANTINE_PAYLOAD_MAX_BYTES
from gateway.storage import input_log
from gateway.storage.engine import Database
from gateway.storage.input_log import Kind
from gateway.storage.migrate import migrate
from gateway.storage.schema import edge_state, gap, quarantine, site_input, site_log, stream
from gateway.storage.site_register import register_site
from tests.gateway.small_store import (
    ACK,
    DATA,
    EDGE,
    FLOOR,
    SHIRT_S,
    SITE,
    STREAM,
    T0_US,
    ManualClock,
    epc,
    frame,
    other_site,
    reads,
)
from tests.gateway.wait import until
from tests.servers.postgres import Postgres
from wire.frame import Header, encode_frame
from wire.messages import Ack, EdgeState, Gap, Rejected, decode_ack, encode_durable, encode_json
from wire.topics import Leaf, edge_topic

BATCH = reads(0, [(FLOOR, epc(SHIRT_S, 1))])
IDENTITY: dict[str, Any] = {"site": SITE.id, "edge": EDGE}
SITES = {SITE.id: SITE}


class Rig:
    """An ingest whose batches are given by hand, with its Acks in a list."""

    def __init__(self, database: Database, sites: dict[str, Any] | None = None) -> None:
        self.clock = ManualClock()
        self.broker = MemoryBroker()
        self.acks: list[Ack] = []
        self.broker.listen(ACK, lambda _topic, payload: self.acks.append(decode_ack(payload)))
        self.woken: list[str] = []
        self.database = database
        source = MemorySource(self.broker, self.clock)
        self.ingest = Ingest(source, database, sites or SITES, self.clock, wake=self.woken.append)

    async def take(self, *payloads: bytes, topic: str = DATA) -> Ack | None:
        """Commit the payloads together; return the last Ack that this gave."""
        before = len(self.acks)
        await self.ingest.take([Delivery(topic, payload, self.clock()) for payload in payloads])
        return self.acks[-1] if len(self.acks) > before else None

    async def seqs(self, site: str = SITE.id) -> int:
        """How many messages the log holds."""
        async with self.database.read() as connection:
            entries = await input_log.entries_after(connection, site, 0, 10_000)
        assert [entry.n for entry in entries] == list(range(1, len(entries) + 1))
        return sum(entry.kind is Kind.DATA for entry in entries)


@pytest.fixture
async def ingest(database: Database) -> Rig:
    found = Rig(database)
    async with database.write() as connection:
        assert await register_site(connection, SITE, T0_US)
        assert not await register_site(connection, SITE, T0_US + 1)
    return found


async def rows(database: Database, table: Any) -> list[Any]:
    async with database.read() as connection:
        return list((await connection.execute(select(table))).all())


async def test_messages_are_logged_in_order_and_acked_together(ingest: Rig) -> None:
    ack = await ingest.take(*(frame(reads(s, []), s) for s in (1, 2, 3)))
    assert ack == Ack(stream=STREAM.hex(), upto=3)
    assert await ingest.seqs() == 3
    assert ingest.woken == [SITE.id]
    assert len(ingest.acks) == 1


async def test_a_duplicate_is_acked_and_changes_nothing(ingest: Rig) -> None:
    await ingest.take(frame(BATCH, 1))
    assert await ingest.take(frame(BATCH, 1), frame(BATCH, 1)) == Ack(stream=STREAM.hex(), upto=1)
    assert await ingest.seqs() == 1
    assert ingest.ingest.figures.duplicates == 2


async def test_a_hole_is_asked_for_and_then_filled(ingest: Rig) -> None:
    assert await ingest.take(frame(BATCH, 1), frame(BATCH, 4)) == Ack(stream=STREAM.hex(), upto=1, resend_from=2)
    assert await ingest.take(frame(BATCH, 2), frame(BATCH, 3), frame(BATCH, 4)) == Ack(stream=STREAM.hex(), upto=4)
    assert await ingest.seqs() == 4


async def test_a_reordering_inside_a_commit_is_no_hole(ingest: Rig) -> None:
    assert await ingest.take(*(frame(BATCH, seq) for seq in (3, 1, 2))) == Ack(stream=STREAM.hex(), upto=3)
    assert ingest.ingest.figures.holes == 0


async def test_an_unfillable_gap_is_recorded(ingest: Rig) -> None:
    await ingest.take(frame(BATCH, 1))
    assert await ingest.take(frame(BATCH, 9, first_held=9)) == Ack(stream=STREAM.hex(), upto=9)
    (found,) = await rows(ingest.database, gap)
    assert (found.from_seq, found.to_seq, found.cause, bytes(found.stream)) == (2, 8, "unfillable", STREAM)
    assert await ingest.seqs() == 2


async def test_an_edge_s_own_gap_is_recorded_and_logged(ingest: Rig) -> None:
    said = Gap(**IDENTITY, cause="reader_overflow", from_us=T0_US - 5, to_us=T0_US, device="R1", observations=7)
    await ingest.take(frame(said, 1))
    (found,) = await rows(ingest.database, gap)
    assert (found.cause, found.device, found.from_us, found.to_us, found.observations) == (
        "reader_overflow",
        "R1",
        T0_US - 5,
        T0_US,
        7,
    )
    assert await ingest.seqs() == 1


async def test_a_bad_body_is_rejected_kept_and_passed(ingest: Rig) -> None:
    bad = encode_frame(Header(STREAM, 2, 1), b"\xff nonsense")
    other = frame(reads(0, [], edge="box-2"), 3)
    ack = await ingest.take(frame(BATCH, 1), bad, other, frame(BATCH, 4))
    assert ack == Ack(stream=STREAM.hex(), upto=4, rejected=(Rejected(2, "body"), Rejected(3, "identity")))
    assert await ingest.seqs() == 2
    kept = await rows(ingest.database, quarantine)
    assert [(row.seq, row.code, bytes(row.payload), row.size_bytes) for row in kept] == [
        (2, "body", bad, len(bad)),
        (3, "identity", other, len(other)),
    ]
    said = await rows(ingest.database, gap)  # the quarantine is pruned; that it was lost stays said
    assert [(row.cause, row.from_seq, row.to_seq, row.detail) for row in said] == [
        ("rejected", 2, 2, "body"),
        ("rejected", 3, 3, "identity"),
    ]
    assert await ingest.take(bad) == Ack(stream=STREAM.hex(), upto=4)  # again: settled, not kept twice
    assert len(await rows(ingest.database, quarantine)) == 2


async def test_of_a_damaged_and_a_good_copy_the_good_one_counts(ingest: Rig) -> None:
    good = frame(BATCH, 1)
    damaged = good[:-1] + bytes([good[-1] ^ 1])
    assert await ingest.take(damaged, good) == Ack(stream=STREAM.hex(), upto=1)
    assert await ingest.seqs() == 1


async def test_strays_are_kept_and_not_acked(ingest: Rig) -> None:
    await ingest.take(b"LU?", b"{", b"")
    await ingest.take(frame(BATCH, 1), topic="lastunit/1/nowhere/box-1/data")
    huge = b"x" * (QUARANTINE_PAYLOAD_MAX_BYTES + 100)
    await ingest.take(huge)
    await ingest.take(b"x", topic="\0\udcff not a topic")
    assert ingest.acks == []
    kept = await rows(ingest.database, quarantine)
    assert [row.code for row in kept] == ["frame", "frame", "frame", "unknown_site", "frame", "topic"]
    assert [row.site for row in kept] == [SITE.id] * 3 + [None, SITE.id, None]
    assert (kept[4].size_bytes, len(kept[4].payload)) == (len(huge), QUARANTINE_PAYLOAD_MAX_BYTES)
    assert ingest.ingest.figures.strays == 6


async def test_the_quarantine_is_bounded(ingest: Rig) -> None:
    await ingest.take(*(b"?" * (i + 1) for i in range(30)))
    async with ingest.database.write() as connection:
        assert await prune_quarantine(connection, 10) == 20
        assert await prune_quarantine(connection, 10) == 0
    assert [row.size_bytes for row in await rows(ingest.database, quarantine)] == list(range(21, 31))


async def test_the_newest_state_of_an_edge_is_kept(ingest: Rig) -> None:
    topic = edge_topic(SITE.id, EDGE, Leaf.STATE)
    birth = EdgeState(what="birth", **IDENTITY, at_us=T0_US, stream=STREAM.hex())
    death = EdgeState(what="death", **IDENTITY, at_us=T0_US)
    await ingest.take(encode_json(birth), topic=topic)
    await ingest.take(encode_json(birth), encode_json(death), topic=topic)
    (found,) = await rows(ingest.database, edge_state)
    assert (found.what, found.at_us, bytes(found.body)) == ("death", T0_US, encode_json(death))


async def test_streams_and_sites_have_their_own_numbers(database: Database) -> None:
    two = other_site("store-002")
    found = Rig(database, {SITE.id: SITE, two.id: two})
    async with database.write() as connection:
        await register_site(connection, SITE, T0_US)
        await register_site(connection, two, T0_US)
    other_stream = b"\xff" * 16
    batch = [
        Delivery(DATA, frame(BATCH, 1), T0_US),
        Delivery(DATA, frame(BATCH, 1, stream=other_stream), T0_US),
        Delivery("lastunit/1/store-002/box-1/data", frame(reads(0, [], site=two.id), 1), T0_US),
        Delivery(DATA, frame(BATCH, 2), T0_US),
    ]
    await found.ingest.take(batch)
    assert {(ack.stream, ack.upto) for ack in found.acks} == {(STREAM.hex(), 2), (other_stream.hex(), 1)}
    assert (await found.seqs(), await found.seqs(two.id)) == (3, 1)
    assert len(await rows(database, stream)) == 3
    assert sorted(found.woken) == [SITE.id, two.id]


async def test_text_that_a_database_cannot_hold_is_mended(ingest: Rig) -> None:
    said = Gap(**IDENTITY, cause="undecodable", from_us=T0_US, to_us=T0_US, detail="nul \0 inside")
    assert await ingest.take(frame(said, 1)) == Ack(stream=STREAM.hex(), upto=1)
    (found,) = await rows(ingest.database, gap)
    assert found.detail == "nul \N{REPLACEMENT CHARACTER} inside"


async def test_a_message_that_the_database_refuses_stops_nobody(ingest: Rig) -> None:
    too_big = Gap(**IDENTITY, cause="undecodable", from_us=T0_US, to_us=T0_US, device="R1\0")
    ack = await ingest.take(frame(BATCH, 1), frame(too_big, 2), frame(BATCH, 3))
    assert ack is not None
    assert ack.upto == 3
    if ingest.database.is_sqlite:  # it holds NUL in text
        assert await ingest.seqs() == 3
    else:
        assert await ingest.seqs() == 2
        assert ingest.ingest.figures.unstorable == 1
        (kept,) = await rows(ingest.database, quarantine)
        assert (kept.seq, kept.code) == (2, "storage")


async def test_who_waits_for_a_new_stream_holds_no_old_one(postgres_url: str) -> None:
    """Another gateway makes stream a, and locks b after it: there must be no circle of two that wait."""
    database = Database(postgres_url)
    found = Rig(database)
    a, b = b"a" * 16, b"b" * 16
    async with database.write() as connection:
        await register_site(connection, SITE, T0_US)
    await found.take(frame(BATCH, 1, stream=b))
    async with database.write() as other:
        row = {**IDENTITY, "stream": a, "last_seq": 0, "opened_us": T0_US, "updated_us": T0_US}
        await other.execute(insert(stream), row)
        taking = asyncio.create_task(found.take(frame(BATCH, 1, stream=a), frame(BATCH, 2, stream=b)))
        await until_blocked(database)
        await other.execute(select(stream).where(stream.c.stream == b).with_for_update())
    await asyncio.wait_for(taking, 20)
    assert found.ingest.figures.commit_failures == 0
    assert await found.seqs() == 3
    await database.close()


async def until_blocked(database: Database) -> None:
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    async with asyncio.timeout(20):
        while True:
            async with database.read() as connection:
                if await connection.scalar(waiting):
                    return
            await asyncio.sleep(0.01)


async def test_a_database_in_disorder_rejects_no_good_message(ingest: Rig) -> None:
    """Its counter went back: that is no message's fault. Nothing is acked until a person mended it."""
    await ingest.take(frame(BATCH, 1))
    await set_counter(ingest.database, 1)
    taking = asyncio.create_task(ingest.take(frame(BATCH, 2), frame(BATCH, 3)))
    await until(lambda: ingest.ingest.figures.commit_failures)
    assert ingest.acks[-1].upto == 1
    await set_counter(ingest.database, 2)
    assert await asyncio.wait_for(taking, 20) == Ack(stream=STREAM.hex(), upto=3)
    assert await ingest.seqs() == 3
    assert await rows(ingest.database, quarantine) == []


async def set_counter(database: Database, last_n: int) -> None:
    async with database.write() as connection:
        await connection.execute(update(site_log).values(last_n=last_n))


async def test_two_gateways_at_one_stream_settle_each_number_once(ingest: Rig, database_url: str) -> None:
    second_database = Database(database_url)
    second = Rig(second_database)
    payloads = [frame(reads(seq, []), seq) for seq in range(1, 61)]

    async def feed(rig: Rig) -> None:
        for low in range(0, 60, 5):
            await rig.take(*payloads[max(0, low - 3) : low + 5])

    await asyncio.gather(feed(ingest), feed(second))
    await ingest.take(*payloads)
    assert await ingest.seqs() == 60
    assert ingest.acks[-1] == Ack(stream=STREAM.hex(), upto=60)
    await second_database.close()


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=20))
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_no_bytes_stop_the_ingest(postgres_url: str, payloads: list[bytes]) -> None:
    async def run() -> None:
        database = Database(postgres_url)
        found = Rig(database)
        async with database.write() as connection:
            await register_site(connection, SITE, T0_US)
        before, kept_before = await found.seqs(), len(await rows(database, quarantine))
        own = secrets.token_bytes(16)
        whole = [encode_frame(Header(own, 1 + i, 1), body) for i, body in enumerate(payloads)]
        await found.take(*payloads, *whole, frame(BATCH, len(whole) + 1, stream=own))
        assert found.acks[-1].upto == len(whole) + 1
        assert await found.seqs() == before + 1
        assert len(await rows(database, quarantine)) == kept_before + len(payloads) + len(whole)
        await database.close()

    asyncio.run(run())


async def test_the_loop_commits_in_groups_and_acks_after_the_commit(database: Database) -> None:
    steps: list[str] = []
    broker = MemoryBroker()
    source = MemorySource(broker, ManualClock())
    async with database.write() as connection:
        await register_site(connection, SITE, T0_US)
    ingest = Ingest(source, database, SITES, ManualClock(), step=steps.append)
    broker.listen(ACK, lambda _topic, _payload: steps.append("ack"))
    running = asyncio.create_task(ingest.run())
    await until(lambda: source.connected)
    for seq in range(1, 401):
        broker.send(DATA, frame(BATCH, seq))
    await until(lambda: ingest.figures.appended == 400 and ingest.figures.acks == ingest.figures.commits)
    await source.close()
    await asyncio.wait_for(running, 20)
    assert ingest.figures.appended == 400
    assert 2 <= ingest.figures.commits <= 20
    told = [step for step in steps if step in {"ack", "ingest.committed"}]
    assert told == ["ingest.committed", "ack"] * ingest.figures.commits


async def test_a_database_that_is_away_delays_and_loses_nothing() -> None:
    with Postgres() as server:
        url = server.new_database()
        await asyncio.to_thread(migrate, url)
        database = Database(url)
        found = Rig(database)
        async with database.write() as connection:
            await register_site(connection, SITE, T0_US)
        await found.take(frame(BATCH, 1))
        await asyncio.to_thread(server.kill)
        taking = asyncio.create_task(found.take(frame(BATCH, 2), frame(BATCH, 3)))
        await until(lambda: found.ingest.figures.commit_failures)
        assert found.acks[-1].upto == 1
        await asyncio.to_thread(server.start)
        assert await asyncio.wait_for(taking, 20) == Ack(stream=STREAM.hex(), upto=3)
        assert await found.seqs() == 3
        await database.close()


async def test_nothing_is_acked_that_was_not_committed(database: Database) -> None:
    """The control: a commit that fails must leave no Ack behind."""
    found = Rig(database)
    async with database.write() as connection:
        await register_site(connection, SITE, T0_US)

    class CrashError(Exception):
        pass

    def crash(step: str) -> None:
        if step == "ingest.written":
            raise CrashError

    found.ingest._step = crash
    with pytest.raises(CrashError):
        await found.take(frame(BATCH, 1))
    assert found.acks == []
    assert await found.seqs() == 0
    assert await rows(database, stream) == []


async def test_a_body_is_logged_as_it_came(ingest: Rig) -> None:
    await ingest.take(frame(BATCH, 1, stream=secrets.token_bytes(16)))
    async with ingest.database.read() as connection:
        query = select(site_input.c.body, site_input.c.received_us).where(site_input.c.kind == "data")
        (row,) = (await connection.execute(query)).all()
    assert bytes(row.body) == encode_durable(BATCH)
    assert row.received_us == ingest.clock.now_us
