"""The role that a gateway runs as on PostgreSQL: it can do its work, and cannot change what was written for good."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from gateway.ledger.verify import rebuild_counts, verify
from gateway.storage.engine import Database
from gateway.storage.readiness import bring_up_to_date
from tests.gateway.trade.trade_rig import OTHER, SITE, TradeRig, goods

ROLES = Path(__file__).parents[3] / "deploy" / "postgres-roles.sql"
FOR_GOOD = ("movement", "posting", "book_line", "approval", "audit", "fleet_event")
NO_RIGHT = "permission denied for table"


@pytest.fixture
def as_gateway(postgres_url: str) -> Iterator[str]:
    """The URL of a database with the roles, for the gateway's own."""
    with psycopg.connect(postgres_url, autocommit=True) as owner:
        for _ in range(2):  # it may be run again after each migration
            owner.execute(ROLES.read_bytes())
    yield postgres_url.replace("lastunit@", "lastunit_gateway@")
    with psycopg.connect(postgres_url, autocommit=True) as owner:
        owner.execute("DROP OWNED BY lastunit_gateway")


@pytest.fixture
async def gateway(as_gateway: str) -> AsyncIterator[Database]:
    opened = Database(as_gateway)
    yield opened
    await opened.close()


async def test_the_gateway_can_do_its_work(gateway: Database) -> None:
    rig = TradeRig(gateway)
    await rig.open(OTHER)
    await rig.put("1", "2")
    await rig.book(2)
    await rig.sell("1")
    await rig.send("T-1", goods("2", S=1))
    await rig.receive(goods("2", S=1), shipment="T-1", site=OTHER)
    await rig.reserve(rig.holds())
    for site in (SITE.id, OTHER):
        assert (await verify(gateway, site)).shown == []
        assert await rebuild_counts(gateway, site, rig.clock) == 0
    assert await rig.trade.erase("nobody") == 0


@pytest.mark.parametrize("table", FOR_GOOD)
async def test_what_was_written_for_good_stays(gateway: Database, as_gateway: str, table: str) -> None:
    rig = TradeRig(gateway)
    await rig.open()
    await rig.put("1")
    await rig.sell("1")
    column = {"movement": "m", "book_line": "n", "approval": "who"}.get(table, "id")
    with psycopg.connect(as_gateway, autocommit=True) as connection:
        for statement in (
            f"UPDATE {table} SET {column} = {column}",
            f"DELETE FROM {table}",
            f"TRUNCATE {table}",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match=NO_RIGHT):
                connection.execute(statement.encode())
        for statement in (f"ALTER TABLE {table} DISABLE TRIGGER ALL", f"DROP TABLE {table}"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="must be owner"):
                connection.execute(statement.encode())


def test_the_gateway_starts_on_tables_that_are_up_to_date(as_gateway: str) -> None:
    assert bring_up_to_date(as_gateway)


async def test_the_gateway_cannot_make_tables_or_move_the_revision(as_gateway: str) -> None:
    with psycopg.connect(as_gateway, autocommit=True) as connection:
        for statement in (b"CREATE TABLE mine (x int)", b"UPDATE alembic_version SET version_num = '0'"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
