"""What a survey counts, on windows whose figures are known by hand; and what is found doubtful."""

from dataclasses import replace

import numpy as np
import pytest

from gateway.presence.calibrate import CalibrationError, Survey, with_confusion, zone_number
from gateway.presence.calibrate_check import Check
from gateway.presence.calibrate_figures import antenna_figures, macro_recall, warnings, zone_figures
from gateway.presence.model import Confusion, Model, decode_model, encode_model
from tests.gateway.presence.survey_rig import (
    ANTENNAS,
    BACK,
    EXIT,
    FLOOR,
    Read,
    site,
    surveyed,
    truth,
    walk,
    window,
)


def fitted(survey: Survey) -> Model:
    return survey.model(made_at="", made_from=())


def counted(*seconds: list[Read], changes: list[tuple[int, int, int]], subjects: int = 2) -> Survey:
    survey = Survey(site())
    survey.begin(truth(subjects, *changes))
    for second, reads in enumerate(seconds):
        one = window(second, reads)
        survey.take(one, one.item.astype(np.int64))
    return survey


def test_looks_hits_and_levels_are_counted_by_true_zone() -> None:
    model = fitted(
        counted(
            [(0, BACK, -50.0), (1, FLOOR, -60.0)],
            [(0, BACK, -54.0)],
            [(0, FLOOR, -70.0)],
            changes=[(0, 0, BACK), (0, 1, FLOOR), (2, 0, FLOOR)],
        )
    )
    back, floor, carried, _ = model.zones
    assert back.looks == (2, 2, 2)
    assert [(heard.antenna, heard.hits, heard.windows, heard.rssi_dbm) for heard in back.heard] == [(0, 2, 2, -52.0)]
    assert back.heard[0].rssi_sd_db == 2.0
    assert floor.looks == (4, 4, 4)  # three windows of item 1, the third one of item 0
    assert [(heard.antenna, heard.hits, heard.rssi_dbm, heard.rssi_sd_db) for heard in floor.heard] == [(1, 2, -65, 5)]
    assert (back.items, back.items_read, back.stays, back.seconds, back.read_seconds) == (1, 1, 1, 2, 2)
    assert (floor.items, floor.items_read, floor.stays, floor.seconds, floor.read_seconds) == (2, 2, 2, 4, 2)
    assert (back.leaves, floor.leaves) == ({"FLOOR": 1}, {})
    assert (carried.items, carried.heard, carried.seconds) == (0, (), 0)
    assert (model.items, model.windows, model.seconds) == (2, 4, 3)
    assert [antenna.look_ms for antenna in model.antennas] == [333.0, 333.0, 333.0]


def test_the_change_of_level_is_counted_by_kind() -> None:
    model = fitted(
        counted(
            [(0, BACK, -50.0)],  # nothing to compare with
            [(0, BACK, -50.4)],  # below .6 dB
            [(0, BACK, -54.4), (0, FLOOR, -60.0)],  # 4 dB; fresh
            *[[]] * 5,
            [(0, BACK, -50.4)],  # 4 dB after six seconds
            changes=[(0, 0, BACK)],
        )
    )
    motion = dict(enumerate(model.zones[BACK].motion))
    assert {kind: count for kind, count in motion.items() if count} == {0: 1, 1: 1, 4: 1, 9: 1}


def test_an_item_counts_only_where_the_truth_has_it() -> None:
    survey = counted([(0, BACK, -50.0)], [(0, BACK, -50.0)], [(0, BACK, -50.0)], changes=[(1, 0, BACK), (2, 0, -1)])
    back = fitted(survey).zones[BACK]
    assert (back.looks, back.heard[0].hits, back.seconds) == ((1, 1, 1), 1, 1)


def test_reads_of_no_subject_and_of_unknown_antennas_do_not_count() -> None:
    survey = Survey(site())
    survey.begin(truth(1, (0, 0, BACK)))
    one = window(0, [(0, BACK, -50.0), (0, FLOOR, -50.0), (1, BACK, -40.0)])
    strange = replace(one, antennas=(ANTENNAS[0], ("ghost", 1), ANTENNAS[2]))
    survey.take(strange, np.where(one.item == 0, 0, -1))
    back = fitted(survey).zones[BACK]
    assert [(heard.antenna, heard.hits, heard.rssi_dbm) for heard in back.heard] == [(0, 1, -50.0)]
    assert back.looks == (1, 0, 1)


def test_a_repeated_observation_counts_once() -> None:
    survey = Survey(site())
    survey.begin(truth(2, (0, 0, BACK), (0, 1, BACK)))
    one = window(0, [(0, BACK, -50.0), (0, BACK, -50.0), (1, BACK, -50.0)])
    survey.take(replace(one, item=one.item[[0, 2, 1]]), np.array([0, 1, 0]))
    assert fitted(survey).zones[BACK].heard[0].hits == 2


