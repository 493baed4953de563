"""Pairing inside a whole gateway: what it counts, and when a screen was last used."""

import httpx

from gateway.app import Gateway
from gateway.http.app import create_app
from gateway.ingest.memory import MemoryBroker, MemorySource
from gateway.pairing.store import find_screen
from gateway.storage.engine import Database
from tests.gateway.pairing.rig import add_key
from tests.gateway.small_store import SECOND_US, SITE, T0_US, ManualClock
from tests.gateway.test_app import config


async def test_a_gateway_pairs_counts_and_writes_down_the_last_use_when_it_stops(sqlite_url: str) -> None:
    clock = ManualClock()
    database = Database(sqlite_url)
    async with database.write() as connection:
        await add_key(connection)
    source = MemorySource(MemoryBroker(), clock)
    gateway = Gateway(config(sqlite_url), sites=[SITE], source=source, http=create_app, clock=clock)
    async with gateway, httpx.AsyncClient(base_url=str(gateway.http_url), trust_env=False, timeout=60) as http:
        made = await gateway.channels.pairing.open(SITE.id, "till 3", "")
        assert (await http.post("/store/pair", json={"site": SITE.id, "code": made.code})).status_code == 200
        clock.advance(90)
        assert (await http.get("/v1/sites", headers={"X-Lastunit-Screen": "1"})).status_code == 200
        counters = gateway.counters()
        assert (counters["pairing_codes_opened"], counters["screens_paired"], counters["pairing_refused"]) == (1, 1, 0)
        (key,) = gateway.channels.pairing.used
    async with database.read() as connection:
        screen = await find_screen(connection, key)
    await database.close()
    assert screen is not None
    assert (screen.paired_us, screen.used_us) == (T0_US, T0_US + 90 * SECOND_US)
