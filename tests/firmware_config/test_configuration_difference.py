"""What a fleet should be against what it is."""

from __future__ import annotations

import msgspec

from firmware_config.difference import Row, differences, in_step, profile_changes
from firmware_config.profile import load_profile, parse_profile, profile_hash, profile_table
from wire.configuration import (
    DesiredConfig,
    DesiredDevice,
    ReportedAntenna,
    ReportedConfig,
    ReportedDevice,
    desired_config,
)

STOCK, PORTAL = load_profile("impinj-r700-stock"), load_profile("impinj-r700-portal")
STOCK_HASH, PORTAL_HASH = profile_hash(STOCK), profile_hash(PORTAL)
NAMES = {STOCK_HASH: "impinj-r700-stock", PORTAL_HASH: "impinj-r700-portal"}


def wish(*devices: tuple[str, str], version: int = 3) -> DesiredConfig:
    return desired_config(
        site="S001",
        edge="edge-1",
        version=version,
        at_us=1,
        devices=[DesiredDevice(device=name, profile=NAMES[key], profile_hash=key) for name, key in devices],
        profiles={STOCK_HASH: profile_table(STOCK), PORTAL_HASH: profile_table(PORTAL)},
    )


def device(name: str, key: str = STOCK_HASH, state: str = "applied", **more: object) -> ReportedDevice:
    shape = {"device": name, "driver": "llrp", "state": state, "at_us": 1, "profile": NAMES.get(key, ""), **more}
    return msgspec.convert(shape | {"profile_hash": key}, ReportedDevice)


def report(desired: DesiredConfig, *devices: ReportedDevice, error: str = "") -> ReportedConfig:
    return ReportedConfig(
        site="S001",
        edge="edge-1",
        version=desired.version,
        hash=desired.hash,
        at_us=2,
        error=error,
        devices=devices,
    )


WISH = wish(("R-1", STOCK_HASH), ("R-2", PORTAL_HASH))
AS_ASKED = (device("R-1"), device("R-2", PORTAL_HASH))


def test_a_fleet_that_is_what_it_should_be_has_no_rows() -> None:
    assert differences(WISH, report(WISH, *AS_ASKED)) == ()
    assert differences(WISH, report(WISH, *AS_ASKED, device("TILL", "", "unable"), device("R-3", "", "waiting"))) == ()
    assert differences(None, None) == ()
    assert in_step(WISH, report(WISH))
    assert in_step(None, None)


def test_an_edge_that_never_reported_or_is_behind_or_ahead() -> None:
    assert differences(WISH, None) == (Row("", "report", "version 3", "none", "the edge has never reported"),)
    older, newer = wish(("R-1", STOCK_HASH), version=2), wish(("R-1", STOCK_HASH), version=4)
    same = wish(("R-1", PORTAL_HASH))
    for other, why in (
        (older, "it has not come to the edge yet"),
        (newer, "the edge runs a newer one than is on record here: ask with a higher version"),
        (same, "the same version with other contents: ask with a higher version"),
    ):
        found = report(other, *AS_ASKED)
        row = Row("", "version", f"3 ({WISH.hash})", f"{other.version} ({other.hash})", why)
        assert differences(WISH, found) == (row,)
        assert not in_step(WISH, found)
    refused = report(older, *AS_ASKED, error="version 3: hash: damaged")
    assert differences(WISH, refused)[0].why == "version 3: hash: damaged"
    assert differences(None, report(older))[0].why == "the edge runs a configuration that is not on record here"


def test_a_report_that_left_things_out_is_said() -> None:
    assert differences(WISH, report(WISH, *AS_ASKED, error="this report leaves out all antennas"))[0].what == "report"


def test_each_device_that_is_not_as_asked() -> None:
    found = report(
        WISH,
        device("R-1", state="refused", problems=["profile impinj-r700-portal: no"]),
        device("R-2", STOCK_HASH, "refused", problems=["session 7"]),
        device("R-5", STOCK_HASH, "differs", problems=["port 1: 27 dBm"]),
    )
    assert differences(wish(("R-0", STOCK_HASH), ("R-1", STOCK_HASH), ("R-2", PORTAL_HASH)), found)[1:] == (
        Row("R-0", "device", "impinj-r700-stock", "none", "the edge's site file does not name it"),
        Row("R-1", "state", "applied", "refused", "profile impinj-r700-portal: no"),
        Row("R-2", "profile", "impinj-r700-portal", "impinj-r700-stock", "session 7"),
        Row("R-5", "state", "applied", "differs", "port 1: 27 dBm"),
    )


def test_the_nearest_and_not_yet_are_rows_and_no_drift() -> None:
    found = report(
        WISH,
        device("R-1", state="adapted", problems=["port 1: 30 dBm: at most 29"]),
        device("R-2", PORTAL_HASH, "waiting"),
    )
    rows = differences(WISH, found)
    assert [(row.device, row.found, row.drift) for row in rows] == [
        ("R-1", "adapted", False),
        ("R-2", "waiting", False),
    ]


def test_power_that_was_read_back_otherwise() -> None:
    def antenna(port: int, asked_dbm: float | None, power_cdbm: int | None) -> ReportedAntenna:
        return ReportedAntenna(port=port, asked_dbm=asked_dbm, power_cdbm=power_cdbm)

    ports = (
        antenna(1, 27.1, 2700),
        antenna(2, 27.0, 2725),
        antenna(3, 27.0, 2500),
        antenna(4, None, 3000),
        antenna(5, 27.0, None),
    )
    asked = wish(("R-1", STOCK_HASH))
    rows = differences(asked, report(asked, msgspec.structs.replace(device("R-1"), antennas=ports)))
    assert [(row.what, row.asked, row.found) for row in rows] == [
        ("port 2 power", "27 dBm", "27.25 dBm"),
        ("port 3 power", "27 dBm", "25 dBm"),
    ]
    adapted = msgspec.structs.replace(device("R-1", state="adapted"), antennas=ports)
    assert [row.what for row in differences(asked, report(asked, adapted))] == ["state", "port 2 power"]


def test_what_a_roll_out_changes() -> None:
    new = parse_profile('extends = "impinj-r700-stock"\nkeepalive_ms = 2000\n[stock]\npower_dbm = 27.5\n', "mine")
    old, table = profile_table(STOCK), profile_table(new)
    assert [row[1:4] for row in profile_changes(old, table)] == [
        ("keepalive_ms", "2000", "5000"),
        ("stock.power_dbm", "27.5", "the most"),
    ]
    assert [row[1:4] for row in profile_changes({"mode_ids": [1, 2]}, {"mode_ids": []})] == [
        ("mode_ids", "none", "1, 2")
    ]
    assert profile_changes(old, old) == ()
