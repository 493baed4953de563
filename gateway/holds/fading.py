"""Held items that have become less likely to be there than their channel promises: which of them have a better one.

An item below the channel's confidence alone is no fault: five jackets of 0.8 each promise one for sure, and the surest
is bound. Pure: a picture of the SKU comes in, swaps and risks come out. What has all but gone (`picture.FADED`) is
replaced where facts change, by `gateway.ledger.picture.mend`; this is about what lies between.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from gateway.availability import ladder_of
from gateway.ledger.picture import FOUND, LineKey, SkuPicture, Unit

GAIN: Final = 0.05
"""By how much likelier the item must be that takes another's place: a hold does not jump with every step of a shopper,
and a picker who is on his way is not sent elsewhere for nothing."""


class Swap(NamedTuple):
    """An item that a hold lets go, and the one that it binds instead."""

    line: LineKey
    gone: str
    bound: str


def _bound(picture: SkuPicture) -> list[Unit]:
    """Return the items that holds bind here and nobody has in his hands."""
    return [
        unit for unit in picture.units if unit.bound and unit.hold and not (unit.hold.picked or unit.hold.elsewhere)
    ]


def swaps(picture: SkuPicture, targets: Mapping[str, float]) -> list[Swap]:
    """Return which faded items have a better one, the most faded first; `targets` by reservation, others stay.

    As many free items as were sold by SKU stay free: nobody knows which of them are gone.
    """
    faded = [
        (unit.chance, unit.serial, unit.hold)
        for unit in _bound(picture)
        if unit.known and unit.hold is not None and unit.chance < targets.get(unit.hold.reservation, 0.0)
    ]
    free = picture.free()
    spare = len(free) - max(0, picture.unplaced)
    found = []
    for (chance, serial, hold), better in zip(sorted(faded), free[: max(0, spare)], strict=False):
        if better.known and better.chance >= max(FOUND, chance + GAIN):
            found.append(Swap(LineKey(hold.reservation, hold.line), serial, better.serial))
    return found


def kept_for_sure(picture: SkuPicture) -> float:
    """Return the chance that all items that holds bind here are there, or others in their place."""
    bound = _bound(picture)
    if not bound:
        return 1.0
    chances = [unit.chance for unit in bound] + [unit.chance for unit in picture.free()]
    spare = picture.untagged_available - picture.untagged_held - picture.unplaced
    ladder = ladder_of(chances, spare)
    return float(ladder[len(bound) - 1]) if len(ladder) >= len(bound) else 0.0
