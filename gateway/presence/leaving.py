"""Leaving is an explicit test, never just silence.

1. *By the exit*: an exit antenna heard the item last, and loud, and since then it is silent for `exit_silence_s`, or
   for longer when it is hard to read anyway. An item that has long been still beside the door has a fingerprint there,
   and must exceed it.
2. *By the door*: carried, last placed at a checkout or near an exit, then silent for long enough at its own read rate.
3. *From the till*: shown at a checkout, read often until then, and silent for a minute.
4. *Unseen*: carried, read often until then, silent for minutes in which reads were expected. Only what was carried
   lately: settled goods that fall silent are behind something, and stay.
5. *Sold* goods are gone when they fall silent.

Silence is measured in seconds in which the devices that last heard the item really looked.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.presence.air import Air
from gateway.presence.columns import Columns
from gateway.presence.heard import Heard
from gateway.presence.physics import Physics

QUIET_PEAK: Final = -99.0
RATE_FLOOR: Final = 0.03
LONG_S: Final = 300.0
SHORT_S: Final = 60.0
PORTAL_MEMORY_S: Final = 150.0
PEAK_MEMORY_S: Final = 60.0
"""A loud read at an exit is forgotten when none followed for so long: the item stands there, or went back."""

SOLD_SILENCE_S: Final = 25.0
GIVE_UP_S: Final = 400.0

_HEARD_AT: Final = {"home_device": "home_at_s", "exit_device": "exit_at_s"}

SHAPES: Final[dict[str, tuple[Any, tuple[int, ...], Any]]] = {
    "seen_us": (np.int64, (), 0),
    "inside_us": (np.int64, (), 0),
    "portal_us": (np.int64, (), 0),
    "peak": (np.float32, (), QUIET_PEAK),
    "peak_us": (np.int64, (), 0),
    "home_device": (np.int16, (), -1),
    "exit_device": (np.int16, (), -1),
    "home_at_s": (np.float64, (), 0),
    "exit_at_s": (np.float64, (), 0),
    "rate_long": (np.float32, (), 0.1),
    "rate_short": (np.float32, (), 0.1),
    "rate_us": (np.int64, (), 0),
    "muted_us": (np.int64, (), 0),
    "sold_guess": (np.bool_, (), False),
}


class Circumstances(NamedTuple):
    """How items were when they fell silent, shape [rows] each.

    `door`: placed at a checkout or near an exit; `carried`: broken shortly before they were last read; `stealable`: not
    in a stock room; `paying`: shown at a checkout.
    """

    door: NDArray[np.bool_]
    carried: NDArray[np.bool_]
    stealable: NDArray[np.bool_]
    paying: NDArray[np.bool_]


class Leaving:
    """The tests of leaving over the rows of `state`."""

    def __init__(self, state: Columns, air: Air, portal: NDArray[np.bool_], physics: Physics) -> None:
        self._state = state
        self._air = air
        self._portal = portal
        self._physics = physics

    def note(self, heard: Heard, ignored: NDArray[np.bool_]) -> None:
        """Take one window's reads; `ignored`: reads that say nothing of leaving (a rack beside the door)."""
        if not len(heard.row):
            return
        row, antenna, peak, last_us = heard.row, heard.antenna, heard.peak_dbm, heard.last_us
        state, air = self._state, self._air
        portal = self._portal[antenna]
        rows = np.unique(row)
        gap_s = np.maximum(0.0, (np.zeros(len(rows)) + last_us.max() - state["rate_us"][rows]) / 1e6)
        fade_long, fade_short = np.exp(-gap_s / LONG_S), np.exp(-gap_s / SHORT_S)
        size = self._state.rows
        inside = np.bincount(row[~portal], minlength=size)[rows]
        every = np.bincount(row, minlength=size)[rows]
        state["rate_long"][rows] = state["rate_long"][rows] * fade_long + inside / LONG_S
        state["rate_short"][rows] = state["rate_short"][rows] * fade_short + every / SHORT_S
        state["rate_us"][rows] = last_us.max()
        passing = row[portal]
        loud = portal & ~ignored
        stale = np.unique(passing)
        stale = stale[last_us.max() - state["peak_us"][stale] > PEAK_MEMORY_S * 1e6]
        state["peak"][stale] = QUIET_PEAK
        np.maximum.at(state["peak"], row[loud], peak[loud].astype(np.float32))
        np.maximum.at(state["peak_us"], row[loud], last_us[loud])
        np.maximum.at(state["portal_us"], passing, last_us[portal])
        np.maximum.at(state["inside_us"], row[~portal], last_us[~portal])
        np.maximum.at(state["seen_us"], row, last_us)
        quiet = ~air.loud[antenna]
        np.maximum.at(state["muted_us"], row[quiet], last_us[quiet])
        state["home_device"][row[~portal]] = air.device_of[antenna[~portal]]
        state["exit_device"][passing] = air.device_of[antenna[portal]]
        for device, at in _HEARD_AT.items():
            number = state[device][rows]
            state[at][rows] = np.where(number >= 0, air.device_s[number], 0.0)

    def rate(self, rows: NDArray[np.int64], now_us: int) -> NDArray[np.float64]:
        """Return how often the rows were read inside in the last minutes, reads a second."""
        gap_s = np.maximum((now_us - self._state["rate_us"][rows]) / 1e6, 0.0)
        return np.asarray(self._state["rate_long"][rows] * np.exp(-gap_s / LONG_S), np.float64)

    def silence_s(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return for how long the devices that heard the rows have looked in vain, seconds."""
        silent = np.fmin(self._looked_s(rows, "home_device"), self._looked_s(rows, "exit_device"))
        return np.asarray(np.nan_to_num(silent), np.float64)

    def _looked_s(self, rows: NDArray[np.int64], device: str) -> NDArray[np.float64]:
        """Return for how long a device has looked since it heard the rows; NaN where none did."""
        number = self._state[device][rows]
        looked = self._air.device_s[number] - self._state[_HEARD_AT[device]][rows]
        return np.asarray(np.where(number >= 0, looked, np.nan), np.float64)

    def left(self, rows: NDArray[np.int64], now_us: int, seen: Circumstances) -> NDArray[np.int64]:
        """Return which of `rows` (present ones) have left."""
        state, physics = self._state, self._physics
        silent = self.silence_s(rows)
        long = self.rate(rows, now_us)
        last = state["rate_short"][rows]  # as it was when the item was last read
        at_exit = (state["portal_us"][rows] > 0) & (state["portal_us"][rows] >= state["inside_us"][rows] - 5_000_000)
        need = np.maximum(physics.exit_silence_s, -np.log(physics.exit_delta) / np.maximum(long, RATE_FLOOR))
        loud = state["peak"][rows] >= physics.exit_peak_dbm
        by_exit = at_exit & loud & (silent >= need) & (silent <= PORTAL_MEMORY_S)
        rate = np.maximum(np.minimum(last, 1.5 * long), RATE_FLOOR)
        by_door = seen.carried & seen.door & (silent >= np.maximum(physics.door_silence_s, physics.door_looks / rate))
        by_door &= (silent < GIVE_UP_S) & (last >= physics.door_rate)
        by_door &= state["portal_us"][rows] >= state["seen_us"][rows] - int(physics.door_portal_s * 1e6)
        lively = last >= physics.lively_rate
        paid = seen.paying & lively & (silent >= physics.paid_silence_s)
        patience = np.where(state["door"][rows] > physics.vanish_door, physics.vanish_door_s, physics.vanish_s)
        unseen = seen.stealable & seen.carried & lively & (silent > patience)
        unseen &= state["missed"][rows] > physics.vanish_looks
        is_sold = state["sold_us"][rows] > 0
        sold = is_sold & self._sold_left(rows, now_us)
        return np.asarray(rows[by_exit | sold | ~is_sold & (by_door | paid | unseen)], np.int64)

    def _sold_left(self, rows: NDArray[np.int64], now_us: int) -> NDArray[np.bool_]:
        """Return which rows, if they were sold, have left: silent since, and with time to get to the door.

        It is enough that one of their devices looks.
        """
        state = self._state
        sold_s = (now_us - state["sold_us"][rows]) / 1e6
        home, portal = self._looked_s(rows, "home_device"), self._looked_s(rows, "exit_device")
        silent = np.fmax(home, portal)
        silent = np.where(np.isnan(silent), sold_s, silent)
        return np.asarray(np.minimum(silent, sold_s) > SOLD_SILENCE_S, np.bool_)
