"""Availability and orders: what can be promised, what is held, and whether promises are kept."""

from typing import Final

from dashboards.boards.names import ORDERS, STOCK_TRUTH, way
from dashboards.frame import Board, Section
from dashboards.influxql import Column, Fold, Question, Span
from dashboards.panels import bars, big, lines, rows
from dashboards.theme import less_is_better, more_is_better, none_is_good
from wire.measurement import Tag
from wire.measurements import (
    BACKLOG,
    BOOKS,
    CALIBRATION,
    PROMISE,
    RESERVATION_FLOW,
    RESERVATIONS,
    STOCK_SKU,
    TASK_FLOW,
)

_SITE: Final = (Tag.SITE,)
_PICK: Final = ((Tag.TASK, ("pick",)),)
_ORDER: Final = ((Tag.TASK, ("pick", "pack", "hand_over")),)
_ENDED: Final = ((Tag.STEP, ("fulfilled", "released", "expired")),)
_HOUR_S: Final = 3_600.0

_NOW: Final = Section(
    "",
    (
        big(
            "Without goods",
            Question(RESERVATIONS, (Column("wanting", "units"),), Span.NOW, choose=_SITE, zero=True),
            none_is_good(1, word="none"),
            "Units of active holds that were lost and have no successor. Act: offer the buyer something else.",
        ),
        big(
            "Steps overdue",
            Question(BACKLOG, (Column("overdue", "tasks"),), Span.NOW, only=_ORDER, zero=True),
            none_is_good(5, word="none overdue"),
            "Picks, packings and handings over whose time is over. Act: they are on the store screen.",
        ),
        big(
            "Oldest step",
            Question(BACKLOG, (Column("oldest_s", "age", Fold.MAX),), Span.NOW, only=_ORDER, zero=True),
            less_is_better(_HOUR_S, 4 * _HOUR_S),
            "How long the oldest step of an order waits.",
        ),
        big(
            "Picks that failed",
            Question(
                TASK_FLOW, (Column("cannot", "share", per=("done", "cannot")),), Span.TOTAL, only=_PICK, choose=_SITE
            ),
            less_is_better(0.02, 0.05),
            "Of the picks that ended in this time, those where the item was not there.",
        ),
        big(
            "Promises kept",
            Question(CALIBRATION, (Column("found", "share", per=("asked",)),), Span.TOTAL, choose=_SITE),
            more_is_better(0.98, 0.95),
            "Of the items that somebody went for in this time, those that were there.",
        ),
        big(
            "Oversold",
            Question(BOOKS, (Column("oversold", "units", Fold.MAX),), Span.NOW, choose=_SITE),
            none_is_good(1, word="none"),
            "Units that active holds count on and that are not there. Anything but none is a defect: see the runbook.",
            link=way(STOCK_TRUTH),
        ),
    ),
)

_OFFER: Final = Section(
    "What can be promised",
    (
        lines(
            "Sellable, promised, held",
            [
                Question(
                    PROMISE,
                    (
                        Column("on_hand", "in the site"),
                        Column("sellable", "sellable"),
                        Column("promised", "can be promised"),
                        Column("held", "held"),
                    ),
                    Span.OVER,
                )
            ],
            "The distance between sellable and promised is what uncertainty costs.",
        ),
        lines(
            "SKUs on offer",
            [
                Question(
                    PROMISE,
                    (
                        Column("skus", "with a sellable unit"),
                        Column("skus_promised", "of these on offer"),
                        Column("last_units", "of these the last unit"),
                    ),
                    Span.OVER,
                )
            ],
            "Last units on offer: sales that a safety stock would hide.",
        ),
        rows(
            "Departments",
            Question(
                PROMISE,
                (
                    Column("sellable", "Sellable"),
                    Column("promised", "Can be promised"),
                    Column("held", "Held"),
                    Column("confidence", "Confidence", Fold.MEAN),
                ),
                Span.NOW,
                by=(Tag.SITE, Tag.DEPARTMENT),
            ),
            "Confidence: mean over the SKUs of the department.",
            sort="Sellable",
            levels={"Confidence": more_is_better(0.95, 0.9)},
        ),
        rows(
            "Sizes of the chosen style (choose one above)",
            Question(
                STOCK_SKU,
                (
                    Column("on_hand", "In the site"),
                    Column("sellable", "Sellable"),
                    Column("untagged", "Without tags"),
                    Column("promised", "Can be promised"),
                    Column("held", "Held"),
                    Column("confidence", "Confidence", Fold.MIN),
                ),
                Span.NOW,
                by=(Tag.SITE, Tag.STYLE, Tag.COLOUR, Tag.SIZE),
                choose=(Tag.SITE, Tag.DEPARTMENT, Tag.STYLE),
            ),
            "Size by size.",
            sort="Sellable",
            levels={"Confidence": more_is_better(0.95, 0.9)},
        ),
    ),
)

