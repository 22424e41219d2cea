"""How the service did: days complete and verified, how fresh, incidents and false alarms (docs/slo.md)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from eventflow_pipeline.domain.days import DayRange, day_start, today
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement

DAYS = 28


@dataclass(frozen=True, slots=True)
class Objective:
    """What is promised, what was reached (None: not known) and in which unit; ``met``: whether it was kept."""

    name: str
    promised: str
    reached: float | None
    unit: str
    met: bool


def objectives(engine: Engine, settings: Settings, now: datetime, days: int = DAYS) -> list[Objective]:
    """The objectives of docs/slo.md over the last ``days`` business days that are over, as of ``now`` (UTC).

    Raises UserError while no day is over since the first partition.
    """
    last = today(settings.zone, now) - timedelta(days=1)
    if last < settings.start_date:
        raise UserError("No business day is over since the first partition: ask again tomorrow.")
    span = DayRange(max(settings.start_date, last - timedelta(days=days - 1)), last)
    with connect(engine) as connection:
        row = (
            connection.execute(
                statement("answers/slo"),
                {
                    "first_day": span.first,
                    "last_day": span.last,
                    "since": day_start(span.first, settings.zone),
                    "now": now,
                },
            )
            .mappings()
            .one()
        )

    def share(name: str, part: str, promised: float) -> Objective:
        reached = 100 * int(row[part]) / int(row["days"])
        return Objective(name, f"at least {promised:g} %", reached, "%", reached >= promised)

    def most(name: str, value: float | None, promised: float, unit: str) -> Objective:
        reached = None if value is None else float(value)
        return Objective(name, f"at most {promised:g} {unit}".strip(), reached, unit, (reached or 0) <= promised)

    def minutes(name: str, column: str, promised: float) -> Objective:
        return most(name, None if row[column] is None else float(row[column]) / 60, promised, "min")

    return [
        share("days complete", "days_complete", 99),
        share("days verified", "days_verified", 99),
        most("days that differ from their facts", row["days_differing"], 0, ""),
        minutes("age of change detection", "detection_age_seconds", settings.alerts.stale_warn_minutes),
        minutes("oldest day that waits", "oldest_stale_seconds", settings.alerts.stale_error_minutes),
        most("incidents that were errors", row["errors"], days / 7, ""),
        most("false alarms", row["false_alarms"], 1, ""),
        minutes("answered after (median)", "answered_after_seconds", 15),
        minutes("lasted (median)", "lasted_seconds", 240),
    ]
