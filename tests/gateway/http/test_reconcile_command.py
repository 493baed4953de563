"""`lastunit reconcile` against a gateway that is served: lists, decides, and says what to mend."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.storage.engine import Database
from lastunit.cli import app
from tests.gateway.http.keyed import OWN, Keyed, filled_file, open_keyed
from tests.gateway.http.shop import Shop, link, open_shop
from tests.gateway.small_store import BACK, FLOOR, SHIRT_M, SHIRT_S, SITE, epc


@pytest.fixture
async def shop(sqlite_database: Database) -> AsyncIterator[Shop]:
    async with open_shop(sqlite_database) as opened:
        await opened.book("erp", {SHIRT_S: 2, SHIRT_M: 0})
        await opened.see((FLOOR, epc(SHIRT_S, 1)), (BACK, epc(SHIRT_M, 2)))
        yield opened


async def run(shop: Shop | Keyed, *words: str, url: str = "", key: str | None = None) -> Result:
    """Run the command in a thread of its own: the gateway lives in this one. `key` is that of the environment."""
    call = ["reconcile", *words, "--site", SITE.id, "--url", url or str(shop.http.base_url)]
    return await asyncio.to_thread(CliRunner().invoke, app, call, env={"LASTUNIT_KEY": key})


async def test_differences_are_listed_for_people_and_programs(shop: Shop) -> None:
    done = await run(shop, "list")
    assert done.exit_code == 1, done.output
    assert f"{SHIRT_S}  1 untagged  (tags 1, book 2)" in done.output
    assert f"{SHIRT_M}  1 not_booked  (tags 1, book 0)" in done.output
    assert "    serial 2: BACK since " in done.output
    assert f"{SITE.id}: 2 differences, 2 to decide" in done.output
    lines = (await run(shop, "list", "--json", "--cause", "untagged")).stdout.splitlines()
    assert [json.loads(line)["gtin"] for line in lines] == [SHIRT_S]


async def test_a_person_decides_and_all_agrees(shop: Shop) -> None:
    rows = {row["cause"]: row["id"] for row in await shop.differences()}
    gone = await run(shop, "approve", rows["untagged"], "--who", "Kim", "--decision", "gone")
    assert (gone.exit_code, gone.output.startswith(f"{SHIRT_S}: the book says 1 now (-1); decided by Kim")) == (0, True)
    said = ("approve", rows["not_booked"], "--who", "Kim", "--decision", "gone", "--serial", "2", "--json")
    assert json.loads((await run(shop, *said)).stdout)["items_placed"] == ["2"]
    assert (await run(shop, *said)).exit_code == 0  # again is harmless
    await shop.catch_up()
    done = await run(shop, "list")
    assert (done.exit_code, done.output) == (0, f"{SITE.id}: 0 differences, 0 to decide\n")


async def test_what_was_decided_asks_for_nothing_more(shop: Shop) -> None:
    for row in await shop.differences():
        assert (await run(shop, "approve", row["id"], "--who", "Kim", "--decision", "ignore")).exit_code == 0
    done = await run(shop, "list")
    assert done.exit_code == 0
    assert "(tags 1, book 2; Kim decided: ignore)" in done.output
    assert "2 differences, 0 to decide" in done.output


async def test_calls_to_mend(shop: Shop) -> None:
    named = ("approve", "x", "--who", "Kim", "--decision")
    calls = [
        (("list", "--cause", "theft"), "--cause 'theft': expected one of unread"),
        ((*named, "burn"), "--decision 'burn': expected one of gone"),
        ((*named, "gone"), "difference-gone"),
        (("list", "--gtin", "123"), "invalid-gtin"),
    ]
    for words, told in calls:
        done = await run(shop, *words)
        assert (done.exit_code, told in done.stderr) == (2, True), done.output
    nobody = await run(shop, "list", url="http://127.0.0.1:9")
    assert (nobody.exit_code, "no gateway answers at http://127.0.0.1:9" in nobody.stderr) == (2, True)
    nowhere = await run(shop, "list", url="http://x:port")
    assert (nowhere.exit_code, "--url 'http://x:port'" in nowhere.stderr) == (2, True)
    assert (await shop.say("x", "sale", link(1))).status_code == 200


@pytest.fixture
async def keyed(migrated_sqlite_file: Path, tmp_path: Path) -> AsyncIterator[Keyed]:
    filled = await asyncio.to_thread(filled_file, migrated_sqlite_file, tmp_path)
    async with open_keyed(filled, tmp_path) as opened:
        row = {"gtin": SHIRT_S, "quantity": 2, "as_of": "2026-11-18T11:06:30Z"}
        booked = await opened.http.put(f"/v1/sites/{OWN}/book", json={"id": "erp", "rows": [row]})
        assert booked.status_code == 200, booked.text
        yield opened


async def test_a_key_comes_by_a_file_or_the_environment(keyed: Keyed, tmp_path: Path) -> None:
    staff = await keyed.key("stock:read", "staff:read")
    writer = await keyed.key("stock:write", sites=[OWN])
    by_environment = await run(keyed, "list", key=staff)
    assert f"{SHIRT_S}  1 not_booked  (tags 3, book 2)" in by_environment.output
    assert "    serial 0: " in by_environment.output
    file = tmp_path / "staff.key"
    file.write_text(f"{staff}\n")
    by_option = await run(keyed, "list", "--json", "--key-file", str(file), key=writer)  # the option goes first
    assert by_option.exit_code == 1, by_option.output
    named = ("approve", json.loads(by_option.stdout)["id"], "--who", "Kim", "--decision", "ignore")
    assert "403 scope-missing" in (await run(keyed, *named, key=staff)).stderr
    done = await run(keyed, *named, key=writer)
    assert (done.exit_code, "nothing was changed; decided by Kim" in done.output) == (0, True), done.output


async def test_a_key_to_mend_is_told_and_never_printed(keyed: Keyed) -> None:
    token = await keyed.key("stock:read")
    without = await run(keyed, "list", key="")
    assert without.exit_code == 2
    assert without.stderr.endswith("401 no-key: no key was sent; give --key-file, or set LASTUNIT_KEY\n")
    secret = token.rpartition("_")[2]
    cut = await run(keyed, "list", key=token[:-1])
    assert (cut.exit_code, "LASTUNIT_KEY holds no key: expected lu_" in cut.stderr) == (2, True), cut.output
    await keyed.revoke(token)
    ended = await run(keyed, "list", key=token)
    assert (ended.exit_code, "is revoked" in ended.stderr) == (2, True), ended.output
    assert not any(secret[:-1] in done.output for done in (without, cut, ended))
