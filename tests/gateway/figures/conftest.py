"""The chain's day, made once."""

from pathlib import Path

import pytest

from tests.gateway.figures.chain import chain_file


@pytest.fixture(scope="session")
def chain_day(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with a chain of four stores and 24 hours of their time series, to be copied."""
    return chain_file(migrated_sqlite_file, tmp_path_factory.mktemp("chain"))
