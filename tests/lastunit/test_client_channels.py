"""The typed client as a channel uses it: keys, reservations, stock operations, webhooks, answers that get lost."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
import pytest
from sqlalchemy import func, select

from gateway.channels import Channels
from gateway.http import webhook_routes
from gateway.http.app import create_app
from gateway.http.digital_link_rows import Word
from gateway.http.serve import listen, serving
from gateway.http.trade_bodies import (
    CountBody,
    CountedLine,
    DeltaBody,
    DeltaLine,
    EraseBody,
    GoodsLine,
    ReceiptBody,
    ReturnBody,
    SaleBody,
    ShipmentBody,
    StepBody,
    StockTransferBody,
    TotalLine,
    TotalsBody,
    TransferReceiptBody,
)
from gateway.http.webhook_rows import WebhookBody
from gateway.push.webhook_desk import WebhookDesk
from gateway.queries import Queries
from gateway.relay import Relay, last_seq, relay, take_feed
from gateway.storage.commerce import posting, reservation
from gateway.storage.engine import Database
from gateway.storage.migrate import migrate
from lastunit.client import (
    ConflictError,
    ForbiddenError,
    HoldExpiredError,
    InsufficientAtpError,
    InvalidRequestError,
    LastUnitClient,
    NotFoundError,
    ProtocolError,
    ReservationLine,
    TooManyHoldsError,
    UnavailableError,
    UnreachableError,
    problem_of,
)
from lastunit.client.connection import TRIES
from tests.gateway.http.keyed import Keyed, id_of
from tests.gateway.http.links import (
    BERLIN,
    HARBOUR,
    MAIN,
    NAVY_L,
    NAVY_M,
    NAVY_S,
    OUTLET,
    SKY_XL,
    WAREHOUSE,
    fill,
)
from tests.gateway.http.problems import BY_CODE
from tests.gateway.small_store import SECOND_US, T0_US, ManualClock
from wire.gs1.digital_link import format_digital_link

if TYPE_CHECKING:
    from gateway.http.reservation_rows import Reservation

AT: Final = "2026-11-18T11:06:49Z"
EVERYTHING: Final = ("stock:read", "stock:write", "hold:write", "staff:read", "audit:read", "webhook:write")


def link_of(gtin: str, serial: int) -> str:
    return format_digital_link((("01", gtin), ("21", str(serial))))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three stores and a warehouse, to be copied."""
    file = tmp_path_factory.mktemp("channels") / "filled.db"
    migrate(f"sqlite:///{file}")

    async def make() -> None:
        database = Database(f"sqlite:///{file}")
        await fill(database)
        await database.close()

    asyncio.run(make())
    return file


class Served(Keyed):
    """A gateway with everything that channels use, and a key that may do it all."""

    token = ""

    async def relayed(self) -> int:
        """Number what has changed, and tell the streams."""
        self.clock.advance(1)
        async with self.database.write() as connection:
            fence = await take_feed(connection, f"test-{self.clock()}", self.clock(), 1)
            assert fence is not None
            await relay(connection, fence)
        async with self.database.read() as connection:
            newest = await last_seq(connection)
        self.feed.announce(newest)
        return newest

    async def count(self, table: str) -> int:
        of = {"reservation": reservation, "sale": posting}[table]
        query = select(func.count()).select_from(of)
        if table == "sale":
            query = query.where(posting.c.debit == "sold")
        async with self.database.read() as connection:
            return int(await connection.scalar(query) or 0)


@pytest.fixture
async def served(filled: Path, tmp_path: Path) -> AsyncIterator[Served]:
    shutil.copy(filled, tmp_path / "gateway.db")
    database = Database(f"sqlite:///{tmp_path}/gateway.db")
    clock = ManualClock(T0_US + 10 * SECOND_US)
    found = Served(database, clock)

    channels = Channels(database, clock, Relay(database, found.feed, "test", clock))
    services = replace(channels.services, access=found.access)
    found.app = create_app(Queries(database, clock), found.feed, services=services, clock=clock)
    try:
        async with serving(found.app, listen()) as url:
            found.url = url
            found.token = await found.key(*EVERYTHING)
            yield found
    finally:
        await channels.close()
        await database.close()


