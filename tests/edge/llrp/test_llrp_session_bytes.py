"""The session and bytes: cut anywhere they mean the same, and no bytes at all make it raise or run away."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.llrp.events import Event, Reports
from edge.llrp.transitions import ENDS
from simulator.reader.sighting import Sighting
from tests.edge.llrp.pair import START_US, Pair, session_for
from wire.llrp.framer import Framer, RawMessage

if TYPE_CHECKING:
    from edge.llrp.session import Session


@lru_cache
def recorded() -> tuple[list[bytes], bytes]:
    """What a reader says while it is set up, and what it says while it serves."""
    pair = Pair()
    pair.connect()
    setup = [raw.to_bytes() for raw in Framer().feed(bytes(pair.received))]
    pair.received.clear()
    for i in range(40):
        pair.see([Sighting(bytes([i]) * (1 + i % 20), 8 * (1 + i % 20), 1 + i % 2, -6_000 - i, START_US + i)])
        pair.advance(0.3)
    pair.do(pair.machine.report_exception("radio busy", pair.now_us))
    return setup, bytes(pair.received)


def flat(events: list[Event]) -> list[object]:
    """Reports one by one: how many came at once depends on the chunks."""
    out: list[object] = []
    for event in events:
        out += event.reports if isinstance(event, Reports) else [event]
    return out


def run_out(session: Session) -> None:
    """Let all of a session's deadlines pass: one may lead to a state with another."""
    for turn in range(1, 4):
        session.tick(turn * 1e9)


def play(cuts: list[int]) -> tuple[list[object], str]:
    session = session_for()
    session.connected(0.0)
    setup, serving = recorded()
    events: list[Event] = []
    for message in setup:
        events += session.receive(message, 0.0)
    edges = [0, *sorted(cut % len(serving) for cut in cuts), len(serving)]
    for low, high in pairwise(edges):
        events += session.receive(serving[low:high], 1.0)
    return flat(events), session.state.name


@given(st.lists(st.integers(0, 2**20), max_size=60))
@settings(max_examples=60, deadline=None)
def test_the_same_bytes_mean_the_same_however_they_are_cut(cuts: list[int]) -> None:
    whole, state = play([])
    assert len(whole) > 40
    assert play(cuts) == (whole, state)


@given(st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), min_size=1, max_size=12), st.booleans())
@example([(66_541, 49)], True)  # 12,548 inputs
@settings(max_examples=150, deadline=None)
def test_damaged_bytes_never_raise(damage: list[tuple[int, int]], in_setup: bool) -> None:
    session = session_for()
    session.connected(0.0)
    setup, serving = recorded()
    stream = bytearray(b"".join(setup) if in_setup else serving)
    for at, value in damage:
        stream[at % len(stream)] = value
    if not in_setup:
        for message in setup:
            session.receive(message, 0.0)
    for at in range(0, len(stream), 997):
        session.receive(bytes(stream[at : at + 997]), 1.0)
        assert len(session.take()) < 100_000
    run_out(session)
    assert session.state in ENDS


@given(st.lists(st.tuples(st.integers(0, 1023), st.integers(0, 2**32 - 1), st.binary(max_size=80)), max_size=30))
@settings(max_examples=150, deadline=None)
def test_any_messages_never_raise(messages: list[tuple[int, int, bytes]]) -> None:
    session = session_for()
    session.connected(0.0)
    for kind, message_id, body in messages:
        session.receive(RawMessage(1, kind, message_id, body).to_bytes(), 1.0)
    run_out(session)
    assert session.state in ENDS


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_capabilities_never_raise(body: bytes) -> None:
    """The largest answer, and the one from which everything is built."""
    session = session_for()
    session.connected(0.0)
    session.receive(recorded()[0][0], 0.0)
    (request,) = Framer().feed(session.take())
    session.receive(RawMessage(1, 11, request.message_id, body).to_bytes(), 0.0)
    run_out(session)
    assert session.state in ENDS
