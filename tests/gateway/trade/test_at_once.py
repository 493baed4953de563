"""Many operations at once on the same SKUs at two sites: nothing is lost, doubled, or waits for ever."""

import asyncio
from typing import Any

from gateway.trade.errors import AlreadySoldError
from gateway.trade.trade import Trade
from tests.gateway.trade.trade_rig import OTHER, OTHER_KEY, SITE, TradeRig, goods


async def test_many_operations_at_once(rig: TradeRig) -> None:
    serials = [str(number) for number in range(8)]
    await rig.put(*serials)
    await rig.book(20)
    await rig.book(20, site=OTHER)
    work: list[Any] = []
    for serial in serials:
        work += [rig.sell(serial), rig.sell(serial, site=OTHER)]
    for number in range(6):
        work += [
            rig.sell(units=1),
            rig.give_back(units=1, disposition="restock", site=OTHER),
            rig.sell(units=1, site=OTHER),
        ]
        work += [rig.send(f"T-{number}", goods(S=1)), rig.adjust("damaged", units=-1, site=OTHER)]
    done = await asyncio.gather(*work, return_exceptions=True)
    failures = [one for one in done if isinstance(one, Exception)]
    assert all(isinstance(one, AlreadySoldError) for one in failures), failures
    assert len(failures) == len(serials)
    assert sorted(await rig.states()) == serials
    assert await rig.loose() == {"available": 8, "in_transit": 6, "sold": 6}
    there = await rig.loose(OTHER)
    assert (there["available"], there["damaged"]) == (14, 6)
    assert (await rig.atp(), await rig.atp(OTHER_KEY)) == (8, 14)
    await rig.check()


async def test_who_waits_for_commits_hears_of_each_once(rig: TradeRig) -> None:
    heard: list[str] = []
    trade = Trade(rig.database, rig.clock, committed=heard.append)
    sale = rig.sale(units=1)
    await trade.sell(sale)
    await trade.sell(rig.sale(units=1, site=OTHER))
    assert heard == [SITE.id, OTHER]
