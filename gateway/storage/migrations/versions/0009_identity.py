"""Identity: the register of certificates and the codes of enrolment."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "certificate",
        sa.Column("serial", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("label", sa.String(length=64), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("edge", sa.String(length=64), nullable=False),
        sa.Column("key_digest", sa.String(length=64), nullable=False),
        sa.Column("not_before_us", sa.BigInteger(), nullable=False),
        sa.Column("not_after_us", sa.BigInteger(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("revoked_us", sa.BigInteger(), nullable=True),
        sa.Column("revoked_by", sa.String(length=64), nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('edge', 'gateway', 'channel', 'broker')", name=op.f("ck_certificate_kind")),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_certificate")),
    )
    op.create_index("uq_certificate_name", "certificate", ["name"], unique=True)
    op.create_index("uq_certificate_key_digest", "certificate", ["key_digest"], unique=True)
    op.create_index("ix_certificate_site_edge", "certificate", ["site", "edge"])
    op.create_index("ix_certificate_not_after_us", "certificate", ["not_after_us"])
    op.create_table(
        "enrol_code",
        sa.Column("id", sa.String(length=8), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("edge", sa.String(length=64), nullable=False),
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=4), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.Column("used_mac", sa.String(length=64), nullable=False),
        sa.Column("serial", sa.String(length=32), nullable=False),
        sa.CheckConstraint("state IN ('open', 'used', 'void')", name=op.f("ck_enrol_code_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrol_code")),
    )
    op.create_index("ix_enrol_code_expires_us", "enrol_code", ["expires_us"])


def downgrade() -> None:
    """Take the tables back to the revision before; the register of certificates is lost."""
    op.drop_index("ix_enrol_code_expires_us", "enrol_code")
    op.drop_table("enrol_code")
    op.drop_index("ix_certificate_not_after_us", "certificate")
    op.drop_index("ix_certificate_site_edge", "certificate")
    op.drop_index("uq_certificate_key_digest", "certificate")
    op.drop_index("uq_certificate_name", "certificate")
    op.drop_table("certificate")
