"""Company prefixes: which items are ours.

A prefix is a range of GTINs, so that many prefixes are a sorted list of ranges. The indicator digit in front
of a GTIN-14 is not part of the prefix (GS1 General Specifications, section 1.4): it is taken off first, and
the 13 digits that stay are compared as numbers. That holds for scalar and column alike, and does not depend
on the partition value that some supplier's printer wrote.
"""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wire.epc.partition import GCP_BITS
from wire.gs1.errors import BadLength, OutOfRange
from wire.gs1.gtin import require_digits

BODY_DIGITS: Final = 13
BODY: Final = 10**BODY_DIGITS
PREFIX_DIGITS: Final = range(4, 13)
"""GS1 gives prefixes of 4 to 12 digits; tags can hold 6 to 12 (TDS section 14.3)."""

PREFIXES_MAX: Final = 100_000
"""A department store with every brand of its suppliers stays far below; more is a wrong file."""


class CompanyPrefixes:
    """A set of company prefixes, ready to be asked. Empty means: no filter is configured, everything is ours."""

    __slots__ = ("_starts", "_starts_column", "_stops", "_stops_column", "values")

    def __init__(self, prefixes: Iterable[str] = ()) -> None:
        """Take prefixes as digit strings with their leading zeros.

        Raises:
            BadLength: not 4 to 12 digits.
            BadCharacter: not digits.
            OutOfRange: more than `PREFIXES_MAX` of them.
        """
        self.values = tuple(sorted(set(prefixes)))
        if len(self.values) > PREFIXES_MAX:
            raise OutOfRange(
                "company prefixes", value=len(self.values), expected=f"at most {PREFIXES_MAX}", found="more"
            )
        ranges: list[tuple[int, int]] = []
        for prefix in self.values:
            start, stop = _prefix_range(prefix)
            if ranges and start < ranges[-1][1]:  # a longer prefix inside of a shorter one adds nothing
                continue
            ranges.append((start, stop))
        self._starts = [start for start, _ in ranges]
        self._stops = [stop for _, stop in ranges]
        self._starts_column = np.array(self._starts, dtype=np.uint64)
        self._stops_column = np.array(self._stops, dtype=np.uint64)

    def __bool__(self) -> bool:
        return bool(self.values)

    def has(self, gtin: str) -> bool:
        """Whether this GTIN-14 is under one of the prefixes."""
        if not self.values:
            return True
        body = int(gtin[1:])
        at = bisect_right(self._starts, body)
        return at > 0 and body < self._stops[at - 1]

    def has_column(self, gtin: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """As `has` for a column of GTIN-14 as numbers, shape (n,)."""
        if not self.values:
            return np.ones(len(gtin), np.bool_)
        body = gtin % np.uint64(BODY)
        at = np.searchsorted(self._starts_column, body, side="right")
        inside: NDArray[np.bool_] = (at > 0) & (body < self._stops_column[np.maximum(at, 1) - 1])
        return inside


def is_ours(gtin: str, prefixes: CompanyPrefixes) -> bool:
    """Whether a GTIN-14 is under one of our company prefixes; always True without any."""
    return prefixes.has(gtin)


def is_ours_column(gtin: NDArray[np.uint64], prefixes: CompanyPrefixes) -> NDArray[np.bool_]:
    """As `is_ours`, for a column of GTINs as numbers (`Sgtin96Columns.gtin`), shape (n,)."""
    return prefixes.has_column(gtin)


def _prefix_range(prefix: str) -> tuple[int, int]:
    """First and behind-last 13-digit number under a prefix."""
    if len(prefix) not in PREFIX_DIGITS:
        raise BadLength("company prefix", value=prefix, expected="4 to 12 digits", found=str(len(prefix)))
    require_digits("company prefix", prefix)
    scale = 10 ** (BODY_DIGITS - len(prefix))
    return int(prefix) * scale, (int(prefix) + 1) * scale


AIR_MASK_POINTER_BITS: Final = 32 + 8 + 3
"""From the start of the EPC bank: CRC and PC (32 bits), header (8), filter (3); partition and prefix follow."""


def air_mask(prefix: str) -> tuple[int, int, bytes]:
    """A Gen2 Select mask for one company prefix: (pointer in bits from the EPC bank's start, length in bits, mask).

    It begins at the partition value, so that every filter value matches and every classic GS1 scheme does, since they
    share this layout (TDS section 14.3). `+` tags have no partition: a reader that filters in the air with this
    does not see them. The mask is left-aligned, zero padded to whole bytes.

    Raises:
        BadLength: not 6 to 12 digits: tags cannot hold it.
        BadCharacter: not digits.
    """
    if not 6 <= len(prefix) <= 12:
        raise BadLength("company prefix", value=prefix, expected="6 to 12 digits", found=str(len(prefix)))
    require_digits("company prefix", prefix)
    partition = 12 - len(prefix)
    bits = 3 + GCP_BITS[partition]
    mask = partition << GCP_BITS[partition] | int(prefix)
    size = -(-bits // 8)
    return AIR_MASK_POINTER_BITS, bits, (mask << (8 * size - bits)).to_bytes(size, "big")
