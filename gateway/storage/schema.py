"""The tables of the gateway, as SQLAlchemy Core: one definition for SQLite and PostgreSQL.

Here is what follows from the sites' input logs, and what leads to them; what commerce adds (postings, holds, keys,
channels) stands in `gateway.storage.commerce`. Five groups, each written by one part only:

* **what came in** (ingest): `stream`, `site_log`, `site_input`, `quarantine`, `gap`, `edge_state`. A stream's
  watermark and the entry that it admits are written in one transaction.
* **what follows from it** (fold): `site_fold`, `checkpoint`, `movement`, `item`, `stock_count`, `stock`,
  `zone_state`, `change`, `book_line`, `count_result`, `count_cell`, `count_item`, `accuracy`. Movements, places and
  counts are a deterministic function of `site_input`; how many entries one commit takes shows only in `stock.version`
  and in which changes share an event. They commit together under `site_fold.applied_n = :previous AND fence = :mine`.
* **what people say** (catalogue, composition root): `sku`, `site`, `site_model`, `unknown_gtin`.
* **what people and tills say of stock** (the desk): `source_event`, `book`, `approval`. Evidence itself is an entry of
  `site_input`. The fold adds its lines to `book.now` too: both lock the site's row of `site_fold` first.
* **who may write** (leases, relay): `lease`, `feed`.

Every instant is an integer, UTC microseconds, and ends in `_us`. A place is a zone's id, or `OUT`.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from gateway.storage.metadata import BIG_ID, GTIN_CHARS, SERIAL_CHARS, SOURCE_CHARS, id_type, metadata

# -- what people say

site = Table(
    "site",
    metadata,
    Column("site", id_type(), primary_key=True),
    Column("name", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("gln", String(13), nullable=False),
    Column("config", LargeBinary, nullable=False),  # the site as JSON, the same bytes as its newest log entry
    Column("config_hash", String(64), nullable=False),
    Column("updated_us", BigInteger, nullable=False),
)

site_model = Table(
    "site_model",
    metadata,
    Column("site", id_type(), primary_key=True),
    Column("config", LargeBinary, nullable=False),  # the sensor model as JSON, the same bytes as its newest log entry
    Column("config_hash", String(64), nullable=False),
    Column("updated_us", BigInteger, nullable=False),
)

sku = Table(
    "sku",
    metadata,
    Column("gtin", String(GTIN_CHARS), primary_key=True),
    Column("style", Text, nullable=False),
    Column("colour", Text, nullable=False),
    Column("size", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("department", Text, nullable=False),
    Column("min_floor", Integer),
    Column("max_floor", Integer),
    Column("price", Text),  # a decimal as written; money is never a float
    Column("updated_us", BigInteger, nullable=False),
    Index("ix_sku_style", "style"),
)

unknown_gtin = Table(
    # What staff decided about a GTIN of ours that no catalogue names. The list itself is a query (`stock` without
    # `sku`): a table filled by the fold could miss a GTIN that the catalogue drops at the same moment.
    "unknown_gtin",
    metadata,
    Column("gtin", String(GTIN_CHARS), primary_key=True),
    Column("decision", String(16), nullable=False),
    Column("note", Text, nullable=False),
    Column("decided_us", BigInteger, nullable=False),
    CheckConstraint("decision IN ('ignored')", name="decision"),
)

# -- what came in

stream = Table(
    "stream",
    metadata,
    Column("site", id_type(), primary_key=True),
    Column("edge", id_type(), primary_key=True),
    Column("stream", LargeBinary(16), primary_key=True),
    Column("last_seq", BigInteger, nullable=False),
    Column("opened_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
)

site_log = Table(
    "site_log",
    metadata,
    Column("site", id_type(), primary_key=True),
    Column("last_n", BigInteger, nullable=False),
)

site_input = Table(
    "site_input",
    metadata,
    Column("site", id_type(), primary_key=True),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("received_us", BigInteger, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("body", LargeBinary, nullable=False),
    CheckConstraint("kind IN ('site', 'model', 'data', 'tick', 'evidence')", name="kind"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", BIG_ID, primary_key=True, autoincrement=True),
    Column("received_us", BigInteger, nullable=False),
    Column("topic", Text, nullable=False),
    Column("site", id_type()),  # NULL: the topic names no site of ours
    Column("edge", id_type()),
    Column("stream", LargeBinary(16)),
    Column("seq", BigInteger),
    Column("code", String(32), nullable=False),
    Column("reason", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Index("ix_quarantine_site_id", "site", "id"),
)

gap = Table(
    "gap",
    metadata,
    Column("id", BIG_ID, primary_key=True, autoincrement=True),
    Column("site", id_type(), nullable=False),
    Column("edge", id_type(), nullable=False),
    Column("cause", String(32), nullable=False),
    Column("stream", LargeBinary(16)),
    Column("from_seq", BigInteger, nullable=False),
    Column("to_seq", BigInteger, nullable=False),
    Column("from_us", BigInteger),
    Column("to_us", BigInteger),
    Column("device", id_type()),
    Column("observations", BigInteger),
    Column("detail", Text, nullable=False),
    Column("recorded_us", BigInteger, nullable=False),
    Index("ix_gap_site_id", "site", "id"),
)

edge_state = Table(
    "edge_state",
    metadata,
    Column("site", id_type(), primary_key=True),
    Column("edge", id_type(), primary_key=True),
    Column("what", String(16), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),  # the EdgeState as JSON
)

# -- what follows from it

site_fold = Table(
    "site_fold",
    metadata,
    Column("site", id_type(), primary_key=True),
    Column("applied_n", BigInteger, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("now_us", BigInteger, nullable=False),  # the newest tick: the fold's idea of now
    Column("figures", LargeBinary, nullable=False),  # counters of the fold, JSON
    Column("rules", String(32)),  # by which rules the ledger goes on; NULL: those of before there were such rows
    Column("rules_n", BigInteger),  # entries up to this one may have been folded by other rules
)

checkpoint = Table(
    "checkpoint",
    metadata,
    Column("site", id_type(), primary_key=True),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("taken_us", BigInteger, nullable=False),
    Column("version", SmallInteger, nullable=False),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("state", LargeBinary, nullable=False),
)

movement = Table(
    # Double entry: one unit leaves the account `credit` and arrives in the account `debit`. Never updated or deleted.
    "movement",
    metadata,
    Column("site", id_type(), primary_key=True),
    Column("m", BigInteger, primary_key=True, autoincrement=False),
    Column("n", BigInteger, nullable=False),  # the log entry that it follows from
    Column("gtin", String(GTIN_CHARS), nullable=False),
    Column("serial", String(SERIAL_CHARS), nullable=False),
    Column("credit", id_type(), nullable=False),
    Column("debit", id_type(), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("happened_us", BigInteger, nullable=False),
    Column("first_read_us", BigInteger, nullable=False),
    Column("decided_us", BigInteger, nullable=False),
    Column("cause", String(32), nullable=False),
    Column("probability", Float(53)),
    CheckConstraint("credit <> debit", name="two_places"),
    CheckConstraint("quantity > 0", name="units"),
    Index("ix_movement_site_gtin_serial_m", "site", "gtin", "serial", "m"),
)

item = Table(
    "item",
    metadata,
    Column("site", id_type(), primary_key=True),
    Column("gtin", String(GTIN_CHARS), primary_key=True),
    Column("serial", String(SERIAL_CHARS), primary_key=True),
    Column("zone", id_type(), nullable=False),
    Column("since_us", BigInteger, nullable=False),
    Column("m", BigInteger, nullable=False),  # its newest movement
    Column("probability", Float(53)),
    Column("sellable", Float(53)),  # probability that it is in a zone where it can be sold; NULL: not known
    Index("ix_item_site_gtin_zone", "site", "gtin", "zone"),
    Index("ix_item_gtin_serial", "gtin", "serial"),  # is it inside another site?
)

stock_count = Table(
    "stock_count",
    metadata,
    Column("site", id_type(), primary_key=True),
    Column("gtin", String(GTIN_CHARS), primary_key=True),
    Column("zone", id_type(), primary_key=True),
    Column("quantity", Integer, nullable=False),
    CheckConstraint("quantity >= 0", name="not_negative"),
)

stock = Table(
    # The row that a change of a SKU at a site locks first, in key order.
    "stock",
    metadata,
    Column("site", id_type(), primary_key=True),
    Column("gtin", String(GTIN_CHARS), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("on_hand", Integer, nullable=False),
    Column("sellable", Integer, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    Column("confidence", Float(53)),  # probability that `sellable` units are sellable; NULL: not known
    Column("promised", Integer),  # units that are sellable with the target's probability; NULL: not known
    # What commerce makes of it (`gateway.ledger.retell`):
    Column("ladder", LargeBinary),  # float32: P(at least 1, 2, ... units can be promised to one more buyer)
    Column("held", Integer, nullable=False, server_default=text("0")),  # units of active holds
    Column("untagged", Integer, nullable=False, server_default=text("0")),  # units without tags that are for sale
    Column("unplaced", Integer, nullable=False, server_default=text("0")),  # units that are sold, item not known yet
    Column("next_expiry_us", BigInteger),  # when the first of its holds expires
    Index("ix_stock_gtin", "gtin"),
)

zone_state = Table(
    "zone_state",
    metadata,
    Column("site", id_type(), primary_key=True),
    Column("zone", id_type(), primary_key=True),
    Column("status", String(8), nullable=False),
    Column("as_of_us", BigInteger, nullable=False),  # the newest window in which an antenna really looked here
    Column("since_us", BigInteger, nullable=False),  # since when the status is what it is
    CheckConstraint("status IN ('live', 'blind')", name="status"),
)

change = Table(
    # `seq` is NULL until the relay has seen the row committed: no reader's cursor can skip a row.
    "change",
    metadata,
    Column("id", BIG_ID, primary_key=True, autoincrement=True),
    Column("seq", BigInteger),
    Column("site", id_type(), nullable=False),
    Column("gtin", String(GTIN_CHARS), nullable=False),  # empty: the change is of a zone, not of a SKU
    Column("created_us", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),  # JSON object without `seq`
    Column("ladder", LargeBinary),  # that of the stock row after it: each channel's own `atp` follows from it
    UniqueConstraint("seq"),
    Index("ix_change_waiting", "id", sqlite_where=text("seq IS NULL"), postgresql_where=text("seq IS NULL")),
)

# -- what evidence and counts say

book_line = Table(
    # What evidence does to the book of a SKU: the lines behind `book.now`. Never updated or deleted.
    "book_line",
    metadata,
    Column("site", id_type(), primary_key=True),
    Column("n", BigInteger, primary_key=True, autoincrement=False),  # the log entry that it follows from
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("gtin", String(GTIN_CHARS), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("units", Integer, nullable=False),  # more, or below 0 fewer
    Column("source", String(SOURCE_CHARS), nullable=False),
    CheckConstraint("units <> 0", name="units"),
    Index("ix_book_line_site_gtin_at_us", "site", "gtin", "at_us"),
)

count_result = Table(
    "count_result",
    metadata,
    Column("site", id_type(), primary_key=True),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("zone", id_type(), nullable=False),
    Column("source", String(SOURCE_CHARS), nullable=False),
    Column("started_us", BigInteger, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("expected", Integer, nullable=False),
    Column("seen", Integer, nullable=False),
    Column("unseen", Integer, nullable=False),
    Column("elsewhere", Integer, nullable=False),
    Column("unknown", Integer, nullable=False),  # seen, and believed to be out
    Index("ix_count_result_site_zone_n", "site", "zone", "n"),
)

count_cell = Table(
    # The last count of each zone, by SKU.
    "count_cell",
    metadata,
    Column("site", id_type(), primary_key=True),
    Column("gtin", String(GTIN_CHARS), primary_key=True),
    Column("zone", id_type(), primary_key=True),
    Column("n", BigInteger, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("expected", Integer, nullable=False),
    Column("seen", Integer, nullable=False),
)

count_item = Table(
    # Items of the last count of each zone that were not where they were believed to be.
    "count_item",
    metadata,
    Column("site", id_type(), primary_key=True),
    Column("gtin", String(GTIN_CHARS), primary_key=True),
    Column("serial", String(SERIAL_CHARS), primary_key=True),
    Column("zone", id_type(), primary_key=True),
    Column("finding", String(16), nullable=False),
    Column("place", id_type(), nullable=False),
    CheckConstraint("finding IN ('unseen', 'elsewhere', 'new')", name="finding"),
)

accuracy = Table(
    "accuracy",
    metadata,
    Column("site", id_type(), primary_key=True),
    Column("name", String(32), primary_key=True),
    Column("at_us", BigInteger, primary_key=True, autoincrement=False),
    Column("value", Float(53), nullable=False),
)

# -- what people and tills say of stock

source_event = Table(
    # A sender's own name for what it told us: the same again gets the same answer, another under that name none.
    "source_event",
    metadata,
    Column("site", id_type(), primary_key=True),
    Column("id", String(SOURCE_CHARS), primary_key=True),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("recorded_us", BigInteger, nullable=False),
    Column("answer", LargeBinary, nullable=False),  # JSON
)

book = Table(
    # Another system's total of a SKU, and what evidence made of it since.
    "book",
    metadata,
    Column("site", id_type(), primary_key=True),
    Column("gtin", String(GTIN_CHARS), primary_key=True),
    Column("quantity", Integer, nullable=False),
    Column("as_of_us", BigInteger, nullable=False),
    Column("now", Integer, nullable=False),  # with the lines after `as_of_us`, and with corrections
    Column("source", String(SOURCE_CHARS), nullable=False),
    Column("updated_us", BigInteger, nullable=False),
)

approval = Table(
    # Who decided what about a difference. Never updated or deleted.
    "approval",
    metadata,
    Column("site", id_type(), primary_key=True),
    Column("id", String(SOURCE_CHARS), primary_key=True),
    Column("gtin", String(GTIN_CHARS), nullable=False),
    Column("cause", String(16), nullable=False),
    Column("who", String(64), nullable=False),
    Column("decision", String(16), nullable=False),
    Column("before", LargeBinary, nullable=False),  # JSON: the difference as it was shown
    Column("after", LargeBinary, nullable=False),  # JSON: what was written
    Column("approved_us", BigInteger, nullable=False),
    Index("ix_approval_site_approved_us", "site", "approved_us"),
)

# -- who may write

lease = Table(
    "lease",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("holder", String(128), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
)

feed = Table(
    "feed",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("last_seq", BigInteger, nullable=False),
    Column("fence", BigInteger, nullable=False),
)
