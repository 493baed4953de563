"""What all tables share: the names of constraints, and the types of their columns.

Every instant is an integer, UTC microseconds, and ends in `_us`. A place is a zone's id, or `OUT`.
"""

from typing import Final

from sqlalchemy import BigInteger, Integer, MetaData, String

from wire.limits import ID_MAX_CHARS

NAMING: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "pk": "pk_%(table_name)s",
}
"""Names that are the same on every database, so that a migration can find a constraint again."""

metadata: Final = MetaData(naming_convention=NAMING)

GTIN_CHARS: Final = 14
SERIAL_CHARS: Final = 64
"""SGTIN-198 holds 20 characters; percent-escaped in a URI they may be three times as long."""

SOURCE_CHARS: Final = 140
"""A sender's name for an event (128 characters), or an edge and its session, or what we put before a name."""

BIG_ID: Final = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite counts up by itself only in a column of its own INTEGER type (64 bits there)."""


def id_type() -> String:
    """Return the type of ids of sites, zones, edges and devices."""
    return String(ID_MAX_CHARS)
