"""The table of alarms: what is wrong with stock, with its evidence, until its cause is gone.

A row of `alarm` is locked after the rows of stock, reservations and tasks that it is about, before a site's log;
several in the order of their names. `dedup` is NULL as soon as an alarm is cleared: until then no second one of that
name opens.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    text,
)

from gateway.storage.commerce import KEY_CHARS, UUID_CHARS, disposition
from gateway.storage.metadata import GTIN_CHARS, SERIAL_CHARS, SOURCE_CHARS, id_type, metadata
from gateway.storage.work import REASON_CHARS, WHO_CHARS

ALARM_TEXT_CHARS: Final = 512
NOTE_CHARS: Final = 512

alarm = Table(
    "alarm",
    metadata,
    Column("id", String(UUID_CHARS), primary_key=True),  # begins with the time when it was raised
    Column("site", id_type(), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("gtin", String(GTIN_CHARS), nullable=False),  # empty: of no single SKU
    Column("serial", String(SERIAL_CHARS), nullable=False),  # empty: of no single item
    Column("zone", id_type()),
    Column("severity", String(8), nullable=False),
    Column("state", String(12), nullable=False),
    Column("evidence", LargeBinary, nullable=False),  # JSON object
    Column("text", String(ALARM_TEXT_CHARS), nullable=False),  # in words, for a person
    Column("count", Integer, nullable=False),  # times that its cause was seen
    Column("first_us", BigInteger, nullable=False),
    Column("last_us", BigInteger, nullable=False),  # when its cause was seen last
    Column("acknowledged_us", BigInteger),
    Column("acknowledged_by", String(WHO_CHARS), nullable=False),  # what the person called himself, or empty
    Column("acknowledged_key", String(KEY_CHARS)),  # the key's id; empty: there are no keys; NULL: nobody did
    Column("acknowledged_note", String(NOTE_CHARS), nullable=False),
    Column("cleared_us", BigInteger),
    Column("cleared_reason", String(REASON_CHARS), nullable=False),
    Column("dedup", String(SOURCE_CHARS)),  # NULL: it is cleared
    Column("version", Integer, nullable=False),
    CheckConstraint(
        "kind IN ('left_unsold', 'wrong_department', 'clone', 'unknown_gtin', 'double_tag', 'never_read', "
        "'hold_faded', 'size_gap')",
        name="kind",
    ),
    CheckConstraint("severity IN ('warning', 'critical')", name="severity"),
    CheckConstraint("state IN ('open', 'acknowledged', 'cleared')", name="state"),
    CheckConstraint("(state = 'cleared') = (cleared_us IS NOT NULL)", name="cleared"),
    CheckConstraint("(state = 'cleared') = (dedup IS NULL)", name="named"),
    CheckConstraint("state <> 'acknowledged' OR acknowledged_us IS NOT NULL", name="acknowledged"),
    CheckConstraint("count > 0", name="seen"),
    UniqueConstraint("site", "dedup"),
    Index("ix_alarm_site_id", "site", "id"),
    Index("ix_alarm_site_state_kind", "site", "state", "kind"),
)

# What left unsold is looked for every few seconds, among millions of items that were sold long ago.
Index(
    "ix_disposition_left_unsold",
    disposition.c.site,
    disposition.c.since_us,
    sqlite_where=text("state = 'left_unsold'"),
    postgresql_where=text("state = 'left_unsold'"),
)
