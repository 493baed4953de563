"""The fleet: profiles of devices, what is asked of edges, what they report, and roll-outs."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

APPEND_ONLY = "fleet_event"


def upgrade() -> None:
    """Bring the tables to this revision."""
    _twins()
    _rollouts()
    op.create_table(
        "fleet_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("rollout", sa.String(length=36), nullable=False),
        sa.Column("actor", sa.String(length=16), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("edge", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fleet_event")),
    )
    op.create_index("ix_fleet_event_rollout_id", "fleet_event", ["rollout", "id"])
    _never_change(APPEND_ONLY)


def _twins() -> None:
    op.create_table(
        "fleet_profile",
        sa.Column("hash", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_fleet_profile")),
    )
    op.create_table(
        "fleet_device",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("edge", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=64), nullable=False),
        sa.Column("profile", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=16), nullable=False),
        sa.Column("good_profile", sa.String(length=64), nullable=False),
        sa.Column("good_hash", sa.String(length=16), nullable=False),
        sa.Column("rollout", sa.String(length=36), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "edge", "device", name=op.f("pk_fleet_device")),
    )
    for table, instant in (("fleet_desired", "updated_us"), ("fleet_reported", "received_us")):
        op.create_table(
            table,
            sa.Column("site", sa.String(length=64), nullable=False),
            sa.Column("edge", sa.String(length=64), nullable=False),
            sa.Column("version", sa.BigInteger(), nullable=False),
            sa.Column("hash", sa.String(length=16), nullable=False),
            sa.Column("body", sa.LargeBinary(), nullable=False),
            sa.Column(instant, sa.BigInteger(), nullable=False),
            sa.PrimaryKeyConstraint("site", "edge", name=op.f(f"pk_{table}")),
        )
    op.create_index("ix_fleet_reported_received_us", "fleet_reported", ["received_us"])


def _rollouts() -> None:
    op.create_table(
        "fleet_rollout",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("key", sa.String(length=16), nullable=False),
        sa.Column("idempotency_key", sa.String(length=255), nullable=False),
        sa.Column("body_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("profile", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=16), nullable=False),
        sa.Column("settings", sa.LargeBinary(), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("wave", sa.SmallInteger(), nullable=False),
        sa.Column("phase_us", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("wish", sa.String(length=16), nullable=False),
        sa.Column("wish_key", sa.String(length=16), nullable=False),
        sa.Column("wish_by", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "stage IN ('planned', 'canary', 'watching', 'rolling', 'done', 'stopped', 'rolling_back', 'rolled_back')",
            name=op.f("ck_fleet_rollout_stage"),
        ),
        sa.CheckConstraint(
            "phase IN ('measuring', 'asked', 'watching', 'undoing', 'over')", name=op.f("ck_fleet_rollout_phase")
        ),
        sa.CheckConstraint("wish IN ('', 'stop', 'rollback')", name=op.f("ck_fleet_rollout_wish")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fleet_rollout")),
        sa.UniqueConstraint("key", "idempotency_key", name=op.f("uq_fleet_rollout_key_idempotency_key")),
    )
    op.create_index("ix_fleet_rollout_phase", "fleet_rollout", ["phase"])
    op.create_table(
        "fleet_rollout_device",
        sa.Column("rollout", sa.String(length=36), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("edge", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=64), nullable=False),
        sa.Column("wave", sa.SmallInteger(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("from_profile", sa.String(length=64), nullable=False),
        sa.Column("from_hash", sa.String(length=16), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("state_us", sa.BigInteger(), nullable=False),
        sa.Column("before", sa.Float(precision=53), nullable=True),
        sa.Column("after", sa.Float(precision=53), nullable=True),
        sa.Column("said", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'asked', 'absent', 'applied', 'good', 'failed', 'returning', 'back', 'left')",
            name=op.f("ck_fleet_rollout_device_state"),
        ),
        sa.PrimaryKeyConstraint("rollout", "site", "edge", "device", name=op.f("pk_fleet_rollout_device")),
    )
    op.create_index("ix_fleet_rollout_device_device", "fleet_rollout_device", ["site", "edge", "device"])


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
    """Take the tables back to the revision before; what was asked of devices is lost, they keep what they run."""
    op.drop_table("fleet_event")
    if op.get_bind().dialect.name != "sqlite":
        op.execute(f"DROP FUNCTION {APPEND_ONLY}_never_change()")
    op.drop_table("fleet_rollout_device")
    op.drop_table("fleet_rollout")
    for table in ("fleet_reported", "fleet_desired", "fleet_device", "fleet_profile"):
        op.drop_table(table)
