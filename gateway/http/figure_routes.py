"""`/v1/figures` and `/v1/series`: the embedded time series, as key figures and as lines. Behind the page `/boards`."""

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from gateway.figures.desk import Figures, TooMuchError
from gateway.figures.limits import SPAN_MAX_S, STEP_MIN_S
from gateway.figures.question import Fold
from gateway.http import answer, problem
from gateway.http import figure_examples as examples
from gateway.http.access import Caller, requires
from gateway.http.figure_asked import measurement_of, question_of, refuse, span_of
from gateway.http.figure_rows import FigureBoard, FoldName, SeriesAnswer, board, series
from gateway.http.known_site import known_site
from gateway.http.openapi import described
from gateway.http.ports import Queries
from gateway.http.problem import Problem, RefusedError
from gateway.keys.scopes import STAFF_READ
from wire.limits import ID_MAX_CHARS
from wire.measurement import Measurement

Staff = Annotated[Caller, Depends(requires(STAFF_READ))]
Site = Annotated[
    str | None, Query(description="only this site; without it all that the key may see", max_length=ID_MAX_CHARS)
]
INSTANT: Final = "RFC 3339 with an offset, such as 2026-11-22T05:45:00Z"


def _check_whole(caller: Caller, measurement: Measurement) -> None:
    """Refuse what belongs to no site to a key of some sites.

    Raises:
        RefusedError: 403.
    """
    if measurement.of_site or caller.sites is None:
        return
    own = sorted(caller.sites)
    detail = f"{measurement.name} is of the gateway, not of a site: key {caller.key_id} is for {', '.join(own)}"
    raise RefusedError(Problem(problem.SITE_NOT_ALLOWED, detail, {"value": measurement.name, "expected": own}))


def routes(figures: Figures, queries: Queries, clock: Callable[[], int]) -> APIRouter:
    """Return the routes; `clock` gives UTC microseconds."""
    router = APIRouter(tags=["operations"])

    async def names_of(caller: Caller, site: str | None) -> dict[str, str]:
        if site is not None:
            row = await known_site(queries, site)
            return {row.site: row.name}
        return {row.site: row.name for row in await queries.sites() if caller.sees(row.site)}

    @router.get(
        "/v1/figures",
        summary="Whether somebody has to act",
        response_class=Response,
        responses=described((FigureBoard,), {"one site": examples.BOARD}, problem.UNKNOWN_SITE),
    )
    async def key_figures(caller: Staff, site: Site = None) -> Response:
        """The key figures of the page `/boards` as they are now, each with its level and what to do.

        With several sites the value is that of all together, and the level that of the worst. A figure that is late
        is not known (`value` null).
        """
        names = await names_of(caller, site)
        found = await figures.key_figures(tuple(names))
        return answer.uncached(board(found, names, clock()))

    @router.get(
        "/v1/series",
        summary="A figure over time",
        response_class=Response,
        responses=described((SeriesAnswer,), {"by department": examples.SERIES}, problem.UNKNOWN_SITE),
    )
    async def lines(
        caller: Staff,
        measurement: Annotated[str, Query(description="of the catalogue (docs/series.md)", max_length=64)],
        field: Annotated[str, Query(description="a figure of the measurement", max_length=64)],
        *,
        site: Site = None,
        by: Annotated[str, Query(description="tags that tell lines apart, with commas", max_length=64)] = "",
        only: Annotated[str, Query(description="only series with TAG:VALUE or TAG:VALUE|VALUE", max_length=500)] = "",
        per: Annotated[str, Query(description="divided by this field", max_length=64)] = "",
        fold: Annotated[FoldName | None, Query(description="how several series become one")] = None,
        equals: Annotated[int | None, Query(description="count series whose newest value is this")] = None,
        start: Annotated[str | None, Query(alias="from", description=f"{INSTANT}; a day before `to`")] = None,
        to: Annotated[str | None, Query(description=f"{INSTANT}; now")] = None,
        step: Annotated[
            int, Query(description="seconds of a value, a multiple of 300", ge=STEP_MIN_S, le=SPAN_MAX_S)
        ] = STEP_MIN_S,
    ) -> Response:
        """Values of a measurement of the embedded time series, one for each step, oldest first.

        Gauges are as they were last (with `fold` min, max or mean: lowest, highest, mean of the step); where nobody
        said it, null. Deltas are added up; 0 where nothing happened. A line has 2,016 values at most, an answer 50
        lines (`left_out` says how many more there are).
        """
        asked = measurement_of(measurement)
        _check_whole(caller, asked)
        question = question_of(
            asked, field, fold=None if fold is None else Fold(fold), by=by, only=only, per=per, equals=equals
        )
        span = span_of(start, to, step, clock())
        names = await names_of(caller, site)
        try:
            found = await figures.lines(question, tuple(names), *span)
        except TooMuchError as error:
            refuse("from", start or "", "less time, or one site", f"{error}: ask for less time, or for one site")
        return answer.uncached(series(question, found, span.from_us, span.to_us, step))

    return router
