"""The driver of barcode scanners, over a pty: every configuration, every purpose, and settings that cannot be."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from edge.drivers import build_driver
from edge.drivers.port import What
from simulator.scanners.scanner import CONFIGURATIONS, Scanner, ScannerConfig
from tests.edge.drivers.contract import Told, rig_host, until
from wire.epc import encode_sgtin96
from wire.site import Antenna, Device, DevicePurpose, Driver, Site, Zone, ZoneKind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from edge.drivers.port import Driver as DriverPort

GTIN = "09506000134352"
EAN = b"9506000134352"
FOREIGN = b"0104012345678901" + b"21X1"
ZONES = (Zone("POS", ZoneKind.CHECKOUT, False, "POS"),)
SITE = Site("store-1", "Main Street", "UTC", ZONES, (), (), company_prefixes=("9506000",))


def label(serial: int | str) -> bytes:
    return f"01{GTIN}21{serial}".encode()


def epc(serial: int) -> bytes:
    return encode_sgtin96(GTIN, serial, company_prefix_length=7)


def device(path: Path | str, purpose: DevicePurpose | None, **options: Any) -> Device:
    return Device("S1", Driver.BARCODE_SERIAL, str(path), "edge-1", zone="POS", purpose=purpose, options=options)


class Counter:
    """A scanner with its driver, and what the driver told."""

    def __init__(self, folder: Path, purpose: DevicePurpose | None, config: ScannerConfig, **options: Any) -> None:
        self.scanner = Scanner(folder, config)
        self.told = Told()
        self.driver: DriverPort = build_driver(device(self.scanner.path, purpose, **options), SITE, rig_host())

    async def up(self, times: int = 1) -> None:
        await until(lambda: self.told.times(What.UP) == times, lambda: f"the port: {self.driver.health()}")

    async def texts(self, count: int) -> list[tuple[str, str]]:
        await until(lambda: len(self.told.scans) >= count, lambda: f"{count} scans, got {self.told.scans}")
        return [(scan.text, scan.symbology) for scan in self.told.scans]

    async def counted(self, count: int) -> list[bytes]:
        await until(lambda: len(self.epcs()) >= count, lambda: f"{count} items, got {self.told.counts}")
        return self.epcs()

    def epcs(self) -> list[bytes]:
        return [one for part in self.told.counts for one in part.epcs]


@asynccontextmanager
async def standing(
    folder: Path,
    purpose: DevicePurpose | None = DevicePurpose.SALE,
    config: ScannerConfig | None = None,
    **options: Any,
) -> AsyncIterator[Counter]:
    counter = Counter(folder, purpose, config or ScannerConfig(), **options)
    counter.scanner.plug_in()
    counter.driver.start(counter.told.sink())
    try:
        await counter.up()
        yield counter
    finally:
        await counter.driver.stop()
        counter.scanner.unplug()


@pytest.mark.parametrize("name", CONFIGURATIONS)
async def test_a_scanner_works_as_it_is_configured(name: str, tmp_path: Path) -> None:
    config = CONFIGURATIONS[name]
    options = {"group_separator": "^"} if config.group_separator == b"^" else {}
    async with standing(tmp_path, DevicePurpose.RECEIVE, config, idle_ms=50, **options) as counter:
        for number, data in enumerate((EAN, label("A7\x1d10L"), EAN), 1):
            await counter.scanner.scan(data, "]d2")
            await counter.texts(number)
        aim = "]d2" if config.aim else ""
        gs = "" if name == "gs-dropped" else "\x1d"
        texts = [EAN.decode(), label(f"A7{gs}10L").decode(), EAN.decode()]
        assert await counter.texts(3) == [(text, aim) for text in texts]
        assert counter.told.times(What.UNDECODABLE) == 0
        assert counter.driver.health().reads == 3
        for scan in counter.told.scans:
            assert (scan.device, scan.purpose, scan.zone) == ("S1", "receive", "POS")


async def test_many_barcodes_of_one_burst_are_one_hand_over_in_order(tmp_path: Path) -> None:
    async with standing(tmp_path) as counter:
        counter.scanner.port.send(b"".join(counter.scanner.frame(label(serial)) for serial in range(50)))
        assert [text for text, _ in await counter.texts(50)] == [label(serial).decode() for serial in range(50)]


async def test_a_barcode_that_is_cut_by_the_unplugging_is_lost_and_said(tmp_path: Path) -> None:
    async with standing(tmp_path) as counter:
        await counter.scanner.scan(EAN)
        await counter.texts(1)
        counter.scanner.port.send(EAN[:5])
        await asyncio.sleep(0.05)
        counter.scanner.unplug()
        await until(lambda: counter.told.times(What.LOST) == 1, lambda: "the loss")
        assert counter.told.times(What.UNDECODABLE) == 1
        counter.scanner.plug_in()
        await counter.up(2)
        await counter.scanner.scan(EAN[5:])
        assert await counter.texts(2) == [(EAN.decode(), ""), (EAN[5:].decode(), "")]


async def test_bad_barcodes_are_told_once_a_second_and_also_when_nobody_scans_on(tmp_path: Path) -> None:
    async with standing(tmp_path) as counter:
        await counter.scanner.scan(b"\xb9\xb5\xb0")
        await until(lambda: counter.told.times(What.UNDECODABLE) == 1, lambda: "the first")
        await counter.scanner.scan(b"\xb9\xb5\xb0")
        await counter.scanner.scan(b"\x00\x00\x00")
        await until(lambda: counter.told.times(What.UNDECODABLE) == 2, lambda: "the others, by the clock alone")
        details = [event.detail for event in counter.told.events if event.what == What.UNDECODABLE]
        assert [detail.split(": ")[0] for detail in details] == ["1", "2"]
        assert "baud rate" in details[0]
        assert counter.driver.health().errors == 3


async def test_a_lookup_is_what_a_scanner_without_a_purpose_does(tmp_path: Path) -> None:
    async with standing(tmp_path, None) as counter:
        await counter.scanner.scan(label(1))
        await counter.texts(1)
        assert counter.told.scans[0].purpose == "lookup"


async def test_a_count_from_the_first_scan_to_its_end(tmp_path: Path) -> None:
    async with standing(tmp_path, DevicePurpose.COUNT, ScannerConfig(aim=True), coverage=0.5) as counter:
        with capture_logs() as logs:
            for data in (label(1), label(1), EAN, FOREIGN, label(2)):
                await counter.scanner.scan(data, "]d2" if data != EAN else "]E0")
            assert await counter.counted(2) == [epc(1), epc(2)]
            await counter.scanner.scan(b"LU:END", "]C0")
            await until(lambda: counter.told.counts[-1].ended_us is not None, lambda: "the end of the count")
        assert len({part.session for part in counter.told.counts}) == 1
        assert {(part.zone, part.coverage, part.site, part.edge) for part in counter.told.counts} == {
            ("POS", 0.5, "store-1", "edge-1")
        }
        assert await counter.texts(1) == [(EAN.decode(), "]E0")], "a code without a serial; the foreign item nowhere"
        assert counter.told.scans[0].purpose == "count"
        (entry,) = [entry for entry in logs if entry["event"] == "count session ended"]
        assert (entry["items"], entry["again"], entry["without_serial"], entry["foreign"]) == (2, 1, 1, 1)
        await counter.scanner.scan(label(1), "]d2")
        assert await counter.counted(3) == [epc(1), epc(2), epc(1)]
        await counter.driver.stop()
        assert counter.told.counts[-1].ended_us is not None, "a stop ends the open count"
        assert len({part.session for part in counter.told.counts}) == 2


async def test_a_count_goes_on_over_a_replug_and_ends_by_its_pause_also_without_a_port(tmp_path: Path) -> None:
    async with standing(tmp_path, DevicePurpose.COUNT, session_idle_s=1.5) as counter:
        await counter.scanner.scan(label(1))
        await counter.counted(1)
        counter.scanner.unplug()
        await until(lambda: counter.told.times(What.LOST) == 1, lambda: "the loss")
        counter.scanner.plug_in()
        await counter.up(2)
        await counter.scanner.scan(label(2))
        await counter.counted(2)
        counter.scanner.unplug()
        await until(lambda: counter.told.counts[-1].ended_us is not None, lambda: "the end by the clock")
        assert len({part.session for part in counter.told.counts}) == 1
        assert [part.coverage for part in counter.told.counts] == [0.0] * 3, "what was not scanned says nothing"


async def test_control_barcodes_are_never_goods(tmp_path: Path) -> None:
    async with standing(tmp_path) as counter:
        for data in (b"LU:END", b"LU:OPEN SESAME", EAN):
            await counter.scanner.scan(data)
        assert await counter.texts(1) == [(EAN.decode(), "")]
        events = [event for event in counter.told.events if event.what == What.UNDECODABLE]
        assert [event.detail for event in events] == ["1: control barcodes that are not known here (known: LU:END)"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"address": "COM3"}, "device S1: address: 'COM3', expected a path such as /dev/serial/by-id/"),
        ({"antennas": (Antenna(1, "POS"),)}, "device S1: antennas: a barcode scanner has none"),
        ({"zone": ""}, "device S1: zone: missing"),
        ({"options": {"coverage": 0.9}}, "device S1: coverage: only a scanner with the purpose count"),
        ({"options": {"session_idle_s": 9}}, "device S1: session_idle_s: only a scanner with the purpose count"),
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, Any], told: str) -> None:
    asked = {
        "id": "S1",
        "driver": Driver.BARCODE_SERIAL,
        "address": "/dev/ttyS0",
        "edge": "edge-1",
        "zone": "POS",
        "purpose": DevicePurpose.SALE,
    }
    with pytest.raises(ValueError, match=told):
        build_driver(Device(**(asked | wrong)), SITE, rig_host())
