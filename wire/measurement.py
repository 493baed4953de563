"""What a measurement is: its tags, its fields, and what a tag may say. The catalogue is `wire.measurements`. Pure.

A *measurement* is a table of points. A point has an instant, *tags* (texts that name a series) and *fields* (what was
measured). Three kinds of fields, told apart by `How`:

* `GAUGE`: how something is at that instant. Between two points it is as the earlier one says.
* `DELTA`: how much there was since the point before. Deltas are added up, over any time and over any series; nothing
  is missed when a program starts anew.
* `NOTE`: text of an event.

A tag never names a single item: its keys are the members of `Tag` and nothing else, and a value that looks like an EPC
or carries a serial is refused. A shop has a hundred times fewer SKUs than items, and each value is a series for ever.
Each measurement says how many series a site (or a process, for those without a site) may have; what would be more is
left out and counted (`series_store.over_limit`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

from wire.limits import ID_MAX_CHARS

TAG_MAX_CHARS: Final = 128
"""The longest value of a tag; a longer style or department is cut."""

NOTE_MAX_CHARS: Final = 500
"""The longest text of an event."""


class Tag(StrEnum):
    """Every key that a tag may have. There is none for an item, and there must not be."""

    SITE = "site"
    ZONE = "zone"
    ZONE_KIND = "zone_kind"
    DEPARTMENT = "department"
    STYLE = "style"
    COLOUR = "colour"
    SIZE = "size"
    GTIN = "gtin"
    EDGE = "edge"
    DEVICE = "device"
    DRIVER = "driver"
    PORT = "port"
    CHANNEL = "channel"
    MODE = "mode"
    STATE = "state"
    STEP = "step"
    TASK = "task"
    GAP = "gap"
    CAUSE = "cause"
    CAME_FROM = "came_from"
    WENT_TO = "went_to"
    BAND = "band"
    KIND = "kind"
    SEVERITY = "severity"
    GATEWAY = "gateway"
    ROUTE = "route"
    METHOD = "method"
    STATUS = "status"


class FieldType(StrEnum):
    """What a field's values are."""

    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    TEXT = "text"


class Unit(StrEnum):
    """What a field's values count."""

    UNITS = "units"
    """Pieces of goods."""
    SKUS = "skus"
    RUNS = "runs"
    """Styles in a colour."""
    SIZES = "sizes"
    TASKS = "tasks"
    HOLDS = "holds"
    ALARMS = "alarms"
    THINGS = "things"
    """Zones, devices, edges: the field's name says which."""
    COUNT = "count"
    """Times, messages, failures: the field's name says of what."""
    ROWS = "rows"
    BYTES = "bytes"
    SHARE = "share"
    """0 to 1."""
    PROBABILITY = "probability"
    SECONDS = "s"
    MILLISECONDS = "ms"
    READS_PER_MINUTE = "reads/min"
    CELSIUS = "celsius"
    STATE = "state"
    """A number of `Field.words`."""
    NONE = "none"


class How(StrEnum):
    """How a field's points belong together."""

    GAUGE = "gauge"
    DELTA = "delta"
    NOTE = "note"


class Cadence(StrEnum):
    """When the gateway writes."""

    LIVE = "live"
    """Every 10 s."""
    MINUTE = "minute"
    """Every minute."""
    ON_CHANGE = "on_change"
    """Within seconds of a change, and everything again every 5 minutes."""
    HEARD = "heard"
    """Whenever an edge says how it is (30 s)."""
    HAPPENS = "happens"
    """When it happens; `DELTA` fields of other times are 0, which is not written."""
    HOURLY = "hourly"


INTERVAL_S: Final[Mapping[Cadence, int]] = MappingProxyType(
    {
        Cadence.LIVE: 10,
        Cadence.MINUTE: 60,
        Cadence.ON_CHANGE: 300,
        Cadence.HEARD: 60,
        Cadence.HAPPENS: 0,
        Cadence.HOURLY: 3_600,
    }
)
"""Seconds after which a gauge without a new point is not known any more; 0: it is never late. Boards look back twice
as long for a newest value."""

