"""What a shelf scanner may send, and what it must not make us believe."""

import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wire.gs1.barcode import BARCODE_MAX_CHARS, Barcode, BarcodeCode, BarcodeReject, parse_barcode
from wire.gs1.check_digit import check_digit
from wire.gs1.digital_link import format_digital_link, parse_digital_link
from wire.gs1.element_string import GS, Elements, format_bracketed, format_raw, parse_bracketed
from wire.gs1.errors import IdentifierError
from wire.gs1.missing_fnc1 import swallowed
from wire.gs1.restricted import is_restricted
from wire.gs1.upc_e import expand_upc_e

GTIN = "09506000134352"

SCANS = [
    ("9506000134352", "gtin", "", None),
    (" 9506000134352\r\n", "gtin", "", None),
    ("]E09506000134352", "gtin", "ean-13", None),
    ("]E3950600013435212", "gtin", "ean-13", None),
    ("]E3950600013435212345", "gtin", "ean-13", None),
    ("]I109506000134352", "gtin", "itf-14", None),
    ("]I009506000134352", "gtin", "itf", None),
    (f"]C101{GTIN}10LOT{GS}21A1", "elements", "gs1-128", "A1"),
    (f"]d201{GTIN}21A1", "elements", "gs1-datamatrix", "A1"),
    (f"]d2{GS}01{GTIN}21A1{GS}", "elements", "gs1-datamatrix", "A1"),
    (f"]Q301{GTIN}21A1", "elements", "gs1-qr", "A1"),
    (f"]J101{GTIN}21A1", "elements", "gs1-dotcode", "A1"),
    (f"]e001{GTIN}21A1", "elements", "gs1-databar", "A1"),
    (f"01{GTIN}21A1", "elements", "", "A1"),
    (f"{GS}01{GTIN}21A1", "elements", "", "A1"),
    (f"(01){GTIN}(21)A1", "elements", "", "A1"),
    (f"]Q1https://id.gs1.org/01/{GTIN}/21/A1", "digital_link", "qr", "A1"),
    (f"]Q3https://id.gs1.org/01/{GTIN}/21/A1", "digital_link", "gs1-qr", "A1"),
    (f"]d1https://shop.example/some/stem/01/{GTIN}/21/A1?17=260630", "digital_link", "datamatrix", "A1"),
    (f"HTTPS://ID.GS1.ORG/01/{GTIN}/21/A1", "digital_link", "", "A1"),
]


@pytest.mark.parametrize(("text", "kind", "symbology", "serial"), SCANS)
def test_every_symbol_gives_the_same_trade_item(text: str, kind: str, symbology: str, serial: str | None) -> None:
    scan = parse_barcode(text)
    assert isinstance(scan, Barcode), scan
    assert (scan.kind, scan.symbology, scan.gtin, scan.key, scan.serial) == (kind, symbology, GTIN, GTIN, serial)


REJECTS = [
    ("", BarcodeCode.EMPTY),
    (" \r\n", BarcodeCode.EMPTY),
    ("]d2", BarcodeCode.EMPTY),
    ("1" * (BARCODE_MAX_CHARS + 1), BarcodeCode.TOO_LONG),
    ("95060001343\u0665\u0662", BarcodeCode.CHARACTER),
    ("9506000\x00134352", BarcodeCode.CHARACTER),
    ("]X09506000134352", BarcodeCode.SYMBOLOGY),
    ("]E", BarcodeCode.SYMBOLOGY),
    ("]E0950600013435", BarcodeCode.LENGTH),
    ("]E39506000134352123", BarcodeCode.LENGTH),
    ("]E112", BarcodeCode.LENGTH),
    ("]E495060001", BarcodeCode.CHECK_DIGIT),
    ("9506000134353", BarcodeCode.CHECK_DIGIT),
    ("]d20109506000134353", BarcodeCode.CHECK_DIGIT),
    ("(00)095201234567891234", BarcodeCode.CHECK_DIGIT),
    ("https://id.gs1.org/01/09506000134353", BarcodeCode.CHECK_DIGIT),
    ("095201234567891234", BarcodeCode.CHECK_DIGIT),
    ("]d20109506000134352171301012", BarcodeCode.ELEMENT),
    ("]d2891234", BarcodeCode.ELEMENT),
    ("]d200", BarcodeCode.ELEMENT),
    ("(400)ABC(400)XYZ", BarcodeCode.ELEMENT),
    ("(01)1", BarcodeCode.ELEMENT),
    (f"]C101{GTIN}10LOTLOTLOTLOTLOTLOTLOT21A1", BarcodeCode.MISSING_FNC1),
    (f"]C1242123456721{GTIN}", BarcodeCode.MISSING_FNC1),
    ("https://id.gs1.org/", BarcodeCode.DIGITAL_LINK),
    ("https://example.com/product/1", BarcodeCode.DIGITAL_LINK),
    ("]Q1hello", BarcodeCode.NOT_GS1),
    ("SKU-1234", BarcodeCode.NOT_GS1),
    ("123456", BarcodeCode.NOT_GS1),
]


