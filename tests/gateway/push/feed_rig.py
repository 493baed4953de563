"""A feed that a test fills with stock events, and what sends them."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import msgspec
from sqlalchemy import insert, select

from gateway.availability import Policy, encode_ladder, ladder_of, offer
from gateway.push import webhook_store as store
from gateway.push.webhook_desk import Owner, WebhookDesk
from gateway.push.webhook_process import WebhookProcess, pass_by
from gateway.queries import Queries
from gateway.relay import ChangeFeed, relay, take_feed
from gateway.storage.commerce import webhook
from gateway.storage.engine import Database
from gateway.storage.schema import change
from tests.gateway.small_store import SHIRT_S, SITE, T0_US, ManualClock

NOBODY = Owner("", "")
TTL_US = 3_600_000_000


def stock(gtin: str = SHIRT_S, *chances: float, site: str = SITE.id, **more: Any) -> dict[str, Any]:
    """Return the row of a change after which units with these chances are there."""
    ladder = ladder_of(chances)
    said = offer(ladder, Policy(), "live")
    body = {
        "kind": "stock",
        "gtin": gtin,
        "site": site,
        "atp": said.atp,
        "on_hand": len(chances),
        "held": 0,
        "confidence": said.confidence,
        "status": "live",
        "version": 1,
        "as_of": "2026-11-18T11:06:40.000Z",
        "reason": "moved",
        "zones": {"FLOOR": len(chances)},
        "moves": [{"serial": "77", "from": "BACK", "to": "FLOOR", "cause": "moved"}],
        "moves_left_out": 0,
    } | more
    return {
        "site": site,
        "gtin": gtin,
        "created_us": T0_US,
        "body": msgspec.json.encode(body),
        "ladder": encode_ladder(ladder),
    }


def zone(status: str = "blind", site: str = SITE.id) -> dict[str, Any]:
    body = {"kind": "zone", "site": site, "zone": "FLOOR", "status": status, "as_of": "2026-11-18T11:06:40.000Z"}
    return {"site": site, "gtin": "", "created_us": T0_US, "body": msgspec.json.encode(body), "ladder": None}


class Rig:
    """A database with a relayed feed, a desk for webhooks, and processes that send."""

    def __init__(self, database: Database, clock: ManualClock | None = None) -> None:
        self.database = database
        self.clock = clock or ManualClock()
        self.feed = ChangeFeed()
        self.queries = Queries(database, self.clock)
        self.names: dict[str, list[str]] = {}
        self.asked: list[str] = []
        self.random = random.Random(7)
        self.desk = WebhookDesk(
            database, self.clock, resolve=self.resolve, random_bytes=self.random.randbytes, allow_private=True
        )
        self._fence = 0

    async def resolve(self, host: str, _port: int) -> list[str]:
        self.asked.append(host)
        if host[0].isdigit():
            return [host]
        if host not in self.names:
            raise OSError(host)
        return self.names[host]

    async def open(self) -> "Rig":
        async with self.database.write() as connection:
            self._fence = await take_feed(connection, "rig", self.clock(), TTL_US) or 0
        return self

    async def happen(self, *rows: dict[str, Any]) -> int:
        async with self.database.write() as connection:
            for row in rows:
                await connection.execute(insert(change), [row])
            _, newest = await relay(connection, self._fence)
        self.feed.announce(newest)
        return newest

    def process(self, holder: str = "me", step: Callable[[str], None] = pass_by, **more: Any) -> WebhookProcess:
        settings: dict[str, Any] = {"resolve": self.resolve, "chance": lambda: 0.0} | more
        settings = {"allow_private": True, "poll_s": 0.02} | settings
        return WebhookProcess(
            self.database,
            self.queries,
            self.feed,
            holder,
            self.clock,
            step=step,
            **settings,
        )

    @asynccontextmanager
    async def sending(self, **more: Any) -> AsyncIterator[WebhookProcess]:
        process = self.process(**more)
        task = asyncio.create_task(process.run())
        try:
            yield process
        finally:
            process.stop()
            await asyncio.wait_for(task, 20)

    async def webhook(self, name: str) -> store.Webhook:
        async with self.database.read() as connection:
            found = await store.one(connection, name)
        assert found is not None
        return found

    async def until(self, name: str, is_so: Callable[[store.Webhook], bool], wait_s: float = 15.0) -> store.Webhook:
        async with asyncio.timeout(wait_s):
            while not is_so(found := await self.webhook(name)):  # noqa: ASYNC110 - another task writes the row
                await asyncio.sleep(0.01)
        return found

    async def cursors(self) -> list[int]:
        async with self.database.read() as connection:
            return list(await connection.scalars(select(webhook.c.cursor)))


@contextmanager
def environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
