"""Devices: which reader, antenna or edge needs a visit."""

from typing import Final

from dashboards.boards.names import DEVICES
from dashboards.frame import Board, Section
from dashboards.influxql import Column, Fold, Question, Span
from dashboards.panels import big, heat, lines, rows, states
from dashboards.theme import less_is_better, none_is_good
from wire.measurement import Tag
from wire.measurements import ANTENNA, CONFIG, DEVICE, EDGE, GAPS

_SITE: Final = (Tag.SITE,)
_DEVICE: Final = (Tag.SITE, Tag.DEVICE)
_MINUTE_S: Final = 60.0

_NOW: Final = Section(
    "",
    (
        big(
            "Edges that are not there",
            Question(
                EDGE, (Column("online", "edges", Fold.COUNT),), Span.NOW, choose=_SITE, when=("online", 0), zero=True
            ),
            none_is_good(1, word="all there"),
            "Boxes in stores that said goodbye or whose link broke. Act: power and network of the box.",
        ),
        big(
            "Devices down",
            Question(
                DEVICE, (Column("up", "devices", Fold.COUNT),), Span.NOW, choose=_DEVICE, when=("up", 0), zero=True
            ),
            none_is_good(1, word="all up"),
            "Readers and scanners that do not answer. Act: power and cable; `lastunit edge doctor` on the box.",
        ),
        big(
            "Refused",
            Question(
                DEVICE, (Column("up", "devices", Fold.COUNT),), Span.NOW, choose=_DEVICE, when=("up", 1), zero=True
            ),
            none_is_good(1, word="none"),
            "Readers that are there and serve somebody else. Act: find who holds the connection.",
        ),
        big(
            "Quiet antennas",
            Question(
                ANTENNA,
                (Column("works", "antennas", Fold.COUNT),),
                Span.NOW,
                choose=_DEVICE,
                when=("works", 1),
                zero=True,
            ),
            none_is_good(3, word="none"),
            "Antennas that read far less than they used to. Act: cable, a moved shelf, metal in front.",
        ),
        big(
            "Not as configured",
            Question(
                CONFIG,
                (Column("standing", "devices", Fold.COUNT),),
                Span.NOW,
                choose=_DEVICE,
                when=("standing", 0),
                zero=True,
            ),
            none_is_good(1, word="none"),
            "Readers and scanners that do not run what is asked of them. Act: `lastunit firmware diff`.",
        ),
        big(
            "Oldest in an outbox",
            Question(EDGE, (Column("outbox_oldest_s", "age", Fold.MAX),), Span.NOW, choose=_SITE),
            less_is_better(_MINUTE_S, 10 * _MINUTE_S),
            "What edges hold because the gateway has not acknowledged it. Nothing is lost yet.",
        ),
        big(
            "Lost observations",
            Question(GAPS, (Column("observations", "lost"),), Span.TOTAL, choose=_SITE),
            none_is_good(1_000, word="none"),
            "In this time, as far as they are known: each gap is said aloud.",
            nothing="none known",
        ),
    ),
)

