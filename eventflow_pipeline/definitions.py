"""The whole Dagster surface in one place."""

import dagster as dg

from eventflow_pipeline.defs.capture import captured_facts, captured_facts_schedule
from eventflow_pipeline.defs.marketing import daily_buckets, daily_buckets_job
from eventflow_pipeline.defs.resources import Warehouse
from eventflow_pipeline.defs.sources import SOURCE_ASSETS

defs = dg.Definitions(
    assets=[*SOURCE_ASSETS, daily_buckets],
    jobs=[daily_buckets_job, captured_facts],
    schedules=[captured_facts_schedule],
    resources={"warehouse": Warehouse()},
    # A run is one step: a process of its own for it would only cost seconds.
    executor=dg.in_process_executor,
)
