"""An item as the path of its GS1 Digital Link, `/01/09506000134352/21/12345`: GTIN-14 and serial in one short text.

What edge and gateway call an item in commands. The whole grammar of links stands in `wire.gs1.digital_link`; here are
only the two AIs that make an item, because an edge reads lists of a hundred thousand of them.
"""

from typing import Final
from urllib.parse import quote, unquote

from wire.errors import MessageError

SERIAL_MAX_CHARS: Final = 20
"""AI 21 (GS1 General Specifications, section 3.5.2)."""

_GTIN_DIGITS: Final = 14


def item_path(gtin: str, serial: str) -> str:
    """Return the path of an item; the serial is percent-encoded."""
    return f"/01/{gtin}/21/{quote(serial, safe='')}"


def parse_item_path(path: str) -> tuple[str, str]:
    """Return GTIN-14 and serial. Raises `MessageError`: not such a path. The GTIN's check digit is not looked at."""
    parts = path.split("/")
    if len(parts) == 5 and (parts[0], parts[1], parts[3]) == ("", "01", "21"):
        gtin, serial = parts[2], parts[4]
        if "%" in serial:
            serial = unquote(serial)
        if len(gtin) == _GTIN_DIGITS and gtin.isascii() and gtin.isdigit() and 1 <= len(serial) <= SERIAL_MAX_CHARS:
            return gtin, serial
    raise MessageError(f"item {path!r}: expected /01/<GTIN of 14 digits>/21/<serial of at most 20 characters>")
