"""Which item a code names, and how long its company prefix is taken to be."""

from __future__ import annotations

import pytest

from edge.scanner.item_code import ItemCodes
from edge.scanner.scan_text import ScanText, read_scan
from wire.epc import Sgtin, decode_epc, encode_sgtin96
from wire.gs1.errors import IdentifierError

GTIN = "09506000134352"
CODES = ItemCodes(["9506000"])


def scan(text: str) -> ScanText:
    read = read_scan(text.encode())
    assert read is not None
    return read


def decoded(epc: bytes) -> Sgtin:
    value = decode_epc(epc, 8 * len(epc))
    assert isinstance(value, Sgtin)
    return value


@pytest.mark.parametrize(
    ("text", "serial"),
    [
        (f"]d201{GTIN}21A7", "A7"),
        (f"]C101{GTIN}21123", "123"),
        (f"01{GTIN}21123", "123"),
        (f"]d201{GTIN}21A7\x1d10LOT", "A7"),
        (f"https://id.gs1.org/01/{GTIN}/21/32a%2Fb", "32a/b"),
        (f"]Q1https://shop.example/x/01/{GTIN}/10/L/21/7", "7"),
        ("urn:epc:id:sgtin:9506000.013435.7", "7"),
        ("urn:epc:tag:sgtin-96:1.9506000.013435.7", "7"),
        (encode_sgtin96(GTIN, 6789, company_prefix_length=7).hex(), "6789"),
        (encode_sgtin96(GTIN, 6789, company_prefix_length=7).hex().upper(), "6789"),
    ],
)
def test_codes_that_name_an_item(text: str, serial: str) -> None:
    item = CODES.item(scan(text))
    assert item is not None
    assert item.identity == (GTIN, serial)
    assert decoded(CODES.epc(item)).identity == (GTIN, serial)


@pytest.mark.parametrize(
    "text",
    [
        "9506000134352",
        "]E09506000134352",
        f"]d201{GTIN}10LOT",
        f"https://id.gs1.org/01/{GTIN}",
        f"]d201{GTIN}21A17261231",  # no GS: the serial may have swallowed a date
        "]d2010201234500000121A7",  # a shop's own number makes no EPC
        "]d201095060001343532177",  # wrong check digit
        "urn:epc:id:sscc:9506000.0134352221",
        "urn:epc:id:sgtin:9506000.013435",
        "E2801170200014CD9B5A08EC",  # a TID
        "30",
        "LU:END",
        "text",
    ],
)
def test_codes_that_name_none(text: str) -> None:
    assert CODES.item(scan(text)) is None


def test_the_prefix_length_is_the_sites_own_then_gs1s_then_needs_none() -> None:
    item = CODES.item(scan(f"]d201{GTIN}217"))
    assert item is not None
    assert decoded(CODES.epc(item)).company_prefix_length == 7
    assert CODES.epc(item) == encode_sgtin96(GTIN, 7, company_prefix_length=7), "as a label printer would write it"
    longest = ItemCodes(["9506000", "950600013", "9506"])
    assert decoded(longest.epc(item)).company_prefix_length == 9
    by_table = ItemCodes([])
    assert decoded(by_table.epc(item)).company_prefix_length == 11
    unknown = by_table.item(scan("]d20101401234567892217"))
    assert unknown is not None
    assert decoded(by_table.epc(unknown)).scheme == "sgtin+"
    assert decoded(by_table.epc(unknown)).identity == ("01401234567892", "7")


def test_a_prefix_that_tags_cannot_hold_still_says_whose_it_is() -> None:
    short = ItemCodes(["9506"])
    item = short.item(scan(f"]d201{GTIN}217"))
    assert item is not None
    assert short.is_ours(item)
    assert decoded(short.epc(item)).company_prefix_length == 11, "by GS1's table"
    assert not ItemCodes(["9507"]).is_ours(item)
    assert ItemCodes([]).is_ours(item), "without prefixes everything is ours"


def test_an_epc_that_was_scanned_goes_on_as_it_is() -> None:
    epc = encode_sgtin96(GTIN, 7, company_prefix_length=9, filter=3)
    item = CODES.item(scan(epc.hex()))
    assert item is not None
    assert CODES.epc(item) == epc


def test_prefixes_that_are_none() -> None:
    with pytest.raises(IdentifierError):
        ItemCodes(["12"])
