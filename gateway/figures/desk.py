"""The desk of the key figures: asks the embedded time series, and says of each figure whether somebody has to act."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple, TypeVar

from gateway.clock import Clock
from gateway.figures.kept import Kept
from gateway.figures.key_figure import WORST_FIRST, KeyFigure, Level
from gateway.figures.key_figures import KEY_FIGURES
from gateway.figures.limits import DAY_S, HISTORY_KEPT_S, NEWEST_KEPT_S, ROWS_MAX
from gateway.figures.question import Key, Line, Newest, Question, good_for_us, now, over, total
from gateway.series.limits import HISTORY_MAX_ROWS
from gateway.series.port import Latest, Reader, Row
from gateway.series.rollup import BUCKET_US, Summary, bucket_of
from wire.measurement import Cadence, Measurement, Tag
from wire.measurements import SITE

DAY_US: Final = DAY_S * 1_000_000

P = TypeVar("P", Latest, Row)


class TooMuchError(ValueError):
    """More rows than one answer is made of: ask for less time, one site, or fewer series."""


class Told(NamedTuple):
    """A figure's value, its level, the word that stands instead of the number, and the site whose level that is."""

    value: float | None
    level: Level
    word: str = ""
    worst: str = ""


class Answer(NamedTuple):
    """A key figure: of all sites asked for together, and of each."""

    figure: KeyFigure
    told: Told
    by_site: Mapping[str, Told]


class KeyFigures(NamedTuple):
    """All key figures; `as_of_us`: the newest point behind them, 0 without any; `heard`: sites that are written of."""

    answers: Sequence[Answer]
    as_of_us: int
    heard: frozenset[str]


