"""docs/firmware.md, docs/contract.md and docs/scanners.md say what is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from firmware_config.errors import ProfileError
from firmware_config.inventory import models, parse_known_bad
from firmware_config.profile import ScannerProfile, load_any, parse_profile, profile_names
from firmware_config.profile_shape import IntentShape, ReaderShape, ScannerShape
from firmware_config.region import DIPOLE_GAIN_DBI, Region, law_of, power_problem
from wire.configuration import (
    DesiredConfig,
    DesiredDevice,
    DeviceInventory,
    DeviceState,
    ReportedAntenna,
    ReportedConfig,
    ReportedDevice,
)
from wire.limits import CONFIG_MAX_BYTES, CONFIG_MAX_DEVICES, KIB, MIB, PROFILE_MAX_BYTES

DOCS = Path(__file__).parents[2] / "docs"
FIRMWARE, CONTRACT, SCANNERS = (
    (DOCS / name).read_text(encoding="utf-8") for name in ("firmware.md", "contract.md", "scanners.md")
)
TOML = re.findall(r"```toml\n(.*?)```", FIRMWARE, re.DOTALL)


def fields(kind: type[msgspec.Struct]) -> set[str]:
    return {field.name for field in msgspec.structs.fields(kind)}


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_is_named(name: str) -> None:
    if name.startswith("scanner-"):
        assert f"`{name}`" in FIRMWARE
        return
    (family,) = {model.profiles for model in models() if name.startswith(model.profiles)} or {"generic-llrp"}
    assert f"`{family}`" in FIRMWARE
    assert f"`...{name.removeprefix(family)}`" in FIRMWARE or f"`{name.removeprefix(family)}`" in FIRMWARE


def test_every_key_of_a_profile_is_explained() -> None:
    keys = fields(IntentShape) | fields(ReaderShape) | fields(ScannerShape)
    assert {key for key in keys - {"kind"} if f"`{key}`" not in FIRMWARE and f"[{key}]" not in FIRMWARE} == set()


@pytest.mark.parametrize("region", Region)
def test_the_figures_of_the_law(region: Region) -> None:
    law = law_of(region)
    row = next(line for line in FIRMWARE.splitlines() if line.startswith(f"| `{region.value}` |"))
    assert f"{law.radiated_dbm:g} dBm {law.unit}" in row
    if law.unit == "ERP":
        assert f"({law.radiated_dbm + DIPOLE_GAIN_DBI:g} dBm EIRP)" in row
    if law.conducted_dbm is not None:
        assert f"{law.conducted_dbm:g} dBm into the antenna" in row


def test_what_is_said_of_too_much_power() -> None:
    said = " ".join(FIRMWARE.split())
    assert power_problem(Region.FCC, 30.0, 9.0) in said


def test_the_examples_can_be_used() -> None:
    own, findings = TOML
    assert parse_profile(own, "mine").title == "R700, shoe wall"
    assert parse_known_bad(findings, "own.toml")[0].model == "FX9600"


def test_the_example_of_a_mistake() -> None:
    broken = TOML[0].replace("21.5", "40").replace("session =", "sesion =")
    with pytest.raises(ProfileError) as caught:
        parse_profile("# one line more\n" + broken, "my-portal", "my-portal.toml")
    for line in str(caught.value).splitlines():
        assert line in FIRMWARE


def test_the_contract_names_every_key_and_state() -> None:
    section = CONTRACT.partition("## Configuration of devices")[2].partition("\n## ")[0]
    kinds = (DesiredConfig, DesiredDevice, ReportedConfig, ReportedDevice, ReportedAntenna, DeviceInventory)
    keys = set().union(*(fields(kind) for kind in kinds))
    assert {key for key in keys if f"`{key}`" not in section} == set()
    assert {state for state in get_args(DeviceState) if f"| `{state}` |" not in section} == set()
    assert f"At most {CONFIG_MAX_DEVICES} devices, {PROFILE_MAX_BYTES // KIB} KiB for a profile" in section
    assert f"{CONFIG_MAX_BYTES // MIB} MiB for a document" in section


@pytest.mark.parametrize("name", [name for name in profile_names() if name.startswith("scanner-")])
def test_a_makers_row_says_what_its_profile_says(name: str) -> None:
    """The words to look for in the manual stand in both; who changes one changes the other."""
    assert f"`{name}`" in SCANNERS
    profile = load_any(name)
    assert isinstance(profile, ScannerProfile)
    if profile.vendor == "any":
        return
    row = next(line for line in SCANNERS.splitlines() if f"| `{name}` |" in line)
    interface = re.search(r"CDC COM Port Emulation|USB Serial|USB-COM", profile.setup[0], re.IGNORECASE)
    assert interface is not None
    assert interface[0].casefold() in row.casefold()
