"""Columns that grow together: the tracker's state as a struct of arrays, and its bytes."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.presence.tracker import SnapshotError

_GROW: Final = 1_024
"""Rows are added in steps of at least this many, or by an eighth: growing costs little and wastes little."""


class Columns:
    """Arrays of one length, by name: `shapes` gives each a dtype, the shape of one row, and what a new row holds."""

    def __init__(self, shapes: Mapping[str, tuple[Any, tuple[int, ...], Any]]) -> None:
        self._shapes = dict(shapes)
        self.rows = 0
        self._arrays: dict[str, NDArray[Any]] = {}
        for name, (dtype, shape, fill) in self._shapes.items():
            self._arrays[name] = np.full((0, *shape), fill, dtype)

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return a column, room for growth left out; writing into it writes the state."""
        return self._arrays[name][: self.rows]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns."""
        return tuple(self._shapes)

    def grow(self, rows: int) -> None:
        """Have at least `rows` rows; new ones hold what their column begins with."""
        if rows <= self.rows:
            return
        have = len(next(iter(self._arrays.values())))
        if rows > have:
            more = max(_GROW, rows - have, have // 8)
            for name, (dtype, shape, fill) in self._shapes.items():
                self._arrays[name] = np.concatenate([self._arrays[name], np.full((more, *shape), fill, dtype)])
        self.rows = rows

    def reset(self, rows: NDArray[Any]) -> None:
        """Let these rows hold what new ones hold."""
        for name, (_, _, fill) in self._shapes.items():
            self._arrays[name][rows] = fill

    def shrink(self, rows: int) -> None:
        """Have this many rows; those beyond hold again what new ones hold."""
        if rows < self.rows:
            self.reset(np.arange(rows, self.rows))
            self.rows = rows

    def keep(self, rows: NDArray[Any]) -> None:
        """Keep these rows only, numbered in their order; the room of the others is given back."""
        for name in self._shapes:
            self._arrays[name] = self[name][rows]
        self.rows = len(rows)

    def dump(self) -> dict[str, bytes]:
        """Return all columns as bytes, ordered by name."""
        return {name: self[name].tobytes() for name in sorted(self._shapes)}

    def load(self, rows: int, saved: Mapping[str, bytes]) -> None:
        """Take the columns that `dump` gave. Raises `SnapshotError` when one is missing or has another length."""
        self.rows = 0
        self.grow(rows)
        for name, (dtype, shape, _) in self._shapes.items():
            try:
                column = np.frombuffer(saved[name], dtype).reshape((rows, *shape))
            except (KeyError, ValueError) as error:
                raise SnapshotError(f"column {name!r} of a snapshot: {error}") from error
            self[name][:] = column

    def size_bytes(self) -> int:
        """Return how many bytes all rows take, with the room for growth."""
        return sum(array.nbytes for array in self._arrays.values())

    def row_bytes(self) -> int:
        """Return how many bytes one row takes."""
        return sum(
            int(np.dtype(dtype).itemsize * np.prod(shape, dtype=np.int64)) for dtype, shape, _ in self._shapes.values()
        )
