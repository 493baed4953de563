"""One SKU at one site as one transaction sees it: its items, who holds them, and what that leaves for a buyer. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from gateway.availability import Ladder, ladder_of

AVAILABLE: Final = "available"
IN_TRANSIT: Final = "in_transit"
SOLD: Final = "sold"
RETURNED: Final = "returned_unchecked"
DAMAGED: Final = "damaged"
MISSING: Final = "missing"
LEFT_UNSOLD: Final = "left_unsold"

FADED: Final = 0.25
FOUND: Final = 0.5
"""A held item has faded when it is that unlikely to be where it can be sold; one that takes its place must be likelier
than not. Between the two a hold stays where it is: it does not jump with every step of a shopper."""

RFID: Final = "rfid"
BOOK: Final = "book"
MIXED: Final = "mixed"


class SkuKey(NamedTuple):
    """One SKU at one site: what is locked, counted and promised together."""

    site: str
    gtin: str


class Hold(NamedTuple):
    """What binds an item: a line of a reservation; `lapsed` when that is over, or its time is.

    `elsewhere`: the reservation holds it at another site, whose fold still has it; here it is nobody's to give.
    """

    reservation: str
    line: int
    picked: bool
    lapsed: bool
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Unit:
    """One item: `chance` that it lies where it can be sold; `known`, whether a tracker says so."""

    serial: str
    zone: str
    chance: float
    known: bool
    state: str
    hold: Hold | None

    @property
    def bound(self) -> bool:
        """Whether an active hold binds it."""
        return self.hold is not None and not self.hold.lapsed

    @property
    def good(self) -> bool:
        """Whether it is there and can be sold to somebody."""
        return self.state == AVAILABLE and self.chance > 0


class LineKey(NamedTuple):
    """A line of a reservation."""

    reservation: str
    line: int


@dataclass(slots=True)
class HeldLine:
    """A line of an active hold on this SKU: its units, those without a tag, those that have no successor yet."""

    quantity: int
    untagged: int
    substitution_needed: int


@dataclass(slots=True)
class SkuPicture:
    """A SKU at a site. `zones` are its items' counts, `untagged` units by (owner, state), `lines` active holds.

    `unplaced` units were sold, and nobody knows yet which items they are. `next_expiry_us` is when the first of its
    holds that are not confirmed ends, None without one.
    """

    key: SkuKey
    units: list[Unit] = field(default_factory=list)
    zones: dict[str, int] = field(default_factory=dict)
    untagged: dict[tuple[str, str], int] = field(default_factory=dict)
    lines: dict[LineKey, HeldLine] = field(default_factory=dict)
    unplaced: int = 0
    next_expiry_us: int | None = None

    def free(self) -> list[Unit]:
        """Return the items that can be bound, the surest first."""
        return sorted((u for u in self.units if u.good and not u.bound), key=lambda u: (-u.chance, u.serial))

    @property
    def untagged_available(self) -> int:
        """Units without tags that are for sale, held ones too."""
        return sum(units for (_, state), units in self.untagged.items() if state == AVAILABLE)

    @property
    def untagged_held(self) -> int:
        """Units without tags that active holds count on."""
        return sum(line.untagged for line in self.lines.values())

    @property
    def held(self) -> int:
        """Units of active holds, those that need a successor left out."""
        return sum(line.quantity - line.substitution_needed for line in self.lines.values())

    @property
    def wanting(self) -> int:
        """Units of active holds that need a successor: what comes back is theirs first."""
        return sum(line.substitution_needed for line in self.lines.values())

    @property
    def known(self) -> bool:
        """Whether the chances of all items that matter are a tracker's."""
        return all(unit.known for unit in self.units if unit.state == AVAILABLE)

    @property
    def truth(self) -> str:
        """Say by what the figures are known: tags (`rfid`), quantities that somebody said (`book`), or both."""
        if not any(units for (_, state), units in self.untagged.items() if state != SOLD):
            return RFID
        return MIXED if self.units else BOOK

    def ladder(self, without: str = "") -> Ladder:
        """Return the chances that one more buyer can get 1, 2, ... units; the hold `without` counts as gone."""
        chances = [unit.chance for unit in self._open(without)]
        return ladder_of(chances, self.certain(without))

    def certain(self, without: str = "") -> int:
        """Return the units that count for sure: untagged ones less those held, wanting or unplaced; may be below 0."""
        held = sum(
            line.untagged + line.substitution_needed for key, line in self.lines.items() if key.reservation != without
        )
        return self.untagged_available - held - self.unplaced

    def _open(self, without: str) -> Iterator[Unit]:
        for unit in self.units:
            mine = unit.hold is not None and unit.hold.reservation == without and bool(without)
            if unit.good and (mine or not unit.bound):
                yield unit


@dataclass(slots=True)
class Mended:
    """What became of holds that lost a unit: items let go, items bound anew, and the lines that changed."""

    unbound: list[str] = field(default_factory=list)
    bound: list[tuple[str, LineKey]] = field(default_factory=list)
    lines: set[LineKey] = field(default_factory=set)


def mend(picture: SkuPicture) -> Mended:
    """Give holds that lost a unit (sold, left, faded) the next best one; say which have none.

    The picture is changed with it. Items that were picked are in somebody's hands and stay. Units that come back go to
    holds that wait for one, the oldest reservation (by its id, which begins with its time) first.
    """
    mended = Mended()
    _let_go(picture, mended)
    free = [unit for unit in picture.free() if unit.chance >= FOUND]
    spare = picture.untagged_available - picture.untagged_held
    for key in sorted(key for key, line in picture.lines.items() if line.substitution_needed):
        line = picture.lines[key]
        while line.substitution_needed and (len(free) > picture.unplaced or spare > 0):
            if len(free) > picture.unplaced:  # as many of the free ones were sold: nobody knows which
                taken = free.pop(0)
                _bind(picture, taken.serial, Hold(key.reservation, key.line, picked=False, lapsed=False))
                mended.bound.append((taken.serial, key))
            else:
                spare -= 1
                line.untagged += 1
            line.substitution_needed -= 1
            mended.lines.add(key)
    return mended


def _let_go(picture: SkuPicture, mended: Mended) -> None:
    """Take from holds what they lost."""
    for unit in list(picture.units):
        hold = unit.hold
        if hold is None or hold.lapsed or hold.picked or hold.elsewhere or (unit.good and unit.chance >= FADED):
            continue
        key = LineKey(hold.reservation, hold.line)
        _bind(picture, unit.serial, None)
        picture.lines[key].substitution_needed += 1
        mended.unbound.append(unit.serial)
        mended.lines.add(key)
    short = picture.untagged_held - picture.untagged_available
    for key in sorted(picture.lines, reverse=True):
        lost = min(short, picture.lines[key].untagged)
        if lost > 0:
            picture.lines[key].untagged -= lost
            picture.lines[key].substitution_needed += lost
            mended.lines.add(key)
            short -= lost


def _bind(picture: SkuPicture, serial: str, hold: Hold | None) -> None:
    number = next(i for i, unit in enumerate(picture.units) if unit.serial == serial)
    picture.units[number] = replace(picture.units[number], hold=hold)
