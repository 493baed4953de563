"""The outbox on a real file: order, caps, full disk, damage, one owner."""

import sqlite3
from pathlib import Path

import pytest

from edge.delivery import HeldRows
from edge.errors import OutboxError, OutboxLocked, OutboxUnavailable
from edge.limits import OUTBOX_MIN_BYTES
from edge.outbox import Appended, NewRow, Outbox, OutboxLimits
from wire.messages import Gap, decode_durable

A, B = b"A" * 16, b"B" * 16
KIB = 1024


def open_outbox(path: Path, limits: OutboxLimits | None = None) -> Outbox:
    return Outbox(path, "store-1", "edge-1", limits)


def rows(*bodies: bytes, observations: int = 1) -> list[NewRow]:
    return [NewRow(body, observations) for body in bodies]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


def test_rows_get_their_sequence_and_come_back(path: Path) -> None:
    outbox = open_outbox(path)
    assert outbox.fresh_because == "new outbox file"
    assert outbox.append(A, rows(b"1", b"2"), 10, 0.0) == Appended(A, 1, 2)
    assert outbox.append(A, rows(b"3"), 20, 1.0) == Appended(A, 3, 3)
    assert outbox.append(B, rows(b"x"), 30, 2.0) == Appended(B, 1, 1)
    assert [(row.seq, row.body) for row in outbox.read(A, 2, 9)] == [(2, b"2"), (3, b"3")]
    assert outbox.held() == [HeldRows(A, 1, 3), HeldRows(B, 1, 1)]
    assert (outbox.oldest_us(), outbox.oldest_us(B), outbox.oldest_us(b"C" * 16)) == (10, 30, None)
    outbox.close()


def test_what_was_accepted_is_there_after_a_restart(path: Path) -> None:
    first = open_outbox(path)
    first.append(A, rows(b"1", b"2", observations=5), 10, 0.0)
    first.delete({A: 1})
    first.close()
    second = open_outbox(path)
    assert second.fresh_because == ""
    assert second.held() == [HeldRows(A, 2, 2)]
    figures = second.figures()
    assert (figures.rows, figures.accepted_rows, figures.accepted_observations) == (1, 2, 10)
    second.append(B, rows(b"3", observations=7), 20, 0.0)
    assert second.figures().accepted_observations == 17
    second.close()


def test_a_sequence_goes_on_after_everything_was_deleted(path: Path) -> None:
    outbox = open_outbox(path)
    outbox.append(A, rows(b"1", b"2"), 10, 0.0)
    assert outbox.delete({A: 2, B: 5}) == 2
    assert outbox.append(A, rows(b"3"), 11, 0.0) == Appended(A, 3, 3)
    outbox.close()


def test_it_is_a_wal_with_full_synchronisation(path: Path) -> None:
    """The promise of durability rests on these two words."""
    outbox = open_outbox(path)
    db = outbox._connection()
    assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert db.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert db.execute("PRAGMA secure_delete").fetchone()[0] == 0
    outbox.close()


def test_figures_agree_with_the_file(path: Path) -> None:
    outbox = open_outbox(path)
    for i in range(50):
        outbox.append(A, rows(b"x" * i), i, float(i))
    outbox.delete({A: 20})
    before = outbox.figures()
    outbox.close()
    again = open_outbox(path)
    assert again.figures() == before
    again.close()


# -- caps


def test_over_its_cap_it_gives_up_the_oldest_and_says_so(path: Path) -> None:
    outbox = open_outbox(path, OutboxLimits(max_bytes=OUTBOX_MIN_BYTES))
    body = b"x" * (64 * KIB)
    evicted = 0
    for i in range(300):
        appended = outbox.append(A, rows(body, observations=3), 1_000 + i, float(i))
        evicted = max([evicted, *(gone.upto for gone in appended.evicted)])
        assert outbox.figures().size_bytes <= OUTBOX_MIN_BYTES
    figures = outbox.figures()
    assert evicted > 40
    assert figures.evicted_observations == 3 * 300 - 3 * (figures.rows - _gap_rows(outbox))
    assert figures.accepted_observations == 900
    assert figures.evicted_rows == evicted
    assert outbox.held() == [HeldRows(A, evicted + 1, outbox.held()[0].last)]
    gaps = _gaps(outbox)
    assert max(gap.to_seq for gap in gaps) == evicted
    assert sum(gap.observations or 0 for gap in gaps) == figures.evicted_observations
    outbox.close()


def test_evicted_gap_rows_are_told_again_so_that_nothing_is_unnamed(path: Path) -> None:
    """Long over the cap: the Gap rows themselves grow old, and still every lost sequence is named."""
    outbox = open_outbox(path, OutboxLimits(max_bytes=OUTBOX_MIN_BYTES))
    body = b"x" * (200 * KIB)
    for i in range(400):
        outbox.append(A, rows(body), i, float(i))
    held = outbox.held()[0]
    named = {seq for gap in _gaps(outbox) for seq in range(gap.from_seq, gap.to_seq + 1)}
    assert named >= set(range(1, held.first))
    outbox.close()


