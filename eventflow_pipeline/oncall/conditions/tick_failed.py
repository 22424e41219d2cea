"""Schedules and sensors whose newest ticks failed, as Dagster records them."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.oncall.messages import first_cause

_TICKS = 3
#: A sensor or schedule that no longer exists keeps its last tick for ever.
_GONE = timedelta(days=8)


def conditions(instance: dg.DagsterInstance, now: datetime) -> list[Condition]:
    """``tick_failed`` per schedule or sensor whose newest tick failed: a warning, after three in a row an error."""
    found: list[Condition] = []
    for state in instance.all_instigator_state():
        if not state.is_running:
            continue
        ticks = [
            tick
            for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=_TICKS + 1)
            if tick.is_completed
        ]
        if not ticks or now.timestamp() - ticks[0].timestamp > _GONE.total_seconds():
            continue
        failing = 0
        while failing < len(ticks) and ticks[failing].is_failure:
            failing += 1
        if not failing:
            continue
        oldest = datetime.fromtimestamp(ticks[failing - 1].timestamp, UTC)
        found.append(
            Condition(
                name="tick_failed",
                subject=state.instigator_name,
                severity=Severity.ERROR if failing >= _TICKS else Severity.WARN,
                since=min(oldest, now),
                summary=f"{state.instigator_type.value.lower()} {state.instigator_name} fails: "
                f"its last {failing} {'tick' if failing == 1 else 'ticks'}: {first_cause(ticks[0].error)}",
                runbook="job-failed",
                command="eventflow doctor",
                fix="Put right what the error says; the whole of it is at the tick, in Dagster's Automation tab.",
                page="automation",
                numbers={"ticks": failing},
            )
        )
    return found
