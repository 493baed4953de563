"""The LLRP driver against a simulated reader over TCP: reads, faults, reconnects, goodbye."""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest
from structlog.testing import capture_logs

from edge.drivers import UnknownDriverError, build_driver, driver_names
from edge.drivers.llrp import LlrpDriver
from edge.drivers.port import What
from edge.llrp.limits import STOP_TIMEOUT_S
from firmware_config.profile import ProfileError
from simulator.reader.faults import Corruption, Refusal
from simulator.reader.persona import load_persona
from simulator.reader.server import ReaderServer
from simulator.reader.sighting import Sighting
from tests.edge.fake_driver import sink_of
from tests.edge.llrp.store_reader import KEEPALIVE_S, SITE, Watched, device, host, until, up

if TYPE_CHECKING:
    from edge.llrp.session import Session
    from wire.window import TagRead

R420 = "impinj-r420-like"


def tags(reader: ReaderServer, count: int, first: int = 0, ports: int = 4) -> list[Sighting]:
    now_us = reader.clock.now_us()
    return [
        Sighting((first + i).to_bytes(12), 96, 1 + i % ports, -5_000 - i % 1_000, now_us - count + i)
        for i in range(count)
    ]


@pytest.mark.parametrize(
    ("persona", "profile"),
    [
        (R420, "impinj-r420-stock"),
        (R420, "impinj-r700-stock"),
        (R420, "generic-llrp-stock"),
        ("zebra-fx9600-4-like", "zebra-fx9600-stock"),
        ("zebra-fx9600-8-like", "generic-llrp-shelf"),
    ],
)
async def test_every_tag_comes_with_its_port(persona: str, profile: str) -> None:
    async with ReaderServer("R1", load_persona(persona)) as reader, Watched(reader.address, profile) as watched:
        await reader.until(lambda: reader.looking is not None)
        seen = tags(reader, 2_000)
        for at in range(0, len(seen), 100):
            reader.feed(seen[at : at + 100])
        await until(lambda: len(watched.reads) == len(seen))
        assert [(read.epc, read.port) for read in watched.reads] == [(tag.epc, tag.antenna) for tag in seen]
        assert watched.told() == ["up"]
        health = watched.driver.health()
        assert (health.state, health.reads, health.errors) == ("up", 2_000, 0)
        assert reader.counters.errors_out == 0
        assert all(read.last_us <= time.time_ns() // 1_000 for read in watched.reads)
        step_cdbm = 1 if persona == R420 else 100
        assert all(
            abs(read.rssi_cdbm - tag.rssi_cdbm) < step_cdbm for read, tag in zip(watched.reads, seen, strict=True)
        )


@pytest.mark.parametrize("bits", [20, 62, 144, 198])
async def test_epcs_of_other_lengths(bits: int) -> None:
    epc = (((1 << bits) - 3) << (-bits % 8)).to_bytes((bits + 7) // 8)
    async with ReaderServer("R1", load_persona(R420)) as reader, Watched(reader.address) as watched:
        await reader.until(lambda: reader.looking is not None)
        reader.feed([Sighting(epc, bits, 2, -6_000, reader.clock.now_us())])
        await until(lambda: bool(watched.reads))
        assert [(read.epc, read.epc_bits, read.port) for read in watched.reads] == [(epc, bits, 2)]


async def test_uptime_becomes_utc() -> None:
    persona = msgspec.structs.replace(load_persona(R420), has_utc_clock=False)
    async with ReaderServer("R1", persona) as reader, Watched(reader.address) as watched:
        await up(watched, reader)
        before_us = time.time_ns() // 1_000
        reader.feed([Sighting(bytes(12), 96, 1, -6_000, reader.clock.now_us())])
        await until(lambda: bool(watched.reads))
        clock = watched.driver.clock()
        assert clock.quality == "estimated"
        assert before_us - 5_000_000 < watched.reads[0].last_us <= time.time_ns() // 1_000


async def test_held_reports_keep_their_own_time() -> None:
    async with ReaderServer("R1", load_persona(R420)) as reader, Watched(reader.address) as watched:
        await up(watched, reader)
        await reader.unplug()
        now_us = reader.clock.now_us()
        old = [Sighting(i.to_bytes(12), 96, 1, -6_000, now_us - 3_600_000_000 + i) for i in range(50)]
        reader.feed(old)
        await reader.plug()
        await until(lambda: len(watched.reads) >= 50)
        shift_us = watched.driver.clock().offset_ms * 1_000
        assert all(
            abs(read.last_us - tag.time_us - shift_us) < 1_000 for read, tag in zip(watched.reads, old, strict=False)
        )
        assert watched.driver.clock().quality == "synced"


async def test_looks_are_credited_by_keepalives() -> None:
    async with ReaderServer("R1", load_persona(R420)) as reader, Watched(reader.address) as watched:
        first = watched.driver.looked(0.0)
        assert [(look.device, look.port, look.inventory_ms) for look in first] == [("R1", p, 0) for p in (1, 2, 3, 4)]
        await up(watched, reader)
        await until(lambda: reader.counters.keepalive_acks >= 3)
        looks = watched.driver.looked(0.0)
        assert len({look.inventory_ms for look in looks}) == 1
        assert sum(look.inventory_ms for look in looks) >= 2 * KEEPALIVE_S * 1_000, "the first falls into the set-up"
        settings = [look.settings for look in looks]
        assert [found.session for found in settings if found is not None] == [2, 1, 0, 2]
        assert [look.settings for look in watched.driver.looked(0.0)] == [None] * 4


@pytest.mark.parametrize(("persona", "session", "target"), [(R420, 2, "dual"), ("zebra-fx9600-4-like", 1, None)])
async def test_without_a_profile_the_readers_vendor_chooses(persona: str, session: int, target: str | None) -> None:
    async with ReaderServer("R1", load_persona(persona)) as reader, Watched(reader.address, "") as watched:
        await up(watched, reader)
        settings = watched.driver.looked(0.0)[0].settings
        assert settings is not None
        assert (settings.session, settings.target) == (session, target)


# -- refused


@pytest.mark.parametrize("refusal", [Refusal.HELD, Refusal.HELD_OPEN, Refusal.OTHER])
async def test_a_refusal_is_shown_and_asked_again_slowly(refusal: Refusal) -> None:
    with capture_logs() as logs:
        async with ReaderServer("R1", load_persona(R420)) as reader:
            reader.faults.refusal = refusal
            async with Watched(reader.address) as watched:
                await until(lambda: reader.counters.refused == 2)
                health = watched.driver.health()
                assert health.state == "refused"
                assert health.holder == (
                    "refused without a reason" if refusal is Refusal.OTHER else "held by another client"
                )
                assert watched.told() == ["refused"], "said once, not at each attempt"
                reader.faults.refusal = None
                await up(watched, reader)
                assert watched.told() == ["refused", "up"]
    assert [entry["event"] for entry in logs] == ["device refused", "device up", "device left"]


async def test_a_refused_reader_is_not_stormed() -> None:
    async with ReaderServer("R1", load_persona(R420)) as reader:
        reader.faults.refusal = Refusal.HELD
        async with Watched(reader.address) as watched:
            began_s = time.monotonic()
            await until(lambda: reader.counters.refused == 3)
            assert time.monotonic() - began_s >= 2.0, "even with the shortest pauses one attempt a second"
            assert watched.state() == "refused"


@pytest.mark.parametrize("refusal", [Refusal.RESET, None])
async def test_a_reader_that_is_not_there(refusal: Refusal | None) -> None:
    async with ReaderServer("R1", load_persona(R420)) as reader:
        reader.faults.refusal = refusal
        if refusal is None:
            await reader.unplug()
        async with Watched(reader.address) as watched:
            await until(lambda: watched.driver.health().errors >= 3)
            assert watched.state() == "down"
            assert watched.told() == ["lost"]
            assert watched.events[0].detail
            reader.faults.refusal = None
            if refusal is None:
                await reader.plug()
            await up(watched, reader)


async def test_an_address_that_cannot_be_one() -> None:
    async with Watched("10..0.1:5084") as watched:
        await until(lambda: watched.driver.health().errors >= 2)
        assert watched.told() == ["lost"]
        assert "cannot reach 10..0.1:5084" in watched.events[0].detail


# -- lost


async def test_a_silent_reader_is_left_and_found_again() -> None:
    async with ReaderServer("R1", load_persona(R420)) as reader, Watched(reader.address) as watched:
        await up(watched, reader)
        watched.driver.looked(0.0)
        reader.faults.silent = True
        await until(lambda: "lost" in watched.told())
        assert watched.events[-1].detail.startswith("silent for ")
        credited_ms = sum(look.inventory_ms for look in watched.driver.looked(0.0))
        assert credited_ms <= KEEPALIVE_S * 1_000 + 500, "the silence itself was never vouched for"
        reader.faults.silent = False
        await up(watched, reader)
        assert watched.told() == ["up", "lost", "up"]


@pytest.mark.parametrize("corruption", [Corruption.DROP_MID, Corruption.LENGTH_HUGE, Corruption.LENGTH_TINY])
async def test_a_broken_stream_is_begun_anew(corruption: Corruption) -> None:
    async with ReaderServer("R1", load_persona(R420)) as reader, Watched(reader.address) as watched:
        await up(watched, reader)
        reader.faults.corrupt(corruption, "RO_ACCESS_REPORT")
        reader.feed(tags(reader, 1))
        await until(lambda: "lost" in watched.told())
        await up(watched, reader)
        await reader.until(lambda: reader.looking is not None)
        watched.reads.clear()
        seen = tags(reader, 200, first=1_000)
        reader.feed(seen)
        await until(lambda: len(watched.reads) == 200)
        assert [read.epc for read in watched.reads] == [tag.epc for tag in seen]


async def test_bad_messages_are_told_in_one_event_and_cost_nothing_else() -> None:
    async with ReaderServer("R1", load_persona(R420)) as reader, Watched(reader.address) as watched:
        await up(watched, reader)
        reader.faults.corrupt(Corruption.BAD_PARAMETER, "RO_ACCESS_REPORT", times=5)
        reader.feed(tags(reader, 75))
        await until(lambda: len(watched.reads) == 70)
        assert watched.driver.health().errors == 5
        await until(lambda: sum(_counts(watched)) == 5)
        assert len(_counts(watched)) <= 2
        assert watched.state() == "up"


def _counts(watched: Watched) -> list[int]:
    return [int(event.detail.split(":", 1)[0]) for event in watched.events if event.what == What.UNDECODABLE]


async def test_a_denied_rospec_is_told() -> None:
    async with ReaderServer("R1", load_persona(R420)) as reader:
        body = bytes.fromhex("011f000a0065") + b"\x00\x02no"
        reader.faults.bodies(body, "ADD_ROSPEC_RESPONSE")
        async with Watched(reader.address) as watched:
            await up(watched, reader)
            assert watched.told() == ["lost", "up"]
            assert "ADD_ROSPEC was denied: M_FieldError 'no'" in watched.events[0].detail


async def test_antennas_go_down_and_come_up() -> None:
    async with ReaderServer("R1", load_persona(R420)) as reader:
        reader.set_antenna(4, connected=False)
        async with Watched(reader.address) as watched:
            await up(watched, reader)
            reader.set_antenna(2, connected=False)
            await until(lambda: len(watched.events) == 3)
            assert [(event.what, event.port) for event in watched.events] == [
                (What.ANTENNA_DOWN, 4),
                (What.UP, None),
                (What.ANTENNA_DOWN, 2),
            ]
            watched.driver.looked(0.0)
            sent = reader.counters.keepalives_out
            await until(lambda: reader.counters.keepalives_out >= sent + 2)
            ms = {look.port: look.inventory_ms for look in watched.driver.looked(0.0)}
            assert ms[2] == ms[4] == 0
            assert ms[1] == ms[3] > 0
            reader.drop()
            await until(lambda: watched.told().count("up") == 2)
            assert watched.told().count("antenna_down") == 2, "known before, not said again"
            reader.set_antenna(2, connected=True)
            await until(lambda: watched.events[-1].what == What.ANTENNA_UP)
            assert watched.events[-1].port == 2


async def test_an_overflow_of_the_reader_is_told() -> None:
    persona = msgspec.structs.replace(load_persona(R420), max_buffered_tags=100)
    async with ReaderServer("R1", persona) as reader, Watched(reader.address) as watched:
        await up(watched, reader)
        await reader.unplug()
        reader.feed(tags(reader, 300))
        await reader.plug()
        await until(lambda: What.READER_OVERFLOW in watched.told())
        assert len(watched.reads) <= 300


# -- start and stop


async def test_stop_is_polite() -> None:
    async with ReaderServer("R1", load_persona(R420)) as reader:
        watched = Watched(reader.address)
        watched.driver.start(sink_of(watched.take, watched.events.append))
        await up(watched, reader)
        await watched.driver.stop()
        assert list(reader.heard)[-3:] == ["STOP_ROSPEC", "DELETE_ROSPEC", "CLOSE_CONNECTION"]
        assert reader.looking is None
        assert watched.state() == "down"
        assert watched.told() == ["up"], "a wanted end is no loss"
        await watched.driver.stop()
        with pytest.raises(RuntimeError, match="started before"):
            watched.driver.start(sink_of(watched.take, watched.events.append))


async def test_stop_before_start_does_nothing() -> None:
    await Watched("127.0.0.1:1").driver.stop()


async def test_stop_does_not_wait_for_a_silent_reader() -> None:
    async with ReaderServer("R1", load_persona(R420)) as reader:
        async with Watched(reader.address) as watched:
            await up(watched, reader)
            reader.faults.silent = True
            async with asyncio.timeout(STOP_TIMEOUT_S + 3):
                await watched.driver.stop()
        await until(lambda: not reader.connected)


async def test_stop_while_nobody_answers() -> None:
    """A listener whose backlog is full neither accepts nor refuses."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        async with Watched(f"127.0.0.1:{listener.getsockname()[1]}") as watched:
            await asyncio.sleep(0.05)
            async with asyncio.timeout(STOP_TIMEOUT_S + 3):
                await watched.driver.stop()


async def test_a_callback_that_raises_drops_the_connection_and_is_reported() -> None:
    problems: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context.get("exception")))
    async with ReaderServer("R1", load_persona(R420)) as reader:
        watched = Watched(reader.address)
        angry = [ValueError("no more")]

        def take(reads: list[TagRead]) -> None:
            if angry:
                raise angry.pop()
            watched.take(reads)

        watched.driver.start(sink_of(take, watched.events.append))
        await reader.until(lambda: reader.looking is not None)
        reader.feed(tags(reader, 1))
        await until(lambda: "lost" in watched.told())
        await up(watched, reader)
        reader.feed(tags(reader, 3))
        await until(lambda: len(watched.reads) >= 3)
        await watched.driver.stop()
    assert [str(problem) for problem in problems] == ["no more"]


async def test_an_error_of_our_own_is_told_and_the_reader_is_tried_again() -> None:
    async with ReaderServer("R1", load_persona(R420)) as reader:
        watched = Watched(reader.address)
        assert isinstance(watched.driver, LlrpDriver)
        make, broken = watched.driver._new_session, [True]

        def new_session(**how: bool) -> Session:
            if broken:
                broken.clear()
                raise ValueError("a bug")
            return make(**how)

        watched.driver._new_session = new_session
        watched.driver.start(sink_of(watched.take, watched.events.append))
        await up(watched, reader)
        assert watched.told() == ["lost", "up"]
        assert watched.events[0].detail == "our own error: ValueError: a bug"
        await watched.driver.stop()


# -- the registry


def test_the_registry_knows_llrp() -> None:
    assert "llrp" in driver_names()


def test_an_unknown_driver_says_which_exist() -> None:
    pigeon = replace(device("127.0.0.1:1"), driver="pigeon")  # type: ignore[arg-type]
    with pytest.raises(UnknownDriverError, match=r"^device R1: driver 'pigeon' is not known; there are: .*\bllrp\b"):
        build_driver(pigeon, SITE, host())


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"profile": "nonsense"}, "profile 'nonsense': there is none of this name"),
        ({"address": "reader-7:0"}, "device R1: address: 'reader-7:0', expected host or host:port, port 1 to 65535"),
        ({"antennas": ()}, "device R1: antennas: an LLRP reader needs at least one"),
        ({"options": {"keepalive_s": 0.1}}, r"device R1: keepalive_s: 0.1, expected 0.5 to 60.0"),
        ({"options": {"keepalive_s": 600}}, r"device R1: keepalive_s: 600, expected 0.5 to 60.0"),
    ],
)
def test_settings_that_cannot_be_used(changes: dict[str, object], problem: str) -> None:
    with pytest.raises(ProfileError, match=problem):
        build_driver(replace(device("127.0.0.1:1"), **changes), SITE, host())  # type: ignore[arg-type]
