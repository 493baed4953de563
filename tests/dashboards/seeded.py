"""A chain of two stores as points of every measurement, each state at its best and at its worst; for a real InfluxDB.

Made by the gateway's own points and line protocol: what it refuses cannot be seeded.
"""

from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Final

from gateway.series.point import Point, Value, point_of, series_of
from wire.measurement import Field, FieldType, How, Measurement, Tag
from wire.measurements import BANDS, CATALOGUE

MINUTES: Final = 20
"""So long ago the points begin, one for each minute."""

TAGS: Final[Mapping[Tag, tuple[str, ...]]] = {
    Tag.SITE: ("store-001", "store-002"),
    Tag.ZONE: ("FLOOR_A", "BACK"),
    Tag.ZONE_KIND: ("sales_floor",),
    Tag.DEPARTMENT: ("Men's shirts, formal", "-"),
    Tag.STYLE: ("Oxford 'slim'",),
    Tag.COLOUR: ("white", "light blue"),
    Tag.SIZE: ("M", "L"),
    Tag.GTIN: ("09506000134352", "09506000134369"),
    Tag.EDGE: ("edge-1",),
    Tag.DEVICE: ("reader-1", "reader-2"),
    Tag.DRIVER: ("llrp",),
    Tag.PORT: ("1", "2"),
    Tag.CHANNEL: ("web",),
    Tag.MODE: ("pickup",),
    Tag.STATE: ("held", "confirmed"),
    Tag.STEP: ("fulfilled", "expired"),
    Tag.TASK: ("refill", "pick", "pack"),
    Tag.GAP: ("core_gap", "not_shown"),
    Tag.CAUSE: ("sold", "left_unpaid"),
    Tag.CAME_FROM: ("sales_floor",),
    Tag.WENT_TO: ("OUT",),
    Tag.BAND: BANDS[:2],
    Tag.KIND: ("left_unsold", "delivery"),
    Tag.SEVERITY: ("critical", "warning"),
    Tag.GATEWAY: ("gateway-1",),
    Tag.ROUTE: ("/v1/availability",),
    Tag.METHOD: ("GET",),
    Tag.STATUS: ("2xx", "5xx"),
}

_SERIES_MAX: Final = 64


def seeded(now_us: int) -> Iterator[Point]:
    """Yield points of every measurement for the last minutes, the newest of now."""
    for measurement in CATALOGUE.values():
        for turn, tags in enumerate(_tags_of(measurement)):
            series = series_of(measurement, tags)
            for minute in range(MINUTES, -1, -1):
                at_us = now_us - minute * 60_000_000
                values = {field.name: value_of(field, turn, minute) for field in measurement.fields}
                point = point_of(series, at_us, values)
                if point is not None:
                    yield point


def _tags_of(measurement: Measurement) -> Iterator[dict[Tag, str]]:
    choices = product(*(TAGS[tag] for tag in measurement.tags))
    for values in islice(choices, _SERIES_MAX):
        yield dict(zip(measurement.tags, values, strict=True))


def value_of(field: Field, turn: int, minute: int) -> Value:
    """Return a value: states in turn, numbers that tell their series and minute apart."""
    if field.words:
        return turn % len(field.words)
    match field.type:
        case FieldType.BOOLEAN:
            return turn % 2 == 0
        case FieldType.TEXT:
            return f"{field.name} {turn}"
        case FieldType.INTEGER:
            return turn + 1 + (minute if field.how is How.GAUGE else 0)
    return (turn + 1) / 10 + minute / 100
