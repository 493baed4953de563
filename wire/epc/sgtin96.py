"""SGTIN-96, the tag of nearly every item in a shop, decoded without detours (TDS section 14.6.1.1).

Layout: header 8, filter 3, partition 3, company prefix and item reference 44, serial 38 (a number without
leading zeros). The first digit of the item reference is the GTIN's indicator: it moves to the front, and the
check digit, which the tag leaves out, is computed. `classic` holds the same rules as a table; this is its
hot row written out, three times as fast.
"""

from typing import Final

from wire.epc.classic import out_of_range
from wire.epc.keys import Sgtin
from wire.epc.partition import PARTITIONS, SGTIN_PARTITIONS
from wire.epc.reject import Refused, RejectCode
from wire.gs1.check_digit import GROUP_SUMS
from wire.gs1.gtin import Gtin14

SCHEME: Final = "sgtin-96"
HEADER: Final = 0x30
SERIAL_MAX: Final = (1 << 38) - 1
MASK_44: Final = (1 << 44) - 1


def decode_sgtin96(epc: bytes) -> Sgtin:
    """An SGTIN-96 of exactly 12 bytes with header 30; both are the caller's to check.

    Raises:
        Refused: a rule is broken.
    """
    bits = int.from_bytes(epc, "big")
    partition = bits >> 82 & 7
    if partition == PARTITIONS:
        raise Refused(RejectCode.PARTITION, "partition 7 is reserved; expected 0 to 6")
    digits, gcp_limit, ref_bits, ref_mask, _, ref_limit, _ = SGTIN_PARTITIONS[partition]
    field = bits >> 38 & MASK_44
    gcp = field >> ref_bits
    item = field & ref_mask
    if gcp >= gcp_limit or item >= ref_limit:
        raise out_of_range(SGTIN_PARTITIONS[partition], gcp, item)
    tail = ref_limit // 10
    indicator, item = divmod(item, tail)
    body = indicator * 1_000_000_000_000 + gcp * tail + item
    high, low = divmod(body, 100_000_000)
    check = -(
        GROUP_SUMS[low % 10_000] + GROUP_SUMS[low // 10_000] + GROUP_SUMS[high % 10_000] + GROUP_SUMS[high // 10_000]
    )
    return Sgtin(
        Gtin14(f"{body * 10 + check % 10:014d}"),
        str(bits & SERIAL_MAX),
        scheme=SCHEME,
        filter=bits >> 85 & 7,
        company_prefix_length=digits,
    )