def silent_survey(gap_s: int, seconds: int = 400) -> Survey:
    """20 items, each of them read each `gap_s` seconds at most; a tag that may answer does so in every second look."""
    rng = np.random.default_rng(3)
    survey = Survey(site())
    survey.begin(truth(20, *[(0, item, BACK) for item in range(20)]))
    ready = np.zeros(20)
    for second in range(seconds):
        hit = (ready <= second) & (rng.random(20) < 0.5)
        ready[hit] = second + gap_s
        one = window(second, [(int(item), BACK, -55.0) for item in np.flatnonzero(hit)])
        survey.take(one, one.item.astype(np.int64))
    return survey


def test_silence_after_reads_is_found_and_its_looks_left_out() -> None:
    model = fitted(silent_survey(gap_s=5))
    back = model.zones[BACK]
    assert model.quiet_s == 5.0
    assert back.heard[0].hits / back.looks[0] == pytest.approx(0.5, abs=0.03)
    assert back.looks[2] > 2 * back.looks[0]  # the exit antenna's looks all count: its tags answer again at once
    awake = fitted(silent_survey(gap_s=1))
    assert awake.quiet_s == 0.0
    assert awake.zones[BACK].heard[0].hits / awake.zones[BACK].looks[0] == pytest.approx(0.5, abs=0.03)


def test_the_spread_of_a_still_tag_and_the_weakest_reads_are_told() -> None:
    rng = np.random.default_rng(4)
    survey = Survey(site())
    survey.begin(truth(2, (0, 0, BACK), (0, 1, BACK)))
    for second in range(400):
        one = window(second, [(item, BACK, -60 + rng.normal(0, 2)) for item in range(2)])
        survey.take(one, one.item.astype(np.int64))
    model = fitted(survey)
    assert model.read_sd_db == pytest.approx(2.0, abs=0.25)
    assert model.sensitivity_dbm == pytest.approx(-60 - 1.88 * 2, abs=0.8)  # the 3 % quantile of a normal
    few = fitted(counted([(0, BACK, -50.0)], changes=[(0, 0, BACK)]))
    assert (few.read_sd_db, few.sensitivity_dbm) == (None, None)


def test_a_survey_without_one_read_says_what_is_missing() -> None:
    with pytest.raises(CalibrationError, match="the same items"):
        fitted(counted([], [], changes=[(0, 0, BACK)]))


def test_a_site_without_antennas_cannot_be_calibrated() -> None:
    with pytest.raises(CalibrationError, match="no antennas"):
        Survey(replace(site(), devices=()))


def test_walks_add_up_and_so_do_surveys() -> None:
    known, windows, _ = walk(60, 4)
    both = Survey(site())
    parts = []
    for _ in range(2):
        part = Survey(site())
        for survey in (both, part):
            survey.begin(known)
            for one in windows:
                survey.take(one, one.item.astype(np.int64))
        parts.append(part)
    parts[0].merge(parts[1])
    assert fitted(parts[0]) == fitted(both)
    assert fitted(both).zones[BACK].looks[0] == 2 * fitted(parts[1]).zones[BACK].looks[0]


def test_the_same_survey_gives_the_same_bytes_whatever_the_order_in_a_window() -> None:
    known, windows, _ = walk(60, 4)
    rng = np.random.default_rng(1)
    survey = Survey(site())
    survey.begin(known)
    for one in windows:
        order = rng.permutation(len(one.item))
        names = ("item", "antenna", "count", "rssi_peak_cdbm", "rssi_mean_cdbm", "first_us", "last_us")
        mixed = replace(one, **{name: getattr(one, name)[order] for name in names})
        survey.take(mixed, mixed.item.astype(np.int64))
    assert encode_model(fitted(survey)) == encode_model(fitted(surveyed(60, 4)))


def test_zones_of_a_truth_have_numbers() -> None:
    assert [zone_number(("A", "B"), name) for name in ("A", "B", "OUT", "")] == [0, 1, -1, -1]
    with pytest.raises(KeyError):
        zone_number(("A", "B"), "C")


# -- the check, and what an operator sees


@pytest.fixture(scope="module")
def judged() -> Model:
    known, windows, _ = walk()
    survey = surveyed()
    check = Check(survey, site())
    check.begin(known)
    for one in windows:
        check.take(one, one.item.astype(np.int64))
    return with_confusion(fitted(survey), check.confusion())


def test_a_check_judges_each_item_without_itself(judged: Model) -> None:
    confusion = judged.confusion
    assert confusion is not None
    assert confusion.held_out
    assert confusion.told == ("BACK", "FLOOR", "CARRIED")
    seconds = np.array(confusion.seconds)
    assert seconds.shape == (4, 3)
    assert 12 * 240 - 12 * 6 < seconds.sum() < 12 * 240  # from each item's first read on
    recall = macro_recall(judged, site())
    assert recall is not None
    assert recall > 0.8
    assert decode_model(encode_model(judged), "m") == judged


