"""A point: a series, an instant, values. Valid by construction, and so is every line that is made of it. Pure.

A series is made once (`series_of`, which checks its tags) and its points many times (`point_of`, which checks values).
Its tags are the members of `Tag` that its measurement asks for, all of them: an EPC finds no place in one.
"""

from collections.abc import Callable, Mapping
from functools import cache
from hashlib import blake2b
from math import isfinite
from typing import Final, NamedTuple, TypeAlias

import msgspec

from wire.errors import WireError
from wire.measurement import NOT_KNOWN, TAG_MAX_CHARS, Cadence, FieldType, How, Measurement, Tag, wrong_tag

Value: TypeAlias = int | float | bool | str
INT_MIN, INT_MAX = -(2**63), 2**63 - 1
NOTE_MAX_CHARS: Final = 500
"""The longest text of an event."""


Check: TypeAlias = Callable[["Series", str, Value], Value]
"""Returns a value as it is written. Raises `PointError`."""


class PointError(WireError):
    """A value that no point may carry: our bug, or a catalogue with strange texts."""

    code = "point"


class Series:
    """A measurement with values for its tags. `digest`: 16 bytes that are its own; `line`: how its lines begin."""

    __slots__ = ("checks", "digest", "line", "measurement", "nothing", "tags")

    def __init__(self, measurement: Measurement, tags: tuple[tuple[Tag, str], ...]) -> None:
        self.measurement = measurement
        self.tags = tags
        self.checks = _checks_of(measurement)
        self.nothing = _nothing_of(measurement)
        named = msgspec.json.encode([measurement.name, *[value for _, value in tags]])
        self.digest = blake2b(named, digest_size=16).digest()
        self.line = ",".join([measurement.name, *[f"{key.value}={escaped_tag(value)}" for key, value in tags]])

    @property
    def site(self) -> str:
        """The site that it belongs to, or an empty text."""
        return next((value for key, value in self.tags if key is Tag.SITE), "")

    def tag(self, key: Tag) -> str:
        """Return the value of a tag. Raises `KeyError`."""
        return dict(self.tags)[key]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Series) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Series({self.line})"


class Point(NamedTuple):
    """What was measured of a series at an instant (UTC microseconds); at least one field."""

    series: Series
    at_us: int
    fields: Mapping[str, Value]


_ESCAPES: Final = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})


def escaped_tag(value: str) -> str:
    """Return a tag's value as line protocol writes it: a backslash before a comma, an equals sign and a space."""
    return value.translate(_ESCAPES)


def clean_tag(text: str) -> str:
    """Return text that line protocol can carry as a tag: one line, not empty, not too long.

    It has no way to write a backslash at the end (it would hide the comma after it): that becomes a slash.
    """
    if text.isprintable() and text and len(text) <= TAG_MAX_CHARS and text[0] != " " and text[-1] not in " \\":
        return text
    one_line = "".join(char if char.isprintable() else " " for char in text).strip()[:TAG_MAX_CHARS].rstrip()
    bare = one_line.rstrip("\\")
    return bare + "/" * (len(one_line) - len(bare)) or NOT_KNOWN


def series_of(measurement: Measurement, tags: Mapping[Tag, str]) -> Series:
    """Return a series. Raises `PointError` for a tag that is missing, too many, or that names a single item."""
    if len(tags) != len(measurement.tags) or any(key not in tags for key in measurement.tags):
        wanted, found = ", ".join(measurement.tags), ", ".join(map(str, tags))
        raise PointError(f"measurement {measurement.name}: tags {found}: expected {wanted}")
    cleaned = tuple((key, clean_tag(tags[key])) for key in measurement.tags)
    for key, value in cleaned:
        wrong = "" if value == NOT_KNOWN else wrong_tag(key, value)
        if wrong:
            raise PointError(f"measurement {measurement.name}: {wrong}")
    return Series(measurement, cleaned)


def point_of(series: Series, at_us: int, values: Mapping[str, Value | None]) -> Point | None:
    """Return a point; values that are None, and deltas of 0, are left out: None when nothing is left.

    A point of what happens (`Cadence.HAPPENS`) has all deltas of its measurement: what is divided by a sum is not known
    when one of them is missing. Raises `PointError` for a field that the measurement has not, or a value that is not of
    its type.
    """
    if not 0 <= at_us <= INT_MAX:
        raise PointError(f"measurement {series.measurement.name}: instant {at_us}: expected 0 or more")
    checks = series.checks
    kept: dict[str, Value] = {}
    for name, value in values.items():
        if value is None:
            continue
        check = checks.get(name)
        if check is None:
            raise PointError(f"measurement {series.measurement.name}: it has no field {name!r}")
        fits, is_delta = check
        if value or not is_delta:
            kept[name] = fits(series, name, value)
    if not kept:
        return None
    for name, nothing in series.nothing.items():
        kept.setdefault(name, nothing)
    return Point(series, at_us, kept)


def _integer(series: Series, name: str, value: Value) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and INT_MIN <= value <= INT_MAX:
        return value
    raise PointError(f"{series.measurement.name}.{name}: {value!r}: expected an integer of 64 bits")


def _float(series: Series, name: str, value: Value) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
        return float(value)
    raise PointError(f"{series.measurement.name}.{name}: {value!r}: expected a number that is finite")


def _boolean(series: Series, name: str, value: Value) -> bool:
    if isinstance(value, bool):
        return value
    raise PointError(f"{series.measurement.name}.{name}: {value!r}: expected true or false")


def _text(series: Series, name: str, value: Value) -> str:
    if isinstance(value, str):
        return "".join(char if char.isprintable() else " " for char in value)[:NOTE_MAX_CHARS]
    raise PointError(f"{series.measurement.name}.{name}: {value!r}: expected text")


_FITS: Final[Mapping[FieldType, Check]] = {
    FieldType.INTEGER: _integer,
    FieldType.FLOAT: _float,
    FieldType.BOOLEAN: _boolean,
    FieldType.TEXT: _text,
}


@cache
def _checks_of(measurement: Measurement) -> Mapping[str, tuple[Check, bool]]:
    """Return, by field, what its values must be, and whether a 0 says nothing."""
    return {field.name: (_FITS[field.type], field.how is How.DELTA) for field in measurement.fields}


@cache
def _nothing_of(measurement: Measurement) -> dict[str, Value]:
    """Return the deltas of what happens, all 0."""
    if measurement.cadence is not Cadence.HAPPENS:
        return {}
    return {
        field.name: 0.0 if field.type is FieldType.FLOAT else 0
        for field in measurement.fields
        if field.how is How.DELTA
    }
