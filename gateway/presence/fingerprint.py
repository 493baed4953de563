"""Radio fingerprints: what each item sounds like at each antenna while it stays where it is, and when that breaks.

An item keeps slots, one for each antenna that heard it, with two sets of sufficient statistics: the *segment* (since
the item was last moved) and the *candidate* (what came since the newest doubt). Each holds reads, their summed RSSI,
hits and looks. A look counts only when the tag was free to answer: not while it is silent after a read (`silence`).

Doubt is a CUSUM of log likelihood ratios: does this read, this hit, this miss come from the fingerprint, or from
somewhere else? Without doubt the candidate joins the segment, so that the segment never holds suspicious data. When
doubt exceeds `break_at` the fingerprint is broken and the candidate becomes the new segment: the change is dated back
to where the doubt began. Silence alone does not say where to: it keeps the fingerprint, and the doubt.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.presence.air import Air
from gateway.presence.columns import Columns
from gateway.presence.heard import Heard
from gateway.presence.physics import Physics

SLOTS: Final = 16
"""Antennas remembered for an item: few tags are heard by more; a new one takes the place of the least heard."""

SHAPES: Final[dict[str, tuple[Any, tuple[int, ...], Any]]] = {
    "slot": (np.int16, (SLOTS,), -1),
    "seg_reads": (np.float32, (SLOTS,), 0),
    "seg_sum": (np.float32, (SLOTS,), 0),
    "seg_hits": (np.float32, (SLOTS,), 0),
    "seg_looks": (np.float32, (SLOTS,), 0),
    "can_reads": (np.float32, (SLOTS,), 0),
    "can_sum": (np.float32, (SLOTS,), 0),
    "can_hits": (np.float32, (SLOTS,), 0),
    "can_looks": (np.float32, (SLOTS,), 0),
    "doubt": (np.float32, (), 0),
    "seg_us": (np.int64, (), 0),
    "can_us": (np.int64, (), 0),
    "seg_free_s": (np.float32, (), 0),
    "seg_s": (np.float32, (), 0),
    "can_free_s": (np.float32, (), 0),
    "can_s": (np.float32, (), 0),
    "missed": (np.float32, (), 0),
}
FULL: Final = 4_096.0
"""Reads or looks after which a fingerprint counts half: it follows slow changes, and its sums stay exact."""

DOUBLING_DB: Final = 6.0
"""Of two antennas the louder is kept, unless the other has twice the reads for so many decibels."""

_PAIRS: Final = (
    ("seg_reads", "can_reads"),
    ("seg_sum", "can_sum"),
    ("seg_hits", "can_hits"),
    ("seg_looks", "can_looks"),
    ("seg_free_s", "can_free_s"),
    ("seg_s", "can_s"),
)


EXCESS_DB: Final = 6.0
"""A read of a still item that is so much louder than its fingerprint does not come from where it lies."""


class Compared(NamedTuple):
    """Reads held against fingerprints, shape [n] each.

    `ratio`: log likelihood ratio of another place; `residual`: dB above the fingerprint, which has so many `reads` at
    that `antenna`; `doubt`: of the item, before.
    """

    ratio: NDArray[np.float64]
    residual: NDArray[np.float64]
    antenna: NDArray[np.int64]
    reads: NDArray[np.float64]
    doubt: NDArray[np.floating[Any]]

    def only(self, mine: NDArray[np.bool_]) -> "Compared":
        """Return some of the reads."""
        return Compared(self.ratio[mine], self.residual[mine], self.antenna[mine], self.reads[mine], self.doubt[mine])

    def and_(self, other: "Compared") -> "Compared":
        """Return these reads, then the others."""
        return Compared(
            np.concatenate([self.ratio, other.ratio]),
            np.concatenate([self.residual, other.residual]),
            np.concatenate([self.antenna, other.antenna]),
            np.concatenate([self.reads, other.reads]),
            np.concatenate([self.doubt, other.doubt]),
        )

    def learn(self, air: Air) -> None:
        """Let the antennas learn from reads of items that are where they were."""
        known = (self.reads >= 10) & (self.doubt < 3)
        air.learn_spread(self.residual[known], self.reads[known])
        steady = (self.reads >= 4) & (np.abs(self.residual) < 8)
        air.learn_crowd(self.antenna[steady], self.residual[steady])


def compare(
    air: Air,
    physics: Physics,
    heard: Heard,
    known: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.floating[Any]], NDArray[np.floating[Any]]],
) -> Compared:
    """Hold reads against fingerprints; `known`: reads, mean level (dBm) and looks at the antenna, and the doubt."""
    reads, level, looks, doubt = known
    fair = heard.rssi_dbm - air.crowd_db[heard.antenna]
    variance = air.read_var[0] * (1 + 1 / np.maximum(reads, 1)) + 0.5
    residual = fair - level
    elsewhere = (fair - physics.elsewhere_dbm) / physics.elsewhere_sd_db
    ratio = (
        -0.5 * elsewhere**2 - np.log(physics.elsewhere_sd_db) + 0.5 * residual**2 / variance + 0.5 * np.log(variance)
    )
    new = np.log(0.08 * (looks + 1) / 0.3)
    ratio = np.where(reads >= 1, np.clip(ratio, -1.5, 4.0), np.clip(new, -1.0, 3.5))
    return Compared(ratio, residual, heard.antenna, reads, doubt)


class Fingerprints:
    """Slots and doubt of all rows of `state` (columns of `SHAPES`)."""

    def __init__(self, state: Columns, air: Air, physics: Physics) -> None:
        self._state = state
        self._air = air
        self._physics = physics

    def slots_of(self, row: NDArray[np.int64], antenna: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the slot of each (row, antenna), shape [n]; new antennas get one. Pairs are distinct."""
        slot = self._state["slot"]
        there = slot[row] == antenna[:, None]
        found = there.argmax(1)
        known = there[np.arange(len(row)), found]
        missing = np.flatnonzero(~known)
        heard = np.zeros((self._state.rows if len(missing) else 0, SLOTS), bool)
        if len(missing):
            heard[row[known], found[known]] = True
        while len(missing):  # a row with several new antennas takes them one a turn, none of this window's slots
            first = missing[np.unique(row[missing], return_index=True)[1]]
            rows = row[first]
            reads = self._state["seg_reads"][rows] + self._state["can_reads"][rows]
            level = (self._state["seg_sum"][rows] + self._state["can_sum"][rows]) / np.maximum(reads, 1)
            worth = np.where(reads > 0, DOUBLING_DB * np.log2(reads + 1) + level, -300.0)
            worth = np.where(slot[rows] < 0, -999.0, np.where(heard[rows], 999.0, worth))
            place = worth.argmin(1)
            self._open(rows, place, antenna[first])
            heard[rows, place] = True
            found[first] = place
            missing = np.setdiff1d(missing, first, assume_unique=True)
        return np.asarray(found, np.int64)

    def _open(self, rows: NDArray[np.int64], place: NDArray[np.int64], antenna: NDArray[np.int64]) -> None:
        """Give slots to antennas; they have looked in vain since the segment (the candidate) began."""
        state, air = self._state, self._air
        for name in ("seg_reads", "seg_sum", "seg_hits", "can_reads", "can_sum", "can_hits"):
            state[name][rows, place] = 0
        state["slot"][rows, place] = antenna
        for looks, since, free, whole in (
            ("seg_looks", "seg_us", "seg_free_s", "seg_s"),
            ("can_looks", "can_us", "can_free_s", "can_s"),
        ):
            step = air.looks_since(state[since][rows], antenna)
            share = np.where(air.loud[antenna], 1.0, free_share(state[free][rows], state[whole][rows]))
            state[looks][rows, place] = step * share
        newer = state["can_us"][rows] > 0
        state["seg_looks"][rows, place] -= np.where(
            newer, np.minimum(state["can_looks"][rows, place], state["seg_looks"][rows, place]), 0
        )

    def compared(self, heard: Heard, place: NDArray[np.int64]) -> "Compared":
        """Hold reads against the fingerprints of their items; `place`: the reads' slots."""
        state, row = self._state, heard.row
        reads = state["seg_reads"][row, place].astype(np.float64)
        level = state["seg_sum"][row, place] / np.maximum(reads, 1)
        return compare(
            self._air, self._physics, heard, (reads, level, state["seg_looks"][row, place], state["doubt"][row])
        )

    def look(
        self,
        weight: NDArray[np.float64],
        rows: NDArray[np.int64],
        free: NDArray[np.float64],
        usual: NDArray[np.bool_],
        hit: NDArray[np.bool_],
    ) -> NDArray[np.float64]:
        """Take the looks of one window; return the doubt that hits and misses add, shape [rows].

        `weight` per antenna, `rows` that count, how `free` each was to answer (see `silence`), which slots were `hit`
        [rows, SLOTS].
        """
        state, air, physics = self._state, self._air, self._physics
        slot = state["slot"][rows]
        looked = np.where(slot >= 0, weight[slot], 0.0)
        loud = air.loud[slot] & (slot >= 0)
        row, place = np.nonzero((looked > 0) & ((free > 0)[:, None] | loud))
        where = rows[row], place
        antenna, was_hit = slot[row, place], hit[row, place]
        worth = np.where(loud[row, place], 1.0, free[row])
        share = looked[row, place] * worth
        often = np.clip((state["seg_hits"][where] + 0.1) / (state["seg_looks"][where] + 1), 0.001, 0.95).astype(
            np.float64
        )
        fair = 1 / (1 + np.exp(-(np.log(often / (1 - often)) + air.crowd_db[antenna] / 2)))
        rarely = np.minimum(fair, 0.12)
        known = state["seg_reads"][where] > 0
        doubt = physics.miss_weight * np.where(
            was_hit, np.where(known, worth * np.log(rarely / fair), 0.0), share * (np.log1p(-rarely) - np.log1p(-fair))
        )
        expected = np.where(~was_hit & (fair > 0.1) & usual[row], fair * share, 0.0)
        state["missed"][rows] += np.bincount(row, expected, minlength=len(rows)).astype(np.float32)
        state["can_looks"][where] += share.astype(np.float32)
        state["can_hits"][where] += (was_hit * worth).astype(np.float32)
        return np.asarray(np.bincount(row, doubt, minlength=len(rows)), np.float64)

    def add(self, heard: Heard, place: NDArray[np.int64]) -> None:
        """Take reads into the candidate; `place`: their slots."""
        state = self._state
        state["can_reads"][heard.row, place] += 1
        fair = heard.rssi_dbm - self._air.crowd_db[heard.antenna]
        state["can_sum"][heard.row, place] += fair.astype(np.float32)

    def settle_doubt(self, rows: NDArray[np.int64], added: NDArray[np.float64], now_us: int) -> NDArray[np.int64]:
        """Add doubt; without any the candidate joins the segment. Return the rows that are broken."""
        state, physics = self._state, self._physics
        doubt = np.maximum(state["doubt"][rows] + added, 0.0)
        state["doubt"][rows] = doubt
        calm = np.zeros(state.rows, bool)
        calm[rows[doubt <= 0]] = True
        for segment, candidate in _PAIRS:
            mask = calm if state[segment].ndim == 1 else calm[:, None]
            state[segment][:] += state[candidate] * mask
            state[candidate][:] *= ~mask
        state["can_us"][calm] = now_us
        full = ((state["seg_reads"] > FULL) | (state["seg_looks"] > FULL)).any(1) & calm
        if full.any():
            for segment, _ in _PAIRS:
                state[segment][full] *= np.float32(0.5)
        broken = rows[doubt > physics.break_at]
        silent = state["can_reads"][broken].sum(1) == 0
        state["doubt"][broken[silent]] = physics.break_at
        return np.asarray(broken[~silent], np.int64)

    def restart(self, rows: NDArray[np.int64], now_us: int, *, keep_candidate: bool = True) -> None:
        """Begin a new segment: from the candidate, or from nothing."""
        state = self._state
        for segment, candidate in _PAIRS:
            state[segment][rows] = state[candidate][rows] if keep_candidate else 0
            state[candidate][rows] = 0
        state["doubt"][rows] = 0
        state["seg_us"][rows] = state["can_us"][rows] if keep_candidate else now_us
        state["can_us"][rows] = now_us


def free_share(free_s: NDArray[Any], whole_s: NDArray[Any]) -> NDArray[np.float64]:
    """Return the share of a time in which a tag was free to answer; two seconds are granted in advance."""
    return (free_s + 1.0) / (whole_s + 2.0)
