"""Every driver, through the same tests, on a real transport: what `edge.drivers.port` promises."""

from __future__ import annotations

import asyncio
import importlib
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest
from structlog.testing import capture_logs

from edge.drivers.port import What
from edge.drivers.standing import Condition
from tests.edge.drivers.contract import Bench, Held, RigFactory, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

RIGS: dict[str, RigFactory] = {
    name: factory
    for file in sorted(Path(__file__).parent.glob("rig_*.py"))
    for name, factory in importlib.import_module(f"tests.edge.drivers.{file.stem}").RIGS.items()
}
STATES = {*get_args(Condition), "disabled"}
NONSENSE = (b"\x00" * 7, b"\xff" * 64, b"\x0d\x0a{]\x1d\xc3(", bytes(range(1, 200)))
"""What a device may babble: zeros, ones, broken text, everything."""


@pytest.fixture(params=sorted(RIGS))
def make(request: pytest.FixtureRequest) -> RigFactory:
    return RIGS[request.param]


@asynccontextmanager
async def opened(make: RigFactory, folder: Path) -> AsyncIterator[Bench]:
    async with make(folder) as rig:
        bench = Bench(rig)
        try:
            yield bench
        finally:
            await bench.driver.stop()


def epc(number: int) -> bytes:
    return b"\x30" + number.to_bytes(11)


