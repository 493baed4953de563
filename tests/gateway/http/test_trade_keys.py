"""Keys that are for some sites: what they can do to goods on their way, and what they see of items."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.http.keyed import OTHER, OWN, Keyed, filled_file, id_of, open_keyed
from tests.gateway.http.problems import problem
from tests.gateway.http.shop import AT, link
from tests.gateway.small_store import SHIRT_S

SCOPES = ("stock:write", "staff:read", "audit:read", "stock:read")


@pytest.fixture
async def keyed(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Keyed]:
    folder = tmp_path_factory.mktemp("keyed")
    # it runs a loop of its own
    filled = await asyncio.to_thread(filled_file, migrated_sqlite_file, folder)
    async with open_keyed(filled, folder) as opened:
        yield opened


def said(name: str, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"source_event_id": name, "at": AT.format(4)}
    return body | ({"lines": list(lines)} if lines else {}) | more


async def test_each_end_of_a_transfer_does_its_own_part(keyed: Keyed) -> None:
    here, there = await keyed.key(*SCOPES, sites=[OWN]), await keyed.key(*SCOPES, sites=[OTHER])
    elsewhere = await keyed.key(*SCOPES, sites=["store-009"])
    sent = said("1", {"epc": link(0)}, from_site=OWN, to_site=OTHER, id="T-1", announce=True)
    async with keyed.asking(there) as other, keyed.asking(here) as own, keyed.asking(elsewhere) as third:
        problem(await other.post("/v1/transfers", json=sent | {"announce": False}), "site-not-allowed")
        problem(await third.post("/v1/transfers", json=sent), "site-not-allowed")
        assert (await own.post("/v1/transfers", json=sent)).status_code == 200
        problem(await other.post("/v1/transfers/T-1:ship", json=said("2")), "site-not-allowed")
        assert (await own.post("/v1/transfers/T-1:ship", json=said("2"))).status_code == 200
        problem(await own.post("/v1/transfers/T-1:receive", json=said("3")), "site-not-allowed")
        problem(await third.get("/v1/shipments/T-1"), "unknown-shipment")
        for verb in ("ship", "cancel", "receive"):
            problem(await third.post(f"/v1/transfers/T-1:{verb}", json=said("9")), "unknown-shipment")
        for client in (own, other):
            assert (await client.get("/v1/shipments/T-1")).json()["shipment"]["missing"] == 1
        problem(await other.post("/v1/transfers/T-1:cancel", json=said("4")), "site-not-allowed")
        assert (await other.post("/v1/transfers/T-1:receive", json=said("3"))).status_code == 200
        actors = [row["actor"] for row in (await own.get("/v1/audit")).json()["rows"]]
        assert actors == [id_of(here), id_of(here)]
        assert [row["actor"] for row in (await other.get("/v1/audit")).json()["rows"]] == [id_of(there)]


async def test_a_store_wishes_and_the_other_one_decides(keyed: Keyed) -> None:
    here, there = await keyed.key(*SCOPES, sites=[OWN]), await keyed.key(*SCOPES, sites=[OTHER])
    wish = said("1", {"gtin": SHIRT_S, "quantity": 1}, from_site=OWN, to_site=OTHER, id="T-1", announce=True)
    async with keyed.asking(there) as other, keyed.asking(here) as own:
        assert (await other.post("/v1/transfers", json=wish)).json()["shipment"]["state"] == "announced"
        for body in (said("2"), said("2", by_reads=True), said("2", {"epc": link(0)}, complete=True)):
            refused = await other.post("/v1/transfers/T-1:receive", json=body)
            assert problem(refused, "shipment-state")["value"] == "announced"
        receipt = said("2", {"epc": link(0)}, site=OTHER, shipment="T-1")
        problem(await other.post("/v1/receipts", json=receipt), "shipment-state")
        problem(await other.post("/v1/transfers/T-1:ship", json=said("3", {"epc": link(0)})), "site-not-allowed")
        problem(await own.post("/v1/transfers/T-1:ship", json=said("3")), "not-enough")
        for client, site in ((own, OWN), (other, OTHER)):
            (row,) = (await client.get(f"/v1/shipments?site={site}")).json()["shipments"]
            assert (row["id"], row["state"], row["expected"], row["received"]) == ("T-1", "announced", 1, 0)
            assert (await client.get(f"/v1/shipments?site={site}&state=received")).json()["shipments"] == []
        problem(await other.get(f"/v1/shipments?site={OWN}"), "site-not-allowed")
        shipped = await own.post("/v1/transfers/T-1:ship", json=said("3", {"epc": link(0)}))
        assert (shipped.json()["shipment"]["state"], shipped.json()["shipment"]["expected"]) == ("in_transit", 1)
        assert (await other.post("/v1/receipts", json=receipt)).json()["shipment"]["state"] == "received"
        assert (await other.get(f"/v1/shipments?site={OTHER}")).json()["shipments"] == []
        done = (await own.get(f"/v1/shipments?site={OWN}&state=received&limit=1")).json()
        assert ([row["received"] for row in done["shipments"]], done["left_out"]) == ([1], 0)


async def test_a_key_sees_its_own_part_of_an_item_and_writes_for_its_own_sites(keyed: Keyed) -> None:
    here, there = await keyed.key(*SCOPES, sites=[OWN]), await keyed.key(*SCOPES, sites=[OTHER])
    async with keyed.asking(there) as other, keyed.asking(here) as own:
        assert (await own.post("/v1/sales", json=said("1", {"epc": link(0)}, site=OWN))).status_code == 200
        for path, body in {
            "sales": said("2", {"epc": link(1)}, site=OWN),
            "returns": said("2", {"epc": link(0)}, site=OWN),
            "returns:inspect": said("2", {"epc": link(0)}, site=OWN),
            "receipts": said("2", {"epc": link(0)}, site=OWN),
            "shipments": said("2", {"epc": link(9)}, to_site=OWN, id="ASN"),
            "counts": said("2", epcs=[link(1)], zone="BACK", site=OWN),
            "adjustments": said("2", {"epc": link(1)}, site=OWN, mode="delta", reason="missing"),
        }.items():
            problem(await other.post(f"/v1/{path}", json=body), "site-not-allowed")
        problem(await other.get(f"/v1/items/{SHIRT_S}/0"), "unknown-item")
        assert (await other.get("/v1/postings")).json()["rows"] == []
        problem(await other.get(f"/v1/postings?site={OWN}"), "site-not-allowed")
        story = (await own.get(f"/v1/items/{SHIRT_S}/0")).json()
        assert (story["state"], story["postings"][0]["actor"]) == ("sold", id_of(here))
        problem(await own.post("/v1/references:erase", json={"customer_ref": "C"}), "site-not-allowed")
    office = await keyed.key("stock:write")
    async with keyed.asking(office) as all_sites:
        assert (await all_sites.post("/v1/references:erase", json={"customer_ref": "C"})).json() == {"erased": 0}
        problem(await all_sites.get("/v1/audit"), "scope-missing")
        problem(await all_sites.get(f"/v1/items/{SHIRT_S}/0"), "scope-missing")
