"""Replenishment: what to bring to the floor now, and which sizes a shopper misses."""

from typing import Final

from dashboards.boards.names import REPLENISHMENT, STOCK_TRUTH, way
from dashboards.frame import Board, Section
from dashboards.influxql import Column, Fold, Question, Span
from dashboards.panels import big, lines, matrix, rows
from dashboards.theme import less_is_better, more_is_better, none_is_good
from wire.measurement import Tag
from wire.measurements import BACKLOG, FLOOR, SIZE_GAP, SIZE_GAP_RUN, STOCK_SKU, STOCK_ZONE, TASK_FLOW, ZONE

_REFILL: Final = ((Tag.TASK, ("refill",)),)
_BEHIND: Final = ("shown", 1)
"""`stock_sku.shown`: the floor has none of it, the back room has."""

_HOUR_S: Final = 3_600.0

_NOW: Final = Section(
    "",
    (
        big(
            "To bring now",
            Question(FLOOR, (Column("behind", "SKUs"),), Span.NOW),
            none_is_good(10, word="nothing to bring"),
            "Sizes that a shopper does not find though the back room has them. Act: work through the list below.",
        ),
        big(
            "Oldest refill",
            Question(BACKLOG, (Column("oldest_s", "age", Fold.MAX),), Span.NOW, only=_REFILL, zero=True),
            less_is_better(1_800, _HOUR_S),
            "How long the oldest refill task waits. Act: above an hour nobody is working on them.",
        ),
        big(
            "Overdue",
            Question(BACKLOG, (Column("overdue", "tasks"),), Span.NOW, only=_REFILL, zero=True),
            none_is_good(5, word="none overdue"),
            "Refill tasks whose time is over.",
        ),
        big(
            "Size gaps",
            Question(SIZE_GAP, (Column("runs", "runs"),), Span.NOW, zero=True),
            none_is_good(10, word="no gaps"),
            "Styles in a colour of which shoppers miss sizes: core sizes, too few sizes, or all of them.",
        ),
        big(
            "Floor availability",
            Question(FLOOR, (Column("availability", "share", Fold.MEAN),), Span.NOW),
            more_is_better(0.95, 0.9),
            "Of the sizes that the site has and that belong on the floor, those on show; mean over departments.",
        ),
        big(
            "Blind zones",
            Question(ZONE, (Column("looked", "zones", Fold.COUNT),), Span.NOW, when=("looked", 0), zero=True),
            none_is_good(1, word="all seen"),
            "Zones that nobody looks at: no refill is asked for or closed there. Act: look at Devices.",
            link=way(STOCK_TRUTH),
        ),
    ),
)

