"""All rows of stock as CSV (RFC 4180), with what the channel may sell of each. Pure.

A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a line break for a formula, wherever its text
came from: here from a catalogue. Such a text gets an apostrophe in front, which spreadsheets show as text (OWASP, "CSV
injection"). Numbers and instants are ours and stay as they are.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Final

from gateway.availability import Policy
from gateway.http.ports import StockRow

COLUMNS: Final = (
    "site",
    "gtin",
    "style",
    "colour",
    "size",
    "description",
    "department",
    "price",
    "atp",
    "confidence",
    "status",
    "as_of",
    "version",
)
_FORMULA: Final = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def head() -> bytes:
    """Return the line of names."""
    return _line(COLUMNS)


def lines(site: str, rows: Iterable[StockRow], policy: Policy) -> Iterator[bytes]:
    """Yield a line for each SKU of a site."""
    for row in rows:
        offered = row.offer(policy)
        texts = (row.style, row.colour, row.size, row.description, row.department)
        yield _line(
            (
                site,
                row.gtin,
                *map(harmless, texts),
                harmless(row.price or ""),
                str(offered.atp),
                "" if offered.confidence is None else f"{offered.confidence:g}",
                row.status,
                row.as_of,
                str(row.version),
            )
        )


def _line(fields: Iterable[str]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerow(fields)
    return out.getvalue().encode()
