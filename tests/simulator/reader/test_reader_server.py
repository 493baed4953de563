"""A simulated reader on a real socket: one client at a time, faults, the network going and coming."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from simulator.reader.faults import Corruption, Refusal
from simulator.reader.limits import WRITE_HIGH_BYTES
from simulator.reader.persona import load_persona
from simulator.reader.server import ReaderServer
from simulator.reader.sighting import Sighting
from tests.simulator.reader.reader_client import (
    Client,
    aispec,
    epc,
    events,
    report_spec,
    rospec,
    seen_counts,
    status_code,
)
from wire.llrp.codec import decode, encode
from wire.llrp.errors import DecodeError, FramingError
from wire.llrp.framer import Framer
from wire.llrp.message import message, param
from wire.llrp.tables.enumerations import ConnectionAttemptStatusType
from wire.llrp.tag_report import ReportMemory, decode_tag_reports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HELD = ConnectionAttemptStatusType.Failed_A_Client_Initiated_Connection_Already_Exists
OTHER = ConnectionAttemptStatusType.Failed_Reason_Other_Than_A_Connection_Already_Exists


@pytest.fixture
async def reader() -> AsyncIterator[ReaderServer]:
    async with ReaderServer("R1", load_persona("impinj-r420-like")) as reader:
        yield reader


async def connected(reader: ReaderServer, chunk: int = 0) -> Client:
    client = await Client.open(reader.host, reader.port, chunk)
    greeting = await client.until("READER_EVENT_NOTIFICATION")
    (event,) = events([greeting], "ConnectionAttemptEvent")
    assert event["Status"] is ConnectionAttemptStatusType.Success
    return client


async def inventorying(reader: ReaderServer, chunk: int = 0) -> Client:
    client = await connected(reader, chunk)
    spec = rospec(aispec((1, 2)), start=1, report=report_spec(2, 1))
    for name, parameters, fields in (
        ("SET_READER_CONFIG", (), {"ResetToFactoryDefault": True}),
        ("ADD_ROSPEC", (spec,), {}),
        ("ENABLE_ROSPEC", (), {"ROSpecID": 1}),
    ):
        assert status_code(await client.ask(name, *parameters, **fields)) == 0
    return client


def sightings(reader: ReaderServer, *numbers: int) -> list[Sighting]:
    return [Sighting(epc(number), 96, 1, -5_500, reader.clock.now_us()) for number in numbers]


async def reports_of(client: Client, count: int) -> list[bytes]:
    """Read until the client has that many reports; return their EPCs."""
    async with asyncio.timeout(10):
        while len(client.reports) < count:
            assert await client.read()
    return [report.epc for report in client.reports]


@pytest.mark.parametrize("chunk", [0, 1, 7])
async def test_a_whole_session_in_any_cut(reader: ReaderServer, chunk: int) -> None:
    client = await inventorying(reader, chunk)
    await reader.until(lambda: reader.looking is not None)
    for number in range(300):
        reader.feed(sightings(reader, number % 40))
    reader.feed([Sighting(epc(999), 96, 3, -5_500, reader.clock.now_us())])
    await reports_of(client, 300)
    assert seen_counts(client.reports) == {epc(number): 8 if number < 20 else 7 for number in range(40)}
    assert status_code(await client.ask("CLOSE_CONNECTION")) == 0
    assert await client.at_end() == []
    await client.close()
    assert not reader.connected
    assert list(reader.heard) == ["SET_READER_CONFIG", "ADD_ROSPEC", "ENABLE_ROSPEC", "CLOSE_CONNECTION"]
    counters = reader.counters
    assert (counters.tags_out, counters.sightings_in, counters.sightings_ignored) == (300, 301, 1)


async def test_a_second_client_is_told_and_closed_and_the_first_goes_on(reader: ReaderServer) -> None:
    first = await inventorying(reader)
    second = await Client.open(reader.host, reader.port)
    (refusal,) = await second.at_end()
    (event,) = events([refusal], "ConnectionAttemptEvent")
    assert event["Status"] is HELD
    await second.close()
    told = await first.until("READER_EVENT_NOTIFICATION")
    (event,) = events([told], "ConnectionAttemptEvent")
    assert event["Status"] is ConnectionAttemptStatusType.Another_Connection_Attempted
    reader.feed(sightings(reader, 1))
    assert await reports_of(first, 1) == [epc(1)]
    assert reader.counters.refused == 1
    await first.close()
    await reader.until(lambda: not reader.connected)
    third = await connected(reader)
    await third.close()


async def test_keepalives_come_by_the_clock(reader: ReaderServer) -> None:
    client = await connected(reader)
    keepalive = param("KeepaliveSpec", KeepaliveTriggerType=1, PeriodicTriggerValue=50)
    await client.ask("SET_READER_CONFIG", keepalive, ResetToFactoryDefault=False)
    for _ in range(3):
        await client.until("KEEPALIVE")
    assert reader.counters.keepalives_out >= 3
    await client.close()


async def test_reads_of_an_outage_come_after_it(reader: ReaderServer) -> None:
    client = await inventorying(reader)
    port = reader.port
    await reader.unplug()
    with pytest.raises(ConnectionError):
        await client.until("KEEPALIVE")
    with pytest.raises(OSError, match="Connect call failed"):
        await Client.open(reader.host, port)
    assert reader.looking is not None
    reader.feed(sightings(reader, 1, 2, 3))
    await reader.plug()
    assert reader.port == port
    again = await connected(reader)
    assert await reports_of(again, 3) == [epc(1), epc(2), epc(3)]
    await again.close()
    await client.close()


async def test_a_reboot_forgets_everything(reader: ReaderServer) -> None:
    client = await inventorying(reader)
    await reader.reboot()
    assert reader.looking is None
    again = await connected(reader)
    assert (await again.ask("GET_ROSPECS")).all("ROSpec") == []
    assert reader.counters.connections == 1
    await again.close()
    await client.close()


async def test_the_reader_can_close_and_drop(reader: ReaderServer) -> None:
    client = await connected(reader)
    reader.close_by_reader()
    assert not reader.connected
    assert len(events(await client.at_end(), "ConnectionCloseEvent")) == 1
    await client.close()
    client = await connected(reader)
    reader.drop()
    with pytest.raises(ConnectionError):
        await client.until("KEEPALIVE")
    assert not reader.connected
    await client.close()


async def test_a_client_that_does_not_read_costs_bounded_memory(reader: ReaderServer) -> None:
    client = await inventorying(reader)
    fed = 0
    while reader.counters.tags_out == fed:  # until all buffers between us are full
        assert fed < 1_000_000
        reader.feed(sightings(reader, *range(fed, fed + 500)))
        fed += 500
        await asyncio.sleep(0)
    for _ in range(40):
        reader.feed(sightings(reader, *range(fed, fed + 500)))
        fed += 500
        await asyncio.sleep(0)
    link = reader._link
    assert link is not None
    assert link.transport is not None
    assert link.transport.get_write_buffer_size() < 2 * WRITE_HIGH_BYTES
    assert not link.transport.is_reading()
    assert await reports_of(client, fed) == [epc(number) for number in range(fed)]
    assert reader.counters.tags_dropped == 0
    assert status_code(await client.ask("GET_ROSPECS")) == 0
    await client.close()


# -- faults


@pytest.mark.parametrize(("refusal", "status"), [(Refusal.HELD, HELD), (Refusal.OTHER, OTHER)])
async def test_refusal_is_said_and_closed(
    reader: ReaderServer, refusal: Refusal, status: ConnectionAttemptStatusType
) -> None:
    reader.faults.refusal = refusal
    client = await Client.open(reader.host, reader.port)
    (greeting,) = await client.at_end()
    assert events([greeting], "ConnectionAttemptEvent")[0]["Status"] is status
    await client.close()
    reader.faults.refusal = None
    await (await connected(reader)).close()


@pytest.mark.parametrize(("refusal", "heard"), [(Refusal.HELD_OPEN, 1), (Refusal.MUTE, 0)])
async def test_refusal_with_an_open_socket(reader: ReaderServer, refusal: Refusal, heard: int) -> None:
    reader.faults.refusal = refusal
    client = await Client.open(reader.host, reader.port)
    for _ in range(heard):
        await client.until("READER_EVENT_NOTIFICATION")
    await client.write(encode(message("GET_ROSPECS", 1)))
    with pytest.raises(TimeoutError):
        await client.heard_within(0.3)
    assert not reader.connected
    assert list(reader.heard) == []
    await client.close()


async def test_refusal_by_reset(reader: ReaderServer) -> None:
    reader.faults.refusal = Refusal.RESET
    client = await Client.open(reader.host, reader.port)
    with pytest.raises(ConnectionResetError):
        await client.at_end()
    await reader.until(lambda: reader.counters.refused == 1)
    await client.close()


async def test_silence_with_an_open_socket(reader: ReaderServer) -> None:
    client = await inventorying(reader)
    reader.faults.silent = True
    reader.feed(sightings(reader, 1))
    asked = asyncio.create_task(client.ask("GET_ROSPECS"))
    done, _ = await asyncio.wait([asked], timeout=0.3)
    assert not done
    asked.cancel()
    await asyncio.wait([asked])
    assert client.reports == []
    reader.faults.silent = False
    assert status_code(await client.ask("GET_ROSPECS")) == 0
    await client.close()


async def test_answers_come_late_and_reports_do_not(reader: ReaderServer) -> None:
    client = await inventorying(reader)
    reader.faults.answer_delay_s = 0.3
    asked = asyncio.create_task(client.ask("GET_ROSPECS"))
    await reader.until(lambda: reader.heard[-1] == "GET_ROSPECS")
    reader.feed(sightings(reader, 1))
    assert status_code(await asked) == 0
    assert len(client.reports) == 1
    assert await client.ask("CLOSE_CONNECTION")
    assert await client.at_end() == []
    await client.close()


async def bytes_of_a_report(reader: ReaderServer, client: Client, corruption: Corruption, until: int) -> bytes:
    """Corrupt the next report, send another after it, return what came, at least `until` bytes if it does."""
    reader.faults.corrupt(corruption, message="RO_ACCESS_REPORT")
    reader.feed(sightings(reader, 1))
    reader.feed(sightings(reader, 2))
    got = b""
    async with asyncio.timeout(10):
        while len(got) < until:
            data = await client._reader.read(65_536)
            if not data:
                break
            got += data
    assert reader.faults.applied == 1
    return got


async def whole_report(reader: ReaderServer, client: Client) -> bytes:
    reader.feed(sightings(reader, 1))
    async with asyncio.timeout(10):
        return await client._reader.read(65_536)


async def test_corruptions_of_a_report(reader: ReaderServer) -> None:
    client = await inventorying(reader)
    size = len(await whole_report(reader, client))

    got = await bytes_of_a_report(reader, client, Corruption.UNKNOWN_MESSAGE, 2 * size + 18)
    assert [raw.type for raw in Framer().feed(got)] == [999, 61, 61]

    reader.faults.applied = 0
    got = await bytes_of_a_report(reader, client, Corruption.UNKNOWN_PARAMETER, 2 * size + 8)
    first, second = Framer().feed(got)
    assert decode(first).unknown_count() == 1
    assert decode(second).unknown_count() == 0

    reader.faults.applied = 0
    first, second = Framer().feed(await bytes_of_a_report(reader, client, Corruption.BAD_PARAMETER, 2 * size))
    with pytest.raises(DecodeError):
        decode(first)
    assert decode_tag_reports(second.body, ReportMemory()).fault_count == 0

    reader.faults.applied = 0
    first, second = Framer().feed(await bytes_of_a_report(reader, client, Corruption.TRUNCATED_FIELD, 2 * size - 1))
    with pytest.raises(DecodeError, match="TagReportData"):
        decode(first)
    assert decode_tag_reports(second.body, ReportMemory()).fault_count == 0

    reader.faults.applied = 0
    got = await bytes_of_a_report(reader, client, Corruption.SWALLOW, size)
    assert [decode_tag_reports(raw.body, ReportMemory()).reports[0].epc for raw in Framer().feed(got)] == [epc(2)]

    for corruption in (Corruption.LENGTH_HUGE, Corruption.LENGTH_TINY):
        reader.faults.applied = 0
        got = await bytes_of_a_report(reader, client, corruption, 2 * size)
        with pytest.raises(FramingError):
            Framer().feed(got)

    reader.faults.applied = 0
    reader.faults.bodies(b"\xff" * 5, message="RO_ACCESS_REPORT")
    assert (await whole_report(reader, client))[10:] == b"\xff" * 5

    reader.faults.applied = 0
    reader.faults.corrupt(Corruption.DROP_MID, message="RO_ACCESS_REPORT")
    reader.feed(sightings(reader, 1))
    with pytest.raises(ConnectionError):
        await client.until("RO_ACCESS_REPORT")
    await reader.until(lambda: not reader.connected)
    await client.close()


async def test_corruptions_are_for_named_messages_and_used_up(reader: ReaderServer) -> None:
    client = await connected(reader)
    reader.faults.corrupt(Corruption.UNKNOWN_PARAMETER, message="GET_ROSPECS_RESPONSE", times=2)
    assert (await client.ask("GET_ACCESSSPECS")).unknown_count() == 0
    assert [(await client.ask("GET_ROSPECS")).unknown_count() for _ in range(3)] == [1, 1, 0]
    reader.faults.corrupt(Corruption.SWALLOW)
    reader.faults.clear()
    assert status_code(await client.ask("GET_ROSPECS")) == 0
    await client.close()


async def test_until_gives_up(reader: ReaderServer) -> None:
    with pytest.raises(TimeoutError):
        await reader.until(lambda: reader.connected, timeout_s=0.05)


async def test_an_address_that_is_taken_is_an_error(reader: ReaderServer) -> None:
    with pytest.raises(OSError, match="in use"):
        async with ReaderServer("R2", load_persona("impinj-r420-like"), port=reader.port):
            pass
