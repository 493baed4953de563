"""The fault matrix: everything that readers and networks were seen to do wrong, and what comes of it.

Each row runs the real driver against a simulated reader over TCP, in virtual time. Rows of the first table are bytes
between two good reports, in every chunking; those of the second are behaviour over time.
"""

from __future__ import annotations

import asyncio
import random
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import pytest

from edge.llrp.limits import STOP_TIMEOUT_S, WATCHDOG_KEEPALIVES
from edge.tag_filter import is_well_formed
from simulator.reader.faults import Corruption, Refusal
from simulator.reader.persona import load_persona
from tests.edge.llrp.fault_bytes import (
    GOOD,
    HOPPED,
    RF_SURVEY,
    UNKNOWN_TLV,
    UNKNOWN_TV,
    VENDOR_PARAMETER,
    epc_data,
    epc_of,
    long_epc,
    report,
    tag,
    tag_with,
    tlv,
)
from tests.edge.llrp.fault_world import KEEPALIVE_S, World
from tests.edge.llrp.line import whole
from tests.edge.llrp.store_reader import NoPause
from tests.edge.llrp.virtual_loop import run_virtual
from wire.llrp.framer import RawMessage
from wire.llrp.message import param

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from tests.edge.llrp.line import Cut

R420: Final = "impinj-r420-like"
BEFORE, AFTER = 1, 2
"""The good tags around each fault."""

# -- bytes between two good reports


@dataclass(frozen=True)
class Bytes:
    """`reads`: numbers of the tags that arrive in spite of it; `bad`: what is counted and told; `lost`: why the
    connection is given up, empty when it is not."""

    name: str
    data: bytes
    reads: tuple[int, ...] = ()
    bad: int = 0
    lost: str = ""


BYTES: Final = (
    Bytes("a good report", GOOD, reads=(100,)),
    Bytes("unknown message", RawMessage(1, 999, 5, b"whatever").to_bytes()),
    Bytes("unknown message of a newer version", RawMessage(3, 999, 5, b"whatever").to_bytes()),
    Bytes("custom message", RawMessage(1, 1023, 5, struct.pack(">IB", 12_345, 1) + b"whatever").to_bytes()),
    Bytes("unknown TLV parameter in a report", report(UNKNOWN_TLV, tag(100)), reads=(100,)),
    Bytes("unknown TLV parameter in a tag", report(tag_with(100, UNKNOWN_TLV)), reads=(100,)),
    Bytes("custom parameter in a tag", report(tag_with(100, VENDOR_PARAMETER)), reads=(100,)),
    Bytes("unknown TLV parameter in an event", report(HOPPED, UNKNOWN_TLV, kind="READER_EVENT_NOTIFICATION")),
    Bytes("unknown TV parameter in a tag", report(tag(100), tag_with(101, UNKNOWN_TV), tag(102)), (100, 101, 102)),
    Bytes("unknown TV parameter in a report", report(tag(100), UNKNOWN_TV, tag(102)), (100,), bad=1),
    Bytes("truncated parameter in a tag", report(tag(100), tag_with(101, b"\x82\x00\x05"), tag(102)), (100, 102), 1),
    Bytes("truncated parameter in an event", report(tlv(246, b"\x00\x80"), kind="READER_EVENT_NOTIFICATION"), bad=1),
    Bytes("truncated parameter header", report(tag(100), b"\x00\xf0\x00"), (100,), bad=1),
    Bytes("a tag longer than its message", report(tag(100), tlv(240, b"\x8d" + epc_of(101), 999)), (100,), bad=1),
    Bytes("a tag shorter than its header", report(tag(100), tlv(240, b"\x8d" + epc_of(101), 3)), (100,), bad=1),
    Bytes("EPCData longer than its tag", report(tlv(240, tlv(241, struct.pack(">H", 96) + b"\x30")), tag(9)), (9,), 1),
    Bytes("omitted parameters repeat", report(tag(100), tag(101, None), tag(102, None)), (100, 101, 102)),
    Bytes("a tag without an EPC", report(param("TagReportData", param("AntennaID", AntennaID=3)), tag(9)), (9,), 1),
    Bytes("empty report", report()),
    Bytes("RFSurvey", report(RF_SURVEY, tag(100)), reads=(100,)),
    Bytes("RFSurvey alone", report(RF_SURVEY)),
    Bytes("an answer that nobody asked for", report(tlv(287, b"\x00\x00\x00\x00"), kind="ADD_ROSPEC_RESPONSE")),
    Bytes("a request of ours", report(bytes(4), kind="START_ROSPEC")),
    Bytes("lying length, huge", b"\x04\x3d\xff\xff\xff\xf0\x00\x00\x00\x01", lost="message length 4294967280", bad=1),
    Bytes("lying length, tiny", b"\x04\x3d\x00\x00\x00\x04\x00\x00\x00\x01", lost="message length 4", bad=1),
    Bytes("lying length, longer than it is", b"\x04\x3d\x00\x01\x00\x00\x00\x00\x00\x01", lost="silent for 2.5 s"),
    Bytes("lying length, shorter than it is", GOOD[:2] + struct.pack(">I", 20) + GOOD[6:], (), 2, lost="message len"),
    Bytes("garbage", b"\xff" * 40, lost="message length 4294967295", bad=1),
)


