"""Pairing: codes that make a device in a store a store screen."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "pairing_code",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("actor", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=4), nullable=False),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('open', 'used', 'void')", name=op.f("ck_pairing_code_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pairing_code")),
    )
    op.create_index("ix_pairing_code_site_state", "pairing_code", ["site", "state"])
    op.create_index("ix_pairing_code_expires_us", "pairing_code", ["expires_us"])
    op.create_table(
        "screen",
        sa.Column("key", sa.String(length=16), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("code", sa.String(length=36), nullable=False),
        sa.Column("paired_us", sa.BigInteger(), nullable=False),
        sa.Column("used_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_screen")),
    )
    op.create_index("ix_screen_site_paired_us", "screen", ["site", "paired_us"])


def downgrade() -> None:
    """Bring the tables back to the revision before; screens stay keys, nobody knows any more that they are screens."""
    op.drop_table("screen")
    op.drop_table("pairing_code")
