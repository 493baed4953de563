import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.keys.limiter import Limiter


def test_a_burst_then_the_rate() -> None:
    limiter = Limiter()
    assert [limiter.take("a", 2.0, 3, 10.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert limiter.take("a", 2.0, 3, 10.25) == pytest.approx(0.25)
    assert limiter.take("a", 2.0, 3, 10.5) == 0.0
    assert limiter.take("a", 2.0, 3, 10.5) == 0.5
    assert limiter.refused == 3


def test_a_long_pause_fills_the_bucket_and_no_more() -> None:
    limiter = Limiter()
    limiter.take("a", 100.0, 2, 0.0)
    assert [limiter.take("a", 100.0, 2, 1e6) for _ in range(3)] == [0.0, 0.0, 0.01]


def test_keys_do_not_share_a_bucket() -> None:
    limiter = Limiter()
    assert limiter.take("a", 1.0, 1, 0.0) == 0.0
    assert limiter.take("b", 1.0, 1, 0.0) == 0.0
    assert limiter.take("a", 1.0, 1, 0.0) == 1.0


def test_the_buckets_are_bounded_and_the_longest_unused_goes() -> None:
    limiter = Limiter(buckets_max=2)
    for at, name in enumerate(("a", "b", "a", "c")):
        limiter.take(name, 0.001, 2, float(at))
    assert len(limiter) == 2
    assert limiter.take("a", 0.001, 2, 4.0) > 0, "the busy one was kept"
    assert limiter.take("b", 0.001, 2, 4.0) == 0.0, "the idle one began anew"


@given(
    rate=st.floats(0.1, 100),
    burst=st.integers(1, 50),
    pauses=st.lists(st.floats(0, 5), max_size=200),
)
def test_never_more_than_burst_and_rate_allow(rate: float, burst: int, pauses: list[float]) -> None:
    limiter, now_s, taken = Limiter(), 0.0, 0
    for pause in pauses:
        now_s += pause
        taken += limiter.take("a", rate, burst, now_s) == 0.0
        assert taken <= burst + rate * now_s + 1e-6


@given(rate=st.floats(0.1, 100), burst=st.integers(1, 20))
def test_whoever_waits_as_told_is_let_in(rate: float, burst: int) -> None:
    limiter = Limiter()
    for _ in range(burst):
        assert limiter.take("a", rate, burst, 0.0) == 0.0
    wait_s = limiter.take("a", rate, burst, 0.0)
    assert limiter.take("a", rate, burst, wait_s * 1.000001) == 0.0
