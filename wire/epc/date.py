"""Six-digit dates in 16 bits: year 7, month 4, day 5 (TDS section 14.5.8). Day 0 means the month as a whole."""

from typing import Final

MONTH_DAYS: Final = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

DATE_TYPES: Final = ("11", "13", "15", "16", "17", "7006", "7007")
"""DSGTIN+: what the 4-bit date type stands for: production, packaging, best before, sell by, expiry, first freeze,
harvest (TDS table 14-2b)."""


def date_text(field: int) -> str | None:
    """YYMMDD of a 16-bit date, None if no calendar has it. Years are two digits: 00 counts as a leap year."""
    year, month, day = field >> 9, field >> 5 & 0xF, field & 0x1F
    if year > 99 or not 1 <= month <= 12 or day > MONTH_DAYS[month]:
        return None
    if month == 2 and day == 29 and year % 4:
        return None
    return f"{year:02d}{month:02d}{day:02d}"


def date_field(text: str) -> int | None:
    """The 16 bits of YYMMDD, None if these are not six digits of a date."""
    if len(text) != 6 or not (text.isascii() and text.isdigit()):
        return None
    field = int(text[:2]) << 9 | int(text[2:4]) << 5 | int(text[4:])
    return field if int(text[2:4]) < 16 and int(text[4:]) < 32 and date_text(field) == text else None
