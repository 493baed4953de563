"""Stock retained on a real broker: each channel's own figures, restarts, a broker that forgets, blind zones."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from sqlalchemy import insert, select, update

from gateway.availability import encode_ladder, ladder_of
from gateway.catalogue import import_catalogue
from gateway.ingest.memory import MemoryBroker, MemorySource
from gateway.ingest.mqtt import Broker, MqttSource
from gateway.ingest.port import Source
from gateway.push import retained
from gateway.push.publisher import Publisher
from gateway.push.retained import RetainedStock
from gateway.storage.commerce import channel
from gateway.storage.engine import Database
from gateway.storage.schema import feed, site_fold, stock_count, zone_state
from gateway.storage.schema import stock as stock_table
from gateway.storage.site_register import register_site
from tests.gateway.push.feed_rig import Rig, stock, zone
from tests.gateway.small_store import SHIRT_M, SHIRT_S, SITE, T0_US
from tests.gateway.test_catalogue import GOOD
from tests.gateway.wait import until
from tests.servers.mosquitto import Mosquitto
from wire.topics import stock_topic

CHANNEL = {"target": 0.95, "safety": 0, "ttl_s": 900, "when_blind": "keep", "holds_max": 10, "updated_us": 0}
WEB, EU = stock_topic(SITE.id, "web", SHIRT_S), stock_topic(SITE.id, "eu", SHIRT_S)


async def shop(database: Database) -> Rig:
    """A site with three shirts in S on the floor and none in M; two channels, one with safety stock."""
    rig = await Rig(database).open()
    await import_catalogue(database, GOOD, T0_US)
    async with database.write() as connection:
        await register_site(connection, SITE, T0_US)
        await connection.execute(insert(channel), [CHANNEL | {"name": "web"}, CHANNEL | {"name": "eu", "safety": 2}])
        row = {"site": SITE.id, "version": 3, "on_hand": 3, "sellable": 3, "changed_us": T0_US, "promised": 3}
        ladder = encode_ladder(ladder_of([1.0, 1.0, 1.0]))
        await connection.execute(insert(stock_table), [row | {"gtin": SHIRT_S, "ladder": ladder}])
        none = row | {"gtin": SHIRT_M, "on_hand": 0, "sellable": 0, "promised": 0, "ladder": b""}
        await connection.execute(insert(stock_table), [none])
        await connection.execute(
            insert(stock_count), [{"site": SITE.id, "gtin": SHIRT_S, "zone": "FLOOR", "quantity": 3}]
        )
        await connection.execute(update(site_fold).values(now_us=T0_US))  # somebody folds it
        state = {"site": SITE.id, "status": "live", "as_of_us": T0_US, "since_us": T0_US}
        await connection.execute(insert(zone_state), [state | {"zone": "FLOOR"}])
    return rig


@asynccontextmanager
async def publishing(rig: Rig, source: Publisher, **more: Any) -> AsyncIterator[RetainedStock]:
    async with AsyncExitStack() as stack:
        settings: dict[str, Any] = {"holder": "me", "clock": rig.clock, "poll_s": 0.02, "republish_min_s": 0.0} | more
        running = RetainedStock(rig.database, rig.queries, rig.feed, source, **settings)
        task = asyncio.create_task(running.run())
        try:
            yield running
        finally:
            running.stop()
            await asyncio.wait_for(task, 20)
            await stack.aclose()


@asynccontextmanager
async def connected(source: Source) -> AsyncIterator[Source]:
    async def drain() -> None:
        async for _ in source.deliveries():
            pass

    task = asyncio.create_task(drain())
    await until(lambda: source.connected)
    try:
        yield source
    finally:
        await source.close()
        await asyncio.wait_for(task, 20)


async def held_by(broker: Mosquitto, until_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What somebody sees who subscribes now: by topic, as soon as it is as it should be."""
    found: dict[str, Any] = {}
    async with aiomqtt.Client("127.0.0.1", broker.port) as client, asyncio.timeout(15):
        await client.subscribe(f"lastunit/1/{SITE.id}/stock/+/+", qos=1)
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            found[message.topic.value] = json.loads(message.payload)
            if until_so(found):
                return found
    raise AssertionError(found)


