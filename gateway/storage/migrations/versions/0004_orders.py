"""Orders from anywhere: how a channel weighs sites, which holds are one order, until when it is kept, and the work."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.add_column("channel", sa.Column("rules", sa.LargeBinary(), nullable=True))
    op.add_column("reservation", sa.Column("order_id", sa.String(length=36), nullable=True))
    several = sa.text("order_id IS NOT NULL")
    op.create_index(
        "ix_reservation_order_id", "reservation", ["order_id"], sqlite_where=several, postgresql_where=several
    )
    op.add_column("reservation", sa.Column("collect_by_us", sa.BigInteger(), nullable=True))
    _index("ix_reservation_collect_by_us", "reservation", "collect_by_us", "collect_by_us IS NOT NULL")
    _tasks()


def _index(name: str, table: str, column: str, where: str) -> None:
    """Make an index of the rows that matter."""
    op.create_index(name, table, [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _tasks() -> None:
    """Make the table of what people in a store are asked to do."""
    op.create_table(
        "task",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("dedup", sa.String(length=140), nullable=True),
        sa.Column("gtin", sa.String(length=14), nullable=False),
        sa.Column("serials", sa.LargeBinary(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("from_zone", sa.String(length=64), nullable=True),
        sa.Column("to_zone", sa.String(length=64), nullable=True),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("reservation", sa.String(length=36), nullable=True),
        sa.Column("urgency", sa.SmallInteger(), nullable=False),
        sa.Column("due_us", sa.BigInteger(), nullable=False),
        sa.Column("claimed_key", sa.String(length=16), nullable=True),
        sa.Column("claimed_by", sa.String(length=64), nullable=False),
        sa.Column("claimed_us", sa.BigInteger(), nullable=True),
        sa.Column("done_us", sa.BigInteger(), nullable=True),
        sa.Column("word", sa.Integer(), nullable=True),
        sa.Column("reopened", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.String(length=128), nullable=False),
        sa.Column("detail", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('refill', 'find', 'pick', 'pack', 'hand_over', 'put_back', 'check')", name=op.f("ck_task_kind")
        ),
        sa.CheckConstraint("state IN ('open', 'claimed', 'done', 'cannot', 'closed')", name=op.f("ck_task_state")),
        sa.CheckConstraint("(state = 'claimed') = (claimed_us IS NOT NULL)", name=op.f("ck_task_claimed")),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_task_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
        sa.UniqueConstraint("site", "dedup", name=op.f("uq_task_site_dedup")),
    )
    op.create_index("ix_task_site_state", "task", ["site", "state", "updated_us"])
    for column in ("reservation", "claimed_us"):
        _index(f"ix_task_{column}", "task", column, f"{column} IS NOT NULL")
    _index("ix_task_dedup", "task", "kind", "dedup IS NOT NULL")


def downgrade() -> None:
    """Take the tables back to the revision before; holds of one order forget each other, tasks are lost."""
    op.drop_table("task")
    op.drop_index("ix_reservation_collect_by_us", "reservation")
    op.drop_column("reservation", "collect_by_us")
    op.drop_index("ix_reservation_order_id", "reservation")
    op.drop_column("reservation", "order_id")
    op.drop_column("channel", "rules")
