"""A database with a day in it, and a backup of one."""

from pathlib import Path

import pytest

from tests.gateway.backup.books import fill, run_sql, saved, site_file


@pytest.fixture
async def filled_url(database_url: str) -> str:
    await fill(database_url)
    return database_url


@pytest.fixture
def backup_file(sqlite_url: str, tmp_path: Path) -> Path:
    run_sql(sqlite_url, "INSERT INTO site_log VALUES ('mine', 7)")
    saved(sqlite_url, tmp_path / "good.backup", sites=[site_file(tmp_path)])
    return tmp_path / "good.backup"
