from hypothesis import given
from hypothesis import strategies as st

from gateway.availability import Policy
from gateway.http.matrix import Cell, SiteStock, common_description, site_stock
from gateway.http.ports import SiteRow, Snapshot, StockRow, ZoneRow
from tests.gateway.http.conftest import Served
from tests.gateway.http.problems import problem
from tests.gateway.http.stores import JACKET_L, JACKET_M, MAIN, OUTLET, SHOE_38
from wire.site import OUT, ZoneKind


def row(
    gtin: str, style: str, colour: str, size: str, description: str = "", *, zones: dict[str, int] | None = None
) -> StockRow:
    zones = zones or {}
    units = sum(zones.values())
    return StockRow(gtin, style, colour, size, description, "", None, None, None, units, "live", "", 1, zones)


def zone(name: str, kind: str) -> ZoneRow:
    return ZoneRow("s", name, kind, True, name, "live", None, None, 0)


SITE = SiteRow("s", "S", "UTC", "", [], 0, 0, None)


def folded(rows: list[StockRow], zones: list[ZoneRow]) -> SiteStock:
    return site_stock(SITE, Snapshot(7, "s", rows, zones), Policy())


def cells(stock: SiteStock) -> list[Cell]:
    return [cell for style in stock.styles for colour in style.colours for cell in colour.cells]


async def test_the_matrix_of_a_site(served: Served) -> None:
    answer = (await served.http.get(f"/v1/sites/{MAIN}/stock")).json()
    assert (answer["site"], answer["name"], answer["cursor"], answer["on_hand"], answer["skus"]) == (
        MAIN,
        "Main Street",
        0,
        5,
        2,
    )
    (style,) = answer["styles"]
    assert (style["style"], style["description"], style["department"]) == ("HJ-100", "Harbour jacket", "women")
    assert (style["sizes"], style["on_hand"]) == (["M", "L"], 5)
    (colour,) = style["colours"]
    medium, large = colour["cells"]
    assert (medium["gtin"], medium["on_hand"], medium["floor"], medium["back"], medium["other"]) == (
        JACKET_M,
        4,
        1,
        2,
        1,
    )
    assert (large["gtin"], large["floor"], large["back"], large["zones"]) == (JACKET_L, 0, 1, {"BACK": 1})
    assert [(tile["zone"], tile["group"], tile["units"]) for tile in answer["zones"]] == [
        ("BACK", "back", 3),
        ("FLOOR_A", "floor", 1),
        ("FIT", "other", 1),
    ]


async def test_the_stock_has_an_etag_that_ignores_clock_and_cursor(served: Served) -> None:
    etag = (await served.http.get(f"/v1/sites/{MAIN}/stock")).headers["etag"]
    served.gateway.now_us += 1_000_000
    served.gateway.move(OUTLET, SHOE_38, "SHOP", "BACK")
    same = await served.http.get(f"/v1/sites/{MAIN}/stock", headers={"If-None-Match": etag})
    assert same.status_code == 304
    served.gateway.move(MAIN, JACKET_L, "BACK", "FLOOR_A")
    assert (await served.http.get(f"/v1/sites/{MAIN}/stock", headers={"If-None-Match": etag})).status_code == 200


async def test_sites_with_their_zones(served: Served) -> None:
    served.gateway.look(MAIN, "FIT", live=False)
    answer = (await served.http.get("/v1/sites")).json()
    main, outlet = answer["sites"]
    assert (main["site"], main["on_hand"], outlet["site"], outlet["on_hand"]) == (MAIN, 5, OUTLET, 1)
    assert {tile["zone"]: tile["status"] for tile in main["zones"]} == {
        "BACK": "live",
        "FLOOR_A": "live",
        "FIT": "blind",
    }


async def test_an_unknown_site_has_neither_stock_nor_movements(served: Served) -> None:
    problem(await served.http.get("/v1/sites/nowhere/stock"), "unknown-site")
    problem(await served.http.get("/v1/sites/nowhere/movements"), "unknown-site")


