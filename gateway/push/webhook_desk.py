"""Where webhooks are made, shown, resumed, tried and removed, each for the channel that owns it."""

import asyncio
import ssl
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock
from gateway.http.ports import CursorAhead, CursorGone
from gateway.keys.store import known_sites
from gateway.push import webhook_store as store
from gateway.push.address import AddressError, Destination, judged, parse_url
from gateway.push.delivery import Outcome, resumed
from gateway.push.limits import ANSWER_S, WEBHOOKS_MAX, WEBHOOKS_OF_CHANNEL_MAX
from gateway.push.sender import HttpSender, Resolve
from gateway.push.signing import headers, new_secret
from gateway.relay import last_seq
from gateway.storage.engine import Database
from gateway.storage.errors import StorageError
from gateway.storage.schema import change
from gateway.trade.audit import write_audit

TEST_BODY: Final = b'{"type":"webhook.test","timestamp":"%b","data":{"webhook":"%b"}}'


class WebhookError(StorageError):
    """Something about webhooks that its caller asked for and cannot have."""


class UnknownWebhookError(WebhookError):
    """There is none such, or it belongs to another channel."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no webhook {name[:64]!r} of this channel")


class TooManyWebhooksError(WebhookError):
    """The channel, or the gateway, has as many as there may be."""


class UnknownSitesError(WebhookError):
    """Sites that this gateway does not have."""

    def __init__(self, sites: list[str]) -> None:
        self.sites = sites
        super().__init__(f"sites {', '.join(sites)}: this gateway does not have them")


@dataclass(frozen=True, slots=True)
class Owner:
    """Who asks: the key's id and channel (both empty: there are no keys), and the key's sites (None: all)."""

    key: str
    channel: str
    sites: frozenset[str] | None = None

    def owns(self, webhook: store.Webhook) -> bool:
        """Whether a webhook is of this channel, and sends nothing that the key may not see.

        One that was made before there were keys belongs to every key for all sites.
        """
        if self.sites is not None and (webhook.sites is None or not webhook.sites <= self.sites):
            return False
        return webhook.channel == self.channel or (not webhook.channel and self.sites is None)


@dataclass(frozen=True, slots=True)
class Shown:
    """A webhook, the newest change that there is, and how many of its events were refused for good."""

    webhook: store.Webhook
    last_seq: int
    dead_letters: int


class WebhookDesk:
    """Webhooks over the database. `random_bytes` makes ids and secrets; `resolve` gives the addresses of a name."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        resolve: Resolve,
        random_bytes: Callable[[int], bytes],
        allow_private: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._resolve = resolve
        self._random = random_bytes
        self._allow_private = allow_private
        self._tls = tls

    async def create(
        self,
        owner: Owner,
        url: str,
        sites: frozenset[str] | None = None,
        thresholds: tuple[int, ...] = (),
        cursor: int | None = None,
    ) -> Shown:
        """Keep a new webhook; it begins after `cursor`, or with the next change.

        Raises `AddressError`, `UnknownSitesError`, `TooManyWebhooksError`, `CursorGone`, `CursorAhead`.
        """
        destination = await self._judge(url)
        now_us = self._clock()
        name = str(uuid.UUID(bytes=self._random(16), version=4))
        async with self._database.write() as connection:
            await _check_sites(connection, sites)
            await _check_room(connection, owner.channel)
            newest = await last_seq(connection)
            begin = newest if cursor is None else await _checked(connection, cursor, newest)
            made = store.Webhook(
                id=name,
                channel=owner.channel,
                key=owner.key,
                url=url,
                secret=new_secret(self._random),
                sites=owner.sites if sites is None else sites,
                thresholds=thresholds,
                progress=resumed(begin),
                created_us=now_us,
                updated_us=now_us,
            )
            await store.add(connection, made)
            await self._audit(connection, owner, "webhook.create", name, {"host": destination.host, "cursor": begin})
        return Shown(made, newest, 0)

    async def every(self, owner: Owner) -> list[Shown]:
        """Return the owner's webhooks, the oldest first."""
        async with self._database.read() as connection:
            newest = await last_seq(connection)
            letters = await store.dead_counts(connection)
            found = [one for one in await store.every(connection) if owner.owns(one)]
        return [Shown(one, newest, letters.get(one.id, 0)) for one in found]

    async def one(self, owner: Owner, name: str) -> Shown:
        """Return one webhook. Raises `UnknownWebhookError`."""
        async with self._database.read() as connection:
            found = await _owned(connection, owner, name)
            letters = await store.dead_counts(connection)
            return Shown(found, await last_seq(connection), letters.get(found.id, 0))

    async def remove(self, owner: Owner, name: str) -> None:
        """Forget a webhook; what is under way to it may still arrive. Raises `UnknownWebhookError`."""
        async with self._database.write() as connection:
            found = await _owned(connection, owner, name)
            await store.remove(connection, found.id)
            await self._audit(connection, owner, "webhook.delete", found.id, {})

    async def resume(self, owner: Owner, name: str, cursor: int | None = None) -> Shown:
        """Let a webhook go on after `cursor`, or where it stands; its dead letters are forgotten.

        It belongs to the caller's key and channel from then on. Raises `UnknownWebhookError`, `CursorGone`,
        `CursorAhead`, `AddressError`.
        """
        async with self._database.read() as connection:
            await self._judge((await _owned(connection, owner, name)).url)
        async with self._database.write() as connection:
            newest = await last_seq(connection)
            found = await _owned(connection, owner, name, locked=True)
            begin = await _checked(connection, found.progress.cursor if cursor is None else cursor, newest)
            after = replace(found, progress=resumed(begin), key=owner.key, channel=owner.channel)
            mine = {"key": after.key, "channel": after.channel}
            updated_us = await store.save(connection, found, after.progress, self._clock(), **mine)
            assert updated_us is not None, name
            await store.clear_dead(connection, found.id)
            await self._audit(connection, owner, "webhook.resume", found.id, {"cursor": begin})
        return Shown(replace(after, updated_us=updated_us), newest, 0)

    async def dead_letters(self, owner: Owner, name: str, after_seq: int, limit: int) -> list[store.DeadLetter]:
        """Return events that a webhook refused for good, after a sequence. Raises `UnknownWebhookError`."""
        async with self._database.read() as connection:
            found = await _owned(connection, owner, name)
            return await store.dead_page(connection, found.id, after_seq, limit)

    async def test(self, owner: Owner, name: str, at: str) -> tuple[str, Outcome]:
        """Send one message that is no event; return its id and what came of it. Raises `UnknownWebhookError`."""
        async with self._database.read() as connection:
            found = await _owned(connection, owner, name)
        now_us = self._clock()
        message_id = f"evt_{found.id.replace('-', '')}_test_{self._random(8).hex()}"
        body = TEST_BODY % (at.encode(), found.id.encode())
        try:
            destination = parse_url(found.url, allow_private=self._allow_private)
        except AddressError as error:
            return message_id, Outcome(None, str(error))
        sender = HttpSender(self._resolve, tls=self._tls)
        try:
            signed = headers(found.secret, message_id, now_us // 1_000_000, body)
            return message_id, await sender.post(destination, body, signed, now_us)
        finally:
            await sender.close()

    async def _judge(self, url: str) -> Destination:
        """Return where a URL leads, if anything would be sent there. Raises `AddressError`."""
        destination = parse_url(url, allow_private=self._allow_private)
        try:
            async with asyncio.timeout(ANSWER_S):
                addresses = await self._resolve(destination.host, destination.port)
        except (OSError, UnicodeError, TimeoutError):
            raise AddressError(f"host {destination.host!r}: the name cannot be resolved") from None
        judged(destination, addresses)
        return destination

    async def _audit(
        self, connection: AsyncConnection, owner: Owner, action: str, name: str, detail: dict[str, str | int]
    ) -> None:
        await write_audit(
            connection, at_us=self._clock(), actor=owner.key, action=action, site=None, subject=name, detail=detail
        )


async def _owned(connection: AsyncConnection, owner: Owner, name: str, *, locked: bool = False) -> store.Webhook:
    found = await store.one(connection, name, locked=locked)
    if found is None or not owner.owns(found):
        raise UnknownWebhookError(name)
    return found


async def _check_sites(connection: AsyncConnection, sites: frozenset[str] | None) -> None:
    unknown = sorted((sites or frozenset()) - await known_sites(connection, sites or ()))
    if unknown:
        raise UnknownSitesError(unknown)


async def _check_room(connection: AsyncConnection, channel: str) -> None:
    if await store.count_of(connection, channel) >= WEBHOOKS_OF_CHANNEL_MAX:
        raise TooManyWebhooksError(f"this channel has {WEBHOOKS_OF_CHANNEL_MAX} webhooks, the most: remove one first")
    if await store.count_of(connection) >= WEBHOOKS_MAX:
        raise TooManyWebhooksError(f"this gateway has {WEBHOOKS_MAX} webhooks, the most: remove one first")


async def _checked(connection: AsyncConnection, cursor: int, newest: int) -> int:
    """Return a cursor that the feed can go on from. Raises `CursorGone`, `CursorAhead`."""
    if cursor > newest:
        raise CursorAhead(newest)
    first_kept = int(await connection.scalar(select(func.min(change.c.seq))) or newest + 1)
    if cursor < first_kept - 1:
        raise CursorGone(first_kept)
    return cursor
