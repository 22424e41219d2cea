"""Concurrency samples for a sample database: presence replayed, for development only."""

from datetime import UTC, datetime

from sqlalchemy import Engine

from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement


def replay_presence(engine: Engine, *, most: int = 2, now: datetime | None = None) -> int:
    """Fill ``stats.webinar_sample`` for the ``most`` latest webinars with presence; returns how many samples.

    ``engine`` is the table owner's; schema stats must be there. Only for sample data: real presence has been
    overwritten, so its past cannot be told from it.
    """
    with connect(engine) as connection:
        result = connection.execute(statement("dev/replay_presence"), {"most": most, "now": now or datetime.now(UTC)})
        return result.rowcount
