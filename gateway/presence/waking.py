"""Who wakes, and who goes to rest: between windows, so that nothing moves by it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence.columns import Columns
from gateway.presence.fingerprint import Compared
from gateway.presence.heard import Heard
from gateway.presence.intake import LATE_US
from gateway.presence.item_state import GONE
from gateway.presence.leaving import RATE_FLOOR, Leaving
from gateway.presence.plan import Plan
from gateway.presence.resting import SILENCE_S, SILENT_INTERVALS, Resting
from gateway.presence.tiers import Tiers
from gateway.presence.tracker import Evidence, EvidenceKind

OLD_US: Final = 900_000_000
GONE_OLD_US: Final = 1_800_000_000
"""Items that were still, or out, for so long may rest."""

SETTLED_SURE: Final = 0.9
SECOND_US: Final = 1_000_000


class Waking:
    """Moves items between the rows of `state`, the active ones, and those at rest."""

    def __init__(self, plan: Plan, state: Columns, resting: Resting, tiers: Tiers) -> None:
        self._plan = plan
        self._state = state
        self._resting = resting
        self._tiers = tiers

    def by_reads(self, heard: Heard, now_us: int, seconds: float) -> tuple[Heard, Compared]:
        """Return a window's reads (`row`: items) of active items, and what those of resting ones that stay say."""
        where = self._tiers.where(heard.row)
        quiet = where < 0
        tested = self._resting.hear(
            heard.only(quiet)._replace(row=-where[quiet] - 1), now_us - int(seconds * SECOND_US)
        )
        self._tiers.wake(np.unique(-where[quiet][tested.wakes] - 1), now_us)
        self._tiers.open(np.unique(heard.row[where == 0]))
        where = self._tiers.where(heard.row)
        awake = where > 0
        return heard.only(awake)._replace(row=where[awake] - 1), tested.others

    def in_turn(self, now_us: int, second: int, dark: NDArray[np.bool_]) -> None:
        """Wake resting items that are silent, and those whose turn it is to be judged again.

        `second`: of the window before; `dark` [zones]: where nobody looks.
        """
        now_s = now_us // SECOND_US
        if now_s <= second:
            return
        silent = self._resting.silent(now_s, now_s - second, now_us)
        stale = self._resting.stale(now_s, now_s - second, dark)
        self._tiers.wake(silent, now_us)
        rows = self._tiers.wake(np.setdiff1d(stale, silent, assume_unique=True), now_us)
        self._state["judged_us"][rows] = 0

    def by_evidence(self, evidence: Evidence, sku: int, now_us: int) -> NDArray[np.int32]:
        """Wake the items that evidence may be about; return the rows of those that it names."""
        quiet, skus = self._resting.state, self._tiers.items["sku"]
        named = np.unique(evidence.items).astype(np.int64)
        where = self._tiers.where(named)
        self._tiers.open(named[where == 0])
        wake = np.zeros(quiet.rows, bool)
        wake[-where[where < 0] - 1] = True
        if evidence.kind is EvidenceKind.COUNT and evidence.zone in self._plan.zones:
            wake |= quiet["zone"] == self._plan.zones.index(evidence.zone)
        if not len(named) and sku >= 0:
            where = self._tiers.where(np.flatnonzero(skus == sku))
            wake[-where[where < 0] - 1] = True
        self._tiers.wake(np.flatnonzero(wake), now_us)
        return (self._tiers.where(named) - 1).astype(np.int32)

    def may_rest(self, leaving: Leaving, restless: NDArray[np.bool_], forgotten: int, now_us: int) -> NDArray[np.int64]:
        """Return rows whose place is old and sure, of items long gone, and of those that were only ever told of.

        `restless` [rows]: in zones where goods do not stay; `forgotten`: the last stage of forgetting the way.
        """
        state, now = self._state, now_us
        zone, seen_us, told_us = state["zone"], state["seen_us"], state["told_us"]
        known_us = np.maximum(np.maximum(seen_us, told_us), state["sold_us"])
        gone = (zone == GONE) & (now - known_us > GONE_OLD_US)
        told = (state["item"] >= 0) & (zone != GONE) & (seen_us == 0) & (state["sold_us"] == 0)
        told &= now - known_us > OLD_US
        calm = (zone >= 0) & (state["doubt"] <= 0) & (now - state["seg_us"] > OLD_US) & (state["sold_us"] == 0)
        calm &= (state["calm_zone"] == zone) & ~restless & (state["forgot"] >= forgotten)
        calm &= (seen_us > told_us + LATE_US) & (state["judged_us"] > state["seg_us"] + OLD_US)
        rows = np.flatnonzero(calm)
        sure = state["mass"][rows].max(1, initial=0) > SETTLED_SURE
        usual_s = 1 / np.maximum(leaving.rate(rows, now), RATE_FLOOR)
        heard = leaving.silence_s(rows) < np.maximum(SILENCE_S, SILENT_INTERVALS * usual_s)
        return np.union1d(np.flatnonzero(gone | told), rows[sure & heard])
