"""Goods at rest: a small row for each item that has long been still, or gone, until something is new.

An item rests when it was still for a quarter of an hour, its place is sure and nothing speaks against it; what is gone
rests when half an hour has passed, and goods that were only told of, when no read came for a quarter. A row holds what
its fingerprint is, rounded, and where it can be; it stands for the item's row among the active ones, which is free
again.

The reads of a resting item are held against its fingerprint, as those of active ones are; its looks in vain are not
counted. Doubt adds up; the reads since the doubt began are kept, so that the item wakes with them as its candidate.
It wakes when the doubt grows, at a read by an antenna that did not hear it, when it is silent for long, when evidence
names it, and now and then to be judged again.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.presence.air import Air
from gateway.presence.columns import Columns
from gateway.presence.fingerprint import EXCESS_DB, Compared, compare, free_share
from gateway.presence.heard import Heard
from gateway.presence.item_state import UNPLACED
from gateway.presence.leaving import LONG_S, RATE_FLOOR, SHORT_S
from gateway.presence.physics import Physics

SLOTS: Final = 8
"""Antennas that a resting item remembers: nine of ten are heard by six or fewer."""

POINTS: Final = 8
"""Positions that a resting item remembers: its place is sure."""

ZONES: Final = 3
LATER: Final = 3
"""Reads kept since the doubt began; the next one wakes the item."""

WAKE_DOUBT: Final = 1.5
"""Log odds: below what the quick part follows from, above what one unusual read says."""

SILENCE_S: Final = 60.0
SILENT_INTERVALS: Final = 8.0
"""An item that is silent for so many of its usual intervals is looked at again, with its misses."""

SILENT_TURN_S: Final = 60
REFRESH_TURN_S: Final = 1_200
"""Resting items are asked in turn: for their silence each minute, and woken to be judged every twenty minutes."""

SHAPES: Final[dict[str, tuple[Any, tuple[int, ...], Any]]] = {
    "item": (np.int32, (), -1),
    "zone": (np.int16, (), UNPLACED),
    "mass_zone": (np.int16, (ZONES,), -1),
    "mass": (np.float16, (ZONES,), 0),
    "slot": (np.int16, (SLOTS,), -1),
    "reads": (np.float16, (SLOTS,), 0),
    "level_cdbm": (np.int16, (SLOTS,), 0),
    "hits": (np.float16, (SLOTS,), 0),
    "looks": (np.float16, (SLOTS,), 0),
    "doubt": (np.float32, (), 0),
    "can_us": (np.int64, (), 0),
    "late_antenna": (np.int16, (LATER,), -1),
    "late_dbm": (np.float16, (LATER,), 0),
    "seg_us": (np.int64, (), 0),
    "seg_s": (np.float32, (), 0),
    "seg_free_s": (np.float32, (), 0),
    "own": (np.uint8, (), 255),
    "missed": (np.float16, (), 0),
    "door": (np.float16, (), 0),
    "prior": (np.int16, (), -1),
    "prior_stay": (np.float16, (), 0),
    "prior_at": (np.int16, (POINTS,), 0),
    "prior_weight": (np.float16, (POINTS,), 0),
    "post_at": (np.int16, (POINTS,), 0),
    "post_weight": (np.float16, (POINTS,), 0),
    "homed": (np.bool_, (), False),
    "seen_us": (np.int64, (), 0),
    "inside_us": (np.int64, (), 0),
    "portal_us": (np.int64, (), 0),
    "home_device": (np.int16, (), -1),
    "exit_device": (np.int16, (), -1),
    "home_at_s": (np.float64, (), 0),
    "exit_at_s": (np.float64, (), 0),
    "rate_long": (np.float32, (), 0),
    "rate_short": (np.float32, (), 0),
    "told_us": (np.int64, (), 0),
    "sold_us": (np.int64, (), 0),
    "sold_guess": (np.bool_, (), False),
    "cause": (np.int8, (), 0),
}

_AS_THEY_ARE: Final = (
    "item",
    "zone",
    "door",
    "seg_us",
    "seg_s",
    "seg_free_s",
    "own",
    "prior",
    "prior_stay",
    "homed",
    "seen_us",
    "inside_us",
    "portal_us",
    "home_device",
    "exit_device",
    "home_at_s",
    "exit_at_s",
    "rate_long",
    "rate_short",
    "told_us",
    "sold_us",
    "sold_guess",
    "cause",
)
"""Columns that both kinds of row have, and mean the same."""

_MISSED_MAX: Final = 60_000.0


class Tested(NamedTuple):
    """What a window's reads of resting items come to: which of them wake their items, and how unusual the others are.

    `wakes` [n]; `others`: the reads that leave their items at rest.
    """

    wakes: NDArray[np.bool_]
    others: Compared


class Resting:
    """The rows of resting items, `state`."""

    def __init__(self, air: Air, portal: NDArray[np.bool_], physics: Physics) -> None:
        self.state = Columns(SHAPES)
        self._air = air
        self._portal = portal
        self._physics = physics

    # -- reads

    def hear(self, heard: Heard, since_us: int) -> Tested:
        """Hold a window's reads of resting items against their fingerprints; `row`: rows here.

        Items that stay at rest take them, as reads that came after `since_us`.
        """
        state = self.state
        row, antenna = heard.row, heard.antenna
        same = state["slot"][row] == antenna[:, None]
        place = same.argmax(1)
        known = same[np.arange(len(row)), place]
        reads = np.where(known, state["reads"][row, place], 0).astype(np.float64)
        level = state["level_cdbm"][row, place] / 100.0
        looks = state["looks"][row, place].astype(np.float64)
        doubt = state["doubt"][row]
        told = compare(self._air, self._physics, heard, (reads, level, looks, doubt))
        strange = ~known
        strange |= self._portal[antenna] & ((reads < 10) | (told.residual >= EXCESS_DB))  # it may be on its way out
        rows, back = np.unique(row, return_inverse=True)
        grown = np.maximum(state["doubt"][rows] + np.bincount(back, told.ratio, len(rows)), 0)
        late = (state["late_antenna"][rows] >= 0).sum(1) + np.bincount(back, minlength=len(rows))
        wake = np.bincount(back, strange, len(rows)) > 0
        wake |= (grown > WAKE_DOUBT) | ((grown > 0) & (late > LATER))
        wakes = wake[back]
        stays = ~wakes
        self._take(heard.only(stays), rows[~wake], grown[~wake].astype(np.float32), since_us)
        return Tested(wakes, told.only(stays))

    def _take(self, heard: Heard, rows: NDArray[np.int64], doubt: NDArray[np.float32], since_us: int) -> None:
        """Take the reads of `rows`, which stay at rest, and their doubt."""
        state, air = self.state, self._air
        if not len(rows):
            return
        row, antenna, last_us = heard.row, heard.antenna, heard.last_us
        fresh = rows[(state["doubt"][rows] <= 0) & (doubt > 0)]
        state["can_us"][fresh] = since_us
        calm = rows[doubt <= 0]
        state["late_antenna"][calm] = -1
        state["late_dbm"][calm] = 0
        state["can_us"][calm] = 0
        state["doubt"][rows] = doubt
        state["missed"][rows] = 0
        doubtful = np.flatnonzero(state["doubt"][row] > 0)
        first = np.flatnonzero(np.diff(row[doubtful], prepend=-1))
        rank = np.arange(len(doubtful)) - np.repeat(first, np.diff(first, append=len(doubtful)))
        place = (state["late_antenna"][row[doubtful]] >= 0).sum(1) + rank
        state["late_antenna"][row[doubtful], place] = antenna[doubtful]
        fair = heard.rssi_dbm[doubtful] - air.crowd_db[antenna[doubtful]]
        state["late_dbm"][row[doubtful], place] = fair
        portal = self._portal[antenna]
        gap_s = np.maximum(0.0, (last_us.max() - state["seen_us"][rows]) / 1e6)
        back = np.searchsorted(rows, row)
        every, inside = (np.bincount(back, of, len(rows)) for of in (np.ones(len(row)), ~portal))
        state["rate_long"][rows] = state["rate_long"][rows] * np.exp(-gap_s / LONG_S) + inside / LONG_S
        state["rate_short"][rows] = state["rate_short"][rows] * np.exp(-gap_s / SHORT_S) + every / SHORT_S
        np.maximum.at(state["seen_us"], row, last_us)
        np.maximum.at(state["portal_us"], row[portal], last_us[portal])
        np.maximum.at(state["inside_us"], row[~portal], last_us[~portal])
        state["home_device"][row[~portal]] = air.device_of[antenna[~portal]]
        state["exit_device"][row[portal]] = air.device_of[antenna[portal]]
        for device, at in (("home_device", "home_at_s"), ("exit_device", "exit_at_s")):
            number = state[device][rows]
            state[at][rows] = np.where(number >= 0, air.device_s[number], 0.0)

    # -- in turn

    def silent(self, second: int, passed_s: int, now_us: int) -> NDArray[np.int64]:
        """Return which rows of those whose turn came in the last `passed_s` seconds are silent for too long."""
        rows = self._turn(second, passed_s, SILENT_TURN_S)
        state, air = self.state, self._air
        rows = rows[(state["zone"][rows] >= 0) & (state["seen_us"][rows] > 0)]
        silent_s = np.full(len(rows), np.inf)
        for device, at in (("home_device", "home_at_s"), ("exit_device", "exit_at_s")):
            number = state[device][rows]
            looked_s = np.where(number >= 0, air.device_s[number] - state[at][rows], np.inf)
            silent_s = np.minimum(silent_s, looked_s)
        gap_s = np.maximum((now_us - state["seen_us"][rows]) / 1e6, 0.0)
        rate = np.maximum(state["rate_long"][rows] * np.exp(-gap_s / LONG_S), RATE_FLOOR)
        silent_s[~np.isfinite(silent_s)] = 0
        return np.asarray(rows[silent_s >= np.maximum(SILENCE_S, SILENT_INTERVALS / rate)], np.int64)

    def stale(self, second: int, passed_s: int, dark: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return which rows of those whose turn it is are judged again; `dark` [zones]: where nobody looks."""
        rows = self._turn(second, passed_s, REFRESH_TURN_S)
        zone = self.state["zone"][rows]
        here = (zone >= 0) & (self.state["seen_us"][rows] > 0)
        return np.asarray(rows[here & ~dark[np.maximum(zone, 0)]], np.int64)

    def _turn(self, second: int, passed_s: int, every_s: int) -> NDArray[np.int64]:
        rows = np.arange(self.state.rows)
        if passed_s >= every_s:
            return rows
        if passed_s == 1:
            return rows[second % every_s :: every_s]
        return rows[(second - rows) % every_s < passed_s]

    # -- to rest, and back

    def lay_down(self, active: Columns, rows: NDArray[np.int64], into: NDArray[np.int64]) -> None:
        """Take the rows of `active` into the rows `into`."""
        state = self.state
        for name in _AS_THEY_ARE:
            state[name][into] = active[name][rows]
        reads = active["seg_reads"][rows]
        best = np.argsort(-reads, axis=1, kind="stable")[:, :SLOTS]
        reads = np.take_along_axis(reads, best, 1)
        for name, theirs, none in (("slot", "slot", -1), ("hits", "seg_hits", 0), ("looks", "seg_looks", 0)):
            state[name][into] = np.where(reads > 0, np.take_along_axis(active[theirs][rows], best, 1), none)
        level = np.take_along_axis(active["seg_sum"][rows], best, 1) / np.maximum(reads, 1)
        state["reads"][into] = reads
        state["level_cdbm"][into] = np.rint(np.clip(np.where(reads > 0, level, 0) * 100, -30_000, 30_000))
        state["missed"][into] = np.minimum(active["missed"][rows], _MISSED_MAX)
        mass = active["mass"][rows]
        best = np.argsort(-mass, axis=1, kind="stable")[:, :ZONES]
        mass = np.take_along_axis(mass, best, 1)
        state["mass"][into, : best.shape[1]] = mass / np.maximum(mass.sum(1, keepdims=True), 1e-9)
        state["mass_zone"][into, : best.shape[1]] = np.where(mass > 0, best, -1)
        for name in ("prior", "post"):
            weight = active[f"{name}_weight"][rows]
            best = np.sort(np.argsort(-weight, axis=1, kind="stable")[:, :POINTS], axis=1)
            weight = np.take_along_axis(weight, best, 1)
            state[f"{name}_at"][into] = np.take_along_axis(active[f"{name}_at"][rows], best, 1)
            state[f"{name}_weight"][into] = weight / np.maximum(weight.sum(1, keepdims=True), 1e-9)

    def wake(self, rows: NDArray[np.int64], active: Columns, into: NDArray[np.int64], now_us: int) -> None:
        """Give rows back to the rows `into` of `active`, which hold what new ones hold."""
        state = self.state
        for name in _AS_THEY_ARE:
            active[name][into] = state[name][rows]
        reads = state["reads"][rows].astype(np.float32)
        active["slot"][into, :SLOTS] = state["slot"][rows]
        active["seg_reads"][into, :SLOTS] = reads
        active["seg_sum"][into, :SLOTS] = reads * (state["level_cdbm"][rows] / np.float32(100))
        active["seg_hits"][into, :SLOTS] = state["hits"][rows]
        active["seg_looks"][into, :SLOTS] = state["looks"][rows]
        active["missed"][into] = state["missed"][rows]
        active["mass"][into] = self.mass_of(rows, active["mass"].shape[1])
        for name in ("prior", "post"):
            active[f"{name}_at"][into, :POINTS] = state[f"{name}_at"][rows]
            active[f"{name}_weight"][into, :POINTS] = state[f"{name}_weight"][rows]
        zone = state["zone"][rows]
        active["calm_zone"][into] = zone
        active["quick_zone"][into] = np.where(zone >= 0, zone, UNPLACED)
        active["broke_us"][into] = state["seg_us"][rows]
        active["judged_us"][into] = now_us
        active["rate_us"][into] = active["muted_us"][into] = state["seen_us"][rows]
        active["can_us"][into] = now_us
        self._wake_doubt(rows, active, into, now_us)

    def _wake_doubt(self, rows: NDArray[np.int64], active: Columns, into: NDArray[np.int64], now_us: int) -> None:
        """Make the reads since the doubt began the candidate, with the looks of that time."""
        state, air = self.state, self._air
        doubtful = state["doubt"][rows] > 0
        rows, into = rows[doubtful], into[doubtful]
        if not len(rows):
            return
        active["doubt"][into] = state["doubt"][rows]
        since_us = state["can_us"][rows]
        active["can_us"][into] = since_us
        whole_s = np.maximum(now_us - since_us, 0) / 1e6
        share = free_share(state["seg_free_s"][rows], state["seg_s"][rows])
        active["can_s"][into] = whole_s
        active["can_free_s"][into] = whole_s * share
        slot = state["slot"][rows].astype(np.int64)
        looks = air.looks_since(since_us[:, None], np.maximum(slot, 0))
        looks *= np.where(air.loud[slot], 1.0, share[:, None])
        late = state["late_antenna"][rows]
        which, turn = np.nonzero(late >= 0)
        place = (slot[which] == late[which, turn][:, None]).argmax(1)
        level = state["late_dbm"][rows[which], turn].astype(np.float32)
        np.add.at(active["can_reads"], (into[which], place), np.float32(1))
        np.add.at(active["can_sum"], (into[which], place), level)
        reads = active["can_reads"][into, :SLOTS]
        active["can_hits"][into, :SLOTS] = reads
        active["can_looks"][into, :SLOTS] = np.where(slot >= 0, np.maximum(looks, reads), 0)

    # -- what is known

    def mass_of(self, rows: NDArray[np.int64], zones: int) -> NDArray[np.float32]:
        """Return the probability of each zone, leaving aside, shape [rows, zones]."""
        made = np.zeros((len(rows), zones), np.float32)
        which, place = np.nonzero(self.state["mass_zone"][rows] >= 0)
        made[which, self.state["mass_zone"][rows[which], place]] = self.state["mass"][rows[which], place]
        return np.asarray(made / np.maximum(made.sum(1, keepdims=True), np.float32(1e-9)), np.float32)
