"""Merging pending days into the return histograms (M6): one serialized step, however many days are pending."""

from datetime import date
from functools import partial

from sqlalchemy import Connection, Engine, text

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.warehouse.db.engine import (
    again_when_lost,
    connect,
    day_transaction,
    joining_by_hash,
    repeatable_read,
)
from eventflow_pipeline.warehouse.db.locks import histogram_step, try_histogram_step
from eventflow_pipeline.warehouse.db.sql import statement
from eventflow_pipeline.warehouse.registry import published_grains

_ANY_PENDING = "select exists (select from stats.partition_state where histogram_pending)"
_SCRATCH = ("changed_session", "changed_presence", "changed_member")


class HistogramError(Exception):
    """Histograms and session-days contradict each other; the step was rolled back and its days are still pending."""


def has_pending(engine: Engine) -> bool:
    """Does any day wait for ``merge_pending``? Waits for nobody."""
    with connect(engine) as connection:
        return bool(connection.execute(text(_ANY_PENDING)).scalar_one())


def merge_pending(engine: Engine) -> list[date]:
    """Bring the return histograms up to date with every pending day; returns the days, oldest first.

    Waits until no day is being replaced, keeps others from starting, and takes its snapshot after that: what it
    adds up is exactly what session-days hold. The cost follows the sessions that changed, not the history. Safe to
    call at any time and to repeat; after a crash the days are still pending and the next call merges them.
    Raises HistogramError instead of storing a negative count. Done again where its connection is lost.
    """
    return again_when_lost(partial(_merge_pending, engine))


def merge_if_free(engine: Engine) -> list[date] | None:
    """``merge_pending``, but where a day is being replaced nothing is done: who does that merges (None)."""
    with connect(engine) as connection, try_histogram_step(connection) as free:
        return _merge(connection) if free else None


def _merge_pending(engine: Engine) -> list[date]:
    with connect(engine) as connection, histogram_step(connection):
        return _merge(connection)


def _merge(connection: Connection) -> list[date]:
    with day_transaction(connection):
        if not connection.execute(text(_ANY_PENDING)).scalar_one():
            return []
        for scratch in _SCRATCH:
            connection.execute(statement(f"storage/ranges/create_{scratch}"))
            connection.execute(text(f"analyze {scratch}"))
        stored = "select exists (select from stats.return_histogram)"
        add = "upsert" if connection.execute(text(stored)).scalar_one() else "insert"
        for grain in published_grains(connection):
            connection.execute(statement(f"storage/ranges/{add}_return_histogram"), {"grain": grain["grain"]})
        if negative := connection.execute(statement("storage/ranges/delete_empty_returns")).scalar_one():
            raise HistogramError(f"{negative} cells of the return histograms fell below 0; nothing was merged.")
        connection.execute(statement("storage/ranges/delete_merged_changes"))
        merged = connection.execute(statement("storage/ranges/update_merged_days")).scalars()
        return sorted(merged)


def rebuild_histograms(engine: Engine, days: DayRange) -> None:
    """Write every histogram row that touches or spans ``days`` from session-days alone, whatever was stored.

    For repair: unlike ``merge_pending`` it trusts neither the stored rows nor the changes noted for these days.
    Other days' pending changes are left for the next merge. Serialized like it; reads the whole session-days.
    """
    bounds = {"first_day": days.first, "last_day": days.last}
    with connect(engine) as connection, histogram_step(connection), repeatable_read(connection):
        connection.execute(statement("storage/ranges/delete_spanning"), bounds)
        with joining_by_hash(connection):
            connection.execute(
                statement("storage/ranges/insert_spanning"),
                {"from_day": days.first, "last_day": date.max, "current_first": days.first, "current_last": days.last},
            )
        for step in (
            "delete_spanning_months",
            "insert_spanning_months",
            "delete_changes_of_days",
            "update_rebuilt_days",
        ):
            connection.execute(statement(f"storage/ranges/{step}"), bounds)
