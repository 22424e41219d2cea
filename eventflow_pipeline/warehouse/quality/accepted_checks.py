"""Failures of quality checks that somebody accepted: known, explained, and nothing to be told of any more."""

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from sqlalchemy import Engine

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import connect, repeatable_read
from eventflow_pipeline.warehouse.db.sql import statement
from eventflow_pipeline.warehouse.quality.indicators import findings

#: Note of what was accepted, by check, day and client (None: whoever the check fails for).
Accepted = Mapping[tuple[str, date, UUID | None], str]


def accepted_checks(engine: Engine, days: DayRange) -> Accepted:
    """What was accepted of ``days``, as far as their facts are the same as then."""
    with connect(engine) as connection:
        rows = connection.execute(
            statement("storage/quality/select_accepted_checks"), {"first_day": days.first, "last_day": days.last}
        )
        return {
            (row.check_name, row.bucket_date, row.client_id): f"accepted by {row.author}: {row.reason}" for row in rows
        }


def accept_check(
    engine: Engine, settings: Settings, check: str, days: DayRange, client_id: UUID | None, reason: str, author: str
) -> list[date]:
    """Accept that ``check`` fails on those of ``days`` on which it does, for the client (None: for all it fails for).

    Reason and author go into the ledger; the days are judged again soon. Returns the days.
    """
    found = sorted(
        {
            finding.day
            for finding in findings(engine, settings, days)
            if finding.check == check and client_id in (None, finding.client_id)
        }
    )
    with connect(engine) as connection, repeatable_read(connection):
        for day in found:
            connection.execute(
                statement("storage/quality/accept_check"),
                {"check_name": check, "day": day, "client_id": client_id, "reason": reason, "author": author},
            )
        names = [day.isoformat() for day in found]
        connection.execute(
            statement("storage/alerts/delete_accepted_failures"),
            {"check_name": check, "days": names, "client": str(client_id) if client_id else None},
        )
        connection.execute(statement("storage/quality/delete_quality_checks"), {"days": found, "since": None})
    return found
