"""Definitions."""

from eventflow_pipeline.warehouse.revisions import apply_sql

revision = "20261124000003"
down_revision = "20261124000002"


def upgrade() -> None:
    apply_sql("migrations/20261124000003_definitions")


def downgrade() -> None:
    apply_sql("migrations/back/20261124000003_definitions")