class Figures:
    """Key figures and lines from a store of time series; what many ask at once is asked of it once."""

    def __init__(self, reader: Reader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock
        self._newest: Kept[list[Latest]] = Kept(clock, NEWEST_KEPT_S)
        self._totals: Kept[dict[Key, float]] = Kept(clock, HISTORY_KEPT_S)
        self._lines: Kept[dict[Key, Line]] = Kept(clock, HISTORY_KEPT_S)

    # -- key figures

    async def key_figures(self, sites: Sequence[str]) -> KeyFigures:
        """Return the key figures of these sites.

        With several sites the level of a figure is that of the worst site: ten stores with three sizes to bring each
        are no store with thirty.
        """
        at_us = self._clock()
        answers = []
        as_of_us = max((one.at_us for one in await self._latest(SITE, sites)), default=0)
        for figure in KEY_FIGURES:
            answer, seen_us = await self._answer(figure, sites, at_us)
            answers.append(answer)
            as_of_us = max(as_of_us, seen_us)
        return KeyFigures(answers, as_of_us, await self._written(SITE, sites, at_us))

    async def _answer(self, figure: KeyFigure, sites: Sequence[str], at_us: int) -> tuple[Answer, int]:
        asked = replace(figure.question, by=(Tag.SITE,))
        seen_us = 0
        if figure.in_a_day:
            each = await self._in_a_day(asked, sites, at_us)
            whole = await self._in_a_day(figure.question, sites, at_us) if len(sites) != 1 else each
        else:
            latest = await self._latest(figure.question.measurement, sites)
            seen_us = max((one.at_us for one in latest), default=0)
            each, whole = _values(now(asked, latest, at_us)), _values(now(figure.question, latest, at_us))
        told = figure.zero_with and await self._written(figure.zero_with, sites, at_us)
        zeros = told or frozenset()
        by_site = {site: _told(figure, each.get((site,)), zero=site in zeros, site=site) for site in sites}
        together = _told(figure, next(iter(whole.values()), None), zero=bool(zeros))
        worst = min(by_site.values(), key=lambda one: WORST_FIRST.index(one.level), default=together)
        return Answer(figure, together._replace(level=worst.level, worst=worst.worst), by_site), seen_us

    async def _written(self, measurement: Measurement, sites: Sequence[str], at_us: int) -> frozenset[str]:
        """Return the sites of which a measurement is written now."""
        good_us = good_for_us(measurement)
        latest = await self._latest(measurement, sites)
        return frozenset(one.tags[Tag.SITE] for one in latest if at_us - one.at_us <= good_us)

    async def _in_a_day(self, question: Question, sites: Sequence[str], at_us: int) -> dict[Key, float]:
        to_us = bucket_of(at_us) + BUCKET_US

        async def ask() -> dict[Key, float]:
            return total(question, await self._rows(question.measurement, sites, to_us - DAY_US, to_us))

        return await self._totals.get((question.name, tuple(sites), to_us), ask)

    # -- lines

    async def lines(
        self, question: Question, sites: Sequence[str], from_us: int, to_us: int, step_us: int
    ) -> dict[Key, Line]:
        """Return lines over [from_us, to_us). Raises `TooMuchError`."""

        async def ask() -> dict[Key, Line]:
            rows = await self._rows(question.measurement, sites, from_us, to_us)
            if question.measurement.cadence is Cadence.ON_CHANGE:
                rows += await self._unchanged(question.measurement, sites, from_us)
            return over(question, rows, from_us, to_us, step_us)

        return await self._lines.get((question.name, tuple(sites), from_us, to_us, step_us), ask)

    async def _unchanged(self, measurement: Measurement, sites: Sequence[str], from_us: int) -> list[Row]:
        """Return what was written before an instant and has not changed since, as if it were said then."""
        found = []
        for one in await self._latest(measurement, sites):
            if one.at_us < from_us:
                numbers = ((name, value) for name, value in one.fields.items() if not isinstance(value, str))
                fields = {name: Summary(1, float(n), float(n), float(n), n) for name, n in numbers}
                found.append(Row(one.tags, from_us, fields))
        return found

    # -- the store

    async def _latest(self, measurement: Measurement, sites: Sequence[str]) -> list[Latest]:
        site = _only(measurement, sites)
        found = await self._newest.get((measurement.name, site), lambda: self._reader.latest(measurement, site))
        return _of(found, measurement, sites)

    async def _rows(self, measurement: Measurement, sites: Sequence[str], from_us: int, to_us: int) -> list[Row]:
        """Return rows of five minutes, in as many parts as the store needs. Raises `TooMuchError`."""
        site = _only(measurement, sites)
        where = {Tag.SITE: site} if site else {}
        rows: list[Row] = []
        low_us, part_us = from_us, to_us - from_us
        while low_us < to_us:
            high_us = min(low_us + part_us, to_us)
            found = await self._reader.history(measurement, where, low_us, high_us)
            if len(found) >= HISTORY_MAX_ROWS and part_us > BUCKET_US:
                part_us = max(BUCKET_US, bucket_of(part_us // 2))
                continue
            rows += found
            if len(rows) > ROWS_MAX or len(found) >= HISTORY_MAX_ROWS:
                raise TooMuchError(f"more than {ROWS_MAX} rows of five minutes of {measurement.name}")
            low_us = high_us
        return _of(rows, measurement, sites)


def _only(measurement: Measurement, sites: Sequence[str]) -> str:
    return sites[0] if measurement.of_site and len(sites) == 1 else ""


def _of(found: list[P], measurement: Measurement, sites: Sequence[str]) -> list[P]:
    if not measurement.of_site:
        return found
    wanted = frozenset(sites)
    return [one for one in found if one.tags[Tag.SITE] in wanted]


def _values(found: Mapping[Key, Newest]) -> dict[Key, float]:
    return {key: one.value for key, one in found.items()}


def _told(figure: KeyFigure, value: float | None, *, zero: bool, site: str = "") -> Told:
    """Return what is said of a value; `zero`: without one there is nothing to tell of."""
    if value is None and zero:
        if figure.quiet:
            return Told(None, Level.GOOD, figure.quiet, site)
        value = 0.0
    return Told(value, figure.levels.of(value), figure.levels.word(value), site)