def byte_by_byte(data: bytes) -> Iterator[bytes]:
    for at in range(len(data)):
        yield data[at : at + 1]


def at_random(data: bytes) -> Iterator[bytes]:
    rng = random.Random(6)
    at = 0
    while at < len(data):
        size = rng.randint(1, 40)
        yield data[at : at + size]
        at += size


CHUNKINGS: Final[dict[str, tuple[Cut, float]]] = {
    "whole": (whole, 0.0),
    "byte by byte": (byte_by_byte, 0.0),
    "random": (at_random, 0.0),
    "glued": (whole, 0.05),
}


@pytest.mark.parametrize("chunking", CHUNKINGS)
@pytest.mark.parametrize("row", BYTES, ids=lambda row: row.name)
def test_bytes_between_two_good_reports(row: Bytes, chunking: str) -> None:
    async def scene() -> None:
        async with World() as world:
            await world.up()
            world.line.cut, world.line.glue_s = CHUNKINGS[chunking]
            await world.see(BEFORE)
            await world.put(row.data)
            await world.see(AFTER)
            if row.lost:
                await world.until_state("down")
                await world.until_state("up")
            await world.see(3)
            await asyncio.sleep(KEEPALIVE_S / 2)
            got = [int.from_bytes(epc) for epc, _, _ in world.tags()]
            if row.lost:
                # The reader may have held the later tag back for the next connection, or lost it with this one.
                assert [number for number in got if number != AFTER] == [BEFORE, *row.reads, 3]
                assert world.told() == ["up", "lost", "up"]
                assert row.lost in world.reasons()[0]
            else:
                assert got == [BEFORE, *row.reads, AFTER, 3], "it costs itself and nothing else"
                assert world.told() == ["up"]
            assert world.bad() == row.bad
            assert {port for _, _, port in world.tags()[1 : 1 + len(row.reads)]} <= {3}
            assert world.reader.counters.connections == (2 if row.lost else 1)

    run_virtual(scene())


@pytest.mark.parametrize("chunking", CHUNKINGS)
@pytest.mark.parametrize("bits", [0, 20, 62, 144, 198])
def test_epc_data_of_any_length(bits: int, chunking: str) -> None:
    async def scene() -> None:
        async with World() as world:
            await world.up()
            world.line.cut, world.line.glue_s = CHUNKINGS[chunking]
            await world.see(BEFORE)
            await world.put(epc_data(bits))
            await world.see(AFTER)
            await asyncio.sleep(KEEPALIVE_S / 2)
            assert world.tags() == [(epc_of(BEFORE), 96, 1), (long_epc(bits), bits, 3), (epc_of(AFTER), 96, 1)]
            assert is_well_formed(world.reads[1]) == (bits > 0), "no bits are no item: the pipeline counts and drops it"
            assert world.told() == ["up"]
            assert world.bad() == 0

    run_virtual(scene())


@pytest.mark.parametrize("chunking", CHUNKINGS)
@pytest.mark.parametrize("persona", [R420, "zebra-fx9600-8-like"])
def test_a_whole_session_in_any_chunking(persona: str, chunking: str) -> None:
    cut, glue_s = CHUNKINGS[chunking]

    async def scene() -> None:
        async with World(persona, cut=cut, glue_s=glue_s) as world:
            await world.up()
            for number in range(50):
                await world.see(number, port=1 + number % 4)
            await asyncio.sleep(KEEPALIVE_S)
            assert world.tags() == [(epc_of(number), 96, 1 + number % 4) for number in range(50)]
            assert (world.told(), world.bad()) == (["up"], 0)
            assert world.reader.counters.errors_out == 0

    run_virtual(scene())


