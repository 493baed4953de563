"""A thousand reconnects of the UHF modules and the readers that speak JSON leave nothing behind.

As `tests/edge/llrp/test_llrp_leaks.py`: no task, no descriptor, no thread, no memory. The normal suite takes a few
rounds of each and is strict on what can be counted; `proof` takes a thousand, the last hundred of them traced.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tracemalloc
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from edge.drivers.port import What
from simulator.modules.thingmagic import said
from tests.edge.drivers import rig_impinj_iot, rig_uhf_serial, rig_zebra_iotc
from tests.edge.drivers.contract import Bench, DriverRig, Held, RigFactory, until
from tests.edge.drivers.rig_impinj_iot import StreamRig
from tests.edge.drivers.rig_uhf_serial import UhfRig
from tests.edge.drivers.rig_zebra_iotc import ZebraRig

if TYPE_CHECKING:
    from pathlib import Path

RIGS: dict[str, RigFactory] = rig_uhf_serial.RIGS | rig_impinj_iot.RIGS | rig_zebra_iotc.RIGS
FEW, MANY, TRACED = 8, 900, 100
WARM = 120
"""Reconnects after which caches, pools and buffers have their size; of a few, four do."""
BLOCKS = 400
"""Allocated blocks by which a process at rest was seen to grow and shrink."""
BLOCKS_EACH = 0.3
"""Allocated blocks that may stay per reconnect: a third of the least that can be forgotten."""
BYTES_EACH = 200
"""Traced bytes that may stay per reconnect: less than a buffer, a message or a context; more than a grown table."""


async def settled() -> int:
    """Return the allocated blocks, without cancelled timers: the loop keeps some hundred until most of all are."""
    for _ in range(1_000):
        asyncio.get_running_loop().call_later(60.0, gc.collect).cancel()
    await asyncio.sleep(0)
    gc.collect()
    return sys.getallocatedblocks()


async def steal(port: int, client: str) -> None:
    """Connect to the broker under the driver's name: it throws the driver out, and us when the driver is back."""
    name = client.encode()
    body = b"\x00\x04MQTT\x04\x02\x00\x0a" + len(name).to_bytes(2) + name
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(bytes((0x10, len(body))) + body)
    await reader.readexactly(4)
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def lost(bench: Bench) -> None:
    await until(lambda: bench.told.times(What.LOST) > 0, lambda: f"the loss: {bench.driver.health()}")


async def disturb(bench: Bench, rig: DriverRig, number: int) -> None:
    """End the connection, in the ways that such a device has."""
    if isinstance(rig, UhfRig):
        if rig.family == "thingmagic" and number % 2:
            rig.line.say(said(0x22, 0x7F01))  # its firmware failed
            if number % 4 == 1:
                rig.line.unplug()
                rig.line.plug_in()
            return
        rig.line.unplug()
        rig.line.plug_in()
    elif isinstance(rig, ZebraRig):
        await steal(rig._broker.port, "lastunit-store-001-edge-1-Z9")
        rig._reader.commands.clear()
    elif isinstance(rig, rig_impinj_iot.BrokerRig):
        rig._reader.requests.clear()
        if number % 2:
            await steal(rig._broker.port, "lastunit-store-001-edge-1-R7")
        else:
            await rig._reader._server.stop()
            await lost(bench)  # its status was asked in vain
            await rig._reader._server.start()
    else:
        assert isinstance(rig, StreamRig)
        rig._reader.requests.clear()
        await rig.vanish()
        await rig.come_back()


async def reconnect(bench: Bench, times: int) -> None:
    """End the connection so many times; each time a tag comes through the next one."""
    for number in range(times):
        bench.told.events.clear()
        bench.told.reads.clear()
        await disturb(bench, bench.rig, number)
        await lost(bench)
        await bench.seen(b"\x30" + number.to_bytes(11), 1)
        await bench.up()
        bench.credited()


@pytest.mark.parametrize("name", sorted(RIGS))
@pytest.mark.parametrize("times", [FEW, pytest.param(MANY, marks=pytest.mark.proof)])
async def test_nothing_leaks_over_reconnects(name: str, times: int, tmp_path: Path) -> None:
    async with RIGS[name](tmp_path / "warm") as rig:  # what a library opens once and keeps
        bench = Bench(rig)
        bench.start()
        await bench.up()
        await bench.driver.stop()
    before = Held.now()
    async with RIGS[name](tmp_path / "measured") as rig:
        bench = Bench(rig)
        bench.start()
        try:
            await bench.up()
            await reconnect(bench, WARM if times == MANY else 4)
            running, blocks = Held.now(), await settled()
            await reconnect(bench, times)
            await until(lambda: Held.now().no_more_than(running), lambda: f"{Held.now()}, but {running} before")
            assert await settled() - blocks < BLOCKS + BLOCKS_EACH * times
            if times == MANY:
                await traced(bench)
        finally:
            await bench.driver.stop()
    await until(lambda: Held.now().no_more_than(before), lambda: f"{Held.now()}, but {before} before")


async def traced(bench: Bench) -> None:
    """Reconnect under `tracemalloc`."""
    tracemalloc.start()
    try:
        await reconnect(bench, WARM)
        await settled()
        kept, _ = tracemalloc.get_traced_memory()
        await reconnect(bench, TRACED)
        await settled()
        grown = tracemalloc.get_traced_memory()[0] - kept
        assert grown < BYTES_EACH * TRACED, tracemalloc.take_snapshot().statistics("lineno")[:10]
    finally:
        tracemalloc.stop()
