"""Pipeline: does the gateway keep up; rate, errors and duration of what it does."""

from typing import Final

from dashboards.boards.names import PIPELINE
from dashboards.frame import Board, Section
from dashboards.influxql import Column, Fold, Question, Span
from dashboards.panels import big, lines, rows
from dashboards.theme import YES_NO, less_is_better, none_is_good
from wire.measurement import Tag
from wire.measurements import API, FOLD, PUSH, SERIES_STORE
from wire.measurements import PIPELINE as GATEWAY

_SITE: Final = (Tag.SITE,)
_ERRORS: Final = ((Tag.STATUS, ("5xx",)),)

_NOW: Final = Section(
    "",
    (
        big(
            "Lag of the fold",
            Question(FOLD, (Column("lag_ms", "lag", Fold.MAX),), Span.NOW, choose=_SITE),
            less_is_better(5_000, 30_000),
            "How long the oldest entry waits to be folded; the worst site. Act: see the runbook.",
        ),
        big(
            "Broker",
            Question(
                GATEWAY, (Column("source_connected", "broker", Fold.LAST),), Span.NOW, by=(Tag.GATEWAY,), choose=()
            ),
            YES_NO,
            "Whether the gateway hears the broker. no: no store is heard; edges keep what they have.",
        ),
        big(
            "Server errors",
            Question(API, (Column("requests", "requests"),), Span.TOTAL, choose=(), only=_ERRORS, zero=True),
            none_is_good(1, word="none"),
            "Requests of this time that were answered by 5xx.",
        ),
        big(
            "Slowest answers",
            Question(API, (Column("p99_ms", "p99", Fold.MAX),), Span.NOW, choose=()),
            less_is_better(100, 1_000),
            "The p99 of the slowest route in the last seconds.",
        ),
        big(
            "Webhooks that fail",
            Question(PUSH, (Column("webhooks_failing", "webhooks", Fold.MAX),), Span.NOW, choose=()),
            none_is_good(1, word="none"),
            "Channels that do not take what is told to them.",
        ),
        big(
            "Points that wait",
            Question(SERIES_STORE, (Column("waiting_s", "age", Fold.MAX),), Span.NOW, choose=()),
            less_is_better(60, 600),
            "How long these figures wait for the server of time series.",
        ),
    ),
)

_FLOW: Final = Section(
    "From the broker to the counts",
    (
        lines(
            "Messages",
            [
                Question(
                    GATEWAY,
                    (
                        Column("appended", "entered a log"),
                        Column("duplicates", "were there already"),
                        Column("holes", "came too early"),
                        Column("rejected", "refused"),
                    ),
                    Span.OVER,
                    choose=(),
                )
            ],
            "Those that come too early are asked for again; duplicates: an edge did not hear the acknowledgement.",
        ),
        lines(
            "Failures",
            [
                Question(
                    GATEWAY,
                    (
                        Column("ingest_failures", "commits of the ingest"),
                        Column("fold_failures", "folds"),
                        Column("relay_failures", "turns of the relay"),
                    ),
                    Span.OVER,
                    choose=(),
                )
            ],
            "Each is tried again; many in a row are a database that is away.",
        ),
        lines(
            "Lag of the fold",
            [Question(FOLD, (Column("lag_ms", "lag", Fold.MAX),), Span.OVER, by=(Tag.SITE,), choose=_SITE)],
            "How long the oldest entry of a site's log waits.",
            alias="$tag_site",
            levels=less_is_better(5_000, 30_000),
        ),
        lines(
            "Entries that wait",
            [Question(FOLD, (Column("behind", "entries"),), Span.OVER, by=(Tag.SITE,), choose=_SITE)],
            "In the logs of the sites.",
            alias="$tag_site",
        ),
        lines(
            "Observations folded",
            [
                Question(
                    FOLD,
                    (
                        Column("observations", "ours"),
                        Column("foreign", "others' tags"),
                        Column("refused", "no antenna of ours, or too many items"),
                    ),
                    Span.OVER,
                    choose=_SITE,
                )
            ],
            "By all sites together.",
        ),
        lines(
            "Cannot be read",
            [
                Question(
                    FOLD,
                    (
                        Column("undecodable", "undecodable"),
                        Column("quarantined", "in quarantine"),
                        Column("entries", "entries"),
                    ),
                    Span.OVER,
                    choose=_SITE,
                )
            ],
            "Beside all entries: what made no sense is kept for a person to look at.",
        ),
        lines(
            "Commits, acknowledgements, changes",
            [
                Question(
                    GATEWAY,
                    (Column("commits", "commits"), Column("acks", "acknowledgements"), Column("relayed", "changes")),
                    Span.OVER,
                    choose=(),
                )
            ],
            "The steps of the way.",
        ),
        lines(
            "Changes that wait",
            [Question(GATEWAY, (Column("relay_waiting", "changes"),), Span.OVER, by=(Tag.GATEWAY,), choose=())],
            "For their place in the feed of changes.",
            alias="$tag_gateway",
        ),
    ),
)

