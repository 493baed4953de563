"""What a store's truth was and what was believed of it, on one grid of time: the common measure of engine and model."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

KINDS: Final = ("back", "floor_0", "floor_1", "fit", "pos", "out")
"""Zones as the model knows them: a back room, two departments, the fitting room, the till; and outside."""

BACK, FLOOR_0, FLOOR_1, FIT, POS, GONE = range(6)
SELLABLE: Final = frozenset({BACK, FLOOR_0, FLOOR_1})

STEP_S: Final = 20
"""Seconds between two rows of a watch."""


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """Where every item was and was believed to be, every `STEP_S` seconds.

    `true`, `believed` [rows, items]: indices into `KINDS`; `place`, `sellable` [rows, items]: the probability that was
    said of the believed place, and of the item lying where it can be sold. Per item: `sku` (number), `sold` (the till
    sold it at some time).
    """

    true: NDArray[np.int8]
    believed: NDArray[np.int8]
    place: NDArray[np.float32]
    sellable: NDArray[np.float32]
    sku: NDArray[np.int64]
    sold: NDArray[np.bool_]

    def since(self, row: int) -> "Watch":
        """Return the watch from a row on."""
        place, sellable = self.place[row:], self.sellable[row:]
        return Watch(self.true[row:], self.believed[row:], place, sellable, self.sku, self.sold)

    def save(self, path: Path) -> None:
        """Keep it as a file."""
        columns: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        np.savez_compressed(path, **columns)

    @classmethod
    def load(cls, path: Path) -> "Watch":
        """Return one that was kept."""
        with np.load(path) as kept:
            columns: dict[str, Any] = {field.name: kept[field.name] for field in fields(cls)}
        return cls(**columns)
