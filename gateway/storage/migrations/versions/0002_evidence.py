"""Evidence beyond reads, sensor models, books, counts and figures of accuracy; how sure a row of stock is."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KINDS = "kind IN ('site', 'model', 'data', 'tick', 'evidence')"
KINDS_BEFORE = "kind IN ('site', 'data', 'tick')"


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.add_column("stock", sa.Column("confidence", sa.Float(precision=53), nullable=True))
    op.add_column("stock", sa.Column("promised", sa.Integer(), nullable=True))
    op.add_column("site_fold", sa.Column("rules", sa.String(length=32), nullable=True))
    op.add_column("site_fold", sa.Column("rules_n", sa.BigInteger(), nullable=True))
    _allow(KINDS)
    _counts()
    _books()
    op.create_table(
        "site_model",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("config", sa.LargeBinary(), nullable=False),
        sa.Column("config_hash", sa.String(length=64), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", name=op.f("pk_site_model")),
    )
    op.create_table(
        "accuracy",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("at_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("site", "name", "at_us", name=op.f("pk_accuracy")),
    )
    op.create_table(
        "source_event",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=140), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("recorded_us", sa.BigInteger(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("site", "id", name=op.f("pk_source_event")),
    )
    op.create_table(
        "approval",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=140), nullable=False),
        sa.Column("gtin", sa.String(length=14), nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=False),
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.Column("decision", sa.String(length=16), nullable=False),
        sa.Column("before", sa.LargeBinary(), nullable=False),
        sa.Column("after", sa.LargeBinary(), nullable=False),
        sa.Column("approved_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "id", name=op.f("pk_approval")),
    )
    op.create_index("ix_approval_site_approved_us", "approval", ["site", "approved_us"])


def _counts() -> None:
    op.create_table(
        "count_result",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=140), nullable=False),
        sa.Column("started_us", sa.BigInteger(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("unseen", sa.Integer(), nullable=False),
        sa.Column("elsewhere", sa.Integer(), nullable=False),
        sa.Column("unknown", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("site", "n", name=op.f("pk_count_result")),
    )
    op.create_index("ix_count_result_site_zone_n", "count_result", ["site", "zone", "n"])
    op.create_table(
        "count_cell",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("gtin", sa.String(length=14), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("site", "gtin", "zone", name=op.f("pk_count_cell")),
    )
    op.create_table(
        "count_item",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("gtin", sa.String(length=14), nullable=False),
        sa.Column("serial", sa.String(length=64), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("finding", sa.String(length=16), nullable=False),
        sa.Column("place", sa.String(length=64), nullable=False),
        sa.CheckConstraint("finding IN ('unseen', 'elsewhere', 'new')", name=op.f("ck_count_item_finding")),
        sa.PrimaryKeyConstraint("site", "gtin", "serial", "zone", name=op.f("pk_count_item")),
    )


def _books() -> None:
    op.create_table(
        "book",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("gtin", sa.String(length=14), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("as_of_us", sa.BigInteger(), nullable=False),
        sa.Column("now", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=140), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "gtin", name=op.f("pk_book")),
    )
    op.create_table(
        "book_line",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("gtin", sa.String(length=14), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=140), nullable=False),
        sa.CheckConstraint("units <> 0", name=op.f("ck_book_line_units")),
        sa.PrimaryKeyConstraint("site", "n", "line", name=op.f("pk_book_line")),
    )
    op.create_index("ix_book_line_site_gtin_at_us", "book_line", ["site", "gtin", "at_us"])


def _allow(kinds: str) -> None:
    """Let the log hold these kinds of entries. SQLite cannot change a check: the table is written anew."""
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f("ck_site_input_kind"), "site_input", type_="check")
        op.create_check_constraint(op.f("ck_site_input_kind"), "site_input", kinds)
        return
    op.rename_table("site_input", "site_input_before")
    op.create_table(
        "site_input",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("received_us", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(kinds, name=op.f("ck_site_input_kind")),
        sa.PrimaryKeyConstraint("site", "n", name=op.f("pk_site_input")),
    )
    op.execute(
        "INSERT INTO site_input (site, n, received_us, kind, body) SELECT site, n, received_us, kind, body "
        "FROM site_input_before"
    )
    op.drop_table("site_input_before")


def downgrade() -> None:
    """Take the tables back to the revision before.

    Evidence or a sensor model in a log stops it: its sites could not be folded again.
    """
    for table in ("approval", "source_event", "accuracy", "book_line", "book", "count_item", "count_cell"):
        op.drop_table(table)
    op.drop_table("count_result")
    op.drop_table("site_model")
    _allow(KINDS_BEFORE)
    op.drop_column("site_fold", "rules_n")
    op.drop_column("site_fold", "rules")
    op.drop_column("stock", "promised")
    op.drop_column("stock", "confidence")
