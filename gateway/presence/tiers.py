"""Where each item's row is: among the active ones, among those at rest, or nowhere, for items never heard of.

Rows are given back and used again, the lowest first; when half of a table is free it is packed. So equal inputs give
equal tables.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence.columns import Columns
from gateway.presence.item_state import GONE
from gateway.presence.resting import Resting
from gateway.presence.tracker import SnapshotError

SPARE: Final = 1_024
"""Free rows that are not worth packing."""

_SHAPES: Final[dict[str, tuple[Any, tuple[int, ...], Any]]] = {"where": (np.int32, (), 0), "sku": (np.int32, (), -1)}


class Tiers:
    """Rows of items: `where` is row + 1 among the active ones, -(row + 1) among those at rest, or 0."""

    def __init__(self, active: Columns, resting: Resting) -> None:
        self.items = Columns(_SHAPES)
        self._active = active
        self._resting = resting

    def where(self, items: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where the rows of items are."""
        return self.items["where"][items].astype(np.int64)

    def heard_of(self, item: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Return when each item was last read, when it was told of, and whether it is gone, shape [n] each."""
        where = self.where(item)
        seen_us, told_us, gone = np.zeros(len(item), np.int64), np.zeros(len(item), np.int64), np.zeros(len(item), bool)
        for table, mine, rows in (
            (self._active, np.flatnonzero(where > 0), where - 1),
            (self._resting.state, np.flatnonzero(where < 0), -where - 1),
        ):
            here = rows[mine]
            seen_us[mine], told_us[mine] = table["seen_us"][here], table["told_us"][here]
            gone[mine] = table["zone"][here] == GONE
        return seen_us, told_us, gone

    def open(self, items: NDArray[np.int64]) -> None:
        """Give rows to distinct items that have none."""
        rows = _free_rows(self._active, len(items))
        self._active["item"][rows] = items
        self._active["sku"][rows] = self.items["sku"][items]
        self.items["where"][items] = rows + 1

    def wake(self, resting: NDArray[np.int64], now_us: int) -> NDArray[np.int64]:
        """Make resting rows active; return their rows there, in the order of items."""
        state = self._resting.state
        resting = resting[np.argsort(state["item"][resting])]
        rows = _free_rows(self._active, len(resting))
        items = state["item"][resting]
        self._resting.wake(resting, self._active, rows, now_us)
        self._active["sku"][rows] = self.items["sku"][items]
        self.items["where"][items] = rows + 1
        state.reset(resting)
        return rows

    def rest(self, rows: NDArray[np.int64]) -> None:
        """Let active rows rest."""
        rows = rows[np.argsort(self._active["item"][rows])]
        into = _free_rows(self._resting.state, len(rows))
        self._resting.lay_down(self._active, rows, into)
        self.items["where"][self._active["item"][rows]] = -(into + 1)
        self._active.reset(rows)

    def pack(self) -> NDArray[np.int64] | None:
        """Give room back where much is free; return the new number of each active row (-1: free) if those changed."""
        quiet, new = _pack(self._resting.state), _pack(self._active)
        if quiet is not None or new is not None:
            self.index()
        return new

    def index(self) -> None:
        """Find again where each item is, by the tables."""
        where = self.items["where"]
        where[:] = 0
        for table, sign in ((self._active, 1), (self._resting.state, -1)):
            rows = np.flatnonzero(table["item"] >= 0)
            where[table["item"][rows]] = sign * (rows + 1)

    def load(self, items: int, saved: Mapping[str, bytes]) -> None:
        """Take the SKUs of `items` as `dump` gave them; the tables are loaded already.

        Raises `SnapshotError` when a table has an item that is none.
        """
        self.items.load(items, {**saved, "where": bytes(4 * items)})
        for table in (self._active, self._resting.state):
            if table["item"].max(initial=-1) >= items:
                raise SnapshotError(f"a row of item {table['item'].max()}, of {items}")
        self.index()

    def dump(self) -> dict[str, bytes]:
        """Return what the tables do not say."""
        return {"sku": self.items["sku"].tobytes()}


def _free_rows(table: Columns, count: int) -> NDArray[np.int64]:
    """Return the lowest free rows; the table grows when there are too few."""
    free = np.flatnonzero(table["item"] < 0)[:count]
    if len(free) < count:
        first = table.rows
        table.grow(first + count - len(free))
        free = np.concatenate([free, np.arange(first, table.rows)])
    return free


def _pack(table: Columns) -> NDArray[np.int64] | None:
    used = np.flatnonzero(table["item"] >= 0)
    if table.rows <= 2 * len(used) + SPARE:
        return None
    new = np.full(table.rows, -1)
    new[used] = np.arange(len(used))
    table.keep(used)
    return new
