"""What a piece of bytes says: AIM identifiers, stand-ins for GS, and what no barcode holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.scanner.scan_text import ScanText, read_scan
from wire.gs1.barcode import Barcode, parse_barcode

ELEMENTS = "010950600013435217261231" + "21A7\x1d10LOT"


@pytest.mark.parametrize(
    ("piece", "separator", "expected"),
    [
        (b"9506000134352", "", ScanText("9506000134352")),
        (b"]E09506000134352", "", ScanText("9506000134352", "]E0")),
        (b"]d2" + ELEMENTS.encode(), "", ScanText(ELEMENTS, "]d2")),
        (b"]d2" + ELEMENTS.replace("\x1d", "^").encode(), "^", ScanText(ELEMENTS, "]d2")),
        (ELEMENTS.replace("\x1d", "<GS>").encode(), "<GS>", ScanText(ELEMENTS)),
        (b"https://id.gs1.org/01/09506000134352/21/a~b", "~", ScanText("https://id.gs1.org/01/09506000134352/21/a~b")),
        (b"]Q1https://x.example/~", "~", ScanText("https://x.example/~", "]Q1")),
        (b"]C0a^b", "^", ScanText("a^b", "]C0")),
        ("Grüße".encode(), "", ScanText("Grüße")),
        (b"[)>\x1e06\x1d9N11\x1e\x04", "", ScanText("[)>\x1e06\x1d9N11\x1e\x04")),
        (b"]x", "", ScanText("]x")),
        (b"LU:END", "E", ScanText("LU:END")),
    ],
)
def test_text(piece: bytes, separator: str, expected: ScanText) -> None:
    assert read_scan(piece, separator) == expected


@pytest.mark.parametrize(
    "piece", [b"]E0", b"\xff\xfe", b"9506\x00", b"a\x1bb", b"a\x7f", "a\u0085".encode(), b"\xb1\xb2"]
)
def test_what_no_barcode_holds(piece: bytes) -> None:
    assert read_scan(piece) is None


@given(st.binary(max_size=50), st.sampled_from(["", "^", "~~"]))
def test_any_bytes_are_a_text_or_nothing(piece: bytes, separator: str) -> None:
    scan = read_scan(piece, separator)
    if scan is not None:
        assert scan.text
        assert "\r" not in scan.text
        assert "\n" not in scan.text
        assert len(scan.text) <= len(piece)


def test_the_gateway_reads_what_stood_in_for_gs() -> None:
    scan = read_scan(b"]d2" + ELEMENTS.replace("\x1d", "^").encode(), "^")
    assert scan is not None
    code = parse_barcode(scan.symbology + scan.text)
    assert isinstance(code, Barcode)
    assert (code.gtin, code.serial) == ("09506000134352", "A7")
