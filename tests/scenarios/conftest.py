"""A database with all tables for each scenario."""

import shutil
from pathlib import Path

import pytest

from gateway.storage.migrate import migrate


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("scenarios") / "gateway.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
def database_url(migrated_file: Path, tmp_path: Path) -> str:
    shutil.copy(migrated_file, tmp_path / "gateway.db")
    return f"sqlite:///{tmp_path}/gateway.db"
