"""The parts together, with the machine's own resolver and randomness."""

import asyncio

from gateway.clock import system_clock
from gateway.ingest.memory import MemoryBroker, MemorySource
from gateway.push.service import Push
from gateway.storage.engine import Database
from tests.gateway.push.feed_rig import NOBODY, Rig, stock
from tests.gateway.push.receiver import receiving
from tests.gateway.small_store import SHIRT_S
from tests.gateway.wait import until


async def test_a_gateways_push_sends_and_stops(sqlite_database: Database) -> None:
    rig = await Rig(sqlite_database).open()
    source = MemorySource(MemoryBroker(), system_clock)
    push = Push(
        sqlite_database, rig.queries, rig.feed, source, holder="me", clock=system_clock, allow_private=True, ttl_s=0.3
    )
    running = asyncio.create_task(push.run())
    async with receiving() as receiver:
        made = await push.desk.create(NOBODY, receiver.url("localhost"))
        other = await push.desk.create(NOBODY, receiver.url("localhost"))
        await rig.happen(stock(SHIRT_S, 1.0))
        got = list(await receiver.until(2))
        await until(lambda: push.counters()["webhooks_sent"] == 2)  # what is sent and not answered is sent again
        push.stop()
        await asyncio.wait_for(running, 20)
    assert made.webhook.secret != other.webhook.secret
    assert {one.is_signed_by(made.webhook.secret) for one in got} == {True, False}
    assert [found.webhook.progress.cursor for found in await push.desk.every(NOBODY)] == [1, 1]
