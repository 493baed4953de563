"""Where the view by RFID, the book and the last cycle counts differ, and what most likely lies behind it.

One SKU of one site at a time. Two kinds of differences are looked for.

**The book and the tags.** With more units in the book than in the site, each missing unit is explained by the first
rule that still has an item for it; what no rule explains comes last:

1. `sold_unrecorded`: an item left by the exit since the book's total, and was at a checkout in the half hour before:
   somebody paid and the till did not tell.
2. `left_unpaid`: an item left by the exit since then without coming by a checkout.
3. `unread`: an item was taken out since then for another reason than leaving, a sale or a person's word: a count did
   not see it, or it faded. It may be there, unread.
4. `untagged`: units that no tag was ever read for: they have none, or it is broken.

With fewer units in the book than in the site (or a book that does not know the SKU at all):

5. `not_booked`: a receipt or a return was not recorded. The items that came into the site since the book's total are
   named.

**The last count of a zone and the tags**, as far as the item has not moved since:

6. `unread`: believed in the zone, and not seen by the count: the tag is hidden or dead, or the item is gone.
7. `misplaced`: seen in the zone by the count, and believed in another, or out.

Likely is not certain: nothing is changed by any of this until a person decides. A difference has an id that follows
from all that it rests on; when that changes, so does the id, and an approval of the older one is refused.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from typing import Final

import msgspec

from wire.site import OUT

BY_CHECKOUT_US: Final = 30 * 60_000_000
"""From the till to the door: a shopper who pays and then looks around for longer is rare."""

ITEMS_SHOWN: Final = 50
"""Items named in one difference, the newest first; the number of the others is said."""

LEFT: Final = "left"
EXPLAINED: Final = frozenset({"sold", "placed"})
"""Causes of movements after which nobody need look for the item."""


class Cause(StrEnum):
    """What most likely lies behind a difference; see the module's text."""

    UNREAD = "unread"
    SOLD_UNRECORDED = "sold_unrecorded"
    LEFT_UNPAID = "left_unpaid"
    MISPLACED = "misplaced"
    UNTAGGED = "untagged"
    NOT_BOOKED = "not_booked"


class Finding(StrEnum):
    """What a count said about an item that was not where it was believed to be."""

    UNSEEN = "unseen"
    ELSEWHERE = "elsewhere"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Item:
    """An item and its newest movement: where to, since when, from where, and why (`cause`)."""

    serial: str
    place: str
    since_us: int
    came_from: str
    cause: str
    probability: float | None = None
    by_checkout: bool = False
    """Whether it was at a checkout in the half hour before its newest movement."""
    arrived_us: int = 0
    """When it came into the site; 0 where that does not matter."""


@dataclass(frozen=True, slots=True)
class CountedZone:
    """The last count of one zone: units believed there and units seen."""

    zone: str
    at_us: int
    expected: int
    seen: int


@dataclass(frozen=True, slots=True)
class CountedItem:
    """An item of the last count of one zone that was not where it was believed to be."""

    serial: str
    zone: str
    at_us: int
    finding: Finding


@dataclass(frozen=True, slots=True)
class Book:
    """Another system's total, and what it says now."""

    quantity: int
    as_of_us: int
    now: int


