"""Change detection that does not come, so that nobody knows which days are stale."""

from datetime import datetime, timedelta

from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.changes.detection import newest_detection


def conditions(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:
    """``detection_late``: no pass of change detection for longer than allowed."""
    finished, migrated_since = newest_detection(engine)
    newest = finished or migrated_since
    if now - newest < timedelta(minutes=settings.alerts.stale_warn_minutes):
        return []
    minutes = int((now - newest).total_seconds() // 60)
    never = " (there never was one)" if finished is None else ""
    return [
        Condition(
            name="detection_late",
            subject="",
            severity=Severity.ERROR if minutes >= settings.alerts.stale_error_minutes else Severity.WARN,
            since=newest,
            summary=f"no change detection for {minutes} min{never}",
            runbook="aggregation-late",
            command="eventflow probe",
            fix="See that the daemon runs and the schedule of change detection is on.",
            numbers={"minutes": minutes},
        )
    ]
