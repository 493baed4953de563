"""The page of key figures in a real browser, over a real gateway: what it says, that it stays true, how it looks."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.async_api import Locator, Page, ViewportSize, expect
from sqlalchemy import update

from gateway.http.boards_routes import boards_files
from gateway.storage.series import series_name
from tests.gateway.figures.chain import Chain, open_chain
from tests.servers.browser import PHONE, Browser, Scheme, artefact
from wire import measurements as m

pytestmark = pytest.mark.asyncio(loop_scope="module")

DESK: Final = ViewportSize(width=1440, height=900)
SMALLEST: Final = ViewportSize(width=320, height=568)
RULES: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
ALL, WORKS, QUIET, SILENT = "", "#site=store-001", "#site=store-003", "#site=store-004"
TARGET_PX: Final = 24
"""WCAG 2.2, 2.5.8. The store screen, for gloves, has larger ones."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with Browser() as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def living(chain_day: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Chain]:
    """A chain that is written as long as tests look at it."""
    async with open_chain(chain_day, tmp_path_factory.mktemp("living")) as found, found.living():
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def chain(chain_day: Path, tmp_path: Path) -> AsyncIterator[Chain]:
    """A chain in which tests say what happens."""
    async with open_chain(chain_day, tmp_path) as found:
        await found.look()
        yield found


def address(chain: Chain, where: str = ALL) -> str:
    return f"{chain.url}/boards{where}"


def tile(page: Page, name: str) -> Locator:
    return page.locator(f'.tile[data-figure="{name}"]')


async def ask_now(page: Page) -> None:
    """Let the page ask at once, not in ten seconds: as if it came to the front."""
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


async def drawn(page: Page) -> None:
    await expect(page.locator("#link")).to_have_attribute("data-state", "live")
    await expect(page.locator(".tile")).to_have_count(16)
    await expect(page.locator(".charts svg.lines")).to_have_count(3)


# -- what it says


async def test_the_first_screen_says_whether_to_act(living: Chain, browser: Browser) -> None:
    for size in (PHONE, DESK):
        async with browser.page(address(living, WORKS), size) as page:
            await drawn(page)
            said = page.locator("#verdict-text")
            await expect(said).to_have_text(re.compile(r"^4 to act on, \d to look at\.$"))
            await expect(page.locator("#todo .level").first).to_have_text("Act")
            await expect(page.locator("#todo b").first).to_have_text(re.compile("^To bring now: \\d+\u00a0sizes$"))
            for found in (said, page.locator("#todo li").first):
                box = await found.bounding_box()
                assert box is not None
                assert box["y"] + box["height"] < size["height"] / 2


async def test_tiles_say_value_unit_word_and_level(living: Chain, browser: Browser) -> None:
    async with browser.page(address(living, WORKS), DESK) as page:
        await drawn(page)
        mine = await living.figures(site="store-001")
        for name, row in mine.items():
            found = tile(page, name)
            await expect(found).to_have_attribute("data-level", row["level"])
            if row["word"]:
                await expect(found.locator(".value")).to_have_text(row["word"])
        await expect(tile(page, "to_bring").locator(".tile-value")).to_have_text(
            re.compile(rf"^{mine['to_bring']['value']:.0f} sizes$")
        )
        await expect(tile(page, "oldest_refill").locator(".value")).to_have_text(re.compile("^\\d+\u00a0min$"))
        await expect(tile(page, "floor_availability").locator(".value")).to_have_text(re.compile("^9\\d\u00a0%$"))
        await expect(tile(page, "lag").locator(".value")).to_have_text(re.compile("^\\d+\u00a0ms$"))
        await expect(tile(page, "blind_zones").locator(".level")).to_have_text("Act")
        await expect(page.locator(".tile svg.spark")).to_have_count(16)


