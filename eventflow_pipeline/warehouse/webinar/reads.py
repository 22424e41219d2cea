"""Questions the Dagster surface asks of the webinar buckets."""

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import Engine, RowMapping

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement


def curves(engine: Engine, day: date, most: int = 5) -> Sequence[RowMapping]:
    """Five-minute buckets of the day's ``most`` busiest webinars, in the order they are drawn."""
    with connect(engine) as connection:
        rows = connection.execute(statement("storage/webinar/select_curves"), {"bucket_date": day, "most": most})
        return rows.mappings().all()


def findings(engine: Engine, days: DayRange) -> Mapping[date, RowMapping]:
    """By day: minutes owed and missed, buckets out of order, webinars whose peak exceeds their known viewers."""
    with connect(engine) as connection:
        rows: Sequence[RowMapping] = (
            connection.execute(statement("numbers/webinar_findings"), {"first_day": days.first, "last_day": days.last})
            .mappings()
            .all()
        )
        return {row["bucket_date"]: row for row in rows}
