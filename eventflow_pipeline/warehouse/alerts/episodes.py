"""Episodes of conditions as ``stats.alert`` keeps them."""

import json
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, RowMapping

from eventflow_pipeline.domain.alerts import Episode, Message
from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.warehouse.db.sql import statement


def open_episodes(connection: Connection) -> list[Episode]:
    """Episodes whose end nobody was notified of yet, the most severe first."""
    return [_episode(row) for row in connection.execute(statement("storage/alerts/select_open_alerts")).mappings()]


def ended_since(connection: Connection, since: datetime) -> set[tuple[str, str]]:
    """Name and subject of every condition whose end people were notified of at ``since`` or later."""
    rows = connection.execute(statement("storage/alerts/select_ended_alerts"), {"since": since})
    return {(row.name, row.subject) for row in rows}


def store(connection: Connection, episodes: Iterable[Episode]) -> None:
    """Keep the episodes as they are now."""
    if rows := [_row(episode) for episode in episodes]:
        connection.execute(statement("storage/alerts/upsert_alert"), rows)


def delete(connection: Connection, episode: Episode) -> None:
    """Delete an episode that was over before anybody had to be notified."""
    name, subject = episode.key
    key = {"name": name, "subject": subject, "begun_at": episode.begun_at}
    connection.execute(statement("storage/alerts/delete_alert"), key)


def _row(episode: Episode) -> dict[str, object]:
    condition = episode.condition
    return {
        "name": condition.name,
        "subject": condition.subject,
        "severity": condition.severity.value,
        "owner": condition.owner,
        "since": condition.since,
        "summary": condition.summary,
        "runbook": condition.runbook,
        "command": condition.command,
        "first_day": condition.days.first if condition.days else None,
        "last_day": condition.days.last if condition.days else None,
        "numbers": json.dumps(dict(condition.numbers), default=str),
        "source": episode.source,
        "begun_at": episode.begun_at,
        "last_seen_at": episode.last_seen_at,
        "gone_at": episode.gone_at,
        "notified_severity": episode.notified.value if episode.notified else None,
        "last_notified_at": episode.last_notified_at,
        "reminders": episode.reminders,
        "suppressed": episode.suppressed,
        "due": episode.due.value if episode.due else None,
        "delivered": sorted(episode.delivered),
        "undelivered_since": episode.undelivered_since,
        "ended_at": episode.ended_at,
    }


def _episode(row: RowMapping) -> Episode:
    return Episode(
        Condition(
            name=row["name"],
            subject=row["subject"],
            severity=Severity(row["severity"]),
            since=row["since"],
            summary=row["summary"],
            runbook=row["runbook"],
            command=row["command"],
            days=DayRange(row["first_day"], row["last_day"]) if row["first_day"] else None,
            numbers=row["numbers"],
            owner=row["owner"],
        ),
        source=row["source"],
        begun_at=row["begun_at"],
        last_seen_at=row["last_seen_at"],
        gone_at=row["gone_at"],
        notified=Severity(row["notified_severity"]) if row["notified_severity"] else None,
        last_notified_at=row["last_notified_at"],
        reminders=row["reminders"],
        suppressed=row["suppressed"],
        due=Message(row["due"]) if row["due"] else None,
        delivered=frozenset(row["delivered"]),
        undelivered_since=row["undelivered_since"],
        ended_at=row["ended_at"],
    )
