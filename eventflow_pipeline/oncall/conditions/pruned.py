"""Changed days that can no longer be computed: somebody has to decide."""

from datetime import datetime

from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.days import DayRange, contiguous, first_of
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.changes.detection import stale_days
from eventflow_pipeline.warehouse.ranges.pruning import keep_command


def conditions(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:  # noqa: ARG001
    """``pruned``: days whose facts changed after session-days were pruned, as one condition naming the range."""
    waiting = [stale for stale in stale_days(engine) if stale.pruned]
    if not waiting:
        return []
    ranges = contiguous(stale.day for stale in waiting)
    days = DayRange(ranges[0].first, ranges[-1].last)
    count = "1 day has" if len(waiting) == 1 else f"{len(waiting)} days have"
    return [
        Condition(
            name="pruned",
            subject="",
            severity=Severity.ERROR,
            since=min(stale.stale_since for stale in waiting),
            summary=f"{count} changed and can no longer be computed: {first_of(ranges)}",
            runbook="changed-and-pruned",
            command=keep_command(days.first, days.last),
            fix="Put the facts back as they were, or keep the published numbers as they are.",
            days=days,
            numbers={"days": len(waiting)},
        )
    ]
