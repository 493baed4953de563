"""Profiles as data: all that ship can be used, and errors name file, line, key and what is allowed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_config.profile import (
    KEEPALIVE_MAX_MS,
    KEEPALIVE_MIN_MS,
    Profile,
    ProfileError,
    ProfileFileError,
    Purpose,
    ScannerProfile,
    Search,
    load_any,
    load_profile,
    parse_any,
    parse_profile,
    profile_from_table,
    profile_hash,
    profile_names,
    profile_table,
)
from firmware_config.toml_lines import key_lines
from firmware_config.vendors import FALLBACK_PROFILE, PROFILE_BY_VENDOR
from wire.site import DevicePurpose, ZoneKind

READERS = (
    "chafon-uhfreader",
    "generic-llrp",
    "impinj-r420",
    "impinj-r700",
    "thingmagic-m6e",
    "zebra-fx7500",
    "zebra-fx9600",
)
SCANNERS = tuple(f"scanner-{name}" for name in ("datalogic", "generic", "honeywell", "opticon", "rs232", "zebra"))
READER_NAMES = tuple(f"{reader}-{purpose.value.replace('_', '-')}" for reader in READERS for purpose in Purpose)


def test_the_profiles_that_ship() -> None:
    assert profile_names() == tuple(sorted((*READER_NAMES, *SCANNERS)))


def test_names_of_before_are_still_there() -> None:
    """Site files name them."""
    assert {
        "generic-llrp-fitting-room",
        "generic-llrp-portal",
        "generic-llrp-shelf",
        "generic-llrp-stock",
        "impinj-r420-stock",
        "impinj-r700-stock",
        "zebra-fx9600-stock",
    } <= set(profile_names())


@pytest.mark.parametrize("name", READER_NAMES)
def test_each_profile_is_whole(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    assert set(profile.intents) == set(Purpose)
    assert KEEPALIVE_MIN_MS <= profile.keepalive_ms <= KEEPALIVE_MAX_MS
    assert name.endswith(f"-{profile.purpose.value.replace('_', '-')}")


@pytest.mark.parametrize("name", READER_NAMES)
def test_a_silence_means_something_wherever_stock_is_counted(name: str) -> None:
    """A single target in sessions 2 and 3 would keep a present tag silent for as long as it is powered."""
    for intent in load_profile(name).intents.values():
        assert intent.session < 2 or intent.search in {Search.DUAL, Search.DUAL_RESET}


@pytest.mark.parametrize("name", READER_NAMES)
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
        ZoneKind.CHECKOUT: Purpose.CHECKOUT,
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
"""The first of the lines below is therefore line 2."""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a b", "mine.toml: not TOML: Expected '=' after a key"),
        ("a = " + "9" * 5_000, "mine.toml: not TOML: Exceeds the limit"),
        ("a = " + "[" * 5_000, "mine.toml: not TOML: "),
        ("title = 'x'", "mine.toml: purpose: missing, expected one of stock, shelf, portal, fitting_room, checkout\n"),
        (BASE + "volume = 11", "mine.toml: line 2: volume: unknown key; there are title, purpose, "),
        (BASE + "[stock]\nsesion = 1", "mine.toml: line 3: stock.sesion: unknown key; did you mean session?"),
        (
            BASE + "keepalive_ms = 100",
            "mine.toml: line 2: keepalive_ms: 100, expected a whole number from 500 to 60000",
        ),
        (
            BASE + "\nkeepalive_ms = 60001",
            "mine.toml: line 3: keepalive_ms: 60001, expected a whole number from 500 to",
        ),
        (BASE + "keepalive_ms = true", "mine.toml: line 2: keepalive_ms: True, expected a whole number from 500 to"),
        (BASE + "report_every_tags = 0", "mine.toml: line 2: report_every_tags: 0, expected a whole number from 1 to"),
        (BASE + "purpose = 'window'", "mine.toml: line 2: purpose: 'window', expected one of stock, shelf, portal,"),
        (BASE + "vendor = 'alien'", "mine.toml: line 2: vendor: 'alien', expected one of any, chafon, impinj, "),
        (BASE + "[stock]\nsession = 4", "mine.toml: line 3: stock.session: 4, expected a whole number from 0 to 3"),
        (BASE + "stock.session = 4", "mine.toml: line 2: stock.session: 4, expected a whole number from 0 to 3"),
        (
            BASE + "[portal]\n\npower_dbm = 40.5",
            "mine.toml: line 4: portal.power_dbm: 40.5, expected a number from 0 to 36",
        ),
        (
            BASE + "[portal]\npower_dbm = nan",
            "mine.toml: line 3: portal.power_dbm: nan, expected a number from 0 to 36",
        ),
        (
            BASE + "[portal]\npower_dbm = -inf",
            "mine.toml: line 3: portal.power_dbm: -inf, expected a number from 0 to 36",
        ),
        (
            BASE + "[shelf]\nmode_ids = [\n2,\n-1]",
            "mine.toml: line 3: shelf.mode_ids[1]: -1, expected a whole number from 0 to 4294967295",
        ),
        (
            BASE + "[shelf]\nmode_ids = 7",
            "mine.toml: line 3: shelf.mode_ids: 7, expected a list of at most 32, each a whole number from 0 to",
        ),
        (
            BASE + "[shelf]\nsearch = 'tripple'",
            "mine.toml: line 3: shelf.search: 'tripple', expected one of reader, single, dual, dual_reset",
        ),
        (BASE + "shelf = 3", "mine.toml: line 2: shelf: 3, expected a section: [shelf]"),
        (
            BASE + "[stock]\ndwell_ms = 20",
            "mine.toml: line 3: stock.dwell_ms: 20, expected 50 to 60000, or 0: the reader",
        ),
        (BASE + "[stock]\noff_s = 3", "mine.toml: line 3: stock.off_s: 3, expected on_s beside it: a duty cycle needs"),
        (
            BASE + "[stock]\non_s = 0.05\noff_s = 3",
            "mine.toml: line 3: stock.on_s: 0.05, expected 0.1 to 3600, or 0: not",
        ),
        (BASE + "[stock]\ngpi_timeout_s = 3", "mine.toml: line 3: stock.gpi_timeout_s: 3, expected gpi_port beside it"),
        (
            BASE + "[portal]\ngpi_port = 2\non_s = 1\noff_s = 1",
            "mine.toml: line 3: portal.gpi_port: 2, expected either an input or a duty cycle (on_s), not both",
        ),
        (
            BASE + "[portal]\nair_filter = 'epc'",
            "mine.toml: line 3: portal.air_filter: 'epc', expected one of none, prefix",
        ),
        (
            "extends = 'nobody'",
            "mine.toml: line 1: extends: 'nobody' is not another profile; there are 41 (lastunit firmware",
        ),
        ("extends = 7", "mine.toml: line 1: extends: 7 is not another profile"),
        (
            "extends = ['generic-llrp-stock']",
            "mine.toml: line 1: extends: ['generic-llrp-stock'] is not another profile",
        ),
        ("kind = 'printer'", "mine.toml: line 1: kind: 'printer', expected one of reader, scanner"),
        ("kind = [1]", "mine.toml: line 1: kind: [1], expected one of reader, scanner"),
        (
            "extends = 'scanner-generic'\nsuffix = 'x'",
            "mine.toml: line 2: suffix: 'x', expected one of auto, cr, crlf,",
        ),
        (
            "extends = 'scanner-generic'\nbaud = 12",
            "mine.toml: line 2: baud: 12, expected 300 to 4000000, or 0: as the",
        ),
        (
            "extends = 'scanner-generic'\nidle_ms = 1",
            "mine.toml: line 2: idle_ms: 1, expected 10 to 2000, or 0: as the",
        ),
        ("extends = 'scanner-generic'\n[stock]\nsession = 1", "mine.toml: line 2: stock: unknown key; there are kind,"),
        ("#" * 70_000, "mine.toml: 70000 characters: a profile has at most 65536"),
    ],
)
def test_errors_name_file_line_key_and_range(text: str, problem: str) -> None:
    with pytest.raises(ProfileError) as caught:
        parse_any(text, "mine", "mine.toml")
    assert str(caught.value).startswith(problem)


def test_all_that_is_to_be_mended_is_said_at_once_from_the_top() -> None:
    with pytest.raises(ProfileFileError) as caught:
        parse_profile(BASE + "[shelf]\nsession = 9\n[stock]\nsession = 8\npower_dbm = 99\n", "mine", "mine.toml")
    assert [(problem.line, problem.key) for problem in caught.value.problems] == [
        (3, "shelf.session"),
        (5, "stock.session"),
        (6, "stock.power_dbm"),
    ]


def test_a_text_over_several_lines_hides_no_key_and_gives_none() -> None:
    text = 'title = """\nsession = 9\n"""\n[stock] # here\n"session" = 9\n'
    assert key_lines(text) == {"title": 1, "stock": 4, "stock.session": 5}


@given(
    st.dictionaries(
        st.sampled_from(["kind", "stock", "title", "setup", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=8,
        ),
    )
)
def test_any_table_is_a_profile_or_an_error_for_people(table: dict[str, Any]) -> None:
    with pytest.raises(ProfileError):  # none of these can be whole
        profile_from_table(table, "mine")


def test_a_purpose_needs_its_section() -> None:
    table = profile_table(load_profile("generic-llrp-stock"))
    del table["checkout"]
    own = profile_from_table(table, "mine")
    assert isinstance(own, Profile)
    assert own.purpose_for(ZoneKind.CHECKOUT) is Purpose.STOCK
    with pytest.raises(ProfileError, match=r"profile 'mine': purpose 'checkout': it has no section \[checkout\]"):
        own.purpose_for(ZoneKind.SALES_FLOOR, DevicePurpose.CHECKOUT)
    with pytest.raises(ProfileError, match=r"purpose: 'checkout', expected a section \[checkout\] for it"):
        profile_from_table({**table, "purpose": "checkout"}, "mine")


# -- by value


@pytest.mark.parametrize("name", profile_names())
def test_a_profile_travels_by_value(name: str) -> None:
    profile = load_any(name)
    arrived = json.loads(json.dumps(profile_table(profile)))
    assert profile_from_table(arrived, name) == profile
    assert profile_hash(profile_from_table(arrived, "another-name")) == profile_hash(profile)


def test_what_is_asked_makes_the_hash() -> None:
    base = parse_profile(BASE, "mine")
    assert profile_hash(base) == profile_hash(load_profile("generic-llrp-stock"))
    changes = ("[stock]\nsession = 0", "[portal]\npower_dbm = 30", "keepalive_ms = 4000", "[checkout]\ndwell_ms = 100")
    hashes = {profile_hash(parse_profile(BASE + change, "mine")) for change in changes}
    assert len(hashes | {profile_hash(base)}) == len(changes) + 1


def test_a_table_that_travels_extends_nothing() -> None:
    with pytest.raises(ProfileError, match="a profile that travels is whole"):
        profile_from_table({"extends": "generic-llrp-stock"}, "mine")


@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 65])
def test_a_name_is_an_identifier(name: str) -> None:
    with pytest.raises(ProfileError, match="profile id"):
        parse_profile(BASE, name)


# -- scanners


@pytest.mark.parametrize("name", SCANNERS)
def test_each_scanner_profile_says_what_to_do(name: str) -> None:
    profile = load_any(name)
    assert isinstance(profile, ScannerProfile)
    assert profile.aim_ids
    assert profile.setup
    steps = " ".join(profile.setup)
    assert "AIM" in steps
    assert profile.suffix == "auto" or "CR" in steps


def test_a_scanners_profile_is_no_readers() -> None:
    with pytest.raises(ProfileError, match="profile 'scanner-zebra': it is for barcode scanners, not for readers"):
        load_profile("scanner-zebra")


def test_a_reader_without_a_profile_gets_its_vendors() -> None:
    for name in (FALLBACK_PROFILE, *PROFILE_BY_VENDOR.values()):
        assert load_profile(name).purpose is Purpose.STOCK, (
            "purposes are taken from the zones, before the vendor is known"
        )


def test_an_unknown_profile_says_what_may_have_been_meant() -> None:
    with pytest.raises(
        ProfileError, match=r"profile 'impinj-r42-stock': there is none of .* did you mean impinj-r420-stock or"
    ):
        load_profile("impinj-r42-stock")


@pytest.mark.parametrize("kind", ZoneKind)
@pytest.mark.parametrize("purpose", Purpose)
def test_a_devices_own_purpose_goes_before_its_zones(kind: ZoneKind, purpose: Purpose) -> None:
    assert load_profile("impinj-r700-stock").purpose_for(kind, DevicePurpose(purpose.value)) is purpose
