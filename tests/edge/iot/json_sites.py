"""A store with one reader that speaks JSON, and what its site file says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from wire.site import Antenna, Device, DevicePurpose, Driver, Site, Zone, ZoneKind

if TYPE_CHECKING:
    from pathlib import Path

SITE = Site(
    "store-001",
    "Main Street",
    "UTC",
    (Zone("FLOOR", ZoneKind.SALES_FLOOR, True, "FLOOR"), Zone("FIT", ZoneKind.FITTING_ROOM, False, "FIT")),
    (),
    (),
)
LOGIN = ("root", "impinj")
ANTENNAS = (Antenna(1, "FLOOR"), Antenna(2, "FIT", power_dbm=15.0))


Options: TypeAlias = dict[str, str | int | float | bool]


def secret(folder: Path, name: str, text: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text + "\n")
    return str(folder / name)


def login_files(folder: Path, name: str = LOGIN[0], password: str = LOGIN[1]) -> Options:
    return {"username_file": secret(folder, "name", name), "password_file": secret(folder, "password", password)}


def impinj_device(
    address: str,
    options: Options,
    antennas: tuple[Antenna, ...] = ANTENNAS,
    purpose: DevicePurpose | None = None,
) -> Device:
    return Device(
        "R7",
        Driver.IMPINJ_IOT,
        address,
        "edge-1",
        antennas=antennas,
        options={"tls": False, **options},
        purpose=purpose,
    )


def zebra_device(options: Options, antennas: tuple[Antenna, ...] = ANTENNAS) -> Device:
    topics = {"topic": "s1/Z9/data", "management_topic": "s1/Z9/events"}
    return Device("Z9", Driver.ZEBRA_IOTC, "Z9", "edge-1", antennas=antennas, options={**topics, **options})


COMMANDS: Options = {
    "command_topic": "s1/Z9/commands",
    "response_topic": "s1/Z9/answers",
}
