"""Pairing codes and screens in the database. What is done here is in the audit by the id of a code, never by the code.

A code is spent by the row's lock: of two devices that type it at once one gets a key, the other finds it used. Wrong
codes are counted on the open codes of the site, so that all gateways on a database count together.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import and_, delete, func, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.keys.scopes import SCREEN
from gateway.keys.store import ChannelChange, NewKey, create_key, revoke_key, upsert_channel
from gateway.keys.token import Minted, is_same
from gateway.pairing.errors import (
    NoKeysError,
    ScreenNameError,
    TooManyCodesError,
    UnknownPairingSiteError,
    UnknownScreenError,
)
from gateway.pairing.limits import CODE_S, KEPT_S, NAME_CHARS, OPEN_MAX, SCREENS_PAGE, WRONG_MAX
from gateway.storage.commerce import api_key
from gateway.storage.pairing import pairing_code, screen
from gateway.storage.schema import site as site_table
from gateway.storage.statement import MANY
from gateway.trade.audit import write_audit

CHANNEL: Final = "store-screen"
"""The channel of all screens: what `lastunit keys create --channel store-screen` says of it holds for them."""

NAMELESS: Final = "screen"
"""What a screen is called that nobody gave a name."""


@dataclass(frozen=True, slots=True)
class NewCode:
    """A code to be kept: `digest` is all of it that is; `actor` is the key that made it, empty at the command line."""

    id: str
    site: str
    name: str
    digest: bytes
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """What a device typed: None in place of a digest is no code at all. A `name` goes before the code's own."""

    site: str
    digest: bytes | None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Screen:
    """A paired device. `key` is its key's id; instants are UTC microseconds, `used_us` to the minute."""

    key: str
    site: str
    name: str
    paired_us: int
    used_us: int
    revoked_us: int | None = None


@dataclass(frozen=True, slots=True)
class _Told:
    """Writes the audit of what one key does at one site."""

    connection: AsyncConnection
    actor: str
    site: str
    now_us: int

    async def __call__(self, action: str, subject: str, **detail: Any) -> None:
        await write_audit(
            self.connection,
            at_us=self.now_us,
            actor=self.actor,
            action=action,
            site=self.site,
            subject=subject,
            detail=detail,
        )


def check_name(name: str) -> str:
    """Return the name without blanks around it. Raises `ScreenNameError`."""
    name = name.strip()
    if len(name) > NAME_CHARS or not name.isprintable():
        raise ScreenNameError(f"name {name[:NAME_CHARS]!r}: expected up to {NAME_CHARS} printable characters")
    return name