Words: TypeAlias = Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Field:
    """One figure of a measurement. `words`: what the numbers of a state mean."""

    name: str
    type: FieldType
    unit: Unit
    how: How
    meaning: str
    words: Words = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One table of points.

    `tags` in the order in which they are written; every point has all of them. `series_max` for each site, or each
    process where there is no site, and why it is enough. `keep_days`: how long the embedded store keeps it, where that
    is less than its usual time. Raises `ValueError` for a name that stands twice.
    """

    name: str
    meaning: str
    tags: tuple[Tag, ...]
    fields: tuple[Field, ...]
    cadence: Cadence
    series_max: int
    series_why: str
    keep_days: int | None = None
    by_name: Mapping[str, Field] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = [one.name for one in self.fields]
        if len(set(names)) != len(names) or len(set(self.tags)) != len(self.tags):
            raise ValueError(f"measurement {self.name}: a field or tag stands twice")
        if set(names) & {str(tag) for tag in self.tags}:
            raise ValueError(
                f"measurement {self.name}: a field has the name of a tag, which InfluxQL cannot tell apart"
            )
        object.__setattr__(self, "by_name", MappingProxyType({one.name: one for one in self.fields}))

    def field(self, name: str) -> Field:
        """Return a field by its name. Raises `KeyError` that names what there is."""
        try:
            return self.by_name[name]
        except KeyError:
            raise KeyError(f"{self.name}.{name}: it has {', '.join(self.by_name)}") from None

    @property
    def of_site(self) -> bool:
        """Whether its points belong to a site; the others belong to a process of the gateway."""
        return Tag.SITE in self.tags


_NOT_A_TAG: Final = re.compile(
    r"urn:epc:|/21/|\(21\)|\b(?=[0-9A-F]*[A-F])[0-9A-F]{24,}\b|\b[0-9A-F]{24,}\b", re.IGNORECASE
)
"""EPC URIs, Digital Links and element strings with a serial, and EPCs as hexadecimal text (96 bits or more)."""

_WORDS: Final = (
    *(Tag.ZONE_KIND, Tag.DRIVER, Tag.MODE, Tag.STATE, Tag.STEP, Tag.TASK, Tag.GAP, Tag.CAUSE, Tag.KIND, Tag.SEVERITY),
    *(Tag.CAME_FROM, Tag.WENT_TO),
)

_PATTERNS: Final[Mapping[Tag, re.Pattern[str]]] = MappingProxyType(
    {
        Tag.GTIN: re.compile(r"\d{14}"),
        Tag.PORT: re.compile(r"\d{1,5}"),
        Tag.STATUS: re.compile(r"[1-5]xx"),
        Tag.METHOD: re.compile(r"[A-Z]{1,10}"),
        Tag.ROUTE: re.compile(r"[ -~]{1,128}"),
        **dict.fromkeys(
            (Tag.SITE, Tag.ZONE, Tag.EDGE, Tag.DEVICE, Tag.CHANNEL, Tag.GATEWAY),
            re.compile(rf"[^\x00-\x20]{{1,{ID_MAX_CHARS}}}"),
        ),
        **dict.fromkeys(
            _WORDS,
            re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,63}"),
        ),
        Tag.BAND: re.compile(r"[a-z0-9._-]{1,16}"),
    }
)
"""What values look like, where that is known. Department, style, colour and size are the catalogue's own texts."""


def wrong_tag(key: Tag, value: str) -> str:
    """Return what is wrong with a tag's value, or an empty text. A route is a path's pattern, and may hold `/21/`."""
    if key is not Tag.ROUTE and _NOT_A_TAG.search(value):
        return f"tag {key}={value!r}: looks like a single item; expected what many items share"
    pattern = _PATTERNS.get(key)
    if pattern is not None and not pattern.fullmatch(value):
        return f"tag {key}={value!r}: expected {pattern.pattern}"
    if not value or len(value) > TAG_MAX_CHARS:
        return f"tag {key}: {len(value)} characters: expected 1 to {TAG_MAX_CHARS}"
    return ""


NOT_KNOWN: Final = "-"
"""Value of a tag whose text is empty or not known: `department`, `style`, `colour`, `size`, `zone`."""
