"""Which units of a SKU a quantity that is sold was of. Pure."""

from typing import NamedTuple

from gateway.ledger.picture import SkuPicture


class Allotment(NamedTuple):
    """Units without tags, and units of items of which nobody knows yet which."""

    untagged: int
    unplaced: int


def allot(units: int, picture: SkuPicture) -> Allotment:
    """Return what `units` sold by GTIN were of, as the SKU stands before them.

    First units without tags that nobody holds, then items that nobody holds or owes, then units without tags that are
    held: who holds them loses them, and is told. What is left was of items that nobody knew to be there.
    """
    untagged = min(units, max(0, picture.untagged_available - picture.untagged_held))
    units -= untagged
    inside = sum(unit.good and not unit.bound for unit in picture.units)
    unplaced = min(units, max(0, inside - picture.unplaced))
    units -= unplaced
    held = min(units, picture.untagged_available - untagged)
    return Allotment(untagged + held, unplaced + units - held)
