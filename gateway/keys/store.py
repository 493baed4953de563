"""Keys and channels in the database. Whatever changes them writes a row of the audit in the same transaction.

A key's row is never deleted: a revoked key is told from one that never was, and a gateway that once had keys never
falls back to "this machine may do everything".
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from sqlalchemy import and_, func, insert, or_, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.availability import WHEN_BLIND, Policy
from gateway.keys.key import Key
from gateway.keys.ring import Known
from gateway.keys.scopes import ALL_SCOPES
from gateway.keys.token import Minted
from gateway.storage.commerce import api_key, channel
from gateway.storage.engine import Database
from gateway.storage.errors import StorageError
from gateway.storage.schema import site as site_table
from gateway.storage.statement import upsert_into
from gateway.trade.audit import write_audit

KEYS_MAX: Final = 10_000
"""Keys that may be used: every process holds them all, some 1 KB each."""

HELD_MAX: Final = 2 * KEYS_MAX
"""Rows that a process reads: all that may be used, and as many of the others as there is room for."""

TOLD_US: Final = 30 * 86_400 * 1_000_000
"""For so long the holder of a used-up key is told that it is expired or revoked; later it is simply not known."""

TARGET_LEAST: Final = 0.5
TARGET_MOST: Final = 0.999
"""Between the rungs that changes are told for (`gateway.availability.RUNGS`)."""

NAME_CHARS: Final = 120
CHANNEL_CHARS: Final = 64
SITES_MAX: Final = 1_000
"""Sites of one key: a larger chain makes keys without a limit of sites, or one for each region."""

TTL_MAX_S: Final = 7 * 86_400
"""A hold that lasts longer than a week is an order."""

UNITS_MAX: Final = 1_000_000
RATE_MAX_PER_S: Final = 100_000.0
BURST_MAX: Final = 1_000_000
"""Far above what one process answers: a limit that limits nothing, and no number that overflows."""


class KeyStoreError(StorageError):
    """A key or a channel that cannot be made or found; the text says what to mend."""


@dataclass(frozen=True, slots=True)
class ChannelChange:
    """What to set of a channel; None leaves what it has, or the default of a new one."""

    target: float | None = None
    safety: int | None = None
    ttl_s: int | None = None
    when_blind: str | None = None
    holds_max: int | None = None


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a new key may do. `sites` is None for all of them, `expires_us` None for never."""

    channel: str
    scopes: frozenset[str]
    name: str = ""
    sites: frozenset[str] | None = None
    rate_per_s: float = 50.0
    burst: int = 100
    expires_us: int | None = None


def _within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:  # NaN is not within anything
        raise KeyStoreError(f"{name} {value!r}: expected {least:g} to {most:g}")


def _check_channel(name: str, policy: Policy) -> None:
    if not name or len(name) > CHANNEL_CHARS or any(mark.isspace() or not mark.isprintable() for mark in name):
        raise KeyStoreError(f"channel {name[:CHANNEL_CHARS]!r}: expected a name of 1 to {CHANNEL_CHARS}, no spaces")
    _within("confidence", policy.target, TARGET_LEAST, TARGET_MOST)
    _within("safety", policy.safety, 0, UNITS_MAX)
    _within("ttl_s", policy.ttl_s, 1, TTL_MAX_S)
    _within("holds_max", policy.holds_max, 1, UNITS_MAX)
    if policy.when_blind not in WHEN_BLIND:
        raise KeyStoreError(f"when_blind {policy.when_blind!r}: expected one of {', '.join(WHEN_BLIND)}")


def _check_key(key: NewKey, now_us: int) -> None:
    if not key.scopes or key.scopes - ALL_SCOPES:
        raise KeyStoreError(
            f"scopes {' '.join(sorted(key.scopes))!r}: expected some of {', '.join(sorted(ALL_SCOPES))}"
        )
    if len(key.name) > NAME_CHARS or not key.name.isprintable():
        raise KeyStoreError(f"name {key.name[:NAME_CHARS]!r}: expected up to {NAME_CHARS} printable characters")
    if key.sites is not None and not 0 < len(key.sites) <= SITES_MAX:
        raise KeyStoreError(f"{len(key.sites)} sites: expected 1 to {SITES_MAX}, or none at all for every site")
    for site in key.sites or ():
        if not site or " " in site:
            raise KeyStoreError(f"site {site!r}: expected the id of a site")
    _within("rate", key.rate_per_s, 0.01, RATE_MAX_PER_S)
    _within("burst", key.burst, 1, BURST_MAX)
    if key.expires_us is not None and key.expires_us <= now_us:
        raise KeyStoreError("the key would be expired from the start")


