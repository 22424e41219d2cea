"""The one partitions definition every daily asset shares."""

import dagster as dg

from eventflow_pipeline.settings import load_settings


def daily_partitions() -> dg.DailyPartitionsDefinition:
    """Business days from the first partition up to and including today, in the business zone (T1).

    Keys are ISO local dates. Bounds of a day are never taken from here but from ``domain.days``.
    """
    settings = load_settings()
    return dg.DailyPartitionsDefinition(
        start_date=settings.start_date.isoformat(), timezone=settings.timezone, end_offset=1
    )


DAILY = daily_partitions()
