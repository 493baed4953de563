"""The folder of count files: when a file is taken, where it goes, and that the same content is counted once."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import structlog
from structlog.testing import capture_logs

from edge.daemon import EdgeDaemon
from edge.drivers import build_driver
from edge.drivers.port import Sink, What
from edge.handheld.folder import CountFolder
from edge.handheld.limits import KEPT_MAX_FILES, PART_MAX_EPCS
from edge.uplink.memory import MemoryBroker, MemoryUplink
from tests.edge.drivers.contract import Told, rig_host, until
from tests.edge.test_daemon import Gateway
from wire.messages import CountBatch
from wire.site_file import parse_site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from edge.drivers.port import Driver

A, B = "3034257BF7194E4000001A85", "3034257BF7194E4000001A86"
SITE = """
site: store-1
zones: [{id: FLOOR, kind: sales_floor}, {id: BACK, kind: back_room}]
company_prefixes: ["0614141"]
devices:
  - {id: H1, driver: file, address: %s, zone: FLOOR, purpose: count, coverage: 0.9, settle_s: 0.02}
"""


class Running:
    """A driver on a folder, and what it told."""

    def __init__(self, folder: Path, stored: Callable[[], Awaitable[bool]] | None = None) -> None:
        site = parse_site(SITE % folder)
        self.folder = folder
        self.driver: Driver = build_driver(site.devices[0], site, rig_host())
        self.told = Told()
        self.sink = Sink(*self.told.sink()[:4], stored)

    def put(self, name: str, text: str) -> Path:
        path = self.folder / f".{name}"
        path.write_text(text)
        return path.rename(self.folder / name)

    def kept(self, folder: str) -> dict[str, str]:
        """The files of a folder by their own names, with their reports."""
        files = [path for path in (self.folder / folder).iterdir() if not path.name.endswith(".report.txt")]
        return {path.name.split("-", 3)[3]: (path.parent / f"{path.name}.report.txt").read_text() for path in files}

    async def gone(self, path: Path) -> None:
        await until(lambda: not path.exists(), lambda: f"{path} to be moved: {self.driver.health()}")


@asynccontextmanager
async def running(folder: Path, stored: Callable[[], Awaitable[bool]] | None = None) -> AsyncIterator[Running]:
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240 - a test waits for nobody
    one = Running(folder, stored)
    one.driver.start(one.sink)
    try:
        yield one
    finally:
        await one.driver.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "counts"


async def test_a_count_is_handed_over_and_its_file_is_kept_with_a_report(folder: Path) -> None:
    async with running(folder) as one:
        text = f"started: 2026-11-20 10:00\nended: 2026-11-20 10:30\nEPC,Zone\n{A},FLOOR\n{B},BACK\n{'AA' * 12},BACK\n"
        await one.gone(one.put("morning.csv", text))
        parts = one.told.counts
        assert [(part.zone, [epc.hex().upper() for epc in part.epcs]) for part in parts] == [
            ("BACK", [B]),
            ("FLOOR", [A]),
        ]
        assert {(part.site, part.edge, part.coverage) for part in parts} == {("store-1", "edge-1", 0.9)}
        assert all(part.ended_us == part.started_us + 1_800_000_000 for part in parts)
        report = one.kept("done")["morning.csv"]
        assert "FLOOR: 1 tags" in report
        assert "BACK: 1 tags" in report
        assert "tags of others, left out: 1" in report
        assert one.driver.health().reads == 2
        assert one.told.times(What.UP) == 1
        assert {path.name for path in folder.iterdir()} == {"done", "failed"}  # noqa: ASYNC240


async def test_a_count_without_times_ended_when_its_file_was_written(folder: Path) -> None:
    async with running(folder) as one:
        making = folder / ".list"
        making.write_text(A)
        os.utime(making, (1_700_000_000, 1_700_000_000.25))
        await one.gone(making.rename(folder / "list.txt"))
        assert [(part.started_us, part.ended_us) for part in one.told.counts] == [(1_700_000_000_250_000,) * 2]
        assert "2023-11-14 22:13:20 UTC (when the file was written: it does not say)" in one.kept("done")["list.txt"]


async def test_the_same_content_is_one_count(folder: Path) -> None:
    async with running(folder) as one:
        await one.gone(one.put("a.csv", f"EPC\n{A}\n"))
        await one.gone(one.put("b.csv", f"EPC\n{A}\n"))
        await one.gone(one.put("c.csv", f"EPC\n{A}\n{B}\n"))
        assert [len(part.epcs) for part in one.told.counts] == [1, 2]
        assert "counted before" in one.kept("done")["b.csv"]
    async with running(folder) as again:
        await again.gone(again.put("d.csv", f"EPC\n{A}\n"))
        assert again.told.counts == []
        assert "counted before" in again.kept("done")["d.csv"]


async def test_a_refused_file_says_why_and_costs_only_itself(folder: Path) -> None:
    async with running(folder) as one:
        with capture_logs() as logs:
            await one.gone(one.put("bad.csv", f"zone: {A}\nEPC\n{B}\n"))
            await one.gone(one.put("good.csv", f"EPC\n{B}\n"))
        assert f"zone '{A}' is none of this site; there are FLOOR, BACK" in one.kept("failed")["bad.csv"]
        assert len(one.told.counts) == 1
        await until(lambda: one.told.times(What.UNDECODABLE) == 1, lambda: "the refusal to be told")
        (event,) = (event for event in one.told.events if event.what == What.UNDECODABLE)
        assert event.detail == "1: count file bad.csv: it names a zone that the site does not have"
        assert (one.driver.health().state, one.driver.health().errors) == ("up", 1)
        assert A.lower() not in repr(logs).lower()
        await one.gone(one.put("bad.csv", f"zone: BACK\nEPC\n{A}\n"))
        assert one.told.counts[-1].zone == "BACK"


async def test_lost_lines_are_told_and_lower_the_coverage(folder: Path) -> None:
    async with running(folder) as one:
        await one.gone(one.put("n.csv", f"EPC\n{A}\nrubbish\n{B}\n"))
        assert one.told.counts[0].coverage == pytest.approx(0.9 * 2 / 3)
        await until(lambda: one.told.times(What.UNDECODABLE) == 1, lambda: "the lost line to be told")
        assert one.told.events[-1].detail.startswith("1: lines of count file n.csv; the first is line 3: ")
        assert "rubbish" not in one.told.events[-1].detail
        assert "line 3: 'rubbish'" in one.kept("done")["n.csv"]


async def test_a_large_count_comes_in_parts(folder: Path) -> None:
    async with running(folder) as one:
        tags = [(0x3034257BF7194E4000000000 + i).to_bytes(12).hex() for i in range(2 * PART_MAX_EPCS + 3)]
        await one.gone(one.put("all.csv", "EPC\n" + "\n".join(tags)))
        assert [len(part.epcs) for part in one.told.counts] == [PART_MAX_EPCS, PART_MAX_EPCS, 3]
        assert [part.ended_us is None for part in one.told.counts] == [True, True, False]


# -- what is not taken


def settled(folder: CountFolder, now_s: float) -> list[str]:
    return [waiting.path.name for waiting in folder.look(now_s)]


def test_a_file_is_taken_when_nobody_wrote_to_it_for_a_while(tmp_path: Path) -> None:
    folder = CountFolder(tmp_path, 3.0)
    path = tmp_path / "a.csv"
    path.write_text("EPC\n")
    assert settled(folder, 100.0) == settled(folder, 102.9) == []
    path.write_text(f"EPC\n{A}\n")
    assert settled(folder, 103.5) == settled(folder, 106.4) == []
    assert settled(folder, 106.5) == ["a.csv"]
    folder.lost()
    assert settled(folder, 200.0) == [], "what lies in a folder that came back may be half a copy"


def test_the_oldest_file_goes_first(tmp_path: Path) -> None:
    for number, name in enumerate(("c.csv", "a.csv", "b.csv")):
        (tmp_path / name).write_text(A)
        os.utime(tmp_path / name, (1_000 + number, 1_000 + number))
    folder = CountFolder(tmp_path, 0.0)
    assert settled(folder, 1.0) == ["c.csv", "a.csv", "b.csv"]


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    for name in (".hidden.csv", "~lock.csv", "copy.csv.part", "picture.png"):
        (tmp_path / name).write_text(A)
    (tmp_path / "empty.csv").touch()
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "link.csv").symlink_to(tmp_path / "picture.png")
    os.mkfifo(tmp_path / "pipe.csv")
    folder = CountFolder(tmp_path, 0.0)
    assert settled(folder, 1.0) == []
    assert folder.ignored == 3


def test_a_file_that_changes_while_it_is_read_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(A)
    folder = CountFolder(tmp_path, 0.0)
    (waiting,) = folder.look(1.0)
    path.write_text(f"{A}\n{B}")
    assert folder.take(waiting) is None
    (waiting,) = folder.look(2.0)
    taken = folder.take(waiting)
    assert taken is not None
    path.write_text(B)
    assert not folder.put_away(taken, "done", "", 0)
    path.unlink()
    assert not folder.put_away(taken, "done", "", 0)
    assert list((tmp_path / "done").iterdir()) == []


def test_kept_files_are_bounded_and_a_persons_files_are_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.handheld.folder.KEPT_MAX_FILES", 3)
    assert KEPT_MAX_FILES > 3
    folder = CountFolder(tmp_path, 0.0)
    folder.look(0.0)
    (tmp_path / "done" / "0-mine.csv").write_text("x")
    for number in range(5):
        (tmp_path / f"{number}.csv").write_text(f"EPC\n{number}")
        taken = folder.take(folder.look(1.0)[0])
        assert taken is not None
        assert folder.put_away(taken, "done", "report", number * 1_000_000)
    names = sorted(path.name for path in (tmp_path / "done").iterdir())
    assert names[0] == "0-mine.csv"
    assert [name[14] for name in names[1:]] == list("223344")


# -- trouble


async def test_a_folder_that_is_not_there_says_what_to_do(folder: Path) -> None:
    async with running(folder.parent / "x") as one:
        await until(lambda: one.driver.health().state == "up", lambda: "up")
        one.folder.rename(folder)
        await until(lambda: one.driver.health().state == "down", lambda: "down")
        error = one.driver.health().last_error
        assert error.startswith(f"folder {one.folder}: ")
        assert error.endswith(": make it, mount it, or mend the device's address")


async def test_a_file_that_cannot_be_moved_is_counted_once(folder: Path) -> None:
    async with running(folder) as one:
        await until(lambda: one.driver.health().state == "up", lambda: "up")
        done = folder / "done"
        done.rmdir()
        done.write_text("somebody's file")
        path = one.put("a.csv", f"EPC\n{A}\n")
        await until(lambda: one.driver.health().state == "down", lambda: "down")
        errors = one.driver.health().errors
        await until(lambda: one.driver.health().errors > errors + 2, lambda: "it to be tried again")
        assert path.exists()
        assert one.told.times(What.LOST) == 1
        done.unlink()
        await one.gone(path)
        assert len(one.told.counts) == 1
        assert "FLOOR: 1 tags" in one.kept("done")["a.csv"]
        await until(lambda: one.driver.health().state == "up", lambda: "up again")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_a_file_that_cannot_be_read_does_not_hold_up_the_others(folder: Path) -> None:
    async with running(folder) as one:
        one.put("a.csv", A).chmod(0)
        await one.gone(one.put("b.csv", B))
        await until(lambda: one.told.times(What.UNDECODABLE) == 1, lambda: "it to be told")
        assert one.driver.health().state == "up"


async def test_a_file_is_moved_only_when_its_count_is_durable(folder: Path) -> None:
    durable = asyncio.Event()
    asked = 0

    async def stored() -> bool:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return asked == 1 or durable.is_set()

    async with running(folder, stored) as one:
        path = one.put("a.csv", f"EPC\n{A}\n")
        await until(lambda: asked > 2, lambda: "it to be asked again")
        assert path.exists()
        assert len(one.told.counts) == 1
        durable.set()
        await one.gone(path)
        assert len(one.told.counts) == 1, "it is asked again, not handed over again"


async def test_a_stop_before_it_is_durable_reads_it_again(folder: Path) -> None:
    asked = 0

    async def never_again() -> bool:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return asked == 1

    async with running(folder, never_again) as one:
        path = one.put("a.csv", f"EPC\n{A}\n")
        await until(lambda: bool(one.told.counts), lambda: "the count")
    assert path.exists()
    async with running(folder) as again:
        await again.gone(path)
        assert again.told.counts == one.told.counts, "the same session, the same parts"


async def test_through_the_daemon_a_count_waits_in_the_outbox_and_not_in_the_folder(
    folder: Path, tmp_path: Path
) -> None:
    folder.mkdir()  # noqa: ASYNC240 - a test waits for nobody
    one = Running(folder)
    broker = MemoryBroker()
    gateway = Gateway(broker)
    gateway.silent = True
    serving = asyncio.create_task(gateway.run())
    daemon = EdgeDaemon(
        parse_site(SITE % folder),
        "edge-1",
        drivers={"H1": one.driver},
        uplink=lambda site, edge: MemoryUplink(broker, site, edge),
        outbox_path=tmp_path / "outbox.db",
        host=rig_host(),
        log=structlog.get_logger(),
    )
    await daemon.start()
    await one.gone(one.put("a.csv", f"EPC\n{A}\n"))
    gateway.silent = False

    def counts() -> list[CountBatch]:
        return [message for message in gateway.messages() if isinstance(message, CountBatch)]

    await until(lambda: bool(counts()), lambda: "the count at the gateway")
    await daemon.stop()
    serving.cancel()
    (count,) = counts()
    assert (count.zone, count.epcs, count.coverage) == ("FLOOR", (bytes.fromhex(A),), 0.9)
