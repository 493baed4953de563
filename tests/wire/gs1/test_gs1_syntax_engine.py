"""GS1's own engine and we agree on its unit tables, or the row stands here with its reason."""

import re

import pytest

from tests.wire.epc.rows import DATA, Row, rows
from wire.gs1.barcode import Barcode, parse_barcode
from wire.gs1.digital_link import DEFAULT_HOST, NO_ATTRIBUTE, QUALIFIERS, format_digital_link, parse_digital_link
from wire.gs1.element_string import GS, parse_bracketed
from wire.gs1.errors import IdentifierError

ENGINE = rows("gs1-syntax-engine")

PREFIX = "gs1-syntax-engine-"

DIFFERENT = {
    **dict.fromkeys(("0038", "0039", "0040"), "short names of keys: an engine option; the standard took them back"),
    "0133": "(8010)0200: a CPI of four digits has no component behind its company prefix",
    **dict.fromkeys(
        ("0429", "0430", "0431", "0432", "0438", "0439", "0440", "0441", "0445", "0446", "0447", "0448"),
        "a plain symbol with any text: the engine passes it on, a shelf scan names no item by it",
    ),
    "0437": "a Digital Link whose scheme is in mixed case: the engine refuses it as a link (row 0013)",
}
"""Rows without an engine option on which we differ."""

OPTION = re.compile(r"ctx\.Permit\w+=true")


def of_kind(*kinds: str) -> list[Row]:
    return [row for row in ENGINE if row["kind"].startswith(kinds)]


def number(row: Row) -> str:
    return str(row["id"]).removeprefix(PREFIX)


def agrees(row: Row, *, taken: bool) -> bool:
    """Whether our answer is the stated one; rows that are valid by an engine option only are refused."""
    if number(row) in DIFFERENT or (row["valid"] and OPTION.search(row.get("reason", ""))):
        return taken is not row["valid"]
    return taken is bool(row["valid"])


def scan(text: str) -> Barcode | None:
    value = parse_barcode(text)
    return value if isinstance(value, Barcode) else None


@pytest.mark.parametrize("row", of_kind("dl-parse"), ids=number)
def test_digital_links(row: Row) -> None:
    try:
        elements = parse_digital_link(row.get("digital_link", "")).elements
    except IdentifierError:
        assert agrees(row, taken=False)
        return
    assert agrees(row, taken=True)
    assert "".join(ai + value for ai, value in elements) == row["element_string"].replace("^", "")


@pytest.mark.parametrize("row", of_kind("dl-generate"), ids=number)
def test_digital_links_from_elements(row: Row) -> None:
    stem = re.search(r"stem=https://([^ ]+)", row["reason"])
    try:
        link = format_digital_link(parse_bracketed(row["bare"]), stem[1].rstrip("/") if stem else DEFAULT_HOST)
    except IdentifierError:
        assert agrees(row, taken=False)
        return
    assert agrees(row, taken=True)
    assert link == row["digital_link"]


@pytest.mark.parametrize("row", of_kind("ai-bracketed"), ids=number)
def test_bracketed_element_strings(row: Row) -> None:
    try:
        elements = parse_bracketed(row["bare"])
    except IdentifierError:
        assert agrees(row, taken=False)
        return
    assert agrees(row, taken=True)
    assert "".join(ai + value for ai, value in elements) == row["element_string"].replace("^", "")


@pytest.mark.parametrize(
    "row", [r for r in of_kind("ai-fnc1") if r.get("element_string", "").startswith("^")], ids=number
)
def test_element_strings_with_separators(row: Row) -> None:
    value = scan("]d2" + row["element_string"][1:].replace("^", GS))
    assert agrees(row, taken=value is not None)
    if value:
        assert "".join(ai + text for ai, text in value.elements) == row["element_string"].replace("^", "")


