"""Profiles as data: all that ship can be used, and errors name file, key and what is allowed."""

from __future__ import annotations

import pytest

from firmware_config.profile import (
    KEEPALIVE_MAX_MS,
    KEEPALIVE_MIN_MS,
    ProfileError,
    Purpose,
    Search,
    load_profile,
    parse_profile,
    profile_names,
)
from firmware_config.vendors import FALLBACK_PROFILE, PROFILE_BY_VENDOR
from wire.site import DevicePurpose, ZoneKind


def test_the_profiles_that_ship() -> None:
    assert profile_names() == (
        "generic-llrp-fitting-room",
        "generic-llrp-portal",
        "generic-llrp-shelf",
        "generic-llrp-stock",
        "impinj-r420-stock",
        "impinj-r700-stock",
        "zebra-fx9600-stock",
    )


@pytest.mark.parametrize("name", profile_names())
def test_each_profile_is_whole(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    assert set(profile.intents) == set(Purpose)
    assert KEEPALIVE_MIN_MS <= profile.keepalive_ms <= KEEPALIVE_MAX_MS
    assert profile.purpose.value.replace("_", "-") == name.partition("-")[2].partition("-")[2]


@pytest.mark.parametrize("name", profile_names())
def test_a_silence_means_something_wherever_stock_is_counted(name: str) -> None:
    """A single target in sessions 2 and 3 would keep a present tag silent for as long as it is powered."""
    for intent in load_profile(name).intents.values():
        assert intent.session < 2 or intent.search in {Search.DUAL, Search.DUAL_RESET}


@pytest.mark.parametrize("name", profile_names())
def test_cabins_and_shelves_are_read_with_less_power(name: str) -> None:
    intents = load_profile(name).intents
    assert intents[Purpose.STOCK].power_dbm is None
    for purpose in (Purpose.FITTING_ROOM, Purpose.SHELF):
        power_dbm = intents[purpose].power_dbm
        assert power_dbm is not None
        assert power_dbm < 30


def test_the_purpose_of_an_antenna_follows_from_its_zone() -> None:
    stock, shelf = load_profile("impinj-r700-stock"), load_profile("generic-llrp-shelf")
    expected = dict.fromkeys(ZoneKind, Purpose.STOCK) | {
        ZoneKind.EXIT: Purpose.PORTAL,
        ZoneKind.FITTING_ROOM: Purpose.FITTING_ROOM,
    }
    assert {kind: stock.purpose_for(kind) for kind in ZoneKind} == expected
    assert shelf.purpose_for(ZoneKind.SALES_FLOOR) is Purpose.SHELF
    assert shelf.purpose_for(ZoneKind.EXIT) is Purpose.PORTAL


def test_a_profile_says_only_what_differs() -> None:
    below, above = load_profile("generic-llrp-stock"), load_profile("impinj-r420-stock")
    assert above.intents[Purpose.STOCK].population == below.intents[Purpose.STOCK].population
    assert above.intents[Purpose.STOCK].session != below.intents[Purpose.STOCK].session
    assert load_profile("impinj-r700-stock").intents == above.intents


def test_an_own_profile_may_extend_a_shipped_one() -> None:
    own = parse_profile('extends = "impinj-r700-stock"\n[stock]\npower_dbm = 27\n', "mine")
    assert own.intents[Purpose.STOCK].power_dbm == 27.0
    assert own.intents[Purpose.STOCK].mode_ids == (1002, 4, 2)


BASE = 'extends = "generic-llrp-stock"\n'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a b", "mine.toml: not TOML: Expected '=' after a key"),
        ("title = 'x'", "mine.toml: Object missing required field `purpose`"),
        (BASE + "volume = 11", "mine.toml: Object contains unknown field `volume`"),
        (BASE + "keepalive_ms = 100", "mine.toml: keepalive_ms: Expected `int` >= 500, found 100"),
        (BASE + "keepalive_ms = 60001", "mine.toml: keepalive_ms: Expected `int` <= 60000, found 60001"),
        (BASE + "report_every_tags = 0", "mine.toml: report_every_tags: Expected `int` >= 1, found 0"),
        (BASE + "purpose = 'window'", "mine.toml: purpose: Invalid enum value 'window', found 'window'"),
        (BASE + "[stock]\nsession = 4", "mine.toml: stock.session: Expected `int` <= 3, found 4"),
        (BASE + "[portal]\npower_dbm = 40.5", "mine.toml: portal.power_dbm: Expected `float` <= 36.0, found 40.5"),
        (BASE + "[shelf]\nmode_ids = [2, -1]", "mine.toml: shelf.mode_ids[1]: Expected `int` >= 0, found -1"),
        (
            BASE + "[shelf]\nsearch = 'tripple'",
            "mine.toml: shelf.search: Invalid enum value 'tripple', found 'tripple'",
        ),
        (BASE + "shelf = 3", "mine.toml: shelf: Expected `object`, got `int`, found 3"),
        (
            "extends = 'nobody'",
            "mine.toml: extends: 'nobody' is not another profile; there are generic-llrp-fitting-room,",
        ),
        ("extends = 7", "mine.toml: extends: 7 is not another profile"),
        ("extends = ['generic-llrp-stock']", "mine.toml: extends: ['generic-llrp-stock'] is not another profile"),
    ],
)
def test_errors_name_file_key_and_range(text: str, problem: str) -> None:
    with pytest.raises(ProfileError) as caught:
        parse_profile(text, "mine", "mine.toml")
    assert str(caught.value).startswith(problem)


def test_a_reader_without_a_profile_gets_its_vendors() -> None:
    for name in (FALLBACK_PROFILE, *PROFILE_BY_VENDOR.values()):
        assert load_profile(name).purpose is Purpose.STOCK, (
            "purposes are taken from the zones, before the vendor is known"
        )


def test_an_unknown_profile_says_which_exist() -> None:
    with pytest.raises(
        ProfileError, match=r"profile 'impinj-r42': there is none of this name; there are generic-llrp-"
    ):
        load_profile("impinj-r42")


@pytest.mark.parametrize("kind", ZoneKind)
@pytest.mark.parametrize("purpose", Purpose)
def test_a_devices_own_purpose_goes_before_its_zones(kind: ZoneKind, purpose: Purpose) -> None:
    assert load_profile("impinj-r700-stock").purpose_for(kind, DevicePurpose(purpose.value)) is purpose
