"""Replacing one business day of webinar statistics, whole, in one transaction (W2, W3)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, text

from eventflow_pipeline.domain.concurrency import ObservationRules
from eventflow_pipeline.domain.days import day_window
from eventflow_pipeline.warehouse.db.engine import connect, repeatable_read
from eventflow_pipeline.warehouse.db.locks import webinar_day_lock
from eventflow_pipeline.warehouse.db.sql import statement
from eventflow_pipeline.warehouse.ranges.pruning import require_session_days


@dataclass(frozen=True, slots=True)
class WebinarDay:
    """What a replaced day holds over all webinars; ``peak_viewers`` is the highest of a single one, None unmeasured."""

    day: date
    webinars: int
    buckets: int
    legacy_buckets: int
    minutes_observed: int
    minutes_missed: int
    peak_viewers: int | None
    peak_webinar: str | None
    unique_viewers: int
    visits: int | None
    conversions: int | None


def replace_webinar_day(
    engine: Engine,
    day: date,
    zone: ZoneInfo,
    rules: ObservationRules,
    run_id: str | None = None,
    at: datetime | None = None,
) -> WebinarDay:
    """Derive ``day`` from its samples and facts and replace what is stored, also by nothing.

    The day's lock is taken before the snapshot (as in ``replacement.replace_day``); readers see the old day or
    the new. ``at`` (default: the database's clock) is the instant up to which minutes should have been sampled.
    ``engine`` is the pipeline's. Raises UserError when pruned session-days no longer reach the day.
    """
    window = day_window(day, zone)
    with connect(engine) as connection, webinar_day_lock(connection, day), repeatable_read(connection):
        require_session_days(connection, day)  # or its visits and conversions would become 0
        now: datetime = at or connection.execute(text("select clock_timestamp()")).scalar_one()
        parameters = {
            **rules.parameters,
            **_bounds([day], zone),
            "bucket_date": day,
            "window_start": window.start,
            "window_end": window.end,
            "at": now,
            "run_id": run_id,
        }
        for name in ("delete_day", "insert_5min", "insert_daily", "insert_client_daily", "upsert_day_state"):
            connection.execute(statement(f"storage/webinar/{name}"), parameters)
        totals = connection.execute(statement("storage/webinar/select_day_totals"), parameters).mappings().one()
        return WebinarDay(day=day, **totals)


def stale_webinar_days(engine: Engine, days: Iterable[date], zone: ZoneInfo, rules: ObservationRules) -> list[date]:
    """Those of ``days`` that were computed from something else than is there now, or never; oldest first."""
    with connect(engine) as connection:
        found = connection.execute(
            statement("storage/webinar/select_stale_days"), {**rules.window_parameters, **_bounds(days, zone)}
        )
        return [row.bucket_date for row in found]


def _bounds(days: Iterable[date], zone: ZoneInfo) -> Mapping[str, list[Any]]:
    """Days and their bounds as the arrays that ``storage/webinar/select_inputs`` takes."""
    windows = {day: day_window(day, zone) for day in days}
    return {
        "days": list(windows),
        "starts": [window.start for window in windows.values()],
        "ends": [window.end for window in windows.values()],
    }
