"""The state machine of a webhook, by its table and by long random lives."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.push.delivery import Outcome, Progress, State, after, backoff_s, resumed
from gateway.push.limits import (
    GIVE_UP_S,
    REFUSED_IN_A_ROW_MAX,
    REFUSED_TRIES,
    RETRY_AFTER_CAP_S,
    RETRY_CAP_S,
    RETRY_FIRST_S,
)

NOW = 1_000_000_000_000
LIVE = Progress(State.LIVE, 10)
S = 1_000_000


def test_taken_moves_on_and_forgets_trouble() -> None:
    troubled = Progress(State.FAILING, 10, 7, NOW - 50 * S, NOW, "answered 500")
    assert after(troubled, 11, Outcome(200), NOW, chance=0.5) == (Progress(State.LIVE, 11), False)


@pytest.mark.parametrize("status", [None, 100, 301, 302, 304, 408, 425, 429, 500, 502, 503, 504, 599])
def test_failures_are_tried_again_and_the_cursor_stands(status: int | None) -> None:
    found = LIVE
    for tries in range(1, 30):
        found, dead = after(found, 11, Outcome(status, "no route"), NOW, chance=0.5)
        assert not dead
        assert (found.state, found.cursor, found.attempts, found.failing_since_us) == (State.FAILING, 10, tries, NOW)
        assert found.next_try_us == NOW + round(S * min(RETRY_FIRST_S * 2 ** (tries - 1), RETRY_CAP_S) / 2)


def test_after_three_days_without_a_success_it_is_stopped() -> None:
    failing = Progress(State.FAILING, 10, 40, NOW - round(GIVE_UP_S * S) + 1, 0, "")
    still, _ = after(failing, 11, Outcome(500), NOW, chance=0.1)
    assert still.state is State.FAILING
    over, dead = after(failing, 11, Outcome(500), NOW + 1, chance=0.1)
    assert (over.state, over.cursor, dead) == (State.STOPPED, 10, False)
    assert "three days" in over.last_error


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 422, 451, 499])
def test_a_refusal_becomes_a_dead_letter_after_a_few_tries(status: int) -> None:
    found, dead = LIVE, False
    for tries in range(REFUSED_TRIES):
        assert (dead, found.cursor, found.attempts) == (False, 10, tries)
        found, dead = after(found, 11, Outcome(status), NOW + tries, chance=0.0)
    assert (dead, found.cursor, found.attempts) == (True, 11, 0)
    assert (found.state, found.failing_since_us) == (State.FAILING, NOW)


def test_a_hundred_dead_letters_in_a_row_stop_it() -> None:
    last = Progress(State.FAILING, 10, REFUSED_TRIES - 1, NOW, 0, "")
    on, dead = after(last, 11, Outcome(404), NOW, chance=0.0, dead_in_a_row=REFUSED_IN_A_ROW_MAX - 2)
    assert (on.state, dead) == (State.FAILING, True)
    over, dead = after(last, 11, Outcome(404), NOW, chance=0.0, dead_in_a_row=REFUSED_IN_A_ROW_MAX - 1)
    assert (over.state, over.cursor, dead) == (State.STOPPED, 11, True)


def test_gone_stops_at_once_and_resume_begins_anew() -> None:
    over, dead = after(LIVE, 11, Outcome(410), NOW, chance=0.9)
    assert (over.state, over.cursor, dead) == (State.STOPPED, 10, False)
    assert resumed(3) == Progress(State.LIVE, 3)


def test_an_address_may_ask_for_patience_up_to_a_cap() -> None:
    for asked, given_s in ((0.0, 2.5), (1.0, 2.5), (60.0, 60.0), (1e9, RETRY_AFTER_CAP_S)):
        found, _ = after(LIVE, 11, Outcome(503, retry_after_s=asked), NOW, chance=0.5)
        assert found.next_try_us == NOW + round(given_s * S)


@given(attempts=st.integers(1, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_full_jitter_stays_between_nothing_and_its_ceiling(attempts: int, chance: float) -> None:
    ceiling = backoff_s(attempts, math.nextafter(1.0, 0.0))
    assert 0.0 <= backoff_s(attempts, chance) <= ceiling <= RETRY_CAP_S
    assert backoff_s(attempts, 0.0) == 0.0


OUTCOMES = st.one_of(
    st.sampled_from([None, 200, 204, 301, 400, 404, 410, 422, 429, 500, 503]).map(lambda status: Outcome(status, "x")),
    st.floats(0, 1e6).map(lambda seconds: Outcome(503, retry_after_s=seconds)),
)


@settings(max_examples=150, deadline=None)
@given(outcomes=st.lists(OUTCOMES, max_size=120), chance=st.floats(0, 1, exclude_max=True))
def test_every_event_is_settled_once_and_in_order_whatever_happens(outcomes: list[Outcome], chance: float) -> None:
    """Taken or a dead letter, never both, never skipped; and the machine only waits while it is failing."""
    progress, now_us, settled, dead_in_a_row = Progress(State.LIVE, 0), NOW, [], 0
    for outcome in outcomes:
        if progress.state is State.STOPPED:
            assert progress.next_try_us == 0
            break
        now_us = max(now_us, progress.next_try_us)
        before = progress
        progress, dead = after(before, before.cursor + 1, outcome, now_us, chance=chance, dead_in_a_row=dead_in_a_row)
        dead_in_a_row = 0 if outcome.taken else dead_in_a_row + dead
        assert progress.cursor - before.cursor == (outcome.taken or dead)
        if progress.cursor > before.cursor:
            settled.append(progress.cursor)
            assert progress.attempts == 0
        assert (progress.failing_since_us is None) == (progress.state is State.LIVE)
        assert progress.next_try_us == 0 or progress.state is State.FAILING
    assert settled == list(range(1, len(settled) + 1))
