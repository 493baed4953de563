"""Importing a catalogue: bad rows are named, the others load, and the same file twice changes nothing."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.availability import Policy
from gateway.catalogue import CatalogueError, CatalogueReport, ignore_unknown, import_catalogue, parse_catalogue
from gateway.queries import Queries
from gateway.storage.engine import Database
from tests.gateway.log_rig import LogRig, fold_all
from tests.gateway.small_store import FLOOR, SHIRT_M, SHIRT_S, SITE, T0_US, ManualClock, epc, reads

HEADER: Final = "gtin,style,colour,size,description,department,min_floor,max_floor,price\n"
GOOD: Final = f"""{HEADER}{SHIRT_S},T-100,white,S,"Shirt, round neck",Men,1,3,49.90
{SHIRT_M},T-100,white,M,Shirt,Men,,,
"""


def parsed(text: str | bytes) -> tuple[list[str], CatalogueReport]:
    report = CatalogueReport()
    return [row.gtin for row in parse_catalogue(text, report)], report


@pytest.mark.parametrize(
    ("row", "line", "column", "reason"),
    [
        ("09506000134353,T,white,S,x,,,,", 2, "gtin", "check digit"),
        ("not a number,T,white,S,x,,,,", 2, "gtin", "not a number"),
        (f"{SHIRT_S},,white,S,x,,,,", 2, "style", "empty"),
        (f"{SHIRT_S},T,white,,x,,,,", 2, "size", "empty"),
        (f"{SHIRT_S},T,white,S,x,,-1,,", 2, "min_floor", "whole number"),
        (f"{SHIRT_S},T,white,S,x,,5,3,", 2, "min_floor", "above max_floor 3"),
        (f"{SHIRT_S},T,white,S,x,,,²,", 2, "max_floor", "whole number"),
        (f"{SHIRT_S},T,white,S,x,,,,cheap", 2, "price", "decimal"),
        (f"{SHIRT_S},T,white,S,x,,,,NaN", 2, "price", "decimal"),
        (f"{SHIRT_S},T,white,S,x,,,,1e99", 2, "price", "decimal"),
        (f"{SHIRT_S},T,white,S,x,,,,,more", 2, "row", "more values"),
        (f"{SHIRT_S},T,white,S,{'x' * 20_000},,,,", 2, "row", "longer than"),
    ],
)
def test_a_bad_row_is_named_and_the_others_load(row: str, line: int, column: str, reason: str) -> None:
    gtins, report = parsed(f"{HEADER}{row}\n{SHIRT_M},T,white,M,x,,,,\n")
    assert gtins == [SHIRT_M]
    assert (report.rows, report.loaded, report.rejected) == (2, 1, 1)
    (problem,) = report.problems
    assert (problem.line, problem.column) == (line, column)
    assert reason in str(problem)
    assert len(problem.value) <= 80


def test_a_gtin_stands_once() -> None:
    gtins, report = parsed(f"{HEADER}{SHIRT_S},T,white,S,x,,,,\n{SHIRT_S[1:]},T,white,L,x,,,,\n")
    assert gtins == [SHIRT_S]
    assert "line 2 already" in str(report.problems[0])


@pytest.mark.parametrize("text", ["", "a,b,c\n1,2,3\n", b"\xff\xfe", "gtin,style,colour,size\n"])
def test_a_file_without_use(text: str | bytes) -> None:
    with pytest.raises(CatalogueError):
        parsed(text)


def test_other_ways_to_write_the_same() -> None:
    text = f"\ufeffGTIN; Style;Colour;Size;Description\r\n{SHIRT_S[1:]}; T ;white;S;x\r\n"
    assert parsed(text)[0] == [SHIRT_S]
    assert parsed(text.encode())[0] == [SHIRT_S]


@given(st.text(max_size=300))
def test_any_text_gives_rows_or_problems(text: str) -> None:
    gtins, report = parsed(HEADER + text)
    assert len(gtins) == report.loaded
    assert report.rows == report.loaded + report.rejected


async def test_an_import_is_idempotent_and_replaces(database: Database) -> None:
    first = await import_catalogue(database, GOOD, T0_US)
    assert (first.loaded, first.changed, first.rejected) == (2, 2, 0)
    again = await import_catalogue(database, GOOD, T0_US + 1)
    assert (again.loaded, again.changed) == (2, 0)
    changed = await import_catalogue(database, GOOD.replace("49.90", "39.90"), T0_US + 2)
    assert changed.changed == 1
    queries = Queries(database, ManualClock())
    row = await queries.sku(SHIRT_S)
    assert row is not None
    assert (row.description, row.min_floor, row.max_floor, row.price) == ("Shirt, round neck", 1, 3, "39.90")
    assert [found.gtin for found in await queries.skus_of_style("T-100")] == [SHIRT_S, SHIRT_M]


async def test_an_unknown_gtin_is_listed_until_a_catalogue_names_it(database: Database) -> None:
    rig = await LogRig(database).open()
    await rig.log([reads(second, [(FLOOR, epc(SHIRT_S, 1)), (FLOOR, epc(SHIRT_M, 1))]) for second in range(3)])
    await fold_all(await rig.fold())
    queries = Queries(database, ManualClock())
    unknown = await queries.unknown_gtins()
    assert [(row.gtin, row.sites, row.on_hand, row.decision) for row in unknown] == [
        (SHIRT_S, [SITE.id], 1, None),
        (SHIRT_M, [SITE.id], 1, None),
    ]
    assert await queries.availability(SHIRT_S) is None
    assert await queries.site_stock(SITE.id) == []
    async with database.write() as connection:
        await ignore_unknown(connection, SHIRT_M, "a sample", T0_US)
    assert [row.decision for row in await queries.unknown_gtins()] == [None, "ignored"]
    await import_catalogue(database, GOOD, T0_US)
    assert await queries.unknown_gtins() == []
    found = await queries.availability(SHIRT_S)
    assert found is not None
    assert [(row.offer(Policy()).atp, row.on_hand) for row in found.sites] == [(1, 1)]  # it was tracked all along


async def test_text_with_nul_and_surrogates_is_stored(database: Database) -> None:
    report = await import_catalogue(database, f"{HEADER}{SHIRT_S},T\0,white,S,\udcffx,,,,\n", T0_US)
    assert report.loaded + report.rejected == 1
