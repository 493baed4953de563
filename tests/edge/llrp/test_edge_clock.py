"""The device clock against the host: lower envelope, steps, held reports, uptime."""

from __future__ import annotations

from random import Random

import pytest

from edge.clock import BUCKET_US, BUCKETS, DeviceTime, OffsetEstimate

HOST_US = 1_800_000_000_000_000
SECOND_US = 1_000_000


def settled(offset_us: int, uptime: bool = False) -> tuple[OffsetEstimate, int]:
    """An estimate after a minute of a reader whose clock is `offset_us` behind the host; and the host's time."""
    estimate = OffsetEstimate(uptime=uptime)
    rng = Random(1)
    host_us = HOST_US
    estimate.sample(host_us - offset_us - 2_000, host_us, fresh=True)
    for _ in range(600):
        host_us += SECOND_US // 10
        assert estimate.sample(host_us - offset_us - rng.randint(1_000, 300_000), host_us) is None
    return estimate, host_us


@pytest.mark.parametrize("offset_us", [0, 50_000, -50_000, 7_200_000_000, -7_200_000_000])
def test_the_offset_is_the_lower_envelope(offset_us: int) -> None:
    estimate, host_us = settled(offset_us)
    assert offset_us <= estimate.offset_us <= offset_us + 5_000
    assert estimate.quality(host_us) == ("synced" if abs(offset_us) < 100_000 else "estimated")
    assert estimate.steps == 0


def test_nothing_is_known_before_the_first_sample() -> None:
    assert OffsetEstimate().quality(HOST_US) == "unknown"
    assert DeviceTime().quality(HOST_US) == "unknown"
    assert DeviceTime().shift_us() == 0


def test_held_reports_do_not_move_the_envelope() -> None:
    estimate, host_us = settled(0)
    before_us = estimate.offset_us
    for i in range(5_000):
        assert estimate.sample(host_us - 300 * SECOND_US + i, host_us + i) is None
    assert estimate.offset_us == before_us
    assert estimate.steps == 0


def test_a_flush_that_fills_a_whole_bucket_alone_is_no_step() -> None:
    estimate, host_us = settled(0)
    assert estimate.sample(host_us, host_us + BUCKET_US) is None
    assert estimate.sample(host_us + 2 * BUCKET_US, host_us + 2 * BUCKET_US) is None
    assert estimate.steps == 0


def test_a_clock_that_jumps_ahead_shows_with_the_second_message() -> None:
    estimate, host_us = settled(0)
    assert estimate.sample(host_us + 3_600 * SECOND_US - 2_000_000, host_us) is None
    jump_us = estimate.sample(host_us + 3_600 * SECOND_US, host_us)
    assert jump_us is not None
    assert jump_us == pytest.approx(-3_600 * SECOND_US, abs=10_000)
    assert estimate.offset_us == -3_600 * SECOND_US
    assert estimate.quality(host_us) == "stepped"
    assert estimate.quality(host_us + (BUCKETS + 1) * BUCKET_US) == "estimated"


@pytest.mark.parametrize("ahead_us", [600_000, 60 * SECOND_US, 40 * 365 * 86_400 * SECOND_US])
@pytest.mark.parametrize("later_us", [100_000, BUCKET_US])
def test_one_wild_time_moves_nothing(ahead_us: int, later_us: int) -> None:
    """Also when it is the first of its bucket, and when another comes with the next minute."""
    estimate, host_us = settled(0)
    before_us = estimate.offset_us
    for _ in range(5):
        host_us += later_us
        assert estimate.sample(host_us + ahead_us, host_us) is None
        assert estimate.offset_us == before_us
        host_us += later_us
        assert estimate.sample(host_us - 1_500, host_us) is None
    assert estimate.steps == 0
    assert estimate.quality(host_us) == "synced"


