"""Partition tables of the classic schemes: where the company prefix ends and the reference begins.

A partition value P of 0 to 6 means a company prefix of 12 - P digits, always in the same number of bits; what is left
of the field holds the reference (TDS section 14.3, tables 14-2 ff.). Both are also bounded in decimal digits: a value
that fits the bits and not the digits is invalid and must be refused, never widened.
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


def partition_table(bits: int, digits: int) -> tuple[PartitionRow, ...]:
    """Rows for partition 0 to 6 of a field of `bits` bits that holds `digits` decimal digits in all."""
    rows = []
    for gcp_bits, gcp_digits in zip(GCP_BITS, GCP_DIGITS, strict=True):
        ref_bits, ref_digits = bits - gcp_bits, digits - gcp_digits
        rows.append(
            PartitionRow(
                gcp_digits, 10**gcp_digits, ref_bits, (1 << ref_bits) - 1, ref_digits, 10**ref_digits
            )
        )
    return tuple(rows)


SGTIN_PARTITIONS: Final = partition_table(44, 13)
"""SGTIN and ITIP: the reference holds the indicator digit and the item reference (TDS table 14-2)."""

SSCC_PARTITIONS: Final = partition_table(58, 17)
"""SSCC, GSRN and GSRNP (TDS tables 14-5, 14-18)."""

SGLN_PARTITIONS: Final = partition_table(41, 12)
"""SGLN, GDTI and SGCN (TDS tables 14-7, 14-20, 14-27)."""

GRAI_PARTITIONS: Final = partition_table(44, 12)
"""GRAI: three bits wider than its digits need (TDS table 14-10)."""
