"""Schema and role."""

from eventflow_pipeline.warehouse.revisions import apply_sql

revision = "20261124000001"
down_revision = None


def upgrade() -> None:
    apply_sql("migrations/20261124000001_schema_and_role")


def downgrade() -> None:
    apply_sql("migrations/back/20261124000001_schema_and_role")
