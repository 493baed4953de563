"""The demo's accuracy figure: how many (SKU, zone) cells hold exactly what is really there."""

from collections.abc import Mapping

Cell = tuple[str, str, str]
"""(site, GTIN-14, zone)."""


def cell_exact(counted: Mapping[Cell, int], truth: Mapping[Cell, int]) -> float:
    """Return the share of non-empty cells (in the count or in the truth) that are equal; 1.0 when there are none."""
    cells = {cell for book in (counted, truth) for cell, units in book.items() if units}
    if not cells:
        return 1.0
    return sum(counted.get(cell, 0) == truth.get(cell, 0) for cell in cells) / len(cells)
