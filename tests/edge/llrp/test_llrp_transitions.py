"""The transition table against a matrix written by hand: every state times every signal."""

from __future__ import annotations

import pytest

from edge.llrp.transitions import ENDS, TRANSITIONS, Signal, State, after

# One column for each signal; "." = nothing changes. F FAILED, L LEFT, R REFUSED, others by the legend.
LEGEND = {
    "F": State.FAILED,
    "L": State.LEFT,
    "R": State.REFUSED,
    "g": State.GREETING,
    "?": State.ASKING_VERSION,
    "!": State.SETTING_VERSION,
    "c": State.READING_CAPABILITIES,
    "x": State.ENABLING_EXTENSIONS,
    "a": State.READING_ANTENNAS,
    "o": State.CONFIGURING,
    "1": State.CLEARING_ACCESS,
    "2": State.CLEARING,
    "+": State.ADDING,
    "v": State.VERIFYING,
    "e": State.ENABLING,
    "i": State.READING_INPUTS,
    "s": State.STARTING,
    "p": State.PROVING,
    "U": State.UP,
    "-": State.STOPPING,
    "d": State.DELETING,
    "l": State.LEAVING,
}
COLUMNS = [
    Signal.CONNECTED,
    Signal.GREETED,
    Signal.GREETED_TO_NEGOTIATE,
    Signal.TURNED_AWAY,
    Signal.ANSWERED,
    Signal.ANSWERED_IMPINJ,
    Signal.ANSWERED_NO_NEWER,
    Signal.DENIED,
    Signal.ALIVE,
    Signal.ENDED,
    Signal.LEAVE,
    Signal.LINK_CLOSED,
    Signal.BROKEN,
    Signal.TIMED_OUT,
    Signal.IMPOSSIBLE,
]
MATRIX = {
    # CONNECTED GREETED TO_NEGOTIATE TURNED_AWAY | ANSWERED IMPINJ NO_NEWER DENIED | ALIVE ENDED LEAVE | LINK BROKEN
    # TIMED IMPOSSIBLE
    State.CLOSED: "g... .... ..L ....",
    State.GREETING: ".c?R .... ..L FFFF",
    State.ASKING_VERSION: ".... !.cc ..l FFcF",
    State.SETTING_VERSION: ".... c..c ..l FFFF",
    State.READING_CAPABILITIES: ".... ax.F ..l FFFF",
    State.ENABLING_EXTENSIONS: ".... a..F ..l FFFF",
    State.READING_ANTENNAS: ".... o..o ..l FFFF",
    State.CONFIGURING: ".... 1..F ..l FFFF",
    State.CLEARING_ACCESS: ".... 2..2 ..l FFFF",
    State.CLEARING: ".... +..+ ..l FFFF",
    State.ADDING: ".... v..F ..d FFFF",
    State.VERIFYING: ".... e..F ..d FFFF",
    State.ENABLING: ".... i..F ..d FFFF",
    State.READING_INPUTS: ".... s..s .F- FFFF",
    State.STARTING: ".... p..F .F- FFFF",
    State.PROVING: ".... .... UF- FFFF",
    State.UP: ".... .... .F- FFFF",
    State.STOPPING: ".... d..d ... LLLL",
    State.DELETING: ".... l..l ... LLLL",
    State.LEAVING: ".... L..L ... LLLL",
    State.LEFT: ".... .... ... ....",
    State.REFUSED: ".... .... ... ....",
    State.FAILED: ".... .... ... ....",
}


def test_matrix_names_every_state_and_signal() -> None:
    assert set(MATRIX) == set(State)
    assert set(COLUMNS) == set(Signal)
    assert all(len(row.replace(" ", "")) == len(COLUMNS) for row in MATRIX.values())


@pytest.mark.parametrize("state", State, ids=lambda state: state.name)
def test_every_signal_leads_where_the_matrix_says(state: State) -> None:
    row = MATRIX[state].replace(" ", "")
    expected = {signal: LEGEND.get(mark, state) for signal, mark in zip(COLUMNS, row, strict=True)}
    assert {signal: after(state, signal) for signal in Signal} == expected


def test_nothing_leads_out_of_an_end() -> None:
    assert not [pair for pair in TRANSITIONS if pair[0] in ENDS]


def test_every_state_can_be_reached_and_every_state_can_end() -> None:
    reached, grown = {State.CLOSED}, True
    while grown:
        new = {there for (here, _), there in TRANSITIONS.items() if here in reached} - reached
        reached |= new
        grown = bool(new)
    assert reached == set(State)
    for state in set(State) - ENDS:
        assert any(there in ENDS for (here, _), there in TRANSITIONS.items() if here is state)


def test_only_leaving_words_lead_to_left() -> None:
    """A misfortune in a state that serves is a loss, never a goodbye."""
    served = {State.STARTING, State.PROVING, State.UP}
    assert not [pair for pair, there in TRANSITIONS.items() if pair[0] in served and there is State.LEFT]