async def upsert_channel(connection: AsyncConnection, name: str, change: ChannelChange, now_us: int) -> Policy:
    """Make a channel, or change what `change` names of it; return what holds now. Raises `KeyStoreError`."""
    row = (await connection.execute(select(channel).where(channel.c.name == name).with_for_update())).one_or_none()
    before = Policy(name=name) if row is None else _policy(row)
    named = {part.name: getattr(change, part.name) for part in fields(change)}
    after = replace(before, **{key: value for key, value in named.items() if value is not None})
    _check_channel(name, after)
    if row is not None and after == before:
        return after
    held = {part.name: getattr(after, part.name) for part in fields(after)}
    put = upsert_into(connection, channel, keep=frozenset({channel.c.rules.name}))
    await connection.execute(put, held | {"updated_us": now_us})
    await _told(connection, "channel.create" if row is None else "channel.change", name, held, now_us)
    return after


async def create_key(connection: AsyncConnection, minted: Minted, key: NewKey, now_us: int) -> None:
    """Keep a new key; its channel must be there. Raises `KeyStoreError`."""
    _check_key(key, now_us)
    usable = and_(api_key.c.revoked_us.is_(None), or_(api_key.c.expires_us.is_(None), api_key.c.expires_us > now_us))
    if (await connection.scalar(select(func.count()).select_from(api_key).where(usable)) or 0) >= KEYS_MAX:
        raise KeyStoreError(f"there are {KEYS_MAX} keys already, the most there may be: revoke some first")
    scopes = " ".join(sorted(key.scopes))
    sites = None if key.sites is None else " ".join(sorted(key.sites))
    limits = {"rate_per_s": key.rate_per_s, "burst": key.burst, "expires_us": key.expires_us}
    row = {
        "id": minted.id,
        "sha256": minted.sha256,
        "channel": key.channel,
        "name": key.name,
        "scopes": scopes,
        "sites": sites,
        "created_us": now_us,
        "revoked_us": None,
    }
    await connection.execute(insert(api_key), row | limits)
    detail = {"channel": key.channel, "scopes": scopes, "sites": sites} | limits
    await _told(connection, "key.create", minted.id, detail, now_us)


async def revoke_key(connection: AsyncConnection, key_id: str, now_us: int) -> bool:
    """Revoke a key; return whether it was in use until now. Raises `KeyStoreError` when there is none such."""
    found = (await connection.execute(select(api_key.c.revoked_us).where(api_key.c.id == key_id))).one_or_none()
    if found is None:
        raise KeyStoreError(f"no key {key_id[:64]!r}: `lastunit keys list` names them all")
    done = await connection.execute(
        update(api_key).where(api_key.c.id == key_id, api_key.c.revoked_us.is_(None)).values(revoked_us=now_us)
    )
    if not done.rowcount:
        return False
    await _told(connection, "key.revoke", key_id, {}, now_us)
    return True


async def _told(connection: AsyncConnection, action: str, subject: str, detail: dict[str, Any], now_us: int) -> None:
    """Write the audit. Keys are made at the command line, by whoever may open the database: no key is the actor."""
    await write_audit(connection, at_us=now_us, actor="", action=action, site=None, subject=subject, detail=detail)


async def list_keys(connection: AsyncConnection, *, most: int | None = None, told_after_us: int = 0) -> list[Key]:
    """Return keys with the policies of their channels, those that may be used first, the newest first of each."""
    used_up_at = func.coalesce(api_key.c.revoked_us, api_key.c.expires_us)
    wanted = (
        select(api_key, *(channel.c[part.name].label(f"channel_{part.name}") for part in fields(Policy)))
        .join(channel, channel.c.name == api_key.c.channel)
        .where(or_(used_up_at.is_(None), used_up_at > told_after_us))
        .order_by(api_key.c.revoked_us.is_not(None), api_key.c.created_us.desc(), api_key.c.id)
        .limit(most)
    )
    return [_key(row) for row in await connection.execute(wanted)]


async def known_sites(connection: AsyncConnection, names: Iterable[str]) -> frozenset[str]:
    """Return those of `names` that are sites of this database."""
    found = await connection.scalars(select(site_table.c.site))
    return frozenset(names) & frozenset(found)


async def read_keys(database: Database, now_us: int) -> Known:
    """Return what a process must know of the keys."""
    async with database.read() as connection:
        exist = (await connection.execute(select(api_key.c.id).limit(1))).one_or_none() is not None
        if not exist:
            return Known()
        keys = await list_keys(connection, most=HELD_MAX, told_after_us=now_us - TOLD_US)
    return Known(exist=True, keys={key.id: key for key in keys})


def _policy(row: Row[Any], prefix: str = "") -> Policy:
    return Policy(**{part.name: getattr(row, f"{prefix}{part.name}") for part in fields(Policy)})


def _key(row: Row[Any]) -> Key:
    return Key(
        id=row.id,
        sha256=bytes(row.sha256),
        policy=_policy(row, "channel_"),
        name=row.name,
        scopes=frozenset(row.scopes.split()) & ALL_SCOPES,
        sites=None if row.sites is None else frozenset(row.sites.split()),
        rate_per_s=row.rate_per_s,
        burst=row.burst,
        created_us=row.created_us,
        expires_us=row.expires_us,
        revoked_us=row.revoked_us,
    )