async def test_stores_stand_the_worst_first_and_lead_to_one(living: Chain, browser: Browser) -> None:
    async with browser.page(address(living), DESK) as page:
        await drawn(page)
        names = page.locator(".store-name")
        await expect(names).to_have_text(["Main Street", "Harbour Outlet", "Airport", "Old Town"])
        await expect(page.locator("#verdict-text")).to_contain_text("1 store not heard")
        await expect(page.locator(".store", has_text="Airport")).to_contain_text("Nothing is heard from it")
        await expect(page.locator("#todo .todo-how").first).to_have_text(
            "Main Street first. Work through the refill list."
        )
        await names.nth(1).click()
        await expect(page.locator("h1#site-name")).to_have_text("Harbour Outlet")
        await expect(page.locator("#stores")).to_be_hidden()
        await expect(page.locator("#site")).to_have_value("store-002")
        await expect(page.locator("#to-screen")).to_have_attribute("href", "/store/store-002")
        await page.locator("#site").select_option("")
        await expect(page.locator("h1#site-name")).to_have_text("All stores")
        await page.go_back()
        await expect(page.locator("h1#site-name")).to_have_text("Harbour Outlet")


async def test_a_store_without_work_says_so_and_a_silent_one_is_not_known(living: Chain, browser: Browser) -> None:
    async with browser.page(address(living, QUIET), DESK) as page:
        await drawn(page)
        await expect(page.locator("#verdict-text")).to_have_text("Nothing to do.")
        await expect(page.locator("#todo li")).to_have_count(0)
        await expect(tile(page, "to_bring").locator(".value")).to_have_text("nothing to bring")
    async with browser.page(address(living, SILENT), DESK) as page:
        await drawn(page)
        await expect(tile(page, "blind_zones").locator(".tile-value")).to_have_text("\u2013 ")
        await expect(tile(page, "blind_zones").locator(".level")).to_have_text("Not known")
        await expect(page.locator("#notice")).to_contain_text("The figures stand still since 3")


# -- that it stays true


async def test_what_changes_is_shown_without_a_reload_and_focus_stays(chain: Chain, browser: Browser) -> None:
    async with browser.page(address(chain, QUIET)) as page:
        await drawn(page)
        await page.evaluate("window.mark = 'never reloaded'")
        await tile(page, "to_bring").locator("button").focus()
        await chain.say(m.FLOOR, "store-003", "men", behind=12, availability=0.5)
        chain.clock.skip(6)
        await ask_now(page)
        await expect(tile(page, "to_bring").locator(".tile-value")).to_have_text("12 sizes")
        await expect(tile(page, "to_bring")).to_have_attribute("data-level", "act")
        await expect(page.locator("#verdict-text")).to_contain_text("1 to act on")
        await expect(page.locator("#todo b").first).to_have_text("To bring now: 12\u00a0sizes")
        assert await page.evaluate("document.activeElement.closest('.tile').dataset.figure") == "to_bring"
        assert await page.evaluate("window.mark") == "never reloaded"


async def test_figures_that_stand_still_are_said_to(chain: Chain, browser: Browser) -> None:
    """The gateway answers, and nobody wrote for some minutes."""
    async with browser.page(address(chain, WORKS)) as page:
        await drawn(page)
        await expect(page.locator("#notice")).to_be_hidden()
        async with chain.database.write() as connection:
            await connection.execute(update(series_name).values(last_us=series_name.c.last_us - 230 * 1_000_000))
        chain.clock.skip(6)
        await ask_now(page)
        await expect(page.locator("#notice")).to_contain_text("The figures stand still since 4\u00a0min")
        await expect(page.locator("body")).to_have_attribute("data-old", "true")
        await expect(page.locator("#verdict-text")).to_contain_text("not known")
        assert "grayscale" in await page.locator("#board").evaluate("node => getComputedStyle(node).filter")


