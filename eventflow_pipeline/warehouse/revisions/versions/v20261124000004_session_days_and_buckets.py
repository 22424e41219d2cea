"""Session days and buckets."""

from eventflow_pipeline.warehouse.revisions import apply_sql

revision = "20261124000004"
down_revision = "20261124000003"


def upgrade() -> None:
    apply_sql("migrations/20261124000004_session_days_and_buckets")


def downgrade() -> None:
    apply_sql("migrations/back/20261124000004_session_days_and_buckets")