async def open_code(connection: AsyncConnection, new: NewCode, now_us: int) -> int:
    """Keep a new code; return until when it is good.

    Raises `NoKeysError`, `UnknownPairingSiteError`, `ScreenNameError`, `TooManyCodesError`.
    """
    name = check_name(new.name)
    if (await connection.execute(select(api_key.c.id).limit(1))).one_or_none() is None:
        raise NoKeysError
    locked = select(site_table.c.site).where(site_table.c.site == new.site).with_for_update()
    if await connection.scalar(locked) is None:
        sites = await connection.scalars(select(site_table.c.site).order_by(site_table.c.site))
        raise UnknownPairingSiteError(new.site, list(sites))
    await connection.execute(delete(pairing_code).where(pairing_code.c.expires_us < now_us - KEPT_S * 1_000_000))
    open_now = select(func.count(), func.min(pairing_code.c.expires_us)).where(*_open(new.site, now_us))
    count, first_us = (await connection.execute(open_now)).one()
    if count >= OPEN_MAX:
        wait_s = max(1, -(-(first_us - now_us) // 1_000_000))
        raise TooManyCodesError(
            f"site {new.site!r} has {count} open codes, the most there may be: use one of them, or wait {wait_s} s"
        )
    expires_us = now_us + CODE_S * 1_000_000
    row = {"id": new.id, "site": new.site, "name": name, "digest": new.digest, "actor": new.actor}
    await connection.execute(
        insert(pairing_code), row | {"state": "open", "wrong": 0, "created_us": now_us, "expires_us": expires_us}
    )
    told = _Told(connection, new.actor, new.site, now_us)
    await told("pairing.open", new.id, name=name)
    return expires_us


async def redeem(connection: AsyncConnection, tried: Tried, minted: Minted, now_us: int) -> Screen | None:
    """Spend the code that was tried, and keep `minted` as the key of a new screen; None when there is none such.

    Raises `ScreenNameError`, and `KeyStoreError` when there are too many keys.
    """
    name, site = check_name(tried.name), tried.site
    wanted = select(pairing_code).where(*_open(site, now_us)).order_by(pairing_code.c.id).with_for_update()
    rows = (await connection.execute(wanted)).all()
    hits = [row for row in rows if is_same(bytes(row.digest), tried.digest or b"")]  # each is compared, whichever it is
    if not hits:
        await _count_wrong(connection, site, rows, now_us)
        return None
    code = hits[0]
    await connection.execute(update(pairing_code).where(pairing_code.c.id == code.id).values(state="used"))
    found = Screen(minted.id, site, name or code.name or NAMELESS, now_us, now_us)
    await upsert_channel(connection, CHANNEL, ChannelChange(), now_us)
    await create_key(connection, minted, NewKey(CHANNEL, SCREEN, found.name, frozenset({site})), now_us)
    row = {"key": found.key, "site": site, "name": found.name, "code": code.id, "paired_us": now_us, "used_us": now_us}
    await connection.execute(insert(screen), row)
    told = _Told(connection, code.actor, site, now_us)
    await told("screen.pair", found.key, code=code.id, name=found.name)
    return found


async def _count_wrong(connection: AsyncConnection, site: str, rows: Iterable[Row[Any]], now_us: int) -> None:
    """Count a wrong code on every open one of the site; one too many makes all of them void."""
    names = [row.id for row in rows]
    worst = max((row.wrong for row in rows), default=0) + 1
    state = "void" if worst >= WRONG_MAX else "open"
    counted = update(pairing_code).where(pairing_code.c.id.in_(names))
    await connection.execute(counted.values(wrong=pairing_code.c.wrong + 1, state=state))
    if state == "void" and names:
        await _Told(connection, "", site, now_us)("pairing.void", names[0], codes=names, wrong=worst)


def _open(site: str, now_us: int) -> tuple[Any, ...]:
    table = pairing_code.c
    return table.site == site, table.state == "open", table.expires_us > now_us


_SCREENS: Final = select(screen, api_key.c.revoked_us).join(api_key, api_key.c.id == screen.c.key)


async def find_screen(connection: AsyncConnection, key: str) -> Screen | None:
    """Return the screen that has this key; None when it is no screen's."""
    row = (await connection.execute(_SCREENS.where(screen.c.key == key))).one_or_none()
    return None if row is None else _screen(row)


async def list_screens(
    connection: AsyncConnection, sites: frozenset[str] | None = None, *, most: int | None = SCREENS_PAGE
) -> list[Screen]:
    """Return the screens of these sites (None: all), those in use first, the newest first of each."""
    wanted = _SCREENS.order_by(api_key.c.revoked_us.is_not(None), screen.c.paired_us.desc(), screen.c.key).limit(most)
    if sites is not None:
        wanted = wanted.where(screen.c.site.in_(sorted(sites)))
    return [_screen(row) for row in await connection.execute(wanted)]


async def end_screen(
    connection: AsyncConnection, key: str, actor: str, sites: frozenset[str] | None, now_us: int
) -> Screen:
    """Revoke the key of a screen of these sites; one that is revoked stays as it is. Raises `UnknownScreenError`."""
    found = await find_screen(connection, key)
    if found is None or not (sites is None or found.site in sites):
        raise UnknownScreenError(key)
    if await revoke_key(connection, key, now_us):
        await _Told(connection, actor, found.site, now_us)("screen.revoke", key, name=found.name)
    return await find_screen(connection, key) or found


async def write_uses(connection: AsyncConnection, keys: Iterable[str], now_us: int) -> int:
    """Write down that these keys asked; return how many of them are screens'."""
    named, done = sorted(keys), 0
    for start in range(0, len(named), MANY):
        some = and_(screen.c.key.in_(named[start : start + MANY]), screen.c.used_us < now_us)
        done += (await connection.execute(update(screen).where(some).values(used_us=now_us))).rowcount
    return done


def _screen(row: Row[Any]) -> Screen:
    return Screen(row.key, row.site, row.name, row.paired_us, row.used_us, row.revoked_us)