async def test_each_channel_finds_its_own_figures_on_the_broker(sqlite_database: Database, tmp_path: Path) -> None:
    rig = await shop(sqlite_database)
    with Mosquitto(tmp_path) as broker:
        async with connected(MqttSource(Broker("127.0.0.1", broker.port), rig.clock)) as source:
            async with publishing(rig, source) as running:
                found = await held_by(broker, lambda found: len(found) == 4)
                assert {topic: event["atp"] for topic, event in found.items()} == {
                    WEB: 3,
                    EU: 1,
                    WEB.replace(SHIRT_S, SHIRT_M): 0,
                    EU.replace(SHIRT_S, SHIRT_M): 0,
                }
                assert found[WEB]["reason"] == "republished"
                await rig.happen(
                    *(stock(SHIRT_S, *[1.0] * units, version=units) for units in (7, 8, 9)), stock(SHIRT_M, 0.99)
                )
                await until(lambda: running.counters()["retained_published"] == 8)
                now = await held_by(broker, lambda found: len(found) == 4)
                assert (now[WEB]["atp"], now[EU]["atp"], now[WEB.replace(SHIRT_S, SHIRT_M)]["atp"]) == (9, 7, 1)
                assert now[WEB]["seq"] == 3
                assert "moves" not in now[WEB]
            assert running.counters()["retained_failed"] == 0


async def test_a_broker_that_forgot_everything_gets_it_again(sqlite_database: Database, tmp_path: Path) -> None:
    rig = await shop(sqlite_database)
    with Mosquitto(tmp_path) as broker:
        mqtt = MqttSource(Broker("127.0.0.1", broker.port), rig.clock)
        async with connected(mqtt) as source, publishing(rig, source) as running:
            await held_by(broker, lambda found: len(found) == 4)
            broker.kill()
            await until(lambda: not source.connected)
            broker.start()
            found = await held_by(broker, lambda found: len(found) == 4)
            assert found[WEB]["atp"] == 3
            assert running.counters()["retained_republications"] == 2


@pytest.fixture
async def memory(sqlite_database: Database) -> AsyncIterator[tuple[Rig, MemoryBroker, Source]]:
    rig = await shop(sqlite_database)
    broker = MemoryBroker()
    async with connected(MemorySource(broker, rig.clock)) as source:
        yield rig, broker, source


def atp(broker: MemoryBroker, topic: str) -> int | None:
    found = broker.retained.get(topic)
    return None if found is None else int(json.loads(found)["atp"])


async def test_the_cursor_survives_a_restart_and_follows_only_what_the_broker_took(
    memory: tuple[Rig, MemoryBroker, Source],
) -> None:
    rig, broker, source = memory

    async def cursor() -> int:
        async with rig.database.read() as connection:
            return int(await connection.scalar(select(feed.c.last_seq).where(feed.c.name == retained.FEED)) or 0)

    async with publishing(rig, source) as running:
        await until(lambda: running.counters()["retained_published"] == 4)
        await rig.happen(stock(SHIRT_S, 1.0))
        await until(lambda: atp(broker, WEB) == 1)
    assert await cursor() == 1
    await rig.happen(stock(SHIRT_S, 1.0, 1.0))  # nobody runs
    broker.retained.clear()
    async with publishing(rig, source):
        await until(lambda: atp(broker, EU) is not None)
    assert await cursor() == 2
    await source.close()
    await rig.happen(stock(SHIRT_S))
    async with publishing(rig, source) as running:
        await asyncio.sleep(0.2)
        assert running.counters()["retained_published"] == 0
    assert await cursor() == 2


class Flaky:
    """A broker that does not take some messages, though it is connected."""

    def __init__(self, source: Source) -> None:
        self.figures = source.figures
        self.refuses = 0
        self._source = source

    @property
    def connected(self) -> bool:
        return self._source.connected

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        if self.refuses:
            self.refuses -= 1
            return False
        return await self._source.publish(topic, payload, retain=retain)


