"""Visits missing while entries go on: the founding incident, per client, within the hour (Q6)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Engine, RowMapping

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.days import DayRange, day_start, today
from eventflow_pipeline.domain.deficit import DeficitRule
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement

RUNBOOK = "visits-zero-or-low"


def deficits(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:
    """``deficit`` over the trailing window, ``deficit_day`` over the day so far; one each per client (subject: its id).

    Read from the facts themselves, so that a late aggregation hides nothing. ``now``: instant (UTC).
    """
    window_start = now - timedelta(minutes=settings.quality.deficit_window_minutes)
    midnight = day_start(today(settings.zone, now), settings.zone)
    parameters = {
        "window_start": window_start,
        "day_start": midnight,
        "now": now,
        "min_entries": settings.quality.deficit_min_entries,
    }
    with connect(engine) as connection:
        rows = connection.execute(statement("numbers/deficits"), parameters).mappings().all()
    rule = DeficitRule(
        settings.quality.deficit_min_entries, settings.quality.deficit_error_share, settings.quality.deficit_warn_share
    )
    found: list[Condition] = []
    for row in rows:
        if severity := rule.judge(row["window_visits"], row["window_entries"]):
            found.append(_condition("deficit", row, "window", severity, window_start, now, settings))
        if severity := rule.judge(row["day_visits"], row["day_entries"]):
            found.append(_condition("deficit_day", row, "day", severity, midnight, now, settings))
    return found


def _condition(
    name: str, row: RowMapping, span: str, severity: Severity, start: datetime, now: datetime, settings: Settings
) -> Condition:
    visits, entries = row[f"{span}_visits"], row[f"{span}_entries"]
    first, last = start.astimezone(settings.zone), now.astimezone(settings.zone)
    when = f"in the hour {first:%H:%M}-{last:%H:%M}" if span == "window" else f"on {last:%Y-%m-%d} until {last:%H:%M}"
    # With no visit left the gap began at the last one; otherwise all that is known is the window.
    last_visit = row["last_visit_at"]
    since = last_visit if visits == 0 and last_visit else row["first_entry_at"] if visits == 0 else start
    return Condition(
        name=name,
        subject=str(row["client_id"]),
        severity=severity,
        since=max(since, start) if span == "day" else since,
        summary=f"client {row['client_name'] or row['client_id']}: {visits} visits against {entries} entries {when} "
        f"{last:%Z}",
        runbook=RUNBOOK,
        command=f"eventflow doctor --client {row['client_id']}",
        days=DayRange(first.date(), last.date()),
        numbers={"visits": visits, "hits": row[f"{span}_hits"], "entries": entries},
    )


def deficit_evidence(engine: Engine, client_id: UUID, since: datetime, now: datetime) -> Mapping[str, int]:
    """Counts of the client's facts in the window ``since..now`` (instants) that tell why its visits are missing."""
    with connect(engine) as connection:
        parameters = {"client_id": client_id, "window_start": since, "now": now}
        row = connection.execute(statement("numbers/deficit_evidence"), parameters).mappings().one()
    return {name: value for name, value in row.items() if isinstance(value, int)}
