"""The watermark against an edge model that drops, doubles, reorders and evicts."""

import random
from collections import Counter
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ingest.watermark import (
    Append,
    Decision,
    Duplicate,
    Hole,
    Offer,
    Reject,
    UnfillableGap,
    Watermark,
    resend_from,
)

SENT_MAX: Final = 60


def take(mark: Watermark, seq: int, first_held: int = 1, refused: str | None = None) -> list[Decision]:
    return list(mark.take(Offer(seq, first_held, refused)))


def test_in_order_is_appended() -> None:
    mark = Watermark()
    assert [take(mark, seq) for seq in (1, 2, 3)] == [[Append(1)], [Append(2)], [Append(3)]]
    assert mark.last_seq == 3


def test_again_changes_nothing() -> None:
    mark = Watermark(3)
    assert take(mark, 3) == [Duplicate(3)]
    assert take(mark, 1, refused="body") == [Duplicate(1)]
    assert mark.last_seq == 3


def test_a_hole_is_left_out_and_asked_for() -> None:
    mark = Watermark(3)
    decisions = take(mark, 6)
    assert decisions == [Hole(6, 4)]
    assert mark.last_seq == 3
    assert resend_from(decisions, mark.last_seq) == 4


def test_a_hole_that_nobody_can_fill_is_a_gap() -> None:
    mark = Watermark(3)
    assert take(mark, 9, first_held=7) == [UnfillableGap(4, 6), Hole(9, 7)]
    assert take(mark, 7, first_held=7) == [Append(7)]


def test_a_stream_that_begins_later_has_lost_its_beginning() -> None:
    mark = Watermark()
    assert take(mark, 5, first_held=5) == [UnfillableGap(1, 4), Append(5)]


def test_a_bad_body_is_settled_once() -> None:
    mark = Watermark()
    assert take(mark, 1, refused="body") == [Reject(1, "body")]
    assert take(mark, 1) == [Duplicate(1)]


def test_a_bad_body_beyond_a_hole_waits() -> None:
    mark = Watermark()
    assert take(mark, 2, refused="body") == [Hole(2, 1)]
    assert mark.last_seq == 0


def test_nothing_is_asked_for_when_nothing_was_left_out() -> None:
    assert resend_from([Append(4), Duplicate(2)], 4) is None


def test_a_hole_that_was_filled_but_left_out_is_asked_for() -> None:
    assert resend_from([Hole(5, 4), Append(4)], 4) == 5


class Edge:
    """An outbox that follows the contract, and a network that does not care."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.held: list[int] = []
        self.made = 0
        self.evicted: set[int] = set()
        self.network: list[Offer] = []

    def make(self) -> None:
        self.made += 1
        self.held.append(self.made)
        self._send(self.made)

    def evict(self) -> None:
        if len(self.held) > 1:
            self.evicted.add(self.held.pop(0))

    def _send(self, seq: int) -> None:
        self.network.append(Offer(seq, self.held[0], "body" if seq % 7 == 0 else None))

    def acked(self, upto: int, again_from: int | None) -> None:
        self.held = [seq for seq in self.held if seq > upto]
        if again_from is not None:
            self.send_again(again_from)

    def send_again(self, from_seq: int = 1) -> None:
        for seq in self.held:
            if seq >= from_seq:
                self._send(seq)


@given(st.integers(0, 2**32), st.integers(1, SENT_MAX), st.floats(0, 0.9), st.floats(0, 0.5), st.booleans())
@settings(deadline=None)
def test_every_number_is_settled_exactly_once_and_in_order(  # noqa: C901 - one story
    seed: int, wanted: int, loss: float, doubling: float, evicting: bool
) -> None:
    rng = random.Random(seed)
    edge, mark = Edge(rng), Watermark()
    settled: list[int] = []
    gaps: set[int] = set()

    def deliver() -> None:
        offers, edge.network = edge.network, []
        rng.shuffle(offers)
        decisions: list[Decision] = []
        for offer in offers:
            if rng.random() < loss:
                continue
            for _ in range(2 if rng.random() < doubling else 1):
                decisions += mark.take(offer)
        for decision in decisions:
            if isinstance(decision, Append | Reject):
                settled.append(decision.seq)
            if isinstance(decision, UnfillableGap):
                lost = range(decision.from_seq, decision.to_seq + 1)
                settled.extend(lost)
                gaps.update(lost)
        if rng.random() >= loss:
            edge.acked(mark.last_seq, resend_from(decisions, mark.last_seq))

    for _ in range(wanted):
        edge.make()
        if evicting and rng.random() < 0.2:
            edge.evict()
        if rng.random() < 0.5:
            deliver()
    loss = 0.0
    for _ in range(2 * SENT_MAX):
        edge.send_again()
        deliver()
    assert settled == list(range(1, edge.made + 1))
    assert max(Counter(settled).values()) == 1
    assert gaps <= edge.evicted
    assert edge.held == []


@pytest.mark.parametrize("last_seq", [0, 5])
def test_the_watermark_never_moves_back(last_seq: int) -> None:
    mark = Watermark(last_seq)
    for seq, first_held in [(1, 1), (3, 2), (9, 9), (2, 1), (10, 4)]:
        before = mark.last_seq
        take(mark, seq, first_held)
        assert mark.last_seq >= before
