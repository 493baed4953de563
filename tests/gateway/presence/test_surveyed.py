"""The surveyed filter: what its tables say, and that it is a filter (sums, order, time, rows that are left alone)."""

from dataclasses import replace
from random import Random

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.presence import motion
from gateway.presence.columns import Columns
from gateway.presence.model import Model
from gateway.presence.surveyed import FLOOR as LEAST
from gateway.presence.surveyed import Heard, SurveyedFilter, emission_of
from tests.gateway.presence.survey_rig import BACK, CARRIED, EXIT, FLOOR, START_US, Read, S, site, surveyed, walk

NO_READ: list[Read] = []


@pytest.fixture(scope="module")
def model() -> Model:
    return surveyed().model(made_at="", made_from=())


def heard(reads: list[Read]) -> Heard:
    rows = np.array(reads, float).reshape(-1, 3)
    return Heard(rows[:, 0].astype(np.int64), rows[:, 1].astype(np.int64), rows[:, 2])


def looking(rows: int = 1) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.ones((rows, 3), np.float32)


class Run:
    """A filter of some items, stepped a second at a time."""

    def __init__(self, model: Model, items: int = 1) -> None:
        self.filter = SurveyedFilter(emission_of(model, site()))
        self.filter.grow(items)
        self.rows = np.arange(items)
        self.second = 0

    def step(
        self, *reads: Read, seconds: int = 1, looks: float = 1.0
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        self.second += seconds
        at_us = START_US + self.second * S
        return self.filter.step(at_us, self.rows, looks * looking(len(self.rows)), heard(list(reads)))


def test_the_tables_say_what_was_counted(model: Model) -> None:
    emission = emission_of(model, site())
    assert emission.zones == ("BACK", "FLOOR", "CARRIED")
    assert emission.names == ("BACK", "FLOOR", "CARRIED", "EXIT")
    assert emission.zone.tolist() == [0, 1, 2, 1]
    assert emission.rate[BACK, BACK] == pytest.approx(0.5, abs=0.05)
    assert emission.rate[BACK, FLOOR] < 0.01
    assert emission.level_dbm[FLOOR, FLOOR] == pytest.approx(-59, abs=0.5)
    assert emission.sd_db[CARRIED, BACK] == pytest.approx(6, abs=1)
    assert emission.jump.sum(1) == pytest.approx(np.ones(4))
    assert emission.jump[BACK].argmax() == CARRIED  # a passage, and where goods went
    assert emission.leave_hz[CARRIED] == pytest.approx(1 / 10, rel=0.25)
    assert emission.motion.sum(1) == pytest.approx(np.ones(4))
    assert emission.motion[CARRIED, 4:7].sum() > 5 * emission.motion[BACK, 4:7].sum()  # changes of 3 dB and more
    assert emission.share[[FLOOR, EXIT]].sum() == pytest.approx(1)


def test_a_zone_that_was_never_surveyed_stays_possible(model: Model) -> None:
    emission = emission_of(model, site())
    assert emission.rate[EXIT].tolist() == [0.02, 0.02, 0.4]


def test_tables_follow_the_order_of_the_site_file(model: Model) -> None:
    here = site()
    zones = tuple(
        msgspec.structs.replace(zone, looks=tuple(n * k for k, n in enumerate(zone.looks, 1))) for zone in model.zones
    )
    antennas = tuple(msgspec.structs.replace(antenna, look_ms=100.0 * antenna.port) for antenna in model.antennas)
    uneven = msgspec.structs.replace(model, zones=zones, antennas=antennas)
    turned = replace(here, devices=(replace(here.devices[0], antennas=here.devices[0].antennas[::-1]),))
    one, other = emission_of(uneven, here), emission_of(uneven, turned)
    for name in ("rate", "level_dbm", "sd_db"):
        assert np.array_equal(getattr(other, name)[:, ::-1], getattr(one, name))
    assert (one.look_ms.tolist(), other.look_ms.tolist()) == ([100, 200, 300], [300, 200, 100])
    assert one.rate[BACK, BACK] != pytest.approx(one.rate[BACK, FLOOR])


def test_reads_tell_the_zone(model: Model) -> None:
    run = Run(model)
    assert run.step((0, BACK, -59.0))[0].argmax() == BACK
    for _ in range(5):
        told = run.step((0, FLOOR, -59.0))
    assert told[0].argmax() == FLOOR
    assert told[0, FLOOR] > 0.9


def test_motion_speaks_for_a_zone_that_no_antenna_covers(model: Model) -> None:
    """Beside a filter to which all changes of level are alike: jumps speak for being carried, rest for lying still."""
    emission = emission_of(model, site())
    deaf = replace(emission, motion=np.full_like(emission.motion, 1 / emission.motion.shape[1]))
    told = {}
    for name, tables in (("hears", emission), ("deaf", deaf)):
        for off in (0.0, 4.0):
            run = Run(model)
            run.filter = SurveyedFilter(tables)
            run.filter.grow(1)
            for second in range(6):
                told[name, off] = run.step((0, BACK, -59.0 + (off if second % 2 else -off)))[0]
    assert told["hears", 4.0].argmax() == CARRIED
    assert told["hears", 0.0].argmax() == BACK
    assert told["hears", 4.0][CARRIED] > told["deaf", 4.0][CARRIED]
    assert told["hears", 0.0][BACK] > told["deaf", 0.0][BACK]


def test_looks_in_vain_tell_against_a_zone_that_is_read_well(model: Model) -> None:
    run, blind = Run(model), Run(model)
    for one in (run, blind):
        for _ in range(5):
            sure = one.step((0, BACK, -59.0))[0, BACK]
    for _ in range(10):
        looked, dark = run.step()[0, BACK], blind.step(looks=0.0)[0, BACK]
    assert looked < dark < sure


def test_a_look_that_gave_a_read_was_not_in_vain(model: Model) -> None:
    one, other = Run(model), Run(model)
    at_us, reads = START_US + S, heard([(0, BACK, -59.0)])
    only = np.array([1.0, 0.0, 0.0])
    told = one.filter.step(at_us, one.rows, only, reads)
    assert np.array_equal(told, other.filter.step(at_us, other.rows, 0 * only, reads))


def test_time_alone_forgets_and_a_pause_is_as_long_as_its_seconds(model: Model) -> None:
    at_once, often = Run(model), Run(model)
    for one in (at_once, often):
        one.step((0, BACK, -59.0))
    for _ in range(4):
        one_by_one = often.step(looks=0.0)
    assert at_once.step(seconds=4, looks=0.0) == pytest.approx(one_by_one, abs=0.02)


def test_rows_that_are_not_stepped_stay_as_they_are(model: Model) -> None:
    run = Run(model, 3)
    run.step((0, BACK, -59.0), (1, FLOOR, -59.0), (2, FLOOR, -59.0))
    before = run.filter.zones_of(np.array([0, 1, 2]))
    run.rows = np.array([1])
    run.step((0, BACK, -59.0))  # the read is of the first row that is stepped
    after = run.filter.zones_of(np.array([0, 1, 2]))
    assert np.array_equal(before[[0, 2]], after[[0, 2]])
    assert after[1, FLOOR] < before[1, FLOOR] - 0.1


def test_a_row_that_is_restarted_has_forgotten(model: Model) -> None:
    run = Run(model, 2)
    fresh = run.filter.zones_of(run.rows).copy()
    for _ in range(3):
        run.step((0, BACK, -59.0), (1, BACK, -59.0))
    run.filter.restart(np.array([0]))
    run.filter.restart(np.array([1]), np.array([[0.1, 0.7, 0.2]]))
    told = run.filter.zones_of(run.rows)
    assert np.array_equal(told[0], fresh[0])
    assert told[1] == pytest.approx([0.1, 0.7, 0.2], abs=1e-4)
    assert (run.filter.state["ref_antenna"] == -1).all()


def test_a_snapshot_of_the_columns_goes_on_as_before(model: Model) -> None:
    first, second = Run(model, 2), Run(model, 2)
    first.step((0, BACK, -59.0), (1, FLOOR, -55.0))
    second.filter.state.load(2, first.filter.state.dump())
    second.second = first.second
    assert np.array_equal(first.step((0, BACK, -52.0)), second.step((0, BACK, -52.0)))
    assert first.filter.state.dump() == second.filter.state.dump()


Reads = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 2), st.floats(-150, 50)), max_size=8, unique_by=lambda read: read[:2]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(Reads, st.integers(1, 40), st.floats(0, 2)), min_size=1, max_size=6), st.randoms())
def test_probabilities_sum_to_one_and_the_order_of_reads_does_not_matter(
    model: Model, seconds: list[tuple[list[Read], int, float]], random: Random
) -> None:
    one, other = Run(model, 4), Run(model, 4)
    for reads, pause, looks in seconds:
        mixed = random.sample(reads, len(reads))
        told = one.step(*reads, seconds=pause, looks=looks)
        assert np.array_equal(told, other.step(*mixed, seconds=pause, looks=looks))
        assert np.isfinite(told).all()
        assert told.sum(1) == pytest.approx(np.ones(4), abs=1e-5)
        assert (told > LEAST / 10).all()
    assert one.filter.state.dump() == other.filter.state.dump()


