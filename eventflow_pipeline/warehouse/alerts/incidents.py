"""Incidents as ``stats.incident`` keeps them, and the maintenance windows in which none begins."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, RowMapping

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.incidents import Incident, MaintenanceWindow, Message
from eventflow_pipeline.warehouse.db.sql import statement

#: What can never become right and was told is remembered this long: a check that fails for it again tells nothing new.
_REMEMBERED = timedelta(days=90)


def live_incidents(connection: Connection, now: datetime) -> list[Incident]:
    """Incidents that are not over, those that were closed and still hold, and those told for good."""
    asked = {"told_since": now - _REMEMBERED}
    rows = connection.execute(statement("storage/alerts/select_live_incidents"), asked).mappings()
    return [_incident(row) for row in rows]


def incidents(connection: Connection, ended_since: datetime | None = None) -> list[Incident]:
    """Open incidents, the most severe first; with ``ended_since`` also those that ended since, last."""
    asked = {"ended_since": ended_since}
    rows = connection.execute(statement("storage/alerts/select_incidents"), asked).mappings()
    return [_incident(row) for row in rows]


def incidents_by_key(connection: Connection, key: str) -> list[Incident]:
    """Incidents whose key begins with ``key``, two at most."""
    rows = connection.execute(statement("storage/alerts/select_incident"), {"key": key}).mappings()
    return [_incident(row) for row in rows]


def ended_since(connection: Connection, since: datetime) -> set[tuple[str, str]]:
    """Name and subject of every condition whose end people were notified of at ``since`` or later."""
    rows = connection.execute(statement("storage/alerts/select_ended_incidents"), {"since": since})
    return {(row.name, row.subject) for row in rows}


def store(connection: Connection, changed: Iterable[Incident]) -> None:
    """Keep the incidents as they are now."""
    if rows := [_row(incident) for incident in changed]:
        connection.execute(statement("storage/alerts/upsert_incident"), rows)


def delete(connection: Connection, incident: Incident) -> None:
    """Delete an incident that was over before anybody had to be notified."""
    connection.execute(statement("storage/alerts/delete_incident"), {"key": incident.key})


def maintenance_windows(connection: Connection, now: datetime) -> list[MaintenanceWindow]:
    """Windows that are not over."""
    rows = connection.execute(statement("storage/alerts/select_maintenance_windows"), {"now": now})
    return [MaintenanceWindow(*row) for row in rows]


def end_maintenance_windows(
    connection: Connection, condition: str | None, client_id: UUID | None, now: datetime, reason: str, author: str
) -> list[MaintenanceWindow]:
    """End the windows of exactly this condition and client; those that were not over."""
    rows = connection.execute(
        statement("storage/alerts/end_maintenance_windows"),
        {"condition": condition, "client_id": client_id, "now": now, "reason": reason, "author": author},
    )
    return [MaintenanceWindow(*row) for row in rows]


def add_maintenance_window(connection: Connection, window: MaintenanceWindow, reason: str, author: str) -> None:
    """Begin, or announce, a window."""
    connection.execute(
        statement("storage/alerts/insert_maintenance_window"),
        {
            "condition": window.condition,
            "client_id": window.client_id,
            "from_at": window.from_at,
            "until": window.until,
            "reason": reason,
            "author": author,
        },
    )


def _row(incident: Incident) -> dict[str, object]:
    condition = incident.condition
    return {
        "key": incident.key,
        "name": condition.name,
        "subject": condition.subject,
        "client_id": condition.client_id,
        "severity": condition.severity.value,
        "owner": condition.owner,
        "since": condition.since,
        "summary": condition.summary,
        "fix": condition.fix,
        "runbook": condition.runbook,
        "command": condition.command,
        "page": condition.page,
        "first_day": condition.days.first if condition.days else None,
        "last_day": condition.days.last if condition.days else None,
        "own_days": sorted(condition.own_days),
        "final": condition.final,
        "numbers": json.dumps(dict(condition.numbers), default=str),
        "source": incident.source,
        "begun_at": incident.begun_at,
        "last_seen_at": incident.last_seen_at,
        "gone_at": incident.gone_at,
        "notified_severity": incident.notified.value if incident.notified else None,
        "last_notified_at": incident.last_notified_at,
        "suppressed": incident.suppressed,
        "due": incident.due.value if incident.due else None,
        "delivered": sorted(incident.delivered),
        "undelivered_since": incident.undelivered_since,
        "acknowledged_at": incident.acknowledged_at,
        "muted_until": incident.muted_until,
        "closed_at": incident.closed_at,
        "escalated_at": incident.escalated_at,
        "answered_by": incident.answered_by,
        "reason": incident.reason,
        "false_alarm": incident.false_alarm,
        "ended_at": incident.ended_at,
    }


def _incident(row: RowMapping) -> Incident:
    return Incident(
        Condition(
            name=row["name"],
            subject=row["subject"],
            severity=Severity(row["severity"]),
            since=row["since"],
            summary=row["summary"],
            fix=row["fix"],
            runbook=row["runbook"],
            command=row["command"],
            page=row["page"],
            days=DayRange(row["first_day"], row["last_day"]) if row["first_day"] else None,
            own_days=frozenset(row["own_days"]),
            final=row["final"],
            numbers=row["numbers"],
            owner=row["owner"],
            client_id=row["client_id"],
        ),
        source=row["source"],
        begun_at=row["begun_at"],
        last_seen_at=row["last_seen_at"],
        key=row["key"],
        gone_at=row["gone_at"],
        notified=Severity(row["notified_severity"]) if row["notified_severity"] else None,
        last_notified_at=row["last_notified_at"],
        suppressed=row["suppressed"],
        due=Message(row["due"]) if row["due"] else None,
        delivered=frozenset(row["delivered"]),
        undelivered_since=row["undelivered_since"],
        acknowledged_at=row["acknowledged_at"],
        muted_until=row["muted_until"],
        closed_at=row["closed_at"],
        escalated_at=row["escalated_at"],
        answered_by=row["answered_by"],
        reason=row["reason"],
        false_alarm=row["false_alarm"],
        ended_at=row["ended_at"],
    )
