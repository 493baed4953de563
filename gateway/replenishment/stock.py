"""A SKU at a site as replenishment sees it: what serves shoppers, what can be fetched, and what is not known. Pure.

Both are ladders, P(at least 1, 2, ... units), from each item's probability to be where it is believed to be:

* *Floor*: items on the floor, and in fitting rooms for a while. Items that are promised to an order count no more: they
  are about to be fetched. Items that nobody is sure of may lie on the floor, too: they count by what is left of their
  probability. Units that were sold without a name left the floor first.
* *Back*: items in back rooms that somebody looks at, that nobody holds, and that nobody looked for in vain lately. What
  lies in a blind back room is not fetched on its word.

Units without tags count where people said that they lie. Those of which nobody said a place may lie on the floor.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np

from gateway.availability import Ladder, ladder_of
from gateway.replenishment.places import Places, Role, home_zones, looked_at, role_of
from gateway.replenishment.targets import Target

TOLERANCE: Final = 1e-6
"""As `gateway.promise`: 0.9 comes as 0.89999998."""

LIKELY: Final = 0.5
"""From here on a unit is likelier there than not; a decision has to be surer than that."""


class Held(StrEnum):
    """Who has a claim on an item."""

    FREE = "free"
    CART = "cart"
    """A hold that is not confirmed: most of these end without a sale. It is not fetched, and still serves the floor."""
    ORDER = "order"
    """Confirmed or picked: it goes to somebody else."""


@dataclass(frozen=True, slots=True)
class Unit:
    """An item that is there and for sale. `chance`: that it is in `zone` (1 where the tracker says none).

    `since_us`: since when it is there (UTC). Raises `ValueError` for a chance outside 0 to 1.
    """

    serial: str
    zone: str
    chance: float = 1.0
    held: Held = Held.FREE
    since_us: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.chance <= 1:
            raise ValueError(f"item {self.serial}: chance {self.chance}: expected 0 to 1")


@dataclass(frozen=True, slots=True)
class Untagged:
    """Units without tags by where people said that they lie; `anywhere`: nobody said. Those that are held left out."""

    floor: int = 0
    back: int = 0
    anywhere: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """Somebody looked for these items at `at_us` and found none. No serials: for units without tags."""

    at_us: int
    serials: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SkuRow:
    """One SKU at a site, whatever there is of it.

    `target`: what belongs on the floor; `homes`: floor zones that it is shown in, empty where nobody knows; `unplaced`:
    units that were sold, item not known; `wanting`: units that holds wait for; `refused`: the newest `cannot`.
    """

    gtin: str
    target: Target
    units: tuple[Unit, ...] = ()
    style: str = ""
    colour: str = ""
    size: str = ""
    department: str = ""
    core: bool = False
    homes: frozenset[str] = frozenset()
    untagged: Untagged = Untagged()
    unplaced: int = 0
    wanting: int = 0
    refused: Refused | None = None


@dataclass(frozen=True, slots=True)
class StockRules:
    """When the readers' word is good enough.

    `there`: how sure it must be that units lie in the back room; `gone`: below this they do not; `short`: how sure it
    must be that the floor lacks some; `enough`: that it has all; `tried_us`: how long goods in a fitting room count
    as on the floor; `look_us`: how long a zone must be looked at before its word counts; `rest_us`: how long items
    that somebody looked for in vain are left alone. Raises `ValueError` that names the rule and its range.
    """

    there: float = 0.9
    gone: float = 0.5
    short: float = 0.7
    enough: float = 0.7
    tried_us: int = 20 * 60_000_000
    look_us: int = 60_000_000
    rest_us: int = 4 * 3_600_000_000

    def __post_init__(self) -> None:
        for name in ("there", "short", "enough"):
            if not LIKELY < getattr(self, name) <= 1:
                raise ValueError(f"{name} {getattr(self, name)}: expected more than {LIKELY}, at most 1")
        if not 0 < self.gone <= self.there:
            raise ValueError(f"gone {self.gone}: expected more than 0, at most there ({self.there})")
        for name in ("tried_us", "look_us", "rest_us"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} {getattr(self, name)}: expected 0 or more")


class Known(NamedTuple):
    """What is known of a SKU's places.

    `floor`, `back`: ladders; `tagged_back`: of the items alone. `sources`: items that may be fetched, the surest first.
    `held_back`, `refused_back`, `blind_back`: items in back rooms that may not be, and why. `homes`: floor zones in
    which it may lie, in walking order; `blind_floor`: those of them that nobody looks at. `anywhere`: units without
    tags that may be on the floor. `until_us`: when this changes by time alone, None: never.
    """

    floor: Ladder
    back: Ladder
    tagged_back: Ladder
    sources: tuple[Unit, ...]
    held_back: int
    refused_back: int
    blind_back: int
    homes: tuple[str, ...]
    blind_floor: tuple[str, ...]
    anywhere: int
    until_us: int | None

    @property
    def likely_floor(self) -> int:
        """Units on the floor that are likelier there than not."""
        return at_least(self.floor, LIKELY)


def at_least(ladder: Ladder, chance: float) -> int:
    """Return the most units that are there with at least this probability."""
    return int(np.count_nonzero(ladder >= chance - TOLERANCE))


def chance_of(ladder: Ladder, units: int) -> float:
    """Return P(at least `units`)."""
    if units <= 0:
        return 1.0
    return float(ladder[units - 1]) if units <= len(ladder) else 0.0


def known_of(row: SkuRow, places: Places, rules: StockRules, now_us: int) -> Known:
    """Return what is known of a SKU's places at `now_us`. The order of its items does not matter."""
    units = sorted(row.units, key=lambda unit: (-unit.chance, unit.serial))
    eye = _Eye(places, rules, now_us)
    chances = [eye.floor_chance(unit) for unit in units]
    placed = sum(eye.serves(unit) for unit in units)
    back = [unit for unit in units if role_of(places, unit.zone) is Role.BACK]
    free = [unit for unit in back if unit.held is Held.FREE]
    wanted = [unit for unit in free if not eye.rests(row.refused, unit.serial, unit.since_us)]
    sources = tuple(unit for unit in wanted if eye.looks_at(unit.zone))
    untagged_back = 0 if eye.rests(row.refused, "", 0) else row.untagged.back
    homes = home_zones(places, row.homes, row.department, (unit.zone for unit in units))
    taken = row.wanting + max(0, row.unplaced - placed - row.untagged.floor)
    tagged_back = ladder_of([unit.chance for unit in sources], -taken)
    return Known(
        floor=ladder_of(chances, row.untagged.floor - row.unplaced),
        back=ladder_of([unit.chance for unit in sources], untagged_back - taken) if untagged_back else tagged_back,
        tagged_back=tagged_back,
        sources=sources,
        held_back=len(back) - len(free),
        refused_back=len(free) - len(wanted) + row.untagged.back - untagged_back,
        blind_back=len(wanted) - len(sources),
        homes=homes,
        blind_floor=tuple(zone for zone in homes if not eye.looks_at(zone)),
        anywhere=row.untagged.anywhere,
        until_us=min(eye.until_us, default=None),
    )


