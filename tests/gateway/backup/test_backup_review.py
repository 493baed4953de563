"""What a disaster leaves beside a database and beside backups: it must not reach the one, nor fill the other."""

import itertools
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from gateway.backup.errors import BackupError
from gateway.backup.make import dated
from gateway.backup.manifest import PARTS_MAX
from gateway.backup.restore import check_backup, restore_backup
from gateway.storage.engine import parse_url
from tests.gateway.backup.books import contents, run_sql, saved, scratch_in, site_file
from wire.limits import SEQ_MAX

ROOT = Path(__file__).parents[3]


def test_a_log_whose_database_was_taken_away_is_not_played_into_the_restored_one(
    backup_file: Path, sqlite_url: str
) -> None:
    """Who moves a broken database aside moves one file, and its write-ahead log stays."""
    place = Path(parse_url(sqlite_url).database or "")
    journal = place.with_name(f"{place.name}-wal")
    with closing(sqlite3.connect(place, isolation_level=None)) as lost:
        lost.execute("PRAGMA journal_mode = WAL")
        lost.execute("INSERT INTO site_log VALUES ('of-before', 8)")
        log_of_before = journal.read_bytes()
    assert b"of-before" in log_of_before
    place.unlink()
    journal.write_bytes(log_of_before)
    restore_backup(backup_file, sqlite_url)
    assert contents(sqlite_url)["site_log"] == [("mine", 7)]
    assert place.with_name("gateway.db-wal.before-restore").read_bytes() == log_of_before, "a person may want it"


def test_what_was_just_made_is_never_forgotten(sqlite_url: str, tmp_path: Path) -> None:
    """A machine whose clock was years ahead has left names that sort behind all that is made now."""
    folder = tmp_path / "backups"
    folder.mkdir()
    ahead = [dated(4_000_000_000_000_000 + i * 1_000_000) for i in range(3)]
    for name in ahead:
        (folder / name).write_text("x")
    made = saved(sqlite_url, folder, keep=2)
    assert check_backup(made.file).kind == "sqlite"
    assert sorted(path.name for path in folder.glob("*.backup")) == sorted([made.file.name, ahead[-1]])
    assert sorted(path.name for path in made.deleted) == ahead[:2]


def test_what_a_killed_backup_leaves_goes_with_the_next(sqlite_url: str, tmp_path: Path) -> None:
    """Each is a copy of the whole database: one every five minutes would fill the disk."""
    folder = tmp_path / "backups"
    folder.mkdir()
    run_sql(sqlite_url, *(f"INSERT INTO site_log VALUES ('s{n}', 1)" for n in range(100)))
    never_ends = (
        "import sys, time; from gateway.backup.make import make_backup; from pathlib import Path\n"
        "def stands(what, share):\n"
        "    if what.startswith('packing'): print('half way', flush=True); time.sleep(600)\n"
        "make_backup(sys.argv[1], Path(sys.argv[2]), program='1', keep=5, progress=stands)\n"
    )
    command = [sys.executable, "-c", never_ends, sqlite_url, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half way\n"
        process.send_signal(signal.SIGKILL)
    (folder / ".lastunit-20261122T214500Z.backup.unfinished").write_text("of one that was killed later")
    (folder / ".hidden").write_text("a person's own")
    assert len(scratch_in(folder)) > 2, "the killed one left its copy"
    made = saved(sqlite_url, folder, keep=5)
    assert [path.name for path in folder.iterdir() if path.name.endswith(".backup")] == [made.file.name]
    assert scratch_in(folder) == [".hidden"]


def test_two_at_once_are_made_one_after_the_other(sqlite_url: str, tmp_path: Path) -> None:
    """What another backup works with right now is not what a killed one left."""
    folder = tmp_path / "backups"
    folder.mkdir()
    waits = (
        "import sys; from gateway.backup.make import make_backup; from pathlib import Path\n"
        "def stands(what, share):\n"
        "    if what.startswith('packing'): print('half way', flush=True); sys.stdin.readline()\n"
        "make_backup(sys.argv[1], Path(sys.argv[2]) / 'first.backup', program='1', progress=stands)\n"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", waits, sqlite_url, str(folder)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    plain = (
        "import sys; from gateway.backup.make import make_backup; from pathlib import Path\n"
        "print('begins', flush=True); make_backup(sys.argv[1], Path(sys.argv[2]) / 'second.backup', program='1')\n"
    )
    with first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"half way\n"
        command = [sys.executable, "-c", plain, sqlite_url, str(folder)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as second:
            assert second.stdout is not None
            second.stdout.readline()
            time.sleep(0.3)  # long enough to do harm; what is asserted does not depend on it
            first.communicate(b"go on\n" * 100, timeout=60)
            second.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 0)
    for name in ("first", "second"):
        check_backup(folder / f"{name}.backup")


def test_what_could_not_be_read_again_is_not_written(sqlite_url: str, tmp_path: Path) -> None:
    site = site_file(tmp_path)
    target = tmp_path / "many.backup"
    with pytest.raises(BackupError, match=f"at most {PARTS_MAX}"):
        saved(sqlite_url, target, sites=[site] * PARTS_MAX)
    assert not target.exists()


def numbered(url: str) -> tuple[int, int]:
    """Return the last number of the feed, and that of the relay's lease."""
    tables = contents(url)
    return next(row[1] for row in tables["feed"] if row[0] == "change"), max(row[2] for row in tables["lease"])


async def test_the_same_backup_twice_gives_no_number_twice(filled_url: str, tmp_path: Path) -> None:
    """The first way back was the wrong one, and lived for a while: its cursors and fences must not come again."""
    saved(filled_url, tmp_path / "b")
    lives = []
    for _ in range(3):
        restore_backup(tmp_path / "b", filled_url, force=True)
        lives.append(numbered(filled_url))
        run_sql(filled_url, "UPDATE feed SET last_seq = last_seq + 500", "UPDATE lease SET fence = fence + 500")
    for early, late in itertools.pairwise(lives):
        assert late[0] > early[0] + 500
        assert late[1] > early[1] + 500
    assert lives[-1][0] < SEQ_MAX
