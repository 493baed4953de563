"""Further application identifiers behind a `+` tag: the table against GS1's own dictionary, and what is kept."""

import re

import pytest

from tests.wire.epc.rows import DATA
from wire.epc import Sgtin, decode_epc, encode_epc
from wire.epc.aidc import FORMATS, KEY_LENGTHS
from wire.gs1 import Gtin14


def dictionary() -> dict[str, int]:
    """AI -> longest value, from the syntax dictionary."""
    longest = {}
    for line in (DATA / "gs1-syntax-dictionary.txt").read_text().splitlines():
        match = re.match(r"([0-9]{2,4})(?:-([0-9]{2,4}))?\s+([*?]*)\s+(.*?)(?:\s{2,}|$)", line)
        if not match:
            continue
        parts = re.findall(r"\[?[NXYZ](?:\.\.)?([0-9]+)", match[4])
        for ai in range(int(match[1]), int(match[2] or match[1]) + 1):
            longest[f"{ai:0{len(match[1])}d}"] = sum(map(int, parts))
    return longest


def test_every_format_is_that_of_a_known_ai_and_holds_its_longest_value() -> None:
    known = dictionary()
    assert len(known) > 500
    differing = {
        ai: (sum(component.size for component in form), known.get(ai))
        for ai, form in FORMATS.items()
        if sum(component.size for component in form) != known.get(ai)
    }
    # TDS table F gives a bank account 24 characters, the dictionary 34
    assert differing == {"8007": (24, 34)}


def test_the_first_two_digits_say_how_long_an_ai_is() -> None:
    for ai in dictionary():
        assert KEY_LENGTHS.get(ai[:2], len(ai)) == len(ai), ai


@pytest.mark.parametrize(
    ("ai", "value"),
    [
        ("17", "260630"),
        ("10", "LOT-7"),
        ("3103", "001250"),
        ("30", "12"),
        ("421", "528ABC1"),
        ("4321", "1"),
        ("8003", "09521141123454AB"),
        ("99", "x" * 30),
    ],
)
def test_data_behind_the_epc_is_read(ai: str, value: str) -> None:
    tag = Sgtin(Gtin14("09506000134352"), "A1", scheme="sgtin+", data=((ai, value),))
    epc = encode_epc(tag)
    again = decode_epc(epc, 8 * len(epc))
    assert isinstance(again, Sgtin)
    assert again.data == ((ai, value),)
    assert again == Sgtin(Gtin14("09506000134352"), "A1")


@pytest.mark.parametrize("header", ["A1", "F7", "1B"])
def test_a_data_header_that_is_kept_for_later_does_not_hide_the_item(header: str) -> None:
    epc = bytes.fromhex(f"F7B79521141123453011{header}7F")
    value = decode_epc(epc, 8 * len(epc))
    assert isinstance(value, Sgtin)
    assert value.identity == ("79521141123453", "1")
    assert value.data == (("", f"0b{int(header + '7F', 16):016b}"),)
    assert encode_epc(value) == epc
