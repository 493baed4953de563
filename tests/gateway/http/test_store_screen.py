"""The store screen in a real browser, over a real gateway: what a person in the store does, and what is said to him."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, Route, expect

from gateway.exceptions.alarm import Kind as AlarmKind
from gateway.exceptions.alarm import Severity
from gateway.http.reservation_rows import item_link
from gateway.tasks.store import amend_task
from tests.gateway.http.shop_floor import STORE, Floor, open_floor, stocked_file
from tests.servers.browser import PHONE, Browser

pytestmark = pytest.mark.asyncio(loop_scope="module")

JACKET = ("WO-1003", "olive", "S")
SHIRT = ("WO-1000", "sky blue", "M")
JEANS = ("ME-1001", "black", "30/32")
MISSED = ("404",)
"""What the console says of a part that this gateway does not have."""


@pytest.fixture(scope="module")
def stocked(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stocked_file(migrated_sqlite_file, tmp_path_factory.mktemp("stocked"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with Browser() as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def floor(stocked: Path, tmp_path: Path) -> AsyncIterator[Floor]:
    async with open_floor(stocked, tmp_path) as found:
        yield found


def screen(floor: Floor, view: str = "refill") -> str:
    return f"{floor.url}/store/{STORE.id}#{view}"


async def live(page: Page) -> None:
    await expect(page.locator("body")).to_have_attribute("data-link", "live")


def card(page: Page, text: str) -> Locator:
    return page.locator("li.card", has_text=text)


def press(found: Locator, name: str) -> Locator:
    return found.get_by_role("button", name=name)


async def calm(found: Locator) -> None:
    """Wait until an act was answered, and the next press is no echo of the one before (`QUIET_MS` in acts.js)."""
    await expect(found).not_to_have_attribute("data-busy", "")
    await found.page.wait_for_timeout(750)


async def scan(page: Page, text: str) -> None:
    """Type as a scanner does."""
    await page.keyboard.type(text, delay=3)
    await page.keyboard.press("Enter")


# -- refill


async def test_a_refill_is_taken_counted_and_brought(floor: Floor, browser: Browser) -> None:
    name = await floor.refill(floor.gtins[JACKET], 3, 12, "women")
    async with browser.page(screen(floor), PHONE, allowed=MISSED) as page:
        found = card(page, "Harbour jacket")
        await expect(found.locator(".size-text")).to_have_text("S")
        await expect(found.locator(".size-times")).to_have_text("\u00d7 3")
        await expect(found.locator(".due")).to_have_text("12\u00a0min left")
        await expect(found.locator(".card-way")).to_contain_text("Where: Back to Floor women")
        await press(found, "Take").tap()
        await expect(found).to_have_attribute("data-mine", "true")
        (task,) = await floor.tasks()
        assert (task["state"], task["claimed_by"]) == ("claimed", "Screen")
        await calm(found)
        await press(found, "One less").tap()
        await expect(found.locator(".step-count")).to_have_text("2 of 3")
        await press(found, "Brought 2").tap()
        await expect(page.locator("#toast")).to_have_text("Brought. The readers check it.")
        await expect(found).to_have_count(0)
        await expect(page.locator("#view-refill .nothing")).to_be_visible()
        await expect(page.locator("#view-refill .nothing")).to_have_text("Nothing to bring to the floor.")
        (done,) = await floor.tasks(state="done")
        assert (done["id"], done["quantity"]) == (name, 3)


async def test_a_press_that_comes_twice_does_one_thing(floor: Floor, browser: Browser) -> None:
    """Behind a card that goes the next one comes up, under the same finger."""
    for style in (JACKET, SHIRT):
        await floor.refill(floor.gtins[style], 1, 12, "women")
    async with browser.page(screen(floor), PHONE, allowed=MISSED) as page:
        await expect(page.locator("li.card")).to_have_count(2)
        spot = await press(page.locator("li.card").first, "Brought").bounding_box()
        assert spot is not None
        for _ in range(4):
            await page.touchscreen.tap(spot["x"] + 20, spot["y"] + 20)
            await page.wait_for_timeout(60)
        await expect(page.locator("li.card")).to_have_count(1)
        await page.wait_for_timeout(400)
        assert len(await floor.tasks(state="done")) == 1
        assert [task["state"] for task in await floor.tasks()] == ["open"]


async def test_what_somebody_else_has_shows_who_and_cannot_be_pressed(floor: Floor, browser: Browser) -> None:
    name = await floor.refill(floor.gtins[JACKET], 1, 12, "women")
    async with browser.page(screen(floor), PHONE, allowed=MISSED) as page:
        found = card(page, "Harbour jacket")
        await expect(press(found, "Take")).to_be_visible()
        answer = await floor.http.post(f"/v1/tasks/{name}:claim", json={"who": "Kim"})
        assert answer.status_code == 200
        await expect(found.locator(".card-note")).to_contain_text("Kim has it until ")
        await expect(found.locator("button:visible")).to_have_count(0)


async def test_a_name_goes_with_what_its_person_takes(floor: Floor, browser: Browser) -> None:
    await floor.refill(floor.gtins[JACKET], 1, 12, "women")
    async with browser.page(screen(floor), PHONE, allowed=MISSED) as page:
        found = card(page, "Harbour jacket")
        await press(found, "Take").tap()
        await expect(found).to_have_attribute("data-mine", "true")
        await page.get_by_role("button", name="This device").tap()
        await page.get_by_label("Your name").fill("Jo <b>")
        await page.get_by_role("button", name="Keep").tap()
        await expect(page.locator("#toast")).to_have_text("Hello Jo <b>.")
        await expect(found).to_have_attribute("data-mine", "true")
        await calm(found)
        await press(found, "Can\u2019t").tap()
        await page.get_by_role("button", name="Give it back").tap()
        await expect(press(found, "Take")).to_be_visible()
        await calm(found)
        await press(found, "Take").tap()
        await expect(found).to_have_attribute("data-mine", "true")
        assert [task["claimed_by"] for task in await floor.tasks()] == ["Jo <b>"]


async def test_a_refusal_is_said_on_the_card(floor: Floor, browser: Browser) -> None:
    """Kim was faster, by less than the stream needs to say so."""
    name = await floor.refill(floor.gtins[JACKET], 1, 12, "women")

    async def kim_first(route: Route) -> None:
        assert (await floor.http.post(f"/v1/tasks/{name}:claim", json={"who": "Kim"})).status_code == 200
        await route.continue_()

    async with browser.page(screen(floor), PHONE, allowed=(*MISSED, "409")) as page:
        await page.route("**/v1/tasks/*:claim", kim_first)
        found = card(page, "Harbour jacket")
        await press(found, "Take").tap()
        await expect(found.locator(".card-error")).to_have_text("Refill: Kim has this one.")
        await expect(found.locator(".card-note")).to_contain_text("Kim has it")


async def test_departments_can_be_chosen_and_ones_own(floor: Floor, browser: Browser) -> None:
    await floor.refill(floor.gtins[JACKET], 1, 12, "women")
    await floor.refill(floor.gtins[JEANS], 2, 40, "men")
    async with browser.page(screen(floor), PHONE, allowed=MISSED) as page:
        headings = page.locator("#view-refill .group-title")
        await expect(headings).to_have_text(["women", "men"])
        await page.get_by_role("button", name="Men", exact=True).tap()
        await expect(page.locator("#view-refill li.card")).to_have_count(1)
        await press(card(page, "Slim jeans"), "Take").tap()
        await expect(card(page, "Slim jeans")).to_have_attribute("data-mine", "true")
        await page.get_by_role("button", name="Yours").tap()
        await expect(page.locator("#view-refill .card-title")).to_have_text(["Slim jeans"])
        await page.get_by_role("button", name="All").tap()
        await expect(page.locator("#view-refill .card-title")).to_have_text(["Harbour jacket", "Slim jeans"])


# -- orders


async def test_an_order_is_picked_by_scanning_and_handed_over(floor: Floor, browser: Browser) -> None:
    number = floor.gtins[JACKET]
    reservation = await floor.order(number, quantity=2, collect_s=7_200)
    (task,) = await floor.tasks()
    first, second = (item["digital_link"] for item in task["lines"][0]["items"])
    async with browser.page(screen(floor, "orders"), PHONE, allowed=MISSED) as page:
        found = card(page, "Harbour jacket")
        await expect(found.locator(".item")).to_have_count(2)
        await expect(found.locator(".sure").first).to_contain_text("Sure, ")
        await scan(page, first)
        await expect(found.locator('.item[data-ticked="true"]')).to_have_count(1)
        await expect(page.locator("#toast")).to_contain_text("in hand")
        await expect(press(found, "Take")).to_be_focused()
        await press(found, "Picked 1 of 2").tap()
        await expect(page.locator("#toast")).to_have_text("Noted. The rest is still to be done.")
        await expect(found.locator(".size-times")).to_have_text("\u00d7 1")
        picked = [item["picked"] for item in (await floor.tasks())[0]["lines"][0]["items"]]
        assert sorted(picked) == [False, True]
        await scan(page, second)
        await calm(found)
        await press(found, "Picked").tap()
        await expect(found).to_have_attribute("data-kind", "hand_over")
        await calm(found)
        await press(found, "Handed over").tap()
        await expect(page.locator("#view-orders .nothing")).to_be_visible()
        await expect(page.locator("#view-orders .nothing")).to_have_text("No order waits.")
        assert (await floor.http.get(f"/v1/reservations/{reservation}")).json()["state"] == "fulfilled"


async def test_another_item_of_the_rail_may_stand_in(floor: Floor, browser: Browser) -> None:
    number = floor.gtins[SHIRT]
    reservation = await floor.order(number)
    (task,) = await floor.tasks()
    named = task["lines"][0]["items"][0]["digital_link"]
    found = (await floor.http.get(f"/v1/sites/{STORE.id}/find", params={"text": number})).json()
    other = next(one["digital_link"] for one in found["sku"]["items"] if one["digital_link"] != named)
    async with browser.page(screen(floor, "orders"), PHONE, allowed=MISSED) as page:
        await expect(card(page, "Linen shirt")).to_be_visible()
        await scan(page, other)
        await expect(card(page, "Linen shirt").locator(".items")).to_contain_text("scanned instead")
        await press(card(page, "Linen shirt"), "Picked").tap()
        await expect(card(page, "Linen shirt")).to_have_attribute("data-kind", "hand_over")
        held = (await floor.http.get(f"/v1/reservations/{reservation}")).json()["lines"][0]["items"]
        assert [(item["digital_link"], item["picked"]) for item in held] == [(other, True)]


async def test_an_item_that_is_not_there_is_replaced_at_once(floor: Floor, browser: Browser) -> None:
    number = floor.gtins[SHIRT]
    await floor.order(number)
    (task,) = await floor.tasks()
    named = task["lines"][0]["items"][0]["digital_link"]
    async with browser.page(screen(floor, "orders"), PHONE, allowed=MISSED) as page:
        found = card(page, "Linen shirt")
        await press(found, "Take").tap()
        await calm(found)
        await press(found, "Can\u2019t").tap()
        await expect(page.get_by_role("dialog")).to_have_accessible_name("Linen shirt sky blue M")
        await page.get_by_role("button", name="Not found").tap()
        await expect(page.locator("#toast")).to_contain_text("Next best: ")
        (now,) = await floor.tasks()
        assert now["state"] == "claimed"
        replacement = now["lines"][0]["items"][0]["digital_link"]
        assert replacement != named
        await expect(found.locator(".serial")).to_have_text(f"item {replacement.rpartition('/')[2]}")
        await expect(press(found, "Can\u2019t")).to_be_focused()


async def test_nobody_came(floor: Floor, browser: Browser) -> None:
    await floor.order(floor.gtins[SHIRT])
    (task,) = await floor.tasks()
    assert (await floor.http.post(f"/v1/tasks/{task['id']}:done")).status_code == 200
    async with browser.page(screen(floor, "orders"), PHONE, allowed=MISSED) as page:
        found = card(page, "Linen shirt")
        await press(found, "Take").tap()
        await calm(found)
        await press(found, "Can\u2019t").tap()
        await page.get_by_role("button", name="Nobody came").tap()
        await expect(page.locator("#toast")).to_have_text("Noted.")
        await expect(card(page, "Linen shirt")).to_have_attribute("data-kind", "put_back")


# -- what changes while somebody looks


async def test_what_is_new_is_announced_and_leaves_focus_and_place_alone(floor: Floor, browser: Browser) -> None:
    for style in (JACKET, SHIRT):
        await floor.refill(floor.gtins[style], 1, 100, "women")
    async with browser.page(screen(floor), PHONE, allowed=MISSED) as page:
        await expect(page.locator("li.card")).to_have_count(2)
        await live(page)
        await page.evaluate("window.mark = 'never reloaded'")
        second = press(page.locator("li.card").nth(1), "Take")
        name = await page.locator("li.card").nth(1).get_attribute("data-key")
        await second.focus()
        await floor.refill(floor.gtins["WO-1006", "black", "M"], 2, 5, "women")
        await expect(page.locator("li.card")).to_have_count(3)
        await expect(page.locator("li.card .card-title").first).to_have_text("Pleated skirt")
        assert await page.evaluate("document.activeElement.closest('li.card').dataset.key") == name
        await expect(page.locator("#said")).to_contain_text("New: refill Pleated skirt black M, 5\u00a0min left")
        await expect(page.locator('.tab[href="#refill"] .badge')).to_have_text("3 waiting")
        assert name is not None
        async with floor.rig.database.write() as connection:
            assert await amend_task(connection, name, floor.rig.clock(), due_us=floor.rig.clock() - 1_000_000)
        floor.wake()
        await expect(page.locator("li.card").first).to_have_attribute("data-key", name)
        assert await page.evaluate("document.activeElement.closest('li.card').dataset.key") == name, "it moved, too"
        answer = await floor.http.post(f"/v1/tasks/{name}:done", json={})
        assert answer.status_code == 200
        await expect(page.locator("li.card")).to_have_count(2)
        assert await page.evaluate("document.activeElement !== document.body"), "who tabs is not thrown to the top"
        assert await page.evaluate("window.mark") == "never reloaded"


async def test_nothing_moves_under_a_finger_that_is_down(floor: Floor, browser: Browser) -> None:
    await floor.refill(floor.gtins[JACKET], 1, 100, "women")
    async with browser.page(screen(floor), allowed=MISSED) as page:
        target = press(card(page, "Harbour jacket"), "Brought")
        box = await target.bounding_box()
        assert box is not None
        place = await card(page, "Harbour jacket").bounding_box()
        await page.mouse.move(box["x"] + 10, box["y"] + 10)
        await page.mouse.down()
        await floor.refill(floor.gtins["WO-1006", "black", "M"], 2, 5, "women")
        await expect(page.locator("#said")).to_contain_text("New: refill Pleated skirt")
        assert await card(page, "Harbour jacket").bounding_box() == place
        await page.mouse.up()
        await expect(card(page, "Harbour jacket")).to_have_count(0)
        await expect(card(page, "Pleated skirt")).to_be_visible()
        assert [task["lines"][0]["gtin"] for task in await floor.tasks(state="done")] == [floor.gtins[JACKET]]


async def test_a_lost_connection_is_said_and_nothing_is_pretended(
    stocked: Path, tmp_path: Path, browser: Browser
) -> None:
    """The gateway goes, and comes back on the same port with a task more."""
    running = AsyncExitStack()
    floor = await running.enter_async_context(open_floor(stocked, tmp_path))
    brought = await floor.refill(floor.gtins[JACKET], 1, 12, "women")
    port = urlsplit(floor.url).port
    assert port is not None
    async with browser.page(screen(floor), PHONE, allowed=("net::ERR_", *MISSED)) as page:
        await live(page)
        found = card(page, "Harbour jacket")
        await expect(found).to_be_visible()
        await page.evaluate("window.mark = 'never reloaded'")
        await running.aclose()
        bar = page.get_by_role("alert").filter(has_text="No connection since ")
        await expect(bar).to_contain_text("Nothing can be sent until it is back.")
        await expect(page.locator("#link-text")).to_have_text("No connection")
        assert "grayscale" in await page.locator("#views").evaluate("node => getComputedStyle(node).filter")
        await expect(found).to_be_visible()
        await press(found, "Take").tap()
        await expect(page.locator("#toast")).to_have_text("Not sent: there is no connection.")
        await scan(page, floor.gtins[SHIRT])
        await expect(page.locator("#toast")).to_have_text("Not looked up: there is no connection.")
        async with open_floor(stocked, tmp_path) as unseen:  # at another port: the screen does not see it
            await unseen.refill(unseen.gtins[SHIRT], 1, 22, "women")
            assert (await unseen.http.post(f"/v1/tasks/{brought}:done")).status_code == 200
        async with open_floor(stocked, tmp_path, port=port) as again:
            await live(page)
            await expect(bar).to_be_hidden()
            await expect(page.locator("#view-refill .card-title")).to_have_text(["Linen shirt"])
            assert [task["state"] for task in await again.tasks()] == ["open"], "nothing was kept and sent later"
            assert await page.evaluate("window.mark") == "never reloaded"


# -- scanning and finding


async def test_a_scan_presses_no_button_and_stays_in_no_field(floor: Floor, browser: Browser) -> None:
    await floor.refill(floor.gtins[JACKET], 1, 12, "women")
    async with browser.page(screen(floor), allowed=(*MISSED, "400")) as page:
        await press(card(page, "Harbour jacket"), "Take").focus()
        await scan(page, "no code at all")
        await expect(page.locator("#toast")).to_contain_text("names no product")
        await scan(page, f"(01){floor.gtins[SHIRT]}(21)12")
        await expect(page.locator("#view-find .found .card-title")).to_have_text("Linen shirt")
        assert [task["state"] for task in await floor.tasks()] == ["open"]
        await page.goto(screen(floor, "sizes"))
        search = page.get_by_label("Find a style, colour or number")
        await search.fill("jack")
        await scan(page, floor.gtins[JEANS])
        await expect(page.locator("#view-find .found .card-title")).to_have_text("Slim jeans")
        await page.goto(screen(floor, "sizes"))
        await expect(search).to_have_value("jack")


async def test_slow_typing_is_no_scan(floor: Floor, browser: Browser) -> None:
    async with browser.page(screen(floor, "sizes"), allowed=MISSED) as page:
        search = page.get_by_label("Find a style, colour or number")
        await search.press_sequentially("shirt", delay=90)
        await search.press("Enter")
        await expect(search).to_have_value("shirt")
        await expect(page.locator("#view-sizes article.style:visible")).to_have_count(1)


async def test_a_scan_finds_the_task_that_wants_it(floor: Floor, browser: Browser) -> None:
    number = floor.gtins[SHIRT]
    await floor.order(number)
    async with browser.page(screen(floor, "find"), PHONE, allowed=MISSED) as page:
        await expect(page.locator('.tab[href="#orders"] .badge')).to_have_text("1 waiting")
        await scan(page, number)
        wanted = page.get_by_role("button", name="Wanted: pick")
        await wanted.tap()
        await expect(page.locator("#view-orders")).to_be_visible()
        await expect(press(card(page, "Linen shirt"), "Take")).to_be_focused()


async def test_find_says_where_how_sure_and_since_when(floor: Floor, browser: Browser) -> None:
    number = floor.gtins[JACKET]
    found = (await floor.http.get(f"/v1/sites/{STORE.id}/find", params={"text": number})).json()["sku"]
    await floor.look("FLOOR_WOMEN", "blind")
    async with browser.page(screen(floor, "find"), PHONE, allowed=(*MISSED, "400")) as page:
        field = page.get_by_label("What to find")
        await field.fill(number[1:])
        await page.get_by_role("button", name="Find", exact=True).tap()
        result = page.locator("#view-find .found")
        await expect(result.locator(".card-title")).to_have_text("Harbour jacket")
        await expect(result.locator(".result-count")).to_have_text(f"{found['on_hand']} in this store")
        blind = result.locator('.place[data-status="blind"]')
        await expect(blind).to_contain_text("Floor women")
        await expect(blind).to_contain_text("last looked ")
        await expect(blind.locator(".place-units")).to_contain_text("~")
        await expect(result.locator(".items .item").first).to_contain_text("Not sure, nobody looks there now")

        await field.fill("9506000134353")
        await field.press("Enter")
        await expect(page.locator("#view-find .card-error")).to_contain_text("expected check digit 2, found 3")

        await field.fill(item_link(number, "never"))
        await field.press("Enter")
        await expect(page.locator(".found-item")).to_contain_text("Never read in this store")


async def test_find_takes_words_too(floor: Floor, browser: Browser) -> None:
    async with browser.page(screen(floor, "find"), PHONE, allowed=MISSED) as page:
        field = page.get_by_label("What to find")
        await field.fill("jacket olive s")
        await field.press("Enter")
        await expect(page.locator(".hit")).to_have_count(1)
        await expect(page.locator(".hit .size-text")).to_have_text("S")
        await page.locator(".hit").tap()
        await expect(page.locator(".found .card-title")).to_have_text("Harbour jacket")
        await page.go_back()
        await expect(page.locator(".hit")).to_have_count(1)
        await field.fill("<b>unicorn</b>")
        await field.press("Enter")
        await expect(page.locator(".result-count")).to_have_text("Nothing here is called \u201c<b>unicorn</b>\u201d.")


CAMERA = """
  window.BarcodeDetector = class {
    static async getSupportedFormats() { return ["ean_13", "qr_code"]; }
    constructor({ formats }) { window.formats = formats; }
    async detect(video) { return video.readyState > 1 ? [{ rawValue: "%s" }] : []; }
  };
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const canvas = document.createElement("canvas");
    canvas.getContext("2d").fillRect(0, 0, 1, 1);
    window.stream = canvas.captureStream(10);
    return window.stream;
  };
