"""A backup comes back as what it was, on both databases; what cannot be trusted is refused and changes nothing."""

import io
import json
import sqlite3
import stat
import tarfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.backup.archive import read_manifest
from gateway.backup.errors import BackupError
from gateway.backup.manifest import Manifest, decode_manifest, encode_manifest
from gateway.backup.new_life import JUMP
from gateway.backup.restore import check_backup, restore_backup
from gateway.http.ports import CursorGone
from gateway.ledger.verify import verify
from gateway.queries import Queries
from gateway.relay import last_seq
from gateway.storage import lease
from gateway.storage.engine import Database
from gateway.storage.errors import StorageError
from gateway.storage.migrate import migrate
from tests.gateway.backup.books import contents, run_sql, saved, scratch_in, site_file
from tests.gateway.small_store import SITE, SITE_FILE, ManualClock


async def test_what_is_restored_is_what_was_saved(filled_url: str, tmp_path: Path) -> None:
    before = contents(filled_url)
    assert len(before["site_input"]) > 30
    assert before["change"]
    backup = saved(filled_url, tmp_path / "b", sites=[site_file(tmp_path)])
    assert backup.manifest.rows == {name: len(rows) for name, rows in before.items()}
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o600
    run_sql(filled_url, "DELETE FROM stock_count", "UPDATE site SET name = 'Elsewhere'", "DELETE FROM movement")
    done = restore_backup(tmp_path / "b", filled_url, force=True, files_to=tmp_path / "back")
    after = contents(filled_url)
    assert {name for name in before if before[name] != after[name]} == {"change", "feed", "lease"}
    assert (done.kept is not None) == filled_url.startswith("sqlite")
    assert (tmp_path / "back" / "sites" / "0001-main_street.yaml").read_text() == SITE_FILE
    database = Database(filled_url)
    verdict = await verify(database, SITE.id)
    assert verdict.good, verdict.shown
    assert verdict.movements > 0
    await database.close()


async def test_a_channel_that_read_on_in_the_old_life_is_told_to_begin_anew(filled_url: str, tmp_path: Path) -> None:
    database = Database(filled_url)
    async with database.read() as connection:
        old = await last_seq(connection)
    await database.close()
    saved(filled_url, tmp_path / "b")
    restore_backup(tmp_path / "b", filled_url, force=True)
    database = Database(filled_url)
    queries = Queries(database, ManualClock(), dict)
    for cursor in (0, old - 1, old, old + 1, old + 10_000):
        with pytest.raises(CursorGone):
            await queries.changes(cursor)
    async with database.read() as connection:
        new = await last_seq(connection)
    assert new >= old + JUMP
    assert (await queries.changes(new)).rows == []
    async with database.write() as connection:  # nobody holds what was held, and no fence is given twice
        fence = await lease.acquire(connection, f"fold:{SITE.id}", "new", now_us=1, ttl_us=1)
    assert fence is not None
    assert fence > JUMP
    await database.close()


async def test_a_backup_of_an_older_revision_comes_back_and_is_brought_up_to_date(
    empty_url: str, tmp_path: Path
) -> None:
    migrate(empty_url, "0003")
    run_sql(empty_url, "INSERT INTO site_log VALUES ('old', 7)")
    saved(empty_url, tmp_path / "b")
    migrate(empty_url)
    restore_backup(tmp_path / "b", empty_url, force=True)
    assert "series_outbox" not in contents(empty_url), "tables of a newer revision would be in the migration's way"
    migrate(empty_url)
    assert contents(empty_url)["site_log"] == [("old", 7)]


def test_data_is_overwritten_only_when_that_is_said(database_url: str, tmp_path: Path) -> None:
    saved(database_url, tmp_path / "b")
    restore_backup(tmp_path / "b", database_url)  # tables without a row are no data
    run_sql(database_url, "INSERT INTO site_log VALUES ('mine', 7)")
    with pytest.raises(BackupError, match="holds data"):
        restore_backup(tmp_path / "b", database_url)
    assert contents(database_url)["site_log"] == [("mine", 7)]
    restore_backup(tmp_path / "b", database_url, force=True)
    assert contents(database_url)["site_log"] == []


def test_an_empty_place_needs_no_force(database_url: str, empty_postgres_url: str, tmp_path: Path) -> None:
    run_sql(database_url, "INSERT INTO site_log VALUES ('mine', 7)")
    saved(database_url, tmp_path / "b")
    other = f"sqlite:///{tmp_path}/new.db" if database_url.startswith("sqlite") else empty_postgres_url
    restore_backup(tmp_path / "b", other)
    assert contents(other)["site_log"] == [("mine", 7)]


async def test_a_running_gateway_is_not_pulled_away_its_database(filled_url: str, tmp_path: Path) -> None:
    saved(filled_url, tmp_path / "b")
    database = Database(filled_url)
    async with database.write() as connection:
        now_us = time.time_ns() // 1_000
        await lease.acquire(connection, "fold:store-001", "a gateway", now_us=now_us, ttl_us=60_000_000)
    before = contents(filled_url)
    with pytest.raises(BackupError, match=r"stop the gateway first|stop it first"):
        restore_backup(tmp_path / "b", filled_url, force=True)
    assert contents(filled_url) == before
    await database.close()
    assert scratch_in(tmp_path) == []


