"""Feeds: what Google and spreadsheets read, streamed page by page, fetched again only when something changed."""

import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from gateway.availability import Policy, encode_ladder, ladder_of
from gateway.feeds import google, stock_csv
from gateway.feeds.google import Options
from gateway.http.ports import StockRow
from gateway.keys.store import ChannelChange
from gateway.storage.schema import sku, stock
from tests.gateway.http.keyed import OTHER, OWN, filled_file
from tests.gateway.http.problems import problem
from tests.gateway.push.feed_rig import zone
from tests.gateway.push.http_rig import PushRig, open_pushed
from tests.gateway.small_store import SHIRT_S

GOOGLE, CSV = "/v1/feeds/google-local-inventory.tsv", "/v1/feeds/stock.csv"


def row(gtin: str = SHIRT_S, units: int = 0, description: str = "", price: str | None = None) -> StockRow:
    ladder = encode_ladder(ladder_of([1.0] * units))
    head = (gtin, "T-100", "white", "S", description, "Men", None, None, price)
    return StockRow(*head, units + 5, "live", "2026-11-18T11:06:40.000Z", 1, {"FLOOR": units}, ladder, True)


@pytest.fixture(scope="module")
def filled(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled_file(migrated_sqlite_file, tmp_path_factory.mktemp("feeds"))


@pytest.fixture
async def pushed(filled: Path, tmp_path: Path) -> AsyncIterator[PushRig]:
    async with open_pushed(filled, tmp_path, page_rows=1) as found:
        yield found


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_googles_words_follow_from_what_can_be_sold() -> None:
    found = list(google.lines(OWN, [row(units=units) for units in (0, 1, 2, 3, 40)], Policy(safety=0), Options()))
    assert [line.decode().rstrip("\n").split("\t") for line in found] == [
        [OWN, SHIRT_S, "0", "out_of_stock"],
        [OWN, SHIRT_S, "1", "limited_availability"],
        [OWN, SHIRT_S, "2", "limited_availability"],
        [OWN, SHIRT_S, "3", "in_stock"],
        [OWN, SHIRT_S, "40", "in_stock"],
    ]
    (kept_back,) = google.lines(OWN, [row(units=3)], Policy(safety=2), Options())
    assert b"\t1\tlimited_availability" in kept_back


def test_columns_stand_only_when_they_were_asked_for() -> None:
    options = Options("EUR", "reserve", "same_day")
    assert google.head(options) == b"store_code\tid\tquantity\tavailability\tprice\tpickup_method\tpickup_sla\n"
    lines = list(google.lines(OWN, [row(units=1, price="49.90"), row(units=1)], Policy(), options))
    assert [line.decode().split("\t")[4:] for line in lines] == [
        ["49.90 EUR", "reserve", "same_day\n"],
        ["", "reserve", "same_day\n"],
    ]


@given(st.text(max_size=30))
def test_no_text_of_a_catalogue_is_a_formula_or_breaks_a_row(text: str) -> None:
    (line,) = stock_csv.lines(OWN, [row(description=text.encode("utf-8", "replace").decode())], Policy())
    (cells,) = csv.reader(io.StringIO(line.decode(), newline=""))
    assert len(cells) == len(stock_csv.COLUMNS)
    shown = cells[stock_csv.COLUMNS.index("description")]
    assert not shown.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert shown.removeprefix("'").endswith(text.encode("utf-8", "replace").decode().removeprefix("'"))


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =cmd|'/c calc'!A1", "\uff1d1+1"]
)
def test_formulas_become_texts(text: str) -> None:
    assert stock_csv.harmless(text) == f"'{text}"
    assert stock_csv.harmless("Shirt = round") == "Shirt = round"


