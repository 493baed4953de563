"""The life of a task: who may do what to it in which state, and what a repeat means. Pure.

    open --claim--> claimed --done----> done
     ^                |  |
     +---release------+  +-----cannot-> cannot
     +----time--------+

People act: `claim`, `release`, `done`, `cannot`. A claim lasts for `CLAIM_S`; from that instant on the task is open
for everybody, whether its row says so already or not. To claim again what one has is more time. Nobody has to claim:
what is open can be done at once. What another one has can be neither claimed nor done. Acts may be sent again: what
has happened already is answered as it is.

The gateway acts, too: it closes a task when nobody needs to do it any more (the order is off, the reads show that the
goods came), and opens one again when what was said did not hold (a picked item is gone, the reads saw nothing come, a
unit that could not be found came back).

When is a task over? The steps of an order (pick, pack, hand over) stay as long as the order does: until then each may
come back. A refill that is done waits for the reads. All others are over with the word of a person. A task that is over
stays as it is, and another one may open in its place.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from gateway.tasks.errors import ClaimedError, TaskStateError
from gateway.tasks.limits import CLAIM_S

CLAIM_US: Final = CLAIM_S * 1_000_000


class Kind(StrEnum):
    """What is to be done."""

    REFILL = "refill"
    FIND = "find"
    PICK = "pick"
    PACK = "pack"
    HAND_OVER = "hand_over"
    PUT_BACK = "put_back"
    CHECK = "check"


class State(StrEnum):
    """What a task is."""

    OPEN = "open"
    CLAIMED = "claimed"
    DONE = "done"
    CANNOT = "cannot"
    CLOSED = "closed"


class Act(StrEnum):
    """What is done to a task. `CLOSE` and `REOPEN` are the gateway's."""

    CLAIM = "claim"
    RELEASE = "release"
    DONE = "done"
    CANNOT = "cannot"
    CLOSE = "close"
    REOPEN = "reopen"


ORDER_KINDS: Final = frozenset({Kind.PICK, Kind.PACK, Kind.HAND_OVER})
WAITING: Final = frozenset({State.OPEN, State.CLAIMED})
"""States in which somebody is still to act."""


class Claimant(NamedTuple):
    """Who acts: the key's id (empty: there are no keys), and what a person calls himself, or empty."""

    key: str
    who: str = ""

    def __str__(self) -> str:
        return self.who or self.key


@dataclass(frozen=True, slots=True)
class Standing:
    """A task as far as its life goes. `claimed_us`, `claimant`: since when and with whom, while it is claimed."""

    id: str
    kind: Kind
    state: State
    claimant: Claimant | None = None
    claimed_us: int | None = None
    reason: str = ""

    def state_at(self, now_us: int) -> State:
        """Return what it is at an instant: a claim that lapsed is none."""
        lapsed = self.claimed_us is not None and self.claimed_us + CLAIM_US <= now_us
        return State.OPEN if self.state is State.CLAIMED and lapsed else self.state


class Rule(NamedTuple):
    """The states in which an act does something, to which it leads, and those in which it was done already."""

    does: tuple[State, ...]
    to: State
    done: tuple[State, ...] = ()


RULES: Final[dict[Act, Rule]] = {
    Act.CLAIM: Rule((State.OPEN, State.CLAIMED), State.CLAIMED),
    Act.RELEASE: Rule((State.CLAIMED,), State.OPEN, (State.OPEN,)),
    Act.DONE: Rule((State.OPEN, State.CLAIMED), State.DONE, (State.DONE,)),
    Act.CANNOT: Rule((State.OPEN, State.CLAIMED), State.CANNOT, (State.CANNOT,)),
    Act.CLOSE: Rule((State.OPEN, State.CLAIMED, State.DONE, State.CANNOT), State.CLOSED, (State.CLOSED,)),
    Act.REOPEN: Rule((State.DONE, State.CANNOT), State.OPEN, (State.OPEN, State.CLAIMED)),
}

_PEOPLE: Final = frozenset({Act.CLAIM, Act.RELEASE, Act.DONE, Act.CANNOT})


def step(task: Standing, act: Act, claimant: Claimant | None, now_us: int) -> State | None:
    """Return the state that an act leads to; None: it was done before. `claimant` None: the gateway acts.

    A refill that the reads closed was done: whoever says so is right.

    Raises:
        ClaimedError: somebody else has it.
        TaskStateError: the act does not lead on from this state.
    """
    rule, state = RULES[act], task.state_at(now_us)
    if state in rule.does:
        if act in _PEOPLE and state is State.CLAIMED and task.claimant != claimant:
            raise ClaimedError(task.id, str(task.claimant or ""))
        return rule.to
    if state in rule.done or (act is Act.DONE and state is State.CLOSED and task.kind is Kind.REFILL):
        return None
    raise TaskStateError(task.id, state.value, act.value, [one.value for one in rule.does], task.reason)


def is_over(kind: Kind, state: State) -> bool:
    """Whether a task in this state is over by itself; steps of an order are over when the order is."""
    if state is State.CLOSED:
        return True
    if kind in ORDER_KINDS:
        return False
    return state is State.CANNOT or (state is State.DONE and kind is not Kind.REFILL)
