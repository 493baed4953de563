"""What one piece of a scanner's bytes says: the text, the symbol's AIM identifier, or a control barcode.

The frame is `[prefix] [AIM identifier] data [suffix]`; the splitter took prefix and suffix off. The AIM identifier
(`]E0`, `]d2`; ISO/IEC 15424) is sent only by scanners that were told to. Text is UTF-8 without control characters, but
for those that barcodes hold on purpose: GS (FNC1), and RS, FS, US, EOT of ISO/IEC 15434 envelopes. Anything else is
what a wrong baud rate or parity makes of a barcode.

Where a scanner sends something else for GS (`group_separator`), it is put back in the symbols that hold element
strings, or, without an AIM identifier, in every text that is no web address.

Texts that begin with `LU:` are ours: barcodes printed to be scanned by staff, never goods.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from wire.gs1.barcode import LINK_STARTS, MESSAGES
from wire.gs1.element_string import GS

CONTROL: Final = "LU:"
END: Final = "LU:END"
"""Ends a count session."""

_AIM: Final = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_NOT_TEXT: Final = re.compile(r"[\x00-\x03\x05-\x1b\x7f-\x9f]")


class ScanText(NamedTuple):
    """One barcode. `symbology`: its AIM identifier, empty where the scanner sends none."""

    text: str
    symbology: str = ""


def read_scan(piece: bytes, group_separator: str = "") -> ScanText | None:
    """Return what a piece says, None when it is no text that a barcode holds."""
    try:
        text = piece.decode("utf-8")
    except UnicodeDecodeError:
        return None
    aim = _AIM.match(text)
    symbology = aim[0] if aim else ""
    text = text.removeprefix(symbology)
    if group_separator and _may_hold_gs(text, symbology):
        text = text.replace(group_separator, GS)
    if not text or _NOT_TEXT.search(text):
        return None
    return ScanText(text, symbology)


def _may_hold_gs(text: str, symbology: str) -> bool:
    if symbology:
        return symbology in MESSAGES
    return not text.startswith(LINK_STARTS) and not text.startswith(CONTROL)
