"""Days whose indicators, checks or histograms stay those of an earlier computation for too long."""

from datetime import datetime, timedelta

from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.days import DayRange, contiguous, first_of
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.changes.due_days import underived_days


def conditions(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:
    """``underived``: days computed longer ago than a day may be stale, of which what follows is still to come."""
    limit = now - timedelta(minutes=settings.alerts.stale_warn_minutes)
    waiting = [day for day in underived_days(engine) if day.since <= limit]
    if not waiting:
        return []
    ranges = contiguous(day.day for day in waiting)
    oldest = min(day.since for day in waiting)
    count = "1 day" if len(waiting) == 1 else f"{len(waiting)} days"
    minutes = int((now - oldest).total_seconds() // 60)
    return [
        Condition(
            name="underived",
            subject="",
            severity=Severity.WARN,
            since=oldest,
            summary=f"{count} computed, but not measured and checked for {minutes} min: {first_of(ranges)}",
            runbook="aggregation-late",
            command="eventflow heal",
            fix="See whether the steps behind the days fail; otherwise have the days measured and checked.",
            days=DayRange(ranges[0].first, ranges[-1].last),
            numbers={"days": len(waiting), "minutes": minutes},
        )
    ]
