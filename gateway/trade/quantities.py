"""What a quantity that somebody says means for the units without tags. Pure.

Items have their tags: a quantity that is counted, or that another system sets, can only change what has none. And it is
true at an instant: what was sold since then is taken off, so that no sale is deducted twice (once by the other system,
once by us) or not at all.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from gateway.ledger.picture import AVAILABLE, DAMAGED, RETURNED, SOLD, SkuPicture

ON_HAND: Final = "on_hand"
SELLABLE: Final = "sellable"
KINDS: Final = (ON_HAND, SELLABLE)
"""What a quantity says. `on_hand`: all that is physically there, held or damaged too. `sellable`: what one more buyer
can get, holds taken off."""

_THERE: Final = frozenset({RETURNED, DAMAGED})


class Moved(NamedTuple):
    """A posting as it concerns quantities; an empty serial: units without tags."""

    serial: str
    credit: str
    debit: str
    quantity: int


def sold_since(postings: Iterable[Moved], kind: str) -> int:
    """Return the units that were sold by these postings, returns taken off; a sale counts once, placed or not.

    What came back and was not looked at is on hand again, and not sellable.
    """
    still_gone = frozenset({RETURNED}) if kind == SELLABLE else frozenset()
    return sum(
        moved.quantity * ((moved.debit == SOLD) - (moved.credit == SOLD and moved.debit not in still_gone))
        for moved in postings
    )


def untagged_since(postings: Iterable[Moved]) -> int:
    """Return by how many these postings changed the units without tags that are for sale."""
    return sum(
        moved.quantity * ((moved.debit == AVAILABLE) - (moved.credit == AVAILABLE))
        for moved in postings
        if not moved.serial
    )


def untagged_for(quantity: int, kind: str, picture: SkuPicture, sold: int) -> int:
    """Return how many units without tags there must be for sale; below 0 where the tags alone say more.

    `quantity` is what somebody says there is, `sold` what was sold since he knew.
    """
    now = quantity - sold
    if kind == SELLABLE:
        tagged = sum(unit.good for unit in picture.units)
        return now - tagged + picture.held + picture.wanting + picture.unplaced
    inside = sum(picture.zones.values())
    other = sum(units for (_, state), units in picture.untagged.items() if state in _THERE)
    return now - (inside - picture.unplaced) - other
