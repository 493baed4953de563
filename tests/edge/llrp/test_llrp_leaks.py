"""A thousand reconnects leave nothing behind: no task, no descriptor, no thread, no memory.

Memory is counted twice. Python's count of allocated blocks is exact and free, so it goes over all reconnects: one
forgotten object a connection shows as a thousand. `tracemalloc` slows everything fivefold and sees large buffers too,
so it goes over the last hundred.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
import threading
import tracemalloc
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pytest

from simulator.reader.caller import Caller
from simulator.reader.faults import Corruption
from simulator.reader.persona import Persona, load_persona
from simulator.reader.server import ReaderServer
from simulator.reader.sighting import Sighting
from tests.edge.llrp.certificates import certificates
from tests.edge.llrp.store_reader import Watched, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WARM = 40
"""Reconnects after which caches, pools and buffers have their size: ten rounds of each misfortune."""
TRACED = 100
BLOCKS = 400
"""Allocated blocks by which a process at rest was seen to grow and shrink: tables, caches, OpenSSL's sessions."""
BLOCKS_EACH = 0.3
"""Allocated blocks that may stay per reconnect: a third of the least that can be forgotten."""
BYTES_EACH = 200
"""Traced bytes that may stay per reconnect: less than a buffer, a message or a context; more than a grown table."""
DENIED = bytes.fromhex("011f000a0065") + b"\x00\x02no"
HOST = "127.0.0.1"


class Held(NamedTuple):
    tasks: int
    descriptors: int
    threads: int


def held() -> Held:
    gc.collect()
    return Held(len(asyncio.all_tasks()), len([*Path("/proc/self/fd").iterdir()]), threading.active_count())


def simple() -> Persona:
    """An R420 with short tables: what is set up a thousand times should not be a thousand power steps."""
    model = load_persona("impinj-r420-like")
    return msgspec.structs.replace(
        model,
        transmit_powers=model.transmit_powers[::40],
        receive_sensitivities=model.receive_sensitivities[:1],
        hop_tables=[(table, channels[:3]) for table, channels in model.hop_tables],
        rf_modes=model.rf_modes[-2:] + model.rf_modes[:1],
    )


@asynccontextmanager
async def served(way: str) -> AsyncIterator[tuple[ReaderServer, Watched]]:
    """A reader and its driver, by TCP, by TLS, or the reader calling."""
    made = certificates()
    tls = made.reader.server() if way == "tls" else None
    async with ReaderServer("R1", simple(), tls=tls) as reader:
        if way == "calling":
            with socket.create_server(("", 0)) as probe:
                port = int(probe.getsockname()[1])
            async with (
                Watched(HOST, options={"listen": port}) as watched,
                Caller(reader, HOST, port, every_s=0.001),
            ):
                yield reader, watched
        else:
            options: dict[str, str | int | float | bool] = {"tls": True, "ca_file": str(made.ca)} if tls else {}
            async with Watched(reader.address, options=options) as watched:
                yield reader, watched


def disturb(reader: ReaderServer, number: int) -> None:
    """End the connection: by a reset, within a message, by a length that lies, and once by a denied set-up as well."""
    if number % 4 == 0:
        reader.drop()
        return
    corruption = (Corruption.DROP_MID, Corruption.LENGTH_HUGE, Corruption.DROP_MID)[number % 4 - 1]
    reader.faults.corrupt(corruption, "RO_ACCESS_REPORT")
    if number % 4 == 3:
        reader.faults.bodies(DENIED, "ADD_ROSPEC_RESPONSE")
    reader.feed([Sighting(b"\xff" * 12, 96, 1, -6_000, reader.clock.now_us())])


async def reconnect(reader: ReaderServer, watched: Watched, times: int) -> None:
    """End the connection so many times, and wait each time until a tag comes through the next one."""
    for number in range(times):
        watched.events.clear()
        watched.reads.clear()
        reader.heard.clear()
        disturb(reader, number)
        await reader.until(lambda: "START_ROSPEC" in reader.heard)
        reader.feed([Sighting(number.to_bytes(12), 96, 1, -6_000, reader.clock.now_us())])
        while not watched.reads:  # noqa: ASYNC110 - a thousand times: quicker than a task that waits
            await asyncio.sleep(0)
        assert [read.epc for read in watched.reads] == [number.to_bytes(12)]
        assert watched.told()[-1] == "up"


@pytest.mark.parametrize(("way", "times"), [("tcp", 1_000 - TRACED), ("tls", 150), ("calling", 150)])
async def test_nothing_leaks_over_reconnects(way: str, times: int) -> None:
    before = held()
    async with served(way) as (reader, watched):
        await until(lambda: reader.looking is not None)
        await reconnect(reader, watched, WARM)
        running, blocks = held(), sys.getallocatedblocks()
        await reconnect(reader, watched, times)
        assert held() == running
        assert sys.getallocatedblocks() - blocks < BLOCKS + BLOCKS_EACH * times
        if way == "tcp":
            await traced(reader, watched)
            assert held() == running
        assert watched.driver.health().errors >= times
    await until(lambda: held() <= before)


async def traced(reader: ReaderServer, watched: Watched) -> None:
    """Reconnect under `tracemalloc`."""
    tracemalloc.start()
    try:
        await reconnect(reader, watched, WARM // 4)
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
        await reconnect(reader, watched, TRACED)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - kept
        assert grown < BYTES_EACH * TRACED, tracemalloc.take_snapshot().statistics("lineno")[:10]
    finally:
        tracemalloc.stop()
