"""Alarms: what is wrong with stock, with its evidence, until a person has seen it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "alarm",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("gtin", sa.String(length=14), nullable=False),
        sa.Column("serial", sa.String(length=64), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=True),
        sa.Column("severity", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("evidence", sa.LargeBinary(), nullable=False),
        sa.Column("text", sa.String(length=512), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first_us", sa.BigInteger(), nullable=False),
        sa.Column("last_us", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged_us", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=64), nullable=False),
        sa.Column("acknowledged_key", sa.String(length=16), nullable=True),
        sa.Column("acknowledged_note", sa.String(length=512), nullable=False),
        sa.Column("cleared_us", sa.BigInteger(), nullable=True),
        sa.Column("cleared_reason", sa.String(length=128), nullable=False),
        sa.Column("dedup", sa.String(length=140), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('left_unsold', 'wrong_department', 'clone', 'unknown_gtin', 'double_tag', 'never_read', "
            "'hold_faded', 'size_gap')",
            name=op.f("ck_alarm_kind"),
        ),
        sa.CheckConstraint("severity IN ('warning', 'critical')", name=op.f("ck_alarm_severity")),
        sa.CheckConstraint("state IN ('open', 'acknowledged', 'cleared')", name=op.f("ck_alarm_state")),
        sa.CheckConstraint("(state = 'cleared') = (cleared_us IS NOT NULL)", name=op.f("ck_alarm_cleared")),
        sa.CheckConstraint("(state = 'cleared') = (dedup IS NULL)", name=op.f("ck_alarm_named")),
        sa.CheckConstraint(
            "state <> 'acknowledged' OR acknowledged_us IS NOT NULL", name=op.f("ck_alarm_acknowledged")
        ),
        sa.CheckConstraint("count > 0", name=op.f("ck_alarm_seen")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarm")),
        sa.UniqueConstraint("site", "dedup", name=op.f("uq_alarm_site_dedup")),
    )
    op.create_index("ix_alarm_site_id", "alarm", ["site", "id"])
    op.create_index("ix_alarm_site_state_kind", "alarm", ["site", "state", "kind"])
    left = sa.text("state = 'left_unsold'")
    op.create_index(
        "ix_disposition_left_unsold", "disposition", ["site", "since_us"], sqlite_where=left, postgresql_where=left
    )


def downgrade() -> None:
    """Bring the tables back to the revision before; alarms are lost, and come again while their causes go on."""
    op.drop_index("ix_disposition_left_unsold", "disposition")
    op.drop_table("alarm")