def near_now(at_us: int) -> bool:
    return abs(at_us - time.time_ns() // 1_000) < 60_000_000


async def test_before_it_is_started(make: RigFactory, tmp_path: Path) -> None:
    async with opened(make, tmp_path) as bench:
        assert bench.driver.health().state == "connecting"
        assert bench.driver.clock().device == bench.driver.health().device
        assert not any(bench.credited().values())
        await bench.driver.stop()
        assert bench.told.total() == 0


async def test_it_runs_and_hands_over_what_it_sees(make: RigFactory, tmp_path: Path) -> None:
    async with opened(make, tmp_path) as bench:
        began_s = time.monotonic()
        credited = dict.fromkeys(bench.rig.ports, 0)

        def credit() -> dict[int, int]:
            for port, looked_ms in bench.credited().items():
                credited[port] += looked_ms
            return credited

        bench.start()
        with pytest.raises(RuntimeError):
            bench.start()
        await bench.up()
        ports = bench.rig.ports or (0,)
        for number, port in enumerate(ports, 1):
            await bench.seen(epc(number), port)
        health = bench.driver.health()
        assert (health.state, health.errors, health.last_error) == ("up", 0, "")
        assert health.reads >= len(bench.told.reads) + len(bench.told.scans) > 0 or bench.told.counts
        assert near_now(health.since_us)
        if bench.rig.gives == "reads":
            assert {read.port for read in bench.told.reads} == set(ports)
            assert {(read.epc, read.port) for read in bench.told.reads} == {
                (epc(number), port) for number, port in enumerate(ports, 1)
            }
            assert all(read.epc_bits == 96 and read.reads >= 1 for read in bench.told.reads)
            assert all(read.first_us <= read.last_us and near_now(read.last_us) for read in bench.told.reads)
        elif bench.rig.gives == "scans":
            assert all(near_now(scan.at_us) and scan.device == health.device for scan in bench.told.scans)
        assert bench.told.times(What.UP) == 1
        assert bench.told.times(What.LOST, What.REFUSED, What.UNDECODABLE, What.READER_OVERFLOW) == 0
        if bench.rig.looks:
            await until(lambda: all(credit().values()), lambda: f"time of each port: {credited}")
        credit()
        assert all(looked_ms <= (time.monotonic() - began_s) * 1e3 + 1 for looked_ms in credited.values())


async def test_after_stop_it_says_nothing(make: RigFactory, tmp_path: Path) -> None:
    async with opened(make, tmp_path) as bench:
        bench.start()
        await bench.up()
        port = bench.rig.ports[0] if bench.rig.ports else 0
        await bench.seen(epc(1), port)
        await bench.driver.stop()
        told = bench.told.total()
        health = bench.driver.health()
        assert health.state != "up"
        assert bench.told.times(What.LOST, What.REFUSED) == 0, "to be stopped is no failure"
        await bench.rig.present(epc(2), port)
        await asyncio.sleep(0.2)
        assert not bench.has(epc(2))
        assert bench.told.total() == told
        bench.credited()
        await bench.driver.stop()
        with pytest.raises(RuntimeError):
            bench.start()


async def test_a_device_that_vanishes_is_told_once_and_comes_back(make: RigFactory, tmp_path: Path) -> None:
    async with opened(make, tmp_path) as bench:
        bench.start()
        await bench.up()
        port = bench.rig.ports[0] if bench.rig.ports else 0
        await bench.seen(epc(1), port)
        await bench.rig.vanish()
        await bench.away()
        errors = bench.driver.health().errors
        await until(
            lambda: bench.driver.health().errors >= errors + 2,
            lambda: f"two more failures: {bench.driver.health()}",
        )
        health = bench.driver.health()
        assert health.last_error, "why it is away"
        assert bench.told.times(What.LOST, What.REFUSED) == 1, "once, however often it is tried again"
        bench.credited()
        await asyncio.sleep(0.05)
        assert not any(bench.credited().values()), "nobody vouches for a device that is away"
        await bench.rig.come_back()
        await bench.up(2)
        await bench.seen(epc(2), port)
        assert bench.told.times(What.UP) == 2
        assert {event.device for event in bench.told.events} == {health.device}
        assert {event.what for event in bench.told.events} <= set(What)
        assert bench.driver.health().state in STATES


async def test_a_device_that_is_not_there_is_waited_for(make: RigFactory, tmp_path: Path) -> None:
    async with opened(make, tmp_path) as bench:
        await bench.rig.vanish()
        bench.start()
        await bench.away()
        assert bench.told.times(What.UP) == 0
        await bench.rig.come_back()
        await bench.up()


async def test_it_can_be_stopped_while_the_device_is_away(make: RigFactory, tmp_path: Path) -> None:
    async with opened(make, tmp_path) as bench:
        await bench.rig.vanish()
        bench.start()
        await bench.away()
        async with asyncio.timeout(20):
            await bench.driver.stop()
        told = bench.told.total()
        await bench.rig.come_back()
        await asyncio.sleep(0.2)
        assert bench.told.total() == told
        assert bench.state() != "up"


async def test_a_bad_message_costs_itself(make: RigFactory, tmp_path: Path) -> None:
    async with opened(make, tmp_path) as bench:
        bench.start()
        await bench.up()
        port = bench.rig.ports[0] if bench.rig.ports else 0
        for number, nonsense in enumerate(NONSENSE, 1):
            await bench.rig.babble(nonsense)
            await bench.seen(epc(number), port)
        if bench.rig.told_bad:
            await until(lambda: bench.told.times(What.UNDECODABLE) > 0, lambda: "the bad messages to be told")
            assert bench.driver.health().errors >= 1
            for event in bench.told.events:
                if event.what == What.UNDECODABLE:
                    assert int(event.detail.partition(":")[0]) >= 1, "the detail begins with their number"
        assert bench.state() == "up"
        assert bench.told.times(What.LOST, What.REFUSED) == 0


async def test_no_epc_is_logged(make: RigFactory, tmp_path: Path) -> None:
    """Nor told in an event or a health, which the daemon logs and publishes."""
    with capture_logs() as logs:
        async with opened(make, tmp_path) as bench:
            bench.start()
            await bench.up()
            port = bench.rig.ports[0] if bench.rig.ports else 0
            await bench.seen(epc(1), port)
            await bench.rig.babble(epc(3))
            await bench.seen(epc(2), port)
            said = [*bench.told.events, bench.driver.health()]
    text = repr([entry for entry in logs if entry["log_level"] != "debug"] + said).lower()
    for number in (1, 2, 3):
        assert epc(number).hex() not in text
        assert repr(epc(number))[2:-1].lower() not in text


async def test_nothing_stays_behind(make: RigFactory, tmp_path: Path) -> None:
    """Over reconnects, and over a whole life: tasks, descriptors, threads."""
    async with opened(make, tmp_path / "warm") as bench:  # what a library opens once and keeps
        bench.start()
        await bench.up()
    before = Held.now()
    async with opened(make, tmp_path / "measured") as bench:
        bench.start()
        await bench.up()
        running = Held.now()
        for times in range(2, 4):
            await bench.rig.vanish()
            await bench.away()
            await bench.rig.come_back()
            await bench.up(times)
        await until(lambda: Held.now().no_more_than(running), lambda: f"{Held.now()}, but {running} before")
    await until(lambda: Held.now().no_more_than(before), lambda: f"{Held.now()}, but {before} before")
