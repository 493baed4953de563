"""How hard a store is to read: easy, realistic, hostile; and realistic with other silences of tags.

The figures are those of the store that the trackers are compared on: RSSI spread, body loss and S1 times are measured
ones, walls, crowds and the share of weak tags are chosen so that 2, 5.5 and 13 % of all reads come from an antenna of
another zone. All dB figures count on the round trip, that is on the RSSI.

In session 1 Gen2 grants a tag a silence of 0.5 to 5 s after a read. The three levels draw it anew for each read; a real
tag's is much the same each time. Three more levels are the realistic one but for that: *steady* tags have a silence
each of their own, *brief* ones one of a second at most, and *dual* readers ask for both flags, so that none is silent.
"""

from dataclasses import dataclass, replace
from typing import Final

from simulator.errors import StoreError
from wire.site import ZoneKind


@dataclass(frozen=True, slots=True)
class Outage:
    """A reader of a zone kind that falls silent: the last device which looks there. `start_h` from the opening."""

    kind: ZoneKind
    start_h: float
    minutes: float


@dataclass(frozen=True, slots=True)
class Level:
    """One difficulty. Rates and counts per hour hold for 900 items and grow with the stock.

    Attributes:
        wall_scale: times a wall's nominal loss (12 dB for back rooms, 0.4 of it for fitting room curtains).
        sigma_place_db: multipath and shadowing, one draw per placement and antenna.
        sigma_item_db: orientation and stacking, one draw per placement.
        sigma_fast_db: frequency hopping and fading, one draw per read.
        weak_share: tags on metal, liquid or crumpled: hard to read all day, by `weak_db`.
        body_db: loss of a tag that a shopper carries.
        crowd_db: standard deviation of the slow extra loss per antenna that people cause.
        capacity: reads per reader and second, for 180 items per reader.
        rack_at_door: goods displayed close to the street door.
        loiter: share of shoppers with goods who linger at the street door and turn back.
        misplace: share of unsold goods that end on another fixture.
        theft_share: share of shoppers who steal one item; `theft_db` is their shielding.
        foreign_share: share of shoppers who wear tags of other companies.
        duplicates: share of reads that are delivered twice.
        shoppers_h: shoppers per hour who take something into their hands.
        returns_h: sold goods that come back per hour.
        own_silence_s: least and most of a tag's silence in S1, one draw for each tag; None: 0.5 to 5, for each read.
        dual_target: readers inventory both flags, so that no tag falls silent, unless a `Looking` says it already.
    """

    name: str
    wall_scale: float
    sigma_place_db: float
    sigma_item_db: float
    sigma_fast_db: float
    weak_share: float
    weak_db: float
    body_db: float
    crowd_db: float
    capacity: float
    rack_at_door: int
    loiter: float
    misplace: float
    theft_share: float
    theft_db: float
    foreign_share: float
    duplicates: float
    shoppers_h: float
    returns_h: float
    outages: tuple[Outage, ...] = ()
    own_silence_s: tuple[float, float] | None = None
    dual_target: bool = False


EASY: Final = Level(
    name="easy",
    wall_scale=2.0,
    sigma_place_db=2.5,
    sigma_item_db=1.5,
    sigma_fast_db=1.5,
    weak_share=0.003,
    weak_db=8.0,
    body_db=2.0,
    crowd_db=0.5,
    capacity=100.0,
    rack_at_door=0,
    loiter=0.0,
    misplace=0.05,
    theft_share=0.0,
    theft_db=0.0,
    foreign_share=0.0,
    duplicates=0.0,
    shoppers_h=30.0,
    returns_h=1.0,
)

REALISTIC: Final = Level(
    name="realistic",
    wall_scale=1.0,
    sigma_place_db=4.5,
    sigma_item_db=3.5,
    sigma_fast_db=2.3,
    weak_share=0.03,
    weak_db=16.0,
    body_db=5.0,
    crowd_db=1.5,
    capacity=30.0,
    rack_at_door=12,
    loiter=0.08,
    misplace=0.15,
    theft_share=0.02,
    theft_db=6.0,
    foreign_share=0.1,
    duplicates=0.01,
    shoppers_h=45.0,
    returns_h=2.0,
    outages=(Outage(ZoneKind.SALES_FLOOR, 1.5, 10.0),),
)

HOSTILE: Final = Level(
    name="hostile",
    wall_scale=0.5,
    sigma_place_db=6.0,
    sigma_item_db=5.0,
    sigma_fast_db=3.0,
    weak_share=0.08,
    weak_db=20.0,
    body_db=8.0,
    crowd_db=3.0,
    capacity=15.0,
    rack_at_door=30,
    loiter=0.20,
    misplace=0.30,
    theft_share=0.06,
    theft_db=14.0,
    foreign_share=0.25,
    duplicates=0.05,
    shoppers_h=70.0,
    returns_h=4.0,
    outages=(
        Outage(ZoneKind.SALES_FLOOR, 0.7, 20.0),
        Outage(ZoneKind.BACK_ROOM, 1.6, 25.0),
        Outage(ZoneKind.EXIT, 2.2, 4.0),
    ),
)

STEADY: Final = replace(REALISTIC, name="steady", own_silence_s=(0.5, 5.0))
BRIEF: Final = replace(REALISTIC, name="brief", own_silence_s=(0.5, 1.0))
DUAL: Final = replace(REALISTIC, name="dual", dual_target=True)

LEVELS: Final = {level.name: level for level in (EASY, REALISTIC, HOSTILE, STEADY, BRIEF, DUAL)}


def level_of(level: str | Level) -> Level:
    """Return a level by its name; a `Level` of one's own passes through. Raises `StoreError`."""
    if isinstance(level, Level):
        return level
    if level not in LEVELS:
        raise StoreError(f"level {level!r}: expected one of {', '.join(LEVELS)}")
    return LEVELS[level]