async def test_movements_are_paged_by_key_and_do_not_shift(served: Served) -> None:
    for _ in range(5):
        served.gateway.move(MAIN, JACKET_L, OUT, "BACK")
    first = (await served.http.get(f"/v1/sites/{MAIN}/movements", params={"limit": 2})).json()
    assert [entry["m"] for entry in first["rows"]] == [5, 4]
    served.gateway.move(MAIN, JACKET_M, "BACK", "FLOOR_A")
    second = (await served.http.get(f"/v1/sites/{MAIN}/movements", params={"limit": 2, "before": first["next"]})).json()
    assert [entry["m"] for entry in second["rows"]] == [3, 2]
    last = (await served.http.get(f"/v1/sites/{MAIN}/movements", params={"limit": 2, "before": second["next"]})).json()
    assert ([entry["m"] for entry in last["rows"]], last["next"]) == ([1], None)


async def test_movements_name_places_but_no_items(served: Served) -> None:
    served.gateway.move(MAIN, JACKET_M, "BACK", "FLOOR_A", serial="4711")
    answer = await served.http.get(f"/v1/sites/{MAIN}/movements", params={"gtin": JACKET_M})
    (entry,) = answer.json()["rows"]
    assert (entry["from"], entry["to"], entry["gtin"]) == ("BACK", "FLOOR_A", JACKET_M)
    assert "4711" not in answer.text


def test_sizes_are_columns_in_a_shops_order_and_colours_rows() -> None:
    stock = folded([row("1", "A", "red", "XL"), row("2", "A", "red", "S"), row("3", "A", "blue", "M")], [])
    (style,) = stock.styles
    assert style.sizes == ["S", "M", "XL"]
    assert [(colour.colour, [cell.size for cell in colour.cells]) for colour in style.colours] == [
        ("blue", ["M"]),
        ("red", ["S", "XL"]),
    ]


def test_a_second_gtin_of_one_size_has_a_row_of_its_own() -> None:
    stock = folded([row("1", "A", "red", "S"), row("2", "A", "red", "S"), row("3", "A", "red", "M")], [])
    labels = [(colour.label, [cell.gtin for cell in colour.cells]) for colour in stock.styles[0].colours]
    assert labels == [("red", ["1", "3"]), ("red 2", ["2"])]


def test_a_zone_that_nobody_described_counts_as_other() -> None:
    (cell,) = cells(folded([row("1", "A", "red", "S", zones={"LOST": 2})], []))
    assert (cell.floor, cell.back, cell.other, cell.on_hand) == (0, 0, 2, 2)


@given(
    st.lists(
        st.tuples(st.sampled_from("AB"), st.sampled_from(["red", ""]), st.sampled_from(["S", "M", ""])), max_size=12
    ),
    st.dictionaries(st.sampled_from(["BACK", "SHOP", "FIT", "LOST"]), st.integers(1, 9)),
)
def test_no_sku_and_no_unit_gets_lost_in_the_matrix(skus: list[tuple[str, str, str]], zones: dict[str, int]) -> None:
    kinds = {"BACK": ZoneKind.BACK_ROOM, "SHOP": ZoneKind.SALES_FLOOR, "FIT": ZoneKind.FITTING_ROOM}
    rows = [row(str(number), *sku, zones=zones) for number, sku in enumerate(skus)]
    stock = folded(rows, [zone(name, kind) for name, kind in kinds.items()])
    found = cells(stock)
    assert sorted(cell.gtin for cell in found) == sorted(entry.gtin for entry in rows)
    assert all(cell.floor + cell.back + cell.other == cell.on_hand for cell in found)
    assert stock.on_hand == sum(style.on_hand for style in stock.styles) == sum(cell.on_hand for cell in found)
    for style in stock.styles:
        for colour in style.colours:
            sizes = [cell.size for cell in colour.cells]
            assert len(set(sizes)) == len(sizes)
            assert set(sizes) <= set(style.sizes)


def test_the_description_of_a_style_leaves_colour_and_size_out() -> None:
    shirts = [row("1", "A", "sky", "XS", "Linen shirt, sky, XS"), row("2", "A", "white", "M", "Linen shirt, white, M")]
    assert common_description(shirts) == "Linen shirt"
    assert common_description(shirts[:1]) == "Linen shirt"
    assert common_description([row("1", "A", "sky", "M", "Runner"), row("2", "A", "sky", "L", "Boot")]) == ""
    assert common_description([row("1", "A", "", "", "")]) == ""
    assert common_description([row("1", "A", "Navy", "M", "Jacket navy M")]) == "Jacket"
