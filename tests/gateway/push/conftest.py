"""Rigs over each kind of database."""

import pytest

from gateway.storage.engine import Database
from tests.gateway.push.feed_rig import Rig


@pytest.fixture
async def rig(database: Database) -> Rig:
    return await Rig(database).open()


@pytest.fixture
async def small_rig(sqlite_database: Database) -> Rig:
    """On SQLite only: for what has nothing to do with the database."""
    return await Rig(sqlite_database).open()
