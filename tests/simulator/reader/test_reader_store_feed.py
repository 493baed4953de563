"""A store seen through live LLRP readers: every read that a reader asked for arrives, in time, once."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from simulator.reader.clock import SECOND_US, SystemClock
from simulator.reader.live_store import LiveStore
from simulator.reader.persona import PersonaError
from simulator.reader.store_feed import StoreFeed
from simulator.sites import read_demo_site
from simulator.store import Store
from tests.simulator.reader.reader_client import Client, aispec, report_spec, rospec, status_code
from wire.llrp.message import param

if TYPE_CHECKING:
    from simulator.reader.sighting import Sighting
    from wire.llrp.message import Parameter

SITE = read_demo_site("main-street")


class Fed:
    """Keeps what the feed handed over."""

    def __init__(self) -> None:
        self.reads: list[tuple[str, Sighting, int]] = []

    def __call__(self, device: str, sightings: object, now_us: int) -> None:
        assert isinstance(sightings, list)
        self.reads += [(device, sighting, now_us) for sighting in sightings]

    def of(self, device: str) -> Counter[tuple[bytes, int, int]]:
        return Counter((item.epc, item.antenna, item.time_us) for name, item, _ in self.reads if name == device)


async def inventory(live: LiveStore, device: str, *specs: Parameter) -> Client:
    address = next(item for item in live.site.devices if item.id == device)
    client = await Client.open(*address.host_port(0))
    await client.until("READER_EVENT_NOTIFICATION")
    spec = rospec(*specs, start=1, report=report_spec(2, 1))
    assert status_code(await client.ask("ADD_ROSPEC", spec)) == 0
    assert status_code(await client.ask("ENABLE_ROSPEC", ROSpecID=1)) == 0
    return client


async def collect(client: Client, count: int) -> Counter[tuple[bytes, int, int]]:
    async with asyncio.timeout(20):
        while len(client.reports) < count:
            assert await client.read()
    found = [(item.epc, item.antenna or 0, item.first_seen_us or 0) for item in client.reports]
    assert all(item.seen_count == 1 for item in client.reports)
    return Counter(found)


async def test_every_read_of_the_store_arrives_once_and_soon() -> None:
    fed = Fed()
    seconds: list[int] = []
    clock = SystemClock(pace=4)
    live = LiveStore(SITE, Store(SITE, "easy", seed=3), clock=clock, on_fed=fed, on_second=seconds.append)
    async with live:
        clients = {device: await inventory(live, device) for device in live.readers}
        await live.run(seconds=8)
        assert seconds == list(range(8))
        assert live.counters.reads == live.counters.fed == len(fed.reads) > 100
        for device, client in clients.items():
            assert await collect(client, fed.of(device).total()) == fed.of(device)
            await client.close()
        lags_us = [now_us - item.time_us for _, item, now_us in fed.reads]
        assert min(lags_us) >= 0
        # A slice is an eighth of a second long; what comes later than that is the host's doing, which is counted.
        assert max(lags_us) <= SECOND_US // 8 + live.counters.behind_us_max


async def test_only_what_a_running_rospec_asks_for_is_fed() -> None:
    fed = Fed()
    store = Store(SITE, "easy", seed=3)
    async with LiveStore(SITE, store, clock=SystemClock(pace=8), on_fed=fed) as live:
        quiet, reads = [device for device in live.readers if device != "R2"], "R2"
        await live.run(seconds=2)
        assert live.counters.reads == 0
        client = await inventory(live, reads, aispec((1,)))
        transmitter = param("RFTransmitter", HopTableID=1, ChannelIndex=1, TransmitPower=61)
        antenna = param("AntennaConfiguration", transmitter, AntennaID=1)
        assert status_code(await client.ask("SET_READER_CONFIG", antenna, ResetToFactoryDefault=False)) == 0
        await live.run(seconds=4)
        looking = store.looking(reads)
        assert looking is not None
        assert (looking.ports, looking.session, dict(looking.power_dbm)) == ((1,), 1, {1: 25.0})
        assert {device: store.looking(device) for device in quiet} == dict.fromkeys(quiet)
        assert {(device, item.antenna) for device, item, _ in fed.reads} == {(reads, 1)}
        assert status_code(await client.ask("DISABLE_ROSPEC", ROSpecID=0)) == 0
        before = len(fed.reads)
        await live.run(seconds=2)
        assert len(fed.reads) == before
        assert store.looking(reads) is None
        await client.close()


async def test_reads_on_an_antenna_that_is_no_longer_looked_at_are_not_fed() -> None:
    five = param("TagObservationTrigger", TriggerType=0, NumberOfTags=5, NumberOfAttempts=1, T=0, Timeout=0)
    stop = param("AISpecStopTrigger", five, AISpecStopTriggerType=3, DurationTrigger=0)
    async with LiveStore(SITE, Store(SITE, "easy", seed=3), clock=SystemClock(pace=4)) as live:
        reader = live.readers["R2"]
        client = await inventory(live, "R2", aispec((1,), stop=stop), aispec((2,)))
        await live.run(seconds=1)
        assert reader.counters.tags_out == 5
        assert 5 <= live.counters.fed == reader.counters.sightings_in < live.counters.reads
        await client.close()


async def test_site_shows_the_ports_that_were_bound() -> None:
    site = replace(SITE, devices=tuple(replace(item, address="203.0.113.9:5084") for item in SITE.devices))
    async with LiveStore(site, Store(SITE, "easy"), host="127.0.0.1") as live:
        addresses = [item.address for item in live.site.devices]
        assert addresses == [live.readers[item.id].address for item in live.site.devices]
        assert len(set(addresses)) == len(addresses)
        for item in live.site.devices:
            client = await Client.open(*item.host_port(0))
            await client.until("READER_EVENT_NOTIFICATION")
            await client.close()


async def test_no_server_is_left_when_one_address_is_taken() -> None:
    async with LiveStore(SITE, Store(SITE, "easy")) as live:
        taken = live.site.devices[0].address
        first, *_ = SITE.devices
        site = replace(SITE, devices=(replace(first, id="free"), replace(first, address=taken)))
        second = LiveStore(site, Store(SITE, "easy"))
        with pytest.raises(OSError, match="in use"):
            await second.__aenter__()
        with pytest.raises(OSError, match="Connect call failed"):
            await Client.open("127.0.0.1", second.readers["free"].port)


async def test_outages_of_the_level_cut_the_network() -> None:
    class OneOutage(Store):
        def is_out(self, device: str, t_s: int) -> bool:
            return device == "R1" and 1 <= t_s < 3

    fed = Fed()
    async with LiveStore(SITE, OneOutage(SITE, "easy", seed=3), clock=SystemClock(pace=4), on_fed=fed) as live:
        client = await inventory(live, "R1")
        port = live.readers["R1"].port
        await live.run(seconds=2)
        with pytest.raises(ConnectionError):
            await client.until("KEEPALIVE")
        await live.run(seconds=2)
        assert live.counters.outages == 1
        assert live.readers["R1"].port == port
        again = await Client.open("127.0.0.1", port)
        await again.until("READER_EVENT_NOTIFICATION")
        await again.close()
        await client.close()


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="slices_per_s 0"):
        StoreFeed(Store(SITE, "easy"), {}, SystemClock(), slices_per_s=0)
    with pytest.raises(ValueError, match="pace 0"):
        SystemClock(pace=0)
    odd = replace(SITE.devices[0], options={"persona": "nobody"})
    with pytest.raises(PersonaError, match="nobody"):
        LiveStore(replace(SITE, devices=(odd,)), Store(SITE, "easy"))
