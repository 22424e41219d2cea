"""Columns of EventFlow's tables that our views do not read, and views that are gone."""

from datetime import datetime

from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.schema.source_views import missing_views, unread_columns


def conditions(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:  # noqa: ARG001
    """``source_columns``: a column was added later and is not read yet, or `eventflow views drop` was not undone."""
    missing, unread = missing_views(engine), unread_columns(engine)
    if not missing and not unread:
        return []
    gone = f"no day can be computed without the views {', '.join(missing)}"
    return [
        Condition(
            name="source_columns",
            subject="",
            severity=Severity.ERROR if missing else Severity.WARN,
            since=now,
            summary=gone if missing else f"columns of EventFlow's tables are not read: {', '.join(unread)}",
            runbook="source-columns",
            command="eventflow views refresh",
            fix="As the owner, create the views anew; days that read differently are then found and computed again.",
            numbers={"missing_views": len(missing), "unread_columns": len(unread)},
        )
    ]
