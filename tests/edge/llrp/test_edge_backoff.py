"""Pauses: full jitter, growing to a cap, never a tight loop against a reader that says no."""

from __future__ import annotations

from random import Random

import pytest

from edge.backoff import REFUSED, SETTLED_S, UNREACHABLE, Backoff, Pace


class Most(Random):
    """Always the longest pause."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


class Least(Random):
    """Always the shortest pause."""

    def uniform(self, a: float, b: float) -> float:
        return min(a, b)


def test_pauses_double_up_to_the_cap() -> None:
    backoff = Backoff(Most())
    assert [backoff.failed(UNREACHABLE) for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_pauses_begin_anew_only_after_it_worked_for_a_while() -> None:
    backoff = Backoff(Most())
    for _ in range(5):
        backoff.failed(UNREACHABLE)
    backoff.worked(SETTLED_S - 0.1)
    assert backoff.failed(UNREACHABLE) == 16
    backoff.worked(SETTLED_S)
    assert backoff.failures == 0
    assert backoff.failed(UNREACHABLE) == 0.5


def test_a_refusal_is_never_answered_within_a_second() -> None:
    backoff = Backoff(Least())
    assert min(backoff.failed(REFUSED) for _ in range(100)) >= 1.0


@pytest.mark.parametrize("seed", range(20))
def test_refused_for_an_hour(seed: int) -> None:
    """The attempts of one hour against a reader that always refuses at once."""
    backoff, passed_s, attempts = Backoff(Random(seed)), 0.0, 0
    while passed_s < 3_600:
        passed_s += backoff.failed(REFUSED)
        attempts += 1
    assert 100 < attempts < 360
    assert backoff.failures == attempts


def test_growth_survives_any_number_of_failures() -> None:
    backoff = Backoff(Most())
    for _ in range(5_000):
        assert backoff.failed(UNREACHABLE) <= UNREACHABLE.cap_s


@pytest.mark.parametrize("values", [(-1, 1, 2, 3), (0, 0, 2, 3), (0, 1, 0.5, 3), (0, 4, 2, 3)])
def test_a_pace_that_makes_no_sense_is_refused(values: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="expected floor"):
        Pace(*values)
