"""Seals over PostgreSQL: the gateway's own role can make and check them; the owner of the tables is found out."""

from pathlib import Path

import psycopg

from gateway.ledger.seal import check, next_seal
from gateway.storage.engine import Database
from tests.gateway.small_store import SECOND_US
from tests.gateway.trade.trade_rig import TradeRig

ROLES = Path(__file__).parents[3] / "deploy" / "postgres-roles.sql"
HOUR_US = 3_600 * SECOND_US


async def test_the_role_that_runs_makes_seals_and_the_owners_change_is_found(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as owner:
        owner.execute(ROLES.read_bytes())
        gateway = Database(postgres_url.replace("lastunit@", "lastunit_gateway@"))
        try:
            rig = TradeRig(gateway)
            await rig.open()
            await rig.put("1", "2")
            await rig.sell("1")
            lines = [await next_seal(gateway, "", rig.clock() + HOUR_US)]
            before = await check(gateway, lines)
            assert (before.faults, before.seals) == ([], 1)
            assert before.rows > 3
            owner.execute(b"ALTER TABLE posting DISABLE TRIGGER ALL")
            owner.execute(b"UPDATE posting SET happened_us = happened_us - 1 WHERE id = (SELECT max(id) FROM posting)")
            (fault,) = (await check(gateway, lines)).faults
            assert fault.startswith("posting: changed between id 1 to ")
        finally:
            await gateway.close()
        owner.execute(b"DROP OWNED BY lastunit_gateway")
