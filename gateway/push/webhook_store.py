"""Webhooks and their dead letters in the database.

Every write of a webhook raises `updated_us`, and names the one that it saw: of two that write at once, a delivery and
its owner say, the later one finds nothing to write, and looks again.
"""

from dataclasses import dataclass, fields
from typing import Any, Final

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.availability import Policy
from gateway.keys.scopes import HOLD_WRITE, WEBHOOK_WRITE
from gateway.push.delivery import Progress, State
from gateway.push.limits import DEAD_LETTERS_MAX
from gateway.storage.commerce import api_key, channel, dead_letter, webhook
from gateway.storage.statement import insert_into, storable

_PROGRESS: Final = tuple(part.name for part in fields(Progress))


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that changes are sent to; `sites` None: those of all sites."""

    id: str
    channel: str
    key: str
    url: str
    secret: str
    sites: frozenset[str] | None
    thresholds: tuple[int, ...]
    progress: Progress
    created_us: int
    updated_us: int

    def sees(self, site: str) -> bool:
        """Whether changes of this site go there."""
        return self.sites is None or site in self.sites


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that an address refused for good: `status` of its last answer."""

    webhook: str
    seq: int
    at_us: int
    status: int | None
    error: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Due:
    """A webhook that is to be served: its channel's policy, and why it must be stopped instead, if so.

    `orders`: its key may see the orders of its channel (without keys everybody may).
    """

    webhook: Webhook
    policy: Policy
    forbidden: str
    orders: bool = False


async def add(connection: AsyncConnection, made: Webhook) -> None:
    """Keep a new webhook."""
    row = {
        "id": made.id,
        "channel": made.channel,
        "key": made.key,
        "url": made.url,
        "secret": made.secret,
        "sites": None if made.sites is None else " ".join(sorted(made.sites)),
        "thresholds": " ".join(map(str, made.thresholds)),
        "created_us": made.created_us,
        "updated_us": made.updated_us,
    }
    await connection.execute(insert(webhook), row | _columns(made.progress))


async def save(connection: AsyncConnection, seen: Webhook, progress: Progress, now_us: int, **more: Any) -> int | None:
    """Write where a webhook stands; return its new `updated_us`, None when somebody else wrote since it was seen."""
    updated_us = max(now_us, seen.updated_us + 1)
    write = (
        update(webhook)
        .where(webhook.c.id == seen.id, webhook.c.updated_us == seen.updated_us)
        .values(**_columns(progress), updated_us=updated_us, **more)
    )
    return updated_us if (await connection.execute(write)).rowcount == 1 else None


async def remove(connection: AsyncConnection, name: str) -> None:
    """Forget a webhook and its dead letters."""
    await connection.execute(delete(webhook).where(webhook.c.id == name))
    await clear_dead(connection, name)


async def one(connection: AsyncConnection, name: str, *, locked: bool = False) -> Webhook | None:
    """Return a webhook, None when there is none such; `locked` until the transaction ends."""
    query = select(webhook).where(webhook.c.id == name)
    row = (await connection.execute(query.with_for_update() if locked else query)).one_or_none()
    return None if row is None else _webhook(row)


async def every(connection: AsyncConnection) -> list[Webhook]:
    """Return all webhooks, the oldest first."""
    rows = await connection.execute(select(webhook).order_by(webhook.c.created_us, webhook.c.id))
    return [_webhook(row) for row in rows]


async def due(connection: AsyncConnection, now_us: int) -> list[Due]:
    """Return the webhooks that are not stopped, each with its policy and whether its key still may."""
    keys_exist = (await connection.execute(select(api_key.c.id).limit(1))).one_or_none() is not None
    policies = await policies_of(connection)
    query = (
        select(webhook, api_key.c.id.label("key_id"), api_key.c.scopes, api_key.c.revoked_us, api_key.c.expires_us)
        .outerjoin(api_key, api_key.c.id == webhook.c.key)
        .where(webhook.c.state != State.STOPPED.value)
        .order_by(webhook.c.created_us, webhook.c.id)
    )
    return [
        Due(
            found := _webhook(row),
            policies.get(found.channel, Policy(found.channel)),
            _forbidden(row, now_us, keys_exist),
            orders=not row.key or HOLD_WRITE in (row.scopes or "").split(),
        )
        for row in await connection.execute(query)
    ]


