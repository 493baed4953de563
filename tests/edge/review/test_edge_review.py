"""The daemon, its witness, the sllurp driver and the doctor: what a hostile look found."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest

from edge import sllurp_child
from edge.drivers import sllurp
from edge.drivers.port import What
from edge.drivers.sllurp import SllurpDriver
from edge.drivers.standing import Standing
from tests.edge.drivers.contract import Told, rig_host, until
from tests.edge.fake_driver import ManualTime, tag_read
from tests.edge.test_daemon import SITE as SITE_ID
from tests.edge.test_daemon import SettledDriver, open_shop, settings_of
from tests.edge.test_doctor import about, findings_of, llrp, reader, told
from tests.edge.test_pipeline import Bench
from wire.errors import SiteFileError
from wire.messages import AntennaSettings, DeviceEvent, DeviceEvents, Gap, Scan, decode_durable, encode_durable
from wire.site_file import parse_site

if TYPE_CHECKING:
    from pathlib import Path

    from wire.messages import AntennaLook
    from wire.window import TagRead

# -- the daemon and its pipeline


async def test_settings_are_said_again_after_a_row_was_given_up(tmp_path: Path) -> None:
    """Rows that never became durable leave no hole in the stream: nobody would ask for what stood in them."""
    async with open_shop(tmp_path) as shop:
        driver = shop.drivers["R1"] = SettledDriver("R1")
        daemon = shop.daemon()
        await daemon.start()
        await until(lambda: len(settings_of(shop.gateway.messages())) >= 2, lambda: "two windows")
        assert settings_of(shop.gateway.messages())[:2] == [True, False]
        assert driver.sink is not None
        driver.sink.on_scans([Scan("R1", 1, "lookup", "x" * 300_000)])
        await until(lambda: settings_of(shop.gateway.messages()).count(True) == 2, lambda: "the settings again")
        assert daemon.stats().intake.dropped_rows == 1
        windows = len(settings_of(shop.gateway.messages()))
        await until(lambda: len(settings_of(shop.gateway.messages())) > windows + 1, lambda: "more windows")
        assert settings_of(shop.gateway.messages()).count(True) == 2
        await daemon.stop()
    assert SITE_ID == "store-1"


def test_a_window_that_cannot_be_encoded_is_a_gap_and_its_settings_are_said_again() -> None:
    bench = Bench()
    driver = SettledDriver("R1")
    bench.pipeline._drivers = {"R1": driver}
    at_us = bench.time.wall_us
    bench.pipeline._window.add("R1", [tag_read(at_us=at_us)._replace(epc=b"")])  # past the check of what drivers give
    (gap,) = bench.close()
    assert isinstance(gap, Gap)
    assert (gap.cause, gap.from_us, gap.to_us) == ("undecodable", at_us, at_us + 1_000_000)
    assert bench.pipeline.figures.broken_windows == 1
    assert settings_of([*bench.close(), *bench.close()]) == [True, False]


def test_reads_of_before_the_plug_was_pulled_do_not_plug_it_in() -> None:
    bench = Bench()
    bench.read(reads=4)
    bench.pipeline.on_event(DeviceEvent("R1", 5, What.ANTENNA_DOWN, 1))
    bench.close()
    assert [row.state for row in bench.pipeline.witness.health("R1")] == ["unplugged", "unknown"]


class Unplugged(Bench):
    """A driver gives an antenna that is not plugged in no time; reads that were on their way still come."""

    def __init__(self) -> None:
        super().__init__()
        looked = self.driver.looked

        def no_time(now_s: float) -> tuple[AntennaLook, ...]:
            return tuple(msgspec.structs.replace(look, inventory_ms=0) for look in looked(now_s))

        self.driver.looked = no_time  # type: ignore[method-assign]


def test_a_late_read_does_not_plug_it_in_either() -> None:
    bench = Unplugged()
    bench.pipeline.on_event(DeviceEvent("R1", 5, What.ANTENNA_DOWN, 1))
    bench.close()
    bench.read(reads=4)
    bench.close()
    assert [row.state for row in bench.pipeline.witness.health("R1")] == ["unplugged", "unknown"]


def test_no_text_of_a_device_can_end_the_daemon() -> None:
    events: list[DeviceEvent] = []
    standing = Standing("R1", "llrp", ManualTime().host())
    standing.tell_to(events.append)
    standing.tell(What.READER_EXCEPTION, "too \udce4 warm")
    standing.enter("down", "gone \ud800")
    standing.count_bad("half \udc80")
    standing.tell_bad(0.0)
    body = encode_durable(DeviceEvents(site="s", edge="e", events=tuple(events)))
    found = decode_durable(body)
    assert isinstance(found, DeviceEvents)
    assert [event.detail for event in found.events] == ["too ? warm", "gone ?", "1: half ?"]
    assert msgspec.json.encode(standing.health())


# -- sllurp

_CHILD = """
import json, sys, time
sys.stdin.readline()
say = lambda **line: print(json.dumps(line), flush=True)
say(kind="settings", power_cdbm={"1": 3000}, mode=None)
say(kind="up")
say(kind="tags", rows=[["30" * 12, 96, 1, -50, 1, 1, 1, False]])
sys.stdin.read()
say(kind="left")
"""


async def test_our_own_error_does_not_end_the_sllurp_driver() -> None:
    driver = SllurpDriver(
        "R1", {"ports": [1]}, AntennaSettings(session=2), rig_host(), command=[sys.executable, "-c", _CHILD]
    )
    seen, reads = Told(), 0

    def on_reads(found: list[TagRead]) -> None:
        nonlocal reads
        reads += 1
        if reads == 1:
            raise ArithmeticError("a bug")
        seen.reads.extend(found)

    driver.start(seen.sink()._replace(on_reads=on_reads))
    await until(lambda: len(seen.reads) == 1, lambda: f"a read of the next session: {driver.health()}")
    assert [event.what for event in seen.events] == [What.UP, What.LOST, What.UP]
    await driver.stop()


_REPLUGGED = """
import json, sys, time
sys.stdin.readline()
say = lambda **line: print(json.dumps(line), flush=True)
say(kind="settings", power_cdbm={"1": 3000}, mode=None)
say(kind="up")
say(kind="event", what="antenna_down", port=1)
say(kind="event", what="antenna_up", port=1)
while True:
    say(kind="heard")
    time.sleep(0.02)
