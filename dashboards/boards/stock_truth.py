"""Stock truth: can the figures be trusted, where not, and what to count or mend."""

from typing import Final

from dashboards.boards.names import DEVICES, STOCK_TRUTH, way
from dashboards.frame import Board, Section
from dashboards.influxql import Column, Fold, Question, Span
from dashboards.panels import bars, big, lines, rows, states
from dashboards.theme import less_is_better, more_is_better, none_is_good
from wire.measurement import Tag
from wire.measurements import ACCURACY, BOOKS, CONFIDENCE, DIFFERENCE, FOLD, MOVEMENTS, SITE, ZONE

_SITE: Final = (Tag.SITE,)
_ZONE: Final = (Tag.SITE, Tag.ZONE)

_NOW: Final = Section(
    "",
    (
        big(
            "Blind zones",
            Question(SITE, (Column("zones_blind", "zones"),), Span.NOW, choose=_SITE),
            none_is_good(1, word="all seen"),
            "Zones that nobody looks at: their counts are the last that were known. Act: look at Devices.",
            link=way(DEVICES),
        ),
        big(
            "Items in blind zones",
            Question(ACCURACY, (Column("blind_share", "share", Fold.MAX),), Span.NOW, choose=_SITE),
            less_is_better(0.02, 0.1),
            "Share of all items; with several sites, the worst.",
        ),
        big(
            "Items in doubt",
            Question(ACCURACY, (Column("uncertain_items", "share", Fold.MAX),), Span.NOW, choose=_SITE),
            less_is_better(0.1, 0.25),
            "Share of items of whose zone the engine is less sure than 0.9. Act: count the zones below.",
        ),
        big(
            "Count agreed",
            Question(ACCURACY, (Column("count_item_agreement", "share", Fold.MIN),), Span.NOW, choose=_SITE),
            more_is_better(0.97, 0.92),
            "Of the items of the last cycle count, those that were where the engine said. Without a count: not known.",
        ),
        big(
            "Oversold",
            Question(BOOKS, (Column("oversold", "units", Fold.MAX),), Span.NOW, choose=_SITE),
            none_is_good(1, word="none"),
            "Units that active holds count on and that are not there. Anything but none is a defect: see the runbook.",
        ),
        big(
            "Books that disagree",
            Question(BOOKS, (Column("drift", "faults", Fold.MAX),), Span.NOW, choose=_SITE),
            none_is_good(1, word="none"),
            "Counts, places or states that do not follow from the ledger. Act: `lastunit gateway verify`.",
        ),
    ),
)

_WHERE: Final = Section(
    "Where",
    (
        states(
            "Who looks where",
            Question(ZONE, (Column("looked", "looked", Fold.MIN),), Span.OVER, by=(Tag.SITE, Tag.ZONE), choose=_ZONE),
            "A zone is blind when none of its antennas really looks. What lies there is kept, and said to be stale.",
            alias="$tag_site $tag_zone",
        ),
        rows(
            "Zones",
            Question(
                ZONE,
                (
                    Column("looked", "Looked at", Fold.MIN),
                    Column("look_age_s", "Last look", Fold.MAX),
                    Column("state_age_s", "Since", Fold.MAX),
                    Column("units", "Units"),
                ),
                Span.NOW,
                by=(Tag.SITE, Tag.ZONE, Tag.ZONE_KIND),
                choose=_ZONE,
            ),
            "Every zone: whether somebody looks, and since when that is so.",
            sort="Last look",
        ),
        rows(
            "Where tags, book and counts differ",
            Question(
                DIFFERENCE,
                (Column("skus", "SKUs"), Column("units", "Units")),
                Span.NOW,
                by=(Tag.SITE, Tag.CAUSE),
                choose=_SITE,
            ),
            "By what most likely lies behind it. Act: `lastunit reconcile` lists the SKUs with what to do.",
            sort="Units",
            nothing="no difference",
        ),
    ),
)

