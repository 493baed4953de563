"""The forwarder on a real outbox: what is published, in which order, and what an answer in between changes."""

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog

from edge.delivery import Delivery, Order
from edge.errors import OutboxDamaged
from edge.forwarder import Forwarder
from edge.limits import DRAIN_BYTES, DRAIN_WINDOW_ROWS, LIVE_WINDOW_ROWS
from edge.outbox import NewRow, Outbox, StoredRow
from edge.outbox_thread import OutboxThread
from edge.uplink.port import UplinkFigures, UplinkListener
from tests.edge.uplink_sides import system_host, until
from wire.frame import Header, decode_frame
from wire.messages import Ack, Command, EdgeState

OLD, LIVE = b"O" * 16, b"L" * 16


class OpenUplink:
    """An uplink that is always up; the test says how much it holds."""

    def __init__(self) -> None:
        self.figures = UplinkFigures()
        self.connected = True
        self.held_bytes = 0
        self.frames: list[bytes] = []

    def start(self, listener: UplinkListener, death: EdgeState) -> None:
        raise NotImplementedError("the test plays the listener's side itself")

    async def stop(self, farewell: EdgeState | None = None) -> None:
        await asyncio.sleep(0 if farewell is None else 0.0)

    def publish_data(self, frame: bytes) -> bool:
        self.frames.append(frame)
        return True

    def publish_state(self, state: EdgeState) -> bool:
        return bool(state.what)

    def publish_reported(self, payload: bytes) -> bool:
        return bool(payload)

    def headers(self) -> list[Header]:
        return [decode_frame(frame).header for frame in self.frames]

    def seqs(self, stream: bytes) -> list[int]:
        return [header.seq for header in self.headers() if header.stream == stream]


class GatedOutbox(OutboxThread):
    """A real outbox whose readings can be held up after the disk gave the rows."""

    def __init__(self, outbox: Outbox, executor: ThreadPoolExecutor) -> None:
        super().__init__(outbox, executor)
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = 0

    async def read(self, stream: bytes, first: int, last: int) -> list[StoredRow]:
        rows = await super().read(stream, first, last)
        self.waiting += 1
        await self.gate.wait()
        self.waiting -= 1
        return rows


class Bench:
    """A forwarder, its outbox and uplink."""

    def __init__(self, outbox: GatedOutbox, delivery: Delivery) -> None:
        self.outbox = outbox
        self.uplink = OpenUplink()
        self.links: list[bool] = []
        self.commands: list[Command] = []
        self.forwarder = Forwarder(
            delivery,
            outbox,
            self.uplink,
            system_host(),
            draw_stream=lambda: b"F" * 16,
            on_link=self.links.append,
            on_command=self.commands.append,
            log=structlog.get_logger(),
        )

    async def store(self, count: int, size: int = 100) -> None:
        host = system_host()
        rows = [NewRow(b"x" * size)] * count
        stream = self.forwarder.delivery.live
        self.forwarder.on_appended(await self.outbox.append(stream, rows, host.wall_us(), host.monotonic_s()))

    def ack(self, stream: bytes, upto: int) -> None:
        self.forwarder.on_ack(Ack(stream=stream.hex(), upto=upto))


@asynccontextmanager
async def bench(folder: Path, old_rows: int = 0, old_size: int = 100) -> AsyncIterator[Bench]:
    path = folder / "outbox.db"
    if old_rows:
        before = Outbox(path, "store-1", "edge-1")
        before.append(OLD, [NewRow(b"o" * old_size)] * old_rows, 1, 0.0)
        before.close()
    outbox = await GatedOutbox.open(path, "store-1", "edge-1")
    one = Bench(outbox, Delivery(LIVE, await outbox.held()))
    task = asyncio.create_task(one.forwarder.run())
    try:
        yield one
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await outbox.close()


