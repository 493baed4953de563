"""The page behind a label's QR code in a real browser: on a phone, without scripts, with hostile text."""

from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import quote

import pytest
import pytest_asyncio
from playwright.async_api import Page, ViewportSize, expect

from gateway.catalogue import import_catalogue
from gateway.http.gate import COOKIE
from gateway.storage.engine import Database
from gateway.storage.migrate import migrate
from tests.gateway.http.links import (
    HEADER,
    NAVY_L,
    NAVY_M,
    NAVY_S,
    SKY_XL,
    UNKNOWN,
    Linked,
    fill,
    open_links,
)
from tests.gateway.http.stores import gtin
from tests.gateway.small_store import T0_US
from tests.servers.browser import DESKTOP, PHONE, Browser, Scheme, artefact

pytestmark = pytest.mark.asyncio(loop_scope="module")

NARROW: Final = ViewportSize(width=320, height=640)
EVIL: Final = "<img src=x onerror=document.title='owned'>"
EVIL_GTIN: Final = gtin(66)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with Browser() as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path_factory.mktemp('links')}/gateway.db"
    migrate(url)
    database = Database(url)
    await fill(database)
    evil = f'{EVIL_GTIN},"{EVIL}","""><script>alert(1)</script>","</td><b>XL","{EVIL} coat"\n'
    report = await import_catalogue(database, HEADER + evil, T0_US)
    assert report.loaded == 1
    yield database
    await database.close()


@pytest_asyncio.fixture(loop_scope="module")
async def linked(filled: Database) -> AsyncIterator[Linked]:
    async with open_links(filled) as found:
        await found.key("stock:read", "staff:read")
        yield found


async def rows_of(page: Page, table: str) -> list[str]:
    return [" | ".join((await row.inner_text()).split("\t")) for row in await page.locator(f"{table} tbody tr").all()]


async def test_a_shopper_finds_sizes_and_stores(linked: Linked, browser: Browser) -> None:
    async with browser.page(f"{linked.url}/01/{NAVY_M}/21/1", PHONE) as page:
        await expect(page.get_by_role("heading", level=1)).to_have_text("Harbour jacket")
        await expect(page.locator(".answer")).to_have_text("In stock in 3 stores")
        sizes = page.get_by_role("table", name="Sizes in navy: availability")
        assert await sizes.get_by_role("columnheader").all_inner_texts() == ["Size", "Availability", "Where"]
        await expect(sizes.get_by_role("rowheader")).to_have_text(["S", "M", "L"])
        await expect(sizes.locator(".word")).to_have_text(["Last ones", "In stock", "Not now"])
        stores = page.get_by_role("table", name="Stores: size M")
        await expect(stores.get_by_role("rowheader")).to_have_text(["Harbour", "Main Street", "Outlet"])
        await expect(stores.locator("tr", has_text="Outlet")).to_contain_text("checked just now")
        await expect(page.locator(".staff")).to_have_count(0)
        assert await page.locator("h1, h2").all_inner_texts() == [
            *("Harbour jacket", "Sizes in navy", "Other colours", "Stores: size M", "What the words mean")
        ]
        await sizes.get_by_role("link", name="L").click()
        await expect(page.locator(".answer")).to_have_text("Not now in no store")
        assert page.url == f"{linked.url}/01/{NAVY_L}"


async def test_without_scripts_a_place_can_be_chosen(linked: Linked, browser: Browser) -> None:
    async with browser.page(f"{linked.url}/01/{NAVY_S}", PHONE, scripts=False) as page:
        await expect(page.locator("#locate")).to_be_hidden()
        await page.get_by_label("Near").select_option(label="Outlet")
        await page.get_by_role("button", name="Show").click()
        await expect(page.get_by_role("heading", name="Stores near you: size S")).to_be_visible()
        names = page.locator(".stores-table tbody th")
        await expect(names).to_have_text(["Main Street27 km away", "Harbour243 km away", "Outletless than 1 km away"])
        await expect(page.get_by_label("Near").locator("option:checked")).to_have_text("Outlet")
        await page.get_by_role("link", name="XL").click()
        await expect(page.get_by_role("heading", name="Stores near you: size XL")).to_be_visible()
        assert page.url.startswith(f"{linked.url}/01/{SKY_XL}?near=")


async def test_a_browser_may_tell_where_it_is(filled: Database, browser: Browser) -> None:
    async with open_links(filled) as linked:
        await linked.key("stock:read")
        async with browser.page(f"{linked.url}/01/{NAVY_S}", PHONE) as page:
            await page.context.grant_permissions(["geolocation"])
            await page.context.set_geolocation({"latitude": 53.5512345, "longitude": 9.9932109})
            await page.get_by_role("button", name="Use my location").click()
            await expect(page.locator(".stores-table tbody th").first).to_have_text("Harbourless than 1 km away")
            assert page.url.endswith("?near=53.55%2C9.99"), "no more of somebody's place than a kilometre"
            await expect(page.get_by_label("Near").locator("option:checked")).to_have_text("your place")


async def test_a_browser_that_tells_nothing_is_helped_on(linked: Linked, browser: Browser) -> None:
    async with browser.page(f"{linked.url}/01/{NAVY_S}", PHONE) as page:
        await page.context.clear_permissions()
        await page.get_by_role("button", name="Use my location").click()
        await expect(page.get_by_role("status")).to_have_text(
            "Your place is not known to this browser. Choose a store instead."
        )