def test_two_wild_times_that_differ_move_nothing() -> None:
    estimate, host_us = settled(0)
    for seconds in (3_600, 7_200, 3_600, 7_200):
        assert estimate.sample(host_us + seconds * SECOND_US, host_us) is None
    assert estimate.steps == 0
    assert estimate.sample(host_us + 7_201 * SECOND_US, host_us) is not None


def test_a_fresh_message_from_the_future_is_a_step_at_once() -> None:
    estimate, host_us = settled(0)
    assert estimate.sample(host_us + 60 * SECOND_US, host_us, fresh=True) == pytest.approx(-60 * SECOND_US, abs=10_000)


def test_a_clock_that_jumps_back_shows_after_two_late_buckets() -> None:
    estimate, host_us = settled(0)
    jumps = []
    for _ in range(500):
        host_us += SECOND_US // 10
        jumps.append(estimate.sample(host_us - 60 * SECOND_US, host_us))
    found = [jump for jump in jumps if jump is not None]
    assert len(found) == 1
    assert found[0] == pytest.approx(60 * SECOND_US, abs=10_000)
    assert estimate.offset_us == 60 * SECOND_US


def test_a_late_greeting_is_a_step_because_it_is_fresh() -> None:
    estimate, host_us = settled(0)
    jump_us = estimate.sample(host_us - 60 * SECOND_US, host_us, fresh=True)
    assert jump_us == pytest.approx(60 * SECOND_US, abs=10_000)


def test_a_first_sample_that_was_held_is_corrected_without_a_step() -> None:
    estimate = OffsetEstimate()
    estimate.sample(HOST_US - 300 * SECOND_US, HOST_US)
    assert estimate.sample(HOST_US + 1_000, HOST_US + 2_000) is None
    assert estimate.offset_us == 1_000
    assert estimate.steps == 0


def test_drift_is_followed() -> None:
    """A clock that loses 50 ppm falls behind by 180 ms in an hour; the window forgets the older envelope."""
    estimate = OffsetEstimate()
    for second in range(3_600):
        host_us = HOST_US + second * SECOND_US
        assert estimate.sample(host_us - second * 50 - 1_000, host_us) is None
    assert estimate.offset_us == pytest.approx(180_000, abs=20_000)


def test_an_old_envelope_is_forgotten_over_a_long_silence() -> None:
    estimate, host_us = settled(0)
    host_us += 3_600 * SECOND_US
    for _ in range(3):
        assert estimate.sample(host_us - 300_000, host_us) is None
        host_us += BUCKET_US
    assert estimate.offset_us == 300_000


def test_the_first_word_after_a_long_silence_may_be_a_held_one() -> None:
    estimate, host_us = settled(0)
    before = estimate.offset_us
    host_us += 3_600 * SECOND_US
    held_us = host_us - 1_200 * SECOND_US
    assert estimate.sample(held_us, host_us) is None
    assert estimate.offset_us == before, "a read of twenty minutes ago stays one"
    assert estimate.sample(host_us - 2_000, host_us) is None
    assert abs(estimate.offset_us - before) < 5_000


def test_a_reboot_of_an_uptime_clock_is_no_step() -> None:
    estimate, host_us = settled(HOST_US - 900 * SECOND_US, uptime=True)
    assert estimate.quality(host_us) == "estimated"
    assert estimate.sample(0, host_us, fresh=True) is None
    assert estimate.offset_us == host_us
    assert estimate.steps == 0


def test_memory_is_bounded() -> None:
    estimate = OffsetEstimate()
    for number in range(10_000):
        estimate.sample(number * BUCKET_US, number * BUCKET_US + 5)
    assert len(estimate._buckets) <= BUCKETS


def test_utc_and_uptime_are_kept_apart() -> None:
    time = DeviceTime()
    time.sample(5 * SECOND_US, HOST_US, uptime=True)
    time.sample(HOST_US - 10, HOST_US, uptime=False)
    assert time.offset_us(uptime=True) == HOST_US - 5 * SECOND_US
    assert time.offset_us(uptime=False) == 10
    assert time.shift_us() == 10
    assert time.quality(HOST_US) == "synced"
