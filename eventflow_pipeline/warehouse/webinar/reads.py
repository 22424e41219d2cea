"""Questions the Dagster surface asks of the webinar buckets."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Engine, RowMapping

from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement


def curves(engine: Engine, day: date, most: int = 5) -> Sequence[RowMapping]:
    """Five-minute buckets of the day's ``most`` busiest webinars, in the order they are drawn."""
    with connect(engine) as connection:
        rows = connection.execute(statement("storage/webinar/select_curves"), {"bucket_date": day, "most": most})
        return rows.mappings().all()
