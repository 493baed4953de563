"""Is it ours, is it somebody else's, is it there at all: what edge and gateway do with a read before it counts.

A *foreign* tag is counted per antenna and goes no further. A *ghost* is a code that passed its checksum by
chance, or one caught for a moment from beyond the wall: read once or twice in a window and not an item that
anybody knows. It is flagged, never dropped, because a real tag that runs through a portal is also read only
once or twice.
"""

from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wire.epc.keys import Sgtin
from wire.epc.prefix import CompanyPrefixes
from wire.epc.reject import NOT_AN_EPC, Reject
from wire.epc.value import Epc

GHOST_MAX_READS: Final = 2
"""A resting tag is read tens of times in a window of a second; two is what a chance decode or a passing tag gets."""


class TagClass(StrEnum):
    """What a tag is to this chain."""

    OURS = "ours"
    """An item under one of our company prefixes (or any item, when no prefixes are configured)."""
    FOREIGN = "foreign"
    """A valid item of another company."""
    OTHER_KEY = "other_key"
    """A valid EPC that is no trade item: a carton (SSCC), a place (SGLN), an asset, a document."""
    NOT_EPC = "not_epc"
    """Unprogrammed, a TID, an ISO tag or a header that GS1 does not know."""
    MALFORMED = "malformed"
    """A GS1 header, and bits that break its rules: miswritten, or noise."""


def classify(epc: Epc | Reject, prefixes: CompanyPrefixes) -> TagClass:
    """Class of one decoded tag."""
    if isinstance(epc, Reject):
        return TagClass.NOT_EPC if epc.code in NOT_AN_EPC else TagClass.MALFORMED
    if not isinstance(epc, Sgtin):
        return TagClass.OTHER_KEY
    return TagClass.OURS if prefixes.has(epc.gtin) else TagClass.FOREIGN


def is_ghost(reads: int, *, known: bool) -> bool:
    """Whether a tag with `reads` reads in one window is to be flagged; `known`: an item seen or booked before."""
    return not known and reads <= GHOST_MAX_READS


def ghost_column(reads: NDArray[np.integer], known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """As `is_ghost` for columns of one window, shape (n,) each."""
    flags: NDArray[np.bool_] = ~known & (reads <= GHOST_MAX_READS)
    return flags
