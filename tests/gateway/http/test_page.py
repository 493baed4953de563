"""The live page in a real browser: what a person in the store sees, and that it stays true while units move."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page, ViewportSize, expect

from gateway.http.app import create_app, utc_us
from gateway.http.limits import StreamLimits
from gateway.http.page_routes import page_files
from gateway.http.serve import listen, serve, serving, url_of
from tests.gateway.http.conftest import Served, served_by
from tests.gateway.http.fashion import busy, fashion_store
from tests.gateway.http.memory import MemoryGateway, MemorySite, Sku
from tests.gateway.http.stores import JACKET_L, JACKET_M, MAIN, OUTLET, SHOE_38, gtin
from tests.servers.browser import DESKTOP, PHONE, Browser, Scheme, artefact
from wire.site import OUT, ZoneKind


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with Browser() as found:
        yield found


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def served(gateway: MemoryGateway) -> AsyncIterator[Served]:
    async with served_by(gateway) as found:
        yield found


def cell(number: str) -> str:
    return f'td[data-gtin="{number}"]'


async def live(page: Page) -> None:
    await expect(page.locator("#link")).to_have_attribute("data-state", "live")


async def text_of(page: Page, number: str) -> tuple[str, str, str]:
    """Total, floor and back of a cell."""
    found = page.locator(cell(number))
    parts = [await found.locator(part).inner_text() for part in (".total", ".floor", ".back")]
    return parts[0], parts[1], parts[2]


async def test_the_matrix_shows_what_is_there(served: Served, browser: Browser) -> None:
    async with browser.page(served.url) as page:
        await live(page)
        assert await page.title() == "Main Street · Last Unit"
        await expect(page.locator("#sum")).to_have_text("5 units · 2 SKUs")
        assert await page.locator("thead th").all_inner_texts() == ["Colour", "M", "L", "Sum"]
        assert await text_of(page, JACKET_M) == ("4", "F1", "B2")
        await expect(page.locator(f"{cell(JACKET_M)} .other")).to_have_text("+1")
        assert await text_of(page, JACKET_L) == ("1", "F0", "B1")
        await expect(page.locator(f"{cell(JACKET_L)} .mark")).to_have_text("refill")
        assert await page.locator(".zone .units").all_inner_texts() == ["3", "1", "1"]


async def test_a_change_reaches_cell_tiles_and_feed_without_a_reload(served: Served, browser: Browser) -> None:
    async with browser.page(served.url) as page:
        await live(page)
        await page.evaluate("window.mark = 'never reloaded'")
        served.gateway.move(MAIN, JACKET_M, "BACK", "FLOOR_A")
        await expect(page.locator(f"{cell(JACKET_M)} .floor")).to_have_text("F2")
        assert await text_of(page, JACKET_M) == ("4", "F2", "B1")
        first = page.locator("#feed li").first
        await expect(first.locator(".what")).to_have_text("Harbour jacket navy M")
        assert re.sub(r"\s+", " ", await first.locator(".way").inner_text()).strip() == "BACK to →FLOOR_A"
        await expect(page.locator(".zone .units").first).to_have_text("2")

        served.gateway.move(MAIN, JACKET_L, "BACK", OUT)
        await expect(page.locator(f"{cell(JACKET_L)} .mark")).to_have_text("out")
        await expect(page.locator("#sum")).to_have_text("4 units · 2 SKUs")
        await expect(page.locator("#feed li").first.locator(".way")).to_contain_text("outside")
        assert await page.evaluate("window.mark") == "never reloaded"


async def test_an_older_event_changes_nothing(served: Served, browser: Browser) -> None:
    """The rule of every consumer: a version that is not newer is dropped."""
    async with browser.page(served.url) as page:
        result = await page.evaluate(
            """async () => {
              const { Stock } = await import('/page/stock.js');
              const stock = new Stock(await (await fetch('/v1/sites/store-001/stock')).json());
              const [gtin, cell] = [...stock.cells.entries()].find(([, found]) => found.size === 'M');
              const event = { gtin, version: cell.version, zones: {}, on_hand: 0, atp: 0, status: 'live' };
              const old = stock.apply(event);
              const units = [cell.on_hand, stock.zones.get('BACK').units];
              const fresh = stock.apply({ ...event, version: cell.version + 1 });
              const unknown = stock.apply({ ...event, gtin: 'none' });
              return [old, units, fresh.on_hand, stock.zones.get('BACK').units, unknown === undefined];
            }"""
        )
    assert result == [None, [4, 3], 0, 1, True]


async def test_a_cell_tells_what_can_be_sold_and_what_is_held(served: Served, browser: Browser) -> None:
    async with browser.page(served.url) as page:
        result = await page.evaluate(
            """async () => {
              const { Stock, toSell } = await import('/page/stock.js');
              const stock = new Stock(await (await fetch('/v1/sites/store-001/stock')).json());
              const [gtin, cell] = [...stock.cells.entries()].find(([, found]) => found.size === 'M');
              const event = { gtin, version: cell.version + 1, zones: { BACK: 3 }, on_hand: 3, atp: 3, status: 'live' };
              const told = [toSell(cell)];
              told.push(toSell(stock.apply({ ...event, atp: 1, held: 2 })));
              stock.applyZone('BACK', { status: 'blind' });
              told.push(toSell(cell));
              told.push(toSell(stock.apply({ ...event, version: event.version + 1, held: 0 })));
              return told;
            }"""
        )
    assert result == ["to sell: 3", "to sell: 1, held: 2", "to sell: 1, held: 2", "to sell: 3"]


async def test_units_without_tags_are_in_the_cell_before_and_after_an_event(served: Served, browser: Browser) -> None:
    served.gateway.by_id[MAIN].untagged[JACKET_M] = 2
    async with browser.page(served.url) as page:
        result = await page.evaluate(
            """async () => {
              const { Stock } = await import('/page/stock.js');
              const stock = new Stock(await (await fetch('/v1/sites/store-001/stock')).json());
              const [gtin, cell] = [...stock.cells.entries()].find(([, found]) => found.size === 'M');
              const groups = (found) => [found.on_hand, found.floor, found.back, found.other];
              const told = [groups(cell)];
              const event = { gtin, version: cell.version + 1, zones: { BACK: 3 }, on_hand: 5, atp: 5, status: 'live' };
              told.push(groups(stock.apply(event)));
              return told;
            }"""
        )
    assert result == [[6, 1, 2, 3], [5, 0, 3, 2]]


async def test_the_page_resumes_after_the_gateway_was_away(gateway: MemoryGateway, browser: Browser) -> None:
    """The same port comes back with changes that happened meanwhile: the browser resumes by its last event id."""
    sock = listen()
    url, port = url_of(sock), sock.getsockname()[1]
    stop = asyncio.Event()
    limits = StreamLimits(retry_ms=100)
    first = asyncio.create_task(serve(create_app(gateway, gateway.feed, stream_limits=limits), sock, stop=stop))
    async with browser.page(url, allowed=("net::ERR_",)) as page:
        await live(page)
        await page.evaluate("window.mark = 'never reloaded'")
        stop.set()
        await first
        await expect(page.locator("#link")).not_to_have_attribute("data-state", "live")
        gateway.move(MAIN, JACKET_M, "BACK", "FLOOR_A")
        gateway.move(MAIN, JACKET_M, "BACK", "FLOOR_A")
        async with serving(create_app(gateway, gateway.feed, stream_limits=limits), listen(port=port)):
            await live(page)
            await expect(page.locator(f"{cell(JACKET_M)} .floor")).to_have_text("F3")
            assert await text_of(page, JACKET_M) == ("4", "F3", "B0")
            assert await page.locator("#feed li").count() == 2
            assert await page.evaluate("window.mark") == "never reloaded"


async def test_a_dead_cursor_makes_the_page_load_the_stock_again(served: Served, browser: Browser) -> None:
    """Another database behind the same address: its newest change is older than what the page has seen."""
    async with browser.page(served.url, allowed=("410", "net::ERR_")) as page:
        await live(page)
        await page.evaluate(
            """async () => {
              const { Live } = await import('/page/live.js');
              document.body.dataset.reloads = 0;
              const on = { stock() {}, zone() {}, state() {}, reload() { document.body.dataset.reloads = 1; } };
              new Live(on).open('store-001', 999);
            }"""
        )
        await expect(page.locator("body")).to_have_attribute("data-reloads", "1")


async def test_a_sku_that_arrives_for_the_first_time_gets_its_row(served: Served, browser: Browser) -> None:
    async with browser.page(served.url) as page:
        await live(page)
        await expect(page.locator(cell(SHOE_38))).to_have_count(0)
        served.gateway.move(MAIN, SHOE_38, OUT, "BACK")
        await expect(page.locator(cell(SHOE_38))).to_have_count(1)
        assert await text_of(page, SHOE_38) == ("1", "F0", "B1")
        await expect(page.locator("#feed li").first).to_contain_text("Runner white 38")
        await expect(page.locator("article.style", has_text="Runner").locator(".style-sum")).to_have_text("1 unit")


async def test_a_blind_zone_is_marked_on_its_tile_and_its_cells(served: Served, browser: Browser) -> None:
    async with browser.page(served.url) as page:
        await live(page)
        served.gateway.look(MAIN, "FLOOR_A", live=False)
        await expect(page.locator('.zone[data-zone="FLOOR_A"]')).to_have_attribute("data-status", "blind")
        await expect(page.locator('.zone[data-zone="FLOOR_A"] .look')).to_contain_text("Stale")
        await expect(page.locator(f"{cell(JACKET_M)} .total")).to_have_text("~4")
        await expect(page.locator(f"{cell(JACKET_L)} .total")).to_have_text("1")
        await expect(page.locator(f"{cell(JACKET_M)} .vh")).to_contain_text("not being read now")
        served.gateway.look(MAIN, "FLOOR_A", live=True)
        await expect(page.locator(f"{cell(JACKET_M)} .total")).to_have_text("4")


async def test_every_store_can_be_picked_and_linked_to(served: Served, browser: Browser) -> None:
    async with browser.page(served.url) as page:
        await live(page)
        await page.locator("#site").select_option(OUTLET)
        await expect(page.locator("#site-name")).to_have_text("Outlet")
        await expect(page.locator(cell(SHOE_38))).to_have_count(1)
        assert page.url.endswith(f"#site={OUTLET}")
        served.gateway.move(MAIN, JACKET_M, "BACK", "FLOOR_A")
        served.gateway.move(OUTLET, SHOE_38, "SHOP", "BACK")
        await expect(page.locator(f"{cell(SHOE_38)} .back")).to_have_text("B1")
        assert await page.locator("#feed li").count() == 1
    async with browser.page(f"{served.url}/#site={OUTLET}") as page:
        await expect(page.locator("#site-name")).to_have_text("Outlet")


async def test_a_link_to_a_store_that_is_not_here_is_put_right_and_said(served: Served, browser: Browser) -> None:
    async with browser.page(f"{served.url}/#site=no<b>pe") as page:
        await live(page)
        await expect(page.locator("#site-name")).to_have_text("Main Street")
        assert page.url.endswith(f"#site={MAIN}")
        await expect(page.locator("#notice")).to_have_text("There is no store “no<b>pe” here: this is Main Street.")
        await page.locator("#site").select_option(OUTLET)
        await expect(page.locator("#site-name")).to_have_text("Outlet")
        await expect(page.locator("#notice")).to_be_hidden()
        await page.evaluate("location.hash = '#site=nope'")
        await expect(page.locator("#notice")).to_contain_text("“nope”")
        await expect(page.locator("#site-name")).to_have_text("Main Street")
        assert page.url.endswith(f"#site={MAIN}")


async def test_the_feed_is_in_the_order_of_decisions_whatever_order_they_come_in(
    gateway: MemoryGateway, browser: Browser
) -> None:
    """Events of different SKUs overtake each other: 14, 30, 24 s ago must read 14, 24, 30, live and loaded alike."""
    now_us = utc_us()
    gateway.stock(MAIN, JACKET_M, {"BACK": 9, "FLOOR_A": 9})

    def move_at(ages_s: tuple[int, ...]) -> None:
        for age_s in ages_s:
            gateway.now_us = now_us - age_s * 1_000_000
            gateway.move(MAIN, JACKET_M, "BACK", "FLOOR_A")

    move_at((60, 80, 70))
    in_order = """() => [...document.querySelectorAll('#feed time')].map((age) => Date.parse(age.dateTime))"""
    async with served_by(gateway) as served, browser.page(served.url) as page:
        await live(page)
        loaded = await page.evaluate(in_order)
        assert len(loaded) == 3
        assert loaded == sorted(loaded, reverse=True)
        move_at((14, 30, 24))
        await expect(page.locator("#feed li")).to_have_count(6)
        shown = await page.evaluate(in_order)
        assert shown == [(now_us - age_s * 1_000_000) // 1_000 for age_s in (14, 24, 30, 60, 70, 80)]


async def test_search_and_filters_narrow_the_rows(gateway: MemoryGateway, browser: Browser) -> None:
    gateway.stock(MAIN, SHOE_38, {"FLOOR_A": 1})
    async with served_by(gateway) as served, browser.page(served.url) as page:
        await live(page)
        styles = page.locator("article.style:visible h3")
        await expect(styles).to_have_text(["Harbour jacket", "Runner"])
        await expect(page.get_by_placeholder("Find a style, colour or GTIN")).to_be_visible()
        await page.keyboard.press("/")
        await page.keyboard.type("RUNNER white")
        await expect(styles).to_have_text(["Runner"])
        await page.locator("#search").fill(JACKET_L)
        await expect(styles).to_have_text(["Harbour jacket"])
        await page.locator("#search").fill("nothing of the kind")
        await expect(page.locator("#nothing")).to_have_text("Nothing fits this search.")
        await page.locator("#search").fill("")
        await page.get_by_role("button", name="To refill").click()
        await expect(styles).to_have_text(["Harbour jacket"])
        served.gateway.move(MAIN, JACKET_L, "BACK", "FLOOR_A")
        await expect(page.locator("#nothing")).to_have_text("No size is to be refilled.")
        await page.get_by_role("button", name="Out").click()
        await expect(page.locator("#nothing")).to_have_text("No size is out of stock.")
        await page.locator("#search").fill("runner")
        await expect(page.locator("#nothing")).to_have_text("Nothing fits this search.")
        await page.locator("#search").fill("")
        await page.get_by_role("button", name="Last units").click()
        await expect(styles).to_have_text(["Harbour jacket", "Runner"])


async def test_the_feed_can_be_held_and_let_go(served: Served, browser: Browser) -> None:
    async with browser.page(served.url) as page:
        await live(page)
        await page.get_by_role("button", name="Pause").click()
        served.gateway.move(MAIN, JACKET_M, "BACK", "FLOOR_A")
        await expect(page.locator(f"{cell(JACKET_M)} .floor")).to_have_text("F2")
        assert await page.locator("#feed li").count() == 0
        await page.get_by_role("button", name="Resume").click()
        await expect(page.locator("#feed li")).to_have_count(1)


async def test_hostile_catalogue_text_stays_text(browser: Browser) -> None:
    evil = "<img src=x onerror=document.title='owned'>"
    sku = Sku(gtin(9), evil, '"><script>alert(1)</script>', "</td><b>", f"{evil} coat", "<u>d</u>")
    site = MemorySite("s-1", "<h1>Evil & Sons</h1>", {"BACK": ZoneKind.BACK_ROOM, "<i>SHOP": ZoneKind.SALES_FLOOR})
    gateway = MemoryGateway([sku], [site])
    gateway.stock("s-1", sku.gtin, {"BACK": 2})
    async with served_by(gateway) as served, browser.page(served.url) as page:
        await live(page)
        gateway.move("s-1", sku.gtin, "BACK", "<i>SHOP")
        await expect(page.locator("#feed li")).to_have_count(1)
        assert await page.title() == "<h1>Evil & Sons</h1> · Last Unit"
        assert await page.locator("article.style h3").inner_text() == f"{evil} coat"
        assert await page.locator("#feed .what").inner_text() == f"{evil} coat {sku.colour} {sku.size}"
        assert await page.locator("main img, main script, main u, main i, td b b").count() == 0
        assert await page.locator(".zone-name").all_inner_texts() == ["BACK", "<i>SHOP"]


async def test_assistive_technology_finds_tables_headers_and_the_log(served: Served, browser: Browser) -> None:
    async with browser.page(served.url) as page:
        await live(page)
        table = page.get_by_role("table", name="Harbour jacket: units by colour and size")
        await expect(table.get_by_role("rowheader", name="navy")).to_have_count(1)
        assert await table.get_by_role("columnheader").all_inner_texts() == ["Colour", "M", "L", "Sum"]
        spoken = (
            "4 in the store, 1 on the floor, 2 in the back, 1 in fitting rooms, at the checkout or without a tag, "
            "to sell: 3"
        )
        await expect(table.get_by_role("cell", name=spoken, exact=True)).to_have_count(1)
        await expect(page.get_by_role("log")).to_have_attribute("aria-live", "polite")
        await expect(page.get_by_role("status")).to_contain_text("Live")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Main Street")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the stock")).to_be_focused()
        reached = set()
        for _ in range(12):
            await page.keyboard.press("Tab")
            reached.add(await page.evaluate("document.activeElement.id || document.activeElement.className"))
        assert {"site", "search", "pause", "feed", "wide"} <= reached


CONTRAST = """() => {
  const style = getComputedStyle(document.documentElement);
  const linear = (c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const channel = (value) => linear(value / 255);
  const light = (name) => {
    const hex = style.getPropertyValue(name).trim().slice(1);
    const [r, g, b] = [0, 2, 4].map((at) => channel(parseInt(hex.slice(at, at + 2), 16)));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const brighter = (a, b) => [light(a), light(b)].sort((m, n) => n - m);
  const ratio = (a, b) => brighter(a, b).map((l) => l + 0.05).reduce((x, y) => x / y);
  return [['--ink', '--surface'], ['--muted', '--surface'], ['--muted', '--ground'], ['--refill', '--refill-soft'],
    ['--surface', '--refill'], ['--last', '--last-soft'], ['--stale', '--stale-soft'], ['--bad', '--ground'],
    ['--brand', '--brand-soft']].map(([a, b]) => [`${a} on ${b}`, ratio(a, b)]);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_colour_can_be_read(served: Served, browser: Browser, scheme: Scheme) -> None:
    """WCAG 2.2, 1.4.3: at least 4.5 to 1."""
    async with browser.page(served.url, scheme=scheme) as page:
        for pair, ratio in await page.evaluate(CONTRAST):
            assert ratio >= 4.5, (scheme, pair, ratio)


@pytest.mark.parametrize(
    ("name", "size", "scheme"),
    [
        ("desktop", DESKTOP, "light"),
        ("desktop-dark", DESKTOP, "dark"),
        ("phone", PHONE, "light"),
        ("phone-dark", PHONE, "dark"),
    ],
)
async def test_it_fits_the_screen(browser: Browser, name: str, size: ViewportSize, scheme: Scheme) -> None:
    """Only the size tables are wider than the screen, and scroll by themselves. The pictures are for people."""
    gateway = fashion_store()
    gateway.now_us = utc_us() - 90_000_000  # the pictures show the ages of a minute and a half of life
    async with served_by(gateway) as served, browser.page(served.url, size, scheme=scheme) as page:
        await live(page)
        for number in range(12):
            busy(gateway, number)
        gateway.look(MAIN, "FLOOR_MEN", live=False)
        await expect(page.locator("#feed li")).to_have_count(12)
        await expect(page.locator('.zone[data-status="blind"]')).to_have_count(1)
        width = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1]
        small = await page.evaluate(
            """[...document.querySelectorAll('button, select, input')]
            .filter((found) => found.checkVisibility() && found.getBoundingClientRect().height < 34).length"""
        )
        assert small == 0, "a finger needs more"
        broken = await page.evaluate(
            """[...document.querySelectorAll('.zone-name')]
            .filter((name) => new Set([...name.childNodes].filter((part) => part.nodeType === Node.TEXT_NODE)
              .flatMap((part) => { const r = document.createRange(); r.selectNodeContents(part);
                return [...r.getClientRects()].map((box) => Math.round(box.top)); })).size > 1)
            .map((name) => name.textContent)"""
        )
        assert broken == [], "a zone's name on two lines"
        await page.screenshot(path=artefact(f"page-{name}.png"))
        await page.locator("article.style", has_text="Derby shoe").scroll_into_view_if_needed()
        await page.screenshot(path=artefact(f"page-{name}-further.png"))


async def test_without_scripts_the_page_says_where_the_numbers_are(served: Served, browser: Browser) -> None:
    async with browser.page(served.url, scripts=False) as page:
        await expect(page.locator("noscript p")).to_contain_text("/v1/sites")


async def test_the_documentation_opens_without_any_network(served: Served, browser: Browser) -> None:
    async with browser.page(f"{served.url}/docs", PHONE) as page:
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Last Unit API")
        paths = (await served.http.get("/openapi.json")).json()["paths"].values()
        await expect(page.locator("section.operation")).to_have_count(sum(len(methods) for methods in paths))
        width = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1]
        await page.screenshot(path=artefact("docs-phone.png"))


async def test_the_pages_files_are_cached_by_their_content(served: Served) -> None:
    for name, file in page_files().items():
        answer = await served.http.get(f"/page/{name}")
        assert (answer.status_code, answer.content) == (200, file.body)
        again = await served.http.get(f"/page/{name}", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
