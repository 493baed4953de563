"""The one process that sends webhooks: holds the lease, and has a courier for every address that is not stopped.

Another process takes over when the lease expires. A holder that was too slow to notice sends an event that its
successor sends too; its cursor is not written any more, because every write names the row that it saw.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gateway.clock import Clock
from gateway.http.ports import ChangeFeed
from gateway.limits import LEASE_TTL_S
from gateway.push import webhook_store as store
from gateway.push.courier import Changes, Courier, Office, WebhookFigures
from gateway.push.delivery import stopped
from gateway.push.limits import DELIVERIES_AT_ONCE, POLL_S
from gateway.push.rendering import Renderings
from gateway.push.sender import HttpSender, Resolve
from gateway.storage import lease
from gateway.storage.engine import Database

_log: Final = structlog.get_logger("gateway.webhooks")

LEASE: Final = "webhooks"


def pass_by(_name: str) -> None:
    """Do nothing at a step."""


class WebhookProcess:
    """Sends changes to the addresses that were registered, while this process holds the lease.

    `resolve` gives the addresses of a name, `chance` draws from [0, 1), `tls` replaces the trusted certificates.
    """

    def __init__(
        self,
        database: Database,
        changes: Changes,
        feed: ChangeFeed,
        holder: str,
        clock: Clock,
        *,
        resolve: Resolve,
        chance: Callable[[], float],
        allow_private: bool = False,
        tls: ssl.SSLContext | None = None,
        step: Callable[[str], None] = pass_by,
        ttl_s: float = LEASE_TTL_S,
        poll_s: float = POLL_S,
    ) -> None:
        self.figures = WebhookFigures()
        self._database = database
        self._holder = holder
        self._clock = clock
        self._resolve = resolve
        self._tls = tls
        self._ttl_us = int(ttl_s * 1e6)
        self._poll_s = min(poll_s, ttl_s / 3)
        self._office = Office(
            database=database,
            changes=changes,
            feed=feed,
            clock=clock,
            chance=chance,
            renderings=Renderings(),
            places=asyncio.Semaphore(DELIVERIES_AT_ONCE),
            figures=self.figures,
            step=step,
            allow_private=allow_private,
        )
        self._fence: int | None = None
        self._couriers: dict[str, tuple[Courier, asyncio.Task[None]]] = {}
        self._stopping = asyncio.Event()

    def counters(self) -> dict[str, int]:
        """Return all counters, and how many addresses are served here."""
        return self.figures.counters() | {"webhooks_served": len(self._couriers)}

    def stop(self) -> None:
        """Let `run` end."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve until `stop`."""
        try:
            while not self._stopping.is_set():
                try:
                    await self._once()
                except (SQLAlchemyError, OSError) as error:
                    self.figures.webhooks_read_errors += 1
                    _log.warning("webhooks_unreadable", error=repr(error))
                try:
                    async with asyncio.timeout(self._poll_s):
                        await self._stopping.wait()
                except TimeoutError:
                    continue
        finally:
            await self._dismiss(list(self._couriers))
            await self._release()

    async def _once(self) -> None:
        """Hold the lease, and have the couriers that the table asks for."""
        if not await self._hold():
            await self._dismiss(list(self._couriers))
            return
        # Before the table is read: what it says of one that ends meanwhile is old, and must not begin another courier.
        await self._dismiss([name for name, (_, task) in self._couriers.items() if task.done()])
        async with self._database.read() as connection:
            due = await store.due(connection, self._clock())
        for found in due:
            if found.forbidden:
                await self._forbid(found)
        wanted = {found.webhook.id: found for found in due if not found.forbidden}
        await self._dismiss([name for name in self._couriers if self._is_over(name, wanted.get(name))])
        for name, found in wanted.items():
            if name not in self._couriers:
                courier = Courier(
                    found.webhook,
                    found.policy,
                    self._office,
                    HttpSender(self._resolve, tls=self._tls),
                    orders=found.orders,
                )
                self._couriers[name] = courier, asyncio.create_task(courier.run(), name=f"webhook-{name}")

    def _is_over(self, name: str, found: store.Due | None) -> bool:
        """Whether a courier is not wanted any more, or serves what is no longer so."""
        courier, _ = self._couriers[name]
        if courier.is_writing:  # what was read may be its own: the next look tells
            return False
        if found is None:
            return True
        other = (found.policy, found.orders) != (courier.policy, courier.orders)
        return other or found.webhook.updated_us > courier.webhook.updated_us

    async def _dismiss(self, names: list[str]) -> None:
        """End couriers; one that failed is counted, and begins anew with the next look."""
        gone = [self._couriers.pop(name)[1] for name in names]
        for task in gone:
            task.cancel()
        for result in await asyncio.gather(*gone, return_exceptions=True):
            if isinstance(result, Exception):
                self.figures.webhooks_read_errors += 1
                _log.warning("webhook_failed", error=repr(result))

    async def _forbid(self, found: store.Due) -> None:
        """Stop a webhook whose key does not allow it any more."""
        progress = stopped(found.webhook.progress, found.forbidden)
        async with self._database.write() as connection:
            done = await store.save(connection, found.webhook, progress, self._clock())
        if done is not None:
            self.figures.webhooks_stopped += 1
            _log.warning("webhook_stopped", webhook=found.webhook.id, why=found.forbidden)

    async def _hold(self) -> bool:
        """Take or renew the lease; return whether it is ours."""
        now_us = self._clock()
        async with self._database.write() as connection:
            fence = self._fence
            if fence is not None and await lease.renew(
                connection, LEASE, self._holder, fence, now_us=now_us, ttl_us=self._ttl_us
            ):
                return True
            self._fence = await lease.acquire(connection, LEASE, self._holder, now_us=now_us, ttl_us=self._ttl_us)
        return self._fence is not None

    async def _release(self) -> None:
        if self._fence is None:
            return
        try:
            async with self._database.write() as connection:
                await lease.release(connection, LEASE, self._holder, self._fence)
        except (SQLAlchemyError, OSError) as error:
            self.figures.webhooks_read_errors += 1
            _log.warning("release_failed", error=repr(error))
        self._fence = None