_WHAT: Final = Section(
    "What to bring",
    (
        rows(
            "Not on the floor, in the back room",
            Question(
                STOCK_SKU,
                (
                    Column("back", "In the back room"),
                    Column("floor", "On the floor"),
                    Column("low", "Belong there"),
                ),
                Span.NOW,
                by=(Tag.SITE, Tag.DEPARTMENT, Tag.STYLE, Tag.COLOUR, Tag.SIZE, Tag.GTIN),
                choose=(Tag.SITE, Tag.DEPARTMENT, Tag.STYLE),
                when=_BEHIND,
            ),
            "One row for each size to bring. The tasks themselves, with places and items, are on the store screen.",
            sort="In the back room",
            width=14,
            nothing="nothing to bring",
        ),
        rows(
            "Broken size runs",
            Question(
                SIZE_GAP_RUN,
                (
                    Column("missing", "Sizes missing"),
                    Column("core_missing", "Core sizes missing"),
                    Column("sizes", "Sizes"),
                    Column("age_s", "Since", Fold.MAX),
                ),
                Span.NOW,
                by=(Tag.DEPARTMENT, Tag.STYLE, Tag.COLOUR, Tag.GAP),
                choose=(Tag.SITE, Tag.DEPARTMENT, Tag.STYLE),
                when=("open", 1),
            ),
            "Styles in a colour with a gap. What the back room has too little of is to be ordered.",
            sort="Core sizes missing",
            levels={"Since": less_is_better(_HOUR_S, 4 * _HOUR_S)},
            width=10,
            nothing="no gaps",
        ),
        matrix(
            "Sizes of the chosen style (choose one above)",
            Question(
                STOCK_SKU,
                (Column("shown", "state", Fold.MIN),),
                Span.NOW,
                by=(Tag.COLOUR, Tag.SIZE),
                choose=(Tag.SITE, Tag.DEPARTMENT, Tag.STYLE),
            ),
            "Where a shopper finds each size: shown, the last unit, behind (in the back room), absent, or not known. "
            "With several sites or styles chosen, the worst of them stands here.",
            down=Tag.COLOUR,
            across=Tag.SIZE,
        ),
        rows(
            "Where the chosen styles lie",
            Question(
                STOCK_ZONE,
                (Column("units", "Units"),),
                Span.NOW,
                by=(Tag.SITE, Tag.ZONE, Tag.ZONE_KIND),
                choose=(Tag.SITE, Tag.DEPARTMENT, Tag.STYLE),
            ),
            "Tagged units that are believed to be there, by zone.",
            sort="Units",
            width=24,
            height=7,
        ),
    ),
)

_FLOW: Final = Section(
    "How it goes",
    (
        lines(
            "Floor availability",
            [Question(FLOOR, (Column("availability", "share", Fold.MEAN),), Span.OVER, by=(Tag.DEPARTMENT,))],
            "By department; below the dashed lines look, then act.",
            alias="$tag_department",
            levels=more_is_better(0.95, 0.9),
        ),
        lines(
            "Tasks that wait",
            [
                Question(
                    BACKLOG,
                    (Column("open", "open"), Column("claimed", "taken"), Column("overdue", "overdue")),
                    Span.OVER,
                    only=_REFILL,
                )
            ],
            "Refill tasks. Open grows and taken does not: nobody is there.",
        ),
        lines(
            "Tasks that came and went",
            [
                Question(
                    TASK_FLOW,
                    (
                        Column("opened", "opened"),
                        Column("done", "done by people"),
                        Column("closed", "closed by reads"),
                        Column("cannot", "could not be done"),
                        Column("reopened", "opened again"),
                    ),
                    Span.OVER,
                    only=_REFILL,
                )
            ],
            "Opened again often: goods do not arrive where people say that they put them.",
        ),
        lines(
            "From opening to end",
            [
                Question(
                    TASK_FLOW,
                    (Column("took_s", "mean", per=("done", "closed", "cannot")),),
                    Span.OVER,
                    only=_REFILL,
                )
            ],
            "How long a refill takes, on average over those that ended.",
            levels=less_is_better(1_800, _HOUR_S),
        ),
        lines(
            "Size gaps",
            [Question(SIZE_GAP, (Column("runs", "runs"),), Span.OVER, by=(Tag.GAP,))],
            "By kind: nothing of it shown, a core size missing, a broken run.",
            alias="$tag_gap",
        ),
        lines(
            "Sizes by where they are",
            [
                Question(
                    FLOOR,
                    (
                        Column("carried", "belong on the floor"),
                        Column("shown", "shown"),
                        Column("last", "of these the last unit"),
                        Column("behind", "in the back room only"),
                        Column("absent", "not in the site"),
                        Column("unknown", "not known"),
                    ),
                    Span.OVER,
                )
            ],
            "Absent sizes are no matter of refill: they have to be ordered or transferred.",
        ),
    ),
)

BOARD: Final = Board(
    *REPLENISHMENT,
    "What to bring to the floor now, and which sizes a shopper misses. For replenishment staff and store managers.",
    (_NOW, _WHAT, _FLOW),
    choose=(Tag.SITE, Tag.DEPARTMENT, Tag.STYLE),
    since="now-12h",
)
