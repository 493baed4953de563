"""From tag reads to an alarm over HTTP: the whole gateway, with the real engine."""

import asyncio
from typing import Any

import httpx

from gateway.app import Gateway
from gateway.catalogue import import_catalogue
from gateway.clock import iso
from gateway.config import GatewayConfig
from gateway.exceptions.limits import GRACE_US
from gateway.exceptions.reader import fold_now
from gateway.http.app import create_app
from gateway.http.reservation_rows import item_link
from gateway.ingest.memory import MemoryBroker, MemorySource
from tests.gateway.small_store import DATA, EXIT, FLOOR, SHIRT_S, SITE, T0_US, ManualClock, epc, frame, reads
from tests.gateway.test_catalogue import GOOD
from tests.gateway.wait import until

THIEF, BUYER, STAYS = (epc(SHIRT_S, serial) for serial in (1, 2, 3))
DAY = [
    *[[(FLOOR, THIEF), (FLOOR, BUYER), (FLOOR, STAYS)]] * 60,
    *[[(EXIT, THIEF), (EXIT, BUYER), (FLOOR, STAYS)]] * 6,
    *[[(FLOOR, STAYS)]] * 150,
]


async def test_a_theft_is_an_alarm_and_a_sale_is_none(sqlite_url: str) -> None:
    broker, clock = MemoryBroker(), ManualClock()
    config: dict[str, Any] = {"database_url": sqlite_url, "http_port": 0, "lease_ttl_s": 0.6}
    gateway = Gateway(
        GatewayConfig(**config), sites=[SITE], source=MemorySource(broker, clock), http=create_app, clock=clock
    )
    async with gateway, httpx.AsyncClient(base_url=str(gateway.http_url), trust_env=False, timeout=60) as http:
        await import_catalogue(gateway.database, GOOD, T0_US)
        await until(lambda: gateway.source.connected and gateway.fold.holds(SITE.id))
        for second, seen in enumerate(DAY):
            clock.now_us = T0_US + (second + 1) * 1_000_000
            broker.send(DATA, frame(reads(second, seen, rssi_cdbm=-4_000), second + 1))
        await until(lambda: SITE.id in gateway.fold.folds)
        await until(lambda: gateway.fold.folds[SITE.id].state.figures["read_batches"] == len(DAY))
        sale = {
            "source_event_id": "receipt-1",
            "at": iso(clock.now_us),
            "site": SITE.id,
            "lines": [{"epc": item_link(SHIRT_S, "2")}],
        }
        sold = await http.post("/v1/sales", json=sale)
        assert sold.status_code in {200, 201}, sold.text
        await folded(gateway, clock, sales=1)
        await gateway.exceptions.look(full=True)
        assert (await alarms(http)) == []
        clock.now_us += GRACE_US
        await folded(gateway, clock, sales=1)
        await gateway.exceptions.look(full=True)
        (alarm,) = await alarms(http)
        assert (alarm["kind"], alarm["severity"], alarm["gtin"], alarm["serial"]) == (
            "left_unsold",
            "critical",
            SHIRT_S,
            "1",
        )
        assert alarm["evidence"]["cause"] == "left"
        counters = gateway.counters()
        assert (counters["alarms_raised"], counters["alarm_failures"], counters["alarm_tills_silent"]) == (1, 0, 0)
        health = (await http.get("/healthz")).json()
        assert health["ingest"]["alarms_raised"] == 1, "and it is shown"


async def folded(gateway: Gateway, clock: ManualClock, *, sales: int) -> None:
    """Wait until what was said so far is committed."""
    async with asyncio.timeout(20):
        while True:
            async with gateway.database.read() as connection:
                if await fold_now(connection, SITE.id) == (clock.now_us, sales):
                    return
            await asyncio.sleep(0.02)


async def alarms(http: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await http.get("/v1/exceptions", params={"site": SITE.id})).json()["alarms"]
    return found
