"""Days whose old buckets the guard against mass loss keeps."""

from datetime import datetime

from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.changes.detection import stale_days


def conditions(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:  # noqa: ARG001
    """``heal_held``: the one condition that is raised while days are held, or none."""
    held = [(stale, stale.held_since) for stale in stale_days(engine) if stale.held_since]
    if not held:
        return []
    first, last = held[0][0], held[-1][0]
    return [
        Condition(
            name="heal_held",
            subject="",
            severity=Severity.ERROR,
            since=min(since for _, since in held),
            summary=f"{len(held)} days keep their old buckets because of a mass loss; for {last.day}: "
            f"{last.held_reason}.",
            runbook="heal-held",
            command='eventflow heal --dry-run, then restore the rows or eventflow heal --accept --reason "..."',
            fix="Compare the loss with what was deleted in the source; accept it or restore the rows.",
            days=DayRange(first.day, last.day),
            numbers={"days": len(held)},
        )
    ]
