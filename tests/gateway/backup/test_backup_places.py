"""What is particular to a SQLite file, to a PostgreSQL server, and to the command."""

import json
import shutil
import sqlite3
import stat
import subprocess
import sys
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from gateway.backup import postgres_server, sqlite_file
from gateway.backup.archive import part_of
from gateway.backup.errors import BackupError
from gateway.backup.make import dated, forget_old
from gateway.backup.restore import restore_backup
from gateway.storage.engine import parse_url
from tests.gateway.backup.books import contents, run_sql, saved, scratch_in
from tests.gateway.small_store import SITE_FILE

ROOT = Path(__file__).parents[3]


# -- SQLite


def test_the_copy_is_of_one_moment_although_another_process_commits(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commits between the steps of the copy neither show in it nor make it begin anew."""
    source = Path(parse_url(sqlite_url).database or "")
    run_sql(sqlite_url, *(f"INSERT INTO site_log VALUES ('s{i}', {i})" for i in range(3)))
    blob = "x'" + "00" * 100_000 + "'"
    monkeypatch.setattr(sqlite_file, "PAGES", 512)
    filler = "INSERT INTO site_input (site, n, received_us, kind, body) VALUES ('s0', {}, 0, 'data', " + blob + ")"
    run_sql(sqlite_url, *(filler.format(n) for n in range(200)))
    steps = []

    def commit_beside(what: str, share: float) -> None:
        steps.append(share)
        assert len(steps) < 100, f"{what} begins anew for ever"
        run_sql(sqlite_url, f"UPDATE site_log SET last_n = last_n + 1000, site = site || '{len(steps)}'")

    sqlite_file.copy_database(source, tmp_path / "copy.db", commit_beside)
    assert len(steps) > 2
    assert contents(f"sqlite:///{tmp_path}/copy.db")["site_log"] == [("s0", 0), ("s1", 1), ("s2", 2)]


def test_the_database_of_before_is_kept_once_and_a_damaged_one_can_be_replaced(
    backup_file: Path, sqlite_url: str, tmp_path: Path
) -> None:
    place = Path(parse_url(sqlite_url).database or "")
    run_sql(sqlite_url, "INSERT INTO site_log VALUES ('newer', 8)")
    kept = restore_backup(backup_file, sqlite_url, force=True).kept
    assert kept == place.with_name("gateway.db.before-restore")
    assert contents(f"sqlite:///{kept}")["site_log"] == [("mine", 7), ("newer", 8)]
    with closing(sqlite3.connect(place)) as open_one:
        open_one.execute("PRAGMA journal_mode = WAL")
    content = place.read_bytes()
    place.write_bytes(content[:100] + b"junk" * 1_000 + content[4_100:])
    place.with_name("gateway.db-wal").write_bytes(b"a log of before that must not be played into the new file")
    with pytest.raises(BackupError, match="holds data"):
        restore_backup(backup_file, sqlite_url)
    restore_backup(backup_file, sqlite_url, force=True)
    assert contents(sqlite_url)["site_log"] == [("mine", 7)]
    names = {path.name for path in tmp_path.iterdir() if path.name.startswith("gateway.db")}
    assert "gateway.db-wal" not in names
    assert names >= {"gateway.db", "gateway.db.before-restore"}


def test_only_our_dated_files_are_ever_forgotten(sqlite_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    names = [dated(1_795_000_000_000_000 + i * 1_000_000) for i in range(5)]
    assert names == sorted(names)
    for name in (*names, "notes.txt", "lastunit-2026.backup", "lastunit-20261118T000000Z.backup.gpg"):
        (folder / name).write_text("x")
    assert [path.name for path in forget_old(folder, 5)] == []
    made = saved(sqlite_url, folder, keep=2)
    left = {path.name for path in folder.iterdir()}
    assert left == {"notes.txt", "lastunit-2026.backup", "lastunit-20261118T000000Z.backup.gpg"} | {
        max(names),
        made.file.name,
    }
    with pytest.raises(BackupError, match="needs a folder"):
        saved(sqlite_url, tmp_path / "one", keep=2)


def test_a_backup_that_fails_leaves_the_one_of_before(sqlite_url: str, tmp_path: Path) -> None:
    target = tmp_path / "b"
    saved(sqlite_url, target)
    before = part_of(target, "x")
    with pytest.raises(OSError, match="gone"):
        saved(sqlite_url, target, sites=[tmp_path / "gone.yaml"])
    assert part_of(target, "x") == before
    assert scratch_in(tmp_path) == []


# -- PostgreSQL


def test_a_password_is_in_no_argument_and_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "somebody else's")
    url = "postgresql://till@db.example.com:5433/stock?password=marker-7f3a&sslmode=require"
    for shown in (url, "postgresql://till:marker-7f3a@db.example.com:5433/stock?sslmode=require"):
        with postgres_server._service(shown) as environment:
            file = Path(environment["PGSERVICEFILE"])
            lines = file.read_text().splitlines()
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert {"password=marker-7f3a", "host=db.example.com", "port=5433", "dbname=stock", "user=till"} < set(
                lines
            )
            assert "sslmode=require" in lines
            assert not [value for value in environment.values() if "marker-7f3a" in value or "somebody" in value]
        assert not file.exists()


def test_a_restore_that_fails_half_way_changes_nothing(postgres_url: str, tmp_path: Path) -> None:
    saved(postgres_url, tmp_path / "b")
    run_sql(
        postgres_url,
        "INSERT INTO site_log VALUES ('mine', 7)",
        "CREATE TABLE theirs (a integer)",
        "CREATE SEQUENCE held",
    )
    before = contents(postgres_url)
    with tarfile.open(tmp_path / "b") as tar:
        tar.extractall(tmp_path / "out", filter="data")
    bad = tmp_path / "bad"
    bad.write_bytes((tmp_path / "out" / "database.pgdump").read_bytes()[:-300])
    with pytest.raises(BackupError, match="pg_restore failed"):
        postgres_server.load(postgres_url, bad, tmp_path, lambda *_: None)
    assert contents(postgres_url) == before
    run_sql(postgres_url, "CREATE VIEW movement_of_theirs AS SELECT a FROM theirs")
    restore_backup(tmp_path / "b", postgres_url, force=True)
    assert "theirs" in contents(postgres_url), "what is not ours stays"


# -- the command


def command(*words: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "lastunit", "gateway", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )


def test_the_command_saves_what_the_configuration_names_and_brings_it_back(sqlite_url: str, tmp_path: Path) -> None:
    run_sql(sqlite_url, "INSERT INTO site_log VALUES ('mine', 7)")
    (tmp_path / "store.yaml").write_text(SITE_FILE)
    (tmp_path / "gateway.yaml").write_text(f"sites: [store.yaml]\ndatabase_url: {sqlite_url}\n")
    done = command("backup", "b.backup", "--config", "gateway.yaml", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [part["name"] for part in told["manifest"]["parts"]] == ["database.sqlite.gz", "sites/0001-store.yaml"]
    assert told["manifest"]["rows"]["site_log"] == 1
    checked = command("restore", "b.backup", "--check", folder=tmp_path)
    assert (checked.returncode, "whole; made 2" in checked.stdout) == (0, True), checked.stderr
    refused = command("restore", "b.backup", "--config", "gateway.yaml", folder=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "holds data: name another database, or say --force" in refused.stderr
    shutil.copy(tmp_path / "gateway.db", tmp_path / "same.db")
    again = command("restore", "b.backup", "--database", "sqlite:///same.db", "--force", "--json", folder=tmp_path)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["kept"] == "same.db.before-restore"
    assert contents(f"sqlite:///{tmp_path}/same.db")["site_log"] == [("mine", 7)]