async def test_all_rows_of_all_sites_page_by_page_and_no_counts(pushed: PushRig) -> None:
    answer = await pushed.http.get(CSV)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = table(answer.text)
    assert [(found["site"], found["gtin"], found["atp"]) for found in rows if found["gtin"] == SHIRT_S] == [
        (OWN, SHIRT_S, "3"),
        (OTHER, SHIRT_S, "2"),
    ]
    assert list(rows[0]) == list(stock_csv.COLUMNS)
    assert "on_hand" not in answer.text
    one = table((await pushed.http.get(CSV, params={"site": OTHER})).text)
    assert {found["site"] for found in one} == {OTHER}


async def test_a_feed_is_the_channels_own(pushed: PushRig) -> None:
    web = await pushed.keyed.key("stock:read", channel="web", sites=[OWN])
    careful = await pushed.keyed.key("stock:read", channel="eu", change=ChannelChange(safety=2))
    async with pushed.asking(web) as http:
        text = (await http.get(GOOGLE)).text
        assert text == f"store_code\tid\tquantity\tavailability\n{OWN}\t{SHIRT_S}\t3\tin_stock\n"
        problem(await http.get(GOOGLE, params={"site": OTHER}), "site-not-allowed")
    async with pushed.asking(careful) as http:
        text = (await http.get(GOOGLE, params={"currency": "EUR"})).text
        assert f"{OWN}\t{SHIRT_S}\t1\tlimited_availability\t49.90 EUR\n" in text
        assert f"{OTHER}\t{SHIRT_S}\t0\tout_of_stock\t49.90 EUR\n" in text
    writer = await pushed.keyed.key("stock:write")
    async with pushed.asking(writer) as http:
        problem(await http.get(CSV), "scope-missing")


async def test_an_unchanged_feed_is_not_sent_again(pushed: PushRig) -> None:
    async def etag(path: str = GOOGLE, **asked: str) -> str:
        return (await pushed.http.get(path, params=asked)).headers["etag"]

    first = await etag()
    assert await etag() == first
    again = await pushed.http.get(GOOGLE, headers={"If-None-Match": first})
    assert (again.status_code, again.content) == (304, b"")
    assert len({first, await etag(site=OWN), await etag(currency="EUR"), await etag(CSV)}) == 4
    await pushed.rig.happen(zone())
    changed = await pushed.http.get(GOOGLE, headers={"If-None-Match": first})
    assert changed.status_code == 200
    second = changed.headers["etag"]
    async with pushed.rig.database.write() as connection:
        await connection.execute(update(sku).values(description="=HYPERLINK(1)", updated_us=sku.c.updated_us + 1))
    third = await etag()
    pushed.rig.clock.advance(3_600)  # nobody folds any more: rows are stale without any change
    fourth = await etag()
    assert len({first, second, third, fourth}) == 4
    text = (await pushed.http.get(CSV)).text
    assert {found["description"] for found in table(text)} == {"'=HYPERLINK(1)"}
    assert {found["status"] for found in table(text)} == {"stale"}


REFUSED: tuple[dict[str, str], ...] = (
    {"pickup_method": "reserve"},
    {"pickup_sla": "same_day"},
    {"pickup_method": "not supported", "pickup_sla": "same_day"},
    {"pickup_method": "later"},
    {"currency": "euro"},
    {"site": ""},
    {"sites": OWN},
)


async def test_what_a_feed_refuses(pushed: PushRig) -> None:
    for asked in REFUSED:
        answer = await pushed.http.get(GOOGLE, params=asked)
        assert answer.json()["status"] == 400, asked


async def test_an_unknown_site_has_no_feed(pushed: PushRig) -> None:
    problem(await pushed.http.get(CSV, params={"site": "elsewhere"}), "unknown-site")


async def test_a_reader_that_fails_half_way_shows_that_the_file_is_not_whole(pushed: PushRig) -> None:
    async with pushed.rig.database.write() as connection:
        await connection.execute(update(stock).values(ladder=b"odd"))
    with pytest.raises(Exception, match=r"peer closed|disconnected|incomplete"):
        await pushed.http.get(CSV)
