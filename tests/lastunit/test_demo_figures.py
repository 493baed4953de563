"""The demo's own measuring instruments."""

import pytest

from lastunit.demo.cells import cell_exact
from lastunit.demo.figures import latency_figures
from lastunit.demo.latency import LatencyMeter, Sample, percentile

SHIRT = ("store", "09506000134352", "7")
MS = 1_000


def test_the_clock_runs_from_the_first_report_of_the_right_zone() -> None:
    meter = LatencyMeter()
    meter.went(SHIRT, "FLOOR")
    meter.reported(SHIRT, "BACK", 10 * MS)  # a stray through the wall
    meter.reported(SHIRT, "FLOOR", 50 * MS)
    meter.reported(SHIRT, "FLOOR", 70 * MS)
    meter.shown(SHIRT, "BACK", 10 * MS, 800 * MS)  # a wrong answer stops no clock
    meter.shown(SHIRT, "FLOOR", 250 * MS, 1_450 * MS)
    meter.shown(SHIRT, "FLOOR", 250 * MS, 9_000 * MS)  # told again
    assert meter.samples == [Sample(1_400.0, 200.0)]


def test_a_decision_by_the_first_report_itself_takes_no_time() -> None:
    meter = LatencyMeter()
    meter.went(SHIRT, "FLOOR")
    meter.reported(SHIRT, "FLOOR", 50 * MS)
    meter.shown(SHIRT, "FLOOR", 40 * MS, 60 * MS)
    assert meter.samples == [Sample(10.0, 0.0)]


def test_a_stay_that_ended_unseen_is_counted_and_gives_no_sample() -> None:
    meter = LatencyMeter()
    meter.went(SHIRT, "FLOOR")
    meter.reported(SHIRT, "FLOOR", 0)
    meter.went(SHIRT, "FIT")
    meter.shown(SHIRT, "FLOOR", 0, 500 * MS)
    assert (meter.samples, meter.overtaken) == ([], 1)


def test_what_is_not_the_trackers_is_the_pipelines() -> None:
    meter = LatencyMeter()
    meter.samples += [Sample(1_400.0, 200.0), Sample(9_000.0, 8_700.0)]
    found = latency_figures(meter)
    assert (found["visible_ms_p99"], found["decision_ms_p99"], found["pipeline_ms_p99"]) == (9_000, 8_700, 1_200)


def test_an_item_nobody_put_there_gives_no_sample() -> None:
    meter = LatencyMeter()
    meter.reported(SHIRT, "FLOOR", 0)
    meter.shown(SHIRT, "FLOOR", 0, 500 * MS)
    assert meter.samples == []


@pytest.mark.parametrize(("share", "expected"), [(0.5, 2.0), (0.99, 4.0), (0.0, 1.0), (1.0, 4.0)])
def test_percentiles_are_nearest_rank(share: float, expected: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], share) == expected
    assert percentile([], share) is None


def test_cells_count_when_either_side_holds_something() -> None:
    truth = {("s", "a", "FLOOR"): 2, ("s", "a", "BACK"): 1, ("s", "b", "FLOOR"): 0}
    counted = {("s", "a", "FLOOR"): 2, ("s", "c", "BACK"): 1}
    assert cell_exact(counted, truth) == pytest.approx(1 / 3)
    assert cell_exact({}, {("s", "b", "FLOOR"): 0}) == 1.0
