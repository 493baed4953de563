"""`lastunit pair`, as typed, and what `lastunit keys` says of screens."""

import asyncio
import json
import re
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.clock import system_clock
from gateway.holds.ids import random_ids
from gateway.pairing.code import parse_code
from gateway.pairing.desk import Paired, Pairing
from gateway.pairing.limits import OPEN_MAX
from gateway.storage.engine import Database
from lastunit.cli import app
from tests.gateway.pairing.rig import add_key, add_site

CODE = re.compile(r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}")


async def _shop(url: str) -> None:
    database = Database(url)
    async with database.write() as connection:
        await add_key(connection)
        await add_site(connection, "store-001")
    await database.close()


@pytest.fixture
def database(sqlite_url: str) -> list[str]:
    asyncio.run(_shop(sqlite_url))
    return ["--database", sqlite_url]


def typed(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


def paired(url: str, code: str) -> Paired:
    """What the device gets that types this code."""

    async def work() -> Paired:
        database = Database(url)
        desk = Pairing(database, system_clock, random_ids(system_clock))
        try:
            return await desk.pair("store-001", code, "", "192.0.2.1")
        finally:
            await database.close()

    return asyncio.run(work())


def test_a_code_is_typed_and_the_screen_is_listed_and_revoked(database: list[str]) -> None:
    made = typed("pair", "--site", "store-001", "--name", "till 3", *database)
    assert made.exit_code == 0, made.output
    assert CODE.fullmatch(made.stdout.strip()), "standard output is the code alone"
    assert "Open /store/store-001 at the device" in made.stderr
    assert "Or scan" not in made.stderr, "nobody said where the gateway is"
    assert made.stdout.strip() not in made.stderr
    token = paired(database[1], made.stdout.strip()).token
    listed = typed("keys", "list", *database).stdout
    assert re.search(r"live  store-screen  .*  sites store-001  till 3  store screen, last used 20\d\d-", listed)
    rows = [json.loads(line) for line in typed("keys", "list", "--json", *database).stdout.splitlines()]
    assert [row["screen"] is not None for row in rows] == [row["channel"] == "store-screen" for row in rows]
    assert {row["screen"] is None for row in rows} == {True, False}
    assert typed("keys", "revoke", token, *database).stdout.endswith("is revoked\n")
    assert "revoked  store-screen" in typed("keys", "list", *database).stdout


def test_the_address_is_shown_as_a_qr_code_and_as_json(database: list[str]) -> None:
    words = ("pair", "--site", "store-001", "--url", "https://stock.example.com/")
    made = typed(*words, *database)
    assert "Open https://stock.example.com/store/store-001 at the device" in made.stderr
    picture = made.stderr.partition("Or scan:\n")[2].partition("Good for")[0].splitlines()
    assert len({len(line) for line in picture}) == 1
    assert set("".join(picture)) <= set("\N{FULL BLOCK}\N{UPPER HALF BLOCK}\N{LOWER HALF BLOCK} ")
    told = json.loads(typed(*words, "--json", *database).stdout)
    assert told["url"] == f"https://stock.example.com/store/store-001#pair={told['code']}"
    assert told["path"] == f"/store/store-001#pair={told['code']}"
    assert (told["site"], told["name"], told["expires_at"][:2]) == ("store-001", "", "20")
    assert parse_code(told["code"]) is not None


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("192.0.2.7", "http://192.0.2.7:8080"),
        ("2001:db8::7", "http://[2001:db8::7]:8080"),
        ("stock.example.com", "http://stock.example.com:8080"),
        ("0.0.0.0", None),
        ("::", None),
        ("127.0.0.1", None),
        ("localhost", None),
    ],
)
def test_the_address_of_the_configuration_is_taken_if_devices_can_reach_it(
    database: list[str], monkeypatch: pytest.MonkeyPatch, host: str, url: str | None
) -> None:
    monkeypatch.setenv("LASTUNIT_GATEWAY_HTTP_HOST", host)
    told = json.loads(typed("pair", "--site", "store-001", "--json", *database).stdout)
    assert told["url"] == (None if url is None else url + told["path"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--site", "store-009"), "no site 'store-009' here; this database has store-001"),
        (("--site", "store-001", "--name", "a\nb"), "name 'a\\nb': expected up to 64 printable characters"),
        (
            ("--site", "store-001", "--url", "stock.example.com"),
            "--url 'stock.example.com': expected http:// or https://",
        ),
        (("--site", "store-001", "--url", "https://"), "--url 'https://'"),
    ],
)
def test_a_mistake_is_told(database: list[str], words: tuple[str, ...], says: str) -> None:
    done = typed("pair", *words, *database)
    assert done.exit_code == 2
    assert says in done.stderr
    assert done.stdout == ""


def test_too_many_codes_and_no_keys_at_all(database: list[str], migrated_sqlite_file: Any) -> None:
    for _ in range(OPEN_MAX):
        assert typed("pair", "--site", "store-001", *database).exit_code == 0
    full = typed("pair", "--site", "store-001", *database)
    assert (full.exit_code, "has 5 open codes" in full.stderr) == (2, True)
    bare = typed("pair", "--site", "store-001", "--database", f"sqlite:///{migrated_sqlite_file}")
    assert (bare.exit_code, "lastunit keys create" in bare.stderr) == (2, True)
