"""A question to the time series: folded within each series, then across them, and never from what nobody knows."""

import random

import pytest

from gateway.figures.question import Fold, Question, default_fold, now, over, total
from gateway.series.point import Value
from gateway.series.port import Latest, Row
from gateway.series.rollup import BUCKET_US, Bucket, merged
from wire.measurement import FieldType, How, Tag
from wire.measurements import (
    BACKLOG,
    CALIBRATION,
    CATALOGUE,
    DEVICE,
    DIFFERENCE,
    EVENT,
    FLOOR,
    SITE,
    STOCK_SKU,
    ZONE,
)

START_US = 1_763_800_000_000_000 // BUCKET_US * BUCKET_US
SECOND_US = 1_000_000
STEP_US = BUCKET_US


def tags(*values: str, measurement: object = FLOOR) -> dict[Tag, str]:
    return dict(zip(measurement.tags, values, strict=True))  # type: ignore[attr-defined]


def floor(site: str, department: str, age_s: float = 0, **fields: Value) -> Latest:
    return Latest(tags(site, department), START_US - round(age_s * SECOND_US), fields)


def row(named: dict[Tag, str], step: int, *points: dict[str, Value]) -> Row:
    bucket: Bucket = {}
    for fields in points:
        bucket = merged(bucket, fields)
    return Row(named, START_US + step * BUCKET_US, bucket)


LATEST = [
    floor("a", "men", shown=3, behind=1, availability=0.5),
    floor("a", "kids", 20, shown=5, behind=0, availability=1.0),
    floor("b", "men", 40, shown=9, behind=4, availability=0.75),
]


@pytest.mark.parametrize(
    ("field", "fold", "whole", "by_site"),
    [
        ("behind", Fold.SUM, 5, {("a",): 1, ("b",): 4}),
        ("availability", Fold.MEAN, 0.75, {("a",): 0.75, ("b",): 0.75}),
        ("availability", Fold.MIN, 0.5, {("a",): 0.5, ("b",): 0.75}),
        ("availability", Fold.MAX, 1.0, {("a",): 1.0, ("b",): 0.75}),
    ],
)
def test_newest_values_are_folded_across_series(
    field: str, fold: Fold, whole: float, by_site: dict[tuple[str], float]
) -> None:
    ((value, at_us),) = now(Question(FLOOR, field, fold), LATEST, START_US).values()
    assert (value, at_us) == (whole, START_US - 40 * SECOND_US)
    found = now(Question(FLOOR, field, fold, by=(Tag.SITE,)), LATEST, START_US)
    assert {key: one.value for key, one in found.items()} == by_site


def test_a_value_that_is_late_is_not_known() -> None:
    asked = Question(FLOOR, "behind", Fold.SUM)
    assert now(asked, [floor("a", "men", 120, behind=7)], START_US)[()].value == 7
    assert now(asked, [floor("a", "men", 120.1, behind=7)], START_US) == {}
    sku = Latest(tags("a", "m", "s", "c", "M", "0" * 14, measurement=STOCK_SKU), 0, {"on_hand": 3})
    assert now(Question(STOCK_SKU, "on_hand", Fold.SUM), [sku], START_US)[()].value == 3, "it did not change since"


def test_a_field_that_was_never_said_is_not_0() -> None:
    assert now(Question(FLOOR, "behind", Fold.SUM), [floor("a", "men", shown=3)], START_US) == {}


def test_states_are_counted() -> None:
    zones = [
        Latest(tags("a", zone, "sales_floor", measurement=ZONE), START_US, {"looked": looked})
        for zone, looked in (("1", 0), ("2", 1), ("3", 0))
    ]
    assert now(Question(ZONE, "looked", Fold.COUNT, equals=0), zones, START_US)[()].value == 2
    assert now(Question(ZONE, "looked", Fold.COUNT, equals=0), zones[1:2], START_US)[()].value == 0


def test_only_some_series_count() -> None:
    tasks = [
        Latest(tags("a", "men", task, measurement=BACKLOG), START_US, {"open": units})
        for task, units in (("refill", 1), ("pick", 10), ("pack", 100))
    ]
    picked = Question(BACKLOG, "open", Fold.SUM, only=((Tag.TASK, ("pick", "pack")),))
    assert now(picked, tasks, START_US)[()].value == 110


def test_a_ratio_is_of_the_sums() -> None:
    bands = [tags("a", band, measurement=CALIBRATION) for band in ("from_0.99", "0.5-0.7")]
    rows = [row(bands[0], 0, {"asked": 9, "found": 9}), row(bands[1], 1, {"asked": 1}), row(bands[1], 2, {"asked": 2})]
    kept = Question(CALIBRATION, "found", Fold.SUM, per="asked")
    assert total(kept, rows) == {(): 0.75}
    assert total(kept, []) == {}
    assert over(kept, rows, START_US, START_US + 4 * STEP_US, STEP_US) == {(): [1.0, 0.0, 0.0, None]}


MEN, KIDS = tags("a", "men"), tags("a", "kids")


