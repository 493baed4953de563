"""Time series: figures over time, and points that wait for a server."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    big_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "series_name",
        sa.Column("id", big_id, autoincrement=True, nullable=False),
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("measurement", sa.String(length=32), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("last_us", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series_name")),
        sa.UniqueConstraint("digest", name=op.f("uq_series_name_digest")),
    )
    op.create_index("ix_series_name_measurement_site", "series_name", ["measurement", "site"])
    op.create_table(
        "series_rollup",
        sa.Column("series", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("bucket_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("series", "bucket_us", name=op.f("pk_series_rollup")),
    )
    op.create_index("ix_series_rollup_bucket_us", "series_rollup", ["bucket_us"])
    op.create_table(
        "series_cursor",
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_series_cursor")),
    )
    op.create_table(
        "series_outbox",
        sa.Column("id", big_id, autoincrement=True, nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series_outbox")),
    )
    op.create_index("ix_series_outbox_created_us", "series_outbox", ["created_us", "points", "size_bytes"])


def downgrade() -> None:
    """Take the tables back to the revision before; the time series are lost."""
    op.drop_index("ix_series_outbox_created_us", "series_outbox")
    op.drop_table("series_outbox")
    op.drop_table("series_cursor")
    op.drop_index("ix_series_rollup_bucket_us", "series_rollup")
    op.drop_table("series_rollup")
    op.drop_index("ix_series_name_measurement_site", "series_name")
    op.drop_table("series_name")
