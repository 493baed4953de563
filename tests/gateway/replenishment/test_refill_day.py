"""A simulated day: gaps are closed, staff are not sent for nothing, and blind readers send nobody."""

import pytest

from tests.gateway.replenishment.refill_day import DAY, SKUS, Day, by_raw_flags, by_the_rules, days, nobody

SEEDS = (1, 4)
DARK = (1, 2)
ALL = len(SEEDS) * DAY * SKUS


def test_gaps_are_closed_and_nobody_is_sent_for_nothing() -> None:
    without, raw, ruled = (days(opener, SEEDS) for opener in (nobody, by_raw_flags, by_the_rules))
    assert without["gap minutes"] > 0.4 * ALL, "without refilling the floor runs empty while the back room is full"
    assert ruled["gap minutes"] < 0.1 * without["gap minutes"]
    assert ruled["sold"] > 1.5 * without["sold"]
    assert ruled["trips"] > 20
    assert ruled["for nothing"] <= 0.05 * ruled["trips"]
    assert raw["for nothing"] > 3 * max(1, ruled["for nothing"]), "as raw flags do"
    assert ruled["closed by reads"] >= 0.95 * (ruled["trips"] - ruled["for nothing"])
    assert ruled["closed by word"] == ruled["asked in the light"] == 0, "no person is asked what the reads can say"
    assert ruled["closed in error"] <= 0.03 * ruled["closed by reads"]


def test_a_blind_floor_sends_nobody_and_takes_peoples_word_for_what_they_did() -> None:
    begin, end = 200, 290
    found = days(by_the_rules, DARK, (begin, end))
    assert found["opened in the dark"] == 0
    assert found["closed by word"] > 0
    assert found["word in the light"] == found["asked in the light"] == 0
    assert found["for nothing"] <= 0.05 * found["trips"]
    assert days(by_raw_flags, DARK, (begin, end))["for nothing"] > 5 * max(1, found["for nothing"])


@pytest.mark.parametrize("seed", SEEDS[:1])
def test_the_same_day_twice_is_the_same_day(seed: int) -> None:
    assert Day(seed).run(by_the_rules).counts == Day(seed).run(by_the_rules).counts
