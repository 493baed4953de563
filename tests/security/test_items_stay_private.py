"""A serial can follow a shopper: no log line and no public answer names an item, whatever the level of the log."""

import asyncio
import io
from collections.abc import Iterator

import httpx
import pytest
import structlog

from gateway.log import configure_log
from tests.gateway.small_store import SHIRT_S, epc
from tests.security.whole import Whole, whole_gateway

MARKED = "90177345"
"""A serial that is long enough to be looked for."""


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """All that the gateway logs, down to the least important."""
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    configure_log("debug")
    yield written
    structlog.reset_defaults()


def forms(serial: int) -> list[str]:
    """A tag as programs write it."""
    raw = epc(SHIRT_S, serial)
    return [raw.hex(), raw.hex().upper(), repr(raw), f"/21/{serial}", f"{SHIRT_S}.{serial}", str(serial)]


async def strangers(whole: Whole, serial: str) -> str:
    """Everything that somebody without a key may ask about an item."""
    url, said = str(whole.gateway.http_url), []
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:
        for accept in ("text/html", "application/json", "application/linkset+json"):
            for path in (f"/01/{SHIRT_S}/21/{serial}", f"/01/{SHIRT_S}/21/{serial}?17=271231", f"/01/{SHIRT_S}"):
                answer = await http.get(path, headers={"Accept": accept})
                said.append(f"{answer.headers!r} {answer.text}")
        for path in ("/healthz", "/", f"/v1/items/{SHIRT_S}/{serial}", f"/nothing/{serial}"):
            answer = await http.get(path)
            said.append(answer.text)
    return "\n".join(said)


async def test_no_log_line_names_an_item(log: io.StringIO, tmp_path_factory: pytest.TempPathFactory) -> None:
    async with whole_gateway(tmp_path_factory.mktemp("private"), serials=(int(MARKED), 2, 3)) as whole:
        await strangers(whole, MARKED)
        for route in (f"/v1/items/{SHIRT_S}/{MARKED}", "/v1/sites/store-001/movements", f"/v1/items/x/{MARKED}"):
            await whole.http.get(route)
        sold = {"id": "till/1", "kind": "sale", "at": "2026-11-18T11:06:44Z", "epcs": [epc(SHIRT_S, int(MARKED)).hex()]}
        assert (await whole.http.post("/v1/sites/store-001/evidence", json=sold)).status_code == 200
        wrong = sold | {"id": "till/2", "epcs": [f"urn:epc:id:sgtin:9506000.013435.{MARKED}", "bad" + MARKED]}
        assert (await whole.http.post("/v1/sites/store-001/evidence", json=wrong)).status_code == 400
        await asyncio.sleep(0)
        shown = await whole.http.get(f"/v1/items/{SHIRT_S}/{MARKED}")
    written = log.getvalue()
    assert shown.status_code == 200
    assert MARKED in shown.text, "staff see it: the item is there to be told"
    assert "http_listens" in written
    for form in forms(int(MARKED)):
        assert form not in written


async def test_strangers_are_told_nothing_of_an_item(tmp_path_factory: pytest.TempPathFactory) -> None:
    """That a serial that exists is answered as one that does not: `tests/gateway/http/test_digital_link.py`."""
    async with whole_gateway(tmp_path_factory.mktemp("private"), serials=(int(MARKED), 2, 3)) as whole:
        there = await strangers(whole, MARKED)
    for form in (epc(SHIRT_S, int(MARKED)).hex(), '"epc"', '"zone"', "FLOOR"):
        assert form not in there
