"""One of each configuration document, with every key set once: what stands beside this file as JSON."""

from pathlib import Path
from typing import Any

from wire.configuration import (
    DesiredDevice,
    DeviceInventory,
    ReportedAntenna,
    ReportedConfig,
    ReportedDevice,
    desired_config,
    encode_desired,
    encode_reported,
    table_hash,
)

FOLDER = Path(__file__).parent
NOW_US = 1_790_000_000_000_000
PORTAL: dict[str, Any] = {"purpose": "portal", "portal": {"session": 0, "power_dbm": 27.5, "mode_ids": [0, 1]}}
SHELF: dict[str, Any] = {"purpose": "shelf", "title": "Schuhregal für Damen"}
TABLES = {table_hash(PORTAL): PORTAL, table_hash(SHELF): SHELF}

DESIRED = desired_config(
    site="S001",
    edge="edge-1",
    version=7,
    at_us=NOW_US,
    devices=(
        DesiredDevice(device="R-2", profile="shelf-shoes", profile_hash=table_hash(SHELF)),
        DesiredDevice(device="R-1", profile="portal-main", profile_hash=table_hash(PORTAL)),
    ),
    profiles=TABLES,
)

REPORTED = ReportedConfig(
    site="S001",
    edge="edge-1",
    version=7,
    hash=DESIRED.hash,
    at_us=NOW_US + 5_000_000,
    error="version 8: profiles.0123456789abcdef: damaged",
    devices=(
        ReportedDevice(
            device="R-1",
            driver="llrp",
            state="adapted",
            at_us=NOW_US + 4_000_000,
            profile="portal-main",
            profile_hash=table_hash(PORTAL),
            source="desired",
            problems=("port 1: 27.5 dBm asked, the reader's nearest below is 27.4 dBm",),
            antennas=(
                ReportedAntenna(
                    port=1, purpose="portal", asked_dbm=27.5, power_cdbm=2740, mode=0, session=0, target="dual"
                ),
                ReportedAntenna(port=2),
            ),
            inventory=DeviceInventory(vendor="Zebra", model="FX9600-4", firmware="2.7.19.0", serial="84248DEE9C0A"),
        ),
        ReportedDevice(device="TILL", driver="barcode_serial", state="waiting", at_us=NOW_US),
    ),
)

FILES = {"desired.json": encode_desired(DESIRED), "reported.json": encode_reported(REPORTED)}

if __name__ == "__main__":
    for name, payload in FILES.items():
        (FOLDER / name).write_bytes(payload)