# -- behaviour over time


async def clock_that_only_counts(world: World) -> None:
    """uptime clocks: a reader without UTC; its reads still get the host's time."""
    await world.up()
    await world.see(1)
    await asyncio.sleep(KEEPALIVE_S)
    now_us = world.reader.clock.now_us()
    assert [abs(read.last_us - now_us) < 2_000_000 for read in world.reads] == [True]
    assert world.driver.clock().quality == "estimated"


async def nothing_is_repeated_from_an_old_connection(world: World) -> None:
    """omitted-parameter rule: what a connection never said is not taken from the one before."""
    await world.up()
    await world.put(report(tag(1)))
    world.reader.drop()
    await world.until_state("down")
    await world.until_state("up")
    await world.put(report(tag(2, None)))
    await asyncio.sleep(2 * KEEPALIVE_S)
    assert world.tags() == [(epc_of(1), 96, 3)], "no port: nobody knows where this was read"
    assert world.bad() == 1


async def silence_with_an_open_socket(world: World) -> None:
    """A silent reader is left within 3 keepalive periods, and found again."""
    await world.up()
    await world.see(1)
    began_s = world.now_s()
    world.reader.faults.silent = True
    await world.until_state("down")
    assert world.now_s() - began_s < 3 * KEEPALIVE_S
    assert world.reasons() == [f"silent for {WATCHDOG_KEEPALIVES * KEEPALIVE_S} s (while up)"]
    looked_ms = sum(look.inventory_ms for look in world.driver.looked(world.now_s()))
    assert looked_ms <= 1_000 * began_s, "the silence is not credited"
    world.reader.faults.silent = False
    await world.until_state("up")


async def _refusing(world: World, refusal: Refusal, state: str) -> None:
    """Ten minutes of no: asked at most once a second on average, told once, nothing left open."""
    world.reader.faults.refusal = refusal
    world.start()
    for _ in range(20):
        await asyncio.sleep(30)
        assert world.reader.counters.refused <= world.now_s()
    assert world.reader.counters.refused >= 20, "and it is asked again and again"
    assert world.driver.health().state == state
    assert world.told() == ["refused" if state == "refused" else "lost"]
    assert len(asyncio.all_tasks()) <= 8
    world.reader.faults.refusal = None
    assert await world.until_state("up") <= 35


async def refusal_with_close(world: World) -> None:
    await _refusing(world, Refusal.HELD, "refused")


async def refusal_with_open_socket(world: World) -> None:
    await _refusing(world, Refusal.HELD_OPEN, "refused")


async def refusal_for_another_reason(world: World) -> None:
    await _refusing(world, Refusal.OTHER, "refused")


async def refusal_by_reset(world: World) -> None:
    await _refusing(world, Refusal.RESET, "down")


async def refusal_without_a_word(world: World) -> None:
    await _refusing(world, Refusal.MUTE, "down")


async def refusal_and_bad_luck(world: World) -> None:
    """The dice always give the shortest pause: still not more than one attempt a second."""
    await _refusing(world, Refusal.HELD, "refused")


async def drop_in_the_middle_of_a_message(world: World) -> None:
    await world.up()
    world.reader.faults.corrupt(Corruption.DROP_MID, "RO_ACCESS_REPORT")
    await world.see(1)
    await world.until_state("down")
    await world.until_state("up")
    for number in range(2, 52):
        await world.see(number)
    await asyncio.sleep(KEEPALIVE_S)
    assert world.tags() == [(epc_of(number), 96, 1) for number in range(2, 52)], "nothing is glued to the old half"
    assert (world.told(), world.bad()) == (["up", "lost", "up"], 0)


async def error_to_add_rospec(world: World) -> None:
    """ADD_ROSPEC denied, for ten minutes: told once, tried again ever more slowly, works when it is let."""
    denial = bytes.fromhex("011f000a0065") + b"\x00\x02no"
    for _ in range(500):
        world.reader.faults.bodies(denial, "ADD_ROSPEC_RESPONSE")
    world.start()
    await asyncio.sleep(600)
    assert world.told() == ["lost"]
    assert "ADD_ROSPEC was denied: M_FieldError 'no'" in world.reasons()[0]
    assert 20 <= world.driver.health().errors <= 120
    world.reader.faults.clear()
    await world.until_state("up")


