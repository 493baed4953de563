"""What `GET /v1/series` is asked: its parameters, checked, as a question and a span of time."""

from typing import NamedTuple, NoReturn

from gateway.figures.limits import DAY_S, SPAN_MAX_S, STEP_MIN_S, STEPS_MAX
from gateway.figures.question import Fold, Question, default_fold
from gateway.http import problem
from gateway.http.problem import Problem, RefusedError
from gateway.http.refusals import shown
from gateway.http.told import instant
from wire.measurement import FieldType, Measurement, Tag
from wire.measurements import CATALOGUE

US = 1_000_000


class Span(NamedTuple):
    """A span of time in whole steps, UTC microseconds; `to_us` is not in it."""

    from_us: int
    to_us: int
    step_us: int


def refuse(name: str, value: str, expected: str | list[str], detail: str) -> NoReturn:
    """Refuse a parameter.

    Raises:
        RefusedError: 400.
    """
    members: dict[str, problem.Member] = {"parameter": name, "value": value[:120], "expected": expected}
    raise RefusedError(Problem(problem.INVALID_PARAMETER, f"parameter {name}: {detail}", members))


def measurement_of(name: str) -> Measurement:
    """Return a measurement by its name. Raises `RefusedError`."""
    found = CATALOGUE.get(name)
    if found is None:
        names = list(CATALOGUE)
        refuse("measurement", name, names, f"{shown(name)} is none; expected one of {', '.join(names)}")
    return found


def question_of(
    measurement: Measurement, field: str, *, fold: Fold | None, by: str, only: str, per: str, equals: int | None
) -> Question:
    """Return the question. Raises `RefusedError`."""
    numbers = [name for name, one in measurement.by_name.items() if one.type is not FieldType.TEXT]
    for parameter, name in (("field", field), ("per", per)):
        if name not in numbers and (name or parameter == "field"):
            refuse(parameter, name, numbers, f"{measurement.name} has no figure {shown(name)}; {', '.join(numbers)}")
    tags = tuple(_tag(measurement, "by", name) for name in by.split(",") if name)
    narrowed: tuple[tuple[Tag, tuple[str, ...]], ...] = ()
    if only:
        tag, colon, values = only.partition(":")
        if not colon:
            refuse("only", only, "TAG:VALUE or TAG:VALUE|VALUE", f"{shown(only)}: expected TAG:VALUE")
        narrowed = ((_tag(measurement, "only", tag), tuple(values.split("|"))),)
    folded = fold or (Fold.COUNT if equals is not None else default_fold(measurement.field(field)))
    try:
        return Question(measurement, field, folded, by=tags, only=narrowed, per=per, equals=equals)
    except ValueError as error:
        refuse("fold", folded.value, str(error), str(error))


def _tag(measurement: Measurement, parameter: str, name: str) -> Tag:
    for tag in measurement.tags:
        if tag == name:
            return tag
    tags = [str(tag) for tag in measurement.tags]
    refuse(parameter, name, tags, f"{measurement.name} has no tag {shown(name)}; it has {', '.join(tags)}")


def _instant(name: str, text: str, now_us: int) -> int:
    try:
        return instant(name, text, now_us)
    except RefusedError as error:  # in a body it would be a member
        expected = str(error.problem.members["expected"])
        refuse(name, text, expected, f"{shown(text)}: expected {expected}")


def span_of(start: str | None, end: str | None, step_s: int, now_us: int) -> Span:
    """Return the span in whole steps; without `end` up to now, without `start` a day before. Raises `RefusedError`."""
    if step_s % STEP_MIN_S:
        refuse("step", str(step_s), f"a multiple of {STEP_MIN_S}", f"{step_s} s: expected a multiple of {STEP_MIN_S}")
    step_us = step_s * US
    end_us = now_us if end is None else _instant("to", end, now_us)
    start_us = end_us - DAY_S * US if start is None else _instant("from", start, now_us)
    to_us = -(-(end_us + (end is None)) // step_us) * step_us
    from_us = max(0, start_us // step_us * step_us)
    if start_us >= end_us:
        refuse("from", start or "", f"before {end or 'now'}", f"{start} is not before {end or 'now'}")
    if to_us - from_us > (SPAN_MAX_S + 2 * step_s) * US:
        refuse("from", start or "", "90 days at most", "expected a span of 90 days at most")
    steps = (to_us - from_us) // step_us
    if steps > STEPS_MAX:
        wider = -(-(to_us - from_us) // (STEPS_MAX * STEP_MIN_S * US)) * STEP_MIN_S
        refuse("step", str(step_s), f"{wider} or more", f"{steps} values: expected {STEPS_MAX} at most")
    return Span(from_us, to_us, step_us)
