"""biip's own test rows: where we give another answer, the reason stands here."""

import ast
import re
from decimal import Decimal

import pytest

from tests.wire.epc.rows import Row, rows
from wire.gs1 import BadCheckDigit, IdentifierError, check_digit, parse_gtin
from wire.gs1.barcode import Barcode, BarcodeCode, BarcodeReject, parse_barcode
from wire.gs1.digital_link import format_digital_link, parse_digital_link
from wire.gs1.element_string import GS, format_bracketed, parse_bracketed
from wire.gs1.gtin import Gtin14
from wire.gs1.restricted import is_restricted, read_restricted
from wire.gs1.upc_e import expand_upc_e

BIIP = rows("biip-parametrized")


def of_test(file: str, *tests: str) -> list[Row]:
    """The arguments of a test's rows, each with its id."""
    found = [{"id": r["id"], **r["args"]} for r in BIIP if r["file"] == file and r["test"] in tests]
    assert found, (file, tests)
    return found


def region_of(text: str) -> str:
    """`RcnRegion.DENMARK` as "dk"."""
    from biip.rcn import RcnRegion

    return RcnRegion[text.removeprefix("RcnRegion.")].value


@pytest.mark.parametrize("row", of_test("gtin/test_encode.py", "test_as_gtin_14"), ids=lambda r: r["id"])
def test_a_gtin_has_fourteen_digits(row: Row) -> None:
    assert parse_gtin(row["value"]) == row["expected"]


VALID_GTINS = [
    row for row in BIIP if row["file"] == "gtin/test_parse.py" and row["test"].startswith("test_parse_gtin_")
]


@pytest.mark.parametrize("row", VALID_GTINS, ids=lambda r: r["id"])
def test_a_gtin_is_taken_with_any_zeros_in_front(row: Row) -> None:
    value = row["args"]["value"]
    assert parse_gtin(value) == value.zfill(14)


@pytest.mark.parametrize("row", of_test("gtin/test_parse.py", "test_parse_nonnumeric_value"), ids=lambda r: r["id"])
def test_a_gtin_has_ascii_digits_only(row: Row) -> None:
    with pytest.raises(IdentifierError, match="digits 0 to 9"):
        parse_gtin(row["value"])


@pytest.mark.parametrize("row", of_test("test_checksums.py", "test_gs1_standard_check_digit"), ids=lambda r: r["id"])
def test_check_digits(row: Row) -> None:
    assert check_digit(row["value"]) == str(row["expected"])


@pytest.mark.parametrize(
    "row",
    of_test("rcn/test_without_variable_measure.py", "test_without_variable_measure_strips_variable_parts"),
    ids=lambda r: r["id"],
)
def test_the_catalogue_key_of_a_price_embedded_code(row: Row) -> None:
    gtin = parse_gtin(row["value"])
    assert is_restricted(gtin)
    assert read_restricted(gtin, region_of(row["rcn_region"])).key == parse_gtin(row["expected"])


RULES = [
    (row["test"].removeprefix("test_region_"), {"id": row["id"], **row["args"]})
    for row in BIIP
    if row["file"] == "rcn/test_rules.py" and "value" in row["args"] and row["test"].startswith("test_region_")
]
COUNTRY = {"denmark": "dk", "finland": "fi", "germany": "de", "great_britain": "gb", "norway": "no", "sweden": "se"}


@pytest.mark.parametrize(("country", "row"), RULES, ids=lambda value: value["id"] if isinstance(value, dict) else value)
def test_price_and_weight_follow_the_country_s_rules(country: str, row: Row) -> None:
    if country not in COUNTRY and "rcn_region" not in row:
        pytest.fail(f"a country without rules here: {country}")
    region = region_of(row["rcn_region"]) if "rcn_region" in row else COUNTRY[country]
    scan = parse_barcode(row["value"], region=region)
    assert isinstance(scan, Barcode)
    assert scan.restricted is not None
    expected = [re.search(r"[0-9.]+", row.get(name) or "") for name in ("price", "weight")]
    measures = [scan.restricted.price, scan.restricted.weight_kg]
    assert measures == [Decimal(found[0]) if found else None for found in expected]
    assert scan.key == scan.restricted.key


