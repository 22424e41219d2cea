"""Settling return histograms (M6): one serialized step for however many days are pending."""

from datetime import date

from sqlalchemy import Engine, text

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.warehouse.definition import published_grains
from eventflow_pipeline.warehouse.engine import connect, repeatable_read
from eventflow_pipeline.warehouse.locks import histogram_step
from eventflow_pipeline.warehouse.sql_files import statement

_SCRATCH = ("changed_session", "changed_presence", "changed_member")


class HistogramError(Exception):
    """Histograms and bridge contradict each other; the step was rolled back and its days are still pending."""


def settle_histograms(engine: Engine) -> list[date]:
    """Bring the return histograms up to date with every pending day; returns the days, oldest first.

    Waits until no day is being replaced, keeps others from starting, and takes its snapshot after that: what it
    adds up is exactly what the bridge holds. The cost follows the sessions that changed, not the history. Safe to
    call at any time and to repeat; after a crash the days are still pending and the next call settles them.
    Raises HistogramError instead of storing a negative count.
    """
    with connect(engine) as connection, histogram_step(connection), repeatable_read(connection):
        pending = "select exists (select from stats.partition_state where histogram_pending)"
        if not connection.execute(text(pending)).scalar_one():
            return []
        for scratch in _SCRATCH:
            connection.execute(statement(f"return_histogram/create_{scratch}"))
            connection.execute(text(f"analyze {scratch}"))
        stored = "select exists (select from stats.return_histogram)"
        add = "upsert" if connection.execute(text(stored)).scalar_one() else "insert"
        for grain in published_grains(connection):
            connection.execute(statement(f"return_histogram/{add}_return_histogram"), {"grain": grain["grain"]})
        if negative := connection.execute(statement("return_histogram/delete_nothing")).scalar_one():
            raise HistogramError(f"{negative} cells of the return histograms fell below 0; nothing was settled.")
        connection.execute(statement("return_histogram/delete_settled_changes"))
        settled = connection.execute(statement("return_histogram/update_settled_days")).scalars()
        return sorted(settled)


def rebuild_histograms(engine: Engine, days: DayRange) -> None:
    """Write every histogram row that touches or spans ``days`` from the bridge alone, whatever was stored.

    For repair: unlike ``settle_histograms`` it trusts neither the stored rows nor the changes noted for these days.
    Other days' pending changes are left for the next settling. Serialized like it; reads the whole bridge.
    """
    bounds = {"first_day": days.first, "last_day": days.last}
    with connect(engine) as connection, histogram_step(connection), repeatable_read(connection):
        connection.execute(statement("return_histogram/delete_spanning"), bounds)
        connection.execute(
            statement("return_histogram/insert_spanning"),
            {"last_day": date.max, "current_first": days.first, "current_last": days.last},
        )
        for step in ("delete_changes_of_days", "update_rebuilt_days"):
            connection.execute(statement(f"return_histogram/{step}"), bounds)
