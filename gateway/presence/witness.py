"""Evidence beyond reads: sales, receipts, returns, counts, and what a person says.

A sale by EPC says which item; a sale by SKU only says that one of them is sold: the engine takes the one that is most
probably at a checkout, or left a moment ago without a sale; when none is there yet, the sale waits for the next that
leaves.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence.columns import Columns
from gateway.presence.item_state import GONE, UNPLACED
from gateway.presence.plan import Plan
from gateway.presence.prior import ANYWHERE
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
UNSEEN_WEIGHT: Final = 5.0
"""An item that a sweep with coverage c did not see has been missed like 5 ln(1 / (1 - c)) expected reads."""

GONE_AFTER_COUNT: Final = 20.0

_NEED_A_ZONE: Final = frozenset({EvidenceKind.PLACE, EvidenceKind.COUNT})

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

    def __init__(self, plan: Plan, state: Columns) -> None:
        self._plan = plan
        self._state = state
        self.pending: list[PendingSale] = []
        self.unmatched = 0
        kinds = list(plan.zone_kind)
        self.checkout = np.array([kind is ZoneKind.CHECKOUT for kind in kinds], bool)
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
            self._state["told_us"][rows] = evidence.at_us
        if evidence.kind is EvidenceKind.SALE and len(rows):
            return self._sell(rows, evidence.at_us)
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
        return self._place(outside, self._zone(evidence.zone, self._arrival), "received")

    def _sell(self, rows: NDArray[np.int64], at_us: int) -> NDArray[np.int64]:
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
        return np.asarray(moved, np.int64)

    def _sell_some(self, sku: int, quantity: int, at_us: int) -> NDArray[np.int64]:
        """Choose which items of a SKU were sold; those not found yet wait for the next that leave."""
        state = self._state
        rows = np.flatnonzero(state["sku"] == sku) if sku >= 0 else np.zeros(0, np.int64)
        rows = rows[state["sold_us"][rows] == 0]
        zone = state["zone"][rows]
        mass = state["mass"][rows] @ self.checkout.astype(np.float32)
        here = np.where((zone >= 0) & self.checkout[np.maximum(zone, 0)], np.maximum(mass, 0.5), mass)
        left = (zone == GONE) & (np.abs(at_us - state["seen_us"][rows]) < LEFT_BEFORE_US) & (state["seen_us"][rows] > 0)
        score = np.where(left, 0.4, np.where(zone >= 0, here, 0.0))
        order = rows[np.argsort(-score, kind="stable")]
        chosen = order[: min(quantity, int((score >= AT_CHECKOUT).sum()))]
        for _ in range(quantity - len(chosen)):
            self.pending.append(PendingSale(sku, at_us))
        while len(self.pending) > PENDING_MAX:
            self.pending.pop(0)
            self.unmatched += 1
        return self._sell(np.sort(chosen), at_us)

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
        coverage = min(max(evidence.coverage, 0.0), 0.999)
        state["missed"][unseen] += np.float32(-UNSEEN_WEIGHT * np.log(1 - coverage))
        state["mass"][unseen, zone] *= np.float32(1 - coverage)
        state["mass"][unseen] /= np.maximum(state["mass"][unseen].sum(1, keepdims=True), 1e-9)
        gone = unseen[state["missed"][unseen] > GONE_AFTER_COUNT]
        self._place(gone, GONE, "counted")
        moved = rows[state["zone"][rows] != zone]
        state["missed"][rows] = 0
        return self._place(moved, zone, "counted")
