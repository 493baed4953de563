"""Reads a minute out of counts: which samples there are, and which are none."""

import pytest

from gateway.fleet.device import DeviceName, Rate
from gateway.fleet.rates import Rates
from wire.messages import DeviceHealth, EdgeState

NAME = DeviceName("s", "e", "r")
T0_US = 1_764_000_000_000_000


def state(at_s: float, reads: int, up: str = "up", what: str = "health", error: str = "") -> EdgeState:
    health = DeviceHealth(device="r", driver="llrp", state=up, since_us=0, reads=reads, last_error=error)  # type: ignore[arg-type]
    return EdgeState(what=what, site="s", edge="e", at_us=T0_US + round(at_s * 1e6), devices=(health,))  # type: ignore[arg-type]


def heard(*states: EdgeState, shift_us: int = 0) -> Rates:
    rates = Rates()
    for one in states:
        rates.heard(one, one.at_us + shift_us)
    return rates


def every(rates: Rates) -> Rate:
    return rates.between(NAME, 0, 2**62)


def test_a_rate_is_the_difference_of_two_counts() -> None:
    assert every(heard(state(0, 100), state(30, 400), state(60, 500))) == Rate(400.0, 2)


def test_the_edges_clock_may_be_wrong() -> None:
    rates = heard(state(0, 100), state(30, 400), shift_us=5_000_000_000)
    assert rates.between(NAME, T0_US + 5_000_000_000, T0_US + 5_030_000_000) == Rate(600.0, 1)
    assert rates.between(NAME, T0_US, T0_US + 60_000_000) == Rate(0.0, 0)


@pytest.mark.parametrize(
    "odd",
    [
        (state(0, 100), state(30, 50)),  # it began anew
        (state(0, 100), state(30, 400, "connecting")),
        (state(0, 100, "connecting"), state(30, 400)),
        (state(0, 100), state(400, 5_000)),  # it was away
        (state(0, 100), state(0.5, 400)),
        (state(30, 100), state(0, 400)),  # its clock went back
    ],
)
def test_what_is_no_sample(odd: tuple[EdgeState, ...]) -> None:
    assert every(heard(*odd)) == Rate(0.0, 0)


def test_a_sample_lies_wholly_within() -> None:
    rates = heard(state(0, 0), state(30, 300), state(60, 300))
    assert rates.between(NAME, T0_US + 1, 2**62) == Rate(0.0, 1)
    assert rates.between(NAME, T0_US, T0_US + 59_000_000) == Rate(600.0, 1)


def test_up_and_in_words() -> None:
    rates = heard(state(0, 1, "down", error="no route"))
    assert (rates.up(NAME), rates.said(NAME)) == (False, "down: no route")
    rates.heard(state(1, 1), T0_US)
    assert (rates.up(NAME), rates.said(NAME)) == (True, "up")
    rates.heard(EdgeState(what="death", site="s", edge="e", at_us=T0_US), T0_US)
    assert (rates.up(NAME), rates.said(NAME)) == (False, "its edge is offline")
    other = DeviceName("s", "other", "r")
    assert (rates.up(other), rates.said(other)) == (None, "nothing is known of it")


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.fleet.rates.DEVICES_MAX", 1)
    rates = heard(state(0, 1))
    many = EdgeState(what="health", site="s", edge="e2", at_us=T0_US, devices=state(0, 1).devices)
    rates.heard(many, T0_US)
    assert (rates.left_out, rates.up(DeviceName("s", "e2", "r"))) == (1, None)
    for second in range(200):
        rates.heard(state(2.0 * second, second), T0_US + second * 2_000_000)
    assert every(rates).samples == 64
