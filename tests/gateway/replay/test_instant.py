from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.replay.instant import NO_TIME, START_US, TimeForm, column_us, form_of, instant_us, iso_us, written

TEXTS = st.one_of(
    st.floats().map(str),
    st.integers(-(10**12), 10**12).map(str),
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-5, minutes=-30))])).map(datetime.isoformat),
    st.sampled_from(
        [
            "",
            "12,5",
            "nan",
            "NaT+00:00",
            "now+00:00",
            "todaytodayTtodaytoday+00:00",
            "2026-11-22",
            "2026-11-22T05:00:00",
            "2026-11-22T05:00:00Z",
            "2026-13-01T00:00:00+00:00",
            "2026-11-22 05:00:00+00:00",
            "2026-11-22T05:00:60+00:00",
            "2026-11-22T05:00:00.1234567+00:00",
            "2026-11-22T05:00:00.12x456+00:00",
            "1969-12-31T23:59:59+00:00",
            "9999-12-31T23:59:59.999999+00:00",
        ]
    ),
    st.text(max_size=30),
)


@given(st.lists(TEXTS, max_size=6), st.sampled_from(TimeForm))
def test_a_column_is_the_same_as_its_values_one_by_one(texts: list[str], form: TimeForm) -> None:
    single = []
    for text in texts:
        try:
            single.append(instant_us(text, form))
        except ValueError:
            single.append(NO_TIME)
    assert column_us(texts, form).tolist() == single


@given(st.lists(st.datetimes(datetime(1970, 1, 1), datetime(2096, 1, 1), timezones=st.just(UTC)), min_size=1))  # noqa: DTZ001
def test_a_column_of_utc_times_is_exact(times: list[datetime]) -> None:
    texts = [time.isoformat(timespec="microseconds") for time in times]
    assert column_us(texts, TimeForm.ISO).tolist() == [iso_us(text) for text in texts]


@given(st.integers(1_577_836_800_000, 4_000_000_000_000))
def test_what_is_written_is_read_again_to_the_millisecond(at_ms: int) -> None:
    for form in TimeForm:
        text = written(at_ms * 1_000, form)
        assert form_of(text) is form
        assert instant_us(text, form) == at_ms * 1_000


def test_seconds_begin_at_a_fixed_instant() -> None:
    assert instant_us("0", TimeForm.SECONDS) == START_US
    assert written(START_US + 1_500_000, TimeForm.SECONDS) == "1.500"
    assert instant_us("-0.5", TimeForm.SECONDS) == START_US - 500_000


@pytest.mark.parametrize(
    ("text", "form", "told"),
    [
        ("2026-11-22T05:00:00", TimeForm.ISO, "has no offset"),
        ("yesterday", TimeForm.ISO, "expected ISO 8601"),
        ("1960-01-01T00:00:00Z", TimeForm.ISO, "from 1970 to 2096"),
        ("12,5", TimeForm.SECONDS, "expected seconds"),
        ("nan", TimeForm.SECONDS, "expected seconds"),
        ("1e11", TimeForm.SECONDS, "at most"),
    ],
)
def test_a_value_that_is_no_time_says_what_was_expected(text: str, form: TimeForm, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        instant_us(text, form)
