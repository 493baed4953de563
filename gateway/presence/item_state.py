"""What the engine keeps of each active item: the columns of all its parts, and where an item is shown.

A row without an item (-1) is free; it holds what new rows hold.
"""

from typing import Any, Final

import numpy as np

from gateway.presence import fingerprint, home, leaving, prior, silence
from gateway.presence.columns import Columns

UNPLACED: Final = -2
GONE: Final = -1
"""Places that are no zones: met but not placed yet, and out of the site."""

SHAPES: Final[dict[str, tuple[Any, tuple[int, ...], Any]]] = {
    **fingerprint.SHAPES,
    **prior.SHAPES,
    **home.SHAPES,
    **leaving.SHAPES,
    **silence.SHAPES,
    "item": (np.int32, (), -1),
    "zone": (np.int16, (), UNPLACED),
    "calm_zone": (np.int16, (), UNPLACED),
    "quick_zone": (np.int16, (), UNPLACED),
    "door": (np.float32, (), 0),
    "broke_us": (np.int64, (), 0),
    "forgot": (np.int8, (), 2),
    "judged_us": (np.int64, (), 0),
    "sold_us": (np.int64, (), 0),
    "told_us": (np.int64, (), 0),
    "cause": (np.int8, (), 0),
}


def item_columns(zones: int) -> Columns:
    """Return empty columns for a site of `zones` zones; `mass` is the calm probability of each."""
    return Columns({**SHAPES, "mass": (np.float32, (zones,), 0)})