async def test_a_lost_gateway_is_said_and_it_comes_back(chain_day: Path, tmp_path: Path, browser: Browser) -> None:
    running = AsyncExitStack()
    chain = await running.enter_async_context(open_chain(chain_day, tmp_path))
    await chain.look()
    port = urlsplit(chain.url).port
    assert port is not None
    async with browser.page(address(chain, WORKS), allowed=("net::ERR_",)) as page:
        await drawn(page)
        await page.evaluate("window.mark = 'never reloaded'")
        await running.aclose()
        await ask_now(page)
        await expect(page.locator("#link-text")).to_have_text("No connection")
        await expect(page.locator("#notice")).to_have_text("The gateway does not answer. You see how it was then.")
        await expect(tile(page, "to_bring")).to_be_visible()
        async with open_chain(chain_day, tmp_path, port=port) as again:
            await again.look()
            await ask_now(page)
            await expect(page.locator("#link-text")).to_have_text("Live")
            await expect(page.locator("#notice")).to_be_hidden()
            assert await page.evaluate("window.mark") == "never reloaded"


async def test_a_gateway_that_has_not_written_yet(migrated_sqlite_file: Path, tmp_path: Path, browser: Browser) -> None:
    async with open_chain(migrated_sqlite_file, tmp_path) as empty, browser.page(address(empty)) as page:
        await expect(page.locator("#notice")).to_contain_text("No store yet")
    other = tmp_path / "other"
    other.mkdir()
    async with open_chain(migrated_sqlite_file, other, written=False) as chain:
        await chain.open_stores()
        async with browser.page(address(chain), allowed=("404",)) as page:
            await expect(page.locator("#notice")).to_have_text("This gateway writes no key figures.")
    async with open_chain(migrated_sqlite_file, other) as chain, browser.page(address(chain)) as page:
        await expect(page.locator("#notice")).to_contain_text("the gateway writes the first within a minute")
        await expect(page.locator("#verdict-text")).to_contain_text("No figure is known.")


async def test_a_key_is_asked_for_and_one_without_staff_read_is_told_so(
    chain_day: Path, tmp_path: Path, browser: Browser
) -> None:
    async with open_chain(chain_day, tmp_path, keys=True) as chain:
        staff = await chain.key("stock:read", "staff:read", sites=["store-001", "store-003"])
        await chain.look()
        async with browser.page(address(chain), PHONE, allowed=("401", "403")) as page:
            await expect(page.get_by_label("Key", exact=True)).to_be_focused()
            await expect(page.locator("#board")).to_be_hidden()
            await page.get_by_label("Key", exact=True).fill(await chain.key("stock:read"))
            await page.get_by_role("button", name="Sign in").click()
            await expect(page.locator("#notice")).to_contain_text("they need the scope staff:read")
            await page.get_by_role("button", name="Sign out").click()
            await page.get_by_label("Key", exact=True).fill(staff)
            await page.get_by_role("button", name="Sign in").click()
            await drawn(page)
            await expect(page.locator(".store-name")).to_have_text(["Main Street", "Old Town"])
            await expect(page.locator("#notice")).to_be_hidden()


async def test_an_address_that_names_no_store_leads_to_all(living: Chain, browser: Browser) -> None:
    async with browser.page(address(living, "#site=store-009&figure=lag"), allowed=("404",)) as page:
        await expect(page.locator("h1#site-name")).to_have_text("All stores")
        assert await page.evaluate("location.hash") == ""


# -- one figure from near


async def test_a_tile_opens_its_figure_and_gives_the_focus_back(living: Chain, browser: Browser) -> None:
    async with browser.page(address(living, WORKS), DESK) as page:
        await drawn(page)
        await tile(page, "to_bring").locator("button").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_have_accessible_name("To bring now")
        await expect(dialog.locator("svg.lines path.line")).to_have_count(5)
        await expect(dialog.locator("tbody tr")).to_have_count(5)
        units = [int(text.split()[0]) for text in await dialog.locator("td.number").all_inner_texts()]
        assert units == sorted(units, reverse=True)
        assert sum(units) == (await living.figures(site="store-001"))["to_bring"]["value"]
        await expect(dialog.get_by_role("link", name="Open the refill list")).to_have_attribute(
            "href", "/store/store-001#refill"
        )
        assert await page.evaluate("location.hash") == "#site=store-001&figure=to_bring"
        await dialog.get_by_role("button", name="7 days").click()
        await expect(dialog.get_by_role("button", name="7 days")).to_have_attribute("aria-pressed", "true")
        await page.keyboard.press("Escape")
        await expect(dialog).to_have_count(0)
        await expect(page).to_have_url(address(living, WORKS))
        await expect(tile(page, "to_bring").locator("button")).to_be_focused()


