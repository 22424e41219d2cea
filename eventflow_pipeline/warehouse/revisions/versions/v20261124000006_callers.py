"""Callers."""

from eventflow_pipeline.warehouse.revisions import apply_sql

revision = "20261124000006"
down_revision = "20261124000005"


def upgrade() -> None:
    apply_sql("migrations/20261124000006_callers")


def downgrade() -> None:
    apply_sql("migrations/back/20261124000006_callers")
