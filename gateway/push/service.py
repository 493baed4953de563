"""All that pushes, put together with the real resolver and randomness: part of the composition root (`gateway.app`)."""

import asyncio
import random
import secrets
from collections.abc import Callable
from typing import Final

from gateway.clock import Clock
from gateway.feeds.reader import Feeds
from gateway.limits import LEASE_TTL_S
from gateway.push.publisher import Publisher
from gateway.push.retained import RetainedStock
from gateway.push.sender import SystemResolver
from gateway.push.webhook_desk import WebhookDesk
from gateway.push.webhook_process import WebhookProcess, pass_by
from gateway.queries import Queries
from gateway.relay import ChangeFeed
from gateway.storage.engine import Database

_SECURE: Final = random.SystemRandom()


class Push:
    """Webhooks, retained topics and feeds of one process. `desk` and `feeds` are for the HTTP side; `run` sends."""

    def __init__(
        self,
        database: Database,
        queries: Queries,
        feed: ChangeFeed,
        publisher: Publisher,
        *,
        holder: str,
        clock: Clock,
        allow_private: bool = False,
        ttl_s: float = LEASE_TTL_S,
        step: Callable[[str], None] = pass_by,
    ) -> None:
        self._resolver = SystemResolver()
        self.feeds = Feeds(database, queries, clock)
        self.desk = WebhookDesk(
            database, clock, resolve=self._resolver, random_bytes=secrets.token_bytes, allow_private=allow_private
        )
        self.webhooks = WebhookProcess(
            database,
            queries,
            feed,
            holder,
            clock,
            resolve=self._resolver,
            chance=_SECURE.random,
            allow_private=allow_private,
            ttl_s=ttl_s,
            step=step,
        )
        self.retained = RetainedStock(
            database, queries, feed, publisher, holder=holder, clock=clock, ttl_s=ttl_s, step=step
        )

    def counters(self) -> dict[str, int]:
        """Return all counters."""
        return self.webhooks.counters() | self.retained.counters()

    def stop(self) -> None:
        """Let `run` end."""
        self.webhooks.stop()
        self.retained.stop()

    async def run(self) -> None:
        """Send until `stop`. Raises what a part raised: neither should ever end by itself."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.webhooks.run(), name="gateway-webhooks")
                group.create_task(self.retained.run(), name="gateway-retained")
        finally:
            self._resolver.close()
