"""The keys in memory: fresh enough, and closed when they are not."""

import asyncio

import pytest

from gateway.availability import Policy
from gateway.keys.key import Key, Standing
from gateway.keys.ring import MISS_RELOAD_S, RELOAD_S, STALE_S, KeyRing, Known, RingStaleError
from gateway.keys.token import ENTROPY_BYTES, Minted, Token, mint, parse_token
from tests.gateway.wait import until

MINTED = mint(bytes(ENTROPY_BYTES))
OTHER = mint(b"\1" * ENTROPY_BYTES)
SECOND_US = 1_000_000


def key_of(minted: Minted, expires_us: int | None = None, revoked_us: int | None = None) -> Key:
    return Key(
        id=minted.id,
        sha256=minted.sha256,
        policy=Policy(),
        name="",
        scopes=frozenset({"stock:read"}),
        sites=None,
        rate_per_s=1.0,
        burst=1,
        created_us=0,
        expires_us=expires_us,
        revoked_us=revoked_us,
    )


def token(minted: Minted) -> Token:
    found = parse_token(minted.token)
    assert found is not None
    return found


class Books:
    """What a database would say, and a clock."""

    def __init__(self, *keys: Key) -> None:
        self.keys = list(keys)
        self.broken = False
        self.reads = 0
        self.now_s = 0.0
        self.ring = KeyRing(self.read, lambda: round(self.now_s * SECOND_US), lambda: self.now_s)

    async def read(self) -> Known:
        self.reads += 1
        await asyncio.sleep(0)
        if self.broken:
            raise OSError("no database")
        return Known(exist=bool(self.keys), keys={key.id: key for key in self.keys})

    async def standing(self, minted: Minted) -> Standing | None:
        found = await self.ring.find(token(minted))
        return None if found is None else found[1]


async def test_a_known_key_costs_no_reading() -> None:
    books = Books(key_of(MINTED))
    await books.ring.reload()
    for _ in range(5):
        assert await books.standing(MINTED) is Standing.LIVE
    assert books.reads == 1
    assert books.ring.keys_exist


async def test_the_secret_must_be_right_not_only_the_name() -> None:
    books = Books(key_of(MINTED))
    await books.ring.reload()
    assert await books.ring.find(Token(MINTED.id, OTHER.sha256)) is None


async def test_a_new_key_is_found_at_once_but_wrong_ones_cannot_load_the_database() -> None:
    books = Books(key_of(OTHER))
    await books.ring.reload()
    books.now_s = MISS_RELOAD_S
    books.keys.append(key_of(MINTED))
    assert await books.standing(MINTED) is Standing.LIVE
    assert books.reads == 2
    wrong = mint(b"\2" * ENTROPY_BYTES)
    assert await asyncio.gather(*(books.standing(wrong) for _ in range(50))) == [None] * 50
    assert books.reads == 2
    books.now_s += MISS_RELOAD_S
    await asyncio.gather(*(books.standing(wrong) for _ in range(50)))
    assert books.reads == 3


async def test_a_key_ends_at_its_instant_without_any_reading() -> None:
    books = Books(key_of(MINTED, expires_us=5 * SECOND_US))
    await books.ring.reload()
    books.now_s = 4.999
    assert (await books.standing(MINTED), books.ring.is_live(MINTED.id)) == (Standing.LIVE, True)
    books.now_s = 5.0
    assert (await books.standing(MINTED), books.ring.is_live(MINTED.id)) == (Standing.EXPIRED, False)


async def test_a_revocation_is_known_after_the_next_reading() -> None:
    books = Books(key_of(MINTED))
    await books.ring.reload()
    books.keys = [key_of(MINTED, revoked_us=1)]
    assert await books.standing(MINTED) is Standing.LIVE
    await books.ring.reload()
    assert await books.standing(MINTED) is Standing.REVOKED
    assert not books.ring.is_live(MINTED.id)
    assert books.ring.keys_exist, "a revoked key is still a key"


def test_a_revocation_is_effective_within_a_minute() -> None:
    assert max(RELOAD_S, STALE_S) < 60


async def test_without_the_database_nobody_is_let_in_on_an_old_memory() -> None:
    books = Books(key_of(MINTED))
    await books.ring.reload()
    books.broken = True
    books.now_s = STALE_S
    assert await books.standing(MINTED) is Standing.LIVE
    books.now_s = STALE_S + 0.001
    with pytest.raises(RingStaleError):
        await books.standing(MINTED)
    with pytest.raises(RingStaleError):
        assert books.ring.keys_exist
    assert not books.ring.is_live(MINTED.id)
    assert books.ring.errors == 1
    books.broken = False
    books.now_s += MISS_RELOAD_S
    assert await books.standing(MINTED) is Standing.LIVE


async def test_before_the_first_reading_nothing_is_known() -> None:
    books = Books()
    books.broken = True
    with pytest.raises(RingStaleError):
        assert not books.ring.keys_exist
    with pytest.raises(RingStaleError):
        await books.standing(MINTED)


async def test_it_follows_the_database_through_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.keys.ring.RELOAD_S", 0.001)
    monkeypatch.setattr("gateway.keys.ring.RETRY_S", 0.001)
    books = Books()
    books.broken = True
    following = asyncio.create_task(books.ring.follow())
    await until(lambda: books.ring.errors >= 2)
    books.broken = False
    books.keys = [key_of(MINTED)]
    await until(lambda: not books.ring.is_stale and books.ring.keys_exist)
    assert books.ring.is_live(MINTED.id)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
