"""Six-digit dates in 16 bits: year 7, month 4, day 5 (TDS section 14.5.8). Day 0 means the month as a whole."""

from functools import lru_cache
from typing import Final

from wire.epc.bits import Bits
from wire.epc.reject import Refused, RejectCode
from wire.gs1.errors import OutOfRange

DATE_BITS: Final = 16

DATES_KEPT: Final = 4_096
"""The days of eleven years: goods in a shop carry a few hundred."""
MONTH_DAYS: Final = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

DATE_TYPES: Final = ("11", "13", "15", "16", "17", "7006", "7007")
"""DSGTIN+: what the 4-bit date type stands for: production, packaging, best before, sell by, expiry, first freeze,
harvest (TDS section 14.5.3, "Prioritised Date")."""


@lru_cache(maxsize=DATES_KEPT)
def date_text(field: int) -> str | None:
    """YYMMDD of a 16-bit date, None if no calendar has it. Years are two digits: 00 counts as a leap year."""
    year, month, day = field >> 9, field >> 5 & 0xF, field & 0x1F
    if year > 99 or not 1 <= month <= 12 or day > MONTH_DAYS[month]:
        return None
    if month == 2 and day == 29 and year % 4:
        return None
    return f"{year:02d}{month:02d}{day:02d}"


def read_date(bits: Bits) -> str:
    """The YYMMDD that comes next.

    Raises:
        Refused: no such day, or over the end.
    """
    field = bits.take(DATE_BITS)
    text = date_text(field)
    if text is None:
        raise Refused(RejectCode.DATE, f"date bits {field:016b}: no such day")
    return text


def write_date(what: str, text: str) -> int:
    """The 16 bits of YYMMDD.

    Raises:
        OutOfRange: not six digits of a date.
    """
    if len(text) == 6 and text.isascii() and text.isdigit():
        year, month, day = int(text[:2]), int(text[2:4]), int(text[4:])
        field = year << 9 | month << 5 | day
        if month < 16 and day < 32 and date_text(field) == text:
            return field
    raise OutOfRange(what, value=text, expected="YYMMDD", found="no such day")
