"""From intent to one reader's own settings: never above the power asked, never an index that is not the reader's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_config.profile import ModeKind, ProfileError, Purpose, Search, load_profile
from firmware_config.render import AntennaAsk, Mode, ReaderFacts, choose_mode, choose_power, render
from firmware_config.vendors import IMPINJ, ZEBRA

TABLES = Path(__file__).parents[1] / "data" / "readers"

R420_MODES = (
    Mode(0, 1, 640_000),
    Mode(1, 2, 640_000),
    Mode(2, 4, 274_000),
    Mode(3, 8, 170_600),
    Mode(4, 4, 640_000),
    Mode(1000, 1, 40_000, automatic=True),
    Mode(1002, 1, 40_000, automatic=True),
)


def fx9600() -> ReaderFacts:
    """The tables of a real FX9600, in its own order."""
    table = json.loads((TABLES / "fx9600-4.json").read_text())
    return ReaderFacts(
        vendor=ZEBRA,
        ports=4,
        power_cdbm=dict(table["powers"]),
        modes=tuple(Mode(identifier, 1 << m, bdr) for identifier, m, bdr in table["modes"]),
        hop_tables=(1,),
    )


def r420(**changes: object) -> ReaderFacts:
    powers = {index: 1_000 + 25 * (index - 1) for index in range(1, 82)}
    facts = {"vendor": IMPINJ, "ports": 4, "power_cdbm": powers, "modes": R420_MODES, "hop_tables": (1,), **changes}
    return ReaderFacts(**facts)  # type: ignore[arg-type]


# -- power


@given(st.dictionaries(st.integers(0, 65_535), st.integers(-500, 3_600), min_size=1, max_size=250), st.floats(-10, 40))
def test_power_is_the_nearest_step_below(table: dict[int, int], asked_dbm: float) -> None:
    index, power, problem = choose_power(table, asked_dbm)
    assert table[index] == power
    below = [step for step in table.values() if step <= round(asked_dbm * 100)]
    if below:
        assert (power, problem) == (max(below), "")
    else:
        assert power == min(table.values())
        assert "the reader's lowest step is" in problem


@given(st.dictionaries(st.integers(0, 65_535), st.integers(-500, 3_600), min_size=1, max_size=250))
def test_no_power_asked_is_the_most(table: dict[int, int]) -> None:
    index, power, problem = choose_power(table, None)
    assert (table[index], power, problem) == (power, max(table.values()), "")


def test_a_table_in_no_order() -> None:
    facts = fx9600()
    assert list(facts.power_cdbm) != sorted(facts.power_cdbm)
    assert choose_power(facts.power_cdbm, 25.04) == (150, 2_500, "")
    assert choose_power(facts.power_cdbm, None) == (200, 3_000, "")


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(ProfileError, match="power table is empty"):
        choose_power({}, 30.0)


# -- modes


def test_the_first_wanted_mode_that_is_there() -> None:
    assert choose_mode(R420_MODES, [1110, 1002, 4], ModeKind.FAST) == 1002
    assert choose_mode(R420_MODES[:5], [1002, 4], ModeKind.FAST) == 4


@pytest.mark.parametrize(("kind", "mode"), [(ModeKind.FAST, 0), (ModeKind.BALANCED, 4), (ModeKind.ROBUST, 3)])
def test_otherwise_the_best_of_its_kind(kind: ModeKind, mode: int) -> None:
    assert choose_mode(R420_MODES, [], kind) == mode


def test_placeholders_of_a_fx9600_are_not_taken() -> None:
    facts = fx9600()
    assert {mode.identifier for mode in facts.modes if mode.bdr_hz < 5_000} == {0, 23}
    chosen = {kind: choose_mode(facts.modes, [], kind) for kind in ModeKind}
    table = {mode.identifier: mode for mode in facts.modes}
    assert [table[chosen[kind] or 0].miller for kind in ModeKind] == [1, 4, 8]
    assert table[chosen[ModeKind.FAST] or 0].bdr_hz == 640_000


def test_modes_that_are_no_fixed_mode_are_the_last_resort() -> None:
    """An automatic mode's or a placeholder's figures say nothing about how it sounds on air."""
    assert choose_mode([Mode(0, 1, 668), Mode(1, 2, 320_000)], [], ModeKind.FAST) == 1
    assert choose_mode([Mode(1000, 1, 40_000, automatic=True), Mode(2, 4, 274_000)], [], ModeKind.FAST) == 2


def test_without_a_table_the_reader_chooses() -> None:
    assert choose_mode([], [1, 2], ModeKind.FAST) is None


def test_a_table_of_placeholders_only() -> None:
    assert choose_mode([Mode(5, 1, 668), Mode(6, 4, 668)], [], ModeKind.BALANCED) == 6


# -- the whole


def test_a_plan_for_all_purposes() -> None:
    asks = [AntennaAsk(2, Purpose.PORTAL), AntennaAsk(1, Purpose.STOCK, 27.1), AntennaAsk(3, Purpose.FITTING_ROOM)]
    plan = render(load_profile("impinj-r420-stock"), asks, r420())
    assert [(a.port, a.power_cdbm, a.mode, a.session, a.search, a.target) for a in plan.antennas] == [
        (2, 3_000, 0, 0, Search.DUAL, "dual"),
        (1, 2_700, 1002, 2, Search.DUAL, "dual"),
        (3, 2_000, 1002, 1, Search.DUAL, "dual"),
    ]
    assert (plan.hop_table, plan.channel, plan.problems) == (1, 0, ())


def test_what_other_vendors_do_with_targets_is_not_claimed() -> None:
    plan = render(load_profile("impinj-r420-stock"), [AntennaAsk(1, Purpose.STOCK)], fx9600())
    assert plan.antennas[0].target is None
    search, silence = plan.problems
    assert search == "port 1: search 'dual' can be told to Impinj readers only"
    assert silence.startswith("port 1: session 2 and no say in the target: a tag may fall silent while it is here")


@pytest.mark.parametrize("profile", ["zebra-fx9600-stock", "generic-llrp-stock", "generic-llrp-shelf"])
@pytest.mark.parametrize("purpose", Purpose)
def test_profiles_of_other_vendors_ask_for_nothing_that_cannot_be_told(profile: str, purpose: Purpose) -> None:
    assert render(load_profile(profile), [AntennaAsk(1, purpose)], fx9600()).problems == ()


def test_fixed_frequencies_name_a_channel_and_no_hop_table() -> None:
    plan = render(
        load_profile("generic-llrp-stock"), [AntennaAsk(1, Purpose.STOCK)], r420(hop_tables=(), fixed_channels=4)
    )
    assert (plan.hop_table, plan.channel) == (0, 1)


def test_problems_are_said_and_the_rest_works() -> None:
    asks = [AntennaAsk(7, Purpose.STOCK), AntennaAsk(1, Purpose.STOCK, 5.0)]
    plan = render(load_profile("generic-llrp-stock"), asks, r420())
    assert [(antenna.port, antenna.power_cdbm) for antenna in plan.antennas] == [(1, 1_000)]
    assert plan.problems == (
        "port 7: the reader has ports 1 to 4",
        "port 1: 5.0 dBm asked, the reader's lowest step is 10.0 dBm",
    )


@pytest.mark.parametrize("asks", [[], [AntennaAsk(5, Purpose.STOCK)]])
def test_nothing_to_do_is_an_error(asks: list[AntennaAsk]) -> None:
    with pytest.raises(ProfileError, match="no antenna can be used"):
        render(load_profile("generic-llrp-stock"), asks, r420())
