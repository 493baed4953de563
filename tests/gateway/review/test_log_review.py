"""What is logged of a failed statement holds nothing that may be erased, and no secret."""

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError

from gateway.storage.commerce import reference
from gateway.storage.engine import Database


async def test_an_error_does_not_name_the_customer(database: Database) -> None:
    row = {"kind": "hold", "id": "h1", "site": "", "name": "customer_ref", "recorded_us": 1, "value": "C-4711"}
    async with database.write() as connection:
        await connection.execute(insert(reference), row)
    with pytest.raises(DBAPIError) as failed:
        async with database.write() as connection:
            await connection.execute(insert(reference), row)
    assert "C-4711" not in str(failed.value)
    for engine in (database.reading, database.writing):
        assert engine.sync_engine.hide_parameters
