"""Captured events that their table refused, and that wait for their replay."""

from datetime import datetime

from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.capture.dead_letters import waiting_by_fact


def conditions(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:  # noqa: ARG001
    """``dead_letters``, by fact: a warning at once, an error once one outlives the link grace."""
    return [
        Condition(
            name="dead_letters",
            subject=letters.fact,
            severity=Severity.ERROR if letters.oldest_seconds > settings.capture.link_grace_seconds else Severity.WARN,
            since=letters.since,
            summary=f"{letters.waiting} {letters.fact} events were refused by their table ({letters.reason})",
            runbook="dead-letters",
            command="eventflow replay",
            fix="Restore the row that the reason names, or correct what refuses the events; then replay them.",
            numbers={
                "waiting": letters.waiting,
                "oldest_seconds": letters.oldest_seconds,
                "reason": letters.reason,
            },
        )
        for letters in waiting_by_fact(engine)
    ]
