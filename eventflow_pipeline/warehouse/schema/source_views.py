"""The views over EventFlow's tables: whether they are there, and read every column that counts."""

from sqlalchemy import Engine

from eventflow_pipeline.domain.source_contract import SOURCE_TABLES
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement

SOURCE_VIEWS = (
    "visit_facts", "entry_facts", "campaigns", "webinars", "links", "clients", "agencies", "campaign_paths",
    "link_keys", "webinar_presence", "webinar_legacy_buckets",
)  # fmt: skip
#: Views of days with names, which stand on those and go with them.
NAMED_VIEWS = ("named_client_daily", "named_campaign_daily", "named_link_daily", "named_utm_daily")


def unread_columns(engine: Engine) -> list[str]:
    """Late columns of EventFlow's tables (``table.column``) that exist and that no view of ours reads."""
    optional = [(table.name, column) for table in SOURCE_TABLES for column in table.optional]
    with connect(engine) as connection:
        rows = connection.execute(
            statement("storage/schema/select_unread_columns"),
            {"tables": [table for table, _ in optional], "columns": [column for _, column in optional]},
        )
        return list(rows.scalars())


def missing_views(engine: Engine) -> list[str]:
    """Views over EventFlow's tables that do not exist."""
    with connect(engine) as connection:
        names = {"views": list(SOURCE_VIEWS)}
        return list(connection.execute(statement("storage/schema/select_missing_views"), names).scalars())
