"""The whole Dagster surface in one place."""

import dagster as dg

from eventflow_pipeline.defs.alerts import ALERT_SENSORS
from eventflow_pipeline.defs.buckets import daily_buckets, daily_buckets_job
from eventflow_pipeline.defs.capture import captured_facts_job, captured_facts_schedule
from eventflow_pipeline.defs.changes import (
    finalize_days_schedule,
    heal_changed_days_sensor,
    sweep_all_days_job,
    sweep_all_days_schedule,
    sweep_recent_days_schedule,
)
from eventflow_pipeline.defs.indicators import quality_daily
from eventflow_pipeline.defs.quality import CHECKS
from eventflow_pipeline.defs.resources import WAREHOUSES
from eventflow_pipeline.defs.retention import prune_history_job, prune_history_schedule
from eventflow_pipeline.defs.sources import SOURCE_ASSETS
from eventflow_pipeline.defs.verification import (
    verified_days,
    verify_days_job,
    verify_days_schedule,
    verify_today_schedule,
)
from eventflow_pipeline.defs.webinar import (
    sample_webinars_sensor,
    webinar_checks,
    webinar_days,
    webinar_refresh_schedule,
    webinar_stats_job,
)

defs = dg.Definitions(
    assets=[*SOURCE_ASSETS, daily_buckets, quality_daily, verified_days, webinar_days],
    asset_checks=[*CHECKS, webinar_checks],
    jobs=[
        daily_buckets_job,
        verify_days_job,
        sweep_all_days_job,
        prune_history_job,
        webinar_stats_job,
        captured_facts_job,
    ],
    schedules=[
        finalize_days_schedule,
        sweep_recent_days_schedule,
        sweep_all_days_schedule,
        prune_history_schedule,
        webinar_refresh_schedule,
        verify_today_schedule,
        verify_days_schedule,
        captured_facts_schedule,
    ],
    sensors=[
        heal_changed_days_sensor,
        sample_webinars_sensor,
        *ALERT_SENSORS,
    ],
    resources=WAREHOUSES,
    # The steps of a run are few and work in the database: processes of their own would only cost seconds.
    executor=dg.in_process_executor,
)