"""


async def test_the_only_antenna_that_was_plugged_in_again_looks_again() -> None:
    driver = SllurpDriver(
        "R1", {"ports": [1]}, AntennaSettings(session=2), rig_host(), command=[sys.executable, "-c", _REPLUGGED]
    )
    seen = Told()
    driver.start(seen.sink())
    await until(lambda: seen.times(What.ANTENNA_UP) == 1, lambda: "the antenna to be back")
    driver.looked(0.0)
    looked = 0

    def credited() -> bool:
        nonlocal looked
        looked += sum(look.inventory_ms for look in driver.looked(0.0))
        return looked > 50

    await until(credited, lambda: f"time that it inventoried: {looked} ms")
    await driver.stop()


async def test_a_stop_that_comes_with_a_line_is_not_forgotten() -> None:
    """A process that speaks all the time has a line for every moment, that of the stop included."""
    lines = asyncio.StreamReader()
    waiting = asyncio.ensure_future(sllurp.next_line(lines))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    lines.feed_data(b"{}\n")
    waiting.cancel()
    await asyncio.wait({waiting}, timeout=5)
    assert waiting.cancelled()


def test_no_power_is_not_full_power() -> None:
    asked = {"ports": [1, 2], "power_dbm": json.loads(json.dumps({1: 0.0, 2: None}))}
    assert sllurp_child.asked_powers(asked) == {1: 0.0, 2: sllurp_child.MOST_DBM}


# -- the doctor

LONG = "x" * 300
"""A path that the file system itself refuses: the nearest that root gets to a folder which it may not look into."""


async def test_a_path_that_cannot_be_looked_at_is_a_finding(tmp_path: Path) -> None:
    device = f"  - {{id: H1, driver: file, address: {tmp_path / LONG}, zone: FLOOR}}\n"
    async with reader() as server:
        findings = await findings_of(
            tmp_path, device + llrp(server.address), "mqtt://127.0.0.1:1", tmp_path / LONG / "outbox.db"
        )
        assert about(findings, "H1") == [("folder", "problem")]
        assert about(findings, "outbox") == [("folder", "problem")]
        assert "File name too long" in told(findings, "H1")
        assert about(findings, "R1")[-1] == ("llrp", "ok"), "the others are still looked at"


async def test_a_device_that_the_doctor_fails_at_is_a_finding(tmp_path: Path) -> None:
    async with reader() as server:
        bad = llrp(server.address).replace("id: R1", "id: R2, tls: true, tls_name: .x")
        findings = await findings_of(tmp_path, llrp(server.address) + bad, "mqtt://127.0.0.1:1")
        assert about(findings, "R1")[-1] == ("llrp", "ok")
        assert about(findings, "R2")[-1][1] == "problem"


# -- the site file


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('site: s\nname: "\\ud800"\nzones: [{id: A, kind: sales_floor}]\n', 2),
        ('site: s\nzones: [{id: A, kind: sales_floor, outline: [["\\udc80", 0]]}]\n', 2),
        ('site: s\nzones: [{id: A, kind: sales_floor}]\n"\\ud800": 1\n', 3),
    ],
)
def test_half_a_character_in_a_site_file_names_its_line(text: str, line: int) -> None:
    with pytest.raises(SiteFileError, match="half a character") as caught:
        parse_site(text)
    assert [problem.line for problem in caught.value.problems] == [line]
    assert str(caught.value).encode()
