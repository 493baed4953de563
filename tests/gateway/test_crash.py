"""kill -9 of a gateway at named steps and at random moments: nothing lost, nothing doubled, and the same bytes."""

import asyncio
import contextlib
import itertools
import multiprocessing
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

import msgspec
import pytest
from sqlalchemy import func, select

from gateway.clock import system_clock
from gateway.fold.folder import Folder
from gateway.fold.state import FoldState
from gateway.ledger.verify import verify
from gateway.steps import STEPS
from gateway.storage import input_log
from gateway.storage.engine import Database
from gateway.storage.input_log import Kind
from gateway.storage.schema import change, checkpoint, gap, quarantine, site_fold, site_input
from tests.gateway.crash_child import Orders, run
from tests.gateway.edge_outbox import EdgeOutbox
from tests.gateway.shop_day import day
from tests.gateway.small_store import SECOND_US, SITE, T0_US
from tests.gateway.wait import until
from tests.servers.mosquitto import Mosquitto
from wire.messages import Durable

WINDOWS: Final = 400
NAMED: Final = tuple(
    step for step in STEPS if step.split(".")[0] in {"ingest", "fold", "relay"} and step != "fold.pruned"
)
"""The children keep their whole log, to be folded again from entry 1."""


def windows() -> Iterator[Durable]:
    """Yield windows without end: one busy day after the other."""
    for number in itertools.count():
        for window in day(number, WINDOWS, items=30):
            start_us = window.window_start_us + number * WINDOWS * SECOND_US
            yield msgspec.structs.replace(window, window_start_us=start_us)


class Children:
    """Gateways one after the other, forked from a process that has imported everything already."""

    def __init__(self, url: str, port: int) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.gateway.crash_child"])
        self._orders = Orders(url, port, T0_US - system_clock())
        self.kills = 0

    def start(self, step: str = "", times: int = 1, *, ack_first: bool = False) -> BaseProcess:
        orders = replace(self._orders, step=step, times=times, ack_first=ack_first)
        child = self._context.Process(target=run, args=(orders,), daemon=True)
        child.start()
        return child

    async def until_dead(self, child: BaseProcess) -> None:
        await until(lambda: child.exitcode is not None, 60)
        assert child.exitcode == -9
        self.kills += 1
        child.close()


@contextlib.asynccontextmanager
async def running(edge: EdgeOutbox, port: int) -> AsyncIterator[None]:
    task = asyncio.create_task(edge.run(port))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def kill_at_named_steps(children: Children, steps: list[str], rng: random.Random) -> None:
    for step in steps:
        await children.until_dead(children.start(step, rng.randint(1, 4)))


async def kill_at_random(children: Children, edge: EdgeOutbox, kills: int, rng: random.Random) -> None:
    for _ in range(kills):
        before = edge.acks
        child = children.start()
        await until(lambda before=before: edge.acks > before, 60)  # type: ignore[misc]
        await asyncio.sleep(rng.uniform(0, 0.4))
        child.kill()
        await children.until_dead(child)


async def finish(children: Children, edge: EdgeOutbox, database: Database) -> None:
    """Let a last gateway drain everything, and end it properly."""
    edge.making = False
    child = children.start()
    await until(lambda: not edge.held, 60)
    async with asyncio.timeout(60):
        while not await drained(database):  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.05)
    child.terminate()
    await until(lambda: child.exitcode is not None, 60)
    assert child.exitcode == 0
    child.close()


async def drained(database: Database) -> bool:
    """Whether every message is folded, and every change relayed."""
    async with database.read() as connection:
        newest = select(func.max(site_input.c.n)).where(site_input.c.kind == Kind.DATA.value)
        waiting = select(func.count()).where(change.c.seq.is_(None))
        applied = int(await connection.scalar(select(site_fold.c.applied_n)) or 0)
        return applied >= (await connection.scalar(newest) or 0) and await connection.scalar(waiting) == 0


async def judge(edge: EdgeOutbox, database: Database) -> None:
    """Compare what the gateway holds with what the edge made, and with a fold of the log from entry 1."""
    async with database.read() as connection:
        entries = await input_log.entries_after(connection, SITE.id, 0, 10_000_000)
        applied = int(await connection.scalar(select(site_fold.c.applied_n)) or 0)
        newest = (await connection.execute(select(checkpoint).order_by(checkpoint.c.n.desc()).limit(1))).one()
        seqs = list(await connection.scalars(select(change.c.seq).order_by(change.c.id)))
        assert (await connection.execute(select(gap))).all() == []
        assert (await connection.execute(select(quarantine))).all() == []
    logged = [entry.body for entry in entries if entry.kind is Kind.DATA]
    assert len(logged) == len(edge.made)
    assert logged == edge.made  # nothing lost, nothing doubled, in order
    assert newest.n == applied
    folder = Folder(FoldState())
    for entry in entries[:applied]:
        folder.fold(entry)
    assert folder.state.snapshot() == bytes(newest.state)
    verdict = await verify(database, SITE.id)
    assert verdict.shown == []
    assert verdict.movements == folder.state.m > 0
    assert seqs == sorted(seqs)
    assert sorted(seqs) == list(range(1, len(seqs) + 1))


async def crash_run(database: Database, url: str, folder: Path, *, seed: int, rounds: int, random_kills: int) -> None:
    rng = random.Random(seed)
    edge = EdgeOutbox(windows())
    with Mosquitto(folder) as broker:
        children = Children(url, broker.port)
        async with running(edge, broker.port):
            for _ in range(rounds):
                await kill_at_named_steps(children, rng.sample(NAMED, len(NAMED)), rng)
            await kill_at_random(children, edge, random_kills, rng)
            await finish(children, edge, database)
    assert children.kills == rounds * len(NAMED) + random_kills
    await judge(edge, database)


async def test_nothing_is_lost_or_doubled_by_kill_9(database: Database, database_url: str, tmp_path: Path) -> None:
    await crash_run(database, database_url, tmp_path, seed=1, rounds=1, random_kills=2)


async def test_the_control_that_acks_before_the_commit_is_caught(
    sqlite_database: Database, sqlite_url: str, tmp_path: Path
) -> None:
    edge, database = EdgeOutbox(windows()), sqlite_database
    with Mosquitto(tmp_path) as broker:
        children = Children(sqlite_url, broker.port)
        async with running(edge, broker.port):
            await children.until_dead(children.start("ingest.written", 3, ack_first=True))
            await finish(children, edge, database)
    with pytest.raises(AssertionError):
        await judge(edge, database)


@pytest.mark.proof
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("seed", [11, 12, 13])
async def test_nothing_is_lost_or_doubled_by_many_kills(
    database: Database, database_url: str, tmp_path: Path, seed: int
) -> None:
    await crash_run(database, database_url, tmp_path, seed=seed, rounds=10, random_kills=100)
