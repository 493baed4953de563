"""Sold goods: the edge drops reads of their tags, because a sold item's tag must not follow its owner.

The gateway names items by GTIN and serial (`ForgetSold`), so that it does not matter how a tag spells them; a tag that
carries no GTIN can be named by its EPC. Reads are dropped from the end of the grace time on (the shopper is still in
the store before, and the gateway wants to see the item leave) for `SOLD_KEEP_S`; after that a read of it is news again.
What is returned is taken from the list at once (`RememberAgain`).

Bounded: those sold the longest ago give way. What a tag says is decoded once and remembered, bounded too; nobody
asks while nothing is sold. A restart forgets everything; the gateway says it again when it hears the birth.
"""

import heapq
from collections.abc import Iterable
from typing import Final, TypeAlias

from edge.limits import SOLD_KEEP_S, SOLD_KNOWN_EPCS, SOLD_MAX_EPCS
from wire.epc import Sgtin, decode_epc
from wire.errors import MessageError
from wire.item_path import parse_item_path
from wire.messages import ForgetSold, RememberAgain
from wire.window import TagRead

Name: TypeAlias = str | bytes
"""GTIN-14 and serial in one text (the GTIN's length is fixed); of a tag without a GTIN, its EPC."""

TRIMMED: Final = 20
"""One of so many gives way at once when the list is full, so that it is not searched for each item."""


class SoldTags:
    """The sold goods of one edge. Times are monotonic seconds."""

    def __init__(self, capacity: int = SOLD_MAX_EPCS, known_max: int = SOLD_KNOWN_EPCS) -> None:
        self._capacity = capacity
        self._known_max = known_max
        self._from_s: dict[Name, float] = {}
        self._known: dict[bytes | tuple[bytes, int], Name] = {}
        self.malformed = 0

    def __len__(self) -> int:
        return len(self._from_s)

    def forget(self, command: ForgetSold, now_s: float) -> None:
        """Take the gateway's list; what names no item and no EPC is counted as `malformed`."""
        if command.anew:
            self._from_s.clear()
            self._known.clear()
        for item in command.items:
            if (name := self._item(item.path)) is not None:
                self._from_s[name] = now_s - item.age_s + command.grace_s
        for text in command.epcs:
            try:
                epc = bytes.fromhex(text)
            except ValueError:
                self.malformed += 1
                continue
            self._from_s[_name_of(epc, 8 * len(epc))] = now_s + command.grace_s
        self._trim()

    def remember(self, command: RememberAgain) -> None:
        """Take items from the list: reads of them count again."""
        for path in command.items:
            if (name := self._item(path)) is not None:
                self._from_s.pop(name, None)

    def without_sold(self, reads: list[TagRead], now_s: float) -> list[TagRead]:
        """Return the reads that are not of sold goods."""
        known, from_s = self._known, self._from_s
        kept = []
        for read in reads:
            epc = read.epc
            name = known.get(epc if read.epc_bits == 96 else (epc, read.epc_bits))
            if name is None:
                name = self._learn(epc, read.epc_bits)
            if name not in from_s or not self._is_dropped(name, now_s):
                kept.append(read)
        return kept

    # -- inside

    def _is_dropped(self, name: Name, now_s: float) -> bool:
        from_s = self._from_s[name]
        if now_s < from_s:
            return False
        if now_s < from_s + SOLD_KEEP_S:
            return True
        del self._from_s[name]
        return False

    def _item(self, path: str) -> Name | None:
        try:
            return "".join(parse_item_path(path))
        except MessageError:
            self.malformed += 1
            return None

    def _learn(self, epc: bytes, bits: int) -> Name:
        if len(self._known) >= self._known_max:
            self._known.clear()
        name = self._known[epc if bits == 96 else (epc, bits)] = _name_of(epc, bits)
        return name

    def _trim(self) -> None:
        over = len(self._from_s) - self._capacity
        if over > 0:
            for name in _oldest(self._from_s.items(), max(over, self._capacity // TRIMMED)):
                del self._from_s[name]


def _oldest(sold: Iterable[tuple[Name, float]], count: int) -> list[Name]:
    return [name for name, _ in heapq.nsmallest(count, sold, key=lambda pair: pair[1])]


def _name_of(epc: bytes, bits: int) -> Name:
    decoded = decode_epc(epc, bits)
    return decoded.gtin + decoded.serial if isinstance(decoded, Sgtin) else epc
