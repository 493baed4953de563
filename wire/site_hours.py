"""Opening hours of a site: a week of spans in local wall time, and the words that a site file has for them.

    hours: {mon: "10:00-20:00", sat: "10:00-13:00, 14:00-18:00"}

A day that is not named is closed; without `hours` the site is always open. A span that ends before it begins, or at
24:00, goes on into the next day.
"""

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_OF_A_DAY: Final = 24 * 60
SPANS_MAX: Final = 6
"""Of one day."""

_SPAN: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*(?:([01]?\d|2[0-3]):([0-5]\d)|24:00)")
_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Span:
    """Open from one minute of the day to another; `closes` above 1,440 is on the next day."""

    opens: int
    closes: int


Week: TypeAlias = tuple[tuple[Span, ...], ...]
"""Spans by weekday, Monday first, in order and apart from each other."""

ALWAYS: Final[Week] = ((Span(0, MINUTES_OF_A_DAY),),) * 7


def parse_minute(text: str) -> int:
    """Return the minute of the day of `16:00`. Raises `ValueError`."""
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r}: expected a time of day such as 16:00")
    return int(match[1]) * 60 + int(match[2])


def parse_day(text: str) -> tuple[Span, ...]:
    """Return the spans of `10:00-13:00, 14:00-18:00`. Raises `ValueError` that says what is wrong."""
    spans: list[Span] = []
    for part in text.split(","):
        match = _SPAN.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"{part.strip()!r}: expected times such as 10:00-20:00, several with commas between")
        opens = int(match[1]) * 60 + int(match[2])
        closes = MINUTES_OF_A_DAY if match[3] is None else int(match[3]) * 60 + int(match[4])
        if closes <= opens:
            closes += MINUTES_OF_A_DAY
        if spans and opens < spans[-1].closes:
            raise ValueError(f"{part.strip()!r} begins before the span before it ends")
        spans.append(Span(opens, closes))
    if len(spans) > SPANS_MAX:
        raise ValueError(f"{len(spans)} spans: at most {SPANS_MAX} a day")
    return tuple(spans)
