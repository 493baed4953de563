"""Codes are spent once, in time, at their site; whoever tries them is slowed."""

import asyncio
from contextlib import nullcontext

import pytest

from gateway.keys.scopes import SCREEN
from gateway.keys.store import list_keys
from gateway.pairing.errors import (
    NoKeysError,
    PairingError,
    PairingRefusedError,
    ScreenNameError,
    TooManyCodesError,
    TooOftenError,
    UnknownPairingSiteError,
    UnknownScreenError,
)
from gateway.pairing.limits import ADDRESS_PER_MIN, ALL_PER_MIN, CODE_S, OPEN_MAX, SITE_PER_MIN, WRONG_MAX
from gateway.storage.engine import Database
from gateway.storage.pairing import screen as screen_table
from tests.gateway.pairing.rig import OTHER, Rig
from tests.gateway.small_store import SITE, T0_US

WRONG = "ZZZZZZZZ"


@pytest.fixture
async def rig(database: Database) -> Rig:
    return await Rig(database).open()


async def test_a_device_becomes_a_screen_of_its_site(rig: Rig) -> None:
    code = await rig.code("till 3")
    key_id = await rig.pair(code)
    async with rig.database.read() as connection:
        key = next(key for key in await list_keys(connection) if key.id == key_id)
    assert (key.name, key.scopes, key.sites, key.expires_us) == ("till 3", SCREEN, frozenset({SITE.id}), None)
    screen = await rig.desk.screen(key_id)
    assert screen is not None
    assert (screen.site, screen.name, screen.paired_us, screen.revoked_us) == (SITE.id, "till 3", T0_US, None)
    assert [action for action, _, _ in await rig.told()][-3:] == ["channel.create", "key.create", "screen.pair"]
    assert code not in str(await rig.told())


@pytest.mark.parametrize(
    ("of_code", "of_device", "name"), [("", "", "screen"), ("till", "", "till"), ("till", " mine ", "mine")]
)
async def test_what_a_screen_is_called(rig: Rig, of_code: str, of_device: str, name: str) -> None:
    screen = await rig.desk.screen(await rig.pair(await rig.code(of_code), of_device))
    assert screen is not None
    assert screen.name == name


