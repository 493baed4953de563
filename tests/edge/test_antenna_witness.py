"""The second witness of an antenna: what it reads, against what it usually reads."""

import pytest

from edge.antenna_witness import KNOWN_SLOTS, SLOT_MS, AntennaWitness
from wire.messages import AntennaHealth

R1 = ("R1", 1)


def witness() -> AntennaWitness:
    return AntennaWitness([R1, ("R1", 2), ("R2", 1)])


def minutes(one: AntennaWitness, reads_per_min: int, count: int, *, port: int = 1) -> None:
    """So many minutes of inventory, in windows of half a minute."""
    for _ in range(count):
        one.take("R1", port, reads_per_min, SLOT_MS // 2)
        one.take("R1", port, 0, SLOT_MS // 2)


def health(one: AntennaWitness, port: int = 1) -> AntennaHealth:
    return next(row for row in one.health("R1") if row.port == port)


def test_nothing_is_known_at_first() -> None:
    one = witness()
    assert one.health("R1") == (AntennaHealth(port=1), AntennaHealth(port=2))
    minutes(one, 300, KNOWN_SLOTS - 1)
    assert health(one) == AntennaHealth(port=1, state="unknown", reads_per_min=300.0)


def test_an_antenna_that_reads_as_usual_is_ok() -> None:
    one = witness()
    minutes(one, 300, KNOWN_SLOTS)
    assert health(one) == AntennaHealth(port=1, state="ok", reads_per_min=300.0, usual_per_min=300.0)
    assert one.quiet() == frozenset()


def test_one_that_falls_silent_is_quiet_within_three_minutes_and_for_long() -> None:
    one = witness()
    minutes(one, 300, 60)
    minutes(one, 0, 2)
    assert health(one).state == "ok"
    minutes(one, 0, 1)
    assert health(one).state == "quiet"
    assert one.quiet() == {R1}
    minutes(one, 0, 300)
    assert health(one).state == "quiet"
    minutes(one, 300, 3)
    assert health(one).state == "ok"
    assert one.quiet() == frozenset()


def test_a_tenth_of_the_usual_is_the_border() -> None:
    for reads, state in ((29, "quiet"), (40, "ok")):
        one = witness()
        minutes(one, 300, 60)
        minutes(one, reads, 3)
        assert health(one).state == state


def test_a_shelf_that_was_cleared_becomes_usual_in_the_end() -> None:
    one = witness()
    minutes(one, 300, 60)
    minutes(one, 12, 30 * 1_440)
    assert health(one).state == "ok"
    assert health(one).usual_per_min == pytest.approx(12, abs=1)


def test_an_antenna_that_often_reads_nothing_is_never_called_quiet() -> None:
    """An exit: people pass in some minutes only."""
    one = witness()
    for _ in range(30):
        minutes(one, 200, 1)
        minutes(one, 0, 1)
    assert health(one).state == "unknown"
    minutes(one, 0, 60)
    assert health(one).state == "unknown"


def test_few_reads_a_minute_are_no_witness() -> None:
    one = witness()
    minutes(one, 5, 60)
    minutes(one, 0, 3)
    assert health(one).state == "ok"


def test_only_time_of_inventory_counts() -> None:
    """A reader that is away, or rests, is not quiet: it did not look."""
    one = witness()
    minutes(one, 300, 60)
    for _ in range(600):
        one.take("R1", 1, 0, 0)
    assert health(one).state == "ok"
    assert health(one).reads_per_min == 300.0


def test_a_duty_cycle_counts_its_own_minutes() -> None:
    one = witness()
    for _ in range(KNOWN_SLOTS):
        for _ in range(6):
            one.take("R1", 1, 50, SLOT_MS // 6)
    assert health(one).usual_per_min == 300.0


def test_the_readers_word_counts_until_tags_are_read() -> None:
    one = witness()
    assert one.plugged("R1", 1, plugged=False) == "unplugged"
    assert health(one).state == "unplugged"
    one.take("R1", 1, 3, 1_000)
    assert health(one).state == "unknown"
    one.plugged("R1", 1, plugged=False)
    assert one.plugged("R1", 1, plugged=True) == "unknown"


def test_ports_that_no_site_file_names_are_not_kept() -> None:
    one = witness()
    one.take("R1", 9, 5, 1_000)
    one.take("R9", 1, 5, 1_000)
    assert one.plugged("R1", None, plugged=False) is None
    assert [row.port for row in one.health("R1")] == [1, 2]
    assert one.health("R9") == ()


def test_a_device_that_is_configured_anew_begins_anew() -> None:
    one = witness()
    minutes(one, 300, 60)
    minutes(one, 0, 3)
    assert one.quiet() == {R1}
    one.begin_anew("R2")
    assert one.quiet() == {R1}
    one.begin_anew("R1")
    assert one.quiet() == frozenset()
    assert health(one).state == "unknown"
