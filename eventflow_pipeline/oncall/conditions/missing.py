"""Days that were never computed, and that nothing is going to compute by itself."""

from datetime import datetime, timedelta

from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.days import DayRange, contiguous, day_start, first_of, today
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.changes.due_days import missing_days


def conditions(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:
    """``missing``: days up to today that were never computed and are not marked as changed, as one condition.

    A day that has just begun has until ``EVENTFLOW_ALERTS_STALE_WARN_MINUTES`` to be opened.
    """
    missing = missing_days(engine, today(settings.zone, now - timedelta(minutes=settings.alerts.stale_warn_minutes)))
    if not missing:
        return []
    ranges = contiguous(missing)
    count = "1 day was" if len(missing) == 1 else f"{len(missing)} days were"
    return [
        Condition(
            name="missing",
            subject="",
            severity=Severity.WARN,
            since=day_start(ranges[0].first, settings.zone),
            summary=f"{count} never computed: {first_of(ranges)}",
            runbook="days-never-computed",
            command=f"eventflow backfill --from {ranges[0].first} --to {ranges[0].last}",
            fix="Compute them; ranges that contain one are refused, screens are not complete.",
            days=DayRange(ranges[0].first, ranges[-1].last),
            numbers={"days": len(missing)},
        )
    ]
