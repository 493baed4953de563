"""When a site has an order ready: opening hours, the cut-off, and how long picking takes, in the site's own time.

Opening hours are a week of spans (`wire.site_hours`). Work on an order runs while the site is open only. A span
that a change of clocks shortens or lengthens is as long as it really is, because instants are compared in UTC.

An answer holds for a while: until the site opens, closes, or its cut-off passes, orders are ready either at one instant
or so long after they came. `Readiness` says which, and until when, so that a thousand sites are not worked out anew for
each quote.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from wire.site_hours import MINUTES_OF_A_DAY, Week

LOOK_AHEAD_DAYS: Final = 14
"""A site that does not open within two weeks is closed for an order."""

_MINUTE: Final = timedelta(minutes=1)
_CLOSED_FOR: Final = timedelta(hours=1)
"""How long "it does not open" is believed: the two weeks move on with the day."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """When orders are ready that come at `since` or later, and before `until` (UTC).

    `after`: so long after they came; else at the instant `at`, None: not within `LOOK_AHEAD_DAYS`.
    """

    since: datetime
    until: datetime
    after: timedelta | None
    at: datetime | None

    def holds(self, now: datetime) -> bool:
        """Whether this says something about an order that comes now."""
        return self.since <= now < self.until

    def ready(self, now: datetime) -> datetime | None:
        """Return when an order that comes now is ready."""
        return self.at if self.after is None else now + self.after


def _at(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """Return the instant of a wall time; one that the clocks leave out is as far after the gap as it would be in it."""
    day += timedelta(days=minute // MINUTES_OF_A_DAY)
    minute %= MINUTES_OF_A_DAY
    return datetime.combine(day, time(minute // 60, minute % 60), zone).astimezone(UTC)


def open_spans(week: Week, zone: ZoneInfo, from_at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the open spans from an instant on, UTC, for `LOOK_AHEAD_DAYS`; the running one begins now.

    A span that begins before the one before it ends (a late night, an early morning) begins where that ends.
    """
    today = from_at.astimezone(zone).date()
    begin = from_at
    for ahead in range(-1, LOOK_AHEAD_DAYS):
        day = today + timedelta(days=ahead)
        for span in week[day.weekday()]:
            opens, closes = max(_at(day, span.opens, zone), begin), _at(day, span.closes, zone)
            if closes > opens:
                yield opens, closes
                begin = closes


def readiness(
    now: datetime, week: Week, timezone: str, *, handling: timedelta, cut_off: int | None = None
) -> Readiness:
    """Return when an order that comes now is ready, and for how long that answer holds.

    `handling` is work of people and passes while the site is open. After `cut_off` (minute of the local day) work
    begins on the next day that is open.
    """
    zone = ZoneInfo(timezone)
    now = now.astimezone(UTC)
    local = now.astimezone(zone)
    midnight = _at(local.date() + timedelta(days=1), 0, zone)
    late = cut_off is not None and local.hour * 60 + local.minute >= cut_off
    until = midnight if late or cut_off is None else min(midnight, _at(local.date(), cut_off, zone))
    if until.astimezone(zone).utcoffset() != local.utcoffset():  # the clocks change: wall times may come twice
        until = min(until, now.replace(second=0, microsecond=0) + _MINUTE)
    begin = midnight if late else now
    first: tuple[datetime, datetime] | None = None
    left = handling
    for opens, closes in open_spans(week, zone, begin):
        first = first or (opens, closes)
        if closes - opens >= left:
            break
        left -= closes - opens
    else:
        return Readiness(now, min(until, now + _CLOSED_FOR), None, None)
    ready = opens + left
    if late or first[0] > now:
        return Readiness(now, until if late else min(until, first[0]), None, ready)
    # At work: each minute later is a minute later, until the work no longer ends in the same span.
    return Readiness(now, min(until, first[1], now + (closes - ready)), ready - now, None)


def ready_at(
    now: datetime, week: Week, timezone: str, *, handling: timedelta, cut_off: int | None = None
) -> datetime | None:
    """Return when an order that comes now is ready (UTC), or None within `LOOK_AHEAD_DAYS`: see `readiness`."""
    now = now.astimezone(UTC)
    return readiness(now, week, timezone, handling=handling, cut_off=cut_off).ready(now)
