"""Index event survey entries created at."""

from eventflow_pipeline.warehouse.revisions import apply_sql

revision = "20261124000012"
down_revision = "20261124000011"


def upgrade() -> None:
    apply_sql("migrations/20261124000012_index_event_survey_entries_created_at", transactional=False)


def downgrade() -> None:
    apply_sql("migrations/back/20261124000012_index_event_survey_entries_created_at", transactional=False)