async def test_staff_with_a_session_see_the_item(linked: Linked, browser: Browser) -> None:
    token = await linked.key("stock:read", "staff:read")
    async with browser.page(f"{linked.url}/01/{NAVY_M}", NARROW) as page:
        await page.context.add_cookies([{"name": COOKIE, "value": token, "url": linked.url}])
        await page.goto(f"{linked.url}/01/{NAVY_M}/21/1")
        facts = page.get_by_role("region", name="For staff")
        await expect(facts).to_contain_text("FLOOR (sales floor), Main Street")
        await expect(facts).to_contain_text("98.7 % sure")
        await expect(facts).to_contain_text("outside to FLOOR, moved")
        await fits(page)
        await page.screenshot(path=artefact("link-staff.png"), full_page=True)


async def test_hostile_text_stays_text(linked: Linked, browser: Browser) -> None:
    """In the catalogue; and in a link, where staff see the serial again."""
    token = await linked.key("stock:read", "staff:read")
    serial = "<script>alert(1)</s>"
    assert len(serial) == 20
    async with browser.page(f"{linked.url}/01/{EVIL_GTIN}/21/{quote(serial, safe='')}", NARROW) as page:
        await page.context.add_cookies([{"name": COOKIE, "value": token, "url": linked.url}])
        for _ in range(2):  # as a shopper, as staff
            assert await page.get_by_role("heading", level=1).inner_text() == f"{EVIL} coat"
            assert await page.locator("main img, main script, main td b").count() == 0
            assert "owned" not in (await page.title()).partition("<img")[0]
            await fits(page)
            await page.reload()
        await expect(page.locator(".staff dd").first).to_have_text(serial)
    near = quote('1,2"><script>alert(1)</script>', safe="")
    async with browser.page(f"{linked.url}/01/{NAVY_M}?near={near}", allowed=("400",)) as page:
        await expect(page.get_by_role("heading", level=1)).to_have_text("A parameter cannot be used")
        assert await page.locator("main script").count() == 0


async def test_a_refusal_is_a_page(linked: Linked, browser: Browser) -> None:
    async with browser.page(f"{linked.url}/01/{UNKNOWN}", NARROW, allowed=("404",)) as page:
        await expect(page.get_by_role("heading", level=1)).to_have_text("We do not know this product")
        await expect(page.locator("main")).to_contain_text(UNKNOWN)
        await fits(page)
        await page.screenshot(path=artefact("link-unknown.png"))


async def fits(page: Page) -> None:
    width = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1], "the page scrolls sideways"
    over = await page.evaluate(
        """[...document.querySelectorAll('main th, main td, main dd')]
        .filter((cell) => cell.scrollWidth > cell.clientWidth + 1).map((cell) => cell.textContent)"""
    )
    assert over == [], "text that leaves its cell"


SEEN_CONTRAST: Final = """() => {
  const channel = (value) => { const c = value / 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const found = parse(getComputedStyle(at).backgroundColor);
      if (found.length < 4 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const node of document.querySelectorAll('main *')) {
    const own = [...node.childNodes].some((part) => part.nodeType === Node.TEXT_NODE && part.data.trim());
    if (!own || !node.getClientRects().length) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(ground(node))].sort((m, n) => n - m);
    found.push([node.textContent.slice(0, 40), (a + 0.05) / (b + 0.05)]);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_can_be_read(linked: Linked, browser: Browser, scheme: Scheme) -> None:
    """WCAG 2.2, 1.4.3: at least 4.5 to 1; of every text on the page, on what lies behind it."""
    token = await linked.key("stock:read", "staff:read")
    async with browser.page(f"{linked.url}/01/{NAVY_M}", PHONE, scheme=scheme) as page:
        await page.context.add_cookies([{"name": COOKIE, "value": token, "url": linked.url}])
        await page.goto(f"{linked.url}/01/{NAVY_M}/21/1?near=52.5,13.4")
        texts = await page.evaluate(SEEN_CONTRAST)
        assert len(texts) > 40
        assert [text for text in texts if text[1] < 4.5] == []


@pytest.mark.parametrize(
    ("name", "size", "scheme"),
    [
        ("narrow", NARROW, "light"),
        ("phone", PHONE, "light"),
        ("phone-dark", PHONE, "dark"),
        ("desktop", DESKTOP, "light"),
    ],
)
async def test_it_fits_the_screen(
    linked: Linked, browser: Browser, name: str, size: ViewportSize, scheme: Scheme
) -> None:
    """The pictures are for people."""
    async with browser.page(f"{linked.url}/01/{NAVY_M}?near=52.52,13.41", size, scheme=scheme) as page:
        await expect(page.locator("#locate")).to_be_visible()
        await fits(page)
        small = await page.evaluate(
            """[...document.querySelectorAll('main a, main button, main select')]
            .map((found) => [found.textContent.slice(0, 20), found.getBoundingClientRect().height])
            .filter(([, height]) => height < 24)"""
        )
        assert small == [], "WCAG 2.2, 2.5.8: a finger needs 24 pixels"
        await page.screenshot(path=artefact(f"link-{name}.png"), full_page=True)
