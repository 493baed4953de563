"""Why a tag's bits are not one of our values.

A reject is an answer, not an exception: the radio brings them daily.
"""

from enum import StrEnum
from typing import Final

import msgspec


class RejectCode(StrEnum):
    """Stable names: they are counted per antenna and shown on boards."""

    UNPROGRAMMED = "unprogrammed"
    """Header 00: a chip as it left the factory (TDS section 14.2)."""
    TID = "tid"
    """Header E2: a tag identification, not an EPC; the reader is set to read the wrong memory bank."""
    ISO_AFI = "iso_afi"
    """The toggle bit of the PC word is 1: an ISO 15961 identifier, for example a library book's (TDS section 9.3)."""
    UNKNOWN_HEADER = "unknown_header"
    """A header that GS1 has not given to any scheme: retired, proprietary, or noise."""
    LENGTH = "length"
    """The bits do not fit the scheme, or the PC word announces others than came."""
    TRUNCATED = "truncated"
    """A field of a variable-length scheme runs over the end."""
    PADDING = "padding"
    """Bits after the last field, or spare bits inside, are not zero."""
    PARTITION = "partition"
    """Partition value 7 is reserved (TDS section 14.4.3)."""
    RANGE = "range"
    """A field holds more than its decimal digits allow."""
    DIGIT = "digit"
    """A nibble that must be a decimal digit is A to F."""
    CHECK_DIGIT = "check_digit"
    """A `+` scheme carries the whole key, and its check digit is wrong."""
    CHARACTER = "character"
    """A character outside the field's set."""
    EMPTY = "empty"
    """A field that must hold something is empty."""
    ENCODING = "encoding"
    """A reserved or misused encoding indicator (TDS section 14.5.6)."""
    DATE = "date"
    """A date that no calendar has, or a reserved date type (TDS sections 14.5.8 and 14.5.3)."""
    AIDC = "aidc"
    """Application identifiers behind the EPC that cannot be read (TDS section 15.3)."""
    HOSTNAME = "hostname"
    """The host name of a `++` scheme cannot be one."""


class Reject(msgspec.Struct, frozen=True, gc=False):
    """A typed reject: `code` for counters, `message` for people, `scheme` as far as the header named one."""

    code: RejectCode
    message: str
    scheme: str = ""


NOT_AN_EPC: Final = frozenset({RejectCode.UNPROGRAMMED, RejectCode.TID, RejectCode.ISO_AFI, RejectCode.UNKNOWN_HEADER})
"""Somebody else's tag or none at all, in contrast to an EPC that was written wrongly."""


class Refused(Exception):  # noqa: N818 - an answer on its way up, not an error
    """Inside the decoders only: a rule is broken. `decode_epc` turns it into a `Reject` with the scheme's name."""

    def __init__(self, code: RejectCode, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)
