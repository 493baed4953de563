"""Rows on their way to the disk: group commit, a disk that refuses, bounds, healing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from structlog.testing import capture_logs

from edge.drivers.port import Host
from edge.intake import Intake
from edge.limits import APPEND_MAX_BYTES, INTAKE_MAX_BYTES
from edge.outbox import Appended, NewRow, OutboxLimits
from edge.outbox_thread import OutboxThread
from tests.edge.uplink_sides import system_host, until
from wire.limits import BODY_MAX_BYTES
from wire.messages import Gap, decode_durable

A = b"A" * 16


@asynccontextmanager
async def intake_on(
    path: Path, limits: OutboxLimits | None = None, host: Host | None = None
) -> AsyncIterator[tuple[Intake, OutboxThread, list[Appended], Callable[[], None]]]:
    outbox = await OutboxThread.open(path, "store-1", "edge-1", limits)
    appended: list[Appended] = []
    intake = Intake(
        outbox,
        host or system_host(),
        site="store-1",
        edge="edge-1",
        live=lambda: A,
        on_appended=appended.append,
        log=structlog.get_logger(),
    )
    tasks: list[asyncio.Task[None]] = []
    try:
        yield intake, outbox, appended, lambda: tasks.append(asyncio.create_task(intake.run()))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await outbox.close()


async def test_rows_that_gathered_are_stored_in_one_commit(tmp_path: Path) -> None:
    async with intake_on(tmp_path / "o.db") as (intake, outbox, appended, run):
        for i in range(10):
            intake.offer(NewRow(b"%d" % i, 2))
        assert len(intake) == 10
        run()
        assert await intake.flush(20)
        assert appended == [Appended(A, 1, 10)]
        assert [row.body for row in await outbox.read(A, 1, 10)] == [b"%d" % i for i in range(10)]
        assert outbox.figures().accepted_observations == 20


async def test_a_full_disk_waits_drops_at_the_bound_says_it_and_heals(tmp_path: Path) -> None:
    limits = OutboxLimits(max_pages=60)
    async with intake_on(tmp_path / "o.db", limits) as (intake, outbox, appended, run):
        run()
        intake.offer(NewRow(b"x" * 150_000, 1))
        assert await intake.flush(20)
        with capture_logs() as logs:
            bodies = [b"%06d" % i + b"y" * 200_000 for i in range(2 * INTAKE_MAX_BYTES // 200_000)]
            for body in bodies:
                intake.offer(NewRow(body, 3))
                await asyncio.sleep(0)
            await until(lambda: intake.figures.refusals >= 2, "a refusal of many rows")
            assert len(appended) == 1
            assert len(intake) * 200_006 <= INTAKE_MAX_BYTES + APPEND_MAX_BYTES
            assert intake.figures.dropped_rows == len(bodies) - len(intake)
            assert not await intake.flush(0.1)
            await outbox._run(lambda: outbox._outbox._connection().execute("PRAGMA max_page_count = 1000000").close())
            assert await intake.flush(60)
        stored = [row.body for row in await outbox.read(A, 2, 10**6)]
        gap = decode_durable(stored[0])
        assert isinstance(gap, Gap)
        assert (gap.cause, gap.observations) == ("queue_full", 3 * intake.figures.dropped_rows)
        names, kept = [body[:6] for body in bodies], [body[:6] for body in stored[1:]]
        assert len(kept) == len(names) - intake.figures.dropped_rows
        assert kept == sorted(set(kept))
        newest = len(kept) - APPEND_MAX_BYTES // 200_006  # the transaction that is being tried keeps older ones
        assert kept[-newest:] == names[-newest:]
        assert outbox.figures().accepted_observations == 1 + 3 * (len(bodies) - intake.figures.dropped_rows)
        events = [entry["event"] for entry in logs]
        assert events.count("outbox_lost") == 1
        assert events.count("outbox_back") == 1


async def test_a_body_that_no_frame_can_carry_becomes_a_gap(tmp_path: Path) -> None:
    async with intake_on(tmp_path / "o.db") as (intake, outbox, _, run):
        intake.offer(NewRow(b"x" * (BODY_MAX_BYTES + 1), 5))
        intake.offer(NewRow(b"x" * BODY_MAX_BYTES, 1))
        run()
        assert await intake.flush(20)
        first, second = await outbox.read(A, 1, 9)
        gap = decode_durable(first.body)
        assert isinstance(gap, Gap)
        assert gap.observations == 5
        assert len(second.body) == BODY_MAX_BYTES
        assert intake.figures.oversize_rows == 1


async def test_a_gap_alone_is_waited_for_as_any_row(tmp_path: Path) -> None:
    async with intake_on(tmp_path / "o.db") as (intake, outbox, _, run):
        intake.offer(NewRow(b"x" * (BODY_MAX_BYTES + 1), 5))
        assert not await intake.flush(0.01)
        run()
        assert await intake.flush(20)
        assert len(await outbox.read(A, 1, 9)) == 1
