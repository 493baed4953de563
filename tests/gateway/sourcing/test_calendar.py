"""When an order is ready: opening hours, cut-offs, nights, weekends and changes of clocks."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from gateway.sourcing.calendar import readiness, ready_at
from wire.site_hours import ALWAYS, Span, Week

BERLIN = "Europe/Berlin"
TEN_TO_EIGHT = (Span(600, 1_200),)
SHOP: Week = (*(TEN_TO_EIGHT,) * 6, ())
HALF_AN_HOUR = timedelta(minutes=30)


def at(text: str) -> datetime:
    """An instant in Berlin's summer (UTC+2), unless it says otherwise."""
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("now", "ready", "what"),
    [
        ("2026-06-15T12:00+02:00", "2026-06-15T12:30+02:00", "open: at once"),
        ("2026-06-15T08:00+02:00", "2026-06-15T10:30+02:00", "before it opens"),
        ("2026-06-15T19:45+02:00", "2026-06-16T10:15+02:00", "half of the work is left for the next morning"),
        ("2026-06-15T19:30+02:00", "2026-06-15T20:00+02:00", "just before it closes"),
        ("2026-06-15T20:00+02:00", "2026-06-16T10:30+02:00", "closed at the minute that it closes"),
        ("2026-06-20T21:00+02:00", "2026-06-22T10:30+02:00", "Saturday night: Monday"),
    ],
)
def test_work_runs_while_the_site_is_open(now: str, ready: str, what: str) -> None:
    assert ready_at(at(now), SHOP, BERLIN, handling=HALF_AN_HOUR) == at(ready), what


def test_after_the_cut_off_work_begins_on_the_next_day_that_is_open() -> None:
    before, after = at("2026-06-15T15:59+02:00"), at("2026-06-15T16:00+02:00")
    assert ready_at(before, SHOP, BERLIN, handling=HALF_AN_HOUR, cut_off=960) == at("2026-06-15T16:29+02:00")
    assert ready_at(after, SHOP, BERLIN, handling=HALF_AN_HOUR, cut_off=960) == at("2026-06-16T10:30+02:00")
    friday = at("2026-06-20T16:30+02:00")
    assert ready_at(friday, SHOP, BERLIN, handling=HALF_AN_HOUR, cut_off=960) == at("2026-06-22T10:30+02:00")


def test_a_site_that_never_opens_is_never_ready() -> None:
    assert ready_at(at("2026-06-15T12:00+02:00"), ((),) * 7, BERLIN, handling=HALF_AN_HOUR) is None


@pytest.mark.parametrize(
    ("now", "ready"),
    [
        ("2026-03-28T23:00+01:00", "2026-03-29T05:00+02:00"),  # 02:00 to 03:00 does not exist: five hours of work
        ("2026-10-24T23:00+02:00", "2026-10-25T03:00+01:00"),  # 02:00 to 03:00 is twice
    ],
)
def test_a_night_is_as_long_as_the_clocks_make_it(now: str, ready: str) -> None:
    assert ready_at(at(now), ALWAYS, BERLIN, handling=timedelta(hours=5)) == at(ready)


def test_a_shop_that_is_open_over_midnight() -> None:
    late: Week = ((Span(1_200, 1_500),),) * 7
    assert ready_at(at("2026-06-16T00:30+02:00"), late, BERLIN, handling=HALF_AN_HOUR) == at("2026-06-16T01:00+02:00")
    assert ready_at(at("2026-06-16T01:30+02:00"), late, BERLIN, handling=HALF_AN_HOUR) == at("2026-06-16T20:30+02:00")


def test_answers_are_in_utc_whatever_was_asked() -> None:
    found = ready_at(at("2026-06-15T12:00+02:00"), ALWAYS, BERLIN, handling=HALF_AN_HOUR)
    assert found is not None
    assert found.tzinfo is UTC


def a_week(rng: random.Random) -> Week:
    """Days with up to two spans, some of them over midnight."""
    days = []
    for _ in range(7):
        opens = rng.randrange(300, 900, 15)
        closes = opens + rng.randrange(30, 400, 15)
        late = Span(closes + 60, closes + 60 + rng.randrange(30, 600, 15))
        spans = (Span(opens, closes), late)
        days.append(spans[: rng.choice([0, 1, 1, 2, 2])])
    return tuple(days)


@pytest.mark.parametrize("zone", [BERLIN, "America/New_York", "Australia/Lord_Howe"])
def test_an_answer_holds_until_it_says(zone: str) -> None:
    """Between its two instants it says what would be worked out anew; also over a change of clocks."""
    rng = random.Random(zone)
    starts = [at("2026-03-26T00:00+00:00"), at("2026-06-15T00:00+00:00"), at("2026-10-23T00:00+00:00")]
    looked = reused = 0
    for _ in range(60):
        week, cut_off = a_week(rng), rng.choice([None, rng.randrange(0, 1_440)])
        handling = timedelta(minutes=rng.choice([0, 30, 300, 1_500]))
        now = rng.choice(starts)
        known = readiness(now, week, zone, handling=handling, cut_off=cut_off)
        for _ in range(40):
            now += timedelta(seconds=rng.choice([7, 60, 900, 7_200, 30_000]))
            new = readiness(now, week, zone, handling=handling, cut_off=cut_off)
            looked += 1
            if known.holds(now):
                reused += 1
                assert known.ready(now) == new.ready(now), (week, now, handling, cut_off)
            else:
                known = new
    assert reused > looked / 5


def test_an_early_morning_begins_where_the_late_night_ends() -> None:
    """Both are open at half past midnight: work is not done twice."""
    week: Week = ((Span(0, 120), Span(1_200, 1_500)),) * 7
    night = at("2026-06-16T00:30+02:00")
    assert ready_at(night, week, BERLIN, handling=timedelta(hours=2)) == at("2026-06-16T20:30+02:00")


def test_an_hour_that_comes_twice_passes_the_cut_off_twice() -> None:
    """At 02:40 it is too late for today; at 02:10 of the second round it is not."""
    hour, cut_off = timedelta(hours=1), 150
    late = readiness(at("2026-10-25T02:40+02:00"), ALWAYS, BERLIN, handling=hour, cut_off=cut_off)
    again = at("2026-10-25T02:10+01:00")
    assert not late.holds(again)
    assert late.at == at("2026-10-26T01:00+01:00")
    assert ready_at(again, ALWAYS, BERLIN, handling=hour, cut_off=cut_off) == at("2026-10-25T03:10+01:00")
