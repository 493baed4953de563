import pytest

from gateway.keys.duration import DurationError, duration_s


@pytest.mark.parametrize(("text", "seconds"), [("30m", 1_800), ("12h", 43_200), ("90d", 7_776_000)])
def test_durations(text: str, seconds: int) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "d", "0d", "-1d", "1.5h", "90 d", "1y", "99999999d", "9" * 30 + "d", "१d"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(DurationError, match="such as 90d"):
        duration_s(text)
