"""What the gateway writes as time series: the catalogue, as data.

Boards and alert rules are made of it and nothing else. What a measurement is stands in `wire.measurement`.

States are numbers with a word each (`Field.words`): some stores of time series keep no text. The worst is 0, so that
the lowest of several is the one to look at.

Instants are UTC, microseconds. InfluxDB: measurement, tag and field names as they stand here. A store that knows single
series by one name (Prometheus, VictoriaMetrics) calls them `<measurement>_<field>`, and
drops texts.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from wire.measurement import Cadence, Field, FieldType, How, Measurement, Tag, Unit

SKUS_MAX: Final = 20_000
"""SKUs of one site with series of their own: the largest fashion store has half of that."""


def _whole(name: str, unit: Unit, meaning: str) -> Field:
    return Field(name, FieldType.INTEGER, unit, How.GAUGE, meaning)


def _real(name: str, unit: Unit, meaning: str) -> Field:
    return Field(name, FieldType.FLOAT, unit, How.GAUGE, meaning)


def _delta(name: str, unit: Unit, meaning: str) -> Field:
    return Field(name, FieldType.INTEGER, unit, How.DELTA, meaning)


def _state(name: str, meaning: str, *words: str) -> Field:
    return Field(name, FieldType.INTEGER, Unit.STATE, How.GAUGE, meaning, MappingProxyType(dict(enumerate(words))))


BANDS: Final = ("below_0.5", "0.5-0.7", "0.7-0.9", "0.9-0.95", "0.95-0.99", "from_0.99", "unknown")
"""Values of `band`: probabilities in steps, and of what nobody says one."""

_SKU_TAGS: Final = (Tag.SITE, Tag.DEPARTMENT, Tag.STYLE, Tag.COLOUR, Tag.SIZE, Tag.GTIN)

# -- stock

STOCK_SKU: Final = Measurement(
    "stock_sku",
    "One SKU at a site: how many there are, where, and what can be sold of it.",
    _SKU_TAGS,
    (
        _whole("on_hand", Unit.UNITS, "units in the site, untagged ones too"),
        _whole("sellable", Unit.UNITS, "of these in places where they can be sold"),
        _whole("promised", Unit.UNITS, "units that can be promised with the usual confidence (ATP before holds end)"),
        _whole("held", Unit.UNITS, "units of active holds"),
        _whole("untagged", Unit.UNITS, "units without tags that are for sale"),
        _whole("floor", Unit.UNITS, "units where a shopper finds them"),
        _whole("back", Unit.UNITS, "units in back rooms"),
        _whole("low", Unit.UNITS, "units that belong on the floor at least; 0: it need not be shown"),
        _real("confidence", Unit.PROBABILITY, "that `sellable` units can be sold; missing where nobody says"),
        _state(
            "shown",
            "where a shopper finds this size",
            "absent",
            "behind",
            "unknown",
            "last",
            "shown",
            "not_carried",
        ),
    ),
    Cadence.ON_CHANGE,
    SKUS_MAX,
    "one for each SKU that the site has or had",
    keep_days=30,
)

STOCK_ZONE: Final = Measurement(
    "stock_zone",
    "Units of one SKU in one zone.",
    (Tag.SITE, Tag.ZONE, Tag.ZONE_KIND, Tag.DEPARTMENT, Tag.STYLE, Tag.GTIN),
    (_whole("units", Unit.UNITS, "tagged units that are believed to be there"),),
    Cadence.ON_CHANGE,
    SKUS_MAX * 5,
    "a SKU is seen in five zones over time",
    keep_days=30,
)

SITE: Final = Measurement(
    "site",
    "One site in one line.",
    (Tag.SITE,),
    (
        _whole("on_hand", Unit.UNITS, "units in the site"),
        _whole("sellable", Unit.UNITS, "units that can be sold"),
        _whole("promised", Unit.UNITS, "units that can be promised with the usual confidence"),
        _whole("held", Unit.UNITS, "units of active holds"),
        _whole("wanting", Unit.UNITS, "units of active holds that were lost and have no successor"),
        _whole("skus", Unit.SKUS, "SKUs with at least one unit"),
        _whole("zones_live", Unit.THINGS, "zones that antennas look at"),
        _whole("zones_blind", Unit.THINGS, "zones that nobody looks at"),
        _whole("edges_online", Unit.THINGS, "edges that are there"),
        _whole("edges", Unit.THINGS, "edges that ever were"),
        _whole("devices_up", Unit.THINGS, "devices that work"),
        _whole("devices", Unit.THINGS, "devices of the site file, those that are switched off left out"),
        _real("floor_availability", Unit.SHARE, "of the SKUs that belong on the floor, those that are shown"),
        _whole("tasks_waiting", Unit.TASKS, "tasks that nobody has done"),
        _whole("alarms_open", Unit.ALARMS, "alarms that nobody has acknowledged"),
    ),
    Cadence.LIVE,
    1,
    "one",
)

# -- replenishment

FLOOR: Final = Measurement(
    "floor",
    "What a shopper finds on the sales floor, by department. SKUs of which at least one unit belongs there.",
    (Tag.SITE, Tag.DEPARTMENT),
    (
        _real("availability", Unit.SHARE, "of the SKUs that the site has and that belong on the floor, those shown"),
        _whole("carried", Unit.SKUS, "SKUs that belong on the floor, and of whose style and colour there is a unit"),
        _whole("shown", Unit.SKUS, "shown, the last units too"),
        _whole("last", Unit.SKUS, "shown, and it is the last unit: nothing refills it"),
        _whole("behind", Unit.SKUS, "not on the floor, and in the back room: to be brought now"),
        _whole("absent", Unit.SKUS, "the site has none: to be ordered or transferred"),
        _whole("unknown", Unit.SKUS, "may lie where nobody looks"),
    ),
    Cadence.MINUTE,
    200,
    "departments of a store",
)

SIZE_GAP: Final = Measurement(
    "size_gap",
    "Broken size runs by department and kind: `not_shown`, `core_gap`, `broken_run`.",
    (Tag.SITE, Tag.DEPARTMENT, Tag.GAP),
    (
        _whole("runs", Unit.RUNS, "styles in a colour with such a gap"),
        _real("oldest_s", Unit.SECONDS, "since when the oldest of them is there"),
    ),
    Cadence.MINUTE,
    600,
    "three kinds of each department",
)

SIZE_GAP_RUN: Final = Measurement(
    "size_gap_run",
    "One broken size run. Its last point has `open` 0.",
    (Tag.SITE, Tag.DEPARTMENT, Tag.STYLE, Tag.COLOUR, Tag.GAP),
    (
        Field("open", FieldType.BOOLEAN, Unit.NONE, How.GAUGE, "whether the gap is there"),
        _whole("sizes", Unit.SIZES, "sizes that belong on the floor"),
        _whole("missing", Unit.SIZES, "of these, sizes that are not there"),
        _whole("core_missing", Unit.SIZES, "of these, core sizes"),
        _real("age_s", Unit.SECONDS, "since when it is there"),
    ),
    Cadence.MINUTE,
    5_000,
    "each run once in each of three kinds, of the styles of a large store",
    keep_days=30,
)

BACKLOG: Final = Measurement(
    "backlog",
    "Tasks that wait, by kind (`refill`, `pick`, `pack`, `hand_over`, `put_back`, `find`, `check`) and department.",
    (Tag.SITE, Tag.DEPARTMENT, Tag.TASK),
    (
        _whole("open", Unit.TASKS, "nobody has taken them"),
        _whole("claimed", Unit.TASKS, "somebody has"),
        _whole("overdue", Unit.TASKS, "of both, those whose time is over"),
        _whole("units", Unit.UNITS, "units to be moved"),
        _real("oldest_s", Unit.SECONDS, "age of the oldest"),
    ),
    Cadence.LIVE,
    1_400,
    "seven kinds in each department",
)

TASK_FLOW: Final = Measurement(
    "task_flow",
    "Tasks that came and went.",
    (Tag.SITE, Tag.TASK),
    (
        _delta("opened", Unit.TASKS, "tasks opened"),
        _delta("done", Unit.TASKS, "tasks that a person did"),
        _delta("closed", Unit.TASKS, "tasks that were over by themselves: by reads, or nobody needs them"),
        _delta("cannot", Unit.TASKS, "tasks that could not be done"),
        _delta("reopened", Unit.TASKS, "of those that ended, how often they were opened again"),
        Field("took_s", FieldType.FLOAT, Unit.SECONDS, How.DELTA, "from opening to end, over all that ended, added up"),
    ),
    Cadence.HAPPENS,
    7,
    "kinds of tasks",
)

# -- stock truth

ACCURACY: Final = Measurement(
    "accuracy",
    "How right a site's figures are, as far as the gateway itself can know.",
    (Tag.SITE,),
    (
        _real("blind_share", Unit.SHARE, "items in zones that nobody looks at, of all items in the site"),
        _real("uncertain_items", Unit.SHARE, "items of whose place nobody is sure (0.9), of all items in the site"),
        _real("expected_count_error", Unit.UNITS, "by how much the count of a SKU in a zone is wrong, on average"),
        _real("count_item_agreement", Unit.SHARE, "items of the last cycle count that were where they should be"),
        _real("count_cell_agreement", Unit.SHARE, "SKUs of the last cycle count with as many items as believed"),
        _real("book_agreement", Unit.SHARE, "SKUs of the book of which there are as many as it says"),
    ),
    Cadence.MINUTE,
    1,
    "one",
)

ZONE: Final = Measurement(
    "zone",
    "One zone: is somebody looking, and what lies there.",
    (Tag.SITE, Tag.ZONE, Tag.ZONE_KIND),
    (
        _state("looked", "whether antennas look there", "blind", "live"),
        _real("look_age_s", Unit.SECONDS, "since the newest look"),
        _real("state_age_s", Unit.SECONDS, "since when `looked` is what it is"),
        _whole("units", Unit.UNITS, "tagged units that are believed to be there"),
    ),
    Cadence.LIVE,
    250,
    "zones of a site file",
)

DIFFERENCE: Final = Measurement(
    "difference",
    "Where tags, book and cycle counts differ, by what most likely lies behind it.",
    (Tag.SITE, Tag.CAUSE),
    (
        _whole("skus", Unit.SKUS, "SKUs with such a difference"),
        _whole("units", Unit.UNITS, "units that differ"),
    ),
    Cadence.HOURLY,
    20,
    "causes: `unread`, `sold_unrecorded`, `left_unpaid`, `misplaced`, `untagged`, `not_booked`",
)

CONFIDENCE: Final = Measurement(
    "confidence",
    "How sure the site is of what it can sell: SKUs by the probability of their sellable units (`band`).",
    (Tag.SITE, Tag.BAND),
    (
        _whole("skus", Unit.SKUS, "SKUs"),
        _whole("units", Unit.UNITS, "their sellable units"),
    ),
    Cadence.MINUTE,
    len(BANDS),
    "bands",
)

BOOKS: Final = Measurement(
    "books",
    "Are the books right? All should be 0. `drift` and `offer_faults` are of the newest whole look, once an hour.",
    (Tag.SITE,),
    (
        _whole("oversold", Unit.UNITS, "units that active holds count on, and that are not there to be handed over"),
        _whole("drift", Unit.COUNT, "disagreements of counts, places and states with the ledgers"),
        _whole("offer_faults", Unit.COUNT, "disagreements of what is offered or held with what is there"),
        _real("looked_s", Unit.SECONDS, "since that look"),
    ),
    Cadence.MINUTE,
    1,
    "one",
)

# -- availability and orders

PROMISE: Final = Measurement(
    "promise",
    "What can be promised, by department.",
    (Tag.SITE, Tag.DEPARTMENT),
    (
        _whole("on_hand", Unit.UNITS, "units in the site"),
        _whole("sellable", Unit.UNITS, "units that can be sold"),
        _whole("promised", Unit.UNITS, "units that can be promised with the usual confidence"),
        _whole("held", Unit.UNITS, "units of active holds"),
        _whole("skus", Unit.SKUS, "SKUs with at least one sellable unit"),
        _whole("skus_promised", Unit.SKUS, "SKUs with at least one unit that can be promised"),
        _whole("last_units", Unit.SKUS, "SKUs with exactly one sellable unit, and it can be promised"),
        _real("confidence", Unit.PROBABILITY, "mean over these SKUs; missing where nobody says one"),
    ),
    Cadence.MINUTE,
    200,
    "departments of a store",
)

RESERVATIONS: Final = Measurement(
    "reservations",
    "Holds that are not over, by channel, mode (`ship`, `pickup`, `ship_from_store`) and state.",
    (Tag.SITE, Tag.CHANNEL, Tag.MODE, Tag.STATE),
    (
        _whole("holds", Unit.HOLDS, "holds with a line at this site"),
        _whole("units", Unit.UNITS, "their units at this site"),
        _whole("wanting", Unit.UNITS, "of these, units that were lost and have no successor"),
        _real("oldest_s", Unit.SECONDS, "age of the oldest"),
    ),
    Cadence.MINUTE,
    600,
    "fifty channels, three modes, three states, of which most are never",
)

RESERVATION_FLOW: Final = Measurement(
    "reservation_flow",
    "Holds that came and went: `step` is `held`, `fulfilled`, `released` or `expired`.",
    (Tag.SITE, Tag.CHANNEL, Tag.MODE, Tag.STEP),
    (
        _delta("holds", Unit.HOLDS, "holds with a line at this site"),
        _delta("units", Unit.UNITS, "their units at this site"),
        _delta("wanting", Unit.UNITS, "of those that are over, units that the buyer did not get for want of them"),
    ),
    Cadence.HAPPENS,
    600,
    "fifty channels, three modes, four steps, of which most are never",
)

CALIBRATION: Final = Measurement(
    "calibration",
    "Were promises kept? Items of holds, handed over or not found, by the probability said when held (`band`).",
    (Tag.SITE, Tag.BAND),
    (
        _delta("asked", Unit.UNITS, "items that somebody went for"),
        _delta("found", Unit.UNITS, "of these, items that were there"),
        Field("expected", FieldType.FLOAT, Unit.UNITS, How.DELTA, "of these, as many as the probabilities said"),
    ),
    Cadence.HAPPENS,
    len(BANDS),
    "bands",
)

# -- movements, loss, exceptions

MOVEMENTS: Final = Measurement(
    "movements",
    "Items that moved, by cause (`moved`, `appeared`, `returned`, `left`, `sold`, `counted`, `placed`, ...) "
    "and by the kinds of the zones; `OUT`: not in the site.",
    (Tag.SITE, Tag.CAUSE, Tag.CAME_FROM, Tag.WENT_TO),
    (
        _delta("units", Unit.UNITS, "items"),
        Field("delay_s", FieldType.FLOAT, Unit.SECONDS, How.DELTA, "from happening to decision, added up"),
    ),
    Cadence.HAPPENS,
    400,
    "a dozen causes; of 64 pairs of kinds of zones a few are walked",
)

POSTINGS: Final = Measurement(
    "postings",
    "Units that changed their state, by cause (`sale`, `return`, `receipt`, `fulfil`, `pick_miss`, `adjustment`, ...).",
    (Tag.SITE, Tag.CAUSE, Tag.CAME_FROM, Tag.WENT_TO),
    (_delta("units", Unit.UNITS, "units, with tags or without"),),
    Cadence.HAPPENS,
    400,
    "a dozen causes; of 81 pairs of states a few happen",
)

DISPOSITION: Final = Measurement(
    "disposition",
    "Units that are not for sale, by state: `in_transit`, `returned_unchecked`, `damaged`, `missing`, `left_unsold`.",
    (Tag.SITE, Tag.STATE),
    (_whole("units", Unit.UNITS, "units, with tags or without"),),
    Cadence.MINUTE,
    10,
    "states",
)

EXCEPTIONS: Final = Measurement(
    "exceptions",
    "Alarms that are not over, by kind and severity (`warning`, `critical`).",
    (Tag.SITE, Tag.KIND, Tag.SEVERITY),
    (
        _whole("open", Unit.ALARMS, "nobody has acknowledged them"),
        _whole("acknowledged", Unit.ALARMS, "somebody has"),
        _real("oldest_s", Unit.SECONDS, "age of the oldest that is open; 0 without one"),
        _delta("raised", Unit.ALARMS, "alarms that began"),
    ),
    Cadence.LIVE,
    100,
    "kinds, twice",
)

# -- devices

EDGE: Final = Measurement(
    "edge",
    "One edge, as it said of itself.",
    (Tag.SITE, Tag.EDGE),
    (
        _state("online", "whether it is there", "offline", "silent", "online"),
        _real("said_age_s", Unit.SECONDS, "since it last said how it is"),
        _whole("outbox_rows", Unit.ROWS, "rows that the gateway has not acknowledged"),
        _whole("outbox_bytes", Unit.BYTES, "their bytes"),
        _real("outbox_oldest_s", Unit.SECONDS, "age of the oldest of them"),
        _delta("evicted", Unit.ROWS, "rows that the outbox's cap took"),
        _delta("dropped", Unit.ROWS, "rows that the disk did not take in time"),
        _delta("observations", Unit.COUNT, "observations made"),
        _delta("foreign_reads", Unit.COUNT, "reads of tags that are not ours"),
        _delta("sold_reads", Unit.COUNT, "reads of goods that were sold"),
        _delta("gaps", Unit.COUNT, "losses that it said aloud"),
        _state("disk", "whether its disk takes rows", "refuses", "ok"),
        _real("uptime_s", Unit.SECONDS, "since it started; missing where it does not say"),
        _real("certificate_left_s", Unit.SECONDS, "until its certificate at the broker ends; missing without one"),
        _real("certificate_late_s", Unit.SECONDS, "since it had 30 days left and should have been renewed"),
    ),
    Cadence.LIVE,
    100,
    "edges of a site",
)

DEVICE_STATES: Final = ("down", "refused", "connecting", "disabled", "up")
DEVICE: Final = Measurement(
    "device",
    "One reader, scanner or handheld, as its edge sees it.",
    (Tag.SITE, Tag.EDGE, Tag.DEVICE, Tag.DRIVER),
    (
        _state("up", "how it is", *DEVICE_STATES),
        _real("since_s", Unit.SECONDS, "since when"),
        _real("reads_per_min", Unit.READS_PER_MINUTE, "tag reads or scans in the last minute"),
        _delta("reads", Unit.COUNT, "tag reads or scans"),
        _delta("errors", Unit.COUNT, "failures, and messages that made no sense"),
        _real("temperature_c", Unit.CELSIUS, "where it tells it"),
        _state("clock", "how far its clock can be trusted", "stepped", "unknown", "estimated", "synced"),
        _real("clock_offset_s", Unit.SECONDS, "added to its times; missing where it is not known"),
    ),
    Cadence.HEARD,
    1_000,
    "devices of a site file",
)

CONFIG_STATES: Final = ("drift", "unreported", "pending", "adapted", "unable", "site_file", "as_asked")
CONFIG: Final = Measurement(
    "config",
    "One device's configuration: what is asked of it beside what its edge read back.",
    (Tag.SITE, Tag.EDGE, Tag.DEVICE),
    (
        _state("standing", "how the two stand to each other", *CONFIG_STATES),
        _real("since_s", Unit.SECONDS, "since its edge's report of it changed; missing without one"),
        _whole("known_bad", Unit.COUNT, "what is known against its firmware"),
        _whole("rolling", Unit.COUNT, "1 while a roll-out is under way for it"),
    ),
    Cadence.MINUTE,
    1_000,
    "devices of a site file",
)

ANTENNA: Final = Measurement(
    "antenna",
    "One antenna. Rates count tag reads in a minute of inventory, not of the clock.",
    (Tag.SITE, Tag.EDGE, Tag.DEVICE, Tag.PORT, Tag.ZONE),
    (
        _state("works", "whether it hears what it used to", "unplugged", "quiet", "unknown", "ok"),
        _real("reads_per_min", Unit.READS_PER_MINUTE, "tag reads in a minute of inventory"),
        _real("usual_per_min", Unit.READS_PER_MINUTE, "what it usually reads; missing until that is known"),
    ),
    Cadence.HEARD,
    4_000,
    "antennas of a large store, twice over",
)

GAPS: Final = Measurement(
    "gaps",
    "Loss, said aloud, by cause: `outbox_cap`, `reader_overflow`, `undecodable`, `queue_full`, `stream_lost`, ...",
    (Tag.SITE, Tag.EDGE, Tag.CAUSE),
    (
        _delta("gaps", Unit.COUNT, "gap records"),
        _delta("observations", Unit.COUNT, "observations that are known to be lost"),
        Field("lost_s", FieldType.FLOAT, Unit.SECONDS, How.DELTA, "time that is missing, added up"),
    ),
    Cadence.HAPPENS,
    1_000,
    "ten causes of each edge",
)

# -- pipeline

FOLD: Final = Measurement(
    "fold",
    "How far the fold of a site is: the way from a read to what is published.",
    (Tag.SITE,),
    (
        _whole("behind", Unit.ROWS, "entries of the site's log that wait"),
        _real("lag_ms", Unit.MILLISECONDS, "since when the oldest of them waits"),
        _real("age_ms", Unit.MILLISECONDS, "since the newest tick that was folded; missing before the first"),
        _delta("entries", Unit.ROWS, "entries folded"),
        _delta("observations", Unit.COUNT, "observations folded"),
        _delta("foreign", Unit.COUNT, "observations of tags that are not ours"),
        _delta("refused", Unit.COUNT, "observations that name no antenna of ours, or are beyond the limit of items"),
        _delta("undecodable", Unit.COUNT, "entries or messages that could not be read"),
        _delta("quarantined", Unit.COUNT, "messages that were put into quarantine"),
    ),
    Cadence.LIVE,
    1,
    "one",
)

PIPELINE: Final = Measurement(
    "pipeline",
    "One process of the gateway: what came in, what was relayed, what failed.",
    (Tag.GATEWAY,),
    (
        Field("source_connected", FieldType.BOOLEAN, Unit.NONE, How.GAUGE, "whether the broker is there"),
        _whole("relay_waiting", Unit.ROWS, "changes that wait for their sequence"),
        _delta("appended", Unit.COUNT, "messages that entered a log"),
        _delta("duplicates", Unit.COUNT, "messages that were there already"),
        _delta("holes", Unit.COUNT, "messages that came before one that is missing"),
        _delta("rejected", Unit.COUNT, "messages that were refused"),
        _delta("acks", Unit.COUNT, "acknowledgements sent"),
        _delta("commits", Unit.COUNT, "commits of the ingest"),
        _delta("ingest_failures", Unit.COUNT, "commits of the ingest that failed"),
        _delta("fold_failures", Unit.COUNT, "folds that failed"),
        _delta("relayed", Unit.COUNT, "changes that got their sequence"),
        _delta("relay_failures", Unit.COUNT, "turns of the relay that failed"),
        _real("loop_lag_ms", Unit.MILLISECONDS, "by how much the event loop was late, at worst since the point before"),
    ),
    Cadence.LIVE,
    1,
    "one",
)

API: Final = Measurement(
    "api",
    "Requests by route (its pattern), method and class of status. Times are until an answer begins.",
    (Tag.GATEWAY, Tag.ROUTE, Tag.METHOD, Tag.STATUS),
    (
        _delta("requests", Unit.COUNT, "requests"),
        _real("p50_ms", Unit.MILLISECONDS, "half of them were faster"),
        _real("p95_ms", Unit.MILLISECONDS, "19 of 20 were faster"),
        _real("p99_ms", Unit.MILLISECONDS, "99 of 100 were faster"),
        _real("max_ms", Unit.MILLISECONDS, "the slowest"),
    ),
    Cadence.LIVE,
    1_000,
    "a hundred routes; most answer by two or three classes of status",
)

PUSH: Final = Measurement(
    "push",
    "What is told to channels: webhooks of one process.",
    (Tag.GATEWAY,),
    (
        _whole("webhooks", Unit.THINGS, "addresses"),
        _whole("webhooks_failing", Unit.THINGS, "of these, those that fail or were given up"),
        _whole("behind", Unit.ROWS, "changes that the slowest address has not taken"),
        _whole("dead_letters", Unit.ROWS, "changes that were refused for good"),
    ),
    Cadence.LIVE,
    1,
    "one",
)

SERIES_STORE: Final = Measurement(
    "series_store",
    "The time series themselves, of one process.",
    (Tag.GATEWAY,),
    (
        _delta("points", Unit.COUNT, "points written"),
        _delta("failures", Unit.COUNT, "looks at the figures that failed"),
        _delta("over_limit", Unit.COUNT, "points left out: more series than the measurement may have"),
        _delta("unfit", Unit.COUNT, "points left out: a value that no point may carry"),
        _whole("waiting_points", Unit.COUNT, "points that wait for the server of time series"),
        _whole("waiting_bytes", Unit.BYTES, "their bytes"),
        _real("waiting_s", Unit.SECONDS, "age of the oldest of them"),
        _delta("sent", Unit.COUNT, "points that the server took"),
        _delta("send_failures", Unit.COUNT, "attempts that failed"),
        _delta("refused", Unit.COUNT, "points that the server refused for good"),
        _delta("dropped", Unit.COUNT, "points that the bound of what may wait took, the oldest first"),
        _real("took_ms", Unit.MILLISECONDS, "how long the look and its writing took, at worst since the point before"),
    ),
    Cadence.LIVE,
    1,
    "one",
)

# -- events

EVENT: Final = Measurement(
    "event",
    "What happened, for the boards' annotations: `delivery`, `count`, `outage`, `recovery`, `deployment`.",
    (Tag.SITE, Tag.KIND),
    (
        Field("title", FieldType.TEXT, Unit.NONE, How.NOTE, "in a few words"),
        Field("detail", FieldType.TEXT, Unit.NONE, How.NOTE, "in one line"),
        _delta("events", Unit.COUNT, "1"),
    ),
    Cadence.HAPPENS,
    10,
    "kinds",
)

CATALOGUE: Final[Mapping[str, Measurement]] = MappingProxyType(
    {
        one.name: one
        for one in (
            STOCK_SKU,
            STOCK_ZONE,
            SITE,
            FLOOR,
            SIZE_GAP,
            SIZE_GAP_RUN,
            BACKLOG,
            TASK_FLOW,
            ACCURACY,
            ZONE,
            DIFFERENCE,
            CONFIDENCE,
            BOOKS,
            PROMISE,
            RESERVATIONS,
            RESERVATION_FLOW,
            CALIBRATION,
            MOVEMENTS,
            POSTINGS,
            DISPOSITION,
            EXCEPTIONS,
            EDGE,
            DEVICE,
            CONFIG,
            ANTENNA,
            GAPS,
            FOLD,
            PIPELINE,
            API,
            PUSH,
            SERIES_STORE,
            EVENT,
        )
    }
)
"""Every measurement by its name."""
