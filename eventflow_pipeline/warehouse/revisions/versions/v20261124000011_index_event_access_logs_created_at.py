"""Index event access logs created at."""

from eventflow_pipeline.warehouse.revisions import apply_sql

revision = "20261124000011"
down_revision = "20261124000010"


def upgrade() -> None:
    apply_sql("migrations/20261124000011_index_event_access_logs_created_at", transactional=False)


def downgrade() -> None:
    apply_sql("migrations/back/20261124000011_index_event_access_logs_created_at", transactional=False)