@pytest.fixture
async def client(served: Served) -> AsyncIterator[LastUnitClient]:
    async with LastUnitClient(served.url, key=served.token) as found:
        yield found


def one(gtin: str = NAVY_M, site: str = MAIN, quantity: int = 1) -> list[ReservationLine]:
    return [ReservationLine(gtin, quantity, site)]


# -- keys and reads


async def test_a_key_opens_what_it_may(served: Served, client: LastUnitClient) -> None:
    assert (await client.availability(NAVY_M, MAIN)).atp == 4
    async with LastUnitClient(served.url) as nobody:
        with pytest.raises(ForbiddenError, match="no-key"):
            await nobody.availability(NAVY_M, MAIN)
        assert (await nobody.digital_link(NAVY_M, "1")).item is None
    async with LastUnitClient(served.url, key=await served.key("stock:read")) as reader:
        with pytest.raises(ForbiddenError, match="scope-missing"):
            await reader.reserve(one())


async def test_a_link_shows_staff_the_item(client: LastUnitClient) -> None:
    link = await client.digital_link(NAVY_M, "1", near=BERLIN)
    assert link.item is not None
    assert [place.zone for place in link.item.places] == ["FLOOR"]
    assert link.stores[0].site == MAIN


async def test_a_link_follows_holds_and_their_end(served: Served, client: LastUnitClient) -> None:
    """Without any sweeper: a hold whose time is over counts as gone."""

    async def words() -> tuple[str, dict[str, Word], list[str]]:
        link = await client.digital_link(NAVY_S)
        stores = {row.site: row.availability for row in link.stores}
        return link.availability, stores, [row.gtin for row in link.sizes if row.availability != "not_now"]

    free = await words()
    assert (free[0], free[1][MAIN], free[1][HARBOUR]) == ("last_ones", "last_ones", "last_ones")
    for site in (MAIN, HARBOUR):
        await client.reserve(one(NAVY_S, site), ttl_s=5)
    held = await words()
    assert (held[0], held[1][MAIN], held[1][HARBOUR]) == ("not_now", "not_now", "not_now")
    assert NAVY_S not in held[2]
    served.clock.advance(6)
    assert await words() == free


async def test_availability_near_a_place_and_without_a_hold_of_ones_own(client: LastUnitClient) -> None:
    near = await client.availability_everywhere(NAVY_M, near=BERLIN)
    assert [row.site for row in near.rows] == [MAIN, OUTLET, HARBOUR]  # nobody knows where the warehouse is
    near = await client.availability_everywhere(NAVY_M, near=BERLIN, radius_km=50)
    assert [row.site for row in near.rows] == [MAIN, OUTLET]
    assert {row.site for row in (await client.availability_everywhere(NAVY_M)).rows} > {WAREHOUSE}
    held = await client.reserve(one(quantity=3))
    assert (await client.availability(NAVY_M, MAIN)).atp == 1
    assert (await client.availability(NAVY_M, MAIN, exclude_hold=held.id)).atp == 4


async def test_a_batch_answers_in_the_order_asked(client: LastUnitClient) -> None:
    found = await client.availability_batch([(NAVY_S, HARBOUR), (NAVY_M, MAIN), (NAVY_M, "nowhere")])
    assert [(row.site, row.atp) for row in found.rows] == [(HARBOUR, 1), (MAIN, 4)]
    assert found.unknown == [f"{NAVY_M}@nowhere"]
    with pytest.raises(InvalidRequestError, match="too-many-pairs"):
        await client.availability_batch([(NAVY_M, f"site-{number}") for number in range(1_001)])


async def test_a_snapshot_is_all_pages_at_the_first_ones_cursor(served: Served, client: LastUnitClient) -> None:
    cursor = await served.relayed()
    whole = await client.snapshot(MAIN)
    paged = await client.snapshot(MAIN, page_rows=1)
    assert [row.gtin for row in whole.rows] == sorted([NAVY_M, NAVY_S, SKY_XL])
    assert [(row.gtin, row.atp) for row in paged.rows] == [(row.gtin, row.atp) for row in whole.rows]
    assert (paged.cursor, paged.next) == (cursor, None)


