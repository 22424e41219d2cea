"""Webinar concurrency (C3): the sampler, the days of five-minute buckets, when they are refreshed and their checks."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
from sqlalchemy import RowMapping

from eventflow_pipeline.defs.catalog import (
    FIVE_MINUTES,
    FIVE_MINUTES_TABLE,
    LEGACY,
    PRESENCE,
    SESSION_DAYS,
    WEBINAR_DAYS,
    WEBINAR_DAYS_TABLE,
    WEBINARS,
    daily_spec,
)
from eventflow_pipeline.defs.dagster_internals.check_results import DayResult, report, run_days
from eventflow_pipeline.defs.definition_time import TIMEZONE
from eventflow_pipeline.defs.partitions import DAILY, DAYS_PER_RUN
from eventflow_pipeline.defs.recording import FinishedDay, Recorded, record_days
from eventflow_pipeline.defs.resources import Warehouse
from eventflow_pipeline.defs.runs import range_tags
from eventflow_pipeline.defs.webinar_curve import curve_picture
from eventflow_pipeline.domain.checks import CHECKS as DEFINED
from eventflow_pipeline.domain.concurrency import tolerated_misses
from eventflow_pipeline.domain.conditions import Severity
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.warehouse.days.range_replacement import FailedDay
from eventflow_pipeline.warehouse.webinar.days import WebinarDay, replace_webinar_day
from eventflow_pipeline.warehouse.webinar.reads import curves, findings
from eventflow_pipeline.warehouse.webinar.refresh import days_to_refresh
from eventflow_pipeline.warehouse.webinar.sampler import POLL_SECONDS, sample_and_log

GROUP = "webinar"
JOB = "webinar_stats_job"
ASSET_KEYS = (FIVE_MINUTES, WEBINAR_DAYS)


#: One step writes both assets: a backfill that also holds session-days must see it before either, or Dagster refuses.
_FIVE_MINUTES = daily_spec(
    FIVE_MINUTES_TABLE,
    [PRESENCE, LEGACY, WEBINARS, SESSION_DAYS],
    GROUP,
    "Concurrency of every webinar in five minutes (W2), from one sample a minute (W1, `stats.webinar_sample`): "
    "samples, minimum, maximum, average, last, and gaps, the minutes nobody sampled. Rows of the legacy job are "
    "carried under `source = 'legacy'` and never mixed with ours.",
)
_DAILY = daily_spec(
    WEBINAR_DAYS_TABLE,
    # Not on FIVE_MINUTES, which it is computed with: of assets of one step with unlike partitioned parents, Dagster
    # refuses a backfill in some processes and not in others, by the order of its sets.
    [SESSION_DAYS, PRESENCE, WEBINARS],
    GROUP,
    "Days of webinars: peak and when, average while live, minutes observed and missed, unique viewers by presence, "
    "visits and conversions of the webinar and its registration campaign (W3). `stats.webinar_client_daily`, replaced "
    "with it, counts a campaign that two webinars name once. Screens ask `public.get_webinar_stats`.",
)


@dg.multi_asset(
    name="replace_webinar_days",
    specs=[_FIVE_MINUTES, _DAILY],
    backfill_policy=DAYS_PER_RUN,
    pool="facts",
)
def webinar_days(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[Recorded]:
    """Replace each day of the run's range, newest first, one transaction a day."""
    yield from record_days(context, ASSET_KEYS, _replaced(context, warehouse), "buckets")


