"""The account of what was looked at: only what the reader vouched for, in equal shares, to the millisecond."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.llrp.looking import LookAccount
from wire.limits import WINDOW_MAX_MS
from wire.messages import AntennaLook, AntennaSettings


def shares(account: LookAccount) -> list[int]:
    return [look.inventory_ms for look in account.take()]


def test_ports_in_turn_get_equal_shares() -> None:
    account = LookAccount("R1", [1, 2, 3, 4])
    ports = (1, 2, 3, 4)
    account.vouch(100.0, ports)
    account.vouch(101.0, ports)
    assert account.take() == tuple(AntennaLook("R1", port, 250) for port in ports)
    assert shares(account) == [0, 0, 0, 0]


def test_time_is_credited_only_up_to_the_newest_message() -> None:
    account = LookAccount("R1", [1])
    ports = (1,)
    account.vouch(10.0, ports)
    assert shares(account) == [0]
    account.vouch(15.0, ports)
    assert shares(account) == [5_000], "the keepalive shows that it worked all the time"
    account.lost()
    account.vouch(60.0, ())
    assert shares(account) == [0], "nobody vouched for the time after the last message"
    account.vouch(61.0, ports)
    account.vouch(62.0, ports)
    assert shares(account) == [1_000]


def test_time_whose_message_could_not_be_read_is_credited_to_nobody() -> None:
    looks = LookAccount("R1", [1])
    on = (1,)
    looks.vouch(10.0, on)
    looks.vouch(11.0, on)
    looks.forfeit(14.0)
    looks.vouch(14.0, on)
    looks.vouch(16.0, on)
    assert [look.inventory_ms for look in looks.take()] == [3_000]


def test_an_unplugged_antenna_gets_nothing_and_the_others_share() -> None:
    account = LookAccount("R1", [1, 2])
    both, one = (1, 2), (2,)
    account.vouch(0.0, both)
    account.vouch(1.0, one)
    account.vouch(2.0, one)
    assert shares(account) == [500, 1_500]


def test_settings_are_said_when_they_change() -> None:
    account = LookAccount("R1", [1, 2])
    high, low = AntennaSettings(3_000, 2, 1, "dual"), AntennaSettings(2_000, 2, 1, "dual")
    account.settings({1: high, 2: high})
    assert [look.settings for look in account.take()] == [high, high]
    account.settings({1: high, 2: high})
    assert [look.settings for look in account.take()] == [None, None]
    account.settings({1: high, 2: low})
    assert [look.settings for look in account.take()] == [None, low]


def test_a_look_never_exceeds_what_a_window_may_say() -> None:
    account = LookAccount("R1", [1])
    ports = (1,)
    account.vouch(0.0, ports)
    account.vouch(3_600.0, ports)
    assert shares(account) == [WINDOW_MAX_MS]


@given(
    st.lists(st.tuples(st.floats(0, 5), st.integers(0, 3), st.booleans()), max_size=60),
)
def test_shares_add_up_to_the_vouched_time(steps: list[tuple[float, int, bool]]) -> None:
    sets: list[tuple[int, ...]] = [(), (1,), (1, 2), (1, 2, 3)]
    account = LookAccount("R1", [1, 2, 3])
    now_s, active, expected_s, got_ms = 0.0, sets[0], 0.0, 0
    for passed_s, number, take in steps:
        now_s += passed_s
        expected_s += passed_s if active else 0.0
        active = sets[number]
        account.vouch(now_s, active)
        if take:
            got_ms += sum(shares(account))
    got_ms += sum(shares(account))
    assert got_ms == pytest.approx(expected_s * 1_000, abs=3)
