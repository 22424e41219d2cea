"""The whole Dagster surface in one place."""

import dagster as dg

from eventflow_pipeline.defs.alerts import ALERT_SENSORS
from eventflow_pipeline.defs.marketing import daily_buckets, daily_buckets_job
from eventflow_pipeline.defs.resources import Warehouse
from eventflow_pipeline.defs.sources import SOURCE_ASSETS
from eventflow_pipeline.defs.webinar import (
    webinar_checks,
    webinar_days,
    webinar_refresh,
    webinar_sampler,
    webinar_stats_job,
)

defs = dg.Definitions(
    assets=[*SOURCE_ASSETS, daily_buckets, webinar_days],
    asset_checks=[webinar_checks],
    jobs=[daily_buckets_job, webinar_stats_job],
    schedules=[webinar_refresh],
    sensors=[*ALERT_SENSORS, webinar_sampler],
    resources={"warehouse": Warehouse()},
    # A run is one step: a process of its own for it would only cost seconds.
    executor=dg.in_process_executor,
)
