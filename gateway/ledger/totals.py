"""A total of the book, as another system says it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BookRow:
    """A total: `quantity` units of a SKU at an instant."""

    gtin: str
    quantity: int
    as_of_us: int
