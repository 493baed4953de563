"""Count sessions: when they begin, what they say, when they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.scanner import count_session
from edge.scanner.count_session import CountRules, CountSessions, SessionFigures
from wire.limits import ID_MAX_CHARS
from wire.messages import CountBatch, decode_durable, encode_durable

if TYPE_CHECKING:
    import pytest

T_US = 1_700_000_000_000_000
RULES = CountRules("store-1", "edge-1", "S1", "FLOOR", idle_s=300.0, coverage=0.0)

Named = tuple[tuple[str, str], bytes]


def item(serial: int) -> Named:
    return ("09506000134352", str(serial)), bytes([serial])


def test_from_the_first_scan_to_the_end() -> None:
    sessions = CountSessions(RULES)
    assert sessions.deadline() is None
    assert sessions.end(T_US) == []
    first = sessions.items([item(1), item(2), item(1)], T_US, 10.0)
    assert first == [
        CountBatch(
            site="store-1",
            edge="edge-1",
            session=f"{T_US}-S1",
            zone="FLOOR",
            started_us=T_US,
            epcs=(b"\x01", b"\x02"),
            coverage=0.0,
        )
    ]
    assert sessions.items([item(2)], T_US + 1_000_000, 11.0) == [], "an item that is scanned again is no second one"
    (more,) = sessions.items([item(2), item(3)], T_US + 2_000_000, 12.0)
    assert (more.session, more.epcs) == (first[0].session, (b"\x03",))
    (last,) = sessions.end(T_US + 3_000_000)
    assert (last.session, last.started_us, last.ended_us, last.epcs) == (
        first[0].session,
        T_US,
        T_US + 3_000_000,
        (),
    )
    assert sessions.ended == [SessionFigures(items=3, again=3, without_serial=0, foreign=0)]
    assert sessions.deadline() is None
    for part in (*first, more, last):
        assert decode_durable(encode_durable(part)) == part


def test_a_session_that_nobody_goes_on_with_ended_with_its_last_scan() -> None:
    sessions = CountSessions(RULES)
    sessions.items([item(1)], T_US, 10.0)
    sessions.items([item(1)], T_US + 50_000_000, 60.0)
    assert sessions.deadline() == 360.0
    assert sessions.tick(359.9) == []
    (last,) = sessions.tick(360.0)
    assert last.ended_us == T_US + 50_000_000
    (again,) = sessions.items([item(1)], T_US + 400_000_000, 410.0)
    assert again.session != last.session, "the next scan begins another count"
    assert again.epcs == (b"\x01",)


def test_codes_without_an_item_keep_a_session_alive_and_make_no_count() -> None:
    sessions = CountSessions(RULES)
    sessions.other(T_US, 10.0)
    sessions.other(T_US, 20.0, foreign=True)
    assert sessions.deadline() == 320.0
    assert sessions.end(T_US) == []
    assert sessions.ended == [SessionFigures(items=0, again=0, without_serial=1, foreign=1)]


def test_a_full_session_ends_and_the_next_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(count_session, "SESSION_MAX_ITEMS", 2)
    sessions = CountSessions(RULES)
    sessions.items([item(1)], T_US, 10.0)
    full = sessions.items([item(2)], T_US, 10.0)
    assert [part.ended_us for part in full] == [None, T_US]
    (next_part,) = sessions.items([item(3)], T_US, 10.0)
    assert next_part.session != full[0].session, "also in the same microsecond"


def test_the_clock_of_the_host_may_go_back() -> None:
    sessions = CountSessions(RULES)
    (first,) = sessions.items([item(1)], T_US, 10.0)
    (last,) = sessions.end(T_US - 5_000_000)
    assert last.ended_us == T_US
    (second,) = sessions.items([item(1)], T_US - 5_000_000, 11.0)
    assert second.session != first.session


def test_a_session_of_a_device_with_a_long_name_has_an_id() -> None:
    sessions = CountSessions(RULES._replace(device="S" * ID_MAX_CHARS))
    (part,) = sessions.items([item(1)], T_US, 10.0)
    assert decode_durable(encode_durable(part)) == part
