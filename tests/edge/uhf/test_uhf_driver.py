"""The driver of UHF modules over a pseudo-terminal. What every driver promises is tested in `tests/edge/drivers`."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edge.drivers import build_driver
from edge.drivers.port import What
from edge.drivers.uhf_serial import UhfSerialDriver
from edge.llrp.reads import RSSI_UNKNOWN_CDBM
from edge.look_ledger import LookLedger
from edge.uhf.families import FAMILIES
from simulator.modules import chafon
from simulator.modules.chafon import ChafonModule
from simulator.modules.port import InField
from simulator.modules.pty_line import ModuleOnPty
from simulator.modules.thingmagic import ThingMagicModule
from tests.edge.drivers.contract import Told, rig_host, until
from tests.edge.drivers.rig_uhf_serial import SITE, module_device
from wire.device_options import Options
from wire.site import DevicePurpose

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from simulator.modules.port import Module

EPC = bytes.fromhex("3034257BF7194E4000001A85")
BOTH = pytest.mark.parametrize(
    ("family", "power_on"), [("thingmagic", ThingMagicModule), ("chafon", ChafonModule)], ids=["thingmagic", "chafon"]
)


class Run:
    """A module on its line, and its driver."""

    def __init__(self, line: ModuleOnPty, driver: UhfSerialDriver) -> None:
        self.line = line
        self.driver = driver
        self.told = Told()

    async def up(self) -> None:
        self.driver.start(self.told.sink())
        await until(lambda: self.driver.health().state == "up", lambda: f"up: {self.driver.health()}")

    async def told_of(self, what: What) -> None:
        await until(lambda: self.told.times(what) > 0, lambda: f"{what}: {self.told.events}")

    def event(self, what: What) -> tuple[int | None, str]:
        return next((event.port, event.detail) for event in self.told.events if event.what == what)


@asynccontextmanager
async def running(
    folder: Path, family: str, power_on: Callable[[], Module], zones: tuple[str, ...] = ("FLOOR", "FIT")
) -> AsyncIterator[Run]:
    line = ModuleOnPty(folder, power_on)
    line.plug_in()
    driver = build_driver(module_device(line.path, family, zones), SITE, rig_host())
    assert isinstance(driver, UhfSerialDriver)
    try:
        yield Run(line, driver)
    finally:
        await driver.stop()
        line.unplug()


@BOTH
async def test_an_antenna_that_fails_and_the_temperature(
    tmp_path: Path, family: str, power_on: Callable[[], Module]
) -> None:
    async with running(tmp_path, family, power_on) as run:
        module = run.line.module
        assert isinstance(module, ThingMagicModule | ChafonModule)
        module.failed = {2}
        await run.up()
        assert run.driver.health().temperature_c == module.celsius
        await run.told_of(What.ANTENNA_DOWN)
        assert run.event(What.ANTENNA_DOWN)[0] == 2
        run.driver.looked(0.0)
        await asyncio.sleep(0.5)
        looks = {look.port: look.inventory_ms for look in run.driver.looked(0.0)}
        assert looks[1] > 0
        assert looks[2] == 0
        run.line.unplug()
        await run.told_of(What.LOST)
        run.line.plug_in()
        await run.told_of(What.ANTENNA_UP)
        assert run.told.times(What.ANTENNA_DOWN) == 1
        assert run.event(What.ANTENNA_UP)[0] == 2


async def test_a_module_that_hangs_is_left_and_found_again(tmp_path: Path) -> None:
    async with running(tmp_path, "thingmagic", ThingMagicModule) as run:
        await run.up()
        run.line.mute = True
        await run.told_of(What.LOST)
        assert "silent" in run.event(What.LOST)[1]
        run.line.mute = False
        await until(lambda: run.told.times(What.UP) == 2, lambda: f"up again: {run.driver.health()}")


async def test_a_stop_leaves_the_module_still(tmp_path: Path) -> None:
    async with running(tmp_path, "thingmagic", ThingMagicModule) as run:
        await run.up()
        module = run.line.module
        assert isinstance(module, ThingMagicModule)
        assert module.reading
        await run.driver.stop()
        await until(lambda: not module.reading, lambda: "the module to stop")


async def test_the_old_dialect_says_no_signal_strength(tmp_path: Path) -> None:
    async with running(tmp_path, "chafon", lambda: ChafonModule(old=True), ("FLOOR",)) as run:
        await run.up()
        run.line.present(1, InField(EPC, -50))
        await until(lambda: bool(run.told.reads), lambda: "a read")
        assert run.told.reads[0].rssi_cdbm == RSSI_UNKNOWN_CDBM
        assert run.told.reads[0].epc == EPC


async def test_overflows_are_told_at_most_once_a_second(tmp_path: Path) -> None:
    async with running(tmp_path, "chafon", ChafonModule) as run:
        await run.up()
        module = run.line.module
        assert isinstance(module, ChafonModule)
        module.memory = 2
        for number in range(1, 11):
            for _ in range(3):
                module.field.put(1, InField(EPC, -50))
            run.line.present(2, InField(EPC, -50))
            await until(lambda seen=3 * number: len(run.told.reads) >= seen, lambda: "the tags")  # type: ignore[misc]
        assert 1 <= run.told.times(What.READER_OVERFLOW) < 10
        assert run.event(What.READER_OVERFLOW) == (None, "more tags than the module has room for")


async def test_the_same_complaint_is_told_once(tmp_path: Path) -> None:
    async with running(tmp_path, "chafon", ChafonModule) as run:
        await run.up()
        complaints = 0

        def refuse(data: bytes) -> bytes:
            nonlocal complaints
            complaints += data[2] == 0x01
            return chafon.said(0x01, 0xF9) if data[2] == 0x01 else data

        run.line.on_said = refuse
        await until(lambda: complaints >= 5, lambda: "five complaints")
        assert [event.detail for event in run.told.events if event.what == What.READER_EXCEPTION] == [
            "0xF9 cannot be carried out"
        ]
        assert run.driver.health().state == "up"


async def test_reads_of_an_antenna_that_nobody_configured_are_counted(tmp_path: Path) -> None:
    async with running(tmp_path, "thingmagic", ThingMagicModule) as run:
        await run.up()
        module = run.line.module
        assert isinstance(module, ThingMagicModule)
        module._list = (1, 2, 3)
        run.line.present(3, InField(EPC, -50))
        await run.told_of(What.UNDECODABLE)
        assert run.event(What.UNDECODABLE)[1] == "1: reads of an antenna that is not in the site file"
        assert not run.told.reads


def test_ports_share_the_time_in_which_they_took_turns() -> None:
    ledger = LookLedger("M1", (1, 2))
    ledger.credit((1, 2, 7), 3.0)
    ledger.credit((2,), 0.0015)
    ledger.credit((2,), 0.0015)
    assert [(look.port, look.inventory_ms) for look in ledger.take()] == [(1, 1_000), (2, 1_003)]
    ledger.credit((1,), 0.0004)
    assert [look.inventory_ms for look in ledger.take()] == [0, 0]
    ledger.credit((1,), 0.0007)
    assert [look.inventory_ms for look in ledger.take()] == [1, 0], "fractions stay"


async def test_settings_stand_in_the_first_look_only(tmp_path: Path) -> None:
    async with running(tmp_path, "thingmagic", ThingMagicModule) as run:
        await run.up()
        first, again = run.driver.looked(0.0), run.driver.looked(0.0)
        assert [look.settings is not None for look in first] == [True, True]
        assert first[1].settings is not None
        assert first[1].settings.tx_power_cdbm == 2_000, "a fitting room's"
        assert [look.settings for look in again] == [None, None]


# -- settings that cannot be used


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            {"family": "thingmagic"},
            "device M1: region: the module does not transmit before it is told one of AU, CN, EU",
        ),
        ({"family": "chafon", "region": "JP"}, "device M1: region: 'JP', expected one of CN, EU, KR, NA, TW"),
        ({"family": "chafon", "keepalive_s": 0.1}, "device M1: keepalive_s: 0.1, expected 0.3 to 10"),
        ({"family": "chafon", "on_s": 5}, "device M1: on_s and off_s: a duty cycle needs both"),
        ({}, "device M1: family: which modules are these? one of chafon, thingmagic"),
    ],
)
def test_settings_that_cannot_be_used(options: dict[str, str | int | float | bool], problem: str) -> None:
    device = replace(module_device(Path("/dev/null"), "chafon"), options=options)
    with pytest.raises(ValueError, match="device M1") as raised:
        build_driver(device, SITE, rig_host())
    assert str(raised.value).startswith(problem)


def test_antennas_and_profiles_that_cannot_be_used() -> None:
    device = module_device(Path("/dev/null"), "chafon")
    for wrong, problem in (
        (replace(device, antennas=()), "antennas: a UHF module needs at least one"),
        (replace(device, antennas=(replace(device.antennas[0], port=17),)), "antennas: port 17, expected 1 to 16"),
        (replace(device, profile="none-such"), "profile 'none-such'"),
    ):
        with pytest.raises(ValueError, match="device M1: ") as raised:
            build_driver(wrong, SITE, rig_host())
        assert problem in str(raised.value)


async def test_the_purpose_of_the_device_goes_before_the_zones(tmp_path: Path) -> None:
    device = replace(module_device(tmp_path / "none", "chafon"), purpose=DevicePurpose.SHELF)
    driver = build_driver(device, SITE, rig_host())
    assert isinstance(driver, UhfSerialDriver)
    assert [(ask.session, ask.power_cdbm) for ask in driver._plan.ports] == [(0, 2_400), (0, 2_400)]


async def test_only_a_module_that_rests_can_look_harder(tmp_path: Path) -> None:
    device = module_device(tmp_path / "none", "chafon")
    driver = build_driver(device, SITE, rig_host())
    assert isinstance(driver, UhfSerialDriver)
    assert not driver.look_harder(60)
    resting = build_driver(replace(device, options=device.options | {"on_s": 5.0, "off_s": 55.0}), SITE, rig_host())
    assert isinstance(resting, UhfSerialDriver)
    assert resting.look_harder(60)


def test_the_site_file_and_the_document_know_the_families() -> None:
    family = Options.__annotations__["family"]
    assert set(FAMILIES) == set(family.__args__[0].__args__)
    text = (Path(__file__).parents[3] / "docs" / "uhf-modules.md").read_text()
    row = next(line for line in text.splitlines() if line.startswith("| `region` |"))
    for name, facts in FAMILIES.items():
        assert f"`{name}`" in text
        assert f"{facts.baud:,} baud" in text
        said = row.partition(f"`{name}`:")[2].partition(".")[0]
        assert {region.strip() for region in said.replace("|", ",").split(",")} >= facts.regions
