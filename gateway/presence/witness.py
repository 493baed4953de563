"""Evidence beyond reads: sales, receipts, returns, counts, and what a person says.

A sale by EPC says which item; a sale by SKU only says that one of them is sold: the engine takes the one that is most
probably at a checkout, or left a moment ago without a sale; when none is there yet, the sale waits for the next that
leaves, or that fell silent about the sale though it ought to be heard. A guess that is read again was none: its sale
waits again.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence.columns import Columns
from gateway.presence.item_state import GONE, UNPLACED
from gateway.presence.physics import NOMINAL
from gateway.presence.plan import Plan
from gateway.presence.prior import ANYWHERE, ARRIVAL, STOCK_KINDS
from gateway.presence.tracker import Evidence, EvidenceKind
from wire.site import OUT, ZoneKind

LATE_US: Final = 2_000_000
"""Clocks of a till and of a reader are that much apart."""

PENDING_MAX: Final = 10_000
"""Sales by SKU that wait for their item; beyond, the oldest is dropped and counted: a day of a large store."""

PENDING_US: Final = 1_800_000_000
SALE_LATE_US: Final = 600_000_000
"""A sale that comes so long before the item's newest read was not of this item, or was taken back."""

LEFT_BEFORE_US: Final = 600_000_000
"""A sale is recorded within ten minutes of leaving."""

AT_CHECKOUT: Final = 0.2
TILL_READS: Final = 0.45
"""What reads at a checkout within a young segment, or in doubt, are worth beside the probability of being there."""

YOUNG_US: Final = 300_000_000
GUESS_KEPT_US: Final = 180_000_000
SALE_KEPT_US: Final = 600_000_000
"""Goods that are still read so long after their sale have not left: they are followed again, a guess the sooner."""

SEARCH_AFTER_US: Final = 60_000_000
"""So long after a sale its item has left, or should have been heard."""

WALK_US: Final = 30_000_000
"""From the till to the door goods may still be read."""

SEARCH_WIDER_US: Final = 300_000_000
CARRIED_US: Final = 180_000_000
NOT_CARRIED: Final = -4.0
IN_STOCK: Final = -3.0
AT_TILL: Final = 2.0
MISSED_MAX: Final = 12.0
CLEAR: Final = 1.5
ENOUGH: Final = 1.0
"""Log odds of being the one that was sold: a nat for each read that was expected and missed, less for goods that were
not carried. The best must have `ENOUGH`, and be clear of the next, or the sale be old."""

UNSEEN_WEIGHT: Final = 5.0
"""An item that a sweep with coverage c did not see has been missed like 5 ln(1 / (1 - c)) expected reads."""

GONE_AFTER_COUNT: Final = 20.0

FLOOR_MISS: Final = 0.2
STOCK_MISS: Final = 0.1
"""The chance that somebody who looks for an item does not find it though it is in the zone: one of five on a floor that
shoppers rummage through, one of ten in a stock room, where goods lie in order. Our own estimate: pickers report one to
two of ten items of a sure zone as not found. By Bayes a miss multiplies the odds against the zone by 5 and by 10."""

_NEED_A_ZONE: Final = frozenset({EvidenceKind.PLACE, EvidenceKind.COUNT, EvidenceKind.MISS})

CAUSES: Final = ("", "sold", "received", "returned", "counted", "placed")
_ARRIVAL_KINDS: Final = (ZoneKind.RECEIVING, ZoneKind.BACK_ROOM, ZoneKind.SALES_FLOOR)
_RETURN_KINDS: Final = (ZoneKind.CHECKOUT, ZoneKind.SALES_FLOOR, ZoneKind.BACK_ROOM)


@dataclass(slots=True)
class PendingSale:
    """One unit of a SKU that was sold, not known which."""

    sku: int
    at_us: int


