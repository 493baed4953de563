"""What a channel may sell of a ladder, and which changes of a ladder a channel could see."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.availability import (
    BLIND_CAP,
    CAP,
    KEEP,
    LIVE,
    NOTHING,
    RUNGS,
    STALE,
    UNKNOWN,
    WHEN_BLIND,
    ZERO,
    Ladder,
    Offer,
    Policy,
    decode_ladder,
    encode_ladder,
    ladder_of,
    offer,
    steps,
)
from gateway.promise import TOLERANCE

LADDERS = st.lists(st.floats(0, 1), max_size=9).map(ladder_of)


def ladder(*rungs: float) -> Ladder:
    return np.array(rungs, np.float32)


def test_the_default_policy_is_the_one_that_is_documented() -> None:
    assert Policy() == Policy("", 0.95, 0, 900, KEEP, 1_000)
    assert WHEN_BLIND == ("keep", "zero", "cap")


@pytest.mark.parametrize(
    ("rungs", "policy", "expected"),
    [
        ((), Policy(), Offer(0, None)),
        ((0.94,), Policy(), Offer(0, None)),
        ((0.99, 0.96, 0.9), Policy(), Offer(2, 0.96)),
        ((0.99, 0.96, 0.9), Policy(target=0.9), Offer(3, 0.9)),
        ((0.99, 0.96, 0.9), Policy(target=0.97), Offer(1, 0.99)),
        ((0.99, 0.96, 0.9), Policy(target=0.999), Offer(0, None)),
        ((1.0, 1.0, 0.5), Policy(target=1.0), Offer(2, 1.0)),
        ((0.99, 0.96, 0.9), Policy(safety=1), Offer(1, 0.96)),  # as sure as two units are: one is kept back
        ((0.99, 0.96, 0.9), Policy(safety=2), Offer(0, None)),
        ((0.99, 0.96, 0.9), Policy(safety=9), Offer(0, None)),
        ((0.99, 0.96, 0.9), Policy(target=0.9, safety=2), Offer(1, 0.9)),
        ((0.123456, 0.1), Policy(target=0.1), Offer(2, 0.1)),
        ((0.98765432,), Policy(), Offer(1, 0.9877)),
    ],
)
def test_the_most_units_that_are_as_sure_as_asked_less_those_kept_back(
    rungs: tuple[float, ...], policy: Policy, expected: Offer
) -> None:
    assert offer(ladder(*rungs), policy, LIVE) == expected


@given(LADDERS, st.sampled_from([0.5, 0.9, 0.95, 0.99, 1.0]), st.integers(0, 4))
def test_an_offer_is_the_largest_that_keeps_its_promise(rungs: Ladder, target: float, safety: int) -> None:
    policy = Policy(target=target, safety=safety)
    atp = offer(rungs, policy, LIVE).atp
    keeps = [q for q in range(1, len(rungs) + 1 - safety) if rungs[safety + q - 1] >= target - TOLERANCE]
    assert atp == max(keeps, default=0)


@pytest.mark.parametrize("target", [*np.round(RUNGS + TOLERANCE, 3).tolist(), 1.0])
def test_a_target_is_met_up_to_the_tolerance(target: float) -> None:
    policy = Policy(target=target)
    assert offer(ladder(target), policy, LIVE).atp == 1
    assert offer(ladder(target - 0.5 * TOLERANCE), policy, LIVE).atp == 1
    assert offer(ladder(target - 2 * TOLERANCE), policy, LIVE).atp == 0


@pytest.mark.parametrize(
    ("when_blind", "of_three", "of_one", "of_none"),
    [(KEEP, 3, 1, 0), (ZERO, 0, 0, 0), (CAP, BLIND_CAP, 1, 0)],
)
def test_a_stale_row_offers_what_the_channel_says_and_nobody_is_sure(
    when_blind: str, of_three: int, of_one: int, of_none: int
) -> None:
    policy = Policy(when_blind=when_blind)
    assert offer(ladder(1.0, 1.0, 1.0), policy, STALE) == Offer(of_three, None)
    assert offer(ladder(1.0), policy, STALE) == Offer(of_one, None)
    assert offer(NOTHING, policy, STALE) == Offer(of_none, None)
    assert offer(ladder(1.0, 1.0, 1.0), policy, LIVE) == Offer(3, 1.0)
    assert offer(ladder(1.0, 1.0, 1.0), policy, UNKNOWN) == Offer(3, None)


def test_the_cap_of_a_stale_row_is_behind_what_is_kept_back() -> None:
    policy = Policy(when_blind=CAP, safety=2)
    assert offer(ladder(1.0, 1.0, 1.0, 1.0), policy, STALE).atp == 1
    assert offer(ladder(1.0, 1.0), policy, STALE).atp == 0


def test_units_whose_chance_nobody_knows_are_offered_without_a_number() -> None:
    assert offer(ladder(1.0, 1.0), Policy(), LIVE, known=False) == Offer(2, None)
    assert offer(ladder(1.0, 1.0), Policy(safety=1), LIVE, known=False) == Offer(1, None)
    assert offer(NOTHING, Policy(), LIVE, known=False) == Offer(0, None)


@given(LADDERS)
def test_a_ladder_is_read_as_it_was_written(rungs: Ladder) -> None:
    assert decode_ladder(encode_ladder(rungs)).tolist() == rungs.tolist()


def test_no_ladder_promises_nothing() -> None:
    assert decode_ladder(None).tolist() == decode_ladder(b"").tolist() == []
    assert steps(NOTHING) == (0,) * len(RUNGS)


@given(LADDERS, LADDERS, st.integers(0, 3))
def test_the_same_steps_are_the_same_offers_to_every_channel(one: Ladder, other: Ladder, safety: int) -> None:
    policies = [Policy(target=round(float(rung + TOLERANCE), 3), safety=safety) for rung in RUNGS]
    seen = [[offer(rungs, policy, LIVE).atp for policy in policies] for rungs in (one, other)]
    assert seen[0] == [max(0, step - safety) for step in steps(one)]
    if not safety:
        assert (steps(one) == steps(other)) == (seen[0] == seen[1])


@pytest.mark.parametrize("rung", range(len(RUNGS)))
def test_steps_and_offers_meet_at_the_very_edge(rung: int) -> None:
    """Between one number that a row can hold and the next nothing may be promised that no event tells of."""
    policy = Policy(target=round(float(RUNGS[rung] + TOLERANCE), 3))
    edge = np.float32(policy.target - TOLERANCE)
    for value in (np.nextafter(edge, np.float32(0)), edge, np.nextafter(edge, np.float32(1))):
        assert steps(ladder(float(value)))[rung] == offer(ladder(float(value)), policy, LIVE).atp, value
