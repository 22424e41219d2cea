"""Verifying days without computing them: an asset that has every check evaluated, its job, and when it runs."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date

import dagster as dg

from eventflow_pipeline.defs.buckets import ASSET_KEYS
from eventflow_pipeline.defs.catalog import QUALITY
from eventflow_pipeline.defs.dagster_internals.check_results import Results, record
from eventflow_pipeline.defs.dagster_internals.private import planned_in
from eventflow_pipeline.defs.definition_time import TIMEZONE
from eventflow_pipeline.defs.indicators import GROUP, quality_daily
from eventflow_pipeline.defs.partitions import DAILY, DAYS_PER_RUN
from eventflow_pipeline.defs.quality import PARITY_KEYS, QUALITY_KEYS, parity, quality
from eventflow_pipeline.defs.recording import FinishedDay, Recorded, record_days
from eventflow_pipeline.defs.resources import Warehouse
from eventflow_pipeline.defs.runs import HISTORY, range_tags
from eventflow_pipeline.defs.sources import OWNERS
from eventflow_pipeline.domain.days import DayRange, local_date
from eventflow_pipeline.domain.verification import nightly_ranges
from eventflow_pipeline.settings import load_settings

VERIFIED = dg.AssetKey("verified_days")


# An asset and not steps of checks: a job of these is one that Dagster's dialog launches without a single check, as it
# launches the job's assets and their own checks; and a job of ops is one run for each day.
@dg.asset(
    key=VERIFIED,
    deps=[*ASSET_KEYS, QUALITY],
    partitions_def=DAILY,
    backfill_policy=DAYS_PER_RUN,
    group_name=GROUP,
    kinds={"postgres"},
    owners=OWNERS,
    description="Days whose buckets and answers were compared with their facts, without computing them again: every "
    "check of parity and quality is evaluated and shown at its own asset, and what differs is rebuilt once. "
    "Materialize days to verify them.",
)
def verified_days(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[Recorded]:
    """Evaluate every check of the run's days, but those that steps of the same run evaluate."""
    yield from record_days(context, (VERIFIED,), _verified(context, warehouse), "verdicts")


def _verified(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[FinishedDay]:
    settings = warehouse.settings
    days = sorted(date.fromisoformat(key) for key in context.partition_keys)
    _, elsewhere = planned_in(context)
    failing: dict[date, list[str]] = defaultdict(list)
    for results in parity(context, warehouse, days, PARITY_KEYS - elsewhere):
        record(context, results, settings)
        _note(failing, results)
    for results in quality(context, warehouse, days, QUALITY_KEYS - elsewhere):
        record(context, results, settings)
        _note(failing, results)
    for day in days:
        fails = ", ".join(failing[day]) or "nothing"
        shown = {"failing_checks": len(failing[day]), "fails": fails}
        yield FinishedDay(day, f"verified, fails: {fails}", {VERIFIED: shown})


def _note(failing: dict[date, list[str]], results: Results) -> None:
    for check, days in results.items():
        for day, result in days.items():
            if not result.passed:
                failing[day].append(f"{check.name} of {check.asset_key.path[-1]}")


verify_days_job = dg.define_asset_job(
    "verify_days_job",
    selection=dg.AssetSelection.assets(quality_daily, verified_days),
    description="Measure the indicators of a day or range and evaluate every check of it, without computing buckets "
    "again. What differs from the facts is rebuilt and reported.",
)


@dg.schedule(
    name="verify_today_schedule",
    job=verify_days_job,
    cron_schedule="40 * * * *",
    execution_timezone=TIMEZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Hourly: indicators and every check of today, without computing its buckets again.",
)
def verify_today_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """One run about today."""
    today = local_date(context.scheduled_execution_time, load_settings().zone)
    return dg.RunRequest(
        run_key=f"verify:{context.scheduled_execution_time.isoformat()}", tags=range_tags(DayRange(today, today))
    )


@dg.schedule(
    name="verify_days_schedule",
    job=verify_days_job,
    cron_schedule="10 4 * * *",
    execution_timezone=TIMEZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="At night: indicators and every check of the last EVENTFLOW_CHECKS_VERIFY_DAYS days and of as many "
    "older ones, another part each night, return histograms against session-days included.",
)
def verify_days_schedule(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest]:
    """Two runs: recent days, and this night's part of history."""
    settings = load_settings()
    today = local_date(context.scheduled_execution_time, settings.zone)
    ranges = nightly_ranges(settings.start_date, today, settings.checks.verify_days)
    return [
        dg.RunRequest(run_key=f"verify:{today}:{days}", tags={**range_tags(days), **({HISTORY: "true"} if n else {})})
        for n, days in enumerate(ranges)
    ]