@pytest.mark.parametrize(("text", "code"), REJECTS, ids=lambda value: repr(value)[:40])
def test_what_names_no_item_is_rejected_with_its_code(text: str, code: BarcodeCode) -> None:
    scan = parse_barcode(text)
    assert isinstance(scan, BarcodeReject), scan
    assert scan.code == code, scan
    assert scan.message
    assert len(scan.message) < 600


def test_a_carton_has_no_gtin() -> None:
    for text in ("]C100095201234567891235", "(00)095201234567891235", "095201234567891235", "00095201234567891235"):
        scan = parse_barcode(text)
        assert isinstance(scan, Barcode), scan
        assert (scan.gtin, scan.key, scan.sscc) == (None, None, "095201234567891235")


def test_the_composite_part_above_an_ean_is_kept() -> None:
    scan = parse_barcode(f"]E09506000134352|]e010LOT{GS}21A1")
    assert isinstance(scan, Barcode)
    assert (scan.gtin, scan.elements) == (GTIN, (("10", "LOT"), ("21", "A1")))


def test_upc_e_and_upc_a_are_the_same_item() -> None:
    for text in ("04252614", "042100005264", "0042100005264"):
        scan = parse_barcode(text)
        assert isinstance(scan, Barcode)
        assert scan.gtin == "00042100005264"


def test_a_price_embedded_code_asks_the_catalogue_without_its_price() -> None:
    prices = {}
    for text in ("2211114002394", "2211114004992"):
        gtin = text[:12] + check_digit(text[:12])
        scan = parse_barcode(gtin, region="de")
        if isinstance(scan, Barcode) and scan.restricted:
            prices[scan.restricted.price] = scan.key
    assert prices[Decimal("2.39")] == "02211110000004"
    assert len(set(prices.values())) == 1
    bare = parse_barcode("2211114002394")
    assert isinstance(bare, Barcode)
    assert bare.restricted is not None
    assert (bare.key, bare.restricted.price) == ("02211114002394", None)


def test_the_measure_s_own_check_digit_is_tested() -> None:
    text = "221111500239"
    scan = parse_barcode(text + check_digit(text), region="de")
    assert isinstance(scan, BarcodeReject)
    assert scan.code == BarcodeCode.CHECK_DIGIT


@pytest.mark.parametrize(
    ("text", "suspect"),
    [
        (f"]C101{GTIN}10ABC17261231", "10"),
        (f"]C101{GTIN}21A117261231", "21"),
        (f"]C101{GTIN}10ABC1726123121XYZ", "10"),
        (f"]C101{GTIN}10ABC{GS}17261231", ""),
        (f"]C101{GTIN}1726123110ABC", ""),
        (f"]C101{GTIN}10ABC1726", ""),
        (f"]C101{GTIN}10ABC17269931", ""),
        (f"]C110ABC01{GTIN}", "10"),
        (f"]C110ABC01{GTIN[:-1]}9", ""),
    ],
)
def test_a_value_that_swallowed_its_neighbours_is_suspect(text: str, suspect: str) -> None:
    scan = parse_barcode(text)
    assert isinstance(scan, Barcode), scan
    assert scan.suspect == suspect
    if suspect == "21":
        assert scan.serial is None  # not to be trusted as an identity


def test_few_random_serials_are_suspected() -> None:
    rng = random.Random(3)
    count = 20_000
    suspected = sum(swallowed(str(rng.randrange(10**12))) for _ in range(count))
    assert suspected < count * 0.005


def test_another_separator_can_be_set() -> None:
    text = f"]C101{GTIN}10LOT^21A1"
    scan = parse_barcode(text, separators="^")
    assert isinstance(scan, Barcode)
    assert scan.serial == "A1"
    assert isinstance(parse_barcode(text), BarcodeReject)


