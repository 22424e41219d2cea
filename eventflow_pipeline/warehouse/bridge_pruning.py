"""Pruning the session-day bridge (M6), where EVENTFLOW_BRIDGE_DAYS asks for it; by default it is never pruned.

With ranges of at most N days, replacing day D needs the bridge from D - N + 1 to D + N - 1. So it keeps the last
2 N days, and a day older than N days can no longer be replaced.
"""

from datetime import date, timedelta

from sqlalchemy import Connection, Engine, text

from eventflow_pipeline.domain.days import today
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.engine import connect, repeatable_read
from eventflow_pipeline.warehouse.locks import histogram_step
from eventflow_pipeline.warehouse.sql_files import statement


def prune_bridge(engine: Engine, settings: Settings, on: date | None = None) -> int:
    """Forget what the bridge holds of days more than 2 x EVENTFLOW_BRIDGE_DAYS ago; returns how many rows.

    From then on ranges longer than that setting are refused (ST005) and days older than it cannot be replaced.
    Does nothing where it is unset, or while a day's histograms are pending: those are counted from the bridge.
    ``on`` (default: the current business day) replaces the clock in tests.
    """
    if settings.bridge_days is None:
        return 0
    bridge_from = (on or today(settings.zone)) - timedelta(days=2 * settings.bridge_days - 1)
    with connect(engine) as connection, histogram_step(connection), repeatable_read(connection):
        pending = "select exists (select from stats.partition_state where histogram_pending)"
        if connection.execute(text(pending)).scalar_one():
            return 0
        gone = connection.execute(statement("session_days/delete_pruned"), {"bridge_from": bridge_from}).rowcount
        connection.execute(
            statement("calendar/update_bridge"), {"bridge_days": settings.bridge_days, "bridge_from": bridge_from}
        )
        return gone


def require_bridge(connection: Connection, day: date) -> None:
    """Raise UserError when the bridge no longer holds what replacing ``day`` needs."""
    oldest = connection.execute(statement("calendar/select_oldest_replaceable")).scalar_one_or_none()
    if oldest is not None and day < oldest:
        raise UserError(
            f"{day} can no longer be replaced: the bridge was pruned (EVENTFLOW_BRIDGE_DAYS) and reaches {oldest} and "
            "later days; to start over run `eventflow rebuild --yes` and backfill."
        )
