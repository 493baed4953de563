"""Tag reads to an NDJSON file: raw, in order, flushed while it runs."""

import asyncio
import json
from datetime import datetime
from pathlib import Path

import pytest

from edge.errors import ConfigError
from edge.limits import READS_FILE_WAITING_MAX
from edge.reads_file import ReadsFile, ReadsFileFigures, reads_line, run_edge_to_file
from tests.edge.fake_driver import OURS, FakeDriver, small_site, tag_read
from tests.edge.uplink_sides import system_host, until
from wire.messages import DeviceEvent, DeviceHealth
from wire.window import TagRead

AT_US = 1_700_000_000_123_456


def test_a_line_is_json_with_an_offset_and_microseconds() -> None:
    line = json.loads(reads_line("R1", 3, OURS, -5_450, AT_US))
    assert line == {
        "t": "2023-11-14T22:13:20.123456+00:00",
        "reader": "R1",
        "antenna": 3,
        "epc": "3034257BF7194E4000001A85",
        "rssi_dbm": -54.5,
    }
    assert datetime.fromisoformat(line["t"]).timestamp() == pytest.approx(AT_US / 1e6, abs=1e-5)


async def test_every_read_is_written_as_it_came(tmp_path: Path) -> None:
    out = tmp_path / "reads.ndjson"
    driver = FakeDriver("R1")
    stopping = asyncio.Event()
    seen: list[ReadsFileFigures] = []
    task = asyncio.create_task(
        run_edge_to_file(
            small_site(prefixes=("0614141",)),
            out,
            drivers={"R1": driver},
            host=system_host(),
            stopping=stopping,
            progress=seen.append,
        )
    )
    await until(lambda: driver.running, "the driver")
    driver.push(tag_read(at_us=AT_US), tag_read(b"\x01\x02", port=2, at_us=AT_US))
    driver.push(tag_read(at_us=AT_US))
    driver.push(TagRead(1, OURS, 96, -4_000, AT_US, AT_US + 5, 9))
    driver.event(DeviceEvent("R1", 1, "up"))
    await until(lambda: out.read_text().count("\n") == 5, "lines on the disk while it runs")
    await until(lambda: bool(seen) and seen[-1].lines == 5, "progress")
    stopping.set()
    figures = await task
    assert (figures.reads, figures.lines, figures.events, figures.devices_up) == (4, 5, 1, 1)
    assert not driver.running
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["epc"] for line in lines[:3]] == [OURS.hex().upper(), "0102", OURS.hex().upper()]
    assert [line["t"][-15:-6] for line in lines[3:]] == ["20.123456", "20.123461"]


async def test_it_ends_after_its_seconds(tmp_path: Path) -> None:
    driver = FakeDriver("R1")
    figures = await run_edge_to_file(small_site(), tmp_path / "o", drivers={"R1": driver}, seconds=0.05)
    assert figures.lines == 0
    assert driver.stops == 1


async def test_devices_that_never_came_up_are_told(tmp_path: Path) -> None:
    """One comes up and goes down between two looks: it answered."""
    drivers = {name: _SilentDriver(name) for name in ("R1", "R2", "R3")}
    stopping = asyncio.Event()
    out = tmp_path / "o"
    task = asyncio.create_task(run_edge_to_file(small_site(), out, drivers=drivers, stopping=stopping))
    await until(lambda: drivers["R3"].running, "the drivers")
    drivers["R2"].event(DeviceEvent("R2", 1, "up"))
    drivers["R2"].event(DeviceEvent("R2", 2, "lost"))
    stopping.set()
    figures = await task
    assert (figures.devices, figures.devices_up, figures.never_up) == (3, 0, ("R1", "R3"))


class _SilentDriver(FakeDriver):
    def health(self) -> DeviceHealth:
        return DeviceHealth(device=self.device, driver="llrp", state="connecting", since_us=0)


async def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "reads.ndjson"
    out.write_text("precious\n")
    with pytest.raises(ConfigError, match="there already"):
        await run_edge_to_file(small_site(), out, drivers={"R1": FakeDriver("R1")}, seconds=0.01)
    await run_edge_to_file(small_site(), out, drivers={"R1": FakeDriver("R1")}, seconds=0.01, append=True)
    assert out.read_text() == "precious\n"
    with pytest.raises(ConfigError):
        ReadsFile(tmp_path / "missing" / "reads.ndjson")
    for append in (False, True):
        with pytest.raises(ConfigError, match="is a folder: name the file"):
            ReadsFile(tmp_path, append=append)


async def test_a_disk_that_is_too_slow_costs_reads_and_says_so(tmp_path: Path) -> None:
    file = ReadsFile(tmp_path / "reads.ndjson")
    file.add("R1", [tag_read(at_us=AT_US)] * (READS_FILE_WAITING_MAX + 7))
    await file.close()
    assert file.figures.dropped_lines == 7
    assert file.figures.lines == READS_FILE_WAITING_MAX


async def test_a_time_that_no_calendar_has_costs_its_line_only(tmp_path: Path) -> None:
    file = ReadsFile(tmp_path / "reads.ndjson")
    file.add("R1", [tag_read(at_us=2**63), tag_read(at_us=AT_US)])
    await file.close()
    assert (file.figures.lines, file.figures.dropped_lines) == (1, 1)
