"""Personal data that reached UTM members of buckets through the facts (S7): found, counted and told, never shown.

Members are what facts and N1 say, so nothing is altered here: the facts are corrected by their owner, change
detection recomputes the days, and the member is gone.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.days import DayRange, day_start, today
from eventflow_pipeline.domain.personal_data import EMAIL, PHONE
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement

LOOK_BACK = timedelta(days=7)


def personal_members(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:
    """``personal_data``: UTM members of the last seven days that look like an e-mail or a phone number, per client."""
    first_day = today(settings.zone, now) - LOOK_BACK
    with connect(engine) as connection:
        rows = connection.execute(
            statement("numbers/personal_members"), {"first_day": first_day, "pattern": f"{EMAIL}|{PHONE}"}
        ).all()
    return [
        Condition(
            name="personal_data",
            subject=f"{row.client_id or 'unknown'}/{row.utm_column}",
            client_id=row.client_id,
            severity=Severity.ERROR,
            since=day_start(row.first_day, settings.zone).astimezone(UTC),
            summary=f"{row.members} values of {row.utm_column} look like personal data",
            runbook="personal-data-in-utm",
            command="eventflow doctor",
            days=DayRange(row.first_day, row.last_day),
            numbers={"members": row.members},
        )
        for row in rows
    ]