def test_a_single_item_is_judged_by_itself_and_that_is_said() -> None:
    known, windows, _ = walk(60, 1)
    survey = surveyed(60, 1)
    check = Check(survey, site())
    check.begin(known)
    for one in windows:
        check.take(one, one.item.astype(np.int64))
    model = with_confusion(fitted(survey), check.confusion())
    assert not check.held_out
    assert any(text.startswith("one item only") for text in warnings(model, site()))


def test_an_item_that_the_other_half_contradicts_is_mistaken() -> None:
    """Half of the items are read by the wrong antenna: judged without themselves they are always wrong."""
    survey, changes = Survey(site()), [(0, 0, BACK), (0, 1, BACK), (0, 2, FLOOR), (0, 3, FLOOR)]
    reads = [(0, BACK, -50.0), (1, FLOOR, -50.0), (2, FLOOR, -50.0), (3, BACK, -50.0)]
    windows = [window(second, reads) for second in range(60)]
    survey.begin(truth(4, *changes))
    for one in windows:
        survey.take(one, one.item.astype(np.int64))
    check = Check(survey, site())
    check.begin(truth(4, *changes))
    for one in windows:
        check.take(one, one.item.astype(np.int64))
    seconds = np.array(check.confusion().seconds)
    assert seconds[BACK, BACK] == 0
    assert seconds[FLOOR, FLOOR] == 0


def test_figures_of_zones_and_antennas(judged: Model) -> None:
    back, floor, carried, door = zone_figures(judged, site())
    assert (back.zone, back.items, back.items_read) == ("BACK", 12, 12)
    assert back.read_rate == pytest.approx(0.5, abs=0.05)
    assert back.own_rate == pytest.approx(0.5, abs=0.05)
    assert back.stray_share == 0.0
    assert carried.own_rate is None  # no antenna is there
    assert carried.stray_share == 1.0
    assert back.right is not None
    assert back.right > 0.9
    assert (door.minutes, door.read_rate, door.right) == (0.0, None, None)
    first, second, third = antenna_figures(judged, site())
    assert (first.antenna, first.zone, first.other) == ("R1:1", "BACK", "CARRIED")
    assert second.rssi_dbm == pytest.approx(-59, abs=1)
    assert third.rate is None
    assert floor.zone == "FLOOR"


def test_antennas_of_a_zone_that_counts_as_another_are_its_own() -> None:
    model = fitted(counted(*[[(0, 2, -50.0)]] * 4, changes=[(0, 0, FLOOR)], subjects=1))
    floor = zone_figures(model, site())[FLOOR]
    assert (floor.own_rate, floor.stray_share) == (0.5, 0.0)
    by_floor = fitted(counted(*[[(0, FLOOR, -50.0)]] * 4, changes=[(0, 0, EXIT)], subjects=1))
    door = zone_figures(by_floor, site())[EXIT]
    assert (door.own_rate, door.stray_share) == (0.5, 0.0)


def test_what_is_doubtful_is_told_with_its_mend(judged: Model) -> None:
    told = warnings(judged, site())
    assert [text for text in told if text.startswith("zone EXIT was never surveyed")]
    assert not [text for text in told if text.startswith(("zone BACK", "zone FLOOR", "zone CARRIED", "antenna"))]

    short = warnings(fitted(surveyed(40, 4)), site())
    assert [text for text in short if text.startswith("zone BACK rests on 4 items: use at least 10")]

    many = [(0, item, BACK) for item in range(12)]
    brief = fitted(counted([(item, BACK, -50.0) for item in range(12)], changes=many, subjects=12))
    assert [text for text in warnings(brief, site()) if text.startswith("zone BACK rests on 12 item-seconds")]

    seconds = [[(0, FLOOR, -50.0)]] * 200
    swapped = warnings(fitted(counted(*seconds, changes=[(0, 0, BACK), (0, 1, FLOOR)])), site())
    assert [text for text in swapped if text.startswith("zone FLOOR: none of its 1 items was read there")]
    assert [text for text in swapped if text.startswith("antenna R1:1 (BACK) reads hardly any item of its own zone")]
    strays = [[(0, FLOOR, -50.0), (1, FLOOR, -50.0)], [(0, FLOOR, -50.0)]] * 100
    wrong = warnings(fitted(counted(*strays, changes=[(0, 0, BACK), (0, 1, FLOOR)])), site())
    assert [text for text in wrong if "R1:2 (FLOOR) reads BACK better than its own zone (100.0% of its looks" in text]


def test_an_antenna_that_never_looked_is_told() -> None:
    survey = Survey(site())
    survey.begin(truth(1, (0, 0, BACK)))
    one = window(0, [(0, BACK, -50.0)])
    survey.take(replace(one, inventory_ms=np.array([500, 500, 0], np.int32)), one.item.astype(np.int64))
    assert "antenna R1:3 (EXIT) never looked: is it plugged in and switched on?" in warnings(fitted(survey), site())


def test_a_confusion_is_kept_as_it_is(judged: Model) -> None:
    other = Confusion(told=("BACK",), seconds=((1.0,),) * 4, held_out=False)
    assert with_confusion(judged, other).confusion == other
    assert with_confusion(judged, other).zones == judged.zones
