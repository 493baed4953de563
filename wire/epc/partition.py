"""Partition tables of the classic schemes: where the company prefix ends and the reference begins.

A partition value P of 0 to 6 means a company prefix of 12 - P digits, always in the same number of bits;
what is left of the field holds the reference (TDS sections 14.3.3 and 14.4.3; the tables stand with their
schemes in 14.6). Both are also bounded in decimal digits: a value that fits the bits and not the digits is
invalid and must be refused, never widened.
"""

from typing import Final, NamedTuple

GCP_BITS: Final = (40, 37, 34, 30, 27, 24, 20)
GCP_DIGITS: Final = (12, 11, 10, 9, 8, 7, 6)
PARTITIONS: Final = 7


class PartitionRow(NamedTuple):
    """One partition value of one scheme family."""

    gcp_digits: int
    gcp_limit: int
    ref_bits: int
    ref_mask: int
    ref_digits: int
    ref_limit: int
    ref_is_number: bool = False
    """The reference is a number without leading zeros, not a string of `ref_digits` digits."""


def partition_table(bits: int, digits: int) -> tuple[PartitionRow, ...]:
    """Rows for partition 0 to 6 of a field of `bits` bits that holds `digits` decimal digits in all."""
    return tuple(
        PartitionRow(
            gcp_digits,
            10**gcp_digits,
            bits - gcp_bits,
            (1 << bits - gcp_bits) - 1,
            digits - gcp_digits,
            10 ** (digits - gcp_digits),
        )
        for gcp_bits, gcp_digits in zip(GCP_BITS, GCP_DIGITS, strict=True)
    )


def open_partition_table(bits: int, digits: int = 0) -> tuple[PartitionRow, ...]:
    """Rows for keys whose reference is a number: below 10 ** (digits - prefix digits), or all that the bits hold."""
    return tuple(
        row._replace(
            ref_digits=0,
            ref_is_number=True,
            ref_limit=10 ** (digits - row.gcp_digits) if digits else row.ref_mask + 1,
        )
        for row in partition_table(bits, max(digits, GCP_DIGITS[0]))
    )


SGTIN_PARTITIONS: Final = partition_table(44, 13)
"""SGTIN and ITIP: the reference holds the indicator digit and the item reference (TDS sections 14.6.1, 14.6.11)."""

SSCC_PARTITIONS: Final = partition_table(58, 17)
"""SSCC, GSRN and GSRNP (TDS sections 14.6.2, 14.6.6, 14.6.7)."""

SGLN_PARTITIONS: Final = partition_table(41, 12)
"""SGLN, GDTI and SGCN (TDS sections 14.6.3, 14.6.8, 14.6.10)."""

GRAI_PARTITIONS: Final = partition_table(44, 12)
"""GRAI: three bits wider than its digits need (TDS section 14.6.4)."""

GIAI_96_PARTITIONS: Final = open_partition_table(82)
"""GIAI-96: the reference is as large as its bits (TDS section 14.6.5.1)."""

CPI_96_PARTITIONS: Final = open_partition_table(51, 15)
"""CPI-96: references of 3 to 9 digits (TDS section 14.6.9)."""