async def test_states_are_strips_with_their_words(living: Chain, browser: Browser) -> None:
    async with browser.page(address(living, f"{WORKS}&figure=blind_zones"), DESK) as page:
        dialog = page.get_by_role("dialog")
        await expect(dialog.locator(".strip-row")).to_have_count(6)
        await expect(dialog.locator("tbody tr").first).to_have_text("FITblind")
        await expect(dialog.locator("td.number", has_text="live")).to_have_count(5)
        await expect(dialog.locator(".strip-row").first.locator("rect.strip-bad")).to_have_count(1)
        await page.go_back()


async def test_a_pointer_on_a_chart_reads_its_values(living: Chain, browser: Browser) -> None:
    async with browser.page(address(living, WORKS), DESK) as page:
        await drawn(page)
        chart = page.locator(".chart").nth(2)
        rest = await chart.locator(".legend-value").all_inner_texts()
        box = await chart.locator("svg.lines").bounding_box()
        assert box is not None
        await chart.locator("svg.lines").hover(position={"x": box["width"] / 2, "y": 60})
        await expect(chart.locator(".legend-when")).to_have_text(re.compile(r"^\w{3} \d\d:\d\d$"))
        assert await chart.locator(".legend-value").all_inner_texts() != rest
        await page.locator("#site-name").hover()
        await expect(chart.locator(".legend-when")).to_have_text("")
        assert await chart.locator(".legend-value").all_inner_texts() == rest


async def test_scales_and_runs(living: Chain, browser: Browser) -> None:
    async with browser.page(address(living), DESK) as page:
        found = await page.evaluate(
            """async () => {
              const { ticks, durationTicks, runs, newest, timeTicks } = await import('/page/boards/scale.js');
              const { valueText } = await import('/page/boards/words.js');
              const values = [[null, 'skus'], [1, 'skus'], [1234, 'units'], [0.9996, 'share'], [0.934, 'share'],
                [0.02, 'share'], [95, 's'], [980, 'ms'], [2400, 'ms'], [1, 'things']];
              return [
                ticks(0, 23, 4), ticks(0.85, 1, 3), ticks(0, 0, 4).length < 8,
                durationTicks(2900, 4), durationTicks(0, 4),
                runs([null, 1, 2, null, 3]), newest([1, 2, null]), newest([1, null, null]),
                timeTicks(0, 86400000, 6).length,
                values.map(([value, unit]) => valueText(value, unit).replaceAll('\\u00a0', ' ')),
              ];
            }"""
        )
    assert found[:5] == [[0, 10, 20, 30], [0.85, 0.9, 0.95, 1], True, [0, 900, 1800, 2700, 3600], [0, 30]]
    assert found[5:9] == [[[[1, 1], [2, 2]], [[4, 3]]], 2, None, 5]
    assert found[9] == ["\u2013", "1 size", "1,234 units", "99.9 %", "93 %", "2 %", "2 min", "980 ms", "2.4 s", "1"]


# -- how it looks, and for whom


async def complaints(page: Page) -> list[str]:
    """What axe finds wrong on the page as it is now: rule, how bad, where."""
    await page.evaluate(AXE_SCRIPT)
    only = {"runOnly": {"type": "tag", "values": list(RULES)}, "resultTypes": ["violations"]}
    found: dict[str, Any] = await page.evaluate("(options) => axe.run(document, options)", only)
    assert found["passes"], "axe looked at nothing"
    return [
        f"{rule['id']} ({rule['impact']}): {'; '.join(' '.join(node['target']) for node in rule['nodes'][:3])}"
        for rule in found["violations"]
    ]


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "light"), (DESK, "dark")], ids=["phone", "desktop"])
async def test_axe_finds_nothing(living: Chain, browser: Browser, size: ViewportSize, scheme: Scheme) -> None:
    found: dict[str, list[str]] = {}
    for where in (ALL, WORKS, SILENT):
        async with browser.page(address(living, where), size, scheme=scheme) as page:
            await drawn(page)
            found[where] = await complaints(page)
            for name in ("to_bring", "blind_zones") if where == WORKS else ():
                await tile(page, name).locator("button").click()
                await expect(page.get_by_role("dialog").locator("tbody tr").first).to_be_visible()
                found[name] = await complaints(page)
                await page.keyboard.press("Escape")
    assert not any(found.values()), found


