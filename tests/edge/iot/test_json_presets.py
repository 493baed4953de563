"""What readers are asked to do, and what is found wrong in what they do."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from edge.iot import impinj_preset, zebra_mode
from edge.iot.wishes import Wish
from firmware_config.profile import Intent, ModeKind, Search
from simulator.json_readers.impinj import factory_preset
from wire.messages import AntennaSettings


def wish(port: int, search: Search = Search.DUAL, power_dbm: float | None = 24.5, session: int = 1) -> Wish:
    return Wish(port, Intent(session, search, ModeKind.ROBUST, population=64), power_dbm)


DEFAULT = factory_preset((1, 2))


@pytest.mark.parametrize(
    ("search", "word", "target"),
    [
        (Search.SINGLE, "single-target", "single"),
        (Search.DUAL, "dual-target", "dual"),
        (Search.DUAL_RESET, "dual-target-with-b-to-a-select", "dual"),
        (Search.READER, "dual-target", "dual"),
    ],
)
def test_impinj_preset(search: Search, word: str, target: str) -> None:
    preset = impinj_preset.build_preset([wish(1, search), wish(4, search, None)], DEFAULT)
    first, second = preset["antennaConfigs"]
    assert first == {
        "antennaPort": 1,
        "transmitPowerCdbm": 2_450,
        "rfMode": 1_110,
        "inventorySession": 1,
        "inventorySearchMode": word,
        "estimatedTagPopulation": 64,
    }
    assert (second["antennaPort"], second["transmitPowerCdbm"]) == (4, 3_000), "as the reader's own preset has it"
    assert impinj_preset.settings_in(preset)[1] == AntennaSettings(2_450, 1_110, 1, target)  # type: ignore[arg-type]
    assert impinj_preset.differences(preset, preset) == []
    assert impinj_preset.shortcomings(preset) == []


def test_impinj_preset_without_a_model() -> None:
    with pytest.raises(ValueError, match="no RF mode to take over"):
        impinj_preset.build_preset([wish(1)], {})


def changed(preset: dict[str, Any], **antenna: Any) -> dict[str, Any]:
    other = copy.deepcopy(preset)
    other["antennaConfigs"][0] |= antenna
    return other


def test_impinj_preset_that_is_not_as_asked() -> None:
    asked = impinj_preset.build_preset([wish(1), wish(2)], DEFAULT)
    assert impinj_preset.differences(asked, changed(asked, transmitPowerCdbm=2_400)) == [
        "port 1: transmitPowerCdbm: asked 2450, found 2400"
    ]
    assert impinj_preset.differences(asked, changed(asked, antennaPort=3)) == [
        "port 1: not in the preset",
        "port 3: not asked for",
    ]
    assert impinj_preset.differences(asked, {}) != []


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({}, ["lastSeenTime"]),
        ({"epc": "disabled"}, ["neither epcHex nor epc", "lastSeenTime"]),
        ({"epc": "disabled", "epcHex": "enabled", "lastSeenTime": "enabled"}, []),
        ({"antennaPort": "disabled", "lastSeenTime": "enabled"}, ["antennaPort"]),
        ({"peakRssiCdbm": "disabled", "lastSeenTime": "enabled"}, ["peakRssiCdbm"]),
        (
            {"lastSeenTime": "enabled", "tagReporting": {"reportingIntervalSeconds": 30}},
            ["reportingIntervalSeconds: 30"],
        ),
        ({"lastSeenTime": "enabled", "tagReporting": {"reportingIntervalSeconds": 0}}, []),
        ({"lastSeenTime": 5}, ["lastSeenTime"]),
    ],
)
def test_impinj_preset_that_does_not_report_enough(said: dict[str, Any], wrong: list[str]) -> None:
    found = impinj_preset.shortcomings({"eventConfig": {"tagInventory": said}})
    assert len(found) == len(wrong)
    assert all(word in text for word, text in zip(wrong, found, strict=True))


def test_zebra_mode() -> None:
    mode = zebra_mode.build_mode([wish(1, Search.DUAL, 27.0), wish(3, Search.READER, 15.0, session=2)])
    assert mode["antennas"] == [1, 3]
    assert mode["transmitPower"] == [27.0, 15.0]
    assert mode["query"] == [
        {"tagPopulation": 64, "sel": "ALL", "session": "S1", "target": "AB"},
        {"tagPopulation": 64, "sel": "ALL", "session": "S2", "target": "A"},
    ]
    assert zebra_mode.settings_in(mode, (1, 3)) == {
        1: AntennaSettings(2_700, None, 1, "dual"),
        3: AntennaSettings(1_500, None, 2, "single"),
    }
    assert zebra_mode.shortcomings(mode, (1, 3)) == []
    assert zebra_mode.differences(mode, mode) == []
    assert "transmitPower" not in zebra_mode.build_mode([wish(1, power_dbm=None), wish(2)]), "all or none"


@pytest.mark.parametrize(
    ("mode", "settings"),
    [
        ({}, {1: AntennaSettings(), 2: AntennaSettings()}),
        ({"transmitPower": 30.1, "antennas": [2]}, {2: AntennaSettings(3_010)}),
        ({"query": {"session": "S1", "target": "AB"}, "antennas": [1]}, {1: AntennaSettings(None, None, 1, "dual")}),
        ({"antennas": [1, 2], "transmitPower": [20]}, {1: AntennaSettings(2_000), 2: AntennaSettings()}),
        ({"antennas": ["1", 2], "transmitPower": "30", "query": [None]}, {2: AntennaSettings()}),
        ({"transmitPower": 1e9}, {1: AntennaSettings(), 2: AntennaSettings()}),
    ],
)
def test_zebra_settings_in_a_mode(mode: dict[str, Any], settings: dict[int, AntennaSettings]) -> None:
    assert zebra_mode.settings_in(mode, (1, 2)) == settings


@pytest.mark.parametrize(
    ("mode", "ports", "wrong"),
    [
        ({"type": "SIMPLE"}, (1, 2), 2),
        ({"type": "SIMPLE"}, (1,), 1),
        ({"type": "INVENTORY"}, (1, 2), 0),
        ({"type": "CONVEYOR"}, (1, 2), 1),
        ({"type": "CUSTOM", "tagMetaData": ["RSSI", {"userDefined": "x"}]}, (1, 2), 1),
        ({"type": "PORTAL", "tagMetaData": ["ANTENNA", "RSSI"]}, (1, 2), 0),
    ],
)
def test_zebra_mode_that_does_not_report_enough(mode: dict[str, Any], ports: tuple[int, ...], wrong: int) -> None:
    assert len(zebra_mode.shortcomings(mode, ports)) == wrong


def test_zebra_mode_that_is_not_as_asked() -> None:
    asked = zebra_mode.build_mode([wish(1), wish(2)])
    found = {**asked, "transmitPower": 24.5, "query": {**asked["query"][0], "more": 1}, "environment": "DEMO"}
    assert zebra_mode.differences(asked, found) == [], "one value stands for all antennas, and the reader may say more"
    assert zebra_mode.differences(asked, {**found, "antennas": [1]}) == ["antennas: asked [1, 2], found [1]"]
    assert zebra_mode.differences(asked, {}) == [], "what it does not tell is not compared"