async def answers_after_five_seconds(world: World) -> None:
    world.reader.faults.answer_delay_s = 5.0
    world.start()
    assert await world.until_state("up") > 40, "each of the answers took its time"
    await world.see(1)
    await asyncio.sleep(10 * KEEPALIVE_S)
    assert world.tags() == [(epc_of(1), 96, 1)]
    assert world.told() == ["up"]
    began_s = world.now_s()
    await world.driver.stop()
    assert world.now_s() - began_s <= STOP_TIMEOUT_S + 0.1


async def flapping(world: World) -> None:
    """Each connection lives two seconds, for ten minutes."""

    async def flap() -> None:
        while True:
            await world.reader.until(lambda: world.reader.connected, timeout_s=600)
            await asyncio.sleep(2)
            world.reader.drop()

    world.start()
    await world.until_state("up")
    before = _held()
    async with asyncio.TaskGroup() as group:
        shaker = group.create_task(flap())
        await asyncio.sleep(600)
        shaker.cancel()
    told = world.told()
    assert world.reader.counters.connections <= 120, "the pauses grow, though each connection worked for a moment"
    assert told[:2] == ["up", "lost"]
    assert told.count("up") >= 20, "each time it comes up and is said"
    assert abs(told.count("up") - told.count("lost")) <= 1
    assert await world.until_state("up") <= 35
    assert world.bad() == 0
    tasks, descriptors = _held()
    assert tasks <= before[0]
    assert descriptors <= before[1]


def _held() -> tuple[int, int]:
    """Tasks and descriptors."""
    return len(asyncio.all_tasks()), len(list(Path("/proc/self/fd").iterdir()))


async def a_network_that_flaps(world: World) -> None:
    """The cable is out for two seconds and in for two, for ten minutes."""
    world.start()
    for _ in range(150):
        await asyncio.sleep(2)
        await world.reader.unplug()
        await asyncio.sleep(2)
        await world.reader.plug()
    assert world.reader.counters.connections <= 600
    assert await world.until_state("up") <= 35
    await world.see(1)
    await asyncio.sleep(KEEPALIVE_S)
    assert world.tags() == [(epc_of(1), 96, 1)]


NO_UTC: Final = msgspec.structs.replace(load_persona(R420), has_utc_clock=False)

BEHAVIOUR: Final[dict[str, tuple[Callable[[World], Awaitable[None]], Callable[[], World]]]] = {
    "omitted-parameter rule over a reconnect": (nothing_is_repeated_from_an_old_connection, World),
    "uptime clocks": (clock_that_only_counts, lambda: World(NO_UTC)),
    "silence with an open socket": (silence_with_an_open_socket, World),
    "refusal with close": (refusal_with_close, World),
    "refusal with open socket": (refusal_with_open_socket, World),
    "refusal for another reason": (refusal_for_another_reason, World),
    "refusal by reset": (refusal_by_reset, World),
    "refusal without a word": (refusal_without_a_word, World),
    "refusal and bad luck": (refusal_and_bad_luck, lambda: World(rng=NoPause())),
    "drop mid-message then reconnect": (drop_in_the_middle_of_a_message, World),
    "ADD_ROSPEC error": (error_to_add_rospec, World),
    "5-second answers": (answers_after_five_seconds, World),
    "flapping every 2 s": (flapping, World),
    "a network that flaps every 2 s": (a_network_that_flaps, World),
}


@pytest.mark.parametrize("row", BEHAVIOUR)
def test_behaviour_over_time(row: str) -> None:
    happens, world_of = BEHAVIOUR[row]

    async def scene() -> None:
        async with world_of() as world:
            await happens(world)
            await world.driver.stop()
            settled = world.told()
            await asyncio.sleep(60)
            assert world.told() == settled, "nothing comes after it stopped"

    run_virtual(scene())


PROMISED: Final = """
    unknown message, unknown TLV parameter, unknown TV parameter, custom message, truncated parameter, empty report,
    RFSurvey, lying length, omitted, omitted-parameter rule, uptime clocks, silence with an open socket,
    refusal with close, refusal with open socket, drop mid-message then reconnect, ADD_ROSPEC error, 5-second answers,
    flapping every 2 s
"""


@pytest.mark.parametrize("name", [name.strip() for name in PROMISED.split(",")])
def test_the_matrix_has_every_row(name: str) -> None:
    assert any(row.startswith(name) for row in [*(row.name for row in BYTES), *BEHAVIOUR])
