"""The sign-in of the live page, in a real browser."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from gateway.http.gate import COOKIE
from gateway.http.limits import StreamLimits
from tests.gateway.http.keyed import OWN, Keyed, filled_file, open_keyed
from tests.gateway.small_store import SHIRT_S
from tests.servers.browser import PHONE, Browser, artefact

pytestmark = pytest.mark.asyncio(loop_scope="module")
REFUSED = ("401",)
"""What the console says of a request without a key."""


@pytest.fixture(scope="module")
def filled(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled_file(migrated_sqlite_file, tmp_path_factory.mktemp("filled"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with Browser() as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def keyed(filled: Path, tmp_path: Path) -> AsyncIterator[Keyed]:
    async with open_keyed(filled, tmp_path, StreamLimits(heartbeat_s=0.2)) as found:
        yield found


async def sign_in(page: Page, token: str) -> None:
    await page.get_by_label("Key", exact=True).fill(token)
    await page.get_by_role("button", name="Sign in").click()


async def live(page: Page) -> None:
    await expect(page.locator("#link")).to_have_attribute("data-state", "live")


async def test_without_keys_nobody_is_asked_for_one(keyed: Keyed, browser: Browser) -> None:
    async with browser.page(keyed.url) as page:
        await live(page)
        await expect(page.locator("#sign-in")).to_be_hidden()
        await expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
        await expect(page.locator(".moves")).to_be_visible()


async def test_a_person_signs_in_and_out_on_a_phone(keyed: Keyed, browser: Browser) -> None:
    staff = await keyed.key("stock:read", "staff:read")
    async with browser.page(keyed.url, PHONE, allowed=REFUSED) as page:
        await expect(page.get_by_role("heading", level=1, name="Sign in")).to_be_visible()
        await expect(page.get_by_label("Key", exact=True)).to_be_focused()
        await expect(page.locator(".zones")).to_be_hidden()
        width = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1]
        await page.screenshot(path=artefact("sign-in-phone.png"))
        await sign_in(page, "lu_nope")
        await expect(page.get_by_role("alert").filter(has_text="is no key")).to_be_visible()
        await sign_in(page, staff)
        await live(page)
        await expect(page.locator("#sign-in")).to_be_hidden()
        await expect(page.locator(f'td[data-gtin="{SHIRT_S}"] .total')).to_have_text("3")
        await expect(page.locator("#feed li").first).to_be_visible()
        assert COOKIE not in await page.evaluate("document.cookie"), "no script can read it"
        await page.reload()
        await live(page)
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", level=1, name="Sign in")).to_be_visible()
        assert await page.context.cookies() == []


async def test_a_key_that_is_not_for_staff_shows_stock_and_no_movements(keyed: Keyed, browser: Browser) -> None:
    token = await keyed.key("stock:read", sites=[OWN])
    async with browser.page(keyed.url, allowed=REFUSED) as page:
        await sign_in(page, token)
        await live(page)
        await expect(page.locator(f'td[data-gtin="{SHIRT_S}"] .total')).to_have_text("3")
        await expect(page.locator(".moves")).to_be_hidden()
        assert await page.locator("#site option").count() == 1


async def test_a_key_that_ends_brings_the_form_back(keyed: Keyed, browser: Browser) -> None:
    token = await keyed.key("stock:read")
    async with browser.page(keyed.url, allowed=REFUSED) as page:
        await sign_in(page, token)
        await live(page)
        await keyed.revoke(token)
        await expect(page.get_by_role("heading", level=1, name="Sign in")).to_be_visible()
        await expect(page.locator(".board").first).to_be_hidden()
        await sign_in(page, await keyed.key("stock:read"))
        await live(page)


async def test_a_key_that_may_not_read_is_told_what_it_lacks(keyed: Keyed, browser: Browser) -> None:
    async with browser.page(keyed.url, allowed=(*REFUSED, "403")) as page:
        await sign_in(page, await keyed.key("hold:write"))
        await expect(page.get_by_role("alert").filter(has_text="this path needs stock:read")).to_be_visible()
