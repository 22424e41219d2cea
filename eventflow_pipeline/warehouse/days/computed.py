"""Questions the command line, the demo and Dagster's records ask of the stored days."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Engine, RowMapping

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.warehouse.days.replacement import DayTotals, totals_as_stored
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement


def computed_days(engine: Engine, days: DayRange) -> dict[date, datetime]:
    """Days of the range that are computed, with the time (UTC) they were."""
    with connect(engine) as connection:
        rows = connection.execute(
            statement("storage/days/select_computed_days"),
            {"first_day": days.first, "last_day": days.last},
        )
        return {row.bucket_date: row.computed_at for row in rows}


@dataclass(frozen=True, slots=True)
class Computation:
    """When a day was computed (UTC), by which Dagster run (None: by none), and whether by adding to what was there."""

    day: date
    computed_at: datetime
    run_id: str | None
    by_delta: bool = False


def computations(engine: Engine, since: datetime | None = None) -> list[Computation]:
    """The days as they are stored, those computed after ``since`` (None: all), in the order they were computed."""
    with connect(engine) as connection:
        rows = connection.execute(statement("storage/computed/select_computations"), {"since": since})
        return [Computation(row.bucket_date, row.computed_at, row.run_id, row.by_delta) for row in rows]


def stored_totals(engine: Engine, days: Iterable[date]) -> list[DayTotals]:
    """``totals_as_stored``, asked by itself."""
    with connect(engine) as connection:
        return totals_as_stored(connection, days)


def busiest_campaigns(engine: Engine, days: DayRange, most: int = 10) -> Sequence[RowMapping]:
    """Campaigns and webinars with most visits over the range: client_id, client, campaign and measures."""
    with connect(engine) as connection:
        rows = connection.execute(
            statement("answers/busiest_campaigns"),
            {"first_day": days.first, "last_day": days.last, "most": most},
        )
        return rows.mappings().all()
