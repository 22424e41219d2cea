"""Visits missing while entries go on: the founding incident, per client, within the hour (Q6)."""

from datetime import datetime

from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.quality.deficit import Span, VisitsAndEntries, visits_and_entries
from eventflow_pipeline.warehouse.quality.thresholds import judge

_NAMES = {Span.WINDOW: "deficit", Span.DAY: "deficit_day"}
#: ``eventflow doctor`` puts in their place what the facts say about the cause.
_FIXES = {
    Span.WINDOW: "Find the cause below and restore the visits.",
    Span.DAY: "Find out since when visits were missing; what was not stored cannot be recomputed.",
}


def conditions(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:
    """``deficit`` over the trailing window, ``deficit_day`` over the day so far; one each per client (subject: its id).

    ``now``: instant (UTC). A client's own shares are obeyed, as the check does.
    """
    judged = judge(engine, settings)
    return [
        _condition(row, severity, now, settings)
        for row in visits_and_entries(engine, settings, now)
        if (severity := judged.deficit_rule_of(row.client_id).judge(row.visits, row.entries))
    ]


def _condition(row: VisitsAndEntries, severity: Severity, now: datetime, settings: Settings) -> Condition:
    first, last = row.start.astimezone(settings.zone), now.astimezone(settings.zone)
    in_window = row.span is Span.WINDOW
    when = f"in the hour {first:%H:%M}-{last:%H:%M}" if in_window else f"on {last:%Y-%m-%d} until {last:%H:%M}"
    # With no visit left the gap began at the last one; otherwise all that is known is the window.
    since = row.start if row.visits else row.last_visit_at or row.first_entry_at
    return Condition(
        name=_NAMES[row.span],
        subject=str(row.client_id),
        client_id=row.client_id,
        severity=severity,
        since=since if in_window else max(since, row.start),
        summary=f"client {row.client_name or row.client_id}: {row.visits} visits against {row.entries} entries {when} "
        f"{last:%Z}",
        runbook="visits-zero-or-low",
        command=f"eventflow doctor --client {row.client_id}",
        fix=_FIXES[row.span],
        days=DayRange(first.date(), last.date()),
        own_days=frozenset() if in_window else frozenset([last.date()]),
        numbers={"visits": row.visits, "hits": row.hits, "entries": row.entries},
    )
