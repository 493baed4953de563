"""A real disk that is full: nothing accepted is lost, what is given up is counted and said, and it heals by itself."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from edge.errors import OutboxUnavailable
from edge.limits import DELETE_MAX_ROWS, DISK_SPARE_LEAST_BYTES, EARLY_CLOSE_OBSERVATIONS
from edge.outbox import NewRow, Outbox
from edge.outbox_file import shortage
from tests.edge.fake_driver import tag_read
from tests.edge.small_disk import fill, free_bytes, small_disk
from tests.edge.test_daemon import open_shop
from tests.edge.uplink_sides import until
from wire.messages import Gap
from wire.window import TagRead

A = b"A" * 16


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path, mib=24) as place:
        yield place


def open_outbox(disk: Path) -> Outbox:
    return Outbox(disk / "outbox.db", "store-1", "edge-1")


def append_until_full(outbox: Outbox, body: bytes) -> int:
    """Return the last sequence that was accepted."""
    last = 0
    for _ in range(10_000):
        try:
            last = outbox.append(A, [NewRow(body, 1)] * 5, 0, 0.0).last
        except OutboxUnavailable:
            return last
    raise AssertionError("the disk never became full")


@pytest.mark.parametrize("row_bytes", [300, 30_000])
def test_an_outbox_that_filled_its_disk_can_still_be_emptied(disk: Path, row_bytes: int) -> None:
    outbox = open_outbox(disk)
    last = append_until_full(outbox, b"x" * row_bytes)
    assert last * row_bytes > 4_000_000
    assert outbox.delete({A: last // 2}) == last // 2
    assert outbox.delete({A: last}) == last - last // 2
    assert outbox.figures().rows == 0
    for number in range(50):  # it is of use again, for as many rows as before
        assert outbox.append(A, [NewRow(b"y" * row_bytes, 1)], 0, 0.0).last == last + 1 + number
    outbox.close()


def test_what_deletes_left_empty_goes_back_to_a_disk_that_is_short(disk: Path) -> None:
    outbox = open_outbox(disk)
    last = append_until_full(outbox, b"x" * 30_000)
    outbox.delete({A: last // 2})
    held = outbox.figures().size_bytes
    fill(disk, leave_bytes=DISK_SPARE_LEAST_BYTES + 2 * held)
    before = free_bytes(disk)
    assert shortage(outbox.path, held_bytes=held, new_bytes=30_000)
    assert outbox.append(A, [NewRow(b"y" * 30_000, 1)], 0, 0.0).last == last + 1
    assert free_bytes(disk) > before
    assert [row.seq for row in outbox.read(A, 1, 10_000)] == list(range(last // 2 + 1, last + 2))
    outbox.close()


def test_an_outbox_opens_on_a_full_disk_and_gives_what_it_holds(disk: Path) -> None:
    outbox = open_outbox(disk)
    outbox.append(A, [NewRow(b"%d" % i, 2) for i in range(20)], 0, 0.0)
    outbox.close()
    filler = fill(disk)
    assert free_bytes(disk) == 0
    again = open_outbox(disk)
    assert again.fresh_because == ""
    assert [row.body for row in again.read(A, 1, 99)] == [b"%d" % i for i in range(20)]
    with pytest.raises(OutboxUnavailable, match="the disk is full: 0 bytes are free"):
        again.append(A, [NewRow(b"more", 1)], 0, 0.0)
    assert again.figures().accepted_observations == 40
    filler.unlink()
    assert again.append(A, [NewRow(b"more", 1)], 0, 0.0).last == 21
    again.close()


def test_a_delete_of_many_rows_is_done_in_parts(tmp_path: Path) -> None:
    """Each part is a transaction, so that no delete asks the disk for more than an append has left."""
    outbox = open_outbox(tmp_path)
    streams = [bytes([i]) * 16 for i in range(4)]
    for stream in streams:
        outbox.append(stream, [NewRow(b"x", 1)] * (DELETE_MAX_ROWS // 2 + 100), 0, 0.0)
    outbox.delete({streams[0]: 50})
    upto = {streams[0]: 10**9, streams[1]: 10, streams[2]: DELETE_MAX_ROWS // 2 + 100, streams[3]: 99, b"?" * 16: 7}
    sizes = []
    for part in outbox._parts(upto):
        before = outbox.figures().rows
        outbox._delete_part(part)
        sizes.append(before - outbox.figures().rows)
    assert max(sizes) <= DELETE_MAX_ROWS
    assert sum(sizes) == (DELETE_MAX_ROWS // 2 + 50) + 10 + (DELETE_MAX_ROWS // 2 + 100) + 99
    assert [held.first for held in outbox.held()] == [11, 100]
    outbox.close()


def full_window() -> list[TagRead]:
    """So many tags that the window closes by itself."""
    now_us = time.time_ns() // 1_000
    return [tag_read(i.to_bytes(12, "big"), at_us=now_us) for i in range(EARLY_CLOSE_OBSERVATIONS)]


@pytest.mark.parametrize("whose", ["the outbox itself", "another program"])
async def test_a_daemon_on_a_full_disk_says_what_it_gave_up_and_heals(disk: Path, whose: str) -> None:
    async with open_shop(disk) as shop:
        shop.gateway.silent = whose == "the outbox itself"
        daemon = shop.daemon()
        await daemon.start()
        await until(lambda: daemon.stats().connected, "a connection")
        filler = fill(disk) if whose == "another program" else None
        with capture_logs() as logs:
            pushed, window = 0, full_window()
            while daemon.stats().intake.dropped_rows < 20:
                shop.drivers["R1"].push(*window)
                pushed += len(window)
                await asyncio.sleep(0)
                assert pushed < 3_000_000, "the disk never became full"
            await until(lambda: daemon.stats().intake.refusals >= 2, "a second refusal")
            if filler is not None:
                filler.unlink()
            shop.gateway.silent = False
            await until(lambda: not daemon.stats().waiting_rows, "everything at the gateway", 60)
        await daemon.stop()
        stats = daemon.stats()
        assert shop.gateway.observations() == stats.outbox.accepted_observations
        assert stats.outbox.accepted_observations + stats.intake.dropped_observations == pushed
        told = [one for one in shop.gateway.messages() if isinstance(one, Gap)]
        assert {one.cause for one in told} == {"queue_full"}
        assert sum(one.observations or 0 for one in told) == stats.intake.dropped_observations
        assert stats.outbox.evicted_rows == 0
        events = [entry["event"] for entry in logs]
        assert (events.count("outbox_lost"), events.count("outbox_back")) == (1, 1)