"""
"""A browser that reads codes, and a camera that shows one: headless Chromium on Linux has neither."""


async def test_a_camera_scans_where_the_browser_can(floor: Floor, browser: Browser) -> None:
    async with browser.page(f"{floor.url}/page/icon.svg", PHONE, allowed=MISSED) as page:
        await page.context.add_init_script(CAMERA % item_link(floor.gtins[JACKET], "1600"))
        await page.goto(screen(floor, "find"))
        await page.get_by_role("button", name="Scan with the camera").tap()
        await expect(page.locator(".found .card-title")).to_have_text("Harbour jacket")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        assert await page.evaluate("window.stream.getTracks().every((track) => track.readyState === 'ended')")
        assert await page.evaluate("window.formats") == ["ean_13", "qr_code"]


async def test_a_browser_that_cannot_read_codes_says_so(floor: Floor, browser: Browser) -> None:
    async with browser.page(screen(floor, "find"), PHONE, allowed=MISSED) as page:
        await expect(page.locator("#find-help")).to_contain_text("This browser cannot read codes with its camera.")
        await expect(page.get_by_role("button", name="Scan with the camera")).to_have_count(0)


# -- sizes, readers, alarms


async def test_sizes_are_filtered_and_follow_what_moves(floor: Floor, browser: Browser) -> None:
    number = floor.gtins["WO-1006", "black", "S"]
    async with browser.page(screen(floor, "sizes"), PHONE, allowed=MISSED) as page:
        tile = page.locator(f'.tile[data-gtin="{number}"]')
        before = await tile.locator(".tile-units").inner_text()
        await floor.rig.put("9999", zone="FLOOR_WOMEN", gtin=number, site=STORE.id)
        await expect(tile.locator(".tile-units")).not_to_have_text(before)
        assert "on the floor" in str(await tile.get_attribute("aria-label"))
        await page.get_by_role("button", name="In the back only").tap()
        for shown in await page.locator("article.style:visible").all():
            await expect(shown.locator('.tile[data-state="refill"]').first).to_be_visible()
        await page.get_by_role("button", name="All").tap()
        await page.get_by_label("Find a style, colour or number").fill("jumper navy")
        await expect(page.locator("article.style:visible h3")).to_have_text(["Rib knit jumper"])
        await page.locator("article.style:visible .tile").first.tap()
        await expect(page.locator(".found .card-title")).to_have_text("Rib knit jumper")


async def test_a_zone_that_nobody_reads_is_said(floor: Floor, browser: Browser) -> None:
    async with browser.page(screen(floor, "alerts"), PHONE, allowed=MISSED) as page:
        await expect(page.locator("#view-alerts .good").first).to_have_text("All 6 zones are being read.")
        await floor.look("FLOOR_MEN", "blind")
        said = "Nobody has looked at this sales floor for "
        await expect(card(page, "Floor men")).to_contain_text(said, timeout=15_000)
        await expect(page.locator('.tab[href="#alerts"] .badge')).to_have_text("1 waiting")


async def test_an_alarm_is_noted_by_a_person(floor: Floor, browser: Browser) -> None:
    jacket = floor.gtins[JACKET]
    evidence = {"last_zone": "FLOOR_WOMEN", "probability": 0.9712}
    await floor.alarm(AlarmKind.UNKNOWN_GTIN, "4 tags <b>of</b> nothing.", zone="RECEIVING")
    name = await floor.alarm(
        AlarmKind.LEFT_UNSOLD, "It left.", Severity.CRITICAL, gtin=jacket, serial="1600", evidence=evidence
    )
    async with browser.page(screen(floor, "alerts"), PHONE, allowed=MISSED) as page:
        titles = page.locator("#view-alerts .alarm .card-title:visible")
        await expect(titles).to_have_text(["Left the store unsold", "Not in the catalogue"])
        await expect(card(page, "Not in the catalogue")).to_contain_text("4 tags <b>of</b> nothing.")
        found = card(page, "Left the store unsold")
        await expect(found).to_contain_text("Urgent")
        await found.get_by_text("Why?").tap()
        await expect(found.locator("dl")).to_contain_text("probability0.97")
        await press(found, "Seen").tap()
        await expect(titles).to_have_text(["Not in the catalogue"])
        row = (await floor.http.get(f"/v1/exceptions/{name}")).json()
        assert (row["state"], row["acknowledged"]["by"]) == ("acknowledged", "Screen")
        await page.get_by_text("Noted by somebody: 1").tap()
        await expect(card(page, "Left the store unsold")).to_contain_text("Noted by Screen, ")