async def test_axe_finds_what_is_wrong(living: Chain, browser: Browser) -> None:
    """The check above can fail."""
    async with browser.page(address(living, WORKS), PHONE) as page:
        await drawn(page)
        await page.evaluate(
            "document.querySelector('.tile-button').replaceChildren();"
            "document.querySelector('#site-name').style.color = '#ccc';"
        )
        told = " ".join(await complaints(page))
        assert "button-name" in told
        assert "color-contrast" in told


SMALL: Final = """(least) => [...document.querySelectorAll('button, a[href], input, select')]
  .filter((found) => found.checkVisibility() && !found.closest('.skip, footer'))
  .map((found) => [found.id || found.className || found.textContent, found.getBoundingClientRect()])
  .filter(([, box]) => box.height < least || box.width < least)
  .map(([name, box]) => `${name} ${box.width} x ${box.height}`)"""

CUT: Final = """() => [...document.querySelectorAll('.tile-button')]
  .filter((found) => found.scrollWidth > found.clientWidth).map((found) => found.textContent)"""


async def test_nothing_is_wider_than_the_screen_or_too_small_to_hit(living: Chain, browser: Browser) -> None:
    for where in (ALL, WORKS, f"{WORKS}&figure=size_gaps"):
        async with browser.page(address(living, where), DESK) as page:
            await drawn(page)
            for size in (DESK, ViewportSize(width=820, height=1180), PHONE, SMALLEST):
                await page.set_viewport_size(size)
                assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (where, size)
                assert await page.evaluate(SMALL, TARGET_PX) == [], (where, size)
                assert await page.evaluate(CUT) == [], (where, size)


async def test_every_level_has_its_word_and_sign(living: Chain, browser: Browser) -> None:
    async with browser.page(address(living, WORKS)) as page:
        await drawn(page)
        for found in await page.locator(".tile").all():
            level = str(await found.get_attribute("data-level"))
            words = {"act": "Act", "look": "Look", "good": "Good", "unknown": "Not known"}
            await expect(found.locator(".level")).to_have_text(words[level])
            await expect(found.locator("svg.sign")).to_have_count(1)


async def test_the_keyboard_reaches_what_is_to_be_done(living: Chain, browser: Browser) -> None:
    async with browser.page(address(living, WORKS)) as page:
        await drawn(page)
        await page.keyboard.press("Tab")
        await expect(page.locator(".skip")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("#verdict")).to_be_focused()
        assert await page.evaluate("location.hash") == WORKS
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog")).to_have_accessible_name("To bring now")


async def test_the_pages_for_the_manual(living: Chain, browser: Browser) -> None:
    for name, size in (("phone", PHONE), ("desktop", DESK)):
        async with browser.page(address(living, WORKS), size) as page:
            await drawn(page)
            await expect(page.locator(".tile svg.spark")).to_have_count(16)
            await page.screenshot(path=artefact(f"boards-{name}.png"))


# -- files


async def test_its_files_load_nothing_from_elsewhere_and_never_parse_markup() -> None:
    found = boards_files()
    assert {"index.html", "app.js", "boards.css", "chart.js"} <= found.keys()
    for name, file in found.items():
        text = file.body.decode().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|//cdn|@import|url\(", text), name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text), name
        assert " style=" not in text, name


async def test_files_are_asked_for_again_and_seldom_sent(living: Chain) -> None:
    for path in ("/boards", "/page/boards/app.js", "/page/boards/boards.css"):
        answer = await living.http.get(path)
        assert answer.status_code == 200
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        again = await living.http.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    missing = await living.http.get("/page/boards/none.js")
    assert missing.json()["code"] == "not-found"
