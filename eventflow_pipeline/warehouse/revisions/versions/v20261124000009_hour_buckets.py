"""Hour buckets."""

from eventflow_pipeline.warehouse.revisions import apply_sql

revision = "20261124000009"
down_revision = "20261124000008"


def upgrade() -> None:
    apply_sql("migrations/20261124000009_hour_buckets")


def downgrade() -> None:
    apply_sql("migrations/back/20261124000009_hour_buckets")