# -- for any text

AIMS = st.sampled_from(
    ["", "]E0", "]E3", "]E4", "]I1", "]C1", "]d2", "]Q3", "]Q1", "]e0", "]", "(", "https://id.gs1.org/"]
)
DATA = st.one_of(
    st.text(max_size=40),
    st.text("0123456789()]CdQeE/?=&%.-AZaz\x1d ", max_size=60),
    st.lists(
        st.sampled_from(
            [f"01{GTIN}", "17261231", "10LOT", "21A1", GS, "00095201234567891235", "3103001250", "8008", "7007"]
        ),
        max_size=6,
    ).map("".join),
)


@settings(max_examples=1_500, deadline=None)
@given(AIMS, DATA, st.sampled_from(["", "de", "gb", "zz"]))
def test_any_text_gives_a_value_or_a_reject(aim: str, data: str, region: str) -> None:
    scan = parse_barcode(aim + data, region=region)
    assert isinstance(scan, Barcode | BarcodeReject)
    if isinstance(scan, Barcode):
        assert scan.gtin is None or check_digit(scan.gtin[:-1]) == scan.gtin[-1]


BATCHES = st.text("ABCxyz0123456789-/.%+", min_size=1, max_size=20)
GTINS = st.text("0123456789", min_size=13, max_size=13).map(lambda body: body + check_digit(body))
ELEMENTS = st.builds(
    lambda gtin, batch, serial, date: (("01", gtin), ("10", batch), ("21", serial), ("17", date)),
    GTINS,
    BATCHES,
    BATCHES,
    st.dates().map(lambda day: day.strftime("%y%m%d")),
)


@settings(max_examples=200, deadline=None)
@given(ELEMENTS)
def test_elements_come_back_from_every_way_to_write_them(elements: Elements) -> None:
    assert parse_bracketed(format_bracketed(elements)) == elements
    assert parse_digital_link(format_digital_link(elements)).elements == elements
    scan = parse_barcode("]d2" + format_raw(elements))
    assert isinstance(scan, Barcode)
    assert scan.elements == elements


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("04252614", "042100005264"),
        ("01234505", "012000003455"),
        ("01234531", "012300000451"),
        ("01234543", "012340000053"),
        ("02345673", "023456000073"),
        ("04252615", None),
        ("24252614", None),
        ("0425261", None),
        ("0425261\u0664", None),
    ],
)
def test_upc_e_is_expanded_by_its_last_digit(short: str, long: str | None) -> None:
    assert expand_upc_e(short) == long


def test_every_upc_e_gives_a_checked_gtin_12_or_none() -> None:
    expanded = {short: expand_upc_e(f"{short:08d}") for short in range(0, 20_000_000, 7_919)}
    found = [text for text in expanded.values() if text]
    assert len(found) > 200  # one in ten has its check digit
    assert all(len(text) == 12 and check_digit(text[:-1]) == text[-1] for text in found)


def test_a_case_of_goods_is_never_restricted() -> None:
    body = "1211114002394"
    assert is_restricted("0211114002394" + "0")
    assert not is_restricted(body + check_digit(body))
    assert not is_restricted("00012345678905")
    assert is_restricted("00000020123451")


@pytest.mark.parametrize(
    "link",
    [
        f"https://a/st<em/01/{GTIN}",
        f"https://a/st em/01/{GTIN}",
        f"https://a/stem\n/01/{GTIN}",
        f"https://a/01/{GTIN}/21/a%4",
        f"https://a/01/{GTIN}/21/a%",
        f"https://a/01/{GTIN}/21/a%zz",
        f"https://a/01/{GTIN}/21/%C3%BC",
        f"https://a/01/{GTIN}/21/1/10/2",
        f"https://a/01/{GTIN}?8200=x",
        "https://a/" + "x" * 9_000 + f"/01/{GTIN}",
        f"ftp://a/01/{GTIN}",
        f"https:///01/{GTIN}",
    ],
    ids=lambda link: link[:40],
)
def test_links_that_are_none_are_refused(link: str) -> None:
    with pytest.raises(IdentifierError):
        parse_digital_link(link)


def test_digits_of_other_scripts_are_no_digits() -> None:
    with pytest.raises(IdentifierError, match="printable ASCII"):
        parse_bracketed("(30)\u0663")
    assert isinstance(parse_barcode("(30)\u0663"), BarcodeReject)