async def test_changes_may_be_only_those_that_cross_a_threshold(served: Served, client: LastUnitClient) -> None:
    cursor = await served.relayed()
    found: list[int] = []
    for _ in range(4):  # 3, 2, 1 units, then none
        await client.reserve(one())
        await served.relayed()
    async with asyncio.timeout(30), aclosing(client.changes(cursor, MAIN, thresholds=[0, 1])) as changes:
        async for change in changes:
            found.append(change.atp)
            if not change.atp:
                break
    assert found == [3, 1, 0]


# -- reservations


async def test_a_reservation_from_the_cart_to_the_door(served: Served, client: LastUnitClient) -> None:
    held = await client.reserve(one(quantity=2), mode="pickup", cart_ref="c-1")
    assert (held.state, len(held.lines[0].items)) == ("held", 2)
    assert (await client.reservation(held.id)).id == held.id
    renewed = await client.renew(held.id, 1_800)
    assert held.expires_at is not None
    assert renewed.expires_at is not None
    assert renewed.expires_at > held.expires_at
    moved = await client.transfer(held.id, customer_ref="u-7")
    assert moved.state == "held"
    assert (await client.confirm(held.id)).expires_at is None
    missed = await client.pick_miss(held.id, held.lines[0].items[0].digital_link)
    assert held.lines[0].items[0].digital_link not in [item.digital_link for item in missed.lines[0].items]
    assert (await client.pick(held.id, [missed.lines[0].items[0].digital_link])).state == "confirmed"
    assert (await client.pick(held.id)).state == "picked"
    assert (await client.fulfil(held.id)).state == "fulfilled"
    assert await served.count("sale") == 2


async def test_what_is_released_is_there_again(client: LastUnitClient) -> None:
    held = await client.reserve(one(quantity=4))
    assert (await client.release(held.id)).state == "released"
    assert (await client.availability(NAVY_M, MAIN)).atp == 4
    with pytest.raises(NotFoundError, match="unknown-reservation"):
        await client.reservation("no such one")


async def test_a_shortage_names_who_has_it(client: LastUnitClient) -> None:
    with pytest.raises(InsufficientAtpError) as short:
        await client.reserve(one(NAVY_S, MAIN, 2))
    (row,) = short.value.shortages
    assert (row.gtin, row.site, row.requested, row.atp) == (NAVY_S, MAIN, 2, 1)
    assert short.value.alternatives == row.alternatives == []
    with pytest.raises(InsufficientAtpError) as short:
        await client.reserve(one(NAVY_M, OUTLET, 2))
    assert {other.site for other in short.value.alternatives} == {MAIN, HARBOUR, WAREHOUSE}
    assert isinstance(short.value, ConflictError)


async def test_an_expired_hold_and_too_many_holds_are_errors_of_their_own(served: Served) -> None:
    token = await served.key("hold:write", "stock:read", channel="small")
    async with LastUnitClient(served.url, key=token) as client:
        held = await client.reserve(one(), ttl_s=1)
        served.clock.advance(2)
        with pytest.raises(HoldExpiredError):
            await client.confirm(held.id)
    for code, kind in (("too-many-holds", TooManyHoldsError), ("busy", UnavailableError)):
        body = b'{"code":"%b"}' % code.encode()
        assert type(problem_of(BY_CODE[code].status, "application/problem+json", body)) is kind
    with_rows = b'{"code":"insufficient-atp","shortages":[{"gtin":7}]}'
    assert isinstance(problem_of(409, "application/problem+json", with_rows), ProtocolError)


# -- answers that get lost


class Losing(httpx.AsyncHTTPTransport):
    """A network that delivers every request and loses the answers of some: nobody knows whether they were done."""

    def __init__(self, lost: int) -> None:
        super().__init__()
        self.lost = lost
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        response = await super().handle_async_request(request)
        if self.lost and request.method == "POST":
            self.lost -= 1
            await response.aread()
            await response.aclose()
            raise httpx.ReadError("the answer is lost", request=request)
        return response