async def policies_of(connection: AsyncConnection) -> dict[str, Policy]:
    """Return the policies of all channels, by name in order."""
    names = [part.name for part in fields(Policy)]
    rows = await connection.execute(select(channel).order_by(channel.c.name))
    return {row.name: Policy(**{name: getattr(row, name) for name in names}) for row in rows}


def _forbidden(row: Row[Any], now_us: int, keys_exist: bool) -> str:
    """Return why a webhook's key does not allow it any more; empty when it does."""
    if not row.key:
        return "it was made before there were keys: resume it with one" if keys_exist else ""
    if row.key_id is None or row.revoked_us is not None:
        return f"key {row.key} is revoked: resume it with another one"
    if row.expires_us is not None and row.expires_us <= now_us:
        return f"key {row.key} is expired: resume it with another one"
    return "" if WEBHOOK_WRITE in row.scopes.split() else f"key {row.key} has no scope {WEBHOOK_WRITE}"


async def count_of(connection: AsyncConnection, name: str | None = None) -> int:
    """Return how many webhooks there are, of one channel or all."""
    query = select(func.count()).select_from(webhook)
    if name is not None:
        query = query.where(webhook.c.channel == name)
    return int(await connection.scalar(query) or 0)


async def bury(connection: AsyncConnection, letter: DeadLetter) -> int:
    """Keep a dead letter, and the newest `DEAD_LETTERS_MAX` of its webhook; return how many older ones went."""
    row = {name: getattr(letter, name) for name in ("webhook", "seq", "at_us", "status", "body")}
    put = insert_into(connection, dead_letter).on_conflict_do_nothing()
    await connection.execute(put, row | {"error": storable(letter.error)})
    oldest = (
        select(dead_letter.c.seq)
        .where(dead_letter.c.webhook == letter.webhook)
        .order_by(dead_letter.c.seq.desc())
        .offset(DEAD_LETTERS_MAX)
        .limit(1)
    )
    upto = await connection.scalar(oldest)
    if upto is None:
        return 0
    gone = delete(dead_letter).where(dead_letter.c.webhook == letter.webhook, dead_letter.c.seq <= upto)
    return int((await connection.execute(gone)).rowcount)


async def dead_since(connection: AsyncConnection, name: str, since_us: int | None) -> int:
    """Return how many dead letters a webhook got since an instant; none without one."""
    if since_us is None:
        return 0
    query = select(func.count()).where(dead_letter.c.webhook == name, dead_letter.c.at_us >= since_us)
    return int(await connection.scalar(query) or 0)


async def dead_counts(connection: AsyncConnection) -> dict[str, int]:
    """Return how many dead letters each webhook has that has any."""
    query = select(dead_letter.c.webhook, func.count().label("letters")).group_by(dead_letter.c.webhook)
    return {row.webhook: int(row.letters) for row in await connection.execute(query)}


async def dead_page(connection: AsyncConnection, name: str, after_seq: int, limit: int) -> list[DeadLetter]:
    """Return dead letters of a webhook after a sequence, in order."""
    query = (
        select(dead_letter)
        .where(dead_letter.c.webhook == name, dead_letter.c.seq > after_seq)
        .order_by(dead_letter.c.seq)
        .limit(limit)
    )
    return [
        DeadLetter(row.webhook, row.seq, row.at_us, row.status, row.error, bytes(row.body))
        for row in await connection.execute(query)
    ]


async def clear_dead(connection: AsyncConnection, name: str) -> None:
    """Forget a webhook's dead letters."""
    await connection.execute(delete(dead_letter).where(dead_letter.c.webhook == name))


def _columns(progress: Progress) -> dict[str, Any]:
    columns = {name: getattr(progress, name) for name in _PROGRESS}
    return columns | {"state": progress.state.value, "last_error": storable(progress.last_error)}


def _webhook(row: Row[Any]) -> Webhook:
    progress = {name: getattr(row, name) for name in _PROGRESS} | {"state": State(row.state)}
    return Webhook(
        id=row.id,
        channel=row.channel,
        key=row.key,
        url=row.url,
        secret=row.secret,
        sites=None if row.sites is None else frozenset(row.sites.split()),
        thresholds=tuple(map(int, row.thresholds.split())),
        progress=Progress(**progress),
        created_us=row.created_us,
        updated_us=row.updated_us,
    )
