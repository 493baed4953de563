"""From EPCs to items: each distinct EPC is decoded once, then it is one look into a dictionary."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.fold.state import FoldState, ItemKey
from gateway.limits import EPC_CACHE_MAX, SITE_MAX_ITEMS
from wire.epc import CompanyPrefixes, Sgtin, TagClass, classify, decode_epc
from wire.observations import Observations

_REFUSED: Final = -1
"""Any number below 0 means "not an item"; which one says why."""

_REASONS: Final = {
    TagClass.FOREIGN: -2,
    TagClass.OTHER_KEY: -3,
    TagClass.NOT_EPC: -4,
    TagClass.MALFORMED: -5,
}
_FIGURES: Final = {
    _REFUSED: "observations_over_item_limit",
    -2: "observations_foreign",
    -3: "observations_other_key",
    -4: "observations_not_epc",
    -5: "observations_malformed",
}


class Resolver:
    """Gives the EPCs of one site their item numbers, and counts what is not an item."""

    def __init__(self, state: FoldState, prefixes: CompanyPrefixes, max_items: int = SITE_MAX_ITEMS) -> None:
        self._state = state
        self._prefixes = prefixes
        self._max_items = max_items
        self._known: dict[bytes | tuple[bytes, int], int] = {}

    def items(self, columns: Observations) -> NDArray[np.int32]:
        """Return the item number of each observation, shape [n]; below 0 where there is none (counted)."""
        known = self._known
        numbers = np.empty(len(columns), np.int32)
        for row, (epc, bits) in enumerate(zip(columns.epcs(), columns.epc_bits.tolist(), strict=True)):
            key = epc if bits == 96 else (epc, bits)
            number = known.get(key)
            numbers[row] = self.epc(epc, bits) if number is None else number
        self._count(numbers)
        return numbers

    def epc(self, epc: bytes, bits: int) -> int:
        """Return the item number of one EPC; below 0 where it is no item of ours, or one too many."""
        key = epc if bits == 96 else (epc, bits)
        number = self._known.get(key)
        if number is None:
            number = self._decode(epc, bits)
            if number != _REFUSED:
                self._remember(key, number)
        return number

    def named(self, key: ItemKey) -> int:
        """Return the number of an item that evidence names; below 0 where it is none of ours, or one too many."""
        if not self._prefixes.has(key.gtin):
            self._state.figures["evidence_foreign"] += 1
            return _REASONS[TagClass.FOREIGN]
        number = self._number(key)
        self._state.figures["evidence_over_item_limit"] += number == _REFUSED
        return number

    def _remember(self, key: bytes | tuple[bytes, int], number: int) -> None:
        if len(self._known) >= EPC_CACHE_MAX:
            self._known.clear()
        self._known[key] = number

    def _decode(self, epc: bytes, bits: int) -> int:
        decoded = decode_epc(epc, bits)
        tag_class = classify(decoded, self._prefixes)
        if tag_class is not TagClass.OURS or not isinstance(decoded, Sgtin):
            return _REASONS.get(tag_class, _REASONS[TagClass.OTHER_KEY])
        return self._number(ItemKey(decoded.gtin, decoded.serial))

    def _number(self, key: ItemKey) -> int:
        if key not in self._state.index and len(self._state.items) >= self._max_items:
            return _REFUSED
        return self._state.item(key)

    def _count(self, numbers: NDArray[np.int32]) -> None:
        refused = numbers[numbers < 0]
        if len(refused):
            for number, times in zip(*np.unique(refused, return_counts=True), strict=True):
                self._state.figures[_FIGURES[int(number)]] += int(times)
