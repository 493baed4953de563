"""Observations as columns: one tag at one antenna over one edge window, all tags of the window side by side.

Columns are little-endian and are taken with `numpy.frombuffer`: no Python loop per read on either side.

    antenna    u8    index into the batch's table of antennas
    epc_bits   u16   length of the EPC as the reader said it
    epc        the EPCs one after another, each ceil(epc_bits / 8) bytes, most significant bit first
    count      u16   tag reads merged into this observation
    rssi_peak  i16   strongest read, 0.01 dBm
    rssi_mean  i16   mean of the reads, 0.01 dBm
    first      i32   first read, ms from the window's start; negative for a report that arrived late
    last       i32   last read, ms from the window's start
    flags      u8    bit 0: ghost suspected (flagged, never dropped)
"""

import itertools
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wire.errors import LimitError, MessageError
from wire.limits import BATCH_MAX_OBSERVATIONS, EPC_MAX_BITS, RSSI_MAX_CDBM, RSSI_MIN_CDBM

GHOST: Final = 1
"""Flag bit: read once or twice and by no antenna that knows the tag. A tag running through a portal looks the same."""

_DTYPES: Final[dict[str, np.dtype[Any]]] = {
    "antenna": np.dtype("u1"),
    "epc_bits": np.dtype("<u2"),
    "count": np.dtype("<u2"),
    "rssi_peak": np.dtype("<i2"),
    "rssi_mean": np.dtype("<i2"),
    "first": np.dtype("<i4"),
    "last": np.dtype("<i4"),
    "flags": np.dtype("u1"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Columns of n observations (shapes [n], `epc` is the concatenation). Valid by construction."""

    antenna: NDArray[np.uint8]
    epc_bits: NDArray[np.uint16]
    epc: bytes
    count: NDArray[np.uint16]
    rssi_peak: NDArray[np.int16]
    rssi_mean: NDArray[np.int16]
    first: NDArray[np.int32]
    last: NDArray[np.int32]
    flags: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.antenna)

    def __post_init__(self) -> None:
        n = len(self.antenna)
        for name in _DTYPES:
            found = len(getattr(self, name))
            if found != n:
                raise MessageError(f"column {name} has {found} values: column antenna has {n}")
        if n > BATCH_MAX_OBSERVATIONS:
            raise LimitError(f"{n} observations in a batch: the limit is {BATCH_MAX_OBSERVATIONS}")
        _check_epcs(self.epc_bits, self.epc)
        if n:
            _check_values(self)

    def epc_offsets(self) -> NDArray[np.int64]:
        """Return where each EPC begins in `epc`, and the end: shape [n + 1], bytes."""
        lengths = (self.epc_bits.astype(np.int64) + 7) // 8
        return np.concatenate(([0], np.cumsum(lengths)))

    def epcs(self) -> list[bytes]:
        """Return the EPCs one by one, in row order."""
        cuts = self.epc_offsets().tolist()
        return [self.epc[a:b] for a, b in itertools.pairwise(cuts)]

    def column_bytes(self) -> dict[str, bytes]:
        """Return every column as it travels."""
        columns = {name: getattr(self, name).astype(dtype, copy=False).tobytes() for name, dtype in _DTYPES.items()}
        return columns | {"epc": self.epc}


def from_columns(columns: dict[str, bytes]) -> Observations:
    """Take columns as they travel; views, no copies. Raises `MessageError` or `LimitError` naming the column."""
    taken: dict[str, NDArray[Any]] = {}
    for name, dtype in _DTYPES.items():
        data = columns[name]
        if len(data) % dtype.itemsize:
            raise MessageError(f"column {name} has {len(data)} bytes: expected a multiple of {dtype.itemsize}")
        taken[name] = np.frombuffer(data, dtype)
    return Observations(epc=columns["epc"], **taken)


def from_lists(columns: dict[str, list[int]], epcs: list[bytes]) -> Observations:
    """Build columns from plain lists (JSON, tests). Raises `MessageError` for a value that its column cannot hold."""
    taken: dict[str, NDArray[Any]] = {}
    for name, dtype in _DTYPES.items():
        try:
            taken[name] = np.array(columns[name], dtype)
        except OverflowError as error:
            raise MessageError(f"column {name}: {error}") from error
    bits = taken["epc_bits"].astype(np.int64)
    if len(bits) != len(epcs):
        raise MessageError(f"{len(epcs)} EPCs: column epc_bits has {len(bits)} values")
    for row, (length, epc) in enumerate(zip(bits.tolist(), epcs, strict=True)):
        if len(epc) != (length + 7) // 8:
            raise MessageError(
                f"EPC {epc.hex()} in row {row} has {len(epc)} bytes: {length} bits need {(length + 7) // 8}"
            )
    return Observations(epc=b"".join(epcs), **taken)


def _check_epcs(bits: NDArray[np.uint16], epc: bytes) -> None:
    if len(bits) and int(bits.max()) > EPC_MAX_BITS:
        raise MessageError(f"EPC of {int(bits.max())} bits: a Gen2 tag holds at most {EPC_MAX_BITS}")
    need = int(((bits.astype(np.int64) + 7) // 8).sum())
    if need != len(epc):
        raise MessageError(f"column epc has {len(epc)} bytes: epc_bits asks for {need}")


def _check_values(columns: Observations) -> None:
    if int(columns.count.min()) < 1:
        raise MessageError("column count holds 0: an observation has at least one read")
    for name in ("rssi_peak", "rssi_mean"):
        column: NDArray[np.int16] = getattr(columns, name)
        low, high = int(column.min()), int(column.max())
        if low < RSSI_MIN_CDBM or high > RSSI_MAX_CDBM:
            raise MessageError(f"column {name} spans {low}..{high}: expected {RSSI_MIN_CDBM}..{RSSI_MAX_CDBM} cdBm")
    if bool((columns.last < columns.first).any()):
        row = int(np.argmax(columns.last < columns.first))
        raise MessageError(f"row {row}: last {int(columns.last[row])} ms is before first {int(columns.first[row])} ms")


EMPTY: Final = from_columns(dict.fromkeys((*_DTYPES, "epc"), b""))
"""No tag was seen: sent all the same, because it says what was looked at."""
