"""How an item's level changes from one window to the next: what tells a carried item from one that lies still.

A still tag has nearly the same RSSI at an antenna in every window (1 to 2 dB apart); a carried one crosses the fades of
the room (4 to 8 dB apart), and is heard by antennas that did not hear it before. Each read of a window (one item, one
antenna) is of one kind:

* *fresh*: this antenna did not hear the item for `OLD_US`, but another one did;
* the change of level since the item's last window at the same antenna, in steps, apart for recent ones (`RECENT_US`)
  and older ones;
* none: the item was not heard for a while, there is nothing to compare with.

Remembered are the newest levels of `SLOTS` antennas for each item.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence.model import MOTION_KINDS

SLOTS: Final = 4
"""Antennas whose last level is remembered: more than a carried item is heard by in 15 seconds, nearly always."""

RECENT_US: Final = 3_000_000
OLD_US: Final = 15_000_000
RECENT_DB: Final = np.array([0.6, 1.5, 3.0, 5.0, 8.0])
OLDER_DB: Final = np.array([1.0, 3.0, 6.0])

NONE: Final = -1
FRESH: Final = 0
FIRST_RECENT: Final = 1
FIRST_OLDER: Final = FIRST_RECENT + len(RECENT_DB) + 1

SHAPES: Final[dict[str, tuple[Any, tuple[int, ...], Any]]] = {
    "ref_antenna": (np.int16, (SLOTS,), -1),
    "ref_dbm": (np.float32, (SLOTS,), 0),
    "ref_us": (np.int64, (SLOTS,), 0),
}
"""Columns of the memory, for `gateway.presence.columns.Columns`."""

if FIRST_OLDER + len(OLDER_DB) + 1 != MOTION_KINDS:
    raise AssertionError("a model's motion has one number for each kind of change")


def kinds(
    state: Any, row: NDArray[np.int64], antenna: NDArray[np.int64], rssi_dbm: NDArray[np.float64], now_us: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the kind of each read, shape [m], and its change of level in dB, where it is recent (else nan).

    `state`: columns of `SHAPES` as they were before this window. `now_us`: the window's end.
    """
    age = now_us - state["ref_us"][row]
    usable = (state["ref_antenna"][row] >= 0) & (age <= OLD_US)
    same = usable & (state["ref_antenna"][row] == antenna[:, None])
    known = same.any(1)
    slot = same.argmax(1)
    at = np.arange(len(row))
    change = np.abs(rssi_dbm - state["ref_dbm"][row, slot])
    recent = known & (age[at, slot] <= RECENT_US)
    kind = np.where(usable.any(1), FRESH, NONE)
    kind = np.where(known, FIRST_OLDER + np.searchsorted(OLDER_DB, change, side="right"), kind)
    kind = np.where(recent, FIRST_RECENT + np.searchsorted(RECENT_DB, change, side="right"), kind)
    return kind, np.where(recent, change, np.nan)


def remember(
    state: Any, row: NDArray[np.int64], antenna: NDArray[np.int64], rssi_dbm: NDArray[np.float64], now_us: int
) -> None:
    """Keep the levels of a window's reads, ordered by row, then antenna; the oldest makes room for a new one."""
    first = np.flatnonzero(np.diff(row, prepend=-1))
    rank = np.arange(len(row)) - np.repeat(first, np.diff(first, append=len(row)))
    for turn in range(int(rank.max()) + 1 if len(rank) else 0):  # one antenna of each row in a turn
        now = np.flatnonzero(rank == turn)
        who, heard = row[now], antenna[now]
        same = state["ref_antenna"][who] == heard[:, None]
        slot = np.where(same.any(1), same.argmax(1), state["ref_us"][who].argmin(1))
        state["ref_antenna"][who, slot] = heard
        state["ref_dbm"][who, slot] = rssi_dbm[now]
        state["ref_us"][who, slot] = now_us
