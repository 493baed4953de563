"""The simulated reader against sllurp, an LLRP client that is not ours: every tag arrives, every sighting is counted.

sllurp runs in its own process: this file is also that program. It gets host, port and sllurp's settings, prints one
JSON line for each report, and leaves when its standard input ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from simulator.reader.persona import load_persona
from simulator.reader.server import ReaderServer
from simulator.reader.sighting import Sighting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CONTENT = {
    "EnableROSpecID": False,
    "EnableSpecIndex": False,
    "EnableInventoryParameterSpecID": False,
    "EnableAntennaID": True,
    "EnableChannelIndex": True,
    "EnablePeakRSSI": True,
    "EnableFirstSeenTimestamp": True,
    "EnableLastSeenTimestamp": True,
    "EnableTagSeenCount": True,
    "EnableAccessSpecID": False,
}


def be_the_peer(host: str, port: int, settings: dict[str, Any]) -> None:
    """Connect with sllurp, print what its callbacks bring, until standard input ends."""
    import sllurp.llrp

    llrp: Any = sllurp.llrp  # untyped

    def on_tags(_reader: object, tags: list[dict[str, Any]]) -> None:
        rows = [
            [
                tag["EPC"].decode(),
                tag["AntennaID"],
                tag["PeakRSSI"],
                tag["FirstSeenTimestampUTC"],
                tag["LastSeenTimestampUTC"],
                tag["TagSeenCount"],
            ]
            for tag in tags
        ]
        print(json.dumps(rows), flush=True)

    client = llrp.LLRPReaderClient(host, port, llrp.LLRPReaderConfig({"tag_content_selector": CONTENT, **settings}))
    client.add_tag_report_callback(on_tags)
    client.connect()
    sys.stdin.read()
    client.disconnect(timeout=5)
    client.join(5)
    print(json.dumps("alive" if client.is_alive() else "left"), flush=True)


IMPINJ = {
    "impinj_extended_configuration": True,
    "impinj_reports": True,
    "impinj_search_mode": "2",
    "impinj_tag_content_selector": {
        "EnableRFPhaseAngle": True,
        "EnablePeakRSSI": True,
        "EnableRFDopplerFrequency": False,
    },
}


class Peer:
    """The sllurp process and what it has said so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.rows: list[tuple[str, int, int, int, int, int]] = []

    @property
    def seen(self) -> int:
        return sum(row[5] for row in self.rows)

    async def hear(self) -> object:
        assert self._process.stdout is not None
        async with asyncio.timeout(20):
            line = await self._process.stdout.readline()
        said = json.loads(line)
        if isinstance(said, list):
            self.rows += [tuple(row) for row in said]
        return said

    async def hear_until(self, seen: int) -> None:
        while self.seen < seen:
            assert isinstance(await self.hear(), list)

    async def leave(self) -> None:
        """Let it disconnect; take what it still says."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        while (said := await self.hear()) != "left":
            assert isinstance(said, list), said
        assert await self._process.wait() == 0


@asynccontextmanager
async def sllurp(reader: ReaderServer, settings: dict[str, Any]) -> AsyncIterator[Peer]:
    # sllurp notes what it waits for only after it has asked: an answer within microseconds is lost to it (a race of its
    # threads). Real readers take some milliseconds.
    reader.faults.answer_delay_s = 0.03
    arguments = [str(Path(__file__)), reader.host, str(reader.port), json.dumps(settings)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "ignore",  # sllurp's own deprecation warnings are not what this is about
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        await reader.until(lambda: reader.looking is not None, timeout_s=30)
        yield Peer(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def life(reader: ReaderServer, count: int) -> list[Sighting]:
    """Sightings of 400 tags of 96 bits and one of 128 bits, on two antennas."""
    now_us = reader.clock.now_us()
    long_epc = bytes(range(16))
    return [
        Sighting(
            epc=long_epc if number % 401 == 400 else (0x3034 << 80 | number % 401).to_bytes(12),
            epc_bits=128 if number % 401 == 400 else 96,
            antenna=1 + number % 2,
            rssi_cdbm=-3_000 - number % 50 * 100,
            time_us=now_us + number,
            phase=number % 4_096,
        )
        for number in range(count)
    ]


def figures(sightings: list[Sighting]) -> dict[tuple[str, int], tuple[int, int, int, int]]:
    """Count, strongest signal (dBm), first and last time by tag and antenna."""
    found: dict[tuple[str, int], tuple[int, int, int, int]] = {}
    for item in sightings:
        key = (item.epc.hex(), item.antenna)
        rssi = item.rssi_cdbm // 100
        count, best, first, last = found.get(key, (0, rssi, item.time_us, item.time_us))
        found[key] = (count + 1, max(best, rssi), min(first, item.time_us), max(last, item.time_us))
    return found


def figures_of(rows: list[tuple[str, int, int, int, int, int]]) -> dict[tuple[str, int], tuple[int, int, int, int]]:
    found: dict[tuple[str, int], tuple[int, int, int, int]] = {}
    for epc, antenna, rssi, first, last, count in rows:
        before = found.get((epc, antenna), (0, rssi, first, last))
        found[epc, antenna] = (
            before[0] + count,
            max(before[1], rssi),
            min(before[2], first),
            max(before[3], last),
        )
    return found


@pytest.mark.parametrize(
    ("persona", "settings"),
    [
        ("impinj-r420-like", {"report_every_n_tags": 1}),
        ("impinj-r420-like", {"report_every_n_tags": 25, "report_timeout_ms": 50, **IMPINJ}),
        ("zebra-fx9600-4-like", {"report_every_n_tags": 1, "session": 0}),
        ("zebra-fx9600-8-like", {"report_every_n_tags": 100, "report_timeout_ms": 50, "tx_power": 175}),
    ],
    ids=["impinj", "impinj extensions", "zebra 4", "zebra 8"],
)
async def test_sllurp_receives_every_tag(persona: str, settings: dict[str, Any]) -> None:
    async with (
        ReaderServer("R1", load_persona(persona)) as reader,
        sllurp(reader, {"antennas": [1, 2], **settings}) as peer,
    ):
        sightings = life(reader, 3_000)
        for start in range(0, len(sightings), 60):
            reader.feed(sightings[start : start + 60])
            await asyncio.sleep(0)
        await peer.hear_until(len(sightings))
        assert peer.seen == len(sightings)
        assert figures_of(peer.rows) == figures(sightings)
        assert reader.counters.sightings_ignored == reader.counters.errors_out == 0
        await peer.leave()
        await reader.until(lambda: not reader.connected)
        assert "ADD_ROSPEC" in reader.heard


async def test_sllurp_gets_the_rest_when_it_stops() -> None:
    async with (
        ReaderServer("R1", load_persona("impinj-r420-like")) as reader,
        sllurp(reader, {"antennas": [0]}) as peer,
    ):
        sightings = life(reader, 500)
        reader.feed(sightings)
        assert reader.counters.tags_out == 0
        await peer.leave()
        assert figures_of(peer.rows) == figures(sightings)


async def test_sllurp_answers_keepalives_and_a_second_one_is_refused() -> None:
    settings = {"antennas": [1], "keepalive_interval": 100, "report_every_n_tags": 1}
    async with ReaderServer("R1", load_persona("impinj-r420-like")) as reader, sllurp(reader, settings) as peer:
        await reader.until(lambda: reader.counters.keepalive_acks >= 3)
        async with sllurp(reader, settings) as second:
            await reader.until(lambda: reader.counters.refused >= 1)
            sighting = Sighting(bytes(12), 96, 1, -5_000, reader.clock.now_us())
            reader.feed([sighting] * 10)
            await peer.hear_until(10)
            assert second.rows == []
        assert Counter(row[0] for row in peer.rows) == {bytes(12).hex(): 10}
        await peer.leave()


if __name__ == "__main__":
    be_the_peer(sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3]))
