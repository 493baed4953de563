"""Count files that no sane handheld writes, and names that no sane person gives: each costs itself and no more."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edge.drivers.port import What
from edge.handheld.count_file import CountFileError, CountReader
from edge.handheld.folder import CountFolder
from edge.handheld.limits import JSON_LINE_MAX_CHARS, LINES_MAX, SAID_MAX_CHARS
from edge.handheld.times import EXPECTED, instant_us
from tests.edge.drivers.contract import until
from tests.edge.drivers.test_file_driver import A, B, Running, running
from tests.edge.fake_driver import small_site
from wire.messages import DeviceEvents, EdgeState, decode_durable, encode_durable, encode_json

if TYPE_CHECKING:
    from wire.messages import CountBatch

NOW_US = 1_700_000_000_000_000


def read(data: bytes) -> dict[str, tuple[bytes, ...]]:
    return CountReader(small_site(), zone="FLOOR").read(data, NOW_US).zones


# -- what a file says


def test_an_instant_that_no_calendar_has_is_none() -> None:
    from zoneinfo import ZoneInfo

    for text in ("9999-12-31T23:59:59-12:00", "9999-12-31 23:59:59"):
        with pytest.raises(ValueError, match=EXPECTED[:20]):
            instant_us(text, ZoneInfo("Pacific/Honolulu"))


async def test_a_start_beyond_the_calendar_costs_that_file_only(tmp_path: Path) -> None:
    async with running(tmp_path / "counts") as one:
        bad = one.put("a.csv", f"started: 9999-12-31T23:59:59-12:00\nEPC\n{A}\n")
        await one.gone(bad)
        await one.gone(one.put("b.csv", f"EPC\n{B}\n"))
        assert "expected year first" in one.kept("failed")["a.csv"]
        assert [len(part.epcs) for part in one.told.counts] == [1]


@pytest.mark.parametrize(
    "data",
    [
        b"EPC\n" + b"x\n" * LINES_MAX,
        b"EPC\r\n" + b"\r\n" * LINES_MAX,
        b"EPC\r" + b"\r" * LINES_MAX,
        b'{"epc":"1"}\n' + b"{}\n" * LINES_MAX,
        b'{"tags":[' + b'"1",' * LINES_MAX + b'"1"]}',
        b'{"tags":[{"epc":"1"}' + b',{"epc":"1"}' * LINES_MAX + b"]}",
    ],
    ids=["rubbish", "empty", "old-mac", "json", "one-list", "one-list-of-objects"],
)
def test_a_file_of_more_lines_than_a_count_has_is_refused_before_they_are_kept(data: bytes) -> None:
    with pytest.raises(CountFileError, match=f"more than {LINES_MAX} lines"):
        read(data)


def test_a_json_line_has_a_limit_of_its_own() -> None:
    line = b'{"note":"' + b"x" * JSON_LINE_MAX_CHARS + b'"}\n'
    with pytest.raises(CountFileError, match="characters; the limit is"):
        read(line)


def test_what_is_said_of_the_whole_file_is_short() -> None:
    """A long line is looked at by a pattern whose work grows with the square of its length."""
    long = f"# zone: x{',' * SAID_MAX_CHARS}y"
    assert read(f"{long}\nEPC\n{A}\n".encode()) == {"FLOOR": (bytes.fromhex(A),)}
    with pytest.raises(CountFileError, match="none of this site"):
        read(f"# zone: x,y\nEPC\n{A}\n".encode())


# -- names


LATIN = os.fsdecode("Zählung.csv".encode("latin-1"))


@pytest.mark.parametrize(("text", "folder"), [(f"EPC\n{A}\nrubbish\n", "done"), ("nothing", "failed")])
async def test_a_name_that_is_no_utf_8_is_a_name(tmp_path: Path, text: str, folder: str) -> None:
    async with running(tmp_path / "counts") as one:
        await one.gone(one.put(LATIN, text))
        ((_, report),) = one.kept(folder).items()
        assert report.startswith("Z?hlung.csv: ")
        await until(lambda: one.told.times(What.UNDECODABLE) == 1, lambda: "it to be told")
        body = encode_durable(DeviceEvents(site="store-1", edge="edge-1", events=tuple(one.told.events)))
        assert decode_durable(body)
        state = EdgeState(what="health", site="s", edge="e", at_us=0, devices=(one.driver.health(),))
        assert b"Z?hlung.csv" in encode_json(state)


# -- the move


def test_a_file_that_cannot_be_moved_leaves_no_reports(tmp_path: Path) -> None:
    """`done` on another disk: the report can be written there, the file cannot be renamed to it."""
    elsewhere = Path("/dev/shm") / f"lastunit-{os.getpid()}"
    elsewhere.mkdir()
    try:
        (tmp_path / "done").symlink_to(elsewhere)
        (tmp_path / "a.csv").write_text(A)
        folder = CountFolder(tmp_path, 0.0)
        (waiting,) = folder.look(1.0)
        taken = folder.take(waiting)
        assert taken is not None
        for second in range(3):
            with pytest.raises(OSError, match="cross-device"):
                folder.put_away(taken, "done", "report", second * 1_000_000)
        assert list(elsewhere.iterdir()) == []
    finally:
        for path in elsewhere.iterdir():
            path.unlink()
        elsewhere.rmdir()


# -- the daemon's side


async def test_no_part_of_a_count_is_handed_over_while_the_disk_takes_none(tmp_path: Path) -> None:
    """What waits for a full disk is dropped oldest first: a count without its first parts finds everything missing."""
    takes = False
    asked = 0

    async def stored() -> bool:
        nonlocal asked
        asked += 1
        return takes

    async with running(tmp_path / "counts", stored) as one:
        path = one.put("a.csv", f"EPC\n{A}\n")
        await until(lambda: asked > 0, lambda: "it to ask")
        assert one.told.counts == []
        takes = True
        await one.gone(path)
        assert len(one.told.counts) == 1


async def test_our_own_error_costs_one_file_and_not_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "counts"
    folder.mkdir()
    one = Running(folder)
    broken = bytes.fromhex(A)

    def on_count(part: CountBatch) -> None:
        if broken in part.epcs:
            raise ArithmeticError("a bug")
        one.told.counts.append(part)

    one.driver.start(one.sink._replace(on_count=on_count))
    bad = one.put("a.csv", f"EPC\n{A}\n")
    await until(lambda: one.driver.health().errors == 1, lambda: "the error to be counted")
    await one.gone(one.put("b.csv", f"EPC\n{B}\n"))
    await one.driver.stop()
    assert bad.exists()
    assert len(one.told.counts) == 1
    assert one.driver.health().errors == 1, "it is said once, not with each look"


async def test_what_was_lost_last_is_told_at_the_stop(tmp_path: Path) -> None:
    async with running(tmp_path / "counts") as one:
        await one.gone(one.put("a.csv", f"EPC\n{A}\nrubbish\n"))
        await until(lambda: one.told.times(What.UNDECODABLE) == 1, lambda: "the first to be told")
        await one.gone(one.put("b.csv", f"EPC\n{B}\nrubbish\n"))
    assert one.told.times(What.UNDECODABLE) == 2
