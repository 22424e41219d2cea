"""What automation asks of the warehouse: days to compute again, the newest facts, which of its own traces to delete."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from eventflow_pipeline.domain.days import day_window, local_date
from eventflow_pipeline.domain.heal import ChangedDay
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement


def changed_days(engine: Engine) -> list[ChangedDay]:
    """Days that change detection marked and of which something is not held, oldest first."""
    with connect(engine) as connection:
        rows = connection.execute(statement("storage/changes/select_changed_days"))
        return [ChangedDay(row.bucket_date, row.stale_since, row.computed_at) for row in rows]


def underived_days(engine: Engine, patience: timedelta = timedelta()) -> list[ChangedDay]:
    """Computed days whose indicators, checks or histograms are of another computation than the stored one, oldest
    first; ``since`` is when that was made, or when what linkage depends on was. Neither stale nor held ones, nor a day
    that is added to all the time, or of which linkage alone is missing because others were computed, within
    ``patience`` after it was measured.
    """
    with connect(engine) as connection:
        rows = connection.execute(statement("storage/changes/select_underived_days"), {"patience": patience})
        return [ChangedDay(row.bucket_date, row.since) for row in rows]


def missing_days(engine: Engine, newest: date) -> list[date]:
    """Days from the first partition to ``newest`` that were never computed and are not marked as changed either."""
    with connect(engine) as connection:
        return list(connection.execute(statement("storage/changes/select_missing_days"), {"newest": newest}).scalars())


def unfinished_days(engine: Engine, first: date, today: date, since: datetime) -> list[ChangedDay]:
    """Days from ``first`` to ``today`` that were never computed, or (before today) only while they lasted.

    Goes back further than ``first`` when nothing was computed for a while. ``since``: what they count as changed from.
    """
    with connect(engine) as connection:
        rows = connection.execute(
            statement("storage/changes/select_unfinished_days"), {"first_day": first, "today": today}
        )
        return [ChangedDay(row.bucket_date, since, row.computed_at) for row in rows]


def delete_running_days(engine: Engine, old_before: date) -> None:
    """Delete the ledger of days while they were still running, of days before ``old_before``.

    A running day is replaced every minute and only grows; what was changed after its end stays for good.
    """
    with connect(engine) as connection:
        connection.execute(statement("storage/changes/delete_running_days"), {"old_before": old_before})


def days_replaced_by(engine: Engine, run_ids: Iterable[str], days: Iterable[date]) -> dict[str, frozenset[date]]:
    """Which of ``days`` each run has replaced so far, by the ledger; also where another run did so after it."""
    found: dict[str, set[date]] = {run_id: set() for run_id in run_ids}
    with connect(engine) as connection:
        parameters = {"run_ids": list(found), "days": list(days)}
        for row in connection.execute(statement("storage/changes/select_replaced_days"), parameters):
            found[row.run_id].add(row.bucket_date)
    return {run_id: frozenset(replaced) for run_id, replaced in found.items()}


def delete_old_passes(engine: Engine, before: datetime) -> None:
    """Delete the record of passes of change detection from before ``before``, the latest of each scope excepted."""
    with connect(engine) as connection:
        connection.execute(statement("storage/changes/delete_old_passes"), {"kept_from": before})


@dataclass(frozen=True, slots=True)
class NewestFact:
    """When a fact table's newest row was recorded, and how many of its rows happened today so far."""

    recorded_at: datetime
    rows_today: int


def newest_facts(engine: Engine, zone: ZoneInfo, now: datetime) -> dict[str, NewestFact]:
    """The newest row of each of EventFlow's fact tables (by table); a table without rows is left out."""
    window = day_window(local_date(now, zone), zone)
    with connect(engine) as connection:
        rows = connection.execute(
            statement("storage/changes/select_newest_facts"), {"window_start": window.start, "window_end": window.end}
        )
        return {row.source_table: NewestFact(row.recorded_at, row.rows_today) for row in rows if row.recorded_at}
