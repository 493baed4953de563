"""Select filters in the air: which tags a reader's query lets take part (LLRP 1.1 section 16.2.1.2.1.1).

Only state-unaware filters on the EPC bank. Each filter sends a Select: matching tags and the others are selected,
unselected or left alone by its action. Before the first one, tags count as selected if that filter only unselects.
The EPC bank begins with 16 bits CRC and 16 bits PC, so a mask at pointer 32 is the EPC's first bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from wire.llrp.message import Bits
from wire.llrp.tables.enumerations import C1G2StateUnawareAction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wire.llrp.message import Parameter

EPC_BITS_BEFORE: Final = 32
"""CRC and PC, which stand before the EPC in its bank."""

_ACTIONS: Final[dict[int, tuple[bool | None, bool | None]]] = {
    C1G2StateUnawareAction.Select_Unselect: (True, False),
    C1G2StateUnawareAction.Select_DoNothing: (True, None),
    C1G2StateUnawareAction.DoNothing_Unselect: (None, False),
    C1G2StateUnawareAction.Unselect_DoNothing: (False, None),
    C1G2StateUnawareAction.Unselect_Select: (False, True),
    C1G2StateUnawareAction.DoNothing_Select: (None, True),
}
"""What becomes of a matching tag and of any other: selected, unselected, or as it was."""


class AirFilter(NamedTuple):
    """One filter: `mask` of `length` bits at bit `pointer` of the EPC, and what it does."""

    pointer: int
    length: int
    mask: int
    matching: bool | None
    others: bool | None

    def matches(self, epc: bytes, epc_bits: int) -> bool:
        """Return whether the tag's EPC holds the mask at its place."""
        after = epc_bits - self.pointer - self.length
        if self.length == 0:
            return True
        if self.pointer < 0 or after < 0:
            return False
        value = int.from_bytes(epc) >> (len(epc) * 8 - epc_bits)
        return (value >> after) & ((1 << self.length) - 1) == self.mask


def read_filter(parameter: Parameter) -> AirFilter:
    """Return the filter that a C1G2Filter describes."""
    mask = parameter.one("C1G2TagInventoryMask")
    bits = mask["TagMask"]
    if not isinstance(bits, Bits):
        raise TypeError(f"TagMask is {bits!r}, expected Bits")
    action = parameter.first("C1G2TagInventoryStateUnawareFilterAction")
    kind = action.number("Action") if action is not None else C1G2StateUnawareAction.Select_Unselect
    matching, others = _ACTIONS[kind]
    value = int.from_bytes(bits.data) >> (len(bits.data) * 8 - bits.length)
    return AirFilter(mask.number("Pointer") - EPC_BITS_BEFORE, bits.length, value, matching, others)


def takes_part(filters: Sequence[AirFilter], epc: bytes, epc_bits: int) -> bool:
    """Return whether a tag answers a query that these filters precede."""
    if not filters:
        return True
    first = filters[0]
    selected = True not in (first.matching, first.others)
    for air_filter in filters:
        change = air_filter.matching if air_filter.matches(epc, epc_bits) else air_filter.others
        selected = selected if change is None else change
    return selected
