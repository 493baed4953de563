"""The typed client as a shop uses it for orders: quotes, orders of several sites, tasks, steps, returns."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from gateway.http.trade_bodies import (
    GoodsLine,
    InspectedLine,
    InspectionBody,
    ReturnBody,
    SaleBody,
    ShipBody,
    StockTransferBody,
    TransferReceiptBody,
)
from lastunit.client import ConflictError, LastUnitClient, NotFoundError, OrderEvent
from tests.gateway.http.links import BERLIN, HARBOUR, MAIN, NAVY_M, NAVY_S, OUTLET
from tests.lastunit import test_client_channels as channels
from tests.lastunit.test_client_channels import AT, EVERYTHING, Served, link_of, losing

filled, served = channels.filled, channels.served


@pytest.fixture
async def client(served: Served) -> AsyncIterator[LastUnitClient]:
    served.token = await served.key(*EVERYTHING, "task:write")
    async with LastUnitClient(served.url, key=served.token) as found:
        yield found


async def test_an_order_is_quoted_and_held_where_it_is_best(client: LastUnitClient) -> None:
    quoted = await client.quote([(NAVY_M, 1)], mode="ship_from_store", ship_to=BERLIN, plans=2)
    assert len(quoted.plans) == 2
    assert (await client.quote([(NAVY_M, 1)], mode="pickup", pickup_site=OUTLET)).plans[0].sites == [OUTLET]
    made = await client.order([(NAVY_M, 1)], mode="ship_from_store", ship_to=BERLIN, plan=quoted.plans[0].sites)
    assert [part.lines[0].site for part in made.parts] == quoted.plans[0].sites
    assert (made.order_id, made.expires_at) == (made.parts[0].id, made.parts[0].expires_at)
    standing = await client.confirm_order(made.order_id)
    assert [part.state for part in standing.parts] == ["confirmed"]
    assert [part.state for part in (await client.release_order(made.order_id)).parts] == ["released"]
    with pytest.raises(NotFoundError):
        await client.order_of("nothing")
    with pytest.raises(ConflictError, match="no-plan"):
        await client.order([(NAVY_S, 90)], ship_to=BERLIN)


async def test_an_order_of_two_sites_is_one_order(client: LastUnitClient) -> None:
    units = (await client.availability(NAVY_S, MAIN)).atp + (await client.availability(NAVY_S, HARBOUR)).atp
    made = await client.order([(NAVY_S, units)], ship_to=BERLIN, plan=[MAIN, HARBOUR])
    assert {part.lines[0].site for part in made.parts} == {MAIN, HARBOUR}
    assert {part.order_id for part in made.parts} == {made.order_id}
    assert len((await client.order_of(made.order_id)).parts) == 2


async def test_an_order_whose_answer_was_lost_is_made_once(served: Served, client: LastUnitClient) -> None:
    assert (await client.availability(NAVY_M, MAIN)).held == 0
    async with losing(served, 2) as (shop, _):
        await shop.order([(NAVY_M, 1)], ship_to=BERLIN, plan=[MAIN])
        assert (shop.retries, await served.count("reservation")) == (2, 1)


async def test_from_task_to_task_and_every_step_is_heard(served: Served, client: LastUnitClient) -> None:
    cursor = await served.relayed()
    made = await client.order([(NAVY_M, 1)], mode="pickup", ship_to=BERLIN, plan=[MAIN])
    confirmed = await client.confirm(made.parts[0].id, collect_s=3_600)
    assert confirmed.collect_by is not None
    (pick,) = (await client.tasks(MAIN)).tasks
    assert (await client.claim_task(pick.id, who="Kim")).claimed_by == "Kim"
    with pytest.raises(ConflictError, match="task-claimed"):
        await client.task_done(pick.id, who="Sam")
    assert (await client.release_task(pick.id, who="Kim")).state == "open"
    item = pick.lines[0].items[0].digital_link
    missed = await client.task_cannot(pick.id, item, who="Kim")
    assert missed.lines[0].items[0].digital_link != item
    assert (await client.task_done(pick.id)).state == "done"
    assert [task.id for task in (await client.tasks(MAIN, kind="pick", state="done")).tasks] == [pick.id]
    (hand_over,) = (await client.tasks(MAIN, kind="hand_over")).tasks
    await client.task_done(hand_over.id)
    assert (await client.order_of(made.order_id)).parts[0].state == "fulfilled"
    newest = await served.relayed()
    heard: list[OrderEvent] = []
    async with asyncio.timeout(30), aclosing(client.order_changes(cursor, MAIN)) as steps:
        async for step in steps:
            heard.append(step)
            if step.step == "handed_over":
                break
    assert [step.step for step in heard] == ["confirmed", "pick_missed", "picked", "handed_over"]
    assert {step.order_id for step in heard} == {made.order_id}
    assert cursor < heard[0].seq < heard[-1].seq <= newest


async def test_what_comes_back_is_inspected(client: LastUnitClient) -> None:
    item = link_of(NAVY_M, 1)
    line = [GoodsLine(epc=item)]
    await client.sale(SaleBody(source_event_id="s-1", at=AT, site=MAIN, lines=line))
    await client.return_(ReturnBody(source_event_id="r-1", at=AT, site=OUTLET, lines=line))
    lines = [InspectedLine(epc=item, disposition="damaged")]
    looked = await client.inspect(InspectionBody(source_event_id="i-1", at=AT, site=OUTLET, lines=lines))
    assert (looked.restocked, looked.damaged[0].items) == ([], 1)
    with pytest.raises(ConflictError, match="not-returned"):
        await client.inspect(InspectionBody(source_event_id="i-2", at=AT, site=OUTLET, lines=lines))


async def test_a_store_asks_for_goods_and_receives_them(client: LastUnitClient) -> None:
    wish = [GoodsLine(gtin=NAVY_M, quantity=1)]
    ends = {"from_site": MAIN, "to_site": OUTLET}
    await client.transfer_stock(
        StockTransferBody(source_event_id="t", at=AT, id="T-1", lines=wish, announce=True, **ends)
    )
    assert [row.id for row in (await client.shipments(MAIN)).shipments] == ["T-1"]
    item = GoodsLine(epc=link_of(NAVY_M, 1))
    sent = await client.ship_stock("T-1", ShipBody(source_event_id="t/1", at=AT, lines=[item]))
    assert sent.shipment.state == "in_transit"
    assert (await client.shipment("T-1")).dock.not_read_items == [item.epc]
    came = await client.receive_stock("T-1", TransferReceiptBody(source_event_id="t/2", at=AT, lines=[item]))
    assert (came.shipment.state, came.shipment.missing) == ("received", 0)
