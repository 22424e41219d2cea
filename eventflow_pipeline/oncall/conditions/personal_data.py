"""Personal data that reached UTM members of buckets through the facts (S7): found and counted, never shown."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.days import DayRange, day_start, today
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.quality.personal_members import personal_members

_LOOK_BACK = timedelta(days=7)


def conditions(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:
    """``personal_data``: UTM members of the last seven days that look like an e-mail or a phone number, per client."""
    return [
        Condition(
            name="personal_data",
            subject=f"{found.client_id or 'unknown'}/{found.utm_column}",
            client_id=found.client_id,
            severity=Severity.ERROR,
            since=day_start(found.first_day, settings.zone).astimezone(UTC),
            summary=f"{found.members} values of {found.utm_column} look like personal data",
            runbook="personal-data-in-utm",
            command="eventflow doctor",
            fix="Have the facts corrected by their owner; the days are then recomputed.",
            days=DayRange(found.first_day, found.last_day),
            numbers={"members": found.members},
        )
        for found in personal_members(engine, today(settings.zone, now) - _LOOK_BACK)
    ]
