"""Which positions and antennas matter around an antenna: the cost of asking must not grow with the store."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from gateway.presence.plan import Plan

PATCH_POSITIONS: Final = 220
PATCH_ANTENNAS: Final = 18
"""Some eight metres around an antenna: beyond, hardly a tag is heard best by it."""

WHOLE_POSITIONS: Final = 340
"""Up to so many positions a store is one patch: what is saved by cutting it does not pay."""

TABLES_KEPT: Final = 128
"""Patches whose tables are kept, 2 MB each: more than a store of thirty readers has. Others are made again."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """Positions [p] and antennas [q] that matter around one antenna; `local` [a] is an antenna's number here or -1."""

    positions: NDArray[np.int64]
    antennas: NDArray[np.int64]
    local: NDArray[np.int64]


def make_patches(plan: Plan) -> tuple[list[Patch], NDArray[np.int64]]:
    """Return the patches, all of one size, and which one each antenna has, shape [a]; a small store is one patch."""
    places, antennas = plan.level_dbm.shape
    if places <= WHOLE_POSITIONS and antennas <= PATCH_ANTENNAS:
        everything = Patch(np.arange(places), np.arange(antennas), np.arange(antennas))
        return [everything], np.zeros(antennas, np.int64)
    patches = []
    for antenna in range(antennas):
        level = plan.level_dbm[:, antenna]
        positions = np.sort(np.argsort(-level, kind="stable")[:PATCH_POSITIONS])
        near = plan.level_dbm[positions].max(0)
        near[antenna] = np.inf
        heard = np.sort(np.argsort(-near, kind="stable")[:PATCH_ANTENNAS])
        local = np.full(antennas, -1)
        local[heard] = np.arange(len(heard))
        patches.append(Patch(positions, heard, local))
    return patches, np.arange(antennas)


class Kept(Generic[T]):
    """Tables of patches, made when they are asked for; of more than `TABLES_KEPT` the one not used longest goes.

    What is made depends on the patch's number only, so that what was dropped comes back the same.
    """

    def __init__(self, make: Callable[[int], T]) -> None:
        self._make = make
        self._tables: dict[int, T] = {}

    def __getitem__(self, number: int) -> T:
        """Return the tables of a patch."""
        found = self._tables.pop(number, None)
        if found is None:
            found = self._make(number)
            while len(self._tables) >= TABLES_KEPT:
                self._tables.pop(next(iter(self._tables)))
        self._tables[number] = found
        return found

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._tables)

    def clear(self) -> None:
        """Drop all: what they are made from has changed."""
        self._tables.clear()