async def test_rows_go_out_with_their_place_and_are_deleted_when_acked(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        one.forwarder.on_connected()
        await until(lambda: one.links == [True], "the link")
        await one.store(3)
        await until(lambda: len(one.uplink.frames) == 3, "three frames")
        assert one.uplink.headers() == [Header(LIVE, seq, 1) for seq in (1, 2, 3)]
        one.ack(LIVE, 2)
        await until(lambda: one.outbox.figures().rows == 1, "the delete")
        await one.store(1)
        await until(lambda: len(one.uplink.frames) == 4, "the fourth")
        assert one.uplink.headers()[-1] == Header(LIVE, 4, 3)
        assert not await one.forwarder.drain(0.05)
        one.ack(LIVE, 4)
        assert await one.forwarder.drain(5.0)


async def test_nothing_goes_out_before_the_link_is_settled(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        await one.store(2)
        await asyncio.sleep(0.05)
        assert one.uplink.frames == []
        one.forwarder.on_connected()
        await until(lambda: len(one.uplink.frames) == 2, "the backlog")
        one.forwarder.on_disconnected("cut")
        await one.store(1)
        await asyncio.sleep(0.05)
        assert len(one.uplink.frames) == 2
        assert one.links == [True, False]


async def test_live_rows_go_first_and_old_ones_wait_for_room(tmp_path: Path) -> None:
    async with bench(tmp_path, old_rows=100, old_size=1_000) as one:
        one.uplink.held_bytes = DRAIN_BYTES
        await one.store(LIVE_WINDOW_ROWS + 10)
        one.forwarder.on_connected()
        await until(lambda: len(one.uplink.seqs(LIVE)) == LIVE_WINDOW_ROWS, "the live window")
        await asyncio.sleep(0.05)
        assert one.uplink.seqs(OLD) == []
        one.uplink.held_bytes = DRAIN_BYTES - 1
        one.forwarder.on_room()
        await until(lambda: len(one.uplink.seqs(OLD)) == DRAIN_WINDOW_ROWS, "the drain window")
        assert one.uplink.seqs(OLD) == list(range(1, DRAIN_WINDOW_ROWS + 1))


async def test_an_ack_that_comes_while_rows_are_read_keeps_them_back(tmp_path: Path) -> None:
    """The disk is slow and the gateway quick, with an answer from before the reconnect: what it has stays here."""
    async with bench(tmp_path) as one:
        one.forwarder.on_connected()
        await one.store(4)
        await until(lambda: len(one.uplink.frames) == 4, "four frames")
        one.forwarder.on_disconnected("cut")
        one.outbox.gate.clear()
        one.forwarder.on_connected()
        await until(lambda: one.outbox.waiting == 1, "the second reading")
        one.ack(LIVE, 3)
        one.outbox.gate.set()
        await until(lambda: len(one.uplink.frames) == 5, "what is left")
        await until(lambda: one.outbox.figures().rows == 1, "the delete")
        assert one.uplink.headers()[4:] == [Header(LIVE, 4, 4)]


async def test_a_link_that_breaks_while_rows_are_read_is_survived(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        one.outbox.gate.clear()
        one.forwarder.on_connected()
        await one.store(4)
        await until(lambda: one.outbox.waiting == 1, "the reading")
        one.forwarder.on_disconnected("cut")
        one.outbox.gate.set()
        await until(lambda: one.outbox.waiting == 0, "the end of the reading")
        await one_moment()
        assert one.uplink.frames == []
        one.forwarder.on_connected()
        await until(lambda: one.uplink.seqs(LIVE) == [1, 2, 3, 4], "all four after the reconnect")


async def test_deletes_that_were_cut_short_are_done_later(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        one.forwarder.on_connected()
        await until(lambda: one.links == [True], "the link")
        await one.store(2)
        await until(lambda: len(one.uplink.frames) == 2, "both")
        gate = threading.Event()
        blocked = asyncio.create_task(one.outbox._run(lambda: gate.wait(20)))
        await one_moment()
        one.forwarder._deletes = {LIVE: 2}
        flushing = asyncio.create_task(one.forwarder.flush_deletes())
        await one_moment()
        flushing.cancel()
        await asyncio.gather(flushing, return_exceptions=True)
        gate.set()
        await blocked
        assert one.outbox.figures().rows == 2
        await one.forwarder.flush_deletes()
        assert one.outbox.figures().rows == 0


class _FailingDelivery(Delivery):
    def tick(self, now_s: float) -> list[Order]:
        raise RuntimeError(f"nobody foresaw this at {now_s:g}")


class _DamagedOutbox(GatedOutbox):
    async def oldest_us(self, stream: bytes | None = None) -> int | None:
        raise OutboxDamaged(f"torn page of {stream!r}")


async def test_an_error_in_the_clock_of_resending_ends_the_whole_forwarder(tmp_path: Path) -> None:
    """A silent stop would be the worst: everything looks well and nothing is ever sent again."""
    outbox = await GatedOutbox.open(tmp_path / "outbox.db", "store-1", "edge-1")
    one = Bench(outbox, _FailingDelivery(LIVE, []))
    with pytest.raises(RuntimeError, match="nobody foresaw this"):
        await asyncio.wait_for(one.forwarder.run(), 20)
    await outbox.close()


async def test_an_error_in_sending_keeps_its_type(tmp_path: Path) -> None:
    outbox = await _DamagedOutbox.open(tmp_path / "outbox.db", "store-1", "edge-1")
    one = Bench(outbox, Delivery(LIVE, []))
    one.forwarder.on_connected()
    with pytest.raises(OutboxDamaged, match="torn page"):
        await asyncio.wait_for(one.forwarder.run(), 20)
    await outbox.close()


async def one_moment() -> None:
    """Let every task that can run do so."""
    for _ in range(5):
        await asyncio.sleep(0)