_WHERE: Final = Section(
    "Which",
    (
        states(
            "Devices",
            Question(DEVICE, (Column("up", "state", Fold.MIN),), Span.OVER, by=(Tag.SITE, Tag.DEVICE), choose=_DEVICE),
            "Up when reports or keepalives come, not when a cable is in.",
            alias="$tag_site $tag_device",
        ),
        heat(
            "Reads per antenna",
            Question(
                ANTENNA,
                (Column("reads_per_min", "reads", Fold.MEAN),),
                Span.OVER,
                by=(Tag.DEVICE, Tag.PORT),
                choose=_DEVICE,
            ),
            "Tag reads in a minute of inventory. A row that turns dark is an antenna that hears less.",
            alias="$tag_device $tag_port",
        ),
        rows(
            "Devices now",
            Question(
                DEVICE,
                (
                    Column("up", "State", Fold.MIN),
                    Column("since_s", "Since", Fold.MAX),
                    Column("reads_per_min", "Reads"),
                    Column("temperature_c", "Temperature", Fold.MAX),
                    Column("clock", "Clock", Fold.MIN),
                    Column("clock_offset_s", "Its offset", Fold.MAX),
                ),
                Span.NOW,
                by=(Tag.SITE, Tag.EDGE, Tag.DEVICE, Tag.DRIVER),
                choose=_DEVICE,
            ),
            "Every device that edges tell of.",
            sort="Since",
            levels={"Temperature": less_is_better(55, 65)},
            width=24,
        ),
        rows(
            "Configuration now",
            Question(
                CONFIG,
                (
                    Column("standing", "Configuration", Fold.MIN),
                    Column("since_s", "Since", Fold.MAX),
                    Column("known_bad", "Bad firmware", Fold.MAX),
                    Column("rolling", "In a roll-out", Fold.MAX),
                ),
                Span.NOW,
                by=(Tag.SITE, Tag.EDGE, Tag.DEVICE),
                choose=_DEVICE,
            ),
            "What each device runs beside what is asked of it. Act on drift: `lastunit firmware diff`.",
            sort="Since",
            levels={"Bad firmware": none_is_good(1, word="none")},
            width=24,
        ),
        rows(
            "Antennas now",
            Question(
                ANTENNA,
                (
                    Column("works", "State", Fold.MIN),
                    Column("reads_per_min", "Reads"),
                    Column("usual_per_min", "Usually"),
                ),
                Span.NOW,
                by=(Tag.SITE, Tag.DEVICE, Tag.PORT, Tag.ZONE),
                choose=_DEVICE,
            ),
            "What each antenna reads, beside what it usually reads.",
            sort="Usually",
        ),
        rows(
            "Edges now",
            Question(
                EDGE,
                (
                    Column("online", "State", Fold.MIN),
                    Column("said_age_s", "Last word", Fold.MAX),
                    Column("outbox_rows", "Outbox"),
                    Column("outbox_bytes", "Its bytes"),
                    Column("disk", "Disk", Fold.MIN),
                    Column("uptime_s", "Up for", Fold.MIN),
                    Column("certificate_left_s", "Certificate", Fold.MIN),
                    Column("certificate_late_s", "Renewal late", Fold.MAX),
                ),
                Span.NOW,
                by=(Tag.SITE, Tag.EDGE),
                choose=_SITE,
            ),
            "Boxes in stores. Certificate: how long the broker will know it. Act when its renewal is late.",
            sort="Last word",
            levels={"Last word": less_is_better(_MINUTE_S, 5 * _MINUTE_S)},
        ),
    ),
)

_FLOW: Final = Section(
    "How it goes",
    (
        states(
            "Edges",
            Question(EDGE, (Column("online", "state", Fold.MIN),), Span.OVER, by=(Tag.SITE, Tag.EDGE), choose=_SITE),
            "Silent: connected, and it does not say how it is.",
            alias="$tag_site $tag_edge",
            height=6,
        ),
        lines(
            "Outboxes",
            [Question(EDGE, (Column("outbox_rows", "rows"),), Span.OVER, by=(Tag.EDGE,), choose=_SITE)],
            "Grows while the gateway or the network is away, and empties by itself afterwards.",
            alias="$tag_edge",
        ),
        lines(
            "Gaps by cause",
            [Question(GAPS, (Column("gaps", "gaps"),), Span.OVER, by=(Tag.CAUSE,), choose=_SITE)],
            "Losses that were said aloud: an outbox at its cap, a reader's overflow, a stream that was lost.",
            alias="$tag_cause",
            stacked=True,
        ),
        lines(
            "Time that is missing",
            [Question(GAPS, (Column("lost_s", "lost"),), Span.OVER, by=(Tag.EDGE,), choose=_SITE)],
            "Seconds of which nothing is known, by edge.",
            alias="$tag_edge",
        ),
        lines(
            "Observations",
            [
                Question(
                    EDGE,
                    (
                        Column("observations", "ours"),
                        Column("foreign_reads", "reads of others' tags"),
                        Column("sold_reads", "reads of goods that were sold"),
                    ),
                    Span.OVER,
                    choose=_SITE,
                )
            ],
            "What antennas hear.",
        ),
        lines(
            "Dropped at the edge",
            [
                Question(
                    EDGE,
                    (
                        Column("evicted", "by the outbox's cap"),
                        Column("dropped", "by its disk"),
                        Column("gaps", "gaps"),
                    ),
                    Span.OVER,
                    choose=_SITE,
                )
            ],
            "Rows that did not fit: a box that was cut off for too long, or a disk that fails.",
        ),
        lines(
            "Reads and errors of devices",
            [Question(DEVICE, (Column("reads", "reads"), Column("errors", "errors")), Span.OVER, choose=_DEVICE)],
            "Errors: failures, and messages that made no sense.",
        ),
    ),
)

BOARD: Final = Board(
    *DEVICES,
    "Which reader, antenna or edge needs a visit. For whoever keeps the fleet running.",
    (_NOW, _WHERE, _FLOW),
    choose=(Tag.SITE, Tag.DEVICE),
    since="now-12h",
)
