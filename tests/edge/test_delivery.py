"""The delivery machine, rule by rule (DESIGN section 3). The whole is judged in `test_delivery_world`."""

import pytest

from edge.delivery import Delete, Delivery, HeldRows, NewStream, Quarantined, Send
from edge.limits import DRAIN_STREAMS, DRAIN_WINDOW_ROWS, LIVE_BACKLOG_S, LIVE_WINDOW_ROWS, RESEND_S, REWIND_HOLD_S
from wire.messages import Ack, Rejected

LIVE, FRESH, OLD = b"L" * 16, b"F" * 16, b"O" * 16


def ack(upto: int, stream: bytes = LIVE, *, resend_from: int | None = None, rejected: tuple[Rejected, ...] = ()) -> Ack:
    return Ack(stream=stream.hex(), upto=upto, resend_from=resend_from, rejected=rejected)


def connected(*held: HeldRows) -> Delivery:
    machine = Delivery(LIVE, held)
    machine.connect(0.0, FRESH, 0.0)
    return machine


def test_nothing_is_sent_before_it_is_connected() -> None:
    machine = Delivery(LIVE)
    assert machine.stored(LIVE, 1, 3, 0.0) == []
    assert machine.connect(1.0, FRESH, 1.0) == [Send(LIVE, 1, 3, 1, live=True)]


def test_stored_rows_go_out_at_once() -> None:
    machine = connected()
    assert machine.stored(LIVE, 1, 2, 0.0) == [Send(LIVE, 1, 2, 1, live=True)]
    assert machine.stored(LIVE, 3, 3, 0.0) == [Send(LIVE, 3, 3, 1, live=True)]


def test_an_ack_deletes_and_moves_first_held() -> None:
    machine = connected()
    machine.stored(LIVE, 1, 5, 0.0)
    assert machine.acked(ack(3), 0.1) == [Delete(LIVE, 3)]
    assert machine.first_held(LIVE) == 4
    assert machine.stored(LIVE, 6, 6, 0.2) == [Send(LIVE, 6, 6, 4, live=True)]
    assert machine.acked(ack(3), 0.3) == []
    assert machine.held_rows() == 3


def test_an_ack_beyond_what_was_sent_is_ignored() -> None:
    machine = connected()
    machine.stored(LIVE, 1, 2, 0.0)
    assert machine.acked(ack(3), 0.1) == []
    assert machine.figures.acks_beyond_sent == 1
    assert machine.first_held(LIVE) == 1


def test_an_ack_beyond_what_was_sent_is_ignored_also_when_more_is_stored() -> None:
    machine = connected()
    machine.stored(LIVE, 1, LIVE_WINDOW_ROWS + 5, 0.0)
    assert machine.acked(ack(LIVE_WINDOW_ROWS + 1), 0.1) == []
    assert machine.figures.acks_beyond_sent == 1


def test_rows_of_an_earlier_run_may_have_been_sent_so_an_ack_settles_them() -> None:
    machine = connected(HeldRows(OLD, 30, 100))
    orders = machine.acked(ack(90, OLD), 0.1)
    assert orders[0] == Delete(OLD, 90)
    assert machine.acked(ack(500, OLD), 0.2)[0] == Delete(OLD, 100)
    assert OLD not in machine.streams
    assert machine.figures.acks_beyond_sent == 0


def test_an_ack_of_an_unknown_stream_is_counted() -> None:
    machine = connected()
    assert machine.acked(ack(3, OLD), 0.0) == []
    assert machine.figures.acks_unknown_stream == 1


def test_a_rejected_row_is_settled_and_said_once() -> None:
    machine = connected()
    machine.stored(LIVE, 1, 3, 0.0)
    orders = machine.acked(ack(2, rejected=(Rejected(2, "body"),)), 0.1)
    assert orders == [Quarantined(LIVE, 2, "body"), Delete(LIVE, 2)]
    assert machine.acked(ack(3, rejected=(Rejected(2, "body"),)), 0.2) == [Delete(LIVE, 3)]
    assert machine.figures.quarantined_rows == 1


def test_without_progress_rows_go_out_again_after_ten_seconds() -> None:
    machine = connected()
    machine.stored(LIVE, 1, 3, 0.0)
    assert machine.tick(RESEND_S - 0.1) == []
    assert machine.tick(RESEND_S) == [Send(LIVE, 1, 3, 1, live=True)]
    assert machine.tick(RESEND_S + 0.1) == []
    machine.acked(ack(1), RESEND_S + 5.0)
    assert machine.tick(2 * RESEND_S + 4.0) == []
    assert machine.tick(2 * RESEND_S + 5.0) == [Send(LIVE, 2, 3, 2, live=True)]
    assert machine.figures.resends == 2


def test_a_reconnect_sends_again_what_is_held() -> None:
    machine = connected()
    machine.stored(LIVE, 1, 3, 0.0)
    machine.acked(ack(1), 0.1)
    machine.disconnect()
    assert machine.tick(50.0) == []
    assert machine.connect(55.0, FRESH, 55.0) == [Send(LIVE, 2, 3, 2, live=True)]