_HOLDS: Final = Section(
    "Holds and orders",
    (
        lines(
            "Active holds",
            [Question(RESERVATIONS, (Column("units", "units"),), Span.OVER, by=(Tag.STATE,), choose=_SITE)],
            "Units by state: held, confirmed, picked.",
            alias="$tag_state",
            stacked=True,
        ),
        lines(
            "Holds that came and went",
            [Question(RESERVATION_FLOW, (Column("holds", "holds"),), Span.OVER, by=(Tag.STEP,), choose=_SITE)],
            "Many that expire: checkouts that are left, or a channel that holds too early.",
            alias="$tag_step",
        ),
        rows(
            "By channel",
            Question(
                RESERVATIONS,
                (
                    Column("holds", "Holds"),
                    Column("units", "Units"),
                    Column("wanting", "Without goods"),
                    Column("oldest_s", "Oldest", Fold.MAX),
                ),
                Span.NOW,
                by=(Tag.CHANNEL, Tag.MODE, Tag.STATE),
                choose=_SITE,
            ),
            "Holds that are not over.",
            sort="Units",
            levels={"Without goods": none_is_good(1, word="0")},
            nothing="no holds",
        ),
        lines(
            "Units that buyers did not get",
            [
                Question(
                    RESERVATION_FLOW,
                    (Column("wanting", "share without goods", per=("units",)),),
                    Span.OVER,
                    by=(Tag.CHANNEL,),
                    choose=_SITE,
                    only=_ENDED,
                )
            ],
            "Of the units of holds that are over, those that the buyer did not get for want of them.",
            alias="$tag_channel",
            levels=less_is_better(0.02, 0.05),
        ),
        lines(
            "Steps of orders that wait",
            [Question(BACKLOG, (Column("open", "open"),), Span.OVER, by=(Tag.TASK,), only=_ORDER)],
            "Tasks that nobody has taken.",
            alias="$tag_task",
        ),
        lines(
            "Steps of orders",
            [
                Question(
                    TASK_FLOW,
                    (
                        Column("done", "done"),
                        Column("cannot", "could not be done"),
                        Column("closed", "not needed any more"),
                    ),
                    Span.OVER,
                    by=(Tag.TASK,),
                    choose=_SITE,
                    only=_ORDER,
                )
            ],
            "What the store did.",
            alias="$tag_task: $col",
        ),
    ),
)

_CALIBRATION: Final = Section(
    "Were promises kept?",
    (
        bars(
            "Found, of those asked for",
            Question(
                CALIBRATION, (Column("found", "found", per=("asked",)),), Span.TOTAL, by=(Tag.BAND,), choose=_SITE
            ),
            "By what had been said when it was held. An honest engine finds 97 % of what it said with 0.97.",
            alias="$tag_band",
            width=12,
        ),
        bars(
            "Expected, of those asked for",
            Question(
                CALIBRATION, (Column("expected", "expected", per=("asked",)),), Span.TOTAL, by=(Tag.BAND,), choose=_SITE
            ),
            "As the probabilities said: to be held against what was found, beside it.",
            alias="$tag_band",
            width=12,
        ),
    ),
)

BOARD: Final = Board(
    *ORDERS,
    "What can be promised, what is held, and whether promises are kept. For whoever answers for the channels.",
    (_NOW, _OFFER, _HOLDS, _CALIBRATION),
    choose=(Tag.SITE, Tag.DEPARTMENT, Tag.STYLE),
    since="now-24h",
)
