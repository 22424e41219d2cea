"""The whole Dagster surface in one place."""

import dagster as dg

from eventflow_pipeline.defs.alerts import ALERT_SENSORS
from eventflow_pipeline.defs.buckets import daily_buckets, daily_buckets_job
from eventflow_pipeline.defs.capture import captured_facts, captured_facts_schedule
from eventflow_pipeline.defs.changes import (
    heal_changed_days,
    settle_days,
    sweep_all_days,
    sweep_all_days_nightly,
    sweep_recent_days,
)
from eventflow_pipeline.defs.indicators import quality_daily
from eventflow_pipeline.defs.quality import CHECKS
from eventflow_pipeline.defs.resources import Warehouse
from eventflow_pipeline.defs.retention import prune_history, prune_history_nightly
from eventflow_pipeline.defs.sources import SOURCE_ASSETS
from eventflow_pipeline.defs.verification import verified_days, verify_days_nightly, verify_job, verify_today_hourly
from eventflow_pipeline.defs.webinar import (
    webinar_checks,
    webinar_days,
    webinar_refresh,
    webinar_sampler,
    webinar_stats_job,
)

defs = dg.Definitions(
    assets=[*SOURCE_ASSETS, daily_buckets, quality_daily, verified_days, webinar_days],
    asset_checks=[*CHECKS, webinar_checks],
    jobs=[
        daily_buckets_job,
        verify_job,
        sweep_all_days,
        prune_history,
        webinar_stats_job,
        captured_facts,
    ],
    schedules=[
        settle_days,
        sweep_recent_days,
        sweep_all_days_nightly,
        prune_history_nightly,
        webinar_refresh,
        verify_today_hourly,
        verify_days_nightly,
        captured_facts_schedule,
    ],
    sensors=[
        heal_changed_days,
        webinar_sampler,
        *ALERT_SENSORS,
    ],
    resources={"warehouse": Warehouse()},
    # The steps of a run are few and work in the database: processes of their own would only cost seconds.
    executor=dg.in_process_executor,
)
