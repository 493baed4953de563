"""Radio law: what leaves the antenna stays below the law's figure, and a reader is never asked for more than asked."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from firmware_config.profile import Purpose, load_profile, parse_profile
from firmware_config.region import (
    Region,
    highest_dbm,
    power_problem,
    radiated_dbm,
    region_named,
    region_of_standard,
)
from firmware_config.render import AntennaAsk, ReaderFacts, ReaderPlan, render
from firmware_config.vendors import IMPINJ
from wire.llrp.tables.enumerations import CommunicationsStandard

GAINS = st.floats(-3, 15)
LOSSES = st.floats(0, 6)
POWERS = st.floats(0, 36)


@pytest.mark.parametrize(
    ("region", "gain_dbi", "loss_db", "most_dbm"),
    [
        # 47 CFR 15.247(b)(2), (b)(4): 30 dBm up to 6 dBi, then one less for each dB of gain
        (Region.FCC, 0.0, 0.0, 30.0),
        (Region.FCC, 6.0, 0.0, 30.0),
        (Region.FCC, 9.0, 0.0, 27.0),
        (Region.FCC, 6.0, 2.5, 32.5),
        (Region.FCC, 9.0, 1.0, 28.0),
        (Region.FCC, None, 1.0, 31.0),
        # EN 302 208: 33 dBm ERP is 35.15 dBm EIRP
        (Region.ETSI, 2.15, 0.0, 33.0),
        (Region.ETSI, 6.0, 0.0, 29.15),
        (Region.ETSI, 8.15, 1.0, 28.0),
        (Region.ETSI, None, 0.0, None),
        # 36 dBm ERP in the upper band
        (Region.ETSI_UPPER, 2.15, 0.0, 36.0),
        (Region.ETSI_UPPER, 6.0, 0.0, 32.15),
    ],
)
def test_the_figures_of_the_law(region: Region, gain_dbi: float | None, loss_db: float, most_dbm: float | None) -> None:
    assert highest_dbm(region, gain_dbi, loss_db) == most_dbm


@given(st.sampled_from(Region), GAINS, LOSSES)
def test_the_highest_power_is_lawful_and_any_more_is_not(region: Region, gain_dbi: float, loss_db: float) -> None:
    most = highest_dbm(region, gain_dbi, loss_db)
    assert most is not None
    assert radiated_dbm(region, most, gain_dbi, loss_db) <= {"ETSI": 33, "ETSI_UPPER": 36, "FCC": 36}[region] + 1e-5
    assert power_problem(region, most, gain_dbi, loss_db) == ""
    assert f"at most {most:g} dBm" in power_problem(region, most + 0.1, gain_dbi, loss_db)


def test_a_problem_says_the_sum_the_law_and_the_most() -> None:
    assert power_problem(Region.FCC, 30.0, 8.0, 1.0) == (
        "30 dBm: with 8 dBi and 1 dB of cable that is 37 dBm EIRP, 36 are allowed "
        "(FCC: 47 CFR 15.247(b)); at most 29 dBm"
    )
    assert power_problem(Region.FCC, 31.0, 2.0) == (
        "31 dBm: with 2 dBi and 0 dB of cable that is 33 dBm EIRP, 36 are allowed and 30 into the antenna "
        "(FCC: 47 CFR 15.247(b)); at most 30 dBm"
    )
    assert power_problem(Region.FCC, 33.0, None, 1.0) == (
        "33 dBm: 32 dBm leave the cable, 30 are allowed (FCC: 47 CFR 15.247(b)); at most 31 dBm"
    )
    assert power_problem(Region.ETSI, 30.0, 6.0) == (
        "30 dBm: with 6 dBi and 0 dB of cable that is 33.85 dBm ERP, 33 are allowed "
        "(ETSI: EN 302 208, 865-868 MHz); at most 29.15 dBm"
    )


def test_which_law_a_reader_keeps() -> None:
    assert region_of_standard(CommunicationsStandard.US_FCC_Part_15) is Region.FCC
    assert region_of_standard(CommunicationsStandard.ETSI_302_208) is Region.ETSI
    assert region_of_standard(CommunicationsStandard.ETSI_302_208, 865_700) is Region.ETSI
    assert region_of_standard(CommunicationsStandard.ETSI_302_208, 916_300) is Region.ETSI_UPPER
    others = set(CommunicationsStandard) - {
        CommunicationsStandard.US_FCC_Part_15,
        CommunicationsStandard.ETSI_302_208,
    }
    assert {region_of_standard(code) for code in others} == {None}


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("FCC", Region.FCC),
        ("na", Region.FCC),
        ("eu", Region.ETSI),
        (" ETSI ", Region.ETSI),
        ("etsi-upper", Region.ETSI_UPPER),
        ("JP", None),
        ("", None),
    ],
)
def test_regions_by_name(text: str, region: Region | None) -> None:
    assert region_named(text) is region


# -- in rendering

HALF_DB_STEPS = {index: 1_000 + 50 * index for index in range(50)}  # 10 to 34.5 dBm


def planned(
    region: Region | None,
    gain_dbi: float | None = None,
    *,
    profile_dbm: float | None = None,
    site_dbm: float | None = None,
    cable_loss_db: float = 0.0,
    powers: dict[int, int] | None = None,
) -> ReaderPlan:
    power = "" if profile_dbm is None else f"\n[stock]\npower_dbm = {profile_dbm!r}"
    profile = parse_profile('extends = "generic-llrp-stock"' + power, "mine")
    ask = AntennaAsk(1, Purpose.STOCK, site_dbm, gain_dbi, cable_loss_db)
    second = AntennaAsk(2, Purpose.SHELF, 10.0)
    facts = ReaderFacts(IMPINJ, 2, powers or HALF_DB_STEPS, hop_tables=(1,), region=region)
    return render(profile, (ask, second), facts)


@given(st.none() | st.sampled_from(Region), st.none() | GAINS, LOSSES, st.none() | POWERS, st.none() | POWERS)
def test_power_is_never_raised_and_always_lawful(
    region: Region | None, gain_dbi: float | None, loss_db: float, profile_dbm: float | None, site_dbm: float | None
) -> None:
    asked_dbm = profile_dbm if site_dbm is None else site_dbm
    assume(asked_dbm is None or asked_dbm >= 10)
    plan = planned(region, gain_dbi, profile_dbm=profile_dbm, site_dbm=site_dbm, cable_loss_db=loss_db)
    set_dbm = plan.antennas[0].power_cdbm / 100
    free_dbm = planned(None, profile_dbm=profile_dbm, site_dbm=site_dbm).antennas[0].power_cdbm / 100
    assert set_dbm <= free_dbm
    most = None if region is None else highest_dbm(region, gain_dbi, loss_db)
    assert most is None or set_dbm <= most + 1e-6
    problems = [problem for problem in plan.problems if problem.startswith("port 1: ") and "dBm" in problem]
    assert bool(problems) is (asked_dbm is not None and most is not None and asked_dbm > most + 1e-9)


def test_what_the_most_comes_to_is_a_note_and_no_problem() -> None:
    plan = planned(Region.ETSI, 6.0)
    assert plan.antennas[0].power_cdbm == 2900
    assert plan.notes == ("port 1: the most is 29.15 dBm here (ETSI: EN 302 208, 865-868 MHz)",)
    assert not any("dBm" in problem for problem in plan.problems)
    assert planned(Region.ETSI, 0.0).notes == ()


def test_the_site_files_region_holds_where_the_reader_names_no_law() -> None:
    profile = load_profile("generic-llrp-stock")
    ask = AntennaAsk(1, Purpose.STOCK, 30.0, 9.0, region=Region.FCC)
    silent = render(profile, [ask], ReaderFacts(IMPINJ, 1, HALF_DB_STEPS))
    assert silent.antennas[0].power_cdbm == 2700
    other = render(profile, [ask], ReaderFacts(IMPINJ, 1, HALF_DB_STEPS, region=Region.ETSI))
    assert other.antennas[0].power_cdbm == 2600  # 33 dBm ERP with 9 dBi
    assert "port 1: the reader keeps the law of ETSI, the site file says FCC" in other.problems
    same = render(profile, [ask], ReaderFacts(IMPINJ, 1, HALF_DB_STEPS, region=Region.FCC))
    assert (same.antennas, same.problems) == (silent.antennas, silent.problems)


def test_a_reader_that_cannot_go_low_enough_does_not_use_the_antenna() -> None:
    plan = planned(Region.FCC, 15.0, site_dbm=30.0, powers={1: 2_500, 2: 3_000})
    assert [antenna.port for antenna in plan.antennas] == [2]
    assert "port 1: not used: 21 dBm are allowed, 25 is its least" in plan.problems
