"""What an operator has to see of a sensor model: read rates, what is mistaken for what, what is doubtful."""

from dataclasses import dataclass
from typing import Final

from gateway.presence.model import Model, SurveyedAntenna, SurveyedZone
from wire.site import Site

ITEMS_WANTED: Final = 10
SECONDS_WANTED: Final = 600.0
"""Ten items for a minute each: below, one odd tag is the zone."""

RATE_WANTED: Final = 0.01
"""An antenna that reads an item of its own zone in fewer than 1 % of its looks: a tag every few minutes."""


@dataclass(frozen=True, slots=True)
class ZoneFigures:
    """What an operator is shown of a zone; shares are None where there is nothing to divide by.

    Attributes:
        read_rate: Share of its item-seconds with a read.
        own_rate: Share of the looks of its own antennas that gave a read.
        stray_share: Share of the reads that came from antennas of other zones.
        right: Share of its item-seconds, from the first read on, for which the filter told it.
    """

    zone: str
    items: int
    items_read: int
    minutes: float
    read_rate: float | None
    own_rate: float | None
    stray_share: float | None
    right: float | None


@dataclass(frozen=True, slots=True)
class AntennaFigures:
    """An antenna: read rates (reads in a hundred looks are 1.0) in its own zone and in the best other one."""

    antenna: str
    zone: str
    rate: float | None
    rssi_dbm: float | None
    other: str
    other_rate: float | None


def zone_figures(model: Model, site: Site) -> list[ZoneFigures]:
    """Return the figures of each zone of the model."""
    place = site.zone_of_antenna()
    counts_as = {zone.id: zone.counts_as for zone in site.zones}
    own_of = [counts_as[place[key]] for key in model.antenna_keys()]
    figures = []
    for row, zone in enumerate(model.zones):
        own = [at for at, name in enumerate(own_of) if name == counts_as[zone.zone]]
        looks = sum(zone.looks[at] for at in own)
        hits = sum(heard.hits for heard in zone.heard if heard.antenna in own)
        windows = sum(heard.windows for heard in zone.heard)
        strays = sum(heard.windows for heard in zone.heard if heard.antenna not in own)
        figures.append(
            ZoneFigures(
                zone=zone.zone,
                items=zone.items,
                items_read=zone.items_read,
                minutes=zone.seconds / 60,
                read_rate=_share(zone.read_seconds, zone.seconds),
                own_rate=_share(hits, looks),
                stray_share=_share(strays, windows),
                right=_right(model, row, counts_as[zone.zone]),
            )
        )
    return figures


def _right(model: Model, row: int, told: str) -> float | None:
    confusion = model.confusion
    if confusion is None or told not in confusion.told:
        return None
    seconds = confusion.seconds[row]
    return _share(seconds[confusion.told.index(told)], sum(seconds))


def macro_recall(model: Model, site: Site) -> float | None:
    """Return the mean of the zones' `right`: a small zone counts as much as a large one."""
    right = [figures.right for figures in zone_figures(model, site) if figures.right is not None]
    return sum(right) / len(right) if right else None


def antenna_figures(model: Model, site: Site) -> list[AntennaFigures]:
    """Return the figures of each antenna of the model."""
    place = site.zone_of_antenna()
    figures = []
    for at, key in enumerate(model.antenna_keys()):
        rates = {zone.zone: _rate(zone, at) for zone in model.zones}
        own = place[key]
        others = [(rate, name) for name, rate in rates.items() if name != own and rate is not None]
        best = max(others, default=(None, ""), key=lambda pair: pair[0] or 0.0)
        levels = [
            heard.rssi_dbm for zone in model.zones if zone.zone == own for heard in zone.heard if heard.antenna == at
        ]
        figures.append(
            AntennaFigures(
                antenna=f"{key[0]}:{key[1]}",
                zone=own,
                rate=rates.get(own),
                rssi_dbm=levels[0] if levels else None,
                other=best[1],
                other_rate=best[0],
            )
        )
    return figures


def _rate(zone: SurveyedZone, antenna: int) -> float | None:
    hits = sum(heard.hits for heard in zone.heard if heard.antenna == antenna)
    return _share(hits, zone.looks[antenna])


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def warnings(model: Model, site: Site) -> list[str]:
    """Return what makes the model doubtful, each with its mend: zones, then antennas, then the check."""
    place = site.zone_of_antenna()
    found = [_of_zone(zone, zone.zone in place.values()) for zone in model.zones]
    surveyed = {zone.zone for zone in model.zones if zone.seconds > 0}
    for antenna, figures in zip(model.antennas, antenna_figures(model, site), strict=True):
        found.append(_of_antenna(antenna, figures, surveyed))
    if model.confusion is not None and not model.confusion.held_out:
        found.append("one item only: the confusion matrix is of the very reads that the model was made from")
    return [text for text in found if text]


def _of_zone(zone: SurveyedZone, has_antennas: bool) -> str:
    """Return what is doubtful about a zone, or nothing."""
    if zone.seconds <= 0:
        how = "the nominal reach of its antennas" if has_antennas else "nothing, and it has no antennas"
        return f"zone {zone.zone} was never surveyed: it is known by {how}; put tags there for a few minutes"
    if not zone.heard:
        return f"zone {zone.zone}: none of its {zone.items} items was read there: no antenna reaches it"
    if zone.items < ITEMS_WANTED:
        return f"zone {zone.zone} rests on {zone.items} items: use at least {ITEMS_WANTED}, of all kinds of goods"
    if zone.seconds < SECONDS_WANTED:
        return f"zone {zone.zone} rests on {zone.seconds:.0f} item-seconds: survey at least {SECONDS_WANTED:.0f}"
    return ""


def _of_antenna(antenna: SurveyedAntenna, figures: AntennaFigures, surveyed: set[str]) -> str:
    """Return what is doubtful about an antenna, or nothing."""
    name = f"antenna {figures.antenna} ({figures.zone})"
    rate, other = figures.rate or 0.0, figures.other_rate or 0.0
    if antenna.look_ms <= 0:
        return f"{name} never looked: is it plugged in and switched on?"
    if figures.zone not in surveyed:
        return ""
    if rate < RATE_WANTED:
        return f"{name} reads hardly any item of its own zone ({rate:.1%} of its looks): check its cable, aim and power"
    if other > rate:
        return (
            f"{name} reads {figures.other} better than its own zone ({other:.1%} of its looks against {rate:.1%}): "
            "is it in the right zone of the site file?"
        )
    return ""
