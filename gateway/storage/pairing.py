"""The tables of pairing: codes that make a device in a store a store screen, and the screens.

A screen is a key (`api_key`) of one site with a row here; ended with its key. Rows of `pairing_code` are locked after
that of `site`, several in the order of their ids; those of `channel` and `api_key` come after.
"""

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, String, Table, Text

from gateway.storage.commerce import KEY_CHARS, UUID_CHARS
from gateway.storage.metadata import id_type, metadata

DIGEST_BYTES: Final = 32

pairing_code = Table(
    "pairing_code",
    metadata,
    Column("id", String(UUID_CHARS), primary_key=True),  # begins with the time when it was made
    Column("site", id_type(), nullable=False),
    Column("name", Text, nullable=False),  # what the device shall be called, or empty
    Column("digest", LargeBinary(DIGEST_BYTES), nullable=False),  # a slow hash of the code
    Column("actor", String(KEY_CHARS), nullable=False),  # the key that made it; empty: the command line
    Column("state", String(4), nullable=False),  # an open one is over at `expires_us` all the same
    Column("wrong", Integer, nullable=False),  # wrong codes at its site since it was made
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    CheckConstraint("state IN ('open', 'used', 'void')", name="state"),
    Index("ix_pairing_code_site_state", "site", "state"),
    Index("ix_pairing_code_expires_us", "expires_us"),
)

screen = Table(
    # A key that a device got by pairing. Never deleted, as keys are not.
    "screen",
    metadata,
    Column("key", String(KEY_CHARS), primary_key=True),
    Column("site", id_type(), nullable=False),
    Column("name", Text, nullable=False),
    Column("code", String(UUID_CHARS), nullable=False),  # the id of the code that paired it
    Column("paired_us", BigInteger, nullable=False),
    Column("used_us", BigInteger, nullable=False),  # its last request, to the minute
    Index("ix_screen_site_paired_us", "site", "paired_us"),
)
