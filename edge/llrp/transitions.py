"""The states of one LLRP connection, and the table that says how it gets from one to the next.

    CLOSED -> GREETING -> [ASKING_VERSION -> [SETTING_VERSION]] -> READING_CAPABILITIES -> [ENABLING_EXTENSIONS]
           -> READING_ANTENNAS -> CONFIGURING -> CLEARING_ACCESS -> CLEARING -> ADDING -> VERIFYING -> ENABLING
           -> STARTING -> PROVING -> UP
    leaving:  STOPPING -> DELETING -> LEAVING -> LEFT
    ends:     LEFT (we said goodbye), REFUSED (the reader would not have us), FAILED (anything else)

Theory of operation. A connection is set up by one request after the other, so most states mean "this request is out"
and leave by its answer. What happens is a `Signal`; the table names every pair that changes the state, and any other
pair changes nothing. There is no way back from an end: a new connection is a new session, with nothing glued to it
from the old one.

A reader's capabilities are asked before Impinj's extensions are enabled, because only they say whether it is one; the
extensions are enabled before anything is set. Access specs that another client left would make every inventory round
slower, so they go too. Some readers answer with an error when there is nothing to delete, or do not know their
antennas' state: these denials change nothing. A reader that denies or ignores the question about its version speaks the
version that it greeted with; one that was told to change its version and does not answer cannot be talked to, because
either version may be the wrong one.
"""

from __future__ import annotations

from enum import Enum, auto
from itertools import pairwise
from typing import Final


class State(Enum):
    """Where a connection stands. Those with a request wait for its answer."""

    CLOSED = auto()
    GREETING = auto()
    """TCP is open; the reader's ConnectionAttemptEvent is awaited."""
    ASKING_VERSION = auto()
    SETTING_VERSION = auto()
    READING_CAPABILITIES = auto()
    ENABLING_EXTENSIONS = auto()
    READING_ANTENNAS = auto()
    CONFIGURING = auto()
    CLEARING_ACCESS = auto()
    CLEARING = auto()
    ADDING = auto()
    VERIFYING = auto()
    ENABLING = auto()
    READING_INPUTS = auto()
    """Where an input's level decides whether the reader inventories; else passed over."""
    STARTING = auto()
    PROVING = auto()
    """The ROSpec is said to run; its first report or keepalive is awaited."""
    UP = auto()
    STOPPING = auto()
    DELETING = auto()
    LEAVING = auto()
    LEFT = auto()
    REFUSED = auto()
    FAILED = auto()


class Signal(Enum):
    """What can happen to a connection."""

    CONNECTED = auto()
    GREETED = auto()
    """ConnectionAttemptEvent: success."""
    GREETED_TO_NEGOTIATE = auto()
    """ConnectionAttemptEvent: success, and a newer version is to be agreed on."""
    TURNED_AWAY = auto()
    """ConnectionAttemptEvent: anything else."""
    ANSWERED = auto()
    """The awaited answer came, with success."""
    ANSWERED_IMPINJ = auto()
    """The awaited answer came, and it says that this is an Impinj reader."""
    ANSWERED_NO_NEWER = auto()
    """The awaited answer came: the reader has no version that is newer and ours too."""
    DENIED = auto()
    """The awaited answer came, with an error."""
    ALIVE = auto()
    """A report or a keepalive came."""
    ENDED = auto()
    """Our ROSpec ended by itself."""
    LEAVE = auto()
    """We want to go."""
    LINK_CLOSED = auto()
    """The transport is gone, or the reader said that it closes it."""
    BROKEN = auto()
    """The byte stream cannot be cut into messages any more."""
    TIMED_OUT = auto()
    """An answer did not come in time, or the whole reader is silent."""
    IMPOSSIBLE = auto()
    """An answer came and what is asked for cannot be done with this reader."""


ENDS: Final = frozenset({State.LEFT, State.REFUSED, State.FAILED})

