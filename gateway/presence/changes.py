"""Tells what changed: the decisions of the engine as the fold takes them."""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.presence.columns import Columns
from gateway.presence.item_state import GONE, UNPLACED
from gateway.presence.tracker import ZoneChange
from gateway.presence.witness import CAUSES
from wire.site import OUT

LEFT_SURE: Final = 0.95


Mass = Callable[[NDArray[np.int64]], NDArray[np.float32]]
"""Rows to the probability of each zone, shape [rows, zones]."""


class Span(NamedTuple):
    """The time of the step that changed something, UTC microseconds."""

    since_us: int
    now_us: int


def tell_changes(
    zones: tuple[str, ...], state: Columns, before: NDArray[np.int16], mass: Mass, span: Span
) -> list[ZoneChange]:
    """Return what is shown elsewhere than `before` [rows], ordered by item; `mass` gives the rows' chances of now.

    From one place outside to another is no change.
    Where the item's own read made the difference, the decision is dated at that read, otherwise at the step's end.
    """
    after, now_us = state["zone"], span.now_us
    rows = np.flatnonzero((before != after) & ((before >= 0) | (after >= 0)))
    if not len(rows):
        return []
    rows = rows[np.argsort(state["item"][rows])]
    masses = mass(rows)
    changes = []
    for place, row in enumerate(rows.tolist()):
        was, now, seen = int(before[row]), int(after[row]), int(state["seen_us"][row])
        named = CAUSES[int(state["cause"][row])]
        decided = seen if seen > span.since_us else now_us
        if now == GONE:
            cause = "sold" if state["sold_us"][row] else named or "left"
            happened, decided, sure = min(seen, now_us) or now_us, now_us, LEFT_SURE
        else:
            cause = named or ("appeared" if was == UNPLACED else "returned" if was == GONE else "moved")
            happened = min(int(state["seg_us"][row]), decided) if seen and not named else decided
            total = float(masses[place].sum())
            sure = float(masses[place, now]) / total if total > 0 else 1.0
        if cause != "sold" or now == GONE:
            state["cause"][row] = 0
        changes.append(
            ZoneChange(
                item=int(state["item"][row]),
                from_zone=OUT if was < 0 else zones[was],
                to_zone=OUT if now < 0 else zones[now],
                happened_us=happened,
                first_read_us=happened,
                decided_us=decided,
                probability=min(max(sure, 0.0), 1.0),
                cause=cause,
            )
        )
    return changes