def test_the_rows_that_broke_the_cap_are_never_the_ones_to_go(path: Path) -> None:
    outbox = open_outbox(path, OutboxLimits(max_bytes=OUTBOX_MIN_BYTES))
    outbox.append(A, rows(b"x"), 0, 0.0)
    big = b"x" * (OUTBOX_MIN_BYTES // 2)
    appended = outbox.append(A, rows(big, big, big), 0, 1.0)
    assert [gone.upto for gone in appended.evicted] == [1]
    assert [row.body for row in outbox.read(A, 2, 4)] == [big] * 3
    outbox.close()


def test_rows_that_are_too_old_go(path: Path) -> None:
    outbox = open_outbox(path, OutboxLimits(max_age_s=100.0))
    outbox.append(A, rows(b"1"), 0, 1_000.0)
    outbox.append(A, rows(b"2"), 0, 1_050.0)
    assert outbox.append(A, rows(b"3"), 0, 1_100.0).evicted == ()
    assert [gone.upto for gone in outbox.append(A, rows(b"4"), 0, 1_101.0).evicted] == [1]
    outbox.close()


def test_age_counts_running_time_not_the_wall_clock(path: Path) -> None:
    """A box that starts in 1970 and learns the year later evicts nothing; nor does a year in a drawer."""
    first = open_outbox(path, OutboxLimits(max_age_s=100.0))
    first.append(A, rows(b"1"), 0, 5_000.0)
    assert first.append(A, rows(b"2"), 1_800_000_000_000_000, 5_050.0).evicted == ()
    first.close()
    second = open_outbox(path, OutboxLimits(max_age_s=100.0))
    assert second.append(B, rows(b"3"), 1_900_000_000_000_000, 3.0).evicted == ()
    assert second.append(B, rows(b"4"), 1_900_000_000_000_000, 52.0).evicted == ()
    assert [gone.upto for gone in second.append(B, rows(b"5"), 0, 54.0).evicted] == [1]
    second.close()


def test_a_cap_that_is_too_small_is_refused() -> None:
    with pytest.raises(OutboxError, match="the least is"):
        OutboxLimits(max_bytes=OUTBOX_MIN_BYTES - 1)
    with pytest.raises(OutboxError, match="more than 0"):
        OutboxLimits(max_age_s=0)


# -- a disk that fails


def test_a_full_disk_takes_nothing_loses_nothing_and_heals(path: Path) -> None:
    outbox = open_outbox(path, OutboxLimits(max_pages=40))
    accepted = _fill(outbox)
    assert accepted > 10
    with pytest.raises(OutboxUnavailable, match="full"):
        outbox.append(A, rows(b"x" * 2_000, observations=2), 0, 0.0)
    figures = outbox.figures()
    assert (figures.rows, figures.accepted_rows, figures.accepted_observations) == (accepted, accepted, 2 * accepted)
    assert len(outbox.read(A, 1, 10_000)) == accepted
    outbox.delete({A: accepted // 2})
    assert outbox.append(A, rows(b"after"), 0, 0.0) == Appended(A, accepted + 1, accepted + 1)
    outbox.close()
    again = open_outbox(path)
    assert again.figures().accepted_rows == accepted + 1
    again.close()


def test_after_a_failed_sync_the_file_follows_what_was_reported(path: Path) -> None:
    """A commit may reach the disk although its sync failed. Its append was refused, so its rows must not stay."""
    outbox = open_outbox(path)
    outbox.append(A, rows(b"1", observations=3), 0, 0.0)
    ghost = outbox._connection()
    ghost.execute("INSERT INTO row VALUES (NULL, ?, 2, x'00', 9, 0, 0, 0.0)", (A,))
    ghost.execute("INSERT INTO row VALUES (NULL, ?, 1, x'00', 9, 0, 0, 0.0)", (B,))
    ghost.execute("UPDATE figure SET value = 99 WHERE name = 'accepted_observations'")
    outbox._distrust()
    assert outbox.append(A, rows(b"2", observations=4), 0, 1.0) == Appended(A, 2, 2)
    assert [row.body for row in outbox.read(A, 1, 9)] == [b"1", b"2"]
    assert outbox.held() == [HeldRows(A, 1, 2)]
    assert outbox.figures().accepted_observations == 7
    outbox.close()


def test_after_a_failed_sync_of_the_first_append_nothing_of_it_stays(path: Path) -> None:
    outbox = open_outbox(path)
    outbox._connection().execute("INSERT INTO row VALUES (NULL, ?, 1, x'00', 9, 0, 0, 0.0)", (A,))
    outbox._distrust()
    assert outbox.append(A, rows(b"1"), 0, 0.0) == Appended(A, 1, 1)
    assert [row.body for row in outbox.read(A, 1, 9)] == [b"1"]
    outbox.close()


def test_a_second_daemon_is_refused(path: Path) -> None:
    outbox = open_outbox(path)
    with pytest.raises(OutboxLocked, match="another process"):
        open_outbox(path)
    outbox.close()
    open_outbox(path).close()


def test_a_damaged_file_is_set_aside_and_said(path: Path) -> None:
    outbox = open_outbox(path)
    for _ in range(50):
        outbox.append(A, rows(b"x" * 3_000), 0, 0.0)
    outbox.close()
    data = bytearray(path.read_bytes())
    data[4_096 * 3 : 4_096 * 12] = b"\xa5" * (4_096 * 9)
    path.write_bytes(bytes(data))
    again = open_outbox(path)
    assert "damaged" in again.fresh_because
    assert again.held() == []
    assert again.append(B, rows(b"new"), 0, 0.0) == Appended(B, 1, 1)
    again.close()
    assert path.with_name("outbox.db.damaged-1").exists()


@pytest.mark.parametrize(
    "data", [bytes(5_000), b"\xff" * 5_000, b"SQLite format 3\x00" + b"?" * 5_000, b"\x1f\x8b\x00"]
)
def test_a_file_that_is_no_database_is_set_aside(path: Path, data: bytes) -> None:
    """Zeros and ones are what a dying card gives."""
    path.write_bytes(data)
    outbox = open_outbox(path)
    assert "not a database" in outbox.fresh_because
    outbox.close()
    assert path.with_name("outbox.db.damaged-1").read_bytes() == data


@pytest.mark.parametrize(
    "text",
    [
        "site: s\n",
        "this is a text, and a long one at that. " * 100,
        "\ufeff" + "näme: a\r\n" * 200,
        "é" * 256 + "x€" * 300,
    ],
)
def test_a_text_that_a_mistyped_path_names_is_refused_and_left_as_it_is(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(OutboxError, match=r"outbox\.db: this file is text and never was an outbox.*another path"):
        open_outbox(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["outbox.db"]


def test_an_empty_file_becomes_an_outbox(path: Path) -> None:
    path.touch()
    outbox = open_outbox(path)
    assert outbox.fresh_because == "new outbox file"
    outbox.close()


def test_only_the_newest_damaged_files_are_kept(path: Path) -> None:
    """A card that damages the file at each start must not fill itself with what it damaged."""
    for name in ("outbox.db.damaged-x", "outbox.db.damaged-1-wal"):
        path.with_name(name).touch()
    told = []
    for number in range(1, 13):
        path.write_bytes(b"\x00damaged %d" % number)
        outbox = open_outbox(path)
        told.append(outbox.fresh_because)
        outbox.close()
    kept = sorted(file.name for file in path.parent.glob("*.damaged-*"))
    assert kept == [f"outbox.db.damaged-{number}" for number in (10, 11, 12, "x")]
    assert path.with_name(kept[0]).read_bytes() == b"\x00damaged 10"
    assert "removed" not in told[2]
    assert told[3].endswith("removed, since 3 are kept: outbox.db.damaged-1")


def test_a_database_of_another_program_is_left_alone(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE precious (x)")
    other.commit()
    other.close()
    with pytest.raises(OutboxError, match="another program"):
        open_outbox(path)
    check = sqlite3.connect(path)
    assert check.execute("SELECT count(*) FROM precious").fetchone() == (0,)
    check.close()


def test_an_outbox_of_a_newer_program_is_left_alone(path: Path) -> None:
    open_outbox(path).close()
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(OutboxError, match="schema 99"):
        open_outbox(path)


def test_a_path_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutboxUnavailable):
        open_outbox(tmp_path / "file" / "outbox.db")


def test_space_of_deleted_rows_goes_back_to_the_disk(path: Path) -> None:
    outbox = open_outbox(path)
    for _ in range(40):
        outbox.append(A, rows(b"x" * 200_000), 0, 0.0)
    outbox.close()
    full = path.stat().st_size
    again = open_outbox(path)
    for seq in range(1, 41):
        again.delete({A: seq})
    again.close()
    assert path.stat().st_size < full // 2


def _fill(outbox: Outbox) -> int:
    """Append until the disk refuses; return how often it did not."""
    for accepted in range(1_000):
        try:
            outbox.append(A, rows(b"x" * 2_000, observations=2), 0, 0.0)
        except OutboxUnavailable:
            return accepted
    raise AssertionError("the disk never filled")


def _gaps(outbox: Outbox) -> list[Gap]:
    found = []
    for row in outbox.read(A, 1, 10**9):
        if row.body[:1] != b"x":
            message = decode_durable(row.body)
            assert isinstance(message, Gap)
            found.append(message)
    return found


def _gap_rows(outbox: Outbox) -> int:
    return len(_gaps(outbox))
