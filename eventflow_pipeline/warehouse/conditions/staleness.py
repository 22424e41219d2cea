"""Days that wait for recomputation too long, and change detection that does not come."""

from datetime import datetime, timedelta

from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.days import DayRange, contiguous
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement

RUNBOOK = "aggregation-late"


def stale_days(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:
    """``stale``: days stale longer than allowed, as one condition naming the range; held days are not among them."""
    with connect(engine) as connection:
        rows = connection.execute(statement("storage/changes/select_marked_days")).all()
    limit = now - timedelta(minutes=settings.alerts.stale_warn_minutes)
    waiting = [row for row in rows if row.stale_since and row.stale_since <= limit and not row.held_since]
    if not waiting:
        return []
    ranges = contiguous(row.bucket_date for row in waiting)
    oldest = min(row.stale_since for row in waiting)
    days = DayRange(ranges[0].first, ranges[-1].last)
    return [
        Condition(
            name="stale",
            subject="",
            severity=_severity(now - oldest, settings),
            since=oldest,
            summary=f"{_days(len(waiting))} stale for {_minutes(now - oldest)}: {', '.join(map(str, ranges[:5]))}"
            + (f" and {len(ranges) - 5} more ranges" if len(ranges) > 5 else ""),
            runbook=RUNBOOK,
            command="eventflow heal",
            days=days,
            numbers={"days": len(waiting), "minutes": int((now - oldest).total_seconds() // 60)},
        )
    ]


def detection_late(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:
    """``detection_late``: no pass of change detection for longer than allowed, so nobody knows what is stale."""
    finished, migrated_since = newest_detection(engine)
    newest = finished or migrated_since
    if now - newest < timedelta(minutes=settings.alerts.stale_warn_minutes):
        return []
    never = " (there never was one)" if finished is None else ""
    return [
        Condition(
            name="detection_late",
            subject="",
            severity=_severity(now - newest, settings),
            since=newest,
            summary=f"no change detection for {_minutes(now - newest)}{never}",
            runbook=RUNBOOK,
            command="eventflow probe",
            numbers={"minutes": int((now - newest).total_seconds() // 60)},
        )
    ]


def newest_detection(engine: Engine) -> tuple[datetime | None, datetime]:
    """When change detection last finished a pass (None: never), and since when there are build settings at all."""
    with connect(engine) as connection:
        row = connection.execute(statement("storage/changes/select_newest_detection")).one()
    return row.finished_at, row.migrated_since


def _severity(waited: timedelta, settings: Settings) -> Severity:
    return Severity.ERROR if waited >= timedelta(minutes=settings.alerts.stale_error_minutes) else Severity.WARN


def _minutes(waited: timedelta) -> str:
    return f"{int(waited.total_seconds() // 60)} min"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"
