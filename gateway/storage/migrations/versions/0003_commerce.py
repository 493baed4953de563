"""Commerce: what items are to a buyer, holds, keys and channels, webhooks, an audit that cannot be changed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

APPEND_ONLY = ("posting", "audit")


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.add_column("item", sa.Column("sellable", sa.Float(precision=53), nullable=True))
    op.create_index("ix_item_gtin_serial", "item", ["gtin", "serial"], unique=False)
    op.add_column("change", sa.Column("ladder", sa.LargeBinary(), nullable=True))
    op.add_column("stock", sa.Column("ladder", sa.LargeBinary(), nullable=True))
    for name in ("held", "untagged", "unplaced"):
        op.add_column("stock", sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("stock", sa.Column("next_expiry_us", sa.BigInteger(), nullable=True))
    _states()
    _holds()
    _keys()
    _told()
    for table in APPEND_ONLY:
        _never_change(table)


def _states() -> None:
    """What items are."""
    op.create_table(
        "disposition",
        sa.Column("gtin", sa.String(length=14), nullable=False),
        sa.Column("serial", sa.String(length=64), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("since_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "state IN ('available', 'in_transit', 'sold', 'returned_unchecked', 'damaged', 'missing', 'left_unsold')",
            name=op.f("ck_disposition_state"),
        ),
        sa.PrimaryKeyConstraint("gtin", "serial", name=op.f("pk_disposition")),
    )
    op.create_index("ix_disposition_site_gtin", "disposition", ["site", "gtin"], unique=False)
    op.create_table(
        "posting",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("gtin", sa.String(length=14), nullable=False),
        sa.Column("serial", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("credit", sa.String(length=24), nullable=False),
        sa.Column("debit", sa.String(length=24), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("cause", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=140), nullable=False),
        sa.Column("actor", sa.String(length=16), nullable=False),
        sa.Column("happened_us", sa.BigInteger(), nullable=False),
        sa.Column("recorded_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("credit <> debit", name=op.f("ck_posting_two_accounts")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_posting_units")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posting")),
    )
    op.create_index("ix_posting_gtin_serial_id", "posting", ["gtin", "serial", "id"], unique=False)
    op.create_index("ix_posting_site_gtin", "posting", ["site", "gtin"], unique=False)
    op.create_table(
        "reference",
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("id", sa.String(length=140), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(length=128), nullable=False),
        sa.Column("recorded_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", "site", "name", name=op.f("pk_reference")),
    )
    op.create_index("ix_reference_name_value", "reference", ["name", "value"], unique=False)
    op.create_table(
        "shipment",
        sa.Column("id", sa.String(length=140), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("from_site", sa.String(length=64), nullable=True),
        sa.Column("to_site", sa.String(length=64), nullable=False),
        sa.Column("sscc", sa.String(length=18), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('asn', 'transfer')", name=op.f("ck_shipment_kind")),
        sa.CheckConstraint(
            "state IN ('announced', 'in_transit', 'receiving', 'received', 'cancelled')", name=op.f("ck_shipment_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shipment")),
    )
    op.create_index("ix_shipment_to_site_state", "shipment", ["to_site", "state"], unique=False)
    op.create_table(
        "shipment_line",
        sa.Column("shipment", sa.String(length=140), nullable=False),
        sa.Column("gtin", sa.String(length=14), nullable=False),
        sa.Column("serial", sa.String(length=64), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.CheckConstraint("expected >= 0 AND received >= 0", name=op.f("ck_shipment_line_not_negative")),
        sa.PrimaryKeyConstraint("shipment", "gtin", "serial", name=op.f("pk_shipment_line")),
    )
    op.create_table(
        "untagged",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("gtin", sa.String(length=14), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state IN ('available', 'in_transit', 'sold', 'returned_unchecked', 'damaged', 'missing', 'left_unsold')",
            name=op.f("ck_untagged_state"),
        ),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_untagged_not_negative")),
        sa.PrimaryKeyConstraint("site", "gtin", "owner", "state", name=op.f("pk_untagged")),
    )


def _holds() -> None:
    """Who holds what."""
    op.create_table(
        "binding",
        sa.Column("gtin", sa.String(length=14), nullable=False),
        sa.Column("serial", sa.String(length=64), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("reservation", sa.String(length=36), nullable=False),
        sa.Column("line", sa.SmallInteger(), nullable=False),
        sa.Column("picked", sa.Boolean(), nullable=False),
        sa.Column("bound_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("gtin", "serial", name=op.f("pk_binding")),
    )
    op.create_index("ix_binding_reservation", "binding", ["reservation"], unique=False)
    op.create_index("ix_binding_site_gtin", "binding", ["site", "gtin"], unique=False)
    op.create_table(
        "reservation",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("key", sa.String(length=16), nullable=False),
        sa.Column("idempotency_key", sa.String(length=255), nullable=False),
        sa.Column("body_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("swept", sa.Boolean(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("mode IN ('ship', 'pickup', 'ship_from_store')", name=op.f("ck_reservation_mode")),
        sa.CheckConstraint(
            "state IN ('held', 'confirmed', 'picked', 'fulfilled', 'released', 'expired')",
            name=op.f("ck_reservation_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservation")),
        sa.UniqueConstraint("key", "idempotency_key", name=op.f("uq_reservation_key_idempotency_key")),
    )
    op.create_index(
        "ix_reservation_expiring",
        "reservation",
        ["expires_us"],
        unique=False,
        sqlite_where=sa.text("state = 'held'"),
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_index(
        "ix_reservation_unswept",
        "reservation",
        ["id"],
        unique=False,
        sqlite_where=sa.text("state = 'expired' AND swept = 0"),
        postgresql_where=sa.text("state = 'expired' AND NOT swept"),
    )
    op.create_table(
        "reservation_line",
        sa.Column("reservation", sa.String(length=36), nullable=False),
        sa.Column("line", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("gtin", sa.String(length=14), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("untagged", sa.Integer(), nullable=False),
        sa.Column("substitution_needed", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_reservation_line_units")),
        sa.CheckConstraint("untagged >= 0 AND substitution_needed >= 0", name=op.f("ck_reservation_line_not_negative")),
        sa.PrimaryKeyConstraint("reservation", "line", name=op.f("pk_reservation_line")),
    )
    op.create_index("ix_reservation_line_site_gtin", "reservation_line", ["site", "gtin"], unique=False)


def _keys() -> None:
    """Who may ask, and who did what."""
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("sites", sa.Text(), nullable=True),
        sa.Column("rate_per_s", sa.Float(precision=53), nullable=False),
        sa.Column("burst", sa.Integer(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=True),
        sa.Column("revoked_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=16), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=True),
        sa.Column("subject", sa.String(length=140), nullable=False),
        sa.Column("detail", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_site_id", "audit", ["site", "id"], unique=False)
    op.create_table(
        "channel",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("target", sa.Float(precision=53), nullable=False),
        sa.Column("safety", sa.Integer(), nullable=False),
        sa.Column("ttl_s", sa.Integer(), nullable=False),
        sa.Column("when_blind", sa.String(length=8), nullable=False),
        sa.Column("holds_max", sa.Integer(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("when_blind IN ('keep', 'zero', 'cap')", name=op.f("ck_channel_when_blind")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_channel")),
    )


def _told() -> None:
    """Who is told."""
    op.create_table(
        "dead_letter",
        sa.Column("webhook", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("webhook", "seq", name=op.f("pk_dead_letter")),
    )
    op.create_table(
        "webhook",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=16), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("sites", sa.Text(), nullable=True),
        sa.Column("thresholds", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failing_since_us", sa.BigInteger(), nullable=True),
        sa.Column("next_try_us", sa.BigInteger(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('live', 'failing', 'stopped')", name=op.f("ck_webhook_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
    )


def _never_change(table: str) -> None:
    """Let the database refuse to change or delete rows of a table."""
    text = f"rows of {table} are never changed"
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{text}'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_never_change() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{text}'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_never_change()"
    )


def downgrade() -> None:
    """Take the tables back to the revision before; what commerce said of items is lost."""
    for tables in (("dead_letter", "webhook"), ("audit", "api_key", "channel")):
        for table in tables:
            op.drop_table(table)
    for table in ("binding", "reservation_line", "reservation", "reference", "shipment_line", "shipment"):
        op.drop_table(table)
    for table in ("untagged", "disposition", "posting"):
        op.drop_table(table)
    if op.get_bind().dialect.name != "sqlite":
        for table in APPEND_ONLY:
            op.execute(f"DROP FUNCTION {table}_never_change()")
    for name in ("next_expiry_us", "unplaced", "untagged", "held", "ladder"):
        op.drop_column("stock", name)
    op.drop_column("change", "ladder")
    op.drop_index("ix_item_gtin_serial", "item")
    op.drop_column("item", "sellable")