ALSO_GTIN_8 = dict.fromkeys(
    ("biip-0430", "biip-0431"),
    "eight digits that have the check digit of a GTIN-8 as well: without AIM identifier they are taken as such",
)


@pytest.mark.parametrize("row", of_test("upc/test_encode.py", "test_as_upc_a"), ids=lambda r: r["id"])
def test_upc_e_is_expanded_when_it_has_its_check_digit(row: Row) -> None:
    value = parse_barcode(row["value"])
    if len(row["value"]) < 8:
        # six or seven digits without check digit: biip makes a UPC-E of any such number, a shelf scan may not
        assert isinstance(value, BarcodeReject)
        assert value.code == BarcodeCode.NOT_GS1
        return
    assert isinstance(value, Barcode)
    if row["id"] in ALSO_GTIN_8:
        assert value.gtin == row["value"].zfill(14)
        assert expand_upc_e(row["value"]) == row["expected"]
        return
    assert value.gtin == row["expected"].zfill(14)


MESSAGE_DIFFERENCES = {
    "(01)07032069804988(10)032915210526": "taken as biip does, but marked: the batch ends in a date",
}


@pytest.mark.parametrize(
    "row",
    list(
        of_test(
            "test_gs1_messages.py",
            "test_as_hri",
            "test_parse_ignores_redundant_separator_chars",
            "test_parse_with_separator_char",
        )
    ),
    ids=lambda r: r["id"],
)
def test_messages(row: Row) -> None:
    separators = ast.literal_eval(row.get("separator_chars", f"({GS!r},)"))
    expected = row.get("expected_hri") or row["expected"]
    value = parse_barcode("]C1" + row["value"], separators="".join(separators))
    assert isinstance(value, Barcode)
    assert format_bracketed(value.elements) == expected
    assert bool(value.suspect) is (expected in MESSAGE_DIFFERENCES)
    assert parse_bracketed(expected) == value.elements


@pytest.mark.parametrize(
    "row", of_test("test_gs1_messages.py", "test_parse_fails_if_unparsed_data_left"), ids=lambda r: r["id"]
)
def test_messages_with_something_left_over(row: Row) -> None:
    value = parse_barcode("]C1" + row["value"])
    assert isinstance(value, BarcodeReject)
    assert value.code == BarcodeCode.MISSING_FNC1


@pytest.mark.parametrize(
    "row", of_test("test_gs1_element_strings.py", "test_extract_fails_with_invalid_date"), ids=lambda r: r["id"]
)
def test_dates_that_no_calendar_has(row: Row) -> None:
    value = parse_barcode(f"]d2{row['ai_code']}{row['bad_value']}")
    assert isinstance(value, BarcodeReject)
    assert value.code == BarcodeCode.ELEMENT


@pytest.mark.parametrize(
    "row", of_test("test_gs1_element_strings.py", "test_extract_with_nested_error"), ids=lambda r: r["id"]
)
def test_a_wrong_check_digit_inside_of_a_message_is_a_reject(row: Row) -> None:
    # biip notes it in a field and goes on
    value = parse_barcode("]d2" + row["value"])
    assert isinstance(value, BarcodeReject)
    assert value.code == BarcodeCode.CHECK_DIGIT


SHORT_GTIN = "a GTIN of fewer than 14 digits: an engine option, refused at GS1's defaults"
SHORT_NAME = "short names of keys: an engine option; the standard took them back"


@pytest.mark.parametrize(
    "row",
    of_test("test_gs1_digital_link_uris.py", "test_as_gs1_message", "test_as_canonical_uri"),
    ids=lambda r: r["id"],
)
def test_digital_links(row: Row) -> None:
    short = re.search(r"/01/[0-9]{8,13}(?:[/?]|$)", row["value"]) or re.search(r"/(?:gtin|sscc|itip)/", row["value"])
    if short:
        with pytest.raises(IdentifierError):
            parse_digital_link(row["value"])
        return
    link = parse_digital_link(row["value"])
    canonical = row["expected"] if row["expected"].startswith("https") else None
    if canonical:
        # biip puts attributes in the order of their AIs, GS1's engine those of fixed length first
        ours = format_digital_link(link.elements)
        assert re.split("[?&]", ours)[0] == re.split("[?&]", canonical)[0]
        assert sorted(re.split("[?&]", ours)) == sorted(re.split("[?&]", canonical))
    else:
        assert sorted(link.elements) == sorted(parse_bracketed(row["expected"]))


