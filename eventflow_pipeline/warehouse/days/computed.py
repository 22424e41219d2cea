"""Questions the command line and the demo ask of the buckets."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Engine, RowMapping

from eventflow_pipeline.domain.days import DayRange
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


def busiest_campaigns(engine: Engine, days: DayRange, most: int = 10) -> Sequence[RowMapping]:
    """Campaigns and webinars with most visits over the range: client, campaign, hits, visits, conversions, cvr."""
    with connect(engine) as connection:
        rows = connection.execute(
            statement("answers/busiest_campaigns"),
            {"first_day": days.first, "last_day": days.last, "most": most},
        )
        return rows.mappings().all()
