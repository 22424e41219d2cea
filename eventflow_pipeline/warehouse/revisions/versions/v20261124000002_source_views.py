"""Source views."""

from eventflow_pipeline.warehouse.revisions import apply_sql

revision = "20261124000002"
down_revision = "20261124000001"


def upgrade() -> None:
    apply_sql("migrations/20261124000002_source_views")


def downgrade() -> None:
    apply_sql("migrations/back/20261124000002_source_views")
