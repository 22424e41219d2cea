"""The whole Dagster surface in one place."""

from datetime import timedelta

import dagster as dg

from eventflow_pipeline.defs.alerts import ALERT_SENSORS
from eventflow_pipeline.defs.answers import answer_incident_job
from eventflow_pipeline.defs.buckets import daily_buckets, daily_buckets_job
from eventflow_pipeline.defs.capture import captured_facts_job, captured_facts_schedule
from eventflow_pipeline.defs.changes import (
    finalize_days_schedule,
    heal_changed_days_sensor,
    sweep_all_days_job,
    sweep_all_days_schedule,
    sweep_recent_days_schedule,
)
from eventflow_pipeline.defs.closings import closed_months, closed_months_job, closed_months_schedule, closings_chain
from eventflow_pipeline.defs.definition_time import TIMEZONE
from eventflow_pipeline.defs.finish import finish_days_sensor
from eventflow_pipeline.defs.indicators import quality_daily
from eventflow_pipeline.defs.mailing import mail_statements_job, mail_statements_schedule, mailed_statements
from eventflow_pipeline.defs.quality import CHECKS
from eventflow_pipeline.defs.resources import WAREHOUSES
from eventflow_pipeline.defs.retention import prune_history_job, prune_history_schedule
from eventflow_pipeline.defs.slo import slo, slo_job, slo_schedule
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
from eventflow_pipeline.oncall.receivers import require_addresses
from eventflow_pipeline.settings import load_settings

# A typo in the address list would be silence: nothing starts with one.
require_addresses(load_settings())

#: What the schedules of the night promise, for the catalog to show: finalize_days_schedule (00:01) and
#: verify_days_schedule (04:10) write their assets every night, whatever happened. Webinars have no such night: they are
#: computed when something changed. Whether a day is right is for change detection to say, not for its age.
_AT_MIDNIGHT = dg.FreshnessPolicy.cron("30 0 * * *", timedelta(minutes=30), TIMEZONE)
_AT_FOUR = dg.FreshnessPolicy.cron("0 5 * * *", timedelta(minutes=50), TIMEZONE)
_FRESHNESS = {
    **dict.fromkeys((*daily_buckets.keys, *quality_daily.keys), _AT_MIDNIGHT),
    **dict.fromkeys(verified_days.keys, _AT_FOUR),
}


def _promised(spec: dg.AssetSpec) -> dg.AssetSpec:
    return spec.replace_attributes(freshness_policy=_FRESHNESS.get(spec.key))


defs = dg.Definitions(
    assets=[
        *SOURCE_ASSETS,
        *dg.map_asset_specs(_promised, [daily_buckets, quality_daily, verified_days, webinar_days]),
        closed_months,
        # Of its own: specs that have partitions in common are taken for one step, and these two follow each other.
        dg.AssetsDefinition(specs=[mailed_statements]),
        slo,
    ],
    asset_checks=[*CHECKS, webinar_checks, closings_chain],
    jobs=[
        daily_buckets_job,
        verify_days_job,
        sweep_all_days_job,
        prune_history_job,
        webinar_stats_job,
        captured_facts_job,
        closed_months_job,
        mail_statements_job,
        answer_incident_job,
        slo_job,
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
        closed_months_schedule,
        mail_statements_schedule,
        slo_schedule,
    ],
    sensors=[
        heal_changed_days_sensor,
        finish_days_sensor,
        sample_webinars_sensor,
        *ALERT_SENSORS,
    ],
    resources=WAREHOUSES,
    # The steps of a run are few and work in the database: processes of their own would only cost seconds.
    executor=dg.in_process_executor,
)