def test_a_line_has_a_value_for_each_step_and_none_where_nobody_knew() -> None:
    rows = [
        row(MEN, 0, {"shown": 4, "availability": 0.4}, {"shown": 2, "availability": 0.8}),
        row(KIDS, 0, {"shown": 10, "availability": 1.0}),
        row(KIDS, 2, {"shown": 1, "availability": 0.2}),
    ]

    def line(fold: Fold, field: str) -> list[float | None]:
        return over(Question(FLOOR, field, fold), rows, START_US, START_US + 3 * STEP_US, STEP_US)[()]

    assert line(Fold.SUM, "shown") == [12, None, 1]
    assert line(Fold.MIN, "availability") == [0.4, None, 0.2]
    assert line(Fold.MAX, "availability") == [1.0, None, 0.2]
    assert line(Fold.MEAN, "availability") == [pytest.approx(0.8), None, 0.2]
    by = over(Question(FLOOR, "shown", Fold.SUM, by=(Tag.DEPARTMENT,)), rows, START_US, START_US + 3 * STEP_US, STEP_US)
    assert by == {("men",): [2, None, None], ("kids",): [10, None, 1]}


def test_steps_of_many_buckets_are_the_fold_of_all_their_points() -> None:
    rng = random.Random(5)
    points: list[list[dict[str, Value]]] = [
        [{"shown": rng.randrange(50), "availability": rng.random()} for _ in range(4)] for _ in range(24)
    ]
    rows = [row(MEN, step, *mine) for step, mine in enumerate(points)]
    rng.shuffle(rows)
    for fold, field in ((Fold.SUM, "shown"), (Fold.MIN, "shown"), (Fold.MAX, "shown"), (Fold.MEAN, "availability")):
        found = over(Question(FLOOR, field, fold), rows, START_US, START_US + 24 * STEP_US, 6 * STEP_US)[()]
        for step in range(4):
            mine = [float(one[field]) for bucket in points[step * 6 : step * 6 + 6] for one in bucket]
            wanted = {Fold.SUM: mine[-1], Fold.MIN: min(mine), Fold.MAX: max(mine), Fold.MEAN: sum(mine) / len(mine)}
            assert found[step] == pytest.approx(wanted[fold])


def test_deltas_are_added_up_and_0_is_not_written() -> None:
    named = tags("a", "refill", measurement=CATALOGUE["task_flow"])
    rows = [row(named, 0, {"done": 2}, {"done": 3}), row(named, 1, {"opened": 1}), row(named, 3, {"done": 1})]
    asked = Question(CATALOGUE["task_flow"], "done", Fold.SUM)
    assert over(asked, rows, START_US, START_US + 4 * STEP_US, 2 * STEP_US) == {(): [5, 1]}
    assert over(asked, rows, START_US, START_US + 4 * STEP_US, STEP_US) == {(): [5, 0, 0, 1]}
    assert total(asked, rows) == {(): 6}


def test_what_is_written_once_an_hour_or_on_change_stays_as_it_was() -> None:
    hourly = row(tags("a", "unread", measurement=DIFFERENCE), 1, {"units": 8})
    line = over(Question(DIFFERENCE, "units", Fold.SUM), [hourly], START_US, START_US + 30 * STEP_US, STEP_US)[()]
    assert line == [None, *[8.0] * 25, None, None, None, None], "for two hours, not for ever"
    sku = row(tags("a", "m", "s", "c", "M", "0" * 14, measurement=STOCK_SKU), 1, {"on_hand": 3})
    assert over(Question(STOCK_SKU, "on_hand", Fold.SUM), [sku], START_US, START_US + 30 * STEP_US, STEP_US) == {
        (): [None, *[3.0] * 29]
    }


def test_rows_outside_of_the_time_do_not_count() -> None:
    rows = [row(MEN, step, {"shown": step}) for step in (-1, 0, 2)]
    assert over(Question(FLOOR, "shown", Fold.SUM), rows, START_US, START_US + 2 * STEP_US, STEP_US) == {(): [0, None]}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Question(FLOOR, "shwon", Fold.SUM), "no field shwon"),
        (lambda: Question(FLOOR, "shown", Fold.SUM, by=(Tag.ZONE,)), "no tag zone"),
        (lambda: Question(FLOOR, "shown", Fold.SUM, only=((Tag.GTIN, ("1",)),)), "no tag gtin"),
        (lambda: Question(EVENT, "title", Fold.SUM), "a text"),
        (lambda: Question(CALIBRATION, "asked", Fold.MAX), "deltas are added up"),
        (lambda: Question(ZONE, "looked", Fold.COUNT), "count goes with"),
        (lambda: Question(ZONE, "looked", Fold.MIN, equals=0), "count goes with"),
        (lambda: Question(SITE, "held", Fold.MEAN, per="skus"), "per goes with"),
        (lambda: Question(CALIBRATION, "found", Fold.SUM, per="nothing"), "no field nothing"),
    ],
)
def test_what_does_not_fit_is_refused(make: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()  # type: ignore[operator]


def test_every_figure_of_the_catalogue_can_be_asked_for() -> None:
    asked = 0
    for measurement in CATALOGUE.values():
        for field in measurement.fields:
            if field.type is FieldType.TEXT:
                continue
            question = Question(measurement, field.name, default_fold(field))
            assert question.fold is Fold.SUM or field.how is How.GAUGE
            asked += 1
    assert asked > 100
    assert default_fold(DEVICE.field("up")) is Fold.MIN, "the worst state is 0"
