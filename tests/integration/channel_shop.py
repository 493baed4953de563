"""Gateways in processes of their own, and goods in them: what tests of channels from outside begin with."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx

from gateway.ledger.verify import Verdict, verify
from gateway.storage.engine import Database
from tests.gateway.small_store import SHIRT_M, SHIRT_S, SITE, SITE_FILE
from tests.integration.gateway_process import GatewayProcess

CATALOGUE = f"gtin,style,colour,size,description\n{SHIRT_S},T-100,white,S,Shirt\n{SHIRT_M},T-100,white,M,Shirt\n"


def digital_link(gtin: str, serial: int | str) -> str:
    """Return an item as a GS1 Digital Link."""
    return f"https://id.gs1.org/01/{gtin}/21/{serial}"


def now() -> str:
    """Return now as the API takes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class ChannelShop:
    """Some gateways over one database, with their addresses."""

    def __init__(self, folder: Path, broker: str, database: str, gateways: int) -> None:
        self.database = database
        site = folder / "site.yaml"
        site.write_text(SITE_FILE)
        self._folder = folder
        self._catalogue = folder / "catalogue.csv"
        self._catalogue.write_text(CATALOGUE)
        self.gateways = []
        for number in range(gateways):
            own = folder / f"gateway-{number}"
            own.mkdir()
            self.gateways.append(GatewayProcess(own, sites=[site], broker=broker, database=database))

    def start(self) -> None:
        """Start all gateways, and make the goods known."""
        for gateway in self.gateways:
            gateway.start()
        command = [sys.executable, "-m", "lastunit", "catalogue", "import", str(self._catalogue)]
        subprocess.run([*command, "--database", self.database], check=True, capture_output=True, timeout=60)

    def stop(self) -> None:
        """Kill what still runs."""
        for gateway in self.gateways:
            gateway.kill()

    @property
    def urls(self) -> list[str]:
        """Return where each gateway answers now."""
        return [gateway.url for gateway in self.gateways]

    async def receive(self, name: str, gtin: str, serials: Sequence[int]) -> None:
        """Receive items, and wait until they can be sold; all of many are promised at once to nobody (P(N >= 100))."""
        async with httpx.AsyncClient(base_url=self.urls[0], trust_env=False, timeout=20) as http:
            lines = [{"epc": digital_link(gtin, serial)} for serial in serials]
            body = {"source_event_id": name, "site": SITE.id, "at": now(), "lines": lines}
            before = await self.atp(http, gtin)
            answer = await http.post("/v1/receipts", json=body)
            assert answer.status_code in {200, 201}, answer.text
            await until(lambda: self.atp(http, gtin), lambda atp: atp >= before + len(serials) - len(serials) // 20)

    @staticmethod
    async def atp(http: httpx.AsyncClient, gtin: str) -> int:
        """Return what can be sold."""
        answer = await http.get("/v1/availability", params={"gtin": gtin, "site": SITE.id})
        assert answer.status_code == 200, answer.text
        return int(answer.json()["atp"])

    async def verified(self) -> Verdict:
        """Check the ledger, the states and the holds."""
        database = Database(self.database)
        try:
            return await verify(database, SITE.id)
        finally:
            await database.close()


async def until(ask: Callable[[], Any], good: Callable[[Any], bool], patience_s: float = 60.0) -> Any:
    """Ask again until the answer is good."""
    end = time.monotonic() + patience_s
    while not good(found := await ask()):
        if time.monotonic() > end:
            raise AssertionError(f"still {found!r} after {patience_s} s")
        await asyncio.sleep(0.1)
    return found


def reservation_body(gtin: str, quantity: int = 1, ttl_s: int = 600) -> bytes:
    """Return the body of a reservation."""
    line = {"gtin": gtin, "quantity": quantity, "site": SITE.id}
    return json.dumps({"lines": [line], "mode": "pickup", "ttl_s": ttl_s}).encode()