def test_a_fresh_survey_is_told_rightly(model: Model) -> None:
    """Another draw of the same shop: carried items too, which no antenna covers."""
    _, windows, zone = walk(200, 8)
    run = Run(model, 8)
    right = np.zeros(3)
    time = np.zeros(3)
    for second, one in enumerate(windows):
        told = run.step(*zip(one.item.tolist(), one.antenna.tolist(), (one.rssi_mean_cdbm / 100).tolist(), strict=True))
        np.add.at(time, zone[second], 1)
        np.add.at(right, zone[second], told.argmax(1) == zone[second])
    assert (right / time).mean() > 0.85


def test_only_the_newest_antennas_of_an_item_are_remembered() -> None:
    state = Columns(motion.SHAPES)
    state.grow(1)
    row = np.zeros(1, np.int64)
    for antenna in range(motion.SLOTS + 1):
        motion.remember(state, row, np.array([antenna]), np.array([-50.0 - antenna]), START_US + antenna * S)
    assert sorted(state["ref_antenna"][0].tolist()) == [1, 2, 3, 4]
    at = START_US + (motion.SLOTS + 1) * S
    kind, change = motion.kinds(state, row, np.array([4]), np.array([-53.0]), at)
    assert (kind.tolist(), change.tolist()) == ([motion.FIRST_RECENT + 1], [1.0])
    assert motion.kinds(state, row, np.array([0]), np.array([-53.0]), at)[0].tolist() == [motion.FRESH]
    assert motion.kinds(state, row, np.array([4]), np.array([-53.0]), at + 20 * S)[0].tolist() == [motion.NONE]
    many = np.zeros(6, np.int64), np.arange(10, 16), np.full(6, -60.0)
    motion.remember(state, *many, at)
    assert set(state["ref_antenna"][0].tolist()) <= set(range(10, 16))
