"""What the driver makes of a session's news: clocks, plugs, nameless reads. A host whose clocks are moved by hand."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random
from typing import TYPE_CHECKING

import pytest

from edge.drivers.llrp import LlrpDriver, build_llrp
from edge.drivers.port import Host, What
from edge.llrp.events import AntennaState, BadMessage, ReaderEvent, ReaderTime, Reports, Settings, Up
from firmware_config.profile import load_profile
from tests.edge.fake_driver import sink_of
from tests.edge.llrp.pair import START_US, session_for
from tests.edge.llrp.store_reader import SITE, Watched, device, until
from wire.configuration import DeviceInventory
from wire.llrp.codec import encode
from wire.llrp.framer import RawMessage
from wire.llrp.message import message, param
from wire.llrp.tag_report import TagReport

if TYPE_CHECKING:
    from edge.llrp.events import Event
    from wire.messages import DeviceEvent
    from wire.window import TagRead

EPC = b"\x30" * 12
PROFILE = load_profile("generic-llrp-stock")


class Told:
    """A driver without a connection: it is given a session's news by hand."""

    def __init__(self, zones: tuple[str, ...] = ("FLOOR", "FLOOR")) -> None:
        self.wall_us = START_US
        self.monotonic_s = 100.0
        self.reads: list[TagRead] = []
        self.events: list[DeviceEvent] = []
        surroundings = Host(lambda: self.wall_us, lambda: self.monotonic_s, Random(1))
        self.driver: LlrpDriver = build_llrp(device("127.0.0.1:1", zones=zones), SITE, surroundings)
        self.driver._sink = sink_of(self.reads.extend, self.events.append)
        self.driver._standing.tell_to(self.events.append)
        self.session = session_for()

    def take(self, *events: Event) -> None:
        self.session.heard_s = self.monotonic_s
        self.driver._take(self.session, events)

    def told(self) -> list[tuple[str, int | None, str]]:
        return [(event.what, event.port, event.detail) for event in self.events]


def report(port: int | None = 1, at_us: int = START_US) -> TagReport:
    return TagReport(EPC, 96, port, -6_000, at_us, at_us, seen_count=1)


def test_reads_come_on_the_hosts_clock() -> None:
    told = Told()
    told.take(ReaderTime(START_US - 3_600_000_000, uptime=False, fresh=True))
    told.take(Reports([report(at_us=START_US - 3_600_000_000 - 5)]))
    assert [(read.first_us, read.last_us) for read in told.reads] == [(START_US - 5, START_US - 5)]
    clock = told.driver.clock()
    assert (clock.quality, clock.offset_ms) == ("estimated", 3_600_000)


def test_a_reader_that_gets_its_clock_amid_its_reports_is_dated_by_the_clock_of_each() -> None:
    told = Told()
    told.take(ReaderTime(7_000_000, uptime=True, fresh=True))
    told.take(ReaderTime(START_US, uptime=False, fresh=True))
    since_boot = TagReport(EPC, 96, 1, -6_000, 6_000_000, 6_000_000, seen_count=1, uptime=True)
    told.take(Reports([since_boot, report(at_us=START_US - 10)]))
    assert [read.last_us for read in told.reads] == [START_US - 1_000_000, START_US - 10]


def test_a_step_of_the_readers_clock_is_told() -> None:
    told = Told()
    told.take(ReaderTime(START_US, uptime=False, fresh=True))
    told.take(Reports([report(at_us=START_US + 60_000_000)]))
    assert told.told() == [], "one wild time is no step"
    told.take(Reports([report(at_us=START_US + 60_000_000)]))
    assert told.told() == [(What.CLOCK_STEP, None, "60000 ms")]
    assert told.driver.clock().quality == "stepped"
    assert told.reads[-1].last_us == START_US


def test_reads_that_name_no_antenna_are_counted() -> None:
    told = Told()
    told.take(Reports([report(None), report(2), report(None)]))
    assert [read.port for read in told.reads] == [2]
    assert told.told() == [(What.UNDECODABLE, None, "2: reads that name no antenna")]
    assert told.driver.health().errors == 2
    sole = Told(zones=("FLOOR",))
    sole.take(Reports([report(None)]))
    assert [read.port for read in sole.reads] == [1]