def test_resend_from_rewinds_once_in_a_while() -> None:
    machine = connected()
    machine.stored(LIVE, 1, 10, 0.0)
    assert machine.acked(ack(4, resend_from=5), 1.0) == [Delete(LIVE, 4), Send(LIVE, 5, 10, 5, live=True)]
    assert machine.acked(ack(4, resend_from=5), 1.1) == []
    assert machine.acked(ack(4, resend_from=5), 1.0 + REWIND_HOLD_S) == [Send(LIVE, 5, 10, 5, live=True)]
    assert machine.figures.rewinds == 2


def test_resend_from_behind_what_is_held_sends_what_is_held() -> None:
    """A gateway from an old backup wants 2; 1 to 4 are gone, and `first_held` says so."""
    machine = connected()
    machine.stored(LIVE, 1, 6, 0.0)
    machine.acked(ack(4), 0.1)
    assert machine.acked(ack(1, resend_from=2), 5.0) == [Send(LIVE, 5, 6, 5, live=True)]
    assert machine.held_rows() == 2


def test_resend_from_beyond_what_was_sent_asks_for_nothing() -> None:
    machine = connected()
    machine.stored(LIVE, 1, 2, 0.0)
    assert machine.acked(ack(0, resend_from=3), 0.1) == []


@pytest.mark.parametrize(("backlog_s", "new"), [(LIVE_BACKLOG_S, False), (LIVE_BACKLOG_S + 0.1, True)])
def test_an_old_backlog_begins_a_new_stream(backlog_s: float, new: bool) -> None:
    machine = Delivery(LIVE)
    machine.stored(LIVE, 1, 2, 0.0)
    orders = machine.connect(100.0, FRESH, backlog_s)
    assert (NewStream(FRESH) in orders) is new
    assert machine.live == (FRESH if new else LIVE)
    assert orders[-1] == Send(LIVE, 1, 2, 1, live=not new)


def test_a_new_stream_needs_a_backlog() -> None:
    machine = Delivery(LIVE)
    assert machine.connect(1_000.0, FRESH, 1_000.0) == []
    assert machine.live == LIVE


def test_live_rows_stand_first_and_have_their_own_window() -> None:
    machine = Delivery(LIVE, [HeldRows(OLD, 1, 1_000)])
    machine.stored(LIVE, 1, 1_000, 0.0)
    orders = machine.connect(0.0, FRESH, 0.0)
    assert orders == [
        Send(LIVE, 1, LIVE_WINDOW_ROWS, 1, live=True),
        Send(OLD, 1, DRAIN_WINDOW_ROWS, 1, live=False),
    ]
    assert machine.acked(ack(1), 0.1)[1:] == [Send(LIVE, LIVE_WINDOW_ROWS + 1, LIVE_WINDOW_ROWS + 1, 2, live=True)]


def test_old_streams_share_the_drain_window_oldest_first() -> None:
    held = [HeldRows(bytes([i]) * 16, 1, 100) for i in range(6)]
    machine = Delivery(LIVE, held)
    sent = {order.stream: order.last for order in machine.connect(0.0, FRESH, 0.0) if isinstance(order, Send)}
    assert list(sent) == [one.stream for one in held[:DRAIN_STREAMS]]
    assert set(sent.values()) == {DRAIN_WINDOW_ROWS // DRAIN_STREAMS}


def test_a_stalled_old_stream_goes_to_the_end_of_the_queue() -> None:
    held = [HeldRows(bytes([i]) * 16, 1, 100) for i in range(DRAIN_STREAMS + 1)]
    machine = Delivery(LIVE, held)
    machine.connect(0.0, FRESH, 0.0)
    for one in held[1:DRAIN_STREAMS]:
        machine.acked(ack(1, one.stream), 5.0)
    orders = machine.tick(RESEND_S)
    assert [order.stream for order in orders if isinstance(order, Send)] == [held[-1].stream]
    machine.acked(ack(100, held[-1].stream), RESEND_S + 1)
    assert held[0].stream in machine.streams


def test_an_eviction_moves_first_held() -> None:
    machine = connected()
    machine.stored(LIVE, 1, 10, 0.0)
    machine.evicted(LIVE, 6)
    assert machine.first_held(LIVE) == 7
    assert machine.tick(RESEND_S) == [Send(LIVE, 7, 10, 7, live=True)]
    assert machine.acked(ack(3), 0.2) == []


def test_a_wholly_evicted_old_stream_is_forgotten() -> None:
    machine = connected(HeldRows(OLD, 1, 5))
    machine.evicted(OLD, 5)
    assert machine.streams == (LIVE,)
    assert machine.first_held(OLD) is None


def test_rows_on_their_way_to_the_disk_survive_the_end_of_their_stream() -> None:
    machine = Delivery(LIVE)
    machine.stored(LIVE, 1, 2, 0.0)
    machine.connect(100.0, FRESH, 100.0)
    machine.acked(ack(2), 100.1)
    assert LIVE not in machine.streams
    assert machine.stored(LIVE, 3, 4, 100.2) == [Send(LIVE, 3, 4, 3, live=False)]


def test_a_hole_in_what_is_stored_is_our_bug() -> None:
    machine = connected()
    with pytest.raises(AssertionError):
        machine.stored(LIVE, 2, 2, 0.0)


def test_a_stream_id_that_is_in_use_is_our_bug() -> None:
    with pytest.raises(AssertionError):
        Delivery(OLD, [HeldRows(OLD, 1, 1)])
