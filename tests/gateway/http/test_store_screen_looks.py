"""The store screen as it looks and as it is reached: sizes of screens and targets, keyboard, screen readers, files."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Page, ViewportSize, expect

from gateway.http.store_routes import store_files
from tests.gateway.http.axe import complaints
from tests.gateway.http.shop_floor import STORE, Floor, busy, open_floor, stocked_file
from tests.servers.browser import PHONE, Browser, Scheme, artefact

pytestmark = pytest.mark.asyncio(loop_scope="module")

WALL: Final = ViewportSize(width=1440, height=900)
SMALLEST: Final = ViewportSize(width=320, height=568)
MISSED: Final = ("404",)
VIEWS: Final = ("refill", "orders", "sizes", "find", "alerts")
TARGET_PX: Final = 56
"""A finger in a glove (docs/store-screen.md)."""

LIGHT: Final[Scheme] = "light"
DARK: Final[Scheme] = "dark"


@pytest.fixture(scope="module")
def stocked(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stocked_file(migrated_sqlite_file, tmp_path_factory.mktemp("stocked"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with Browser() as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(stocked: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Floor]:
    """A store full of work: one for all tests that only look."""
    async with open_floor(stocked, tmp_path_factory.mktemp("looks")) as found:
        await busy(found)
        yield found


def address(floor: Floor, view: str) -> str:
    text = f"={floor.gtins['WO-1003', 'navy', 'XL']}" if view == "find" else ""
    return f"{floor.url}/store/{STORE.id}#{view}{text}"


async def settled(page: Page, view: str) -> None:
    """Wait until a view shows what it has."""
    shown = {
        "refill": "#view-refill li.card",
        "orders": "#view-orders li.card",
        "sizes": "article.style",
        "find": ".found",
        "alerts": "#view-alerts .alarm",
    }
    await expect(page.locator(shown[view]).first).to_be_visible()
    await expect(page.locator("body")).to_have_attribute("data-link", "live")
    await expect(page.locator("#site")).to_have_text("Main Street")


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, LIGHT), (WALL, DARK)], ids=["phone", "wall-dark"])
async def test_axe_finds_nothing_on_any_view(shop: Floor, browser: Browser, size: ViewportSize, scheme: Scheme) -> None:
    found: dict[str, list[str]] = {}
    async with browser.page(address(shop, "refill"), size, scheme=scheme, allowed=MISSED) as page:
        for view in VIEWS:
            await page.goto(address(shop, view))
            await settled(page, view)
            found[view] = await complaints(page)
        await page.get_by_role("button", name="This device").click()
        found["device"] = await complaints(page)
    assert {view: told for view, told in found.items() if told} == {}
    assert found.keys() == {*VIEWS, "device"}


async def test_axe_finds_what_is_wrong(shop: Floor, browser: Browser) -> None:
    """The check above can fail."""
    async with browser.page(address(shop, "refill"), PHONE, allowed=MISSED) as page:
        await settled(page, "refill")
        await page.evaluate(
            "document.querySelector('.act').replaceChildren(); document.querySelector('h1').style.color = '#ccc';"
        )
        told = " ".join(await complaints(page))
        assert "button-name" in told
        assert "color-contrast" in told


SMALL: Final = """(least) => [...document.querySelectorAll('button, a[href], input, select, summary')]
  .filter((found) => found.checkVisibility() && !found.closest('.skip, .notice'))
  .map((found) => [found.id || found.className || found.tagName, found.getBoundingClientRect()])
  .filter(([, box]) => box.height > 0 && (box.height < least - 0.5 || box.width < least - 0.5))
  .map(([name, box]) => `${name} ${Math.round(box.width)} x ${Math.round(box.height)}`)"""

WIDER: Final = """() => document.documentElement.scrollWidth - innerWidth"""


@pytest.mark.parametrize("size", [SMALLEST, PHONE, WALL], ids=["smallest", "phone", "wall"])
async def test_every_target_takes_a_gloved_finger_and_nothing_is_wider_than_the_screen(
    shop: Floor, browser: Browser, size: ViewportSize
) -> None:
    async with browser.page(address(shop, "refill"), size, allowed=MISSED) as page:
        await settled(page, "refill")
        await page.locator("#view-refill").get_by_role("button", name="Take").first.click()
        mine = page.locator('#view-refill li.card[data-mine="true"]')
        await expect(mine).to_have_count(1)
        for view in VIEWS:
            await page.goto(address(shop, view))
            await settled(page, view)
            assert await page.evaluate(SMALL, TARGET_PX) == [], view
            assert await page.evaluate(WIDER) <= 0, view
        await page.goto(address(shop, "refill"))
        await page.wait_for_timeout(750)  # until a press is no echo of the one before
        await mine.locator("button.second").click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        assert await page.evaluate(SMALL, TARGET_PX) == []
        await page.get_by_role("button", name="Give it back").click()
        await expect(mine).to_have_count(0)


async def test_on_a_wall_all_that_asks_for_hands_stands_side_by_side(shop: Floor, browser: Browser) -> None:
    async with browser.page(address(shop, "refill"), WALL, allowed=MISSED) as page:
        await settled(page, "refill")
        lefts = []
        for view in ("refill", "orders", "alerts"):
            box = await page.locator(f"#view-{view}").bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= WALL["height"], "each scrolls by itself"
            lefts.append(box["x"])
        assert lefts == sorted(set(lefts))
        await expect(page.locator("#tabs a")).to_have_text(["Board9 waiting, 1 late", "Sizes", "Find"])
        await page.set_viewport_size(PHONE)
        await expect(page.locator("#view-orders")).to_be_hidden()
        await expect(page.locator("#tabs a")).to_have_count(5)


async def test_it_is_used_by_keyboard_alone(shop: Floor, browser: Browser) -> None:
    async with browser.page(address(shop, "refill"), PHONE, allowed=MISSED) as page:
        await settled(page, "refill")
        await page.keyboard.press("Tab")
        await expect(page.locator("#skip")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("#main")).to_be_focused()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name="All").first).to_be_focused()
        await page.locator('.tab[href="#orders"]').focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#orders-title")).to_be_focused()
        assert await page.locator("#tabs a[aria-current=page]").inner_text() != ""
        first = page.locator("#view-orders li.card").first
        await first.locator("button.first").focus()
        await page.keyboard.press("Enter")
        await expect(first).to_have_attribute("data-mine", "true")
        await page.wait_for_timeout(750)
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(first.locator("button.second")).to_be_focused()
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Give it back").focus()
        await page.keyboard.press("Enter")
        await expect(first).to_have_attribute("data-mine", "false")


@pytest.mark.parametrize(
    "name",
    [*(f"{view}-phone" for view in VIEWS), "find-phone-dark", "refill-wall", "refill-wall-dark", "sizes-wall"],
)
async def test_pictures_for_people(shop: Floor, browser: Browser, name: str) -> None:
    """Those in docs/img are made here; a picture cannot fail, so it is looked at."""
    view, place, *dark = name.split("-")
    size, scheme = (PHONE if place == "phone" else WALL), (DARK if dark else LIGHT)
    async with browser.page(address(shop, view), size, scheme=scheme, allowed=MISSED) as page:
        await settled(page, view)
        await page.screenshot(path=artefact(f"store-{name}.png"))


# -- files


async def test_only_the_screen_may_use_the_camera(shop: Floor) -> None:
    async with httpx.AsyncClient(base_url=shop.url, trust_env=False, timeout=60) as http:
        page = await http.get(f"/store/{STORE.id}")
        assert page.headers["permissions-policy"].startswith("camera=(self), geolocation=(), microphone=()")
        policy = page.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "camera=()" in (await http.get("/")).headers["permissions-policy"]
        nowhere = await http.get("/store/there-is-no-such-store")
        assert (nowhere.status_code, nowhere.content) == (200, page.content), "the page itself tells nothing"
        assert (await http.get("/page/store/nothing.js")).status_code == 404


async def test_files_are_kept_until_they_change(shop: Floor) -> None:
    async with httpx.AsyncClient(base_url=shop.url, trust_env=False, timeout=60) as http:
        for name, file in store_files().items():
            answer = await http.get(f"/page/store/{name}")
            assert (answer.status_code, answer.content) == (200, file.body)
            again = await http.get(f"/page/store/{name}", headers={"If-None-Match": answer.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")


PARTS: Final = """async () => {
  const { taken, pause } = await import('/page/store/sse.js');
  const { Link, SILENT_MS } = await import('/page/store/link.js');
  const { zoneName, span, timeLeft, nameOf, serialOf } = await import('/page/store/words.js');
  const { written } = await import('/page/store/pairing.js');
  let rest = '', events = [];
  const pieces = ['retry: 100\\n: open\\n\\nevent: ta', 'sk\\ndata: {"id"', ':1}\\n\\n: here\\n\\nid: 7\\nevent: gone',
    '\\ndata: x\\n', '\\n'];
  for (const piece of pieces) {
    const [found, left] = taken(rest + piece);
    events.push(...found);
    rest = left;
  }
  let now = 1000;
  const states = [];
  const link = new Link((state, last) => states.push([state, last]), () => now);
  link.heard(true);
  now += SILENT_MS;
  link.tick();
  now += 1;
  link.tick();
  link.heard(true);
  link.heard(false);
  return {
    events, rest, states,
    pauses: [0, 1, 2, 9, 30].map((attempt) => [pause(attempt, () => 0), pause(attempt, () => 1)]),
    zones: ['FLOOR_WOMEN', 'BACK', 'POS', 'A1', 'FLOOR_A', 'fitting-room', 'OUT', ''].map(zoneName),
    spans: [2, 59, 60, 5399, 5400, 200000, NaN].map(span),
    name: nameOf({ description: 'Linen shirt, sky blue, M', colour: 'sky blue', size: 'M' }),
    serial: serialOf('https://id.gs1.org/01/09506000134352/21/a%2Fb?x=1'),
    codes: ['abcd-ef', 'oil0 1234 56'].map(written),
    never: timeLeft(null),
  };
}"""


async def test_the_parts_without_elements_do_what_they_say(shop: Floor, browser: Browser) -> None:
    """Streams that come in pieces, the pause between attempts, silence that is no connection, names of zones."""
    async with browser.page(address(shop, "refill"), allowed=MISSED) as page:
        result = await page.evaluate(PARTS)
    assert result == {
        "events": [
            {"name": "task", "data": '{"id":1}', "id": ""},
            {"name": "gone", "data": "x", "id": "7"},
        ],
        "rest": "",
        "states": [["live", 1000], ["down", 1000], ["live", 13001], ["down", 13001]],
        "pauses": [[250, 500], [500, 1000], [1000, 2000], [5000, 10000], [5000, 10000]],
        "zones": ["Floor women", "Back", "POS", "A1", "Floor A", "Fitting room", "Not in the store", ""],
        "spans": ["a moment", "59\u00a0s", "1\u00a0min", "90\u00a0min", "2\u00a0h", "2\u00a0d", ""],
        "name": "Linen shirt",
        "serial": "a/b",
        "codes": ["ABCD-EF", "0110-1234"],
        "never": "",
    }
