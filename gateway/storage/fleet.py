"""The tables of the fleet: which profile each device should run, what it runs, and how that is being changed.

* **what is asked** (the process of the fleet): `fleet_profile`, `fleet_device`, `fleet_desired`.
* **what is** (ingest): `fleet_reported`, the newest report of each edge.
* **how it is changed**: `fleet_rollout` and `fleet_rollout_device`, begun by the desk, moved by the process;
  `fleet_event` says who did what and what came of it, append-only.

A hash is that of `wire.configuration`; an empty one means: as the device's site file says.
"""

from typing import Final

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
)

from gateway.storage.commerce import KEY_CHARS, UUID_CHARS
from gateway.storage.metadata import BIG_ID, id_type, metadata
from gateway.storage.work import WHO_CHARS

HASH_CHARS: Final = 16
WHAT_CHARS: Final = 16

fleet_profile = Table(
    # Profiles by value. Never changed: another profile has another hash.
    "fleet_profile",
    metadata,
    Column("hash", String(HASH_CHARS), primary_key=True),
    Column("name", id_type(), nullable=False),
    Column("body", LargeBinary, nullable=False),  # JSON object
    Column("created_us", BigInteger, nullable=False),
)

fleet_device = Table(
    # Devices that were ever given a profile from here.
    "fleet_device",
    metadata,
    Column("site", id_type(), primary_key=True),
    Column("edge", id_type(), primary_key=True),
    Column("device", id_type(), primary_key=True),
    Column("profile", id_type(), nullable=False),
    Column("hash", String(HASH_CHARS), nullable=False),
    Column("good_profile", id_type(), nullable=False),  # the last one that a roll-out found good
    Column("good_hash", String(HASH_CHARS), nullable=False),
    Column("rollout", String(UUID_CHARS), nullable=False),  # the one that set it last
    Column("updated_us", BigInteger, nullable=False),
)

fleet_desired = Table(
    "fleet_desired",
    metadata,
    Column("site", id_type(), primary_key=True),
    Column("edge", id_type(), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("hash", String(HASH_CHARS), nullable=False),
    Column("body", LargeBinary, nullable=False),  # the DesiredConfig as JSON, as it is published
    Column("updated_us", BigInteger, nullable=False),
)

fleet_reported = Table(
    "fleet_reported",
    metadata,
    Column("site", id_type(), primary_key=True),
    Column("edge", id_type(), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("hash", String(HASH_CHARS), nullable=False),
    Column("body", LargeBinary, nullable=False),  # the ReportedConfig as JSON
    Column("received_us", BigInteger, nullable=False),
    Index("ix_fleet_reported_received_us", "received_us"),
)

fleet_rollout = Table(
    "fleet_rollout",
    metadata,
    Column("id", String(UUID_CHARS), primary_key=True),  # begins with the time when it was begun
    Column("key", String(KEY_CHARS), nullable=False),  # the API key's id; empty: there are no keys
    Column("idempotency_key", String(255), nullable=False),
    Column("body_sha256", LargeBinary(32), nullable=False),
    Column("by", String(WHO_CHARS), nullable=False),  # what the person called himself, or empty
    Column("profile", id_type(), nullable=False),
    Column("hash", String(HASH_CHARS), nullable=False),
    Column("settings", LargeBinary, nullable=False),  # JSON: whom it was for, how fast it goes
    Column("stage", String(WHAT_CHARS), nullable=False),
    Column("phase", String(WHAT_CHARS), nullable=False),
    Column("wave", SmallInteger, nullable=False),
    Column("phase_us", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),  # why it is in its stage
    Column("wish", String(WHAT_CHARS), nullable=False),  # what a person asked for and the process has not done yet
    Column("wish_key", String(KEY_CHARS), nullable=False),
    Column("wish_by", String(WHO_CHARS), nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    CheckConstraint(
        "stage IN ('planned', 'canary', 'watching', 'rolling', 'done', 'stopped', 'rolling_back', 'rolled_back')",
        name="stage",
    ),
    CheckConstraint("phase IN ('measuring', 'asked', 'watching', 'undoing', 'over')", name="phase"),
    CheckConstraint("wish IN ('', 'stop', 'rollback')", name="wish"),
    UniqueConstraint("key", "idempotency_key"),
    Index("ix_fleet_rollout_phase", "phase"),
)

fleet_rollout_device = Table(
    "fleet_rollout_device",
    metadata,
    Column("rollout", String(UUID_CHARS), primary_key=True),
    Column("site", id_type(), primary_key=True),
    Column("edge", id_type(), primary_key=True),
    Column("device", id_type(), primary_key=True),
    Column("wave", SmallInteger, nullable=False),
    Column("place", Integer, nullable=False),  # in its roll-out, from 0 on
    Column("state", String(WHAT_CHARS), nullable=False),
    Column("from_profile", id_type(), nullable=False),  # what it is brought back to
    Column("from_hash", String(HASH_CHARS), nullable=False),
    Column("version", BigInteger, nullable=False),  # of its edge's desired configuration that says so; 0: none yet
    Column("state_us", BigInteger, nullable=False),
    Column("before", Float(53)),  # reads a minute before; NULL: too few to judge it by
    Column("after", Float(53)),
    Column("said", Text, nullable=False),
    CheckConstraint(
        "state IN ('waiting', 'asked', 'absent', 'applied', 'good', 'failed', 'returning', 'back', 'left')",
        name="state",
    ),
    Index("ix_fleet_rollout_device_device", "site", "edge", "device"),
)

fleet_event = Table(
    # Who did what, and what came of it. Never updated or deleted: triggers refuse it.
    "fleet_event",
    metadata,
    Column("id", BIG_ID, primary_key=True, autoincrement=True),
    Column("at_us", BigInteger, nullable=False),
    Column("rollout", String(UUID_CHARS), nullable=False),
    Column("actor", String(KEY_CHARS), nullable=False),  # the key's id; empty: the gateway itself, or no keys
    Column("by", String(WHO_CHARS), nullable=False),
    Column("what", String(WHAT_CHARS), nullable=False),
    Column("site", String(64), nullable=False),  # these three are empty: of the whole roll-out
    Column("edge", String(64), nullable=False),
    Column("device", String(64), nullable=False),
    Column("detail", Text, nullable=False),
    Index("ix_fleet_event_rollout_id", "rollout", "id"),
)
