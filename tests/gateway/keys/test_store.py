"""Keys and channels on both databases, and what the audit says of them."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from gateway.availability import Policy
from gateway.keys import store
from gateway.keys.key import Standing
from gateway.keys.store import (
    HELD_MAX,
    TOLD_US,
    ChannelChange,
    KeyStoreError,
    NewKey,
    create_key,
    list_keys,
    read_keys,
    revoke_key,
    upsert_channel,
)
from gateway.keys.token import ENTROPY_BYTES, Minted, mint
from gateway.storage.commerce import api_key, audit
from gateway.storage.engine import Database

NOW_US = 1_795_000_000_000_000
WEB = NewKey(channel="web", scopes=frozenset({"stock:read", "hold:write"}))


def minted(number: int) -> Minted:
    return mint(bytes([number]) * ENTROPY_BYTES)


async def make(database: Database, number: int, key: NewKey = WEB, now_us: int = NOW_US) -> Minted:
    new = minted(number)
    async with database.write() as connection:
        await upsert_channel(connection, key.channel, ChannelChange(), now_us)
        await create_key(connection, new, key, now_us)
    return new


async def audited(database: Database) -> list[tuple[str, str, dict[str, Any]]]:
    async with database.read() as connection:
        rows = await connection.execute(select(audit).order_by(audit.c.id))
        return [(row.action, row.subject, msgspec.json.decode(row.detail)) for row in rows]


async def test_a_key_comes_back_as_it_was_made_with_its_channels_policy(database: Database) -> None:
    async with database.write() as connection:
        policy = await upsert_channel(connection, "web", ChannelChange(target=0.9, safety=2, ttl_s=60), NOW_US)
        key = replace(WEB, name="shop", sites=frozenset({"s1", "s2"}), rate_per_s=2.5, burst=7, expires_us=NOW_US + 5)
        await create_key(connection, minted(1), key, NOW_US)
    assert policy == Policy("web", 0.9, 2, 60)
    known = await read_keys(database, NOW_US)
    assert known.exist
    found = known.keys[minted(1).id]
    assert (found.sha256, found.policy, found.scopes, found.sites) == (minted(1).sha256, policy, key.scopes, key.sites)
    assert (found.name, found.rate_per_s, found.burst, found.expires_us) == ("shop", 2.5, 7, NOW_US + 5)
    assert found.standing(NOW_US) is Standing.LIVE


async def test_an_empty_database_has_no_key(database: Database) -> None:
    known = await read_keys(database, NOW_US)
    assert (known.exist, known.keys) == (False, {})


async def test_a_revoked_key_stays_a_key_for_ever(database: Database) -> None:
    made = await make(database, 1)
    async with database.write() as connection:
        assert await revoke_key(connection, made.id, NOW_US + 1)
        assert not await revoke_key(connection, made.id, NOW_US + 2)
    known = await read_keys(database, NOW_US)
    assert known.keys[made.id].standing(NOW_US) is Standing.REVOKED
    assert known.keys[made.id].revoked_us == NOW_US + 1
    much_later = await read_keys(database, NOW_US + TOLD_US + 2)
    assert (much_later.exist, much_later.keys) == (True, {})


async def test_the_channel_is_shared_and_what_is_left_out_stays(database: Database) -> None:
    one = await make(database, 1)
    async with database.write() as connection:
        await upsert_channel(connection, "web", ChannelChange(safety=3, when_blind="zero"), NOW_US)
        changed = await upsert_channel(connection, "web", ChannelChange(holds_max=5), NOW_US)
        again = await upsert_channel(connection, "web", ChannelChange(safety=3), NOW_US)
    assert changed == again == Policy("web", safety=3, when_blind="zero", holds_max=5)
    assert (await read_keys(database, NOW_US)).keys[one.id].policy == changed
    actions = [action for action, _, _ in await audited(database)]
    assert actions == ["channel.create", "key.create", "channel.change", "channel.change"], "no change, no row"


async def test_the_audit_says_what_was_made_and_never_the_secret(database: Database) -> None:
    made = await make(database, 1)
    async with database.write() as connection:
        await revoke_key(connection, made.id, NOW_US)
    rows = await audited(database)
    assert [(action, subject) for action, subject, _ in rows] == [
        ("channel.create", "web"),
        ("key.create", made.id),
        ("key.revoke", made.id),
    ]
    assert rows[1][2]["scopes"] == "hold:write stock:read"
    async with database.read() as connection:
        kept = (await connection.execute(select(api_key))).one()
    assert made.token[-43:] not in repr((rows, tuple(kept)))
    assert made.token[-43:].encode() not in bytes(kept.sha256)


async def test_a_key_that_fails_leaves_neither_channel_nor_audit(database: Database) -> None:
    with pytest.raises(KeyStoreError, match="expired from the start"):
        await make(database, 1, replace(WEB, expires_us=NOW_US))
    assert await audited(database) == []


@pytest.mark.parametrize(
    ("key", "says"),
    [
        (replace(WEB, scopes=frozenset()), "scopes"),
        (replace(WEB, scopes=frozenset({"all"})), "scopes"),
        (replace(WEB, sites=frozenset()), "0 sites"),
        (replace(WEB, sites=frozenset({"a b"})), "site 'a b'"),
        (replace(WEB, rate_per_s=0.0), "rate"),
        (replace(WEB, rate_per_s=float("nan")), "rate"),
        (replace(WEB, burst=0), "burst"),
        (replace(WEB, name="a\nb"), "name"),
        (replace(WEB, channel=""), "channel"),
        (replace(WEB, channel="a b"), "channel"),
        (replace(WEB, channel="x" * 65), "channel"),
    ],
)
async def test_what_cannot_be_a_key_is_refused(sqlite_database: Database, key: NewKey, says: str) -> None:
    with pytest.raises(KeyStoreError, match=says):
        await make(sqlite_database, 1, key)


@pytest.mark.parametrize(
    "change",
    [
        ChannelChange(target=1.0),
        ChannelChange(target=0.1),
        ChannelChange(safety=-1),
        ChannelChange(ttl_s=0),
        ChannelChange(ttl_s=8 * 86_400),
        ChannelChange(when_blind="guess"),
        ChannelChange(holds_max=0),
    ],
)
async def test_what_cannot_be_a_channel_is_refused(sqlite_database: Database, change: ChannelChange) -> None:
    with pytest.raises(KeyStoreError, match="expected"):
        async with sqlite_database.write() as connection:
            await upsert_channel(connection, "web", change, NOW_US)


async def test_there_may_be_so_many_keys_and_used_up_ones_do_not_count(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "KEYS_MAX", 2)
    await make(sqlite_database, 1, replace(WEB, expires_us=NOW_US + 10))
    await make(sqlite_database, 2)
    with pytest.raises(KeyStoreError, match="there are 2 keys already"):
        await make(sqlite_database, 3)
    await make(sqlite_database, 3, now_us=NOW_US + 10)
    async with sqlite_database.write() as connection:
        await revoke_key(connection, minted(2).id, NOW_US)
    await make(sqlite_database, 4, now_us=NOW_US + 10)


async def test_those_that_may_be_used_are_read_first(sqlite_database: Database) -> None:
    for number in range(4):
        await make(sqlite_database, number, now_us=NOW_US + number)
    async with sqlite_database.write() as connection:
        await revoke_key(connection, minted(3).id, NOW_US + 9)
    async with sqlite_database.read() as connection:
        shown = await list_keys(connection)
        first = await list_keys(connection, most=2)
    assert [key.id for key in shown] == [minted(number).id for number in (2, 1, 0, 3)]
    assert [key.id for key in first] == [minted(number).id for number in (2, 1)]
    assert HELD_MAX >= 2 * store.KEYS_MAX


async def test_a_key_that_is_not_there_cannot_be_revoked(sqlite_database: Database) -> None:
    async with sqlite_database.write() as connection:
        with pytest.raises(KeyStoreError, match="no key 'nope'"):
            await revoke_key(connection, "nope", NOW_US)


async def test_the_audit_of_keys_cannot_be_changed(database: Database) -> None:
    await make(database, 1)
    for statement in ("UPDATE audit SET actor = 'x'", "DELETE FROM audit"):
        with pytest.raises(DBAPIError, match="audit"):
            async with database.write() as connection:
                await connection.execute(text(statement))
