"""A profile's defaults for a device's options: the site file goes before, and what cannot be told is said."""

from __future__ import annotations

import pytest

from firmware_config.profile import Purpose, load_any, load_profile, parse_any, parse_profile
from firmware_config.settings import DWELLING, READER_DRIVERS, settings_for, unfit
from wire.device_options import OPTIONS_OF, READER_PURPOSES
from wire.errors import SiteFileError
from wire.site import DevicePurpose, Driver
from wire.site_file import parse_site

CYCLE = 'extends = "generic-llrp-stock"\n[stock]\non_s = 5\noff_s = 10\nair_filter = "sgtin"\n'
INPUT = 'extends = "generic-llrp-stock"\n[portal]\ngpi_port = 1\ngpi_level = "low"\ngpi_timeout_s = 4\n'


def test_our_own_profiles_change_no_option() -> None:
    for name in ("generic-llrp-stock", "impinj-r700-portal", "thingmagic-m6e-shelf"):
        for driver in READER_DRIVERS:
            found = settings_for(load_profile(name), list(Purpose), driver, {"keepalive_s": 2.0})
            assert (found.options, found.problems) == ({"keepalive_s": 2.0}, ())


def test_a_profiles_triggers_and_filters_are_defaults() -> None:
    cycle = settings_for(parse_profile(CYCLE, "mine"), [Purpose.STOCK], Driver.LLRP, {"keepalive_s": 2.0})
    assert cycle.options == {"keepalive_s": 2.0, "on_s": 5.0, "off_s": 10.0, "air_filter": "sgtin"}
    by_input = settings_for(parse_profile(INPUT, "mine"), [Purpose.PORTAL, Purpose.PORTAL], Driver.LLRP, {})
    assert by_input.options == {"gpi_port": 1, "gpi_level": "low", "gpi_timeout_s": 4.0}
    assert cycle.problems == by_input.problems == ()


@pytest.mark.parametrize("own", [{"on_s": 1.0, "off_s": 1.0}, {"gpi_port": 3}])
def test_a_trigger_of_the_site_file_displaces_the_profiles_whole_one(own: dict[str, float]) -> None:
    for text, purpose in ((CYCLE, Purpose.STOCK), (INPUT, Purpose.PORTAL)):
        found = settings_for(parse_profile(text, "mine"), [purpose], Driver.LLRP, {**own, "air_filter": "prefix"})
        assert found.options == {**own, "air_filter": "prefix"}


def test_antennas_that_want_different_triggers_get_none_and_it_is_said() -> None:
    found = settings_for(parse_profile(CYCLE, "mine"), [Purpose.PORTAL, Purpose.STOCK], Driver.LLRP, {})
    assert found.options == {}
    trigger, air_filter = found.problems
    one = "a reader has one for all its antennas, and here stock wants"
    assert trigger == f"trigger: {one} on_s 5.0, off_s 10.0; portal wants none: none is set"
    assert air_filter == f"air_filter: {one} air_filter sgtin; portal wants none: none is set"


@pytest.mark.parametrize("driver", sorted(READER_DRIVERS))
def test_what_a_driver_cannot_be_told_is_said(driver: Driver) -> None:
    profile = parse_profile(CYCLE + "dwell_ms = 200\n", "mine")
    found = settings_for(profile, [Purpose.STOCK], driver, {})
    assert found.options.keys() <= OPTIONS_OF[driver]
    said = {problem.partition(":")[0] for problem in found.problems}
    dwell = set() if driver in DWELLING else {"dwell_ms"}
    assert said | found.options.keys() == {"on_s", "off_s", "air_filter"} | dwell
    assert not said & found.options.keys()


def test_a_scanners_profile_tells_the_driver_what_to_expect() -> None:
    profile = parse_any('extends = "scanner-rs232"\nsuffix = "lf"\ngroup_separator = "^"\nidle_ms = 50\n', "mine")
    found = settings_for(profile, [], Driver.BARCODE_SERIAL, {"suffix": "tab"})
    assert found.options == {"suffix": "tab", "baud": 9600, "group_separator": "^", "idle_ms": 50}
    assert found.problems == ()


def test_which_profile_fits_which_driver() -> None:
    scanner, reader = load_any("scanner-zebra"), load_any("impinj-r700-stock")
    assert {driver for driver in Driver if not unfit(scanner, driver)} == {Driver.BARCODE_SERIAL}
    assert {driver for driver in Driver if not unfit(reader, driver)} == READER_DRIVERS
    assert (
        unfit(scanner, Driver.LLRP) == "profile 'scanner-zebra' is for barcode scanners, the device's driver is 'llrp'"
    )


def test_a_site_file_may_name_each_purpose_of_an_antenna() -> None:
    assert {purpose.value for purpose in READER_PURPOSES} == {purpose.value for purpose in Purpose}


SITE = """
site: S001
zones: [{{id: POS, kind: checkout}}]
devices:
  - id: R-1
    driver: llrp
    address: 10.0.0.1
    purpose: checkout
    region: ETSI
    antennas: [{{port: 1, zone: POS, gain_dbi: 6, cable_loss_db: {loss}}}]
"""


def test_a_site_file_says_purpose_region_and_cable() -> None:
    (device,) = parse_site(SITE.format(loss=1.5)).devices
    assert device.purpose is DevicePurpose.CHECKOUT
    assert device.options["region"] == "ETSI"
    assert device.antennas[0].cable_loss_db == 1.5


@pytest.mark.parametrize("loss", ["-0.1", "20.1", ".nan"])
def test_a_cable_that_cannot_be(loss: str) -> None:
    with pytest.raises(SiteFileError, match=r"line 10: devices\[0\]\.antennas\[0\]\.cable_loss_db"):
        parse_site(SITE.format(loss=loss))