async def test_of_two_devices_at_once_one_wins(rig: Rig) -> None:
    """On two gateways: their databases decide, not their memory."""
    code, desks = await rig.code(), [rig.desk, rig.another()]
    tries = [rig.pair(code, desk=desks[number % 2]) for number in range(6)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(str) == 1
    assert [type(outcome) for outcome in outcomes].count(PairingRefusedError) == 5
    assert len(await rig.screen_keys()) == 1
    assert (await rig.states())[0][0] == "used"


async def test_a_code_is_good_for_five_minutes_and_not_a_moment_longer(rig: Rig) -> None:
    late, just = await rig.code(), await rig.code()
    rig.clock.now_us = T0_US + CODE_S * 1_000_000 - 1
    await rig.pair(just)
    rig.clock.now_us += 1
    with pytest.raises(PairingRefusedError):
        await rig.pair(late)


async def test_a_code_pairs_at_its_own_site_only(rig: Rig) -> None:
    code = await rig.code()
    for other in (OTHER, "nowhere"):
        with pytest.raises(PairingRefusedError):
            await rig.pair(code, at=other)
    assert await rig.states() == [("open", 0)], "wrong codes are counted at the site where they are typed"
    await rig.pair(code)


async def test_ten_wrong_codes_make_all_open_codes_of_the_site_void(rig: Rig) -> None:
    first = await rig.code()
    rig.clock.advance(1)
    elsewhere = await rig.code(of=OTHER)
    rig.clock.advance(1)
    for _ in range(WRONG_MAX - 2):
        with pytest.raises(PairingRefusedError):
            await rig.pair(WRONG)
    second = await rig.code()
    with pytest.raises(PairingRefusedError):
        await rig.pair("no code at all")
    assert await rig.states() == [("open", WRONG_MAX - 1), ("open", 0), ("open", 1)]
    with pytest.raises(PairingRefusedError):
        await rig.pair(WRONG, desk=rig.another())  # another gateway's count is the same
    assert await rig.states() == [("void", WRONG_MAX), ("open", 0), ("void", 2)]
    for code in (first, second):
        with pytest.raises(PairingRefusedError):
            await rig.pair(code)
    assert [detail["wrong"] for action, _, detail in await rig.told() if action == "pairing.void"] == [WRONG_MAX]
    await rig.pair(elsewhere, at=OTHER)
    rig.seconds += 60
    await rig.pair(await rig.code())  # a new code starts from nothing


async def test_no_more_codes_are_open_than_may_be(rig: Rig) -> None:
    tries = [rig.desk.open(SITE.id, "", "") for _ in range(OPEN_MAX + 2)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(outcome, TooManyCodesError) for outcome in outcomes) == 2
    assert len(await rig.states()) == OPEN_MAX
    await rig.desk.open(OTHER, "", "")
    with pytest.raises(TooManyCodesError, match="wait 300 s"):
        await rig.code()
    rig.clock.advance(CODE_S)
    await rig.code()


async def test_codes_that_are_over_are_forgotten_after_a_day(rig: Rig) -> None:
    await rig.code()
    rig.clock.advance(CODE_S + 86_400)
    await rig.code()
    assert len(await rig.states()) == 2
    rig.clock.advance(1)
    await rig.code()
    assert len(await rig.states()) == 2


async def test_what_cannot_be_opened(rig: Rig) -> None:
    with pytest.raises(UnknownPairingSiteError, match="no site 'nowhere' here; this database has store-001, store-002"):
        await rig.code(of="nowhere")
    for name in ("x" * 65, "a\x00b", "a\nb"):
        with pytest.raises(ScreenNameError):
            await rig.code(name)
    assert await rig.states() == []


async def test_without_any_key_nothing_is_paired(database: Database) -> None:
    """The first key would lock out whoever is at the gateway's own machine."""
    with pytest.raises(NoKeysError, match="lastunit keys create"):
        await Rig(database).code()


async def test_an_address_tries_five_times_a_minute(rig: Rig) -> None:
    async def tried(address: str) -> str:
        try:
            await rig.desk.pair(SITE.id, WRONG, "", address)
        except PairingError as error:
            return type(error).__name__
        return ""

    assert [await tried("10.0.0.1") for _ in range(ADDRESS_PER_MIN + 1)] == ["PairingRefusedError"] * 5 + [
        "TooOftenError"
    ]
    assert await tried("10.0.0.2") == "PairingRefusedError"
    rig.seconds += 11.9
    assert await tried("10.0.0.1") == "TooOftenError"
    rig.seconds += 0.2
    assert await tried("10.0.0.1") == "PairingRefusedError"
    assert rig.desk.counters()["pairing_too_often"] == 2
    assert len(rig.hashed) == 7, "what comes too often costs no hash"


async def test_a_site_is_tried_twenty_times_a_minute_from_wherever(rig: Rig) -> None:
    for _ in range(SITE_PER_MIN):
        with pytest.raises(PairingRefusedError):
            await rig.pair(WRONG)
    with pytest.raises(TooOftenError, match="20 a minute at a site"):
        await rig.pair(WRONG)
    with pytest.raises(PairingRefusedError):
        await rig.pair(WRONG, at=OTHER)


async def test_made_up_sites_have_a_bound_together(rig: Rig) -> None:
    """Whoever is over the bound costs no hash."""
    for number in range(ALL_PER_MIN):
        rig.desk._count(f"address {number}", f"site {number}")
    with pytest.raises(TooOftenError, match="120 a minute in all"):
        await rig.pair(WRONG, at="another")
    assert rig.hashed == []


async def test_every_try_costs_one_hash(rig: Rig) -> None:
    """However many codes are open, and whether the site is there or not."""
    right = [await rig.code() for _ in range(3)][1]
    for typed in (WRONG, "not a code", "x" * 10_000, "", right):
        for at in ("nowhere", SITE.id):
            rig.hashed.clear()
            with nullcontext() if (typed, at) == (right, SITE.id) else pytest.raises(PairingRefusedError):
                await rig.pair(typed, at=at)
            assert [name for name, _ in rig.hashed] == [at]


async def test_a_screen_is_ended_by_whose_site_it_is(rig: Rig) -> None:
    key = await rig.pair(await rig.code())
    with pytest.raises(UnknownScreenError):
        await rig.desk.end(key, "", frozenset({OTHER}))
    with pytest.raises(UnknownScreenError):
        await rig.desk.end("nobody", "")
    rig.clock.advance(1)
    ended = await rig.desk.end(key, "boss", frozenset({SITE.id}))
    assert ended.revoked_us == rig.clock()
    rig.clock.advance(1)
    assert await rig.desk.end(key, "boss") == ended
    assert [action for action, _, _ in await rig.told()].count("screen.revoke") == 1


async def test_screens_are_listed_by_site_those_in_use_first(rig: Rig) -> None:
    keys = []
    for at in (SITE.id, SITE.id, OTHER):
        rig.clock.advance(1)
        keys.append(await rig.pair(await rig.code(of=at), at=at))
    await rig.desk.end(keys[1], "")
    assert [screen.key for screen in await rig.desk.screens(None)] == [keys[2], keys[0], keys[1]]
    assert [screen.key for screen in await rig.desk.screens(frozenset({SITE.id}))] == [keys[0], keys[1]]
    assert await rig.desk.screens(frozenset()) == []


async def test_last_uses_are_written_now_and_then_and_at_the_end(rig: Rig) -> None:
    key = await rig.pair(await rig.code())
    rig.clock.advance(90)
    rig.desk.used |= {key, "no screen"}
    running = asyncio.create_task(rig.desk.run())
    rig.desk.stop()
    await running
    screen = await rig.desk.screen(key)
    assert screen is not None
    assert screen.used_us == T0_US + 90_000_000
    assert rig.desk.used == set()


async def test_uses_that_cannot_be_written_are_kept(rig: Rig) -> None:
    async with rig.database.write() as connection:
        await connection.run_sync(screen_table.drop)
    rig.desk.used.add("key")
    await rig.desk.write_uses()
    assert rig.desk.used == {"key"}
    assert rig.desk.counters()["screen_use_failures"] == 1
