"""Chain overview: which store needs somebody."""

from typing import Final

from dashboards.boards.names import CHAIN, DEVICES, LOSS, ORDERS, REPLENISHMENT, STOCK_TRUTH, way
from dashboards.frame import Board, Section
from dashboards.influxql import Column, Fold, Question, Span
from dashboards.panels import big, lines, rows
from dashboards.theme import less_is_better, more_is_better, none_is_good
from wire.measurement import Tag
from wire.measurements import BACKLOG, EXCEPTIONS, SITE, SIZE_GAP

_SITE: Final = (Tag.SITE,)

_NOW: Final = Section(
    "",
    (
        big(
            "Floor availability",
            Question(SITE, (Column("floor_availability", "share", Fold.MIN),), Span.NOW, choose=_SITE),
            more_is_better(0.95, 0.9),
            "Of the worst store. Act: its refill list.",
            link=way(REPLENISHMENT),
        ),
        big(
            "Tasks that wait",
            Question(SITE, (Column("tasks_waiting", "tasks"),), Span.NOW, choose=_SITE),
            none_is_good(200, word="none"),
            "In all stores.",
            link=way(REPLENISHMENT),
        ),
        big(
            "Holds without goods",
            Question(SITE, (Column("wanting", "units"),), Span.NOW, choose=_SITE),
            none_is_good(1, word="none"),
            "Units that were lost and have no successor. Act: the buyers wait.",
            link=way(ORDERS),
        ),
        big(
            "Open alarms",
            Question(SITE, (Column("alarms_open", "alarms"),), Span.NOW, choose=_SITE),
            none_is_good(50, word="none"),
            "In all stores.",
            link=way(LOSS),
        ),
        big(
            "Blind zones",
            Question(SITE, (Column("zones_blind", "zones"),), Span.NOW, choose=_SITE),
            none_is_good(1, word="all seen"),
            "In all stores.",
            link=way(STOCK_TRUTH),
        ),
        big(
            "Edges there",
            Question(SITE, (Column("edges_online", "share", per=("edges",)),), Span.NOW, choose=_SITE),
            more_is_better(1, 0.9),
            "Of the edges that ever were, those that are there.",
            link=way(DEVICES),
        ),
    ),
)

_STORES: Final = Section(
    "Stores",
    (
        rows(
            "Stores: choose one",
            Question(
                SITE,
                (
                    Column("floor_availability", "Floor availability", Fold.MIN),
                    Column("tasks_waiting", "Tasks"),
                    Column("alarms_open", "Alarms"),
                    Column("wanting", "Without goods"),
                    Column("zones_blind", "Blind zones"),
                    Column("zones_live", "Live zones"),
                    Column("edges_online", "Edges there"),
                    Column("devices_up", "Devices up"),
                    Column("devices", "Devices"),
                    Column("on_hand", "Units"),
                    Column("sellable", "Sellable"),
                    Column("promised", "Can be promised"),
                    Column("held", "Held"),
                    Column("skus", "SKUs"),
                ),
                Span.NOW,
                by=(Tag.SITE,),
                choose=_SITE,
            ),
            "One row for each store; its name leads to its refill list.",
            sort="Tasks",
            levels={
                "Floor availability": more_is_better(0.95, 0.9),
                "Without goods": none_is_good(1, word="none"),
                "Blind zones": none_is_good(1, word="all seen"),
            },
            links={Tag.SITE: way(REPLENISHMENT, "site")},
            width=24,
            height=12,
        ),
    ),
)

_FLOW: Final = Section(
    "How it goes",
    (
        lines(
            "Floor availability",
            [
                Question(
                    SITE, (Column("floor_availability", "share", Fold.MIN),), Span.OVER, by=(Tag.SITE,), choose=_SITE
                )
            ],
            "By store; below the dashed lines look, then act.",
            alias="$tag_site",
            levels=more_is_better(0.95, 0.9),
        ),
        lines(
            "Units: in stores, sellable, promised",
            [
                Question(
                    SITE,
                    (
                        Column("on_hand", "in stores"),
                        Column("sellable", "sellable"),
                        Column("promised", "can be promised"),
                    ),
                    Span.OVER,
                    choose=_SITE,
                )
            ],
            "Of the whole chain.",
        ),
        lines(
            "Oldest task",
            [Question(BACKLOG, (Column("oldest_s", "age", Fold.MAX),), Span.OVER, by=(Tag.SITE,), choose=_SITE)],
            "By store: where nobody works on them.",
            alias="$tag_site",
            levels=less_is_better(3_600, 4 * 3_600),
        ),
        lines(
            "Units to be moved",
            [Question(BACKLOG, (Column("units", "units"),), Span.OVER, by=(Tag.TASK,), choose=_SITE)],
            "By kind of task.",
            alias="$tag_task",
            stacked=True,
        ),
        lines(
            "Oldest size gap",
            [Question(SIZE_GAP, (Column("oldest_s", "age", Fold.MAX),), Span.OVER, by=(Tag.SITE,), choose=_SITE)],
            "By store: sizes that nobody brings, or that nobody has ordered.",
            alias="$tag_site",
        ),
        lines(
            "Alarms that began",
            [Question(EXCEPTIONS, (Column("raised", "alarms"),), Span.OVER, by=(Tag.SITE,), choose=_SITE)],
            "By store; a burst in one of them is worth a call.",
            alias="$tag_site",
            stacked=True,
        ),
    ),
)

BOARD: Final = Board(
    *CHAIN,
    "Which store needs somebody. For regional managers and operations.",
    (_NOW, _STORES, _FLOW),
    choose=(Tag.SITE,),
    since="now-24h",
)
