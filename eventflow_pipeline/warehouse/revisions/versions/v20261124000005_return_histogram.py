"""Return histogram."""

from eventflow_pipeline.warehouse.revisions import apply_sql

revision = "20261124000005"
down_revision = "20261124000004"


def upgrade() -> None:
    apply_sql("migrations/20261124000005_return_histogram")


def downgrade() -> None:
    apply_sql("migrations/back/20261124000005_return_histogram")
