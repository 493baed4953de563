"""The tables of identity: the register of certificates, and the one-time codes of enrolment.

Rows of `enrol_code` are locked after that of `site`, those of `certificate` after both.
"""

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, LargeBinary, String, Table, Text

from gateway.storage.commerce import KEY_CHARS
from gateway.storage.metadata import id_type, metadata
from wire.enrolment import NAME_CHARS
from wire.identity import NAME_MAX_CHARS, SERIAL_BYTES

SERIAL_CHARS: Final = 2 * SERIAL_BYTES
DIGEST_CHARS: Final = 64
KEY_BYTES: Final = 32
ACTOR_CHARS: Final = max(KEY_CHARS, NAME_MAX_CHARS)

certificate = Table(
    # Every certificate that this authority issued. Never deleted: who was let in when is part of the audit.
    "certificate",
    metadata,
    Column("serial", String(SERIAL_CHARS), primary_key=True),
    Column("name", String(NAME_MAX_CHARS), nullable=False),  # the common name: the broker's user and client id
    Column("kind", String(8), nullable=False),
    Column("label", id_type(), nullable=False),  # of a gateway, channel or broker; empty for an edge
    Column("site", id_type(), nullable=False),  # of an edge; else empty
    Column("edge", id_type(), nullable=False),
    Column("key_digest", String(DIGEST_CHARS), nullable=False),  # of the public key: one certificate for each
    Column("not_before_us", BigInteger, nullable=False),
    Column("not_after_us", BigInteger, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("created_by", String(ACTOR_CHARS), nullable=False),  # a code, a serial before it, or empty
    Column("revoked_us", BigInteger, nullable=True),
    Column("revoked_by", String(ACTOR_CHARS), nullable=False),
    Column("pem", Text, nullable=False),
    CheckConstraint("kind IN ('edge', 'gateway', 'channel', 'broker')", name="kind"),
    Index("uq_certificate_name", "name", unique=True),
    Index("uq_certificate_key_digest", "key_digest", unique=True),
    Index("ix_certificate_site_edge", "site", "edge"),
    Index("ix_certificate_not_after_us", "not_after_us"),
)

enrol_code = Table(
    "enrol_code",
    metadata,
    Column("id", String(NAME_CHARS), primary_key=True),  # the public part of the code
    Column("site", id_type(), nullable=False),
    Column("edge", id_type(), nullable=False),
    Column("key", LargeBinary(KEY_BYTES), nullable=False),  # derived from the secret part, which is kept nowhere
    Column("actor", String(ACTOR_CHARS), nullable=False),
    Column("state", String(4), nullable=False),  # an open one is over at `expires_us` all the same
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("used_mac", String(DIGEST_CHARS), nullable=False),  # of the request that used it: the same may ask again
    Column("serial", String(SERIAL_CHARS), nullable=False),  # of what it gave; empty while it is open
    CheckConstraint("state IN ('open', 'used', 'void')", name="state"),
    Index("ix_enrol_code_expires_us", "expires_us"),
)
