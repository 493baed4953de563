"""What each driver says of its device's configuration, on the rigs of the driver contract: nothing until it is up."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from edge.drivers import build_driver
from edge.drivers.port import Configurable
from firmware_config.profile import ProfileError, load_any
from firmware_config.vendors import FALLBACK_PROFILE
from simulator.reader.persona import load_persona
from simulator.reader.server import ReaderServer
from simulator.scanners.scanner import CONFIGURATIONS
from tests.edge.configuration.twin import own_profile
from tests.edge.drivers.contract import Bench, RigFactory, Told, rig_host
from tests.edge.drivers.test_driver_contract import RIGS, opened
from tests.edge.iot.json_sites import SITE as JSON_SITE
from tests.edge.iot.json_sites import impinj_device, login_files, zebra_device
from tests.edge.llrp.store_reader import SITE, device, until
from wire.configuration import DeviceInventory
from wire.site import Antenna, Device, Driver

if TYPE_CHECKING:
    from pathlib import Path

    from edge.drivers.port import Driver as DriverPort
    from edge.drivers.port import Readback

ALIKE = {"llrp-1.1", "llrp-calling", "llrp-calling-tls", "llrp-tls", "barcode_serial-count"}
"""Rigs whose driver another rig shows already."""


@pytest.fixture(params=sorted(RIGS.keys() - ALIKE))
def make(request: pytest.FixtureRequest) -> RigFactory:
    return RIGS[request.param]


async def test_each_driver_tells_what_it_read_back_once_it_is_up(make: RigFactory, tmp_path: Path) -> None:
    async with opened(make, tmp_path) as bench:
        driver = bench.driver
        if not isinstance(driver, Configurable):
            assert bench.rig.gives == "counts"
            return
        assert driver.configuration() is None
        bench.start()
        await bench.up()
        found = driver.configuration()
        assert found is not None
        assert tuple(antenna.port for antenna in found.antennas) == bench.rig.ports
        if bench.rig.gives == "reads":
            assert found.profile is not None


async def read_back(driver: DriverPort) -> Readback:
    """Let a driver bring its device up, and return what it read back."""
    told = Told()
    driver.start(told.sink())
    try:
        assert isinstance(driver, Configurable)
        await until(lambda: driver.configuration() is not None)
        found = driver.configuration()
    finally:
        await driver.stop()
    assert found is not None
    return found


POWERS = """
extends = "impinj-r700-stock"
title = "x"
[stock]
power_dbm = 21.5
session = 1
[fitting_room]
power_dbm = 11.0
"""


async def test_an_r700_over_http_runs_a_profile_by_value(tmp_path: Path) -> None:
    async with RIGS["impinj_iot-http"](tmp_path) as rig:
        options = {"keepalive_s": 1, **login_files(tmp_path)}
        antennas = (Antenna(1, "FLOOR"), Antenna(2, "FIT"))
        asked = impinj_device(rig._reader.address, options, antennas)  # type: ignore[attr-defined]
        found = await read_back(build_driver(asked, JSON_SITE, rig_host(), own_profile(POWERS)))
    floor, cabin = found.antennas
    assert (floor.port, floor.power_cdbm, floor.session) == (1, 2_150, 1)
    assert (cabin.purpose, cabin.power_cdbm) == ("fitting_room", 1_100)
    assert (found.problems, found.differences) == ((), ())
    assert found.inventory is not None
    assert (found.inventory.model, found.inventory.firmware, found.inventory.serial) == (
        "R700",
        "8.2.0.240",
        "37020340091",
    )


async def test_an_r700_that_somebody_else_starts_takes_no_profile(tmp_path: Path) -> None:
    async with RIGS["impinj_iot-http"](tmp_path) as rig:
        reader = rig._reader  # type: ignore[attr-defined]
        reader._start_preset("default")
        options = {"keepalive_s": 1, "start": False, **login_files(tmp_path)}
        driver = build_driver(impinj_device(reader.address, options), JSON_SITE, rig_host(), own_profile(POWERS))
        reader.stream_config["keepAliveIntervalSeconds"] = 1
        found = await read_back(driver)
    assert "started by somebody else" in found.problems[0]
    assert not found.takes_profile
    assert found.antennas[0].power_cdbm == 3_000


async def test_a_login_that_may_not_ask_for_the_system_reads_all_the_same(tmp_path: Path) -> None:
    async with RIGS["impinj_iot-http"](tmp_path) as rig:
        reader = rig._reader  # type: ignore[attr-defined]
        reader.closed = ("system",)
        options = {"keepalive_s": 1, **login_files(tmp_path)}
        found = await read_back(build_driver(impinj_device(reader.address, options), JSON_SITE, rig_host()))
    assert found.inventory == DeviceInventory(vendor="Impinj")
    assert found.differences == ()


async def test_a_reader_behind_a_broker_that_we_cannot_reach_takes_no_profile(tmp_path: Path) -> None:
    async with RIGS["impinj_iot-mqtt"](tmp_path) as rig:
        reader, broker = rig._reader, rig._broker  # type: ignore[attr-defined]
        await reader.publish_to("127.0.0.1", broker.port, "s1/R7/events", "s1/R7/state")
        reader._start_preset("default")
        topics = {"topic": "s1/R7/events", "management_topic": "s1/R7/state"}
        asked = impinj_device(reader.address, {"via": "mqtt", "broker": broker.url, **topics})
        driver = build_driver(asked, JSON_SITE, rig_host(), own_profile(POWERS))
        driver.start(Told().sink())
        assert isinstance(driver, Configurable)
        while driver.configuration() is None:
            reader.see(bytes(12), 1)
            await asyncio.sleep(0.02)
        found = driver.configuration()
        await driver.stop()
    assert found is not None
    assert not found.takes_profile
    assert [antenna.power_cdbm for antenna in found.antennas] == [None, None]


async def test_a_zebra_reader_runs_a_profile_by_value(tmp_path: Path) -> None:
    async with RIGS["zebra_iotc"](tmp_path) as rig:
        broker = rig._broker.url  # type: ignore[attr-defined]
        commands = {"command_topic": "s1/Z9/commands", "response_topic": "s1/Z9/answers"}
        asked = zebra_device(
            {"broker": broker, "keepalive_s": 0.2, **commands}, (Antenna(1, "FLOOR"), Antenna(2, "FIT"))
        )
        found = await read_back(build_driver(asked, JSON_SITE, rig_host(), own_profile(POWERS)))
    assert [(one.power_cdbm, one.session, one.target) for one in found.antennas] == [
        (2_150, 1, "dual"),
        (1_100, 1, "dual"),
    ]
    assert found.differences == ()


async def test_a_module_on_a_serial_port_says_what_it_cannot(tmp_path: Path) -> None:
    text = f'extends = "{FALLBACK_PROFILE}"\ntitle = "x"\n[stock]\npower_dbm = 33.0\n[fitting_room]\npower_dbm = 33.0\n'
    async with RIGS["uhf_serial-chafon288"](tmp_path) as rig:
        from tests.edge.drivers.rig_uhf_serial import SITE as UHF_SITE
        from tests.edge.drivers.rig_uhf_serial import module_device

        asked = module_device(rig.line.path, "chafon")  # type: ignore[attr-defined]
        found = await read_back(build_driver(asked, UHF_SITE, rig_host(), own_profile(text)))
    assert found.problems[0].startswith("port 1: 33 dBm asked, 30 dBm set")
    assert found.antennas[0].power_cdbm == 3_000
    assert found.inventory is not None
    assert found.inventory.vendor == "Chafon"
    assert re.fullmatch(r"\d+\.\d+", found.inventory.firmware)


async def test_the_law_lowers_what_a_profile_asks_and_says_so() -> None:
    text = 'extends = "impinj-r420-stock"\ntitle = "x"\n[stock]\npower_dbm = 30.0\n'
    async with ReaderServer("R1", load_persona("impinj-r420-like")) as reader:
        asked = replace(device(reader.address), antennas=(Antenna(1, "FLOOR", gain_dbi=9.0),))
        found = await read_back(build_driver(asked, SITE, rig_host(), own_profile(text)))
    assert found.antennas[0].power_cdbm == 2_700
    assert "at most 27 dBm" in found.problems[0]


TRIGGER = 'extends = "impinj-r420-stock"\ntitle = "x"\n[stock]\non_s = 0.4\noff_s = 0.2\nair_filter = "sgtin"\n'


async def test_a_profiles_trigger_and_filter_reach_the_reader_and_the_site_file_goes_before() -> None:
    async with ReaderServer("R1", load_persona("impinj-r420-like")) as reader:
        asked = replace(device(reader.address), antennas=(Antenna(1, "FLOOR"),))
        assert (await read_back(build_driver(asked, SITE, rig_host(), own_profile(TRIGGER)))).differences == ()
        assert "START_ROSPEC" not in reader.heard
        own = replace(asked, options={**asked.options, "on_s": 60.0, "off_s": 60.0})
        driver = build_driver(own, SITE, rig_host(), own_profile(TRIGGER))
        assert driver._new_session(may_negotiate=True)._dialogue._wishes.schedule.on_ms == 60_000  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("driver", "address", "profile", "why"),
    [
        (Driver.LLRP, "10.0.0.1", "scanner-generic", "is for barcode scanners"),
        (Driver.BARCODE_SERIAL, "/dev/x", "impinj-r420-stock", "is for readers"),
        (Driver.FILE, "/srv/counts", "impinj-r420-stock", "is for readers"),
    ],
)
def test_a_profile_of_another_kind_is_refused(driver: Driver, address: str, profile: str, why: str) -> None:
    antennas = (Antenna(1, "FLOOR"),) if driver is Driver.LLRP else ()
    asked = Device("D1", driver, address, "edge-1", zone="FLOOR", antennas=antennas)
    with pytest.raises(ProfileError, match=why):
        build_driver(asked, SITE, rig_host(), load_any(profile))


async def test_a_scanners_profile_says_what_to_expect(tmp_path: Path) -> None:
    """A scanner that sends a tab: without the profile its code would end after a pause only, and hold the prefix."""
    async with RIGS["barcode_serial-sale"](tmp_path) as rig:
        scanner = rig._scanner  # type: ignore[attr-defined]
        scanner.config = CONFIGURATIONS["usb-tab"]._replace(prefix=b"~")
        profile = own_profile('kind = "scanner"\ntitle = "x"\ninterface = "usb_cdc"\nsuffix = "tab"\nprefix = "~"\n')
        asked = Device("S1", Driver.BARCODE_SERIAL, str(scanner.path), "edge-1", zone="FLOOR")
        bench = Bench(rig)
        bench.driver = build_driver(asked, SITE, rig_host(), profile)
        bench.start()
        await bench.up()
        await rig.present(b"\x30" * 12, 0)
        await until(lambda: bool(bench.told.scans))
        assert isinstance(bench.driver, Configurable)
        found = bench.driver.configuration()
        await bench.driver.stop()
    assert found is not None
    assert found.profile == profile
    assert [scan.text for scan in bench.told.scans] == ["30" * 12]