@pytest.mark.parametrize("row", of_test("test_gs1_digital_link_uris.py", "test_parse_error"), ids=lambda r: r["id"])
def test_what_is_no_digital_link(row: Row) -> None:
    with pytest.raises(IdentifierError):
        parse_digital_link(row["value"])


@pytest.mark.parametrize("row", of_test("test_parse.py", "test_parse"), ids=lambda r: r["id"])
def test_scans_name_the_trade_item_that_biip_finds(row: Row) -> None:
    """biip tries every parser on a bare number; a GTIN that it finds is the one that we give."""
    found = re.search(r"[( ]gtin=(?:Gtin|Rcn)\(value='([0-9]+)'", row["expected"])
    value = parse_barcode(row["value"])
    gtin = value.gtin if isinstance(value, Barcode) else None
    expected = found and Gtin14(found[1].zfill(14))
    if expected is None or gtin == expected:
        return
    assert row["id"] in GTIN_DIFFERENCES, (row["value"], value, expected)


GTIN_DIFFERENCES = {
    "biip-0397": "six digits without check digit are no UPC-E to a shelf scan",
    "biip-0408": SHORT_GTIN,
}


def test_a_bare_ean_13_is_a_gtin_and_not_an_ai() -> None:
    import biip

    text = "9501101020917"
    theirs = biip.parse(text)
    assert theirs.gs1_message is not None  # "(95) 01101020917" to biip
    ours = parse_barcode(text)
    assert ours == Barcode("gtin", gtin=Gtin14("09501101020917"))


def test_a_wrong_check_digit_of_a_bare_gtin_says_what_was_expected() -> None:
    value = parse_barcode("9506000134353")
    assert isinstance(value, BarcodeReject)
    assert value.code == BarcodeCode.CHECK_DIGIT
    assert "expected check digit 2, found 3 at digit 13" in value.message
    with pytest.raises(BadCheckDigit):
        parse_gtin("9506000134353")


SINGLE_DIFFERENCES = {
    "biip-0213": "a GRAI whose 14th digit is no good check digit: biip does not look, we reject it",
}
SINGLE_ELEMENTS = of_test(
    "test_gs1_element_strings.py",
    "test_extract",
    "test_extract_amount_payable",
    "test_extract_amount_payable_and_currency",
    "test_extract_date_and_datetime",
    "test_extract_handles_min_and_max_year_correctly",
    "test_extract_handles_zero_day_as_last_day_of_month",
    "test_extract_percentage_discount",
    "test_extract_variable_measures",
)


@pytest.mark.parametrize("row", SINGLE_ELEMENTS, ids=lambda r: r["id"])
def test_a_single_element_string_is_split_where_biip_splits_it(row: Row) -> None:
    value = parse_barcode("]C1" + row["value"])
    if row["id"] in SINGLE_DIFFERENCES:
        assert isinstance(value, BarcodeReject)
        assert value.code is BarcodeCode.CHECK_DIGIT
        return
    assert isinstance(value, Barcode), value
    ((ai, data),) = value.elements
    assert ai + data == row["value"]
    told = re.search(r"\(ai='(\d+)'.*?\), value='([^']*)'", str(row.get("expected", "")))
    if told:
        assert (ai, data) == told.groups()


@pytest.mark.parametrize(
    "row",
    of_test("test_gs1_messages.py", "test_parse_hri"),
    ids=lambda r: r["id"],
)
def test_bracketed_text(row: Row) -> None:
    elements = parse_bracketed(row["value"])
    assert format_bracketed(elements) == row["value"]


AIM = of_test("test_symbology.py", "test_extract")


@pytest.mark.parametrize("row", AIM, ids=lambda r: r["id"])
def test_an_aim_identifier_that_carries_no_gs1_data_is_named(row: Row) -> None:
    value = parse_barcode(row["value"])
    assert isinstance(value, BarcodeReject)  # "abc" is no GS1 data in any symbol
    carries_gs1 = "gs1_symbology=GS1Symbology" in row["expected"]
    assert (value.code in {BarcodeCode.SYMBOLOGY, BarcodeCode.NOT_GS1}) is not carries_gs1