# -- a file that cannot be trusted


def test_every_flipped_byte_of_a_part_and_every_cut_is_seen(backup_file: Path, tmp_path: Path) -> None:
    whole = backup_file.read_bytes()
    with tarfile.open(backup_file) as tar:
        spans = [(member.offset_data, member.size) for member in tar.getmembers()[1:]]
    bad = tmp_path / "bad.backup"
    tried = 0
    for start, size in spans:
        for offset in range(start, start + size, max(1, size // 23)):
            bad.write_bytes(whole[:offset] + bytes([whole[offset] ^ 0x20]) + whole[offset + 1 :])
            with pytest.raises(BackupError):
                check_backup(bad)
            tried += 1
    for length in range(0, spans[-1][0] + spans[-1][1], 1_777):
        bad.write_bytes(whole[:length])
        with pytest.raises(BackupError):
            check_backup(bad)
        tried += 1
    assert tried > 50
    assert check_backup(backup_file).program == "1.2.3"


def test_a_damaged_backup_changes_nothing(backup_file: Path, sqlite_url: str) -> None:
    whole = bytearray(backup_file.read_bytes())
    with tarfile.open(backup_file) as tar:
        whole[tar.getmembers()[1].offset_data + 100] ^= 1
    backup_file.write_bytes(whole)
    with pytest.raises(BackupError, match="damaged"):
        restore_backup(backup_file, sqlite_url, force=True)
    assert contents(sqlite_url)["site_log"] == [("mine", 7)]


def changed(file: Path, out: Path, **changes: Any) -> Path:
    """Write a backup with another manifest."""
    with tarfile.open(file) as old, tarfile.open(out, "w") as new:
        for member in old.getmembers():
            data = old.extractfile(member)
            assert data is not None
            content = data.read()
            if member.name == "manifest.json":
                content = json.dumps(json.loads(content) | changes).encode()
                member.size = len(content)
            new.addfile(member, io.BytesIO(content))
    return out


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"schema": 2}, "form 2"),
        ({"revision": "9999"}, "newer version of this program"),
        ({"kind": "postgresql"}, "one part database.pgdump"),
        ({"surprise": 1}, "surprise"),
        ({"parts": [{"name": "../../etc/cron.d/x", "size_bytes": 1, "sha256": ""}]}, "cron"),
        ({"parts": [{"name": "sites/0001-..", "size_bytes": 1, "sha256": ""}]}, "one part database.sqlite.gz"),
    ],
)
def test_a_manifest_that_does_not_fit(
    backup_file: Path, sqlite_url: str, tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    bad = changed(backup_file, tmp_path / "bad", **changes)
    with pytest.raises(BackupError, match=told):
        restore_backup(bad, sqlite_url, force=True, files_to=tmp_path / "files")
    assert not (tmp_path / "files").exists()


def test_rows_that_are_not_those_of_the_manifest(backup_file: Path, sqlite_url: str, tmp_path: Path) -> None:
    rows = read_manifest(backup_file).rows | {"site_log": 2}
    with pytest.raises(BackupError, match="not the one that its manifest describes"):
        restore_backup(changed(backup_file, tmp_path / "bad", rows=rows), sqlite_url, force=True)


def test_what_is_no_backup_and_no_database(tmp_path: Path, sqlite_url: str, empty_postgres_url: str) -> None:
    (tmp_path / "x").write_text("hello")
    with pytest.raises(BackupError, match="not a whole backup"):
        restore_backup(tmp_path / "x", sqlite_url)
    with tarfile.open(tmp_path / "y", "w") as tar:
        tar.add(tmp_path / "x", "x")
    with pytest.raises(BackupError, match="does not begin with"):
        check_backup(tmp_path / "y")
    with pytest.raises(BackupError, match="no database at"):
        saved(f"sqlite:///{tmp_path}/missing.db", tmp_path / "b")
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE theirs (a)")
        other.commit()
    for url in (f"sqlite:///{tmp_path}/other.db", empty_postgres_url):
        with pytest.raises(BackupError, match="holds no tables of Last Unit"):
            saved(url, tmp_path / "b")
    with pytest.raises(StorageError):
        saved("postgresql://nobody@127.0.0.1:1/none", tmp_path / "b")
    assert not (tmp_path / "b").exists()
    saved(sqlite_url, tmp_path / "b")
    with pytest.raises(BackupError, match="a backup of sqlite"):
        restore_backup(tmp_path / "b", empty_postgres_url)


def test_site_files_that_are_there_are_not_written_over(backup_file: Path, tmp_path: Path) -> None:
    place = tmp_path / "files" / "sites"
    place.mkdir(parents=True)
    (place / "0001-main_street.yaml").write_text("mine")
    with pytest.raises(BackupError, match="there already"):
        restore_backup(backup_file, f"sqlite:///{tmp_path}/new.db", files_to=tmp_path / "files")
    assert not (tmp_path / "new.db").exists()
    assert (place / "0001-main_street.yaml").read_text() == "mine"


def test_the_manifest_comes_back_as_it_was(backup_file: Path) -> None:
    manifest = read_manifest(backup_file)
    assert decode_manifest(encode_manifest(manifest), "here") == manifest
    assert isinstance(manifest, Manifest)
    assert [part.name for part in manifest.files] == ["sites/0001-main_street.yaml"]
