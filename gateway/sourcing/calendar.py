"""When a site has an order ready: opening hours, the cut-off, and how long picking takes, in the site's own time.

Opening hours are a week of spans (`wire.site_hours`). Work on an order runs while the site is open only. A span
that a change of clocks shortens or lengthens is as long as it really is, because instants are compared in UTC.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from wire.site_hours import MINUTES_OF_A_DAY, Week

LOOK_AHEAD_DAYS: Final = 14
"""A site that does not open within two weeks is closed for an order."""


def _at(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """Return the instant of a wall time; one that the clocks leave out is as far after the gap as it would be in it."""
    day += timedelta(days=minute // MINUTES_OF_A_DAY)
    minute %= MINUTES_OF_A_DAY
    return datetime.combine(day, time(minute // 60, minute % 60), zone).astimezone(UTC)


def open_spans(week: Week, zone: ZoneInfo, from_at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the open spans from an instant on, UTC, for `LOOK_AHEAD_DAYS`; the running one begins now."""
    today = from_at.astimezone(zone).date()
    for ahead in range(-1, LOOK_AHEAD_DAYS):
        day = today + timedelta(days=ahead)
        for span in week[day.weekday()]:
            opens, closes = _at(day, span.opens, zone), _at(day, span.closes, zone)
            if closes > from_at and closes > opens:
                yield max(opens, from_at), closes


def ready_at(
    now: datetime, week: Week, timezone: str, *, handling: timedelta, cut_off: int | None = None
) -> datetime | None:
    """Return when an order that comes now is ready (UTC), or None within `LOOK_AHEAD_DAYS`.

    `handling` is work of people and passes while the site is open. After `cut_off` (minute of the local day) work
    begins on the next day that is open.
    """
    zone = ZoneInfo(timezone)
    begin = now.astimezone(UTC)
    local = begin.astimezone(zone)
    if cut_off is not None and local.hour * 60 + local.minute >= cut_off:
        begin = _at(local.date() + timedelta(days=1), 0, zone)
    left = handling
    for opens, closes in open_spans(week, zone, begin):
        if closes - opens >= left:
            return opens + left
        left -= closes - opens
    return None