class Waits(list[float]):
    """Notes what the client would wait, and waits no longer than a moment."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)
        await asyncio.sleep(0)


@asynccontextmanager
async def losing(served: Served, lost: int) -> AsyncIterator[tuple[LastUnitClient, Losing]]:
    transport = Losing(lost)
    async with LastUnitClient(served.url, key=served.token, transport=transport, sleep=Waits()) as client:
        yield client, transport


async def test_a_reservation_whose_answer_was_lost_is_made_once(served: Served) -> None:
    async with losing(served, 2) as (client, transport):
        held = await client.reserve(one())
        assert client.retries == 2
        keys = {request.headers["idempotency-key"] for request in transport.requests}
        assert len(keys) == 1
        assert len({request.content for request in transport.requests}) == 1
        assert await served.count("reservation") == 1
        assert (await client.availability(NAVY_M, MAIN)).held == 1
        transport.lost = 1
        again = await client.reserve(one())
        assert again.id != held.id, "another call is another reservation"
        named = [await client.reserve(one(), idempotency_key="order-1") for _ in range(2)]
        assert named[0] == named[1]


async def test_a_verb_whose_answer_was_lost_is_done_once(served: Served) -> None:
    async with losing(served, 0) as (client, transport):
        held = await client.reserve(one(quantity=2))
        first, second = (item.digital_link for item in held.lines[0].items)
        verbs: list[Callable[[], Awaitable[Reservation]]] = [
            lambda: client.renew(held.id),
            lambda: client.confirm(held.id),
            lambda: client.pick_miss(held.id, first),
            lambda: client.pick(held.id, [second]),
            lambda: client.pick(held.id),
            lambda: client.fulfil(held.id),
        ]
        for verb in verbs:
            transport.lost = 1
            found = await verb()
        assert (found.state, client.retries) == ("fulfilled", 6)
        assert await served.count("sale") == 2


async def test_a_sale_whose_answer_was_lost_deducts_once(served: Served) -> None:
    body = SaleBody(source_event_id="till-1/7", at=AT, site=MAIN, lines=[GoodsLine(epc=link_of(NAVY_M, 1))])
    async with losing(served, 3) as (client, _):
        taken = await client.sale(body)
        assert (taken.lines[0].items, client.retries) == (1, 3)
        assert await served.count("sale") == 1


async def test_a_transfer_to_another_key_is_sent_one_time(served: Served) -> None:
    """After it the reservation is another's: to send it again could only be refused."""
    other = await served.key("hold:write", channel="shop")
    async with losing(served, 0) as (client, transport):
        held = await client.reserve(one())
        transport.lost = 1
        with pytest.raises(UnreachableError):
            await client.transfer(held.id, to_key=id_of(other))
        assert client.retries == 0
    async with LastUnitClient(served.url, key=other) as shop:
        assert (await shop.reservation(held.id)).state == "held"


async def test_a_refusal_is_not_sent_again_and_patience_ends() -> None:
    waits = Waits()
    asked = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        status, code = (503, b"busy") if "reservations" in request.url.path else (409, b"already-sold")
        headers = {"content-type": "application/problem+json", "retry-after": "2"}
        return httpx.Response(status, headers=headers, content=b'{"code":"%b"}' % code)

    async with LastUnitClient("http://gateway", transport=httpx.MockTransport(answer), sleep=waits) as client:
        with pytest.raises(ConflictError, match="already-sold"):
            await client.sale(SaleBody(source_event_id="x", at=AT, site=MAIN, lines=[]))
        assert asked == 1
        with pytest.raises(UnavailableError, match="busy") as late:
            await client.reserve(one())
    assert asked == 1 + TRIES
    assert late.value.retry_after_s == 2
    assert waits == [2.0] * (TRIES - 1), "as the gateway says, when that is longer than our own wait"


# -- stock operations


