"""A chain's own findings of bad firmware: read when the gateway starts, shown with each device that has it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from gateway.config import ConfigError, GatewayConfig, load_config
from gateway.fleet.findings import known_against, load_findings
from gateway.fleet.part import FleetPart
from gateway.storage.engine import Database
from tests.gateway.fleet.fleet_rig import FleetRig, PlayedDevice, PlayedEdge, Wire
from tests.gateway.small_store import ManualClock
from wire.configuration import DeviceInventory

if TYPE_CHECKING:
    from pathlib import Path

FINDINGS = """
[[firmware]]
vendor = "Impinj"
model = "Speedway R420"
below = "5.14.1"
reason = "Forgets its antennas."
source = "https://example.org/notes"
"""


def configured(folder: Path, text: str | bytes) -> GatewayConfig:
    (folder / "bad.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    (folder / "gateway.yaml").write_text("known_bad_file: bad.toml\n")
    return load_config(folder / "gateway.yaml")


def test_the_file_stands_beside_the_configuration(tmp_path: Path) -> None:
    (finding,) = load_findings(configured(tmp_path, FINDINGS))
    assert finding.reason == "Forgets its antennas."
    assert load_findings(GatewayConfig()) == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[firmware]]\nvendor = 'Impinj'\nreason = 'x'\n", "bad.toml: Object missing required field `source`"),
        ("x = [", "bad.toml: "),
        (b"reason = '\xe9'\n", "bad.toml: not UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_used_stops_the_start(tmp_path: Path, text: str | bytes, problem: str) -> None:
    config = configured(tmp_path, text)
    with pytest.raises(ConfigError, match=problem):
        load_findings(config)


async def test_a_device_shows_what_is_known_against_its_firmware(migrated_sqlite_file: Path, tmp_path: Path) -> None:
    def device(name: str, firmware: str) -> PlayedDevice:
        played = PlayedDevice(name)
        played.inventory = DeviceInventory(vendor="Impinj", model="Speedway R420", firmware=firmware)
        return played

    findings = load_findings(configured(tmp_path, FINDINGS))
    shutil.copy(migrated_sqlite_file, tmp_path / "gateway.db")
    database = Database(f"sqlite:///{tmp_path}/gateway.db")
    try:
        rig = FleetRig(database, PlayedEdge("S001", "box", devices=[device("old", "5.14.0"), device("new", "5.14.1")]))
        await rig.said()
        part = FleetPart(database, Wire(), "one", ManualClock(), findings=findings)
        views, _ = await part.board.page(None, limit=10)
        assert {
            view.name.device: [bad.reason for bad in known_against(view, part.board.findings)] for view in views
        } == {
            "old": ["Forgets its antennas."],
            "new": [],
        }
    finally:
        await database.close()