def _replaced(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[FinishedDay | FailedDay]:
    settings = warehouse.settings
    for key in sorted(context.partition_keys, reverse=True):
        day = date.fromisoformat(key)
        try:
            done = replace_webinar_day(warehouse.engine, day, settings.zone, settings.observation, context.run.run_id)
        except Exception as problem:
            yield FailedDay(day, problem)
            continue
        summary = f"{done.webinars} webinars, {done.minutes_observed} minutes observed"
        yield FinishedDay(day, summary, _day_metadata(done, warehouse))


def _day_metadata(day: WebinarDay, warehouse: Warehouse) -> Mapping[dg.AssetKey, dict[str, Any]]:
    """Numbers of the day that Dagster plots by partition, and its curves as a picture."""
    shared: dict[str, Any] = {
        **_known(
            peak_viewers=day.peak_viewers,
            minutes_observed=day.minutes_observed,
            minutes_missed=day.minutes_missed,
        )
    }
    buckets: dict[str, Any] = {
        **shared,
        "dagster/partition_row_count": day.buckets + day.legacy_buckets,
        "legacy_buckets": day.legacy_buckets,
    }
    if day.peak_viewers:
        rows = curves(warehouse.engine, day.day)
        buckets["curve"] = curve_picture(rows, f"Viewers, {day.day}", warehouse.settings.zone)
    daily: dict[str, Any] = {
        **shared,
        "dagster/partition_row_count": day.webinars,
        **_known(unique_viewers=day.unique_viewers, visits=day.visits, conversions=day.conversions),
    }
    if day.peak_webinar:
        daily["peak_webinar"] = day.peak_webinar
    return {FIVE_MINUTES: buckets, WEBINAR_DAYS: daily}


def _known(**numbers: float | int | None) -> dict[str, float | int]:
    """Those that are known: Dagster plots them by partition."""
    return {name: value for name, value in numbers.items() if value is not None}


webinar_stats_job = dg.define_asset_job(
    JOB,
    selection=dg.AssetSelection.assets(webinar_days),
    description="Replace the five-minute buckets and the days of webinars for one day or a range, and check them.",
)


_CHECKS = tuple(
    dg.AssetCheckSpec(name, asset=asset, description=DEFINED[name].description, partitions_def=DAILY)
    for name, asset in (
        ("completeness", FIVE_MINUTES),
        ("min_average_max", FIVE_MINUTES),
        ("peak_within_known_viewers", WEBINAR_DAYS),
    )
)
CHECK_KEYS = frozenset(spec.key for spec in _CHECKS)


@dg.multi_asset_check(specs=_CHECKS, name="check_webinars", can_subset=True)
def webinar_checks(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> Iterator[dg.Output[None]]:
    """The checks of every day of the run, from one statement."""
    days = run_days(context, warehouse.settings)
    found = findings(warehouse.engine, DayRange(days[0], days[-1]))
    results = {
        key: {day: _CHECKED[key.name](found[day]) for day in days} for key in sorted(context.selected_asset_check_keys)
    }
    yield from report(context, results, warehouse.settings)


def _completeness(found: RowMapping) -> DayResult:
    missed, owed = int(found["minutes_missed"]), int(found["minutes_owed"])
    wrong = [{"minutes_missed": missed, "minutes_owed": owed}] if missed else []
    return DayResult(
        wrong,
        Severity.ERROR if missed > tolerated_misses(owed) else Severity.WARN,
        numbers={"minutes_missed": missed, "minutes_owed": owed},
    )


def _order(found: RowMapping) -> DayResult:
    ours, legacy = int(found["disordered"]), int(found["disordered_legacy"])
    wrong = [{"source": s, "buckets": n} for s, n in (("sampled", ours), ("legacy", legacy)) if n]
    return DayResult(wrong, Severity.ERROR if ours else Severity.WARN)


def _known_viewers(found: RowMapping) -> DayResult:
    over = int(found["over_known"])
    return DayResult([{"webinars": over}] if over else [])


_CHECKED: Mapping[str, Callable[[RowMapping], DayResult]] = {
    "completeness": _completeness,
    "min_average_max": _order,
    "peak_within_known_viewers": _known_viewers,
}


@dg.sensor(
    name="sample_webinars_sensor",
    minimum_interval_seconds=POLL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Samples the viewers of every observed webinar, once a minute (W1), without a run: three polls a "
    "minute, of which the first counts. Dagster calls every tick without a run skipped: the reason says what was "
    "sampled, and the cursor is the last minute that was. docs/decisions/0014-sampler.md says why here.",
)
def sample_webinars_sensor(context: dg.SensorEvaluationContext, tick_warehouse: Warehouse) -> dg.SensorResult:
    """One poll. A tick that fails is one structured line and a red tick; the next poll is 20 seconds away."""
    samples = sample_and_log(tick_warehouse.engine, tick_warehouse.settings.observation)
    if not samples:
        reason = "no webinar is observed, or this minute has its samples"
        return dg.SensorResult(skip_reason=reason, cursor=context.cursor)
    minute = f"{samples[0].minute:%Y-%m-%d %H:%M} UTC"
    viewers = sum(sample.viewers for sample in samples)
    return dg.SensorResult(skip_reason=f"{minute}: {len(samples)} webinars, {viewers} viewers", cursor=minute)


@dg.schedule(
    name="webinar_refresh_schedule",
    job=webinar_stats_job,
    cron_schedule="*/5 * * * *",
    execution_timezone=TIMEZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every five minutes the days with samples newer than their buckets (while a webinar is live); on the "
    "hour every day whose samples, legacy rows, webinars or visits changed. No run when nothing did.",
)
def webinar_refresh_schedule(
    context: dg.ScheduleEvaluationContext, tick_warehouse: Warehouse
) -> list[dg.RunRequest] | dg.SkipReason:
    """Range runs for what is to be computed again."""
    unfinished = dg.RunsFilter(job_name=JOB, statuses=[*_UNFINISHED])
    if context.instance.get_run_ids(unfinished, limit=1):
        return dg.SkipReason("the run before is not over; what is left stays stale for the next tick")
    now = context.scheduled_execution_time or datetime.now(UTC)
    ranges = days_to_refresh(tick_warehouse.engine, tick_warehouse.settings, now)
    if not ranges:
        return dg.SkipReason("every day is as its samples and facts say")
    return [
        dg.RunRequest(
            run_key=f"{JOB}:{now.isoformat()}:{days}",
            tags={**range_tags(days), "dagster/priority": "5"},
        )
        for days in ranges
    ]


_UNFINISHED = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