@dataclass(frozen=True, slots=True)
class SkuFacts:
    """All that is known of one SKU at one site. `items` are those in the site, and those that are out since the book.

    `booked`: whether this site has a book at all.
    """

    gtin: str
    zones: Mapping[str, int]
    items: Sequence[Item]
    book: Book | None = None
    booked: bool = False
    counts: Sequence[CountedZone] = ()
    counted: Sequence[CountedItem] = ()

    @property
    def on_hand(self) -> int:
        """Units in the site by RFID."""
        return sum(self.zones.values())


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference with one likely cause: `quantity` units, and the items that may be meant.

    `zone` is the counted zone, empty where the book is concerned. There may be more items than units: nobody knows
    which of them it is.
    """

    gtin: str
    cause: Cause
    quantity: int
    zone: str = ""
    items: tuple[Item, ...] = ()
    id: str = field(default="", compare=False)


def differences(facts: SkuFacts) -> list[Difference]:
    """Return the differences of one SKU, those with the book first."""
    found = [*_with_book(facts), *_with_counts(facts)]
    return [_named(one, facts) for one in found]


def _with_book(facts: SkuFacts) -> Iterable[Difference]:
    if not facts.booked:
        return
    book = facts.book or Book(0, 0, 0)
    gap = book.now - facts.on_hand
    if gap < 0:
        arrived = [item for item in facts.items if item.place != OUT and item.arrived_us > book.as_of_us]
        yield Difference(facts.gtin, Cause.NOT_BOOKED, -gap, items=_newest(arrived))
        return
    gone = [item for item in facts.items if item.place == OUT and _since(item, book) and item.cause not in EXPLAINED]
    rules = (
        (Cause.SOLD_UNRECORDED, [item for item in gone if item.cause == LEFT and item.by_checkout]),
        (Cause.LEFT_UNPAID, [item for item in gone if item.cause == LEFT and not item.by_checkout]),
        (Cause.UNREAD, [item for item in gone if item.cause != LEFT]),
    )
    for cause, items in rules:
        units = min(gap, len(items))
        if units:
            yield Difference(facts.gtin, cause, units, items=_newest(items))
            gap -= units
    if gap:
        yield Difference(facts.gtin, Cause.UNTAGGED, gap)


def _since(item: Item, book: Book) -> bool:
    return item.since_us > book.as_of_us


def _with_counts(facts: SkuFacts) -> Iterable[Difference]:
    now = {item.serial: item for item in facts.items}
    zones = dict.fromkeys(found.zone for found in facts.counted)
    for zone in sorted(zones):
        unread, misplaced = [], []
        for found in facts.counted:
            item = now.get(found.serial)
            if item is None or found.zone != zone or item.since_us > found.at_us:
                continue
            if found.finding is Finding.UNSEEN and item.place == zone:
                unread.append(item)
            elif found.finding is not Finding.UNSEEN and item.place != zone:
                misplaced.append(item)
        for cause, items in ((Cause.UNREAD, unread), (Cause.MISPLACED, misplaced)):
            if items:
                yield Difference(facts.gtin, cause, len(items), zone, _newest(items))


def _newest(items: Iterable[Item]) -> tuple[Item, ...]:
    return tuple(sorted(items, key=lambda item: (-item.since_us, item.serial)))


def _named(one: Difference, facts: SkuFacts) -> Difference:
    """Give a difference the id of all that it rests on."""
    rests_on = (
        one.cause.value,
        one.quantity,
        one.zone,
        [(item.serial, item.place, item.since_us) for item in one.items],
        (facts.book.as_of_us, facts.book.now, facts.on_hand) if facts.book and not one.zone else None,
        [count.at_us for count in facts.counts if count.zone == one.zone],
    )
    digest = blake2b(msgspec.json.encode(rests_on), digest_size=6).hexdigest()
    return Difference(one.gtin, one.cause, one.quantity, one.zone, one.items, f"{one.gtin}-{one.cause.value}-{digest}")


class Decision(StrEnum):
    """What a person says about a difference."""

    GONE = "gone"
    """The units are not in the site."""
    HERE = "here"
    """They are: the items in the zone that is named, or, without items, somewhere and untagged."""
    IGNORE = "ignore"
    """Nothing is to be changed."""


class DecisionError(ValueError):
    """A decision that cannot be carried out on this difference; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a decision writes: evidence of the place of items, and units that the book changes by."""

    serials: tuple[str, ...] = ()
    place: str = ""
    book_units: int = 0


def effect(one: Difference, decision: Decision, zone: str, serials: Sequence[str]) -> Effect:
    """Return what `decision` means; of no `serials` all items of the difference are meant. Raises `DecisionError`.

    Units that are gone leave the book too, unless the book never had them; units that are here enter it if it did not.
    """
    unknown = sorted(set(serials) - {item.serial for item in one.items})
    if unknown:
        raise DecisionError(f"serial {unknown[0]!r} is none of the {len(one.items)} of this difference")
    if len(set(serials)) > one.quantity:
        raise DecisionError(f"{len(set(serials))} serials: the difference is of {one.quantity} units")
    chosen = [item for item in one.items if not serials or item.serial in serials]
    units = len(chosen) if serials else one.quantity
    booked = one.cause is not Cause.NOT_BOOKED
    if decision is Decision.IGNORE:
        return Effect()
    if decision is Decision.HERE and not booked:
        return Effect(book_units=units)
    inside = any(item.place != OUT for item in chosen)
    if len(chosen) > units and (inside or decision is Decision.HERE):
        raise DecisionError(f"{len(chosen)} items for {units} units: name the ones that are meant in `serials`")
    named = tuple(item.serial for item in chosen if decision is Decision.HERE or item.place != OUT)
    if decision is Decision.GONE:
        if not booked and not named:
            raise DecisionError("nobody knows which items these are: count the zones, then decide")
        return Effect(named, OUT if named else "", -units if booked else 0)
    if named and not zone:
        raise DecisionError("`zone` is missing: where are the items?")
    return Effect(named, zone if named else "")
