"""Known EPCs for the per-message path: the same thousand items report all day.

Two generations, no clock and no list to keep in order: a hit in the young one is a single look-up; a hit in
the old one moves up; when the young one is full it becomes the old one and the old one goes. So memory is
bounded by `capacity` values whatever the air brings, and what is read again within half a capacity of other
tags stays.
"""

from typing import Final

from wire.epc.decode import decode_epc
from wire.epc.reject import Reject
from wire.epc.value import Epc
from wire.limits import EPC_MAX_BITS

CAPACITY: Final = 200_000
"""Twice the items of a large store; about 60 MB at 300 bytes an entry with key and strings."""


class EpcCache:
    """Decodes through a bounded cache. Not shared between threads. `hits` and `misses` count since the start."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        if capacity < 2:
            raise ValueError(f"capacity: expected at least 2, found {capacity}")
        self.capacity = capacity
        self.hits = 0
        self.misses = 0
        self._half = capacity // 2
        self._young: dict[bytes | tuple[bytes, int], Epc | Reject] = {}
        self._old: dict[bytes | tuple[bytes, int], Epc | Reject] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def decode(self, epc: bytes, bits: int) -> Epc | Reject:
        """As `decode_epc`, from the cache where it can. Rejects are cached too: a foreign tag reports as often."""
        key = epc if bits == 8 * len(epc) else (epc, bits)
        value = self._young.get(key)
        if value is not None:
            self.hits += 1
            return value
        value = self._old.pop(key, None)
        if value is None:
            self.misses += 1
            value = decode_epc(epc, bits)
            if 8 * len(epc) > EPC_MAX_BITS:  # no EPC: its bytes are not kept, however many they are
                return value
        else:
            self.hits += 1
        if len(self._young) >= self._half:
            self._old = self._young
            self._young = {}
        self._young[key] = value
        return value
