"""Which tags a reader asks at all: Select filters on the bits of an EPC (LLRP 1.1 section 16.3.1.2.1.1, Gen2 6.3.2.12).

Theory of operation. A tag that does not match is never read, so the air is free for ours; and it is never *counted*
either. So the filter stands in the site file (`air_filter`) and is off where nothing is said.

`sgtin` lets all tags through whose header begins with 00110. That is SGTIN-96 (0x30) and SGTIN-198 (0x36), and with
them the other classic keys (SSCC, GRAI, GIAI ...), which are dropped later. `prefix` lets classic keys through whose
company prefix is one of the site's (`wire.epc.prefix.air_mask`): their partition and prefix stand at the same bits,
behind the filter value, which may be anything. A reader has room for a few filters only (mostly two); where the
prefixes do not fit, the header's is used, and that is said. The software filter comes after it all the same, so a
filter that is too wide does no harm. Tags of TDS 2 (SGTIN+ 0xF7, DSGTIN+ 0xFB) match neither.

The first filter selects what matches and unselects all else, each further one selects what matches it too. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from wire.epc.prefix import air_mask
from wire.llrp.message import Bits, param
from wire.llrp.tables.enumerations import C1G2StateUnawareAction, C1G2TruncateAction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wire.llrp.message import Parameter

    Air: TypeAlias = Literal["", "sgtin", "prefix"]
    Mask: TypeAlias = tuple[int, int, bytes]
    """Pointer into the EPC bank, length in bits, bits left-aligned."""

EPC_BANK: Final = 1
MASKABLE_DIGITS: Final = range(6, 13)
"""Company prefixes that a tag can hold; a site file may name shorter ones."""
CLASSIC_KEYS: Final[Mask] = (32, 5, bytes([0b00110_000]))
"""What SGTIN-96 (0011 0000) and SGTIN-198 (0011 0110) have in common, behind CRC and PC."""


def masks_for(air: Air, prefixes: Sequence[str], room: int) -> tuple[tuple[Mask, ...], str]:
    """Return the masks of a reader that has room for `room` filters, and what could not be done as asked."""
    if not air:
        return (), ""
    if room < 1:
        return (), f"air_filter {air}: the reader has no filters, all tags are read"
    if air == "sgtin":
        return (CLASSIC_KEYS,), ""
    if any(len(prefix) not in MASKABLE_DIGITS for prefix in prefixes) or not 1 <= len(prefixes) <= room:
        why = f"{len(prefixes)} company prefixes, expected 1 to {room} of 6 to 12 digits"
        return (CLASSIC_KEYS,), f"air_filter prefix: {why}; the reader filters by the header of classic keys"
    return tuple(air_mask(prefix) for prefix in prefixes), ""


def filters(masks: Sequence[Mask]) -> list[Parameter]:
    """Return the C1G2Filters of an antenna."""
    actions = C1G2StateUnawareAction
    return [
        _filter(mask, actions.Select_DoNothing if number else actions.Select_Unselect)
        for number, mask in enumerate(masks)
    ]


def _filter(mask: Mask, action: C1G2StateUnawareAction) -> Parameter:
    pointer, length, data = mask
    return param(
        "C1G2Filter",
        param("C1G2TagInventoryMask", MB=EPC_BANK, Pointer=pointer, TagMask=Bits(length, data)),
        param("C1G2TagInventoryStateUnawareFilterAction", Action=action),
        T=C1G2TruncateAction.Do_Not_Truncate,
    )
