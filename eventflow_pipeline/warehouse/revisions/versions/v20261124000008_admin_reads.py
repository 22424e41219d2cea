"""Admin reads."""

from eventflow_pipeline.warehouse.revisions import apply_sql

revision = "20261124000008"
down_revision = "20261124000007"


def upgrade() -> None:
    apply_sql("migrations/20261124000008_admin_reads")


def downgrade() -> None:
    apply_sql("migrations/back/20261124000008_admin_reads")