async def test_what_the_broker_did_not_take_is_published_again(
    memory: tuple[Rig, MemoryBroker, Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, broker, source = memory
    monkeypatch.setattr(retained, "RETAINED_RETRY_S", 0.01)
    flaky = Flaky(source)
    flaky.refuses = 3  # of the first publication of everything
    async with publishing(rig, flaky) as running:
        await until(lambda: len(broker.retained) == 4)
        assert running.counters()["retained_failed"] == 3
        await until(lambda: running.counters()["retained_rounds_waiting"] == 0)
        flaky.refuses = 2  # of a change: both channels
        await rig.happen(stock(SHIRT_S, 1.0))
        await until(lambda: atp(broker, WEB) == 1)
        assert running.counters()["retained_failed"] == 5


async def test_a_new_policy_is_published_for_all_skus_of_its_channel(
    memory: tuple[Rig, MemoryBroker, Source],
) -> None:
    rig, broker, source = memory
    async with publishing(rig, source):
        await until(lambda: atp(broker, WEB) == 3 and atp(broker, EU) == 1)
        async with rig.database.write() as connection:
            await connection.execute(update(channel).where(channel.c.name == "web").values(safety=1))
            await connection.execute(insert(channel), [CHANNEL | {"name": "pos", "safety": 3}])
            await connection.execute(insert(channel), [CHANNEL | {"name": "no/topic"}])
        rig.clock.advance(1)
        await until(lambda: atp(broker, WEB) == 2)
        await until(lambda: atp(broker, stock_topic(SITE.id, "pos", SHIRT_S)) == 0)
        assert atp(broker, EU) == 1


async def test_a_zone_that_goes_blind_changes_what_is_retained(memory: tuple[Rig, MemoryBroker, Source]) -> None:
    rig, broker, source = memory
    async with rig.database.write() as connection:
        await connection.execute(update(channel).where(channel.c.name == "web").values(when_blind="zero"))
    async with publishing(rig, source):
        await until(lambda: (atp(broker, WEB), atp(broker, EU)) == (3, 1))
        assert json.loads(broker.retained[WEB])["status"] == "live"
        async with rig.database.write() as connection:
            await connection.execute(update(zone_state).values(status="blind"))
        await rig.happen(zone())
        await until(lambda: atp(broker, WEB) == 0)
        assert json.loads(broker.retained[WEB])["status"] == "stale"


async def test_a_step_of_an_order_is_not_retained_and_publishes_nothing_anew(
    memory: tuple[Rig, MemoryBroker, Source],
) -> None:
    """It has no GTIN, as the change of a zone, of which a whole store is published once more."""
    rig, broker, source = memory
    step = {"kind": "order", "step": "picked", "site": SITE.id, "channel": "web", "as_of": "2026-11-18T11:06:40.000Z"}
    row = {"site": SITE.id, "gtin": "", "created_us": T0_US, "body": json.dumps(step).encode(), "ladder": None}
    async with publishing(rig, source) as process:
        await until(lambda: atp(broker, WEB) == 3)
        await until(lambda: process.counters()["retained_rounds_waiting"] == 0)
        before, topics = process.counters()["retained_published"], set(broker.retained)
        await rig.happen(row, stock(SHIRT_S, 1.0), row)
        await until(lambda: atp(broker, WEB) == 1)
        await rig.happen(row, stock(SHIRT_S, 1.0, 1.0))
        await until(lambda: atp(broker, WEB) == 2)
        await until(lambda: process.counters()["retained_rounds_waiting"] == 0)
        channels = sum(topic.endswith(SHIRT_S) for topic in topics)
        assert set(broker.retained) == topics
        assert process.counters()["retained_published"] == before + 2 * channels


async def test_of_two_processes_one_publishes_and_a_slow_one_is_fenced(
    memory: tuple[Rig, MemoryBroker, Source],
) -> None:
    rig, broker, source = memory
    async with publishing(rig, source) as first:
        await until(lambda: atp(broker, WEB) == 3)
        async with rig.database.write() as connection:  # what a successor does
            await connection.execute(update(feed).where(feed.c.name == retained.FEED).values(fence=99))
        await rig.happen(stock(SHIRT_S, 1.0))
        await until(lambda: first.counters()["retained_fenced"] == 1)
    broker.retained.clear()
    async with publishing(rig, source) as first, publishing(rig, source, holder="other") as second:
        await until(lambda: atp(broker, WEB) is not None)
        await rig.happen(stock(SHIRT_S, 1.0, 1.0))
        await until(lambda: atp(broker, WEB) == 2)
        published = [one.counters()["retained_published"] for one in (first, second)]
    assert min(published) == 0
    assert max(published) > 0