_SURE: Final = Section(
    "How sure",
    (
        bars(
            "SKUs by confidence",
            Question(CONFIDENCE, (Column("skus", "SKUs"),), Span.NOW, by=(Tag.BAND,), choose=_SITE),
            "By the probability that what is said to be sellable can be sold.",
            alias="$tag_band",
        ),
        lines(
            "Sellable units by confidence",
            [Question(CONFIDENCE, (Column("units", "units"),), Span.OVER, by=(Tag.BAND,), choose=_SITE)],
            "Bands that sink while others rise: a reader hears less than it did.",
            alias="$tag_band",
            stacked=True,
            width=8,
        ),
        lines(
            "Items in doubt, items in blind zones",
            [
                Question(
                    ACCURACY,
                    (
                        Column("uncertain_items", "in doubt", Fold.MAX),
                        Column("blind_share", "in blind zones", Fold.MAX),
                    ),
                    Span.OVER,
                    choose=_SITE,
                )
            ],
            "Shares of all items; with several sites, the worst.",
            levels=less_is_better(0.1, 0.25),
            width=8,
        ),
        lines(
            "Expected error of a count",
            [
                Question(
                    ACCURACY,
                    (Column("expected_count_error", "units", Fold.MEAN),),
                    Span.OVER,
                    by=(Tag.SITE,),
                    choose=_SITE,
                )
            ],
            "By how many units the count of a SKU in a zone is wrong, on average, as the engine itself expects.",
            alias="$tag_site",
            width=8,
        ),
        lines(
            "Agreement with counts and book",
            [
                Question(
                    ACCURACY,
                    (
                        Column("count_item_agreement", "items counted", Fold.MIN),
                        Column("count_cell_agreement", "SKUs counted", Fold.MIN),
                        Column("book_agreement", "SKUs of the book", Fold.MIN),
                    ),
                    Span.OVER,
                    choose=_SITE,
                )
            ],
            "With several sites, the worst.",
            levels=more_is_better(0.97, 0.92),
        ),
        lines(
            "Units by zone",
            [Question(ZONE, (Column("units", "units"),), Span.OVER, by=(Tag.ZONE,), choose=_ZONE)],
            "A step that nobody carried is a reader that fell silent, or one that began to hear through a wall.",
            alias="$tag_zone",
        ),
        lines(
            "Movements by cause",
            [Question(MOVEMENTS, (Column("units", "items"),), Span.OVER, by=(Tag.CAUSE,), choose=_SITE)],
            "Items that moved, came and went, and why the engine says so.",
            alias="$tag_cause",
            stacked=True,
        ),
        lines(
            "From happening to decision",
            [
                Question(
                    MOVEMENTS, (Column("delay_s", "mean", per=("units",)),), Span.OVER, by=(Tag.CAUSE,), choose=_SITE
                )
            ],
            "How long after the first read of a new place the engine believed it.",
            alias="$tag_cause",
        ),
        lines(
            "How far the fold is",
            [Question(FOLD, (Column("age_ms", "age", Fold.MAX),), Span.OVER, by=(Tag.SITE,), choose=_SITE)],
            "Age of the newest instant that the figures above know of.",
            alias="$tag_site",
        ),
        lines(
            "The look at the books",
            [
                Question(
                    BOOKS,
                    (Column("offer_faults", "disagreements of offers and holds", Fold.MAX),),
                    Span.OVER,
                    choose=_SITE,
                )
            ],
            "Disagreements of what is offered or held with what is there.",
            levels=none_is_good(1),
        ),
        lines(
            "Since the last look at the books",
            [Question(BOOKS, (Column("looked_s", "age", Fold.MAX),), Span.OVER, by=(Tag.SITE,), choose=_SITE)],
            "The figures above are as old as this.",
            alias="$tag_site",
        ),
    ),
)

BOARD: Final = Board(
    *STOCK_TRUTH,
    "Can the figures be trusted, where not, and what is to be counted or mended. For whoever answers for the stock.",
    (_NOW, _WHERE, _SURE),
    choose=(Tag.SITE, Tag.ZONE),
    since="now-24h",
)
