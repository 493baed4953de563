"""The table of work: what people in a store are asked to do.

A row of `task` is locked after the rows of `stock` and `reservation` that it belongs to, before a site's log; several
in the order of their ids. `dedup` is NULL as soon as a task is over: until then no second one of that name opens.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
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

from gateway.storage.commerce import KEY_CHARS, UUID_CHARS
from gateway.storage.metadata import GTIN_CHARS, SOURCE_CHARS, id_type, metadata

WHO_CHARS: Final = 64
REASON_CHARS: Final = 128

task = Table(
    "task",
    metadata,
    Column("id", String(UUID_CHARS), primary_key=True),  # begins with the time when it was opened
    Column("site", id_type(), nullable=False),
    Column("kind", String(12), nullable=False),
    Column("state", String(8), nullable=False),
    Column("dedup", String(SOURCE_CHARS)),  # NULL: it is over
    Column("gtin", String(GTIN_CHARS), nullable=False),  # empty: of a whole reservation
    Column("serials", LargeBinary, nullable=False),  # JSON: items; of a pick those that were taken
    Column("quantity", Integer, nullable=False),
    Column("from_zone", id_type()),
    Column("to_zone", id_type()),
    Column("department", Text, nullable=False),
    Column("reservation", String(UUID_CHARS)),
    Column("urgency", SmallInteger, nullable=False),  # 0 first, among tasks that are due alike
    Column("due_us", BigInteger, nullable=False),
    Column("claimed_key", String(KEY_CHARS)),  # the key's id; empty: there are no keys; NULL: nobody has it
    Column("claimed_by", String(WHO_CHARS), nullable=False),  # what the claimant called himself, or empty
    Column("claimed_us", BigInteger),
    Column("done_us", BigInteger),  # when a person said so
    Column("word", Integer),  # units that a person says to have moved
    Column("reopened", SmallInteger, nullable=False),
    Column("reason", String(REASON_CHARS), nullable=False),  # why it is in its state
    Column("detail", LargeBinary, nullable=False),  # JSON object: what whoever opened it keeps with it
    Column("version", Integer, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    CheckConstraint("kind IN ('refill', 'find', 'pick', 'pack', 'hand_over', 'put_back', 'check')", name="kind"),
    CheckConstraint("state IN ('open', 'claimed', 'done', 'cannot', 'closed')", name="state"),
    CheckConstraint("(state = 'claimed') = (claimed_us IS NOT NULL)", name="claimed"),
    CheckConstraint("quantity >= 0", name="not_negative"),
    UniqueConstraint("site", "dedup"),
    Index("ix_task_site_state", "site", "state", "updated_us"),
    Index(
        "ix_task_reservation",
        "reservation",
        sqlite_where=text("reservation IS NOT NULL"),
        postgresql_where=text("reservation IS NOT NULL"),
    ),
    Index(
        "ix_task_claimed_us",
        "claimed_us",
        sqlite_where=text("claimed_us IS NOT NULL"),
        postgresql_where=text("claimed_us IS NOT NULL"),
    ),
    Index(
        "ix_task_dedup",
        "kind",
        sqlite_where=text("dedup IS NOT NULL"),
        postgresql_where=text("dedup IS NOT NULL"),
    ),
)
