"""Index event access logs accessed at."""

from eventflow_pipeline.warehouse.revisions import apply_sql

revision = "20261124000010"
down_revision = "20261124000009"


def upgrade() -> None:
    apply_sql("migrations/20261124000010_index_event_access_logs_accessed_at", transactional=False)


def downgrade() -> None:
    apply_sql("migrations/back/20261124000010_index_event_access_logs_accessed_at", transactional=False)
