"""kill -9 of a whole edge, at each named place and at random: what its outbox accepted is in the gateway's log, once.

Real processes, a real Mosquitto with nothing saved to disk (so each kill of it loses all that it had acknowledged), the
gateway's own ingest on a real database, which is ended in mid-commit now and then. Two judges that do not know of each
other: the outbox's durable counters, and the diary in which each edge wrote down what its outbox had accepted.
"""

import asyncio
import multiprocessing
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from edge.outbox import Outbox, OutboxFigures
from tests.edge.edge_child import Orders, run
from tests.edge.kill_points import EVICTION, LEAVING, OPENING, RUNNING, VACUUM
from tests.edge.real_gateway import RealGateway
from tests.edge.uplink_sides import until
from tests.servers.mosquitto import Mosquitto


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the diary."""

    stream: bytes
    seq: int
    epcs: tuple[bytes, ...]


class Shop:
    """Edges one after the other on one outbox file, forked from a process that has imported everything already."""

    def __init__(self, folder: Path, broker: Mosquitto, gateway: RealGateway) -> None:
        self.broker, self.gateway = broker, gateway
        self.orders = Orders(broker.url, folder / "outbox.db", folder / "diary")
        self.kills = 0
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.edge.edge_child"])

    def start(self, orders: Orders) -> BaseProcess:
        child = self._context.Process(target=run, args=(replace(orders, seed=orders.seed + self.kills),), daemon=True)
        child.start()
        return child

    async def until_killed(self, child: BaseProcess, what: str) -> None:
        await until(lambda: child.exitcode is not None, f"the death of an edge: {what}", 60)
        assert child.exitcode == -signal.SIGKILL, what
        self.kills += 1
        child.close()

    async def kill_at(self, point: str, times: int, **more: object) -> None:
        orders = replace(self.orders, point=point, times=times, **more)  # type: ignore[arg-type]
        await self.until_killed(self.start(orders), point)

    async def kill_somewhere(self, rng: random.Random) -> None:
        before = self.gateway.arrivals
        child = self.start(self.orders)
        await until(lambda: self.gateway.arrivals > before + 3 or child.exitcode is not None, "data of this edge", 60)
        assert child.exitcode is None, "this edge ended by itself"
        await asyncio.sleep(rng.uniform(0.0, 0.3))
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        await self.until_killed(child, "at random")

    async def drain(self) -> None:
        """An edge without readers brings what is left."""
        child = self.start(replace(self.orders, reads=0))
        await until(lambda: child.exitcode is not None, "an edge that has brought everything", 120)
        assert child.exitcode == 0
        child.close()

    def figures(self) -> OutboxFigures:
        found = Outbox(self.orders.outbox, "store-1", "edge-1")
        figures = found.figures()
        found.close()
        return figures

    def diary(self) -> list[Entry]:
        entries = []
        for line in self.orders.diary.read_text().splitlines():
            stream, seq, epcs = line.split(" ")
            entries.append(Entry(bytes.fromhex(stream), int(seq), tuple(map(bytes.fromhex, epcs.split(",")))))
        return entries


@asynccontextmanager
async def open_shop(folder: Path) -> AsyncIterator[Shop]:
    broker = Mosquitto(folder, options=("persistence false",))
    await asyncio.to_thread(broker.start)
    gateway = RealGateway(folder, broker.port)
    try:
        await gateway.create()
        await gateway.start()
        yield Shop(folder, broker, gateway)
    finally:
        await gateway.close()
        await asyncio.to_thread(broker.kill)


async def judge(shop: Shop) -> int:
    """Hold what the gateway committed against both records of what was accepted; return the observations."""
    await shop.drain()
    figures = shop.figures()
    diary = Counter(epc for entry in shop.diary() for epc in entry.epcs)
    epcs = await shop.gateway.epcs()
    lost, doubled = len(diary - epcs), epcs.total() - len(epcs)
    assert (lost, doubled, figures.rows) == (0, 0, 0)
    assert figures.accepted_observations == epcs.total(), "lost or doubled"
    assert await shop.gateway.gaps() == []
    return epcs.total()


async def test_killed_at_each_named_place(tmp_path: Path) -> None:
    rng = random.Random(5)
    async with open_shop(tmp_path) as shop:
        for point in OPENING:
            await shop.kill_at(point, 1)
        for point in RUNNING:
            await shop.kill_at(point, 1 if point.startswith("link") else rng.randint(1, 4))
        for point in LEAVING:
            await shop.kill_at(point, 1, ticks=10)
        assert shop.kills == len(OPENING + RUNNING + LEAVING) > 30
        assert await judge(shop) > 20 * len(RUNNING)


async def test_killed_while_space_is_given_back(tmp_path: Path) -> None:
    """A long backlog is acknowledged at once; the file shrinks by its freed pages."""
    async with open_shop(tmp_path) as shop:
        await shop.gateway.crash()
        await shop.kill_at("append: after", 40, reads=4_000)
        await shop.gateway.start()
        await shop.kill_at(VACUUM, 1)
        assert await judge(shop) > 100_000


async def test_killed_while_rows_are_evicted_what_goes_is_named(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.gateway.crash()
        for point, times in ((EVICTION, 1), (EVICTION, 4), ("append: COMMIT", 60), ("append: after", 60)):
            await shop.kill_at(point, times, max_age_s=0.2)
        await shop.gateway.start()
        await shop.drain()
        epcs, gaps = await shop.gateway.epcs(), await shop.gateway.gaps()
        assert epcs.total() == len(epcs)
        evicted = 0
        for entry in shop.diary():
            if entry.epcs[0] in epcs:
                continue
            evicted += len(entry.epcs)
            assert any(one == entry.stream and first <= entry.seq <= last for one, first, last in gaps), "not named"
        figures = shop.figures()
        assert 0 < evicted <= figures.evicted_observations
        assert figures.accepted_observations - figures.evicted_observations <= epcs.total()
        assert figures.rows == 0


async def test_killed_at_random(tmp_path: Path) -> None:
    await torture(tmp_path, kills=20, seed=3)


@pytest.mark.proof
@pytest.mark.timeout(3_600)
async def test_killed_at_random_many_times(tmp_path: Path) -> None:
    for block in range(10):
        (tmp_path / str(block)).mkdir()
        await torture(tmp_path / str(block), kills=20, seed=100 + block)


async def torture(folder: Path, *, kills: int, seed: int) -> None:
    """Kill edges; with every fourth the broker and the gateway too, with every fifth the gateway."""
    rng = random.Random(seed)
    async with open_shop(folder) as shop:
        shop.orders = replace(shop.orders, seed=seed * 1_000)
        for number in range(kills):
            await shop.kill_somewhere(rng)
            if number % 4 == 3:
                await asyncio.to_thread(shop.broker.kill)
                await shop.gateway.crash()
                await asyncio.to_thread(shop.broker.start)
                await shop.gateway.start()
            if number % 5 == 4:
                await shop.gateway.crash()
                await shop.gateway.start()
        assert shop.kills == kills
        assert await judge(shop) > 100 * kills


@pytest.mark.parametrize(
    ("fault", "point"), [("accepts before its commit", "append: COMMIT"), ("believes the broker", "delete: after")]
)
async def test_the_judge_finds_a_wrong_edge(tmp_path: Path, fault: str, point: str) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.kill_at("ack: after", 3)
        await shop.gateway.crash()
        await shop.kill_at(point, 3, fault=fault)
        await shop.gateway.start()
        with pytest.raises(AssertionError, match="assert"):
            await judge(shop)
