"""Loss and exceptions: what left unpaid, what is not where it belongs, and what a person has not looked at yet."""

from typing import Final

from dashboards.boards.names import LOSS
from dashboards.frame import Board, Section
from dashboards.influxql import Column, Fold, Question, Span
from dashboards.panels import bars, big, lines, rows
from dashboards.theme import less_is_better, none_is_good
from wire.measurement import Tag
from wire.measurements import DIFFERENCE, DISPOSITION, EXCEPTIONS, MOVEMENTS, POSTINGS

_SITE: Final = (Tag.SITE,)
_LEFT: Final = ((Tag.KIND, ("left_unsold",)),)
_CRITICAL: Final = ((Tag.SEVERITY, ("critical",)),)
_DAY_S: Final = 86_400.0

_NOW: Final = Section(
    "",
    (
        big(
            "Critical alarms",
            Question(EXCEPTIONS, (Column("open", "alarms"),), Span.NOW, choose=_SITE, only=_CRITICAL, zero=True),
            none_is_good(1, word="none"),
            "Nobody has acknowledged them. Act: they are on the store screen, with their evidence.",
        ),
        big(
            "All open alarms",
            Question(EXCEPTIONS, (Column("open", "alarms"),), Span.NOW, choose=_SITE, zero=True),
            none_is_good(20, word="none"),
            "Alarms of every kind that nobody has acknowledged.",
        ),
        big(
            "Oldest alarm",
            Question(EXCEPTIONS, (Column("oldest_s", "age", Fold.MAX),), Span.NOW, choose=_SITE, zero=True),
            less_is_better(_DAY_S / 3, _DAY_S),
            "How long the oldest of them waits. Act: above a day nobody looks at them.",
        ),
        big(
            "Left without a sale",
            Question(EXCEPTIONS, (Column("raised", "alarms"),), Span.TOTAL, choose=_SITE, only=_LEFT, zero=True),
            none_is_good(5, word="none"),
            "Items that left in this time, and no till, transfer or order knows of them.",
        ),
        big(
            "Not for sale",
            Question(DISPOSITION, (Column("units", "units"),), Span.NOW, choose=_SITE, zero=True),
            none_is_good(50, word="none"),
            "Units in transit, returned and not checked, damaged, missing, or left unsold.",
        ),
        big(
            "In doubt: unpaid",
            Question(
                DIFFERENCE, (Column("units", "units"),), Span.NOW, choose=_SITE, only=((Tag.CAUSE, ("left_unpaid",)),)
            ),
            none_is_good(10, word="none"),
            "Units that the book still has and that left, by comparing tags, book and counts.",
        ),
    ),
)

_WHAT: Final = Section(
    "What happened",
    (
        rows(
            "Alarms",
            Question(
                EXCEPTIONS,
                (
                    Column("open", "Open"),
                    Column("acknowledged", "Acknowledged"),
                    Column("oldest_s", "Oldest", Fold.MAX),
                ),
                Span.NOW,
                by=(Tag.SITE, Tag.KIND, Tag.SEVERITY),
                choose=_SITE,
            ),
            "By kind. docs/exceptions.md says what each means and what to do.",
            sort="Open",
            levels={"Oldest": less_is_better(_DAY_S / 3, _DAY_S)},
            nothing="no alarms",
        ),
        lines(
            "Alarms that began",
            [Question(EXCEPTIONS, (Column("raised", "alarms"),), Span.OVER, by=(Tag.KIND,), choose=_SITE)],
            "Many items that left unsold within minutes: organised theft, or a till that tells no sales.",
            alias="$tag_kind",
            stacked=True,
        ),
        lines(
            "Items that left",
            [
                Question(
                    MOVEMENTS,
                    (Column("units", "items"),),
                    Span.OVER,
                    by=(Tag.CAUSE,),
                    choose=_SITE,
                    only=((Tag.WENT_TO, ("OUT",)),),
                )
            ],
            "By cause: sold, transferred, or only left.",
            alias="$tag_cause",
            stacked=True,
        ),
        lines(
            "Units by what the books say of them",
            [Question(POSTINGS, (Column("units", "units"),), Span.OVER, by=(Tag.CAUSE,), choose=_SITE)],
            "Sales, returns, receipts, handings over, picks that failed, adjustments.",
            alias="$tag_cause",
            stacked=True,
        ),
        rows(
            "Not for sale",
            Question(
                DISPOSITION,
                (Column("units", "Units"),),
                Span.NOW,
                by=(Tag.SITE, Tag.STATE),
                choose=_SITE,
            ),
            "Returned and not checked: sales that wait for somebody to look at a bag.",
            sort="Units",
            nothing="none",
        ),
        bars(
            "Differences by cause",
            Question(DIFFERENCE, (Column("units", "units"),), Span.NOW, by=(Tag.CAUSE,), choose=_SITE),
            "Units where tags, book and counts differ.",
            alias="$tag_cause",
            width=12,
            height=10,
        ),
    ),
)

BOARD: Final = Board(
    *LOSS,
    "What left unpaid, what is not where it belongs, and what nobody has looked at yet. For loss prevention.",
    (_NOW, _WHAT),
    choose=(Tag.SITE,),
    since="now-24h",
)
