"""Who may do what to a task in which state: the whole table, said a second time."""

import pytest

from gateway.tasks.errors import ClaimedError, TaskStateError
from gateway.tasks.life import CLAIM_US, ORDER_KINDS, Act, Claimant, Kind, Standing, State, is_over, step

NOW_US = 1_000_000_000_000
ME, OTHER = Claimant("tablet", "Kim"), Claimant("tablet", "Sam")

TABLE = {
    # open, claimed by me, by another, done, cannot, closed:  > it does something, = it was done, x refused, o another's
    Act.CLAIM: ">>oxxx",
    Act.RELEASE: "=>oxxx",
    Act.DONE: ">>o=xx",
    Act.CANNOT: ">>ox=x",
    Act.CLOSE: ">>>>>=",
    Act.REOPEN: "===>>x",
}
TO = {
    Act.CLAIM: State.CLAIMED,
    Act.RELEASE: State.OPEN,
    Act.DONE: State.DONE,
    Act.CANNOT: State.CANNOT,
    Act.CLOSE: State.CLOSED,
    Act.REOPEN: State.OPEN,
}
STATES = [
    (State.OPEN, None),
    (State.CLAIMED, ME),
    (State.CLAIMED, OTHER),
    (State.DONE, None),
    (State.CANNOT, None),
    (State.CLOSED, None),
]


def standing(state: State, claimant: Claimant | None, kind: Kind = Kind.PICK, ago_us: int = 1) -> Standing:
    return Standing("t", kind, state, claimant, None if claimant is None else NOW_US - ago_us, "why")


def outcome(task: Standing, act: Act, who: Claimant | None = ME) -> str:
    try:
        found = step(task, act, None if act in {Act.CLOSE, Act.REOPEN} else who, NOW_US)
    except ClaimedError:
        return "o"
    except TaskStateError:
        return "x"
    if found is None:
        return "="
    assert found is TO[act]
    return ">"


@pytest.mark.parametrize("act", Act)
def test_every_act_in_every_state(act: Act) -> None:
    assert "".join(outcome(standing(*state), act) for state in STATES) == TABLE[act]


def test_a_claim_lapses_at_its_instant_and_then_anybody_may_act() -> None:
    late = standing(State.CLAIMED, OTHER, ago_us=CLAIM_US)
    assert late.state_at(NOW_US) is State.OPEN
    assert late.state_at(NOW_US - 1) is State.CLAIMED
    assert outcome(late, Act.DONE) == outcome(late, Act.CLAIM) == ">"
    assert outcome(standing(State.CLAIMED, OTHER, ago_us=CLAIM_US - 1), Act.DONE) == "o"


def test_two_people_with_one_key_are_two_and_two_keys_as_well() -> None:
    mine = standing(State.CLAIMED, Claimant("tablet"))
    assert outcome(mine, Act.DONE, Claimant("tablet")) == ">"
    assert outcome(mine, Act.DONE, Claimant("phone")) == "o"
    assert outcome(mine, Act.DONE, Claimant("tablet", "Kim")) == "o"
    assert str(Claimant("tablet")) == "tablet"
    assert str(ME) == "Kim"


def test_what_the_reads_closed_was_done() -> None:
    assert outcome(standing(State.CLOSED, None, Kind.REFILL), Act.DONE) == "="
    assert outcome(standing(State.CLOSED, None, Kind.REFILL), Act.CANNOT) == "x"


def test_a_refusal_says_the_state_why_and_what_would_do() -> None:
    with pytest.raises(TaskStateError, match=r"task t is closed \(why\); done needs one that is open or claimed"):
        step(standing(State.CLOSED, None), Act.DONE, ME, NOW_US)
    with pytest.raises(ClaimedError, match="task t is with Sam"):
        step(standing(State.CLAIMED, OTHER), Act.DONE, ME, NOW_US)


def test_which_tasks_are_over_by_themselves() -> None:
    over = {(kind, state) for kind in Kind for state in State if is_over(kind, state)}
    assert {kind for kind in Kind if (kind, State.CLOSED) in over} == set(Kind)
    assert {kind for kind in Kind if (kind, State.CANNOT) in over} == set(Kind) - ORDER_KINDS
    assert {kind for kind in Kind if (kind, State.DONE) in over} == set(Kind) - ORDER_KINDS - {Kind.REFILL}
    assert not {(kind, state) for kind, state in over if state in {State.OPEN, State.CLAIMED}}
