"""Models, versions and what is known against them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_config.errors import ProfileError
from firmware_config.inventory import (
    known_bad,
    model_name,
    model_named,
    model_of,
    models,
    parse_known_bad,
    recorded_facts,
    shipped_known_bad,
    upgrade_steps,
    version_key,
)
from firmware_config.profile import Purpose, load_profile
from firmware_config.region import Region
from firmware_config.render import AntennaAsk, render
from firmware_config.vendors import IMPINJ, ZEBRA
from simulator.reader.persona import load_persona
from wire.site import ZoneKind

OWN = """
[[firmware]]
vendor = "Zebra"
model = "FX9600"
from = "3.0.0"
below = "3.10"
reason = "Loses its antennas after 49 days."
source = "https://example.org/notes"
upgrade_to = "3.10"

[[firmware]]
vendor = "Impinj"
below = "7.6"
reason = "Too old."
source = "https://example.org/old"
"""


def test_every_model_has_profiles_and_a_way_to_upgrade() -> None:
    assert len({model.id for model in models()}) == len(models())
    for model in models():
        assert load_profile(f"{model.profiles}-stock")
        assert model.upgrade
        assert model_of(model.vendor, model.model) == model
        assert all(model_of(model.vendor, name) is not None for name in model.names)


@pytest.mark.parametrize(
    ("vendor", "model", "identifier"),
    [
        ("Impinj", "2001002", "impinj-r420"),
        ("25882", "2001002", "impinj-r420"),
        ("Impinj", "R700", "impinj-r700"),
        ("impinj", "Impinj  R700-USA", "impinj-r700"),
        ("Zebra", "FX9600-4", "zebra-fx9600-4"),
        ("161", "96008", "zebra-fx9600-8"),
        ("Zebra", "FX7500-2", "zebra-fx7500"),
        ("", "M6e Nano", "thingmagic-m6e"),
        ("Chafon", "UHFReader288", "chafon-uhfreader"),
        ("Impinj", "FX9600-4", None),
        ("Zebra", "2001002", None),
        ("", "", None),
        ("Alien", "ALR-9900", None),
    ],
)
def test_a_model_by_what_the_device_says(vendor: str, model: str, identifier: str | None) -> None:
    found = model_of(vendor, model)
    assert (found and found.id) == identifier


def test_llrps_numbers_in_words() -> None:
    assert model_name(IMPINJ, 2001002) == ("Impinj", "Speedway R420")
    assert model_name(ZEBRA, 96008) == ("Zebra", "FX9600-8")
    assert model_name(ZEBRA, 1) == ("Zebra", "1")
    assert model_name(4, 2) == ("4", "2")


@pytest.mark.parametrize(
    ("identifier", "persona"),
    [
        ("impinj-r420", "impinj-r420-like"),
        ("zebra-fx9600-4", "zebra-fx9600-4-like"),
        ("zebra-fx9600-8", "zebra-fx9600-8-like"),
    ],
)
def test_recorded_tables_are_those_of_the_real_reader(identifier: str, persona: str) -> None:
    facts, reader = recorded_facts(model_named(identifier)), load_persona(persona)
    assert (facts.vendor, facts.ports, facts.region) == (reader.vendor, reader.ports, Region.FCC)
    assert dict(facts.power_cdbm) == dict(reader.transmit_powers)
    assert facts.hop_tables == tuple(identifier for identifier, _ in reader.hop_tables)
    assert sorted((mode.identifier, mode.miller, mode.bdr_hz) for mode in facts.modes) == sorted(
        (mode[0], 1 << mode[3], mode[6]) for mode in reader.rf_modes
    )


def test_a_model_without_recorded_tables_says_so() -> None:
    with pytest.raises(ProfileError, match=r"model 'impinj-r700': its tables were never recorded.*impinj-r420"):
        recorded_facts(model_named("impinj-r700"))
    with pytest.raises(ProfileError, match=r"model 'r1': there is none of this name; there are impinj-r420, "):
        model_named("r1")


def test_how_to_upgrade() -> None:
    assert "config image fallback" in " ".join(upgrade_steps("Impinj", "Speedway R420"))
    assert upgrade_steps("Zebra", "FX7500") == upgrade_steps("161", "96004")
    assert "maker's manual" in upgrade_steps("Alien", "ALR-9900")[0]


# -- versions


def test_versions_go_number_by_number() -> None:
    order = ["5.13.9", "5.14.0.rc1", "5.14.0.240", "7.6", "7.10.2", "7.10.2.1", "10"]
    assert all(version_key(older) < version_key(newer) for older, newer in pairwise(order))
    assert version_key("7.6") == version_key("7.6.0") == version_key("v7.6")[1:]


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_two_versions_can_be_compared(one: str, other: str) -> None:
    assert isinstance(version_key(one) < version_key(other), bool)


@pytest.mark.parametrize(
    ("vendor", "model", "firmware", "reasons"),
    [
        ("Zebra", "FX9600-4", "3.0.0", ["Loses its antennas after 49 days."]),
        ("zebra", "FX9600-8", "3.9.99", ["Loses its antennas after 49 days."]),
        ("161", "96004", "3.2", ["Loses its antennas after 49 days."]),
        ("Zebra", "FX9600-4", "3.10.0", []),
        ("Zebra", "FX9600-4", "2.7.19.0", []),
        ("Zebra", "FX7500", "3.0.0", []),
        ("Impinj", "R700", "7.4.1", ["Too old."]),
        ("Impinj", "2001002", "5.14.0.240", ["Too old."]),
        ("Impinj", "R700", "", []),
        ("", "R700", "7.4.1", ["Too old."]),
    ],
)
def test_what_is_known_against_a_version(vendor: str, model: str, firmware: str, reasons: list[str]) -> None:
    own = parse_known_bad(OWN, "own.toml")
    assert [entry.reason for entry in known_bad(vendor, model, firmware, own)] == reasons
    assert known_bad(vendor, model, firmware) == ()


def test_an_entry_says_reason_source_and_mend() -> None:
    entry, _ = parse_known_bad(OWN, "own.toml")
    assert str(entry) == "Loses its antennas after 49 days. (https://example.org/notes); upgrade to 3.10"


def test_what_we_ship_has_a_source_that_anybody_can_read() -> None:
    assert all(entry.source.startswith("https://") for entry in shipped_known_bad())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x = [", "own.toml: "),
        ("[[firmware]]\nvendor = 'Zebra'\nreason = 'x'", "own.toml: Object missing required field `source`"),
        (
            "[[firmware]]\nvendor = 'Z'\nreason = 'x'\nsource = 'y'\nversion = '1'",
            "own.toml: Object contains unknown field",
        ),
        ("#" * 1_000_001, "own.toml: 1000001 characters"),
    ],
)
def test_a_file_that_cannot_be_used(text: str, problem: str) -> None:
    with pytest.raises(ProfileError, match=problem):
        parse_known_bad(text, "own.toml")


MADE_FOR = {
    "impinj-r420": ("impinj-r420", "impinj-r700"),
    "zebra-fx9600-4": ("zebra-fx9600", "zebra-fx7500", "generic-llrp"),
    "zebra-fx9600-8": ("zebra-fx9600", "zebra-fx7500", "generic-llrp"),
}


@pytest.mark.parametrize(
    ("identifier", "family"), [(model, family) for model, families in MADE_FOR.items() for family in families]
)
@pytest.mark.parametrize("purpose", Purpose)
def test_our_profiles_can_be_done_as_asked_by_the_readers_they_are_for(
    identifier: str, family: str, purpose: Purpose
) -> None:
    facts = recorded_facts(model_named(identifier))
    profile = load_profile(f"{family}-{purpose.value.replace('_', '-')}")
    assert profile.purpose_for(ZoneKind.SALES_FLOOR) is purpose
    plan = render(profile, [AntennaAsk(port, purpose, gain_dbi=8.5) for port in (1, facts.ports)], facts)
    assert plan.problems == ()
    for antenna in plan.antennas:
        assert facts.power_cdbm[antenna.power_index] == antenna.power_cdbm <= 2_750  # 36 dBm EIRP with 8.5 dBi
        assert antenna.mode in {mode.identifier for mode in facts.modes}
