"""Days that wait for recomputation too long."""

from datetime import datetime, timedelta

from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.days import DayRange, contiguous, first_of
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.changes.detection import stale_days


def conditions(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:
    """``stale``: days stale longer than allowed, as one condition naming the range.

    Days of which all is held are not among them, nor those that can no longer be computed.
    """
    limit = now - timedelta(minutes=settings.alerts.stale_warn_minutes)
    waiting = [stale for stale in stale_days(engine) if stale.stale_since <= limit and stale.due and not stale.pruned]
    if not waiting:
        return []
    ranges = contiguous(stale.day for stale in waiting)
    oldest = min(stale.stale_since for stale in waiting)
    count = "1 day" if len(waiting) == 1 else f"{len(waiting)} days"
    minutes = int((now - oldest).total_seconds() // 60)
    return [
        Condition(
            name="stale",
            subject="",
            severity=Severity.ERROR if minutes >= settings.alerts.stale_error_minutes else Severity.WARN,
            since=oldest,
            summary=f"{count} stale for {minutes} min: {first_of(ranges)}",
            runbook="aggregation-late",
            command="eventflow heal",
            fix="See whether runs fail or wait; otherwise recompute the range.",
            days=DayRange(ranges[0].first, ranges[-1].last),
            numbers={"days": len(waiting), "minutes": minutes},
        )
    ]
