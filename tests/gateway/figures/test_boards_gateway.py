"""A whole gateway: what its own looks write is what its page of key figures says."""

import asyncio

import httpx

from gateway.app import Gateway
from gateway.catalogue import import_catalogue
from gateway.clock import system_clock
from gateway.http.app import create_app
from gateway.ingest.memory import MemoryBroker, MemorySource
from gateway.storage.engine import Database
from tests.gateway.holds.rig import Rig
from tests.gateway.series.shop import CATALOGUE
from tests.gateway.small_store import SITE
from tests.gateway.test_app import config


async def test_what_a_gateway_writes_is_what_its_page_says(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    rig = await Rig(database, clock=system_clock).open()  # type: ignore[arg-type] # nothing here turns it
    await import_catalogue(database, CATALOGUE, system_clock())
    await rig.put("1", "2", "3")
    source = MemorySource(MemoryBroker(), system_clock)
    gateway = Gateway(config(sqlite_url), sites=[SITE], source=source, http=create_app)
    async with gateway, httpx.AsyncClient(base_url=str(gateway.http_url), trust_env=False, timeout=60) as http:

        async def figures() -> dict[str, tuple[float | None, str]]:
            answer = await http.get("/v1/figures", params={"site": SITE.id})
            assert answer.status_code == 200, answer.text
            return {row["id"]: (row["value"], row["level"]) for row in answer.json()["figures"]}

        wanted = {"oversold", "steps_overdue", "blind_zones"}  # of the floor it tells within a minute
        async with asyncio.timeout(30):
            while not wanted <= {name for name, (_, level) in (await figures()).items() if level != "unknown"}:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        now = await figures()
        assert now["oversold"] == (0, "good")
        assert now["steps_overdue"] == (0, "good")
        assert now["blind_zones"] == (3, "act"), "no reader was heard"
        assert now["edges_gone"] == (None, "unknown"), "there is no edge"
        (line,) = (await http.get("/v1/series?measurement=site&field=on_hand")).json()["lines"]
        assert [value for value in line["values"] if value is not None][-1] == 3
        assert (await http.get("/boards")).status_code == 200
    await database.close()
