"""The store screen: alarms that a person has seen must not hide those that nobody has."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import expect
from sqlalchemy import update

from gateway.exceptions.alarm import Kind, Severity
from gateway.storage.alarms import alarm
from tests.gateway.http.shop_floor import STORE, Floor, open_floor, stocked_file
from tests.servers.browser import PHONE, Browser

PAGE = 100


@pytest.fixture(scope="module")
def stocked(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stocked_file(migrated_sqlite_file, tmp_path_factory.mktemp("stocked"))


@pytest.fixture
async def floor(stocked: Path, tmp_path: Path) -> AsyncIterator[Floor]:
    async with open_floor(stocked, tmp_path) as found:
        yield found


async def seen(floor: Floor, state: str = "acknowledged") -> None:
    async with floor.rig.database.write() as connection:
        values = {"state": state, "acknowledged_us": floor.rig.clock()}
        await connection.execute(update(alarm).where(alarm.c.kind == "size_gap").values(**values))


async def test_what_was_seen_hides_nothing_and_what_is_not_listed_is_counted(floor: Floor) -> None:
    await floor.alarm(Kind.LEFT_UNSOLD, "It left.", Severity.CRITICAL)
    for number in range(PAGE):
        await floor.alarm(Kind.SIZE_GAP, f"Gap {number}")
    await seen(floor)
    url = f"{floor.url}/store/{STORE.id}#alerts"
    async with Browser() as browser, browser.page(url, PHONE, allowed=("404",)) as page:
        titles = page.locator("#view-alerts .alarm .card-title:visible")
        badge = page.locator('.tab[href="#alerts"] .badge')
        await expect(titles).to_have_text(["Left the store unsold"])
        await expect(badge).to_have_text("1 waiting")
        await expect(page.get_by_text("Nothing is wrong.")).to_be_hidden()
        await seen(floor, "open")
        await expect(badge).to_have_text("99+ waiting", timeout=20_000)
        await expect(page.get_by_text("and 1 older ones")).to_be_visible()