_SETUP: Final = (
    State.READING_CAPABILITIES,
    State.READING_ANTENNAS,
    State.CONFIGURING,
    State.CLEARING_ACCESS,
    State.CLEARING,
    State.ADDING,
    State.VERIFYING,
    State.ENABLING,
    State.READING_INPUTS,
    State.STARTING,
    State.PROVING,
)
"""The straight way."""

_DETOURS: Final = (State.ASKING_VERSION, State.SETTING_VERSION, State.ENABLING_EXTENSIONS)
"""The first two stand before the straight way, the third between its first two."""

_DENIAL_IS_HARMLESS: Final = frozenset(
    {State.READING_ANTENNAS, State.CLEARING_ACCESS, State.CLEARING, State.READING_INPUTS}
)
_OURS_MAY_RUN: Final = frozenset({State.READING_INPUTS, State.STARTING, State.PROVING, State.UP})
_OURS_MAY_EXIST: Final = frozenset({State.ADDING, State.VERIFYING, State.ENABLING})
_MISFORTUNES: Final = (Signal.LINK_CLOSED, Signal.BROKEN, Signal.TIMED_OUT, Signal.IMPOSSIBLE)


def _table() -> dict[tuple[State, Signal], State]:
    table = {
        (State.CLOSED, Signal.CONNECTED): State.GREETING,
        (State.CLOSED, Signal.LEAVE): State.LEFT,
        (State.GREETING, Signal.GREETED): State.READING_CAPABILITIES,
        (State.GREETING, Signal.GREETED_TO_NEGOTIATE): State.ASKING_VERSION,
        (State.GREETING, Signal.TURNED_AWAY): State.REFUSED,
        (State.GREETING, Signal.LEAVE): State.LEFT,
        (State.ASKING_VERSION, Signal.ANSWERED): State.SETTING_VERSION,
        (State.ASKING_VERSION, Signal.ANSWERED_NO_NEWER): State.READING_CAPABILITIES,
        (State.ASKING_VERSION, Signal.DENIED): State.READING_CAPABILITIES,
        (State.SETTING_VERSION, Signal.ANSWERED): State.READING_CAPABILITIES,
        (State.SETTING_VERSION, Signal.DENIED): State.READING_CAPABILITIES,
        (State.READING_CAPABILITIES, Signal.ANSWERED_IMPINJ): State.ENABLING_EXTENSIONS,
        (State.ENABLING_EXTENSIONS, Signal.ANSWERED): State.READING_ANTENNAS,
        (State.ENABLING_EXTENSIONS, Signal.DENIED): State.FAILED,
        (State.PROVING, Signal.ALIVE): State.UP,
    }
    for here, there in pairwise(_SETUP):
        table[here, Signal.ANSWERED] = there
        table[here, Signal.DENIED] = there if here in _DENIAL_IS_HARMLESS else State.FAILED
    for here in _DETOURS:
        table[here, Signal.LEAVE] = State.LEAVING
    for here in (*_SETUP, State.UP):
        table[here, Signal.LEAVE] = (
            State.STOPPING if here in _OURS_MAY_RUN else State.DELETING if here in _OURS_MAY_EXIST else State.LEAVING
        )
    for here in _OURS_MAY_RUN:
        table[here, Signal.ENDED] = State.FAILED
    for here, there in ((State.STOPPING, State.DELETING), (State.DELETING, State.LEAVING), (State.LEAVING, State.LEFT)):
        table[here, Signal.ANSWERED] = table[here, Signal.DENIED] = there
        table.update({(here, signal): State.LEFT for signal in _MISFORTUNES})
    for here in (State.GREETING, *_DETOURS, *_SETUP, State.UP):
        table.update({(here, signal): State.FAILED for signal in _MISFORTUNES})
    table[State.ASKING_VERSION, Signal.TIMED_OUT] = State.READING_CAPABILITIES
    return table


TRANSITIONS: Final = _table()
"""Every pair that changes the state. All others change nothing."""


def after(state: State, signal: Signal) -> State:
    """Return the state that `signal` leads to; `state` itself where it means nothing there."""
    return TRANSITIONS.get((state, signal), state)