_API: Final = Section(
    "Requests: rate, errors, duration",
    (
        lines(
            "Requests",
            [Question(API, (Column("requests", "requests"),), Span.OVER, by=(Tag.STATUS,), choose=())],
            "By class of status.",
            alias="$tag_status",
            stacked=True,
        ),
        lines(
            "Duration",
            [
                Question(
                    API,
                    (
                        Column("p50_ms", "p50 of the slowest route", Fold.MAX),
                        Column("p95_ms", "p95", Fold.MAX),
                        Column("p99_ms", "p99", Fold.MAX),
                        Column("max_ms", "slowest", Fold.MAX),
                    ),
                    Span.OVER,
                    choose=(),
                )
            ],
            "Until an answer begins.",
            levels=less_is_better(100, 1_000),
        ),
        rows(
            "Routes",
            Question(
                API, (Column("requests", "Requests"),), Span.TOTAL, by=(Tag.ROUTE, Tag.METHOD, Tag.STATUS), choose=()
            ),
            "In this time.",
            sort="Requests",
        ),
        lines(
            "Lateness of the event loop",
            [Question(GATEWAY, (Column("loop_lag_ms", "late", Fold.MAX),), Span.OVER, by=(Tag.GATEWAY,), choose=())],
            "Anything that holds the loop up holds everybody up.",
            alias="$tag_gateway",
            levels=less_is_better(100, 500),
        ),
    ),
)

_OUT: Final = Section(
    "What is told, and these figures themselves",
    (
        lines(
            "Webhooks",
            [
                Question(
                    PUSH,
                    (
                        Column("webhooks", "addresses", Fold.MAX),
                        Column("webhooks_failing", "fail", Fold.MAX),
                        Column("dead_letters", "refused for good", Fold.MAX),
                        Column("behind", "changes behind, the slowest", Fold.MAX),
                    ),
                    Span.OVER,
                    choose=(),
                )
            ],
            "What is told to channels.",
        ),
        lines(
            "Points",
            [
                Question(
                    SERIES_STORE,
                    (
                        Column("points", "written"),
                        Column("sent", "taken by the server"),
                        Column("refused", "refused by it"),
                        Column("dropped", "dropped: too many wait"),
                        Column("over_limit", "left out: too many series"),
                        Column("unfit", "left out: unfit"),
                    ),
                    Span.OVER,
                    choose=(),
                )
            ],
            "Of the time series themselves.",
        ),
        lines(
            "Points that wait",
            [
                Question(
                    SERIES_STORE,
                    (Column("waiting_points", "points"),),
                    Span.OVER,
                    by=(Tag.GATEWAY,),
                    choose=(),
                )
            ],
            "For the server of time series: an outage fills this, and nothing else.",
            alias="$tag_gateway",
        ),
        lines(
            "Bytes that wait",
            [Question(SERIES_STORE, (Column("waiting_bytes", "bytes"),), Span.OVER, by=(Tag.GATEWAY,), choose=())],
            "They have a bound; beyond it the oldest go, and are counted.",
            alias="$tag_gateway",
        ),
        lines(
            "Failures of the figures",
            [
                Question(
                    SERIES_STORE,
                    (Column("failures", "looks that failed"), Column("send_failures", "sendings that failed")),
                    Span.OVER,
                    choose=(),
                )
            ],
            "Sendings are tried again.",
        ),
        lines(
            "How long a look takes",
            [Question(SERIES_STORE, (Column("took_ms", "took", Fold.MAX),), Span.OVER, by=(Tag.GATEWAY,), choose=())],
            "At worst, since the point before.",
            alias="$tag_gateway",
        ),
    ),
)

BOARD: Final = Board(
    *PIPELINE,
    "Does the gateway keep up: rate, errors and duration of what it does. For whoever runs it.",
    (_NOW, _FLOW, _API, _OUT),
    choose=(Tag.SITE,),
    since="now-3h",
)