def for_orders(row: SkuRow, places: Places, rules: StockRules, now_us: int) -> tuple[Unit, ...]:
    """Return the items that nobody holds, in the order in which an order should take them: the display goes last.

    First what lies in back rooms, then what is on the floor beyond the target's `low`, then the display, then windows,
    then what lies nowhere to be taken from; among each, the surest first.
    """
    eye = _Eye(places, rules, now_us)
    free = sorted((unit for unit in row.units if unit.held is Held.FREE), key=lambda unit: (-unit.chance, unit.serial))
    shown = [unit.serial for unit in free if eye.serves(unit)]
    turns = dict.fromkeys(shown[: row.target.low], 2) | dict.fromkeys(shown[row.target.low :], 1)
    roles = {Role.BACK: 0, Role.WINDOW: 3}

    def turn(unit: Unit) -> int:
        return turns.get(unit.serial, roles.get(role_of(places, unit.zone), 4))

    return tuple(sorted(free, key=lambda unit: (turn(unit), -unit.chance, unit.serial)))


class _Eye:
    """Judges items and zones at an instant; notes in `until_us` when its word changes by time alone."""

    def __init__(self, places: Places, rules: StockRules, now_us: int) -> None:
        self._places, self._rules, self._now_us = places, rules, now_us
        self.until_us: list[int] = []

    def serves(self, unit: Unit) -> bool:
        """Whether an item is believed to be where a shopper finds it."""
        if unit.held is Held.ORDER:
            return False
        role = role_of(self._places, unit.zone)
        if role is Role.TRYING and self._now_us - unit.since_us < self._rules.tried_us:
            self.until_us.append(unit.since_us + self._rules.tried_us)
            return True
        return role is Role.FLOOR

    def floor_chance(self, unit: Unit) -> float:
        """Return the probability that an item serves the floor: one that nobody is sure of elsewhere may, too."""
        if unit.held is Held.ORDER:
            return 0.0
        if self.serves(unit):
            return unit.chance
        return 1.0 - unit.chance if unit.chance < self._rules.there - TOLERANCE else 0.0

    def looks_at(self, zone: str) -> bool:
        """Whether reads say what lies in a zone."""
        place = self._places[zone]
        if looked_at(place, self._rules.look_us, self._now_us):
            return True
        if place.live:
            self.until_us.append(place.since_us + self._rules.look_us)
        return False

    def rests(self, refused: Refused | None, serial: str, since_us: int) -> bool:
        """Whether an item (no serial: units without tags) was looked for in vain, and has not moved since."""
        if refused is None or since_us > refused.at_us or self._now_us - refused.at_us >= self._rules.rest_us:
            return False
        if (serial not in refused.serials) if serial else bool(refused.serials):
            return False
        self.until_us.append(refused.at_us + self._rules.rest_us)
        return True
