"""The places of a site as replenishment sees them: where shoppers can take goods, where more of them lie. Pure.

A *floor* place is where a shopper finds goods, a *back* place where staff fetch them. Goods in a fitting room are in
a shopper's hands and mostly come back. Goods in a window are shown and cannot be taken by hand. Goods in receiving are
not checked yet. None of these may be fetched; nor what is at a checkout or an exit, which is as good as gone.

A place is *looked at* when its antennas really look, and have for some time: the first seconds after a blindness say
little. A zone without antennas is never looked at.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from gateway.availability import Look
from wire.site import Site, ZoneKind


class Role(StrEnum):
    """What a place is to replenishment."""

    FLOOR = "floor"
    BACK = "back"
    TRYING = "trying"
    WINDOW = "window"
    RECEIVING = "receiving"
    OTHER = "other"


_ROLES: Final = {
    ZoneKind.SALES_FLOOR: Role.FLOOR,
    ZoneKind.BACK_ROOM: Role.BACK,
    ZoneKind.FITTING_ROOM: Role.TRYING,
    ZoneKind.WINDOW: Role.WINDOW,
    ZoneKind.RECEIVING: Role.RECEIVING,
}


@dataclass(frozen=True, slots=True)
class Place:
    """A zone. `walk`: its number on the way that people walk; `live`: antennas look there, `since_us` (UTC) so."""

    zone: str
    role: Role
    department: str = ""
    walk: int = 0
    live: bool = True
    since_us: int = 0


Places: TypeAlias = Mapping[str, Place]
"""By zone id, `counts_as` applied."""


def places_of(
    site: Site,
    looks: Mapping[str, Look],
    since_us: Mapping[str, int] | None = None,
    walk: Mapping[str, int] | None = None,
) -> dict[str, Place]:
    """Return the places of a site. Without `walk` people walk in the order of the site file.

    `looks` and `since_us` are those of the zones' states: whether they are looked at, and since when that is so.
    """
    since, order = since_us or {}, walk or {}
    places = {}
    for number, zone in enumerate(site.zones):
        if zone.counts_as != zone.id:
            continue
        look = looks.get(zone.id)
        places[zone.id] = Place(
            zone=zone.id,
            role=_ROLES.get(zone.kind, Role.OTHER),
            department=zone.department,
            walk=order.get(zone.id, number),
            live=look is not None and look.live,
            since_us=since.get(zone.id, 0),
        )
    return places


def role_of(places: Places, zone: str) -> Role:
    """Return the role of a zone; one that the site file does not name (any more) is no place to fetch from."""
    place = places.get(zone)
    return Role.OTHER if place is None else place.role


def looked_at(place: Place, look_us: int, now_us: int) -> bool:
    """Whether reads say what lies there: live, and for at least `look_us`."""
    return place.live and now_us - place.since_us >= look_us


def home_zones(places: Places, homes: AbstractSet[str], department: str, now_in: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the floor zones in which a SKU may lie, in walking order.

    Those it is known to be shown in (`homes`); else those of its department; else those of no department; else all.
    With them the floor zones that some of it lies in now.
    """
    floor = [place for place in places.values() if place.role is Role.FLOOR]
    known = (
        {place.zone for place in floor if place.zone in homes}
        or {place.zone for place in floor if department and place.department == department}
        or {place.zone for place in floor if not place.department}
        or {place.zone for place in floor}
    )
    known |= {zone for zone in now_in if role_of(places, zone) is Role.FLOOR}
    return walking(places, known)


def walking(places: Places, zones: Iterable[str]) -> tuple[str, ...]:
    """Return zones in walking order; those that are not known come last."""
    return tuple(sorted(set(zones), key=lambda zone: _step(places, zone)))


def _step(places: Places, zone: str) -> tuple[int, int, str]:
    place = places.get(zone)
    return (1, 0, zone) if place is None else (0, place.walk, zone)
