"""The tables of commerce: what items are to a buyer, who holds what, who may ask, and who is told.

Presence says *where* an item is; `disposition` says *what it is* (EPCIS keeps read point and disposition apart, too).
Both are ledgers: `movement` follows from the site's log, `posting` from sales, receipts, returns, counts, adjustments.

* **state** (desk, fold): `posting`, `disposition`, `untagged`, `shipment`, `shipment_line`, `reference`.
* **holds** (reservations): `reservation`, `reservation_line`, `binding`.
* **who** (keys, audit): `channel`, `api_key`, `audit`.
* **told** (webhooks): `webhook`, `dead_letter`.

Whoever changes what can be sold of a SKU locks its row of `stock` first, in the order of (site, GTIN), and ends with
`gateway.ledger.retell`. After those come rows of `reservation`, in the order of their ids, and last a site's log.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
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

UUID_CHARS: Final = 36
KEY_CHARS: Final = 16
ACCOUNT_CHARS: Final = 24
OWNER_CHARS: Final = 64
REFERENCE_CHARS: Final = 128

_DISPOSITIONS: Final = (
    "state IN ('available', 'in_transit', 'sold', 'returned_unchecked', 'damaged', 'missing', 'left_unsold')"
)

# -- what items are

posting = Table(
    # Double entry over states: `quantity` units leave the account `credit` and arrive in `debit`. Never updated or
    # deleted. An empty serial: units without a tag, or (account `unplaced`) whose item is not known yet.
    "posting",
    metadata,
    Column("id", BIG_ID, primary_key=True, autoincrement=True),
    Column("site", id_type(), nullable=False),
    Column("gtin", String(GTIN_CHARS), nullable=False),
    Column("serial", String(SERIAL_CHARS), nullable=False),
    Column("owner", String(OWNER_CHARS), nullable=False),
    Column("credit", String(ACCOUNT_CHARS), nullable=False),
    Column("debit", String(ACCOUNT_CHARS), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("cause", String(32), nullable=False),
    Column("source", String(SOURCE_CHARS), nullable=False),  # the sender's name of the event, or the hold's id
    Column("actor", String(KEY_CHARS), nullable=False),  # the key's id; empty: the gateway itself, or no keys
    Column("happened_us", BigInteger, nullable=False),
    Column("recorded_us", BigInteger, nullable=False),
    CheckConstraint("credit <> debit", name="two_accounts"),
    CheckConstraint("quantity > 0", name="units"),
    Index("ix_posting_gtin_serial_id", "gtin", "serial", "id"),
    Index("ix_posting_site_gtin", "site", "gtin"),
)

disposition = Table(
    # What an item is to commerce; without a row it is `available`. One row for each item, whatever its site.
    "disposition",
    metadata,
    Column("gtin", String(GTIN_CHARS), primary_key=True),
    Column("serial", String(SERIAL_CHARS), primary_key=True),
    Column("site", id_type(), nullable=False),
    Column("state", String(ACCOUNT_CHARS), nullable=False),
    Column("owner", String(OWNER_CHARS), nullable=False),
    Column("since_us", BigInteger, nullable=False),
    CheckConstraint(_DISPOSITIONS, name="state"),
    Index("ix_disposition_site_gtin", "site", "gtin"),
)

untagged = Table(
    # Units without tags: quantities beside items.
    "untagged",
    metadata,
    Column("site", id_type(), primary_key=True),
    Column("gtin", String(GTIN_CHARS), primary_key=True),
    Column("owner", String(OWNER_CHARS), primary_key=True),
    Column("state", String(ACCOUNT_CHARS), primary_key=True),
    Column("quantity", Integer, nullable=False),
    CheckConstraint("quantity >= 0", name="not_negative"),
    CheckConstraint(_DISPOSITIONS, name="state"),
)

shipment = Table(
    # Goods on their way: an advance shipping notice (ASN) of a supplier, or a transfer between sites.
    "shipment",
    metadata,
    Column("id", String(SOURCE_CHARS), primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("from_site", id_type()),  # NULL: a supplier
    Column("to_site", id_type(), nullable=False),
    Column("sscc", String(18)),
    Column("state", String(12), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    CheckConstraint("kind IN ('asn', 'transfer')", name="kind"),
    CheckConstraint("state IN ('announced', 'in_transit', 'receiving', 'received', 'cancelled')", name="state"),
    Index("ix_shipment_to_site_state", "to_site", "state"),
)

shipment_line = Table(
    # An empty serial: `expected` units of the SKU, whichever they are.
    "shipment_line",
    metadata,
    Column("shipment", String(SOURCE_CHARS), primary_key=True),
    Column("gtin", String(GTIN_CHARS), primary_key=True),
    Column("serial", String(SERIAL_CHARS), primary_key=True),
    Column("expected", Integer, nullable=False),
    Column("received", Integer, nullable=False),
    CheckConstraint("expected >= 0 AND received >= 0", name="not_negative"),
)

reference = Table(
    # What a sale or a hold is called elsewhere: opaque, and the only table that may be erased. Nothing in the ledger
    # repeats it.
    "reference",
    metadata,
    Column("kind", String(12), primary_key=True),  # sale | return | hold
    Column("id", String(SOURCE_CHARS), primary_key=True),
    Column("site", id_type(), primary_key=True),  # empty: a hold
    Column("name", String(16), primary_key=True),  # customer_ref, payment_ref, receipt_ref, cart_ref, tender
    Column("value", String(REFERENCE_CHARS), nullable=False),
    Column("recorded_us", BigInteger, nullable=False),
    Index("ix_reference_name_value", "name", "value"),
)

# -- holds

reservation = Table(
    "reservation",
    metadata,
    Column("id", String(UUID_CHARS), primary_key=True),
    Column("key", String(KEY_CHARS), nullable=False),  # the API key's id; empty: there are no keys
    Column("idempotency_key", String(255), nullable=False),
    Column("body_sha256", LargeBinary(32), nullable=False),
    Column("channel", String(64), nullable=False),
    Column("mode", String(16), nullable=False),
    Column("state", String(12), nullable=False),
    Column("swept", Boolean, nullable=False),  # whether its units were given back
    Column("expires_us", BigInteger, nullable=False),  # of a hold that is not confirmed
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("answer", LargeBinary, nullable=False),  # JSON: what was answered when it was made
    Column("order_id", String(UUID_CHARS)),  # the order that it is a part of; NULL: it is all of its order
    Column("collect_by_us", BigInteger),  # of a confirmed pickup that is not over: until when its buyer may come
    CheckConstraint("state IN ('held', 'confirmed', 'picked', 'fulfilled', 'released', 'expired')", name="state"),
    CheckConstraint("mode IN ('ship', 'pickup', 'ship_from_store')", name="mode"),
    UniqueConstraint("key", "idempotency_key"),
    Index(
        "ix_reservation_expiring",
        "expires_us",
        sqlite_where=text("state = 'held'"),
        postgresql_where=text("state = 'held'"),
    ),
    Index(
        "ix_reservation_order_id",
        "order_id",
        sqlite_where=text("order_id IS NOT NULL"),
        postgresql_where=text("order_id IS NOT NULL"),
    ),
    Index(
        "ix_reservation_collect_by_us",
        "collect_by_us",
        sqlite_where=text("collect_by_us IS NOT NULL"),
        postgresql_where=text("collect_by_us IS NOT NULL"),
    ),
    Index(
        "ix_reservation_unswept",
        "id",
        sqlite_where=text("state = 'expired' AND swept = 0"),
        postgresql_where=text("state = 'expired' AND NOT swept"),
    ),
)

reservation_line = Table(
    # `quantity` = bound items + `untagged` + `substitution_needed`, while the hold is active.
    "reservation_line",
    metadata,
    Column("reservation", String(UUID_CHARS), primary_key=True),
    Column("line", SmallInteger, primary_key=True, autoincrement=False),
    Column("site", id_type(), nullable=False),
    Column("gtin", String(GTIN_CHARS), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("untagged", Integer, nullable=False),  # units without tags that it holds
    Column("substitution_needed", Integer, nullable=False),  # units that were lost and have no successor
    CheckConstraint("quantity > 0", name="units"),
    CheckConstraint("untagged >= 0 AND substitution_needed >= 0", name="not_negative"),
    Index("ix_reservation_line_site_gtin", "site", "gtin"),
)

binding = Table(
    # The items of active holds: the key lets no item have two.
    "binding",
    metadata,
    Column("gtin", String(GTIN_CHARS), primary_key=True),
    Column("serial", String(SERIAL_CHARS), primary_key=True),
    Column("site", id_type(), nullable=False),
    Column("reservation", String(UUID_CHARS), nullable=False),
    Column("line", SmallInteger, nullable=False),
    Column("picked", Boolean, nullable=False),
    Column("bound_us", BigInteger, nullable=False),
    Index("ix_binding_site_gtin", "site", "gtin"),
    Index("ix_binding_reservation", "reservation"),
)

# -- who may ask

channel = Table(
    # A consumer of availability, and how much is kept back from it.
    "channel",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("target", Float(53), nullable=False),  # how sure a promise must be
    Column("safety", Integer, nullable=False),  # units kept back of each SKU at each site
    Column("ttl_s", Integer, nullable=False),  # how long a hold lasts that says nothing else
    Column("when_blind", String(8), nullable=False),
    Column("holds_max", Integer, nullable=False),  # open holds of one key
    Column("updated_us", BigInteger, nullable=False),
    Column("rules", LargeBinary),  # JSON: how it weighs sites against each other (`gateway.sourcing.rules`)
    CheckConstraint("when_blind IN ('keep', 'zero', 'cap')", name="when_blind"),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", String(KEY_CHARS), primary_key=True),  # the prefix that is shown
    Column("sha256", LargeBinary(32), nullable=False),  # of the secret, which has 256 bits of its own
    Column("channel", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", Text, nullable=False),  # separated by spaces
    Column("sites", Text),  # separated by spaces; NULL: all
    Column("rate_per_s", Float(53), nullable=False),
    Column("burst", Integer, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Column("revoked_us", BigInteger),
)

audit = Table(
    # Who did what. Never updated or deleted: triggers refuse it.
    "audit",
    metadata,
    Column("id", BIG_ID, primary_key=True, autoincrement=True),
    Column("at_us", BigInteger, nullable=False),
    Column("actor", String(KEY_CHARS), nullable=False),
    Column("action", String(32), nullable=False),
    Column("site", id_type()),
    Column("subject", String(SOURCE_CHARS), nullable=False),
    Column("detail", LargeBinary, nullable=False),  # JSON without personal data
    Index("ix_audit_site_id", "site", "id"),
)

# -- who is told

webhook = Table(
    # An address that changes are sent to, in order; `cursor` is the newest that it took.
    "webhook",
    metadata,
    Column("id", String(UUID_CHARS), primary_key=True),
    Column("channel", String(64), nullable=False),
    Column("key", String(KEY_CHARS), nullable=False),
    Column("url", Text, nullable=False),
    Column("secret", Text, nullable=False),  # needed to sign: it cannot be hashed
    Column("sites", Text),
    Column("thresholds", Text, nullable=False),  # numbers separated by spaces; empty: every change
    Column("state", String(8), nullable=False),
    Column("cursor", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failing_since_us", BigInteger),
    Column("next_try_us", BigInteger, nullable=False),
    Column("last_error", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    CheckConstraint("state IN ('live', 'failing', 'stopped')", name="state"),
)

dead_letter = Table(
    # Changes that an address refused for good.
    "dead_letter",
    metadata,
    Column("webhook", String(UUID_CHARS), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at_us", BigInteger, nullable=False),
    Column("status", Integer),
    Column("error", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
