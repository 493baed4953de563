"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "change",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("gtin", sa.String(length=14), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change")),
        sa.UniqueConstraint("seq", name=op.f("uq_change_seq")),
    )
    waiting = sa.text("seq IS NULL")
    op.create_index("ix_change_waiting", "change", ["id"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_table(
        "checkpoint",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("taken_us", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("site", "n", name=op.f("pk_checkpoint")),
    )
    op.create_table(
        "edge_state",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("edge", sa.String(length=64), nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("received_us", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("site", "edge", name=op.f("pk_edge_state")),
    )
    op.create_table(
        "feed",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_feed")),
    )
    op.create_table(
        "gap",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("edge", sa.String(length=64), nullable=False),
        sa.Column("cause", sa.String(length=32), nullable=False),
        sa.Column("stream", sa.LargeBinary(length=16), nullable=True),
        sa.Column("from_seq", sa.BigInteger(), nullable=False),
        sa.Column("to_seq", sa.BigInteger(), nullable=False),
        sa.Column("from_us", sa.BigInteger(), nullable=True),
        sa.Column("to_us", sa.BigInteger(), nullable=True),
        sa.Column("device", sa.String(length=64), nullable=True),
        sa.Column("observations", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("recorded_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gap")),
    )
    op.create_index("ix_gap_site_id", "gap", ["site", "id"])
    op.create_table(
        "item",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("gtin", sa.String(length=14), nullable=False),
        sa.Column("serial", sa.String(length=64), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("since_us", sa.BigInteger(), nullable=False),
        sa.Column("m", sa.BigInteger(), nullable=False),
        sa.Column("probability", sa.Float(precision=53), nullable=True),
        sa.PrimaryKeyConstraint("site", "gtin", "serial", name=op.f("pk_item")),
    )
    op.create_index("ix_item_site_gtin_zone", "item", ["site", "gtin", "zone"])
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("holder", sa.String(length=128), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "movement",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("m", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("gtin", sa.String(length=14), nullable=False),
        sa.Column("serial", sa.String(length=64), nullable=False),
        sa.Column("credit", sa.String(length=64), nullable=False),
        sa.Column("debit", sa.String(length=64), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("happened_us", sa.BigInteger(), nullable=False),
        sa.Column("first_read_us", sa.BigInteger(), nullable=False),
        sa.Column("decided_us", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.String(length=32), nullable=False),
        sa.Column("probability", sa.Float(precision=53), nullable=True),
        sa.CheckConstraint("credit <> debit", name=op.f("ck_movement_two_places")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_movement_units")),
        sa.PrimaryKeyConstraint("site", "m", name=op.f("pk_movement")),
    )
    op.create_index("ix_movement_site_gtin_serial_m", "movement", ["site", "gtin", "serial", "m"])
    op.create_table(
        "quarantine",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("received_us", sa.BigInteger(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=True),
        sa.Column("edge", sa.String(length=64), nullable=True),
        sa.Column("stream", sa.LargeBinary(length=16), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
    )
    op.create_index("ix_quarantine_site_id", "quarantine", ["site", "id"])
    op.create_table(
        "site",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("gln", sa.String(length=13), nullable=False),
        sa.Column("config", sa.LargeBinary(), nullable=False),
        sa.Column("config_hash", sa.String(length=64), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", name=op.f("pk_site")),
    )
    op.create_table(
        "site_fold",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("applied_n", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("now_us", sa.BigInteger(), nullable=False),
        sa.Column("figures", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("site", name=op.f("pk_site_fold")),
    )
    op.create_table(
        "site_input",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("received_us", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("kind IN ('site', 'data', 'tick')", name=op.f("ck_site_input_kind")),
        sa.PrimaryKeyConstraint("site", "n", name=op.f("pk_site_input")),
    )
    op.create_table(
        "site_log",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("last_n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", name=op.f("pk_site_log")),
    )
    op.create_table(
        "sku",
        sa.Column("gtin", sa.String(length=14), nullable=False),
        sa.Column("style", sa.Text(), nullable=False),
        sa.Column("colour", sa.Text(), nullable=False),
        sa.Column("size", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("min_floor", sa.Integer(), nullable=True),
        sa.Column("max_floor", sa.Integer(), nullable=True),
        sa.Column("price", sa.Text(), nullable=True),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("gtin", name=op.f("pk_sku")),
    )
    op.create_index("ix_sku_style", "sku", ["style"])
    op.create_table(
        "stock",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("gtin", sa.String(length=14), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("on_hand", sa.Integer(), nullable=False),
        sa.Column("sellable", sa.Integer(), nullable=False),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "gtin", name=op.f("pk_stock")),
    )
    op.create_index("ix_stock_gtin", "stock", ["gtin"])
    op.create_table(
        "stock_count",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("gtin", sa.String(length=14), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_stock_count_not_negative")),
        sa.PrimaryKeyConstraint("site", "gtin", "zone", name=op.f("pk_stock_count")),
    )
    op.create_table(
        "stream",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("edge", sa.String(length=64), nullable=False),
        sa.Column("stream", sa.LargeBinary(length=16), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("opened_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "edge", "stream", name=op.f("pk_stream")),
    )
    op.create_table(
        "unknown_gtin",
        sa.Column("gtin", sa.String(length=14), nullable=False),
        sa.Column("decision", sa.String(length=16), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("decided_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("decision IN ('ignored')", name=op.f("ck_unknown_gtin_decision")),
        sa.PrimaryKeyConstraint("gtin", name=op.f("pk_unknown_gtin")),
    )
    op.create_table(
        "zone_state",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("as_of_us", sa.BigInteger(), nullable=False),
        sa.Column("since_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("status IN ('live', 'blind')", name=op.f("ck_zone_state_status")),
        sa.PrimaryKeyConstraint("site", "zone", name=op.f("pk_zone_state")),
    )


def downgrade() -> None:
    """Take the tables back to the revision before."""
    op.drop_table("zone_state")
    op.drop_table("unknown_gtin")
    op.drop_table("stream")
    op.drop_table("stock_count")
    op.drop_table("stock")
    op.drop_table("sku")
    op.drop_table("site_log")
    op.drop_table("site_input")
    op.drop_table("site_fold")
    op.drop_table("site")
    op.drop_table("quarantine")
    op.drop_table("movement")
    op.drop_table("lease")
    op.drop_table("item")
    op.drop_table("gap")
    op.drop_table("feed")
    op.drop_table("edge_state")
    op.drop_table("checkpoint")
    op.drop_table("change")
