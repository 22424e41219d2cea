"""Pruning the session-days (M6), where EVENTFLOW_RANGES_LONGEST_DAYS asks for it; by default it is never pruned.

With ranges of at most N days, replacing day D needs session-days from D - N + 1 to D + N - 1. So it keeps the last
2 N days, and a day older than N days can no longer be replaced.
"""

from datetime import date, timedelta

from sqlalchemy import Connection, Engine, text

from eventflow_pipeline.domain.days import today
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import connect, repeatable_read
from eventflow_pipeline.warehouse.db.locks import histogram_step
from eventflow_pipeline.warehouse.db.sql import statement


def prune_session_days(engine: Engine, settings: Settings, on: date | None = None) -> int:
    """Delete what session-days hold of days more than 2 x EVENTFLOW_RANGES_LONGEST_DAYS ago; returns how many rows.

    From then on ranges longer than that setting are refused (ST005) and days older than it cannot be replaced.
    Does nothing where it is unset, or while a day's histograms are pending: those are counted from session-days.
    ``on`` (default: the current business day) replaces the clock in tests.
    """
    if settings.ranges.longest_days is None:
        return 0
    session_days_from = (on or today(settings.zone)) - timedelta(days=2 * settings.ranges.longest_days - 1)
    with connect(engine) as connection, histogram_step(connection), repeatable_read(connection):
        pending = "select exists (select from stats.partition_state where histogram_pending)"
        if connection.execute(text(pending)).scalar_one():
            return 0
        gone = connection.execute(
            statement("storage/ranges/delete_pruned_session_days"), {"session_days_from": session_days_from}
        ).rowcount
        connection.execute(
            statement("storage/registry/update_pruned_bounds"),
            {"longest_range_days": settings.ranges.longest_days, "session_days_from": session_days_from},
        )
        return gone


def oldest_replaceable(connection: Connection) -> date:
    """The first day whose replacement session-days still hold everything for; the first of the calendar: any."""
    oldest = connection.execute(statement("storage/registry/select_oldest_replaceable")).scalar_one_or_none()
    return oldest or date.min


def require_session_days(connection: Connection, day: date) -> None:
    """Raise UserError when session-days no longer hold what replacing ``day`` needs."""
    if day < (oldest := oldest_replaceable(connection)):
        raise UserError(
            f"{day} can no longer be replaced: session-days were pruned (EVENTFLOW_RANGES_LONGEST_DAYS) and reach "
            f"back to {oldest} only; if its facts have changed, keep it as it is with `{keep_command(day, day)}`, or "
            "start over with `eventflow rebuild --yes` and a backfill."
        )


def keep_command(first: date, last: date) -> str:
    """The command that keeps the changed ones of an inclusive range as they are."""
    return f'eventflow accept pruned --from {first} --to {last} --reason "..."'
