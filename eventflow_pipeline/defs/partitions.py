"""What every daily asset shares: its partitions, and how many of them a run of a backfill has."""

import dagster as dg

from eventflow_pipeline.defs import definition_time

#: Business days from the first partition up to and including today, in the business zone (T1).
#: Keys are ISO local dates. Bounds of a day are never taken from here but from ``domain.days``.
DAILY = dg.DailyPartitionsDefinition(
    start_date=definition_time.START_DATE.isoformat(), timezone=definition_time.TIMEZONE, end_offset=1
)
#: One policy for all of them, or Dagster gives assets that depend on each other runs of their own.
DAYS_PER_RUN = dg.BackfillPolicy.multi_run(definition_time.DAYS_PER_RUN)