@pytest.mark.parametrize(
    "row", [r for r in of_kind("ai-fnc1") if not r.get("element_string", "").startswith("^")], ids=number
)
def test_element_strings_without_anything_that_says_so(row: Row) -> None:
    assert not row["valid"]
    assert scan(row.get("element_string", "")) is None


@pytest.mark.parametrize("row", of_kind("scan-data"), ids=number)
def test_scans(row: Row) -> None:
    value = scan(row.get("bare", ""))
    assert agrees(row, taken=value is not None)


@pytest.mark.parametrize("row", of_kind("ai-set validateAIrepeats"), ids=number)
def test_an_ai_may_be_repeated_with_its_own_value_only(row: Row) -> None:
    value = scan(row["element_string"])
    if "(89)" in row["element_string"]:  # an AI that GS1 has not given: an engine option
        assert value is None
    else:
        assert (value is not None) is row["valid"]


NOT_RUN = {
    range(332, 336): "check characters of a model number, a minimum length of a company prefix",
    range(336, 338): "an index letter of a rail vehicle, a roll without a length",
    range(339, 340): "a component serial with a leading zero, which a Digital Link does not need to refuse",
    range(341, 350): "codes of countries, currencies, banks and winding directions",
    range(351, 352): "a release date without a day",
    range(355, 358): "piece 3 of 2",
    range(358, 359): "percent escapes inside of a postal address",
    range(359, 413): "the inside of a North American coupon",
    range(413, 415): "a place on earth",
    range(416, 417): "a code for biological sex",
    range(418, 420): "sample 2 of 1",
}
"""Content rules that the engine runs and we do not, by row: what a value means. No stock count hangs on them."""


def taken_bracketed(text: str) -> bool:
    try:
        parse_bracketed(text)
    except IdentifierError:
        return False
    return True


@pytest.mark.parametrize("row", of_kind("ai-linter"), ids=number)
def test_content_rules(row: Row) -> None:
    not_run = any(int(number(row)) in group for group in NOT_RUN)
    assert taken_bracketed(row["element_string"]) is (row["valid"] or not_run)


NO_SUCH_AI = dict.fromkeys(("0274", "0275", "0276", "0277"), "3338: an AI that GS1 has not given")


@pytest.mark.parametrize(
    "row",
    of_kind("ai-set validateAIrequisites", "ai-set validateAImutex", "ai-set validateDigSig"),
    ids=number,
)
def test_which_ais_belong_together_is_not_asked(row: Row) -> None:
    # what a shelf scan is for, the key, is the same with and without the AIs that should stand beside it
    assert taken_bracketed(row["element_string"]) is (number(row) not in NO_SUCH_AI)
    assert not (row["valid"] and number(row) in NO_SUCH_AI)


def test_every_row_of_the_engine_is_in_a_test() -> None:
    kinds = {row["kind"].partition("(")[0].split()[-1] for row in ENGINE}
    assert kinds == {
        *("dl-parse", "dl-generate", "ai-bracketed", "ai-fnc1", "scan-data", "ai-linter"),
        *("validateAIrepeats", "validateAIrequisites", "validateAImutex", "validateDigSigRequiresSerialisedKey"),
    }


def test_primary_keys_and_qualifiers_are_those_of_the_dictionary() -> None:
    keys: dict[str, tuple[tuple[str, ...], ...]] = {}
    refused = set()
    for line in (DATA / "gs1-syntax-dictionary.txt").read_text().splitlines():
        match = re.match(r"([0-9]{2,4})(?:-[0-9]{2,4})?\s+([*?]*)\s+[NXYZ]", line)
        if not match:
            continue
        attribute = re.search(r"dlpkey(?:=(\S+))?", line)
        if attribute:
            sequences = (attribute[1] or "").split("|")
            keys[match[1]] = tuple(tuple(filter(None, sequence.split(","))) for sequence in sequences)
        if "?" not in match[2]:
            refused.add(match[1])
    assert keys == QUALIFIERS
    assert refused == NO_ATTRIBUTE
