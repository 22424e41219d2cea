"""What every daily asset shares: its partitions, and how many of them a run of a backfill has."""

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
#: One policy for all of them, or Dagster gives assets that depend on each other runs of their own.
DAYS_PER_RUN = dg.BackfillPolicy.multi_run(load_settings().runs.max_days)
