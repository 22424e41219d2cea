"""When days are verified without being computed: today every hour, the days before at night."""

import dagster as dg

from eventflow_pipeline.defs.quality import verify_job
from eventflow_pipeline.defs.runs import HISTORY, range_tags
from eventflow_pipeline.domain.days import DayRange, local_date
from eventflow_pipeline.domain.verification import nightly_ranges
from eventflow_pipeline.settings import load_settings

_SETTINGS = load_settings()


@dg.schedule(
    name="verify_today_hourly",
    job=verify_job,
    cron_schedule="40 * * * *",
    execution_timezone=_SETTINGS.timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Hourly: indicators and every check of today, without computing its buckets again.",
)
def verify_today_hourly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """One run about today."""
    today = local_date(context.scheduled_execution_time, _SETTINGS.zone)
    return dg.RunRequest(
        run_key=f"verify:{context.scheduled_execution_time.isoformat()}", tags=range_tags(DayRange(today, today))
    )


@dg.schedule(
    name="verify_days_nightly",
    job=verify_job,
    cron_schedule="10 4 * * *",
    execution_timezone=_SETTINGS.timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="At night: indicators and every check of the last EVENTFLOW_VERIFY_DAYS days and of as many older "
    "ones, another part each night, return histograms against the bridge included.",
)
def verify_days_nightly(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest]:
    """Two runs: recent days, and this night's part of history."""
    today = local_date(context.scheduled_execution_time, _SETTINGS.zone)
    ranges = nightly_ranges(_SETTINGS.start_date, today, _SETTINGS.verify_days)
    return [
        dg.RunRequest(run_key=f"verify:{today}:{days}", tags={**range_tags(days), **({HISTORY: "true"} if n else {})})
        for n, days in enumerate(ranges)
    ]
