"""The header byte: which scheme a tag's bits follow (TDS section 14.2, table 14-1)."""

from typing import Final, NamedTuple


class Header(NamedTuple):
    """`bits` is 0 for schemes of variable length."""

    scheme: str
    bits: int


HEADERS: Final[dict[int, Header]] = {
    0x2C: Header("gdti-96", 96),
    0x2D: Header("gsrn-96", 96),
    0x2E: Header("gsrnp-96", 96),
    0x2F: Header("usdod-96", 96),
    0x30: Header("sgtin-96", 96),
    0x31: Header("sscc-96", 96),
    0x32: Header("sgln-96", 96),
    0x33: Header("grai-96", 96),
    0x34: Header("giai-96", 96),
    0x35: Header("gid-96", 96),
    0x36: Header("sgtin-198", 198),
    0x37: Header("grai-170", 170),
    0x38: Header("giai-202", 202),
    0x39: Header("sgln-195", 195),
    0x3A: Header("gdti-113", 113),
    0x3B: Header("adi-var", 0),
    0x3C: Header("cpi-96", 96),
    0x3D: Header("cpi-var", 0),
    0x3E: Header("gdti-174", 174),
    0x3F: Header("sgcn-96", 96),
    0x40: Header("itip-110", 110),
    0x41: Header("itip-212", 212),
    0xE6: Header("cpi++", 0),
    0xE7: Header("gsrn++", 0),
    0xE8: Header("gsrnp++", 0),
    0xE9: Header("sgln++", 0),
    0xEA: Header("gdti++", 0),
    0xEB: Header("grai++", 0),
    0xEC: Header("sgcn++", 0),
    0xED: Header("itip++", 0),
    0xEE: Header("giai++", 0),
    0xEF: Header("sscc++", 0),
    0xF0: Header("cpi+", 0),
    0xF1: Header("grai+", 0),
    0xF2: Header("sgln+", 0),
    0xF3: Header("itip+", 0),
    0xF4: Header("gsrn+", 0),
    0xF5: Header("gsrnp+", 0),
    0xF6: Header("gdti+", 0),
    0xF7: Header("sgtin+", 0),
    0xF8: Header("sgcn+", 0),
    0xF9: Header("sscc+", 0),
    0xFA: Header("giai+", 0),
    0xFB: Header("dsgtin+", 0),
    0xFC: Header("dsgtin++", 0),
    0xFD: Header("sgtin++", 0),
}

HEADER_OF: Final[dict[str, int]] = {header.scheme: byte for byte, header in HEADERS.items()}

_RETIRED: Final = "retired with all 64-bit schemes in 2009"

NOT_GS1: Final[dict[int, str]] = {
    0x08: f"SSCC-64, {_RETIRED}",
    0x09: f"SGLN-64, {_RETIRED}",
    0x0A: f"GRAI-64, {_RETIRED}",
    0x0B: f"GIAI-64, {_RETIRED}",
    **dict.fromkeys(range(0x80, 0xC0), f"SGTIN-64, {_RETIRED}"),
    0xCE: f"DoD-64, {_RETIRED}",
    0x44: "proprietary, seen in the field",
    0xC3: "proprietary, seen in the field",
    0xE0: "a TID of ISO 7816-6, not an EPC",
    0xE3: "a TID of another class or proprietary, seen in the field",
}
"""Headers that belong to no scheme and are met all the same: their name helps whoever reads the reject."""
