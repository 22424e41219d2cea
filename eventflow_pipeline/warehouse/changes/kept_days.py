"""Days kept as they are: pruned session-days no longer allow to compute them, and their facts have changed."""

from collections.abc import Iterable
from datetime import date

from sqlalchemy import Engine

from eventflow_pipeline.domain.days import DayRange, day_start
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.changes.detection import Scope, StaleDay, detect_changes, stale_days
from eventflow_pipeline.warehouse.db.engine import connect, repeatable_read
from eventflow_pipeline.warehouse.db.scratch import create_scratch
from eventflow_pipeline.warehouse.db.sql import statement
from eventflow_pipeline.warehouse.fact_days import execute_folded
from eventflow_pipeline.warehouse.registry import current_definition


def days_to_decide(engine: Engine, settings: Settings, days: DayRange) -> list[StaleDay]:
    """Which of ``days`` can no longer be computed and are not what their facts say now; compares those marked so."""
    marked = [stale.day for stale in stale_days(engine) if stale.pruned and stale.day in days]
    return [stale for stale in detect_changes(engine, settings, Scope.NAMED, marked).pruned if stale.day in days]


def keep_days(engine: Engine, settings: Settings, days: Iterable[date], reason: str, author: str) -> None:
    """Keep each of ``days`` as it is while its facts are those of now; reason and author go into the ledger as well.

    Changed once more, a day is stale again and waits for another decision. ``engine`` must be the pipeline's.
    """
    days = list(days)
    with connect(engine) as connection:
        create_scratch(connection, "storage/changes/create_day_counts")
        for day in days:
            window = DayRange(day, day).window(settings.zone)
            with repeatable_read(connection):
                bounds = {"dates": [day], "starts": [day_start(day, settings.zone)]}
                execute_folded(
                    connection,
                    "storage/changes/insert_day_counts",
                    {**bounds, "window_start": window.start, "window_end": window.end},
                )
                for row in connection.execute(
                    statement("storage/changes/select_day_differences"),
                    {"dates": [day], "definition": current_definition(connection, settings)},
                ):
                    connection.execute(
                        statement("storage/changes/upsert_kept_day"),
                        {
                            "bucket_date": day,
                            "fingerprint": row.day_fingerprint,
                            "clients": row.differing_clients,
                            "reason": reason,
                            "author": author,
                        },
                    )
    detect_changes(engine, settings, Scope.NAMED, days)