class Witness:
    """Applies evidence to the rows of `state`; returns nothing, the engine tells what changed."""

    def __init__(self, plan: Plan, state: Columns, gone_weight: float = NOMINAL.gone_weight) -> None:
        self._plan = plan
        self._state = state
        self._gone_weight = gone_weight
        self.pending: list[PendingSale] = []
        self.unmatched = 0
        kinds = list(plan.zone_kind)
        self.checkout = np.array([kind is ZoneKind.CHECKOUT for kind in kinds], bool)
        self._stock = np.array([kind in STOCK_KINDS for kind in kinds], bool)
        self._till = self._first(ZoneKind.CHECKOUT)
        self._arrival = max(self._first(*_ARRIVAL_KINDS), 0)
        self._return = max(self._first(*_RETURN_KINDS), 0)

    def _first(self, *kinds: ZoneKind) -> int:
        for kind in kinds:
            for number, found in enumerate(self._plan.zone_kind):
                if found is kind:
                    return number
        return -1

    def hear(self, evidence: Evidence, sku: int) -> NDArray[np.int64]:
        """Take evidence (`sku`: number of its GTIN, -1 when no item has it); return the rows to begin anew with."""
        rows = np.unique(evidence.items).astype(np.int64)
        if evidence.kind is not EvidenceKind.SALE:
            known_us = np.maximum(self._state["seen_us"][rows], self._state["told_us"][rows])
            rows = np.asarray(rows[evidence.at_us >= known_us - LATE_US], np.int64)  # what is older is history
            if evidence.kind in _NEED_A_ZONE and not self._names(evidence.zone):
                rows = rows[:0]
            if evidence.kind is EvidenceKind.MISS:
                return self._miss(rows, evidence.zone)
            self._state["told_us"][rows] = evidence.at_us
        if evidence.kind is EvidenceKind.SALE and len(rows):
            return self._sell(rows, evidence.at_us, guess=False)
        if evidence.kind is EvidenceKind.SALE:
            return self._sell_some(sku, max(evidence.quantity, 1), evidence.at_us)
        if evidence.kind is EvidenceKind.RECEIPT:
            return self._receive(rows, evidence)
        if evidence.kind is EvidenceKind.COUNT:
            return self._count(rows, evidence)
        returned = evidence.kind is EvidenceKind.RETURN
        zone = self._zone(evidence.zone, self._return if returned else GONE)
        return self._place(rows, zone, "returned" if returned else "placed")

    def _names(self, zone: str) -> bool:
        return zone == OUT or zone in self._plan.zones

    def _zone(self, name: str, otherwise: int) -> int:
        """Return the number of a zone; a name that is no zone of the plan is taken as not said."""
        if name == OUT:
            return GONE
        return self._plan.zones.index(name) if name in self._plan.zones else otherwise

    def _place(self, rows: NDArray[np.int64], zone: int, cause: str) -> NDArray[np.int64]:
        """Put rows where evidence says that they are."""
        state = self._state
        moved = rows[state["zone"][rows] != zone]
        state["cause"][moved] = CAUSES.index(cause)
        state["zone"][rows] = zone
        state["calm_zone"][rows] = zone
        state["quick_zone"][rows] = zone if zone >= 0 else UNPLACED
        state["sold_us"][rows] = 0
        state["missed"][rows] = 0
        state["prior"][rows] = zone if zone >= 0 else ANYWHERE
        state["prior_stay"][rows] = 0
        state["mass"][rows] = 0
        if zone >= 0:
            state["mass"][rows, zone] = 1
        return rows

    def _receive(self, rows: NDArray[np.int64], evidence: Evidence) -> NDArray[np.int64]:
        """Place what is new, or was out; goods that are inside already are only confirmed."""
        outside = rows[self._state["zone"][rows] < 0]
        placed = self._place(outside, self._zone(evidence.zone, self._arrival), "received")
        if not self._names(evidence.zone):
            self._state["prior"][placed] = ARRIVAL
        return placed

    def _sell(self, rows: NDArray[np.int64], at_us: int, *, guess: bool) -> NDArray[np.int64]:
        """Mark rows as sold: they are at the till, and will leave.

        Those that left already stay out; where no antenna could tell, a sale is the leaving.
        """
        state = self._state
        rows = rows[at_us >= state["seen_us"][rows] - SALE_LATE_US]
        inside = rows[state["zone"][rows] != GONE]
        now = inside[at_us >= np.maximum(state["seen_us"][inside], state["told_us"][inside]) - LATE_US]
        blind = not len(self._plan.antennas)
        moved = now if self._till >= 0 or blind else now[:0]
        self._place(moved, GONE if blind else self._till, "sold")
        state["told_us"][now] = at_us
        state["sold_us"][rows] = max(at_us, 1)
        state["sold_guess"][rows] = guess
        return np.asarray(moved, np.int64)

    def _sell_some(self, sku: int, quantity: int, at_us: int) -> NDArray[np.int64]:
        """Choose which items of a SKU were sold; those not found yet wait for the next that leave."""
        state = self._state
        rows = np.flatnonzero(state["sku"] == sku) if sku >= 0 else np.zeros(0, np.int64)
        rows = rows[state["sold_us"][rows] == 0]
        score = self._sale_scores(rows, at_us)
        order = rows[np.argsort(-score, kind="stable")]
        chosen = order[: min(quantity, int((score >= AT_CHECKOUT).sum()))]
        for _ in range(quantity - len(chosen)):
            self._wait(sku, at_us)
        return self._sell(np.sort(chosen), at_us, guess=True)

    def _sale_scores(self, rows: NDArray[np.int64], at_us: int) -> NDArray[np.float64]:
        """Return how much speaks for each row that it was sold just now: it is at a checkout, or left a moment ago."""
        state = self._state
        zone, seen_us = state["zone"][rows], state["seen_us"][rows]
        mass = state["mass"][rows] @ self.checkout.astype(np.float32)
        here = np.where((zone >= 0) & self.checkout[np.maximum(zone, 0)], np.maximum(mass, 0.5), mass)
        lately = self._till_reads(rows) & (at_us - seen_us < CARRIED_US)
        left = (zone == GONE) & (np.abs(at_us - seen_us) < LEFT_BEFORE_US) & (seen_us > 0)
        score = np.where(left, 0.4, np.where(zone >= 0, np.maximum(here, TILL_READS * lately), 0.0))
        return np.asarray(score, np.float64)

    def _wait(self, sku: int, at_us: int) -> None:
        self.pending.append(PendingSale(sku, at_us))
        while len(self.pending) > PENDING_MAX:
            self.pending.pop(0)
            self.unmatched += 1

    def _till_reads(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which rows a checkout heard since they were moved, or since the newest doubt."""
        state = self._state
        slot = state["slot"][rows]
        till = (slot >= 0) & self.checkout[self._plan.antenna_zone][slot]
        young = state["seen_us"][rows] - state["seg_us"][rows] < YOUNG_US
        reads = state["can_reads"][rows] + np.where(young[:, None], state["seg_reads"][rows], 0)
        return np.asarray((reads * till).sum(1) > 0, np.bool_)

    def search(self, now_us: int) -> None:
        """Find the items of sales that wait: of a SKU the one that most probably fell silent by being sold."""
        if not self.pending:
            return
        state = self._state
        rows = np.flatnonzero((state["zone"] >= 0) & (state["sold_us"] == 0) & (state["sku"] >= 0))
        rows = rows[np.isin(state["sku"][rows], [sale.sku for sale in self.pending])]
        odds = self._sold_odds(rows)
        sku, seen_us = state["sku"][rows], state["seen_us"][rows]
        worth = set(sku[odds >= ENOUGH].tolist())
        waiting = []
        for sale in self.pending:
            found = -1
            if sale.sku in worth and now_us - sale.at_us >= SEARCH_AFTER_US:
                silent = seen_us < min(sale.at_us, now_us - SEARCH_AFTER_US) + WALK_US
                old = now_us - sale.at_us > SEARCH_WIDER_US
                found = _clear_best(np.where(silent & (sku == sale.sku), odds, -np.inf), surely=not old)
            if found < 0:
                waiting.append(sale)
                continue
            odds[found] = -np.inf
            state["sold_us"][rows[found]] = max(sale.at_us, 1)
            state["sold_guess"][rows[found]] = True
        self.pending = waiting

    def _sold_odds(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the log odds that rows fell silent by being sold."""
        state = self._state
        odds = np.minimum(state["missed"][rows], MISSED_MAX).astype(np.float64)
        odds[state["seen_us"][rows] - state["broke_us"][rows] >= CARRIED_US] += NOT_CARRIED
        odds[self._stock[state["zone"][rows]]] += IN_STOCK
        odds[self._till_reads(rows)] += AT_TILL
        return np.asarray(odds, np.float64)

    def back(self, rows: NDArray[np.int64]) -> None:
        """Take back the sales of rows that are read again: a guess was wrong, and its sale waits again."""
        state = self._state
        for row in rows[(state["sold_us"][rows] > 0) & state["sold_guess"][rows]].tolist():
            self._wait(int(state["sku"][row]), int(state["sold_us"][row]))
        state["sold_us"][rows] = 0
        state["sold_guess"][rows] = False

    def stayed(self) -> NDArray[np.int64]:
        """Return the rows that are read so long after their sale that they have not left."""
        state = self._state
        kept_us = np.where(state["sold_guess"], GUESS_KEPT_US, SALE_KEPT_US)
        return np.flatnonzero((state["sold_us"] > 0) & (state["seen_us"] - state["sold_us"] > kept_us))

    def left(self, rows: NDArray[np.int64], now_us: int) -> None:
        """Match items that left with sales that waited for them; sales that waited too long are counted."""
        if not self.pending:
            return
        state = self._state
        for row in rows.tolist():
            sku = int(state["sku"][row])
            for sale in self.pending:
                if sku >= 0 and sale.sku == sku and state["sold_us"][row] == 0:
                    state["sold_us"][row] = max(sale.at_us, 1)
                    state["sold_guess"][row] = True
                    state["cause"][row] = CAUSES.index("sold")
                    self.pending.remove(sale)
                    break
        kept = [sale for sale in self.pending if now_us - sale.at_us < PENDING_US]
        self.unmatched += len(self.pending) - len(kept)
        self.pending = kept

    def _count(self, rows: NDArray[np.int64], evidence: Evidence) -> NDArray[np.int64]:
        """Place what a count found; what it did not find in its zone has been missed, the more it covered."""
        state = self._state
        zone = self._zone(evidence.zone, UNPLACED)
        if zone < 0:
            return rows[:0]
        seen = np.zeros(state.rows, bool)
        seen[evidence.items] = True
        known_us = np.maximum(state["seen_us"], state["told_us"])
        unseen = np.flatnonzero((state["zone"] == zone) & ~seen & (known_us <= evidence.at_us + LATE_US))
        self._not_seen(unseen, zone, 1 - min(max(evidence.coverage, 0.0), 0.999), UNSEEN_WEIGHT)
        gone = unseen[state["missed"][unseen] > GONE_AFTER_COUNT]
        self._place(gone, GONE, "counted")
        moved = rows[state["zone"][rows] != zone]
        state["missed"][rows] = 0
        return self._place(moved, zone, "counted")

    def _not_seen(self, rows: NDArray[np.int64], zone: int, overlooked: float, weight: float) -> None:
        """Lower the chance of rows to be in a zone; `overlooked`: that of not being seen though they are there.

        `weight`: the expected reads that a nat of it is worth.
        """
        state = self._state
        state["missed"][rows] += np.float32(-weight * np.log(overlooked))
        state["mass"][rows, zone] *= np.float32(overlooked)
        state["mass"][rows] /= np.maximum(state["mass"][rows].sum(1, keepdims=True), 1e-9)

    def _miss(self, rows: NDArray[np.int64], name: str) -> NDArray[np.int64]:
        """Take it that rows were looked for in a zone and not found: nothing moves by it, and the next read ends it.

        Rows that are believed to be elsewhere by now are not concerned.
        """
        zone = self._zone(name, UNPLACED)
        if zone >= 0:
            here = rows[self._state["zone"][rows] == zone]
            self._not_seen(here, zone, STOCK_MISS if self._stock[zone] else FLOOR_MISS, 1 / self._gone_weight)
        return rows[:0]


def _clear_best(odds: NDArray[np.float64], *, surely: bool) -> int:
    """Return the number of the best log odds, or -1 when they are not enough, or not clear of the next."""
    best = int(odds.argmax())
    if odds[best] < ENOUGH:
        return -1
    rest = np.delete(odds, best)
    return best if not surely or odds[best] - rest.max(initial=-np.inf) > CLEAR else -1
