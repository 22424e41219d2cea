"""Which days of webinar statistics to compute again, and when."""

from datetime import date, datetime, timedelta

from sqlalchemy import Engine

from eventflow_pipeline.domain.days import DayRange, contiguous, day_window, today
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement
from eventflow_pipeline.warehouse.webinar.days import stale_webinar_days

#: More separate ranges than this are computed as one, days between them included: a day costs less than a run.
_MOST_RANGES = 3


def days_to_refresh(engine: Engine, settings: Settings, now: datetime) -> list[DayRange]:
    """Ranges to compute at ``now`` (aware), oldest first; empty when everything is as its facts say.

    On the hour every stale day since the first partition; in between only yesterday and today, and only when they
    have samples newer than their buckets, that is while a webinar is live.
    """
    newest = today(settings.zone, now)
    if now.minute == 0:
        everything = DayRange(settings.start_date, newest)
        days = stale_webinar_days(engine, everything, settings.zone, settings.observation)
    else:
        latest = [day for day in (newest - timedelta(days=1), newest) if day >= settings.start_date]
        days = [day for day in latest if has_new_samples(engine, day, settings)]
    ranges = contiguous(days)
    return ranges if len(ranges) <= _MOST_RANGES else [DayRange(ranges[0].first, ranges[-1].last)]


def has_new_samples(engine: Engine, day: date, settings: Settings) -> bool:
    """Was a minute of ``day`` sampled after its buckets were computed?"""
    window = day_window(day, settings.zone)
    parameters = {"bucket_date": day, "window_start": window.start, "window_end": window.end}
    with connect(engine) as connection:
        return bool(connection.execute(statement("storage/webinar/select_has_new_samples"), parameters).scalar_one())
