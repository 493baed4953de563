"""A device becomes a store screen in a real browser, acts as one, and ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.gateway.http.axe import complaints
from tests.gateway.http.shop_floor import STORE, Floor, open_floor, stocked_file
from tests.gateway.pairing.rig import add_key
from tests.servers.browser import PHONE, Browser, artefact

pytestmark = pytest.mark.asyncio(loop_scope="module")

REFUSED = ("401", "403", "404", "400")
"""What the console says of requests that are refused on purpose."""
SHIRT = ("WO-1000", "sky blue", "M")


@pytest.fixture(scope="module")
def stocked(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stocked_file(migrated_sqlite_file, tmp_path_factory.mktemp("stocked"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with Browser() as found:
        yield found


@asynccontextmanager
async def keyed_floor(stocked: Path, folder: Path) -> AsyncIterator[Floor]:
    """A gateway that has a key: it asks everybody who they are."""
    async with open_floor(stocked, folder, keys=True) as floor:
        async with floor.rig.database.write() as connection:
            await add_key(connection)
        assert floor.channels.services.access is not None
        await floor.channels.services.access.ring.reload()
        yield floor


@pytest_asyncio.fixture(loop_scope="module")
async def floor(stocked: Path, tmp_path: Path) -> AsyncIterator[Floor]:
    async with keyed_floor(stocked, tmp_path) as found:
        yield found


async def code_of(floor: Floor, name: str = "") -> str:
    assert floor.channels.services.pairing is not None
    return (await floor.channels.services.pairing.open(STORE.id, name, "")).code


async def paired(page: Page) -> None:
    await expect(page.locator("body")).to_have_attribute("data-stage", "running")
    await expect(page.locator("body")).to_have_attribute("data-link", "live")
    await expect(page.locator("#site")).to_have_text("Main Street")


async def test_a_device_is_paired_acts_and_is_unpaired(floor: Floor, browser: Browser) -> None:
    task = await floor.refill(floor.gtins[SHIRT], 1, 12, "women")
    async with browser.page(f"{floor.url}/store/{STORE.id}", PHONE, allowed=REFUSED) as page:
        code = page.get_by_label("Code")
        await expect(code).to_be_focused()
        await expect(page.locator("#tabs")).to_be_hidden()
        assert await complaints(page) == []
        await page.screenshot(path=artefact("store-pairing-phone.png"))
        await page.get_by_role("button", name="Pair this device").tap()
        await expect(page.locator("#code-error")).to_have_text("The code has eight characters.")
        await code.fill("")
        await code.press_sequentially("zzzzzzzz", delay=70)
        await expect(code).to_have_value("ZZZZ-ZZZZ")
        await code.press("Enter")
        await expect(page.locator("#code-error")).to_contain_text("wrong, used, or older than five minutes")
        await expect(code).to_be_focused()
        await code.fill((await code_of(floor)).lower())
        await page.get_by_label("Name of this device").fill("Phone 3")
        await page.get_by_role("button", name="Pair this device").tap()
        await paired(page)
        await page.get_by_role("button", name="Take").tap()
        await expect(page.locator(f'li.card[data-key="{task}"]')).to_have_attribute("data-mine", "true")
        assert await page.evaluate("document.cookie") == "", "no script can read it"
        await page.reload()
        await paired(page)
        await expect(page.locator(f'li.card[data-key="{task}"]')).to_have_attribute("data-mine", "true")
        await page.get_by_role("button", name="This device").tap()
        await expect(page.get_by_role("dialog")).to_have_accessible_name("Phone 3")
        await page.get_by_role("button", name="Unpair this device").tap()
        await page.get_by_role("button", name="Press again").tap()
        await expect(page.locator("#code-error")).to_have_text("This device is unpaired.")
        assert await page.context.cookies() == []
        await expect(page.locator("li.card:visible")).to_have_count(0)


async def test_a_qr_code_fills_the_code_in_and_waits_for_a_press(floor: Floor, browser: Browser) -> None:
    code = await code_of(floor, "Wall 1")
    async with browser.page(f"{floor.url}/store/{STORE.id}#pair={code}", allowed=REFUSED) as page:
        await expect(page.get_by_label("Code")).to_have_value(f"{code[:4]}-{code[4:]}")
        assert "pair" not in page.url
        await expect(page.get_by_role("button", name="Pair this device")).to_be_focused()
        await page.keyboard.press("Enter")
        await paired(page)


async def test_a_revoked_screen_asks_for_a_code_again(floor: Floor, browser: Browser) -> None:
    pairing, access = floor.channels.services.pairing, floor.channels.services.access
    assert pairing is not None
    assert access is not None
    async with browser.page(f"{floor.url}/store/{STORE.id}", allowed=REFUSED) as page:
        await page.get_by_label("Code").fill(await code_of(floor))
        await page.keyboard.press("Enter")
        await paired(page)
        (screen,) = await pairing.screens(frozenset({STORE.id}))
        await pairing.end(screen.key, "", None)
        await access.ring.reload()
        await expect(page.locator("#code-error")).to_have_text("This device is not paired any more.")
        await expect(page.locator("#views")).to_be_hidden()


async def test_a_screen_of_one_store_says_so_at_another(floor: Floor, browser: Browser) -> None:
    async with browser.page(f"{floor.url}/store/{STORE.id}", allowed=REFUSED) as page:
        await page.get_by_label("Code").fill(await code_of(floor))
        await page.keyboard.press("Enter")
        await paired(page)
        await page.goto(f"{floor.url}/store/store-002")
        await expect(page.locator("#notice")).to_contain_text(
            "This device is paired with store-001, not with store-002."
        )
        await page.get_by_role("link", name="Open store-001").click()
        await paired(page)
        await page.goto(f"{floor.url}/store")
        await paired(page)


async def test_without_keys_this_machine_chooses_its_store(stocked: Path, tmp_path: Path, browser: Browser) -> None:
    async with open_floor(stocked, tmp_path) as floor, browser.page(f"{floor.url}/store", allowed=("404",)) as page:
        await paired(page)
        assert page.url == f"{floor.url}/store/{STORE.id}"
        await page.get_by_role("button", name="This device").click()
        await expect(page.get_by_role("button", name="Unpair this device")).to_have_count(0)


async def test_no_file_of_the_screen_needs_to_be_paired(floor: Floor) -> None:
    async with httpx.AsyncClient(base_url=floor.url, trust_env=False, timeout=60) as http:
        for path in ("/store", f"/store/{STORE.id}", "/page/store/app.js"):
            assert (await http.get(path)).status_code == 200
        assert (await http.get(f"/v1/tasks?site={STORE.id}")).status_code == 401
