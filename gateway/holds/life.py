"""The life of a reservation: which verb is allowed in which state, and what a repeat means. Pure.

    held --confirm--> confirmed --pick--> picked --fulfil--> fulfilled
      |                   |                  |
      |                   +-----release------+---> released
      +--release--> released      +--time--> expired --renew--> held

A hold that is not confirmed lasts until `expires_us`. From that instant on it is expired for everybody, whether its row
says so already or not. Verbs may be sent again: what has happened already is answered as it is now; nothing is done.

* `confirm`: the order is paid or promised; it does not expire any more.
* `renew`: more time. After the expiry it is a new claim on the units, and may fail like one.
* `pick`: its items are in somebody's hands. `fulfil`: they were handed over. Picking may be left out.
* `pick_miss`: an item was not where it should be. `transfer`: another cart or key goes on with it.
* `release`: give the units back. Of a hold that is over that is true already.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from gateway.holds.errors import ExpiredError, WrongStateError


class State(StrEnum):
    """What a reservation is."""

    HELD = "held"
    CONFIRMED = "confirmed"
    PICKED = "picked"
    FULFILLED = "fulfilled"
    RELEASED = "released"
    EXPIRED = "expired"


ACTIVE: Final = frozenset({State.HELD, State.CONFIRMED, State.PICKED})


class Verb(StrEnum):
    """What can be done with a reservation."""

    CONFIRM = "confirm"
    RELEASE = "release"
    RENEW = "renew"
    PICK = "pick"
    PICK_MISS = "pick-miss"
    FULFIL = "fulfil"
    TRANSFER = "transfer"


class Rule(NamedTuple):
    """The states in which a verb does something, and those in which it was done already."""

    does: tuple[State, ...]
    done: tuple[State, ...] = ()


RULES: Final[dict[Verb, Rule]] = {
    Verb.CONFIRM: Rule((State.HELD,), (State.CONFIRMED, State.PICKED, State.FULFILLED)),
    Verb.RELEASE: Rule((State.HELD, State.CONFIRMED, State.PICKED), (State.RELEASED, State.EXPIRED)),
    Verb.RENEW: Rule((State.HELD, State.EXPIRED), (State.CONFIRMED, State.PICKED)),
    Verb.PICK: Rule((State.CONFIRMED,), (State.PICKED, State.FULFILLED)),
    Verb.PICK_MISS: Rule((State.HELD, State.CONFIRMED, State.PICKED)),
    Verb.FULFIL: Rule((State.CONFIRMED, State.PICKED), (State.FULFILLED,)),
    Verb.TRANSFER: Rule((State.HELD, State.CONFIRMED, State.PICKED)),
}


def state_at(state: State, expires_us: int, now_us: int) -> State:
    """Return what a reservation is at an instant: a hold whose time is over is expired."""
    return State.EXPIRED if state is State.HELD and expires_us <= now_us else state


def allowed(name: str, state: State, verb: Verb) -> bool:
    """Whether the verb has something to do to the reservation `name`; False: it was done before.

    Raises:
        ExpiredError: it is over, and the verb needs a hold that is not.
        WrongStateError: the verb does not lead on from this state.
    """
    rule = RULES[verb]
    if state in rule.does:
        return True
    if state in rule.done:
        return False
    if state is State.EXPIRED:
        raise ExpiredError(name)
    raise WrongStateError(name, state.value, verb.value, [allowed_in.value for allowed_in in rule.does])