def test_bad_messages_become_one_event_a_second() -> None:
    told = Told()
    for _ in range(1_000):
        told.take(BadMessage("nonsense"))
        told.monotonic_s += 0.01
    details = [detail for what, _, detail in told.told() if what == What.UNDECODABLE]
    assert 9 <= len(details) <= 11
    assert sum(int(detail.split(":")[0]) for detail in details) > 850
    assert told.driver.health().errors == 1_000
    told.driver._ended()
    counts = [int(detail.split(":")[0]) for what, _, detail in told.told() if what == What.UNDECODABLE]
    assert sum(counts) == 1_000, "what was not told yet is told at the end"


def test_an_antenna_that_reads_is_believed() -> None:
    told = Told()
    told.take(AntennaState(2, connected=False), AntennaState(9, connected=False))
    assert told.told() == [(What.ANTENNA_DOWN, 2, "the reader sees nothing plugged in")]
    told.take(Reports([report(2, START_US + 1_000_000)]))
    assert len(told.events) == 1, "a read of the last moment proves nothing"
    told.wall_us += 10_000_000
    told.take(Reports([report(1, told.wall_us), report(2, told.wall_us)]))
    assert told.told()[1:] == [(What.ANTENNA_UP, 2, "it reads tags")]
    told.take(AntennaState(2, connected=True))
    assert len(told.events) == 2


def test_a_session_that_ends_badly_is_credited_no_further() -> None:
    """Its last news may never have arrived here, if a callback raised."""
    told = Told()
    told.session.inventorying = (1, 2)
    told.take()
    told.monotonic_s += 2
    told.take()
    told.driver._ended()
    told.session = session_for()
    told.monotonic_s += 100
    told.take()
    assert [look.inventory_ms for look in told.driver.looked(0.0)] == [1_000, 1_000]


def test_reader_events_and_problems_are_passed_on() -> None:
    told = Told()
    told.take(
        ReaderEvent(What.GPI, 3, "high"),
        Settings({}, ("port 9: no", "port 1: weak"), (), PROFILE, (), DeviceInventory()),
    )
    assert told.told() == [
        (What.GPI, 3, "high"),
        (What.CONFIG_DIFFERS, None, "port 9: no"),
        (What.CONFIG_DIFFERS, None, "port 1: weak"),
    ]


def test_a_reader_that_worked_for_a_while_is_asked_at_once_again() -> None:
    told = Told()
    told.driver._backoff._failures = 9
    told.take(Up())
    told.monotonic_s += 5
    told.driver._ended()
    assert told.driver._backoff.failures == 9
    told.take(Up())
    told.monotonic_s += 11
    told.driver._ended()
    assert told.driver._backoff.failures == 0


async def test_a_reader_that_never_reads_our_answers_is_dropped() -> None:
    """It floods us with keepalives: our acknowledgements must not fill our memory."""
    flood = RawMessage(1, 62, 1, b"").to_bytes() * 20_000
    data = param(
        "ReaderEventNotificationData",
        param("UTCTimestamp", Microseconds=START_US),
        param("ConnectionAttemptEvent", Status=0),
    )
    greeting = encode(message("READER_EVENT_NOTIFICATION", 0, data))
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader  # never read from: its buffer fills, then TCP's
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(greeting)
        with contextlib.suppress(ConnectionError):
            for _ in range(1_000):
                writer.write(flood)
                await writer.drain()
        gone.set()
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with Watched(f"127.0.0.1:{server.sockets[0].getsockname()[1]}") as watched:
        await until(lambda: "lost" in watched.told())
        assert "the reader does not read what we say" in watched.events[0].detail
        await asyncio.wait_for(gone.wait(), 20)
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    ("unread", "credited_ms"),
    [
        ([], 4_000),
        ([BadMessage("RO_ACCESS_REPORT: no sense", 1)], 0),
        ([ReaderEvent(What.READER_OVERFLOW)], 0),
        ([ReaderEvent(What.READER_EXCEPTION, detail="hot")], 4_000),
    ],
)
def test_time_is_not_vouched_for_by_what_could_not_be_read(unread: list[Event], credited_ms: int) -> None:
    """A tag that was heard and not understood must not look like one that was silent."""
    told = Told()
    told.session.inventorying = (1, 2)
    told.take()
    told.monotonic_s += 4
    told.take(*unread)
    assert sum(look.inventory_ms for look in told.driver.looked(told.monotonic_s)) == credited_ms
    told.monotonic_s += 1
    told.take()
    assert sum(look.inventory_ms for look in told.driver.looked(told.monotonic_s)) == 1_000