async def test_every_stock_operation_is_typed(client: LastUnitClient) -> None:
    item, units = [GoodsLine(epc=link_of(NAVY_M, 1))], [GoodsLine(gtin=NAVY_L, quantity=5)]
    sold = await client.sale(SaleBody(source_event_id="s-1", at=AT, site=MAIN, lines=item, customer_ref="cust-1"))
    assert sold.lines[0].items == 1
    back = await client.return_(ReturnBody(source_event_id="r-1", at=AT, site=OUTLET, lines=item))
    assert (back.state, back.lines[0].items) == ("returned_unchecked", 1)
    assert (await client.item(NAVY_M, "1")).state == "returned_unchecked"
    announced = await client.announce(ShipmentBody(source_event_id="a-1", at=AT, id="ASN-7", to_site=MAIN, lines=units))
    assert (announced.shipment.state, announced.shipment.expected) == ("announced", 5)
    came = await client.receipt(
        ReceiptBody(source_event_id="rc-1", at=AT, site=MAIN, shipment="ASN-7", lines=units, complete=True)
    )
    assert came.shipment.received == 5
    assert (await client.shipment("ASN-7")).shipment.state == "received"
    assert (await client.availability(NAVY_L, MAIN)).atp == 5


async def test_goods_go_from_store_to_store(client: LastUnitClient) -> None:
    lines = [GoodsLine(epc=link_of(SKY_XL, 6))]
    sent = await client.transfer_stock(
        StockTransferBody(
            source_event_id="t-1", at=AT, from_site=MAIN, to_site=OUTLET, lines=lines, id="T-1", announce=True
        )
    )
    assert sent.shipment.state == "announced"
    left = await client.ship_stock("T-1", StepBody(source_event_id="t-2", at=AT))
    assert left.shipment.state == "in_transit"
    came = await client.receive_stock("T-1", TransferReceiptBody(source_event_id="t-3", at=AT, complete=True))
    assert came.shipment.state == "received"
    with pytest.raises(ConflictError, match="shipment-state"):
        await client.cancel_stock("T-1", StepBody(source_event_id="t-4", at=AT))


async def test_counts_and_adjustments(client: LastUnitClient) -> None:
    counted = await client.count(CountBody(source_event_id="c-1", at=AT, site=MAIN, untagged=[CountedLine(NAVY_L, 3)]))
    assert counted.untagged[0].now == 3
    less = await client.adjust(
        DeltaBody(source_event_id="d-1", at=AT, site=MAIN, reason="damaged", lines=[DeltaLine(gtin=NAVY_L, delta=-1)])
    )
    assert (less.mode, less.skus[0].untagged) == ("delta", 2)
    compared = await client.adjust(
        TotalsBody(source_event_id="e-1", at=AT, site=MAIN, scope="all", lines=[TotalLine(NAVY_L, 9)])
    )
    assert compared.rows == 1
    page = await client.postings(site=MAIN, gtin=NAVY_L)
    assert len(page.rows) == 2
    assert (await client.audit(limit=1)).rows
    assert (await client.erase(EraseBody("nobody"))).erased == 0


# -- webhooks


async def public_address(_host: str, _port: int) -> list[str]:
    return ["93.184.215.14"]


async def test_webhooks(served: Served, client: LastUnitClient) -> None:
    desk = WebhookDesk(served.database, served.clock, resolve=public_address, random_bytes=os.urandom)
    served.app.include_router(webhook_routes.routes(desk, served.clock))
    made = await client.create_webhook(WebhookBody("https://shop.example.com/hooks", [MAIN], [0, 1]))
    assert made.secret.startswith("whsec_")
    (listed,) = (await client.webhooks()).webhooks
    assert (listed.id, listed.thresholds) == (made.id, [0, 1])
    assert (await client.webhook(made.id)).state == "live"
    assert (await client.resume_webhook(made.id)).state == "live"
    assert (await client.dead_letters(made.id)).rows == []
    await client.delete_webhook(made.id)
    with pytest.raises(NotFoundError, match="unknown-webhook"):
        await client.webhook(made.id)
    with pytest.raises(InvalidRequestError, match="webhook-url"):
        await client.create_webhook(WebhookBody("http://shop.example.com/hooks"))
