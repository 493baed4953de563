"""SGTIN-96 by the column: the path of replay, back-fill and every ReadBatch.

Twelve bytes are three big-endian words, w0 w1 w2. Header, filter and partition and the first 18 bits of the
44-bit key stand in w0, 26 bits of the key and the first 6 of the serial in w1, the rest in w2. All rules of
the scalar decoder hold (TDS section 14.6.1.1): header, partition, decimal ranges; a row that breaks one is
`ok = False` and all zero. Rows are taken in blocks that stay in the second-level cache.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wire.epc.partition import SGTIN_PARTITIONS
from wire.epc.sgtin96 import HEADER as SGTIN_96_HEADER
from wire.gs1.check_digit import GROUP_SUMS

EPC_BYTES: Final = 12
BLOCK_ROWS: Final = 16_384
"""About a dozen temporaries of 8 bytes a row: 1.5 MB. Measured best between 8,192 and 32,768."""

_PAD: Final = 1  # partition 7 has a row, so that it can be looked up; its limits of 0 refuse every value
_REF_BITS: Final = np.array([row.ref_bits for row in SGTIN_PARTITIONS] + [0] * _PAD, dtype=np.uint64)
_REF_MASK: Final = np.array([row.ref_mask for row in SGTIN_PARTITIONS] + [0] * _PAD, dtype=np.uint64)
_GCP_LIMIT: Final = np.array([row.gcp_limit for row in SGTIN_PARTITIONS] + [0] * _PAD, dtype=np.uint64)
_REF_LIMIT: Final = np.array([row.ref_limit for row in SGTIN_PARTITIONS] + [0] * _PAD, dtype=np.uint64)
_TAIL: Final = np.array([row.ref_limit // 10 for row in SGTIN_PARTITIONS] + [1] * _PAD, dtype=np.uint64)
_SUMS: Final = np.frombuffer(GROUP_SUMS, dtype=np.uint8)
_GROUP: Final = np.uint64(10_000)


class Sgtin96Columns(NamedTuple):
    """Columns of n rows: `gtin` u64 (the 14 digits as a number), `serial` u64, `filter` u8, `ok` bool."""

    gtin: NDArray[np.uint64]
    serial: NDArray[np.uint64]
    filter: NDArray[np.uint8]
    ok: NDArray[np.bool_]


def decode_sgtin96(epcs: NDArray[np.uint8]) -> Sgtin96Columns:
    """Decode `epcs`, shape (n, 12) u8; rows that are not valid SGTIN-96 have `ok` False and zeros.

    Raises:
        ValueError: another shape or dtype: the caller's mistake, not the tag's.
    """
    if epcs.ndim != 2 or epcs.shape[1] != EPC_BYTES or epcs.dtype != np.uint8:
        raise ValueError(f"epcs: expected uint8 of shape (n, 12), found {epcs.dtype} of shape {epcs.shape}")
    rows = len(epcs)
    words = np.ascontiguousarray(epcs).view(">u4")
    columns = Sgtin96Columns(
        np.zeros(rows, np.uint64),
        np.zeros(rows, np.uint64),
        np.zeros(rows, np.uint8),
        np.zeros(rows, np.bool_),
    )
    for start in range(0, rows, BLOCK_ROWS):
        block = slice(start, min(start + BLOCK_ROWS, rows))
        _decode_block(
            words[block],
            Sgtin96Columns(columns.gtin[block], columns.serial[block], columns.filter[block], columns.ok[block]),
        )
    return columns


def _decode_block(words: NDArray[np.uint32], out: Sgtin96Columns) -> None:
    w0 = words[:, 0].astype(np.uint32)
    w1 = words[:, 1].astype(np.uint64)
    w2 = words[:, 2].astype(np.uint64)
    partition = (w0 >> np.uint32(18)) & np.uint32(7)
    key = ((w0 & np.uint32(0x3FFFF)).astype(np.uint64) << np.uint64(26)) | (w1 >> np.uint64(6))
    gcp = key >> _REF_BITS[partition]
    item = key & _REF_MASK[partition]
    ok = out.ok
    np.equal(w0 >> np.uint32(24), SGTIN_96_HEADER, out=ok)
    ok &= gcp < _GCP_LIMIT[partition]
    ok &= item < _REF_LIMIT[partition]
    tail = _TAIL[partition]
    indicator = item // tail
    body = indicator * np.uint64(10**12) + gcp * tail + (item - indicator * tail)
    body *= ok
    gtin = body * np.uint64(10) + _check_digits(body)
    out.gtin[:] = gtin
    np.multiply(((w1 & np.uint64(0x3F)) << np.uint64(32)) | w2, ok, out=out.serial)
    np.multiply((w0 >> np.uint32(21)) & np.uint32(7), ok, out=out.filter, casting="unsafe")


def _check_digits(body: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Check digits of 13-digit numbers, by groups of four digits from the right."""
    total = np.zeros(len(body), np.uint8)
    for _ in range(3):
        rest = body // _GROUP
        total += _SUMS[body - rest * _GROUP]
        body = rest
    total += _SUMS[body]
    digits: NDArray[np.uint8] = (np.uint8(40) - total) % np.uint8(10)
    return digits


def gtin_text(gtin: int) -> str:
    """The 14 digits of a GTIN column's value."""
    return f"{gtin:014d}"
