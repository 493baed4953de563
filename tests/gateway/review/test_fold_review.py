"""Whatever is told over HTTP or by MQTT, a site's fold goes on, and its books agree."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.fold.evidence import EvidenceEntry, encode_evidence
from gateway.ledger.verify import verify
from gateway.presence.tracker import EvidenceKind
from gateway.storage import input_log
from gateway.storage.engine import Database
from gateway.storage.input_log import Kind, NewEntry
from tests.gateway.http.shop import AT
from tests.gateway.http.test_trade import OTHER, TradeShop, item, open_trade_shop, units
from tests.gateway.log_rig import LogRig, fold_all
from tests.gateway.plain_tracker import plain
from tests.gateway.small_store import BACK, FLOOR, SHIRT_S, SITE, T0_US, epc, other_site
from wire.site import OUT

STRANGE = "00000000000000"


@pytest.fixture
async def shop(database: Database) -> AsyncIterator[TradeShop]:
    async with open_trade_shop(database) as opened:
        yield opened


async def log(shop: TradeShop, *entries: EvidenceEntry, site: str = SITE.id) -> None:
    now = shop.rig.clock()
    async with shop.database.write() as connection:
        new = [NewEntry(now, Kind.EVIDENCE, encode_evidence(entry)) for entry in entries]
        await input_log.append(connection, site, new)


def entry(name: str, kind: EvidenceKind, **more: Any) -> EvidenceEntry:
    return EvidenceEntry(id=name, kind=kind, at_us=T0_US, **more)


async def good(shop: TradeShop) -> None:
    await shop.catch_up()
    verdict = await verify(shop.database, SITE.id)
    assert verdict.shown == []


async def test_evidence_of_everything(shop: TradeShop) -> None:
    await shop.see((FLOOR, epc(SHIRT_S, 1)), (BACK, epc(SHIRT_S, 2)))
    for number, kind in enumerate(EvidenceKind):
        for zone in ("", "FLOOR", "EXIT", "NOWHERE", OUT, "\0", "Ä" * 20):
            await log(
                shop,
                entry(f"a{number}", kind, items=((SHIRT_S, "1"), (SHIRT_S, "1"), (SHIRT_S, "9")), zone=zone),
                entry(f"b{number}", kind, items=((STRANGE, "1"),), zone=zone),
                entry(f"c{number}", kind, gtin=STRANGE, quantity=10_000, zone=zone),
                entry(f"d{number}", kind, gtin=SHIRT_S, quantity=10_000, untagged=10_000, zone=zone),
                entry(f"e{number}", kind, gtin=SHIRT_S, quantity=0, zone=zone),
                entry(f"f{number}", kind, gtin=SHIRT_S, quantity=1, untagged=5, zone=zone),
                entry(f"g{number}", kind, items=((SHIRT_S, "x" * 64), (SHIRT_S, "a/b%c"))),
                entry(f"h{number}", kind, gtin=SHIRT_S, quantity=7, posted=True),
                entry("h" * 128, kind, items=((SHIRT_S, "2"),), zone=zone, posted=True),
            )
            await good(shop)


async def test_sale_return_sale_in_one_commit(shop: TradeShop) -> None:
    await shop.see((FLOOR, epc(SHIRT_S, 1)), (FLOOR, epc(SHIRT_S, 2)))
    one = ((SHIRT_S, "1"),)
    await shop.post("counts", untagged=[units(3)])
    for number, name in enumerate(["sale", "return", "sale", "receipt", "sale", "return"]):
        kind = EvidenceKind(name)
        await log(shop, entry(f"x{number}", kind, items=one), entry(f"y{number}", kind, gtin=SHIRT_S, quantity=2))
        await shop.post("returns", units(2))
        await shop.post("sales", units(1))
        await shop.post("returns", item(2))
        await shop.post("sales", item(2))
    await good(shop)
    for number in range(20):
        await log(shop, entry(f"z{number}", EvidenceKind.SALE, gtin=SHIRT_S, quantity=1))
        await shop.post("returns", units(1), disposition="restock")
        await good(shop)


async def test_two_sites_and_one_item(shop: TradeShop) -> None:
    await shop.see((FLOOR, epc(SHIRT_S, 1)))
    for path, more in [("sales", {}), ("returns", {"disposition": "restock"}), ("sales", {}), ("returns", {})]:
        for site in (SITE.id, OTHER):
            answer = await shop.post(path, item(1), site=site, **more)
            assert answer.status_code < 500, answer.text
            await good(shop)
    await shop.post("transfers", item(1), site="", from_site=SITE.id, to_site=OTHER, id="T1")
    await shop.post("transfers", item(1), site="", from_site=OTHER, to_site=SITE.id, id="T2")
    await good(shop)
    await shop.see((FLOOR, epc(SHIRT_S, 1)))
    await good(shop)
    await shop.post("transfers/T1:cancel", site="", at=AT.format(9))
    await good(shop)


async def test_an_item_that_another_site_sold_is_offered_no_more(shop: TradeShop) -> None:
    await shop.post("counts", untagged=[units(1)])
    await shop.see((FLOOR, epc(SHIRT_S, 1)))
    assert (await shop.atp())[0] == 2
    rig = LogRig(shop.database, other_site(OTHER), presence=plain())
    rig.clock = shop.rig.clock
    fold = await rig.fold()
    await log(shop, entry("s", EvidenceKind.SALE, items=((SHIRT_S, "1"),)), site=OTHER)
    await fold_all(fold)
    await shop.catch_up()
    assert await shop.atp() == (1, 1)
    assert (await shop.places())["1"] == OUT
    await good(shop)
