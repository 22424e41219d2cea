"""Range reads."""

from eventflow_pipeline.warehouse.revisions import apply_sql

revision = "20261124000007"
down_revision = "20261124000006"


def upgrade() -> None:
    apply_sql("migrations/20261124000007_range_reads")


def downgrade() -> None:
    apply_sql("migrations/back/20261124000007_range_reads")
