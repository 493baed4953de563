"""Which reads go on: ours. Foreign tags (a shopper's coat, the neighbour's stock) are counted per antenna and dropped.

Without company prefixes in the site file every tag goes on. With them, a tag goes on when it carries a GTIN under one
of them; all others count as foreign: each distinct tag once for each antenna and window.
"""

from collections.abc import Iterable
from typing import Final

from edge.limits import FOREIGN_MAX_PER_ANTENNA
from wire.epc import CompanyPrefixes, TagClass, classify, decode_epc
from wire.limits import EPC_MAX_BITS
from wire.window import TagRead

VERDICTS_MAX: Final = 200_000
"""Verdicts that are remembered: twice the items of a large store. A full memory begins anew."""


class TagFilter:
    """Splits reads into ours and foreign. Raises `IdentifierError` for prefixes that are none."""

    def __init__(self, company_prefixes: Iterable[str]) -> None:
        self._prefixes = CompanyPrefixes(company_prefixes)
        self._verdicts: dict[tuple[bytes, int], bool] = {}
        self._foreign: dict[tuple[str, int], set[bytes]] = {}
        self.foreign_reads = 0

    def ours(self, device: str, reads: list[TagRead]) -> list[TagRead]:
        """Return our reads and count the others."""
        if not self._prefixes:
            return reads
        kept = []
        for read in reads:
            if self._is_ours(read.epc, read.epc_bits):
                kept.append(read)
                continue
            self.foreign_reads += 1
            seen = self._foreign.setdefault((device, read.port), set())
            if len(seen) < FOREIGN_MAX_PER_ANTENNA:
                seen.add(read.epc)
        return kept

    def take_counts(self) -> dict[tuple[str, int], int]:
        """Return the distinct foreign tags of each (device, port) since the last call, and begin anew."""
        foreign, self._foreign = self._foreign, {}
        return {antenna: len(seen) for antenna, seen in foreign.items()}

    def _is_ours(self, epc: bytes, bits: int) -> bool:
        verdict = self._verdicts.get((epc, bits))
        if verdict is None:
            if len(self._verdicts) >= VERDICTS_MAX:
                self._verdicts.clear()
            verdict = classify(decode_epc(epc, bits), self._prefixes) is TagClass.OURS
            self._verdicts[epc, bits] = verdict
        return verdict


def is_well_formed(read: TagRead) -> bool:
    """Whether a read fits the columns of a batch; one that does not would cost the whole window."""
    return (
        1 <= read.epc_bits <= EPC_MAX_BITS
        and len(read.epc) == (read.epc_bits + 7) // 8
        and read.reads >= 1
        and read.first_us <= read.last_us
        and 0 <= read.port <= 65_535
    )
